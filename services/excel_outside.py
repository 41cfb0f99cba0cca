"""What is looked at from outside before anybody opens an uploaded Excel file: one set of sentences for every upload."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from typing import TypeVar

from process.refusals import InvalidInput

Read = TypeVar("Read")
# The first bytes of files of old Office, which are also those of a new one with a password.
_OLD = b"\xd0\xcf\x11\xe0"


def unpacked(content: bytes, most: int, refuse: Callable[[str], InvalidInput], read: Callable[[bytes], Read]) -> Read:
    """What `read` finds in the archive. Refused, by a sentence given to `refuse`: nothing, more than `most` bytes, not Excel, damaged."""
    if not content:
        raise refuse("还没有选文件，或文件是空的。")
    if len(content) > most:
        raise refuse(f"文件有 {len(content) / 1048576:.1f} MB，最多 {most // 1048576} MB。")
    if content.startswith(_OLD):
        raise refuse("这是旧式的 .xls 文件，或加了密码的文件。")
    if not content.startswith(b"PK"):
        raise refuse("这不是 Excel（.xlsx）文件。")
    try:
        return read(content)
    except InvalidInput:
        raise
    # NotImplementedError is what zipfile raises for a compression it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise refuse("这个文件已损坏。") from error
