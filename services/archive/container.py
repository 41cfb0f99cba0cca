"""The container of a package: a zip whose every byte follows from the names and contents of its members."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHUNK = 1 << 20
_MOMENT = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Member:
    """One file of the package; `chunks` are read once and never held together."""

    name: str
    size: int
    chunks: Iterable[bytes]


class Writer:
    """Writes members one after the other and remembers what each hashed to."""

    def __init__(self, target: BinaryIO) -> None:
        # Stored, not packed: papers and photos are packed already, and zlib differs from machine to machine.
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True)
        self.hashes: dict[str, tuple[str, int]] = {}

    def add(self, member: Member) -> str:
        """Writes a file and answers its SHA-256."""
        info = zipfile.ZipInfo(member.name, _MOMENT)
        info.create_system, info.external_attr, info.file_size = 3, 0o100644 << 16, member.size
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w") as file:
            for chunk in member.chunks:
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
        if size != member.size:
            raise OSError(f"{member.name} has {size} bytes, not {member.size}")
        self.hashes[member.name] = (digest.hexdigest(), size)
        return digest.hexdigest()

    def close(self) -> None:
        self._zip.close()


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """A stream in pieces, closed at its end."""
    with stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def same_bytes(one: BinaryIO, other: BinaryIO) -> bool:
    """Whether two files are the same to the last byte."""
    one.seek(0)
    other.seek(0)
    while True:
        first, second = one.read(CHUNK), other.read(CHUNK)
        if first != second:
            return False
        if not first:
            return True
