"""Files by their content: what was stored is found under its own hash, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_KEY = re.compile(r"[0-9a-f]{64}\Z")
_CHUNK = 1 << 20
ORPHAN_AGE = 24 * 3600
_TEMP_PREFIX = ".incoming-"


class FileTooLarge(ValueError):
    """The stream held more than was allowed; nothing was kept."""


@dataclass(frozen=True)
class Swept:
    """What a sweep did: removed keys, removed half-written files, and keys the database has but the disk has not."""

    orphans: list[str]
    temporary: int
    missing: list[str]


class FileStore:
    """A folder of files named by SHA-256; temp file, fsync, rename, fsync of the folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(
        self, content: bytes | BinaryIO, media_type: str = "application/octet-stream", *, max_bytes: int | None = None
    ) -> str:
        """Store and return the key; the same content is kept once. `media_type` belongs to the row, not to the file."""
        stream: BinaryIO = io.BytesIO(content) if isinstance(content, (bytes, bytearray, memoryview)) else content
        digest, size = hashlib.sha256(), 0
        descriptor, temporary = tempfile.mkstemp(prefix=_TEMP_PREFIX, dir=self.root)
        try:
            with os.fdopen(descriptor, "wb") as target:
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if max_bytes is not None and size > max_bytes:
                        raise FileTooLarge(f"more than {max_bytes} bytes")
                    digest.update(chunk)
                    target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
            key = digest.hexdigest()
            final = self._path(key)
            if not final.parent.is_dir():
                final.parent.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(self.root)
            # The newest put also renews the age of an old orphan, so a sweep running now does not take it.
            os.replace(temporary, final)
            _sync_folder(final.parent)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return key

    def open(self, key: str) -> BinaryIO:
        """The stored bytes for reading; FileNotFoundError names the key."""
        return self.path(key).open("rb")

    def read(self, key: str) -> bytes:
        """All bytes, checked against the key, so that a damaged disk is noticed and not printed."""
        content = self.path(key).read_bytes()
        if hashlib.sha256(content).hexdigest() != key:
            raise OSError(f"stored file {key} is damaged")
        return content

    def exists(self, key: str) -> bool:
        """Whether a file of this key is stored."""
        return bool(_KEY.match(key)) and self._path(key).is_file()

    def path(self, key: str) -> Path:
        """The path of a stored file, for sending it without reading it into memory."""
        if not self.exists(key):
            raise FileNotFoundError(key)
        return self._path(key)

    def size(self, key: str) -> int:
        """Bytes of a stored file."""
        return self.path(key).stat().st_size

    def keys(self) -> Iterator[str]:
        """Every stored key."""
        for folder in sorted(self.root.iterdir()):
            if folder.is_dir() and len(folder.name) == 2:
                yield from (item.name for item in sorted(folder.iterdir()) if _KEY.match(item.name))

    def remove(self, key: str) -> None:
        """Takes a file away for good; only for files that one row alone knows."""
        self._path(key).unlink(missing_ok=True)

    def sweep(self, known: Collection[str], *, older_than: float = ORPHAN_AGE, now: float | None = None) -> Swept:
        """Remove what no row knows and what a crash left half-written; young files may still get their row."""
        limit = (time.time() if now is None else now) - older_than
        orphans: list[str] = []
        for key in list(self.keys()):
            path = self._path(key)
            if key not in known and path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)
                orphans.append(key)
        temporary = 0
        for path in self.root.glob(f"{_TEMP_PREFIX}*"):
            if path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)
                temporary += 1
        return Swept(orphans, temporary, sorted(key for key in known if not self.exists(key)))

    def _path(self, key: str) -> Path:
        if not _KEY.match(key):
            raise FileNotFoundError(key)
        return self.root / key[:2] / key


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
