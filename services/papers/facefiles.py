"""The product's faces as files: kept small in the repository, laid out once per machine, the same bytes everywhere."""

from __future__ import annotations

import fcntl
import hashlib
import lzma
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

PACKED = Path(__file__).resolve().parents[2] / "fonts"
UNPACKED = PACKED / "unpacked"


class FaceDamaged(RuntimeError):
    """A face of the product is not what its list says; papers printed with it would differ."""


@dataclass(frozen=True)
class FaceFile:
    """One line of fonts/faces.yaml: a face, what it is called in style sheets and what its bytes must be."""

    name: str
    family: str
    weight: int
    bytes: int
    sha256: str

    @property
    def path(self) -> Path:
        return UNPACKED / f"{self.name}.ttf"

    @property
    def packed(self) -> Path:
        return PACKED / f"{self.name}.ttf.xz"

    def there(self) -> bool:
        """Whether the file lies there whole and is no older than the packed one; `verify` compares the hash too."""
        try:
            found = self.path.stat()
            return found.st_size == self.bytes and found.st_mtime >= self.packed.stat().st_mtime
        except FileNotFoundError:
            return False


@cache
def listed() -> tuple[FaceFile, ...]:
    """The faces in the order of faces.yaml."""
    rows = yaml.safe_load((PACKED / "faces.yaml").read_text("utf-8"))
    return tuple(FaceFile(**{key: row[key] for key in FaceFile.__dataclass_fields__}) for row in rows)


def ensure() -> tuple[FaceFile, ...]:
    """Lay out what is not there yet; however many processes start at once, each file is written once and whole."""
    if not all(face.there() for face in listed()):
        UNPACKED.mkdir(exist_ok=True)
        with (UNPACKED / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for face in listed():
                if not face.there():
                    _lay_out(face)
    return listed()


def verify() -> list[str]:
    """A sentence for every face whose bytes are not those of the list."""
    return [
        f"字体文件 {face.path.name} 与清单不符，请删除 fonts/unpacked 后重新启动"
        for face in ensure()
        if hashlib.sha256(face.path.read_bytes()).hexdigest() != face.sha256
    ]


def _lay_out(face: FaceFile) -> None:
    try:
        content = lzma.decompress(face.packed.read_bytes())
    except (OSError, lzma.LZMAError) as error:
        raise FaceDamaged(f"字体文件 fonts/{face.packed.name} 不能读取，请重新取得程序文件（{error}）") from error
    if hashlib.sha256(content).hexdigest() != face.sha256:
        raise FaceDamaged(f"字体文件 fonts/{face.packed.name} 与清单 fonts/faces.yaml 不符，请重新取得程序文件")
    beside = face.path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(face.path)


if __name__ == "__main__":
    ensure()
