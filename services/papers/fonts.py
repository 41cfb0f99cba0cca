"""The product's font stack and the libraries beneath it: asked once, at start, loudly."""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import uharfbuzz

from . import facefiles, officefaces
from .errors import RendererUnavailable

# Names as style sheets use them. Order is the order of the CSS in pdf_templates/_common/paper.css; a test keeps the two equal.
SONG = "Daiban Song"
HEI = "Daiban Hei"
KAI = "Daiban Kai"
# The office's own 仿宋, when it has named one; without it the Song stands in its place.
FANG = officefaces.FANG
RARE = ("Daiban Rare A", "Daiban Rare B", "Daiban Rare C", "Daiban Rare G")
# Characters that the office has drawn itself.
OWN = officefaces.OWN
STACK = (SONG, HEI, *RARE, KAI, OWN)
FAMILIES = (SONG, HEI, KAI, FANG, *RARE, OWN)


@dataclass(frozen=True)
class Face:
    """One face: what style sheets call it, where its file lies and which characters it can draw."""

    family: str
    weight: int
    file: Path
    sha256: str
    coverage: Any

    def covers(self, char: str) -> bool:
        """Whether this face has an outline for the character."""
        return ord(char) in self.coverage


@cache
def faces() -> tuple[Face, ...]:
    """Every face that papers are printed with: the product's, then the office's own."""
    try:
        files = facefiles.ensure()
    except (facefiles.FaceDamaged, OSError) as error:
        raise RendererUnavailable(f"字体没有准备好，不能排印文书：{error}") from error
    own = [_face(face.family, face.weight, face.path, face.sha256) for face in files]
    return (*own, *(_face(face.family, 400, face.path, face.sha256) for face in officefaces.installed()))


def _face(family: str, weight: int, path: Path, sha256: str) -> Face:
    # Mapped, not read: all processes of a machine share the pages.
    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(path)))
    return Face(family, weight, path, sha256, face.unicodes)


def changed() -> None:
    """The office has changed its own faces: ask the files again."""
    faces.cache_clear()
    has_glyph.cache_clear()
    library_versions.cache_clear()


@lru_cache(maxsize=65536)
def has_glyph(char: str) -> bool:
    """Whether some face of the stack can draw this character."""
    return any(face.covers(char) for face in faces() if face.family in STACK)


def agreed(char: str) -> bool:
    """Whether the office has drawn this character itself, so that its private code means something here."""
    return any(face.family == OWN and face.covers(char) for face in faces())


def require_subsetter() -> None:
    """Refuse to run without harfbuzz-subset: a page would take fifteen seconds instead of a quarter."""
    from weasyprint.text.ffi import harfbuzz_subset

    if not harfbuzz_subset:
        raise RendererUnavailable(
            "缺少系统库 libharfbuzz-subset,文书排印会慢五十倍，已停止启动；请安装 libharfbuzz-subset0"
        )


@cache
def library_versions() -> dict[str, str]:
    """Everything outside the template that can change a byte of the PDF."""
    from importlib.metadata import version

    import PIL
    import pydyf
    import weasyprint
    from weasyprint.text.ffi import ffi, pango

    text = (
        ffi.string(pango.pango_version_string()).decode()
        if hasattr(pango, "pango_version_string")
        else str(pango.pango_version())
    )
    versions = {
        "weasyprint": weasyprint.__version__,
        "pydyf": pydyf.__version__,
        "pango": text,
        "zxing-cpp": version("zxing-cpp"),
        "uharfbuzz": uharfbuzz.__version__,
        "pillow": PIL.__version__,
        "harfbuzz": _harfbuzz_version(),
    }
    return versions | {f"font:{face.family}:{face.weight}": face.sha256 for face in faces()}


def _harfbuzz_version() -> str:
    name = ctypes.util.find_library("harfbuzz") or "libharfbuzz.so.0"
    lib = ctypes.CDLL(name)
    lib.hb_version_string.restype = ctypes.c_char_p
    return lib.hb_version_string().decode()


def versions_digest() -> str:
    """One hash over all library and font versions."""
    lines = "\n".join(f"{key}={value}" for key, value in sorted(library_versions().items()))
    return hashlib.sha256(lines.encode()).hexdigest()
