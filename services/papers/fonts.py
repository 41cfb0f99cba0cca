"""The product's font stack and the libraries beneath it: asked once, at start, loudly."""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache

from .errors import RendererUnavailable

# Order is the order of the CSS in pdf_templates/_common/paper.css; a test keeps the two equal.
SONG = "Noto Serif CJK SC"
HEI = "Noto Sans CJK SC"
RARE = ("HanaMinA", "HanaMinB")
STACK = (SONG, HEI, *RARE)
REQUIRED = (SONG, HEI)
PACKAGES = {SONG: "fonts-noto-cjk", HEI: "fonts-noto-cjk", "HanaMinA": "fonts-hanazono", "HanaMinB": "fonts-hanazono"}


class _FontSet(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int), ("size", ctypes.c_int), ("fonts", ctypes.POINTER(ctypes.c_void_p))]


@dataclass(frozen=True)
class Face:
    """One installed face: where it is, which edition, and which characters it can draw."""

    family: str
    file: str
    version: int
    charset: int


@cache
def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("fontconfig") or "libfontconfig.so.1"
    try:
        lib = ctypes.CDLL(name)
    except OSError as error:
        raise RendererUnavailable("缺少系统库 fontconfig,不能排印文书;请安装 libfontconfig1") from error
    pointer = ctypes.c_void_p
    lib.FcInitLoadConfigAndFonts.restype = pointer
    lib.FcPatternCreate.restype = pointer
    lib.FcPatternAddString.argtypes = [pointer, ctypes.c_char_p, ctypes.c_char_p]
    lib.FcObjectSetCreate.restype = pointer
    lib.FcObjectSetAdd.argtypes = [pointer, ctypes.c_char_p]
    lib.FcFontList.argtypes = [pointer, pointer, pointer]
    lib.FcFontList.restype = ctypes.POINTER(_FontSet)
    lib.FcPatternGetString.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
    lib.FcPatternGetInteger.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
    lib.FcPatternGetCharSet.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(pointer)]
    lib.FcCharSetHasChar.argtypes = [pointer, ctypes.c_uint32]
    lib.FcCharSetHasChar.restype = ctypes.c_int
    return lib


@cache
def faces() -> tuple[Face, ...]:
    """The faces of the stack that are installed; a missing required one stops the start."""
    lib = _library()
    config = lib.FcInitLoadConfigAndFonts()
    found: list[Face] = []
    for family in STACK:
        pattern, wanted = lib.FcPatternCreate(), lib.FcObjectSetCreate()
        lib.FcPatternAddString(pattern, b"family", family.encode())
        for name in (b"file", b"charset", b"fontversion", b"weight"):
            lib.FcObjectSetAdd(wanted, name)
        listed = lib.FcFontList(config, pattern, wanted).contents
        rows = sorted((_face(lib, family, listed.fonts[i]) for i in range(listed.count)), key=lambda face: face.file)
        if not rows and family in REQUIRED:
            raise RendererUnavailable(f"缺少字体“{family}”,不能排印文书;请安装 {PACKAGES[family]}")
        found += rows
    return tuple(found)


def _face(lib: ctypes.CDLL, family: str, pattern: int) -> Face:
    file, version, charset = ctypes.c_char_p(), ctypes.c_int(), ctypes.c_void_p()
    lib.FcPatternGetString(pattern, b"file", 0, ctypes.byref(file))
    lib.FcPatternGetInteger(pattern, b"fontversion", 0, ctypes.byref(version))
    lib.FcPatternGetCharSet(pattern, b"charset", 0, ctypes.byref(charset))
    return Face(family, (file.value or b"").decode(errors="replace"), version.value, charset.value or 0)


@lru_cache(maxsize=65536)
def has_glyph(char: str) -> bool:
    """Whether some face of the stack can draw this character."""
    lib, code = _library(), ord(char)
    return any(face.charset and lib.FcCharSetHasChar(face.charset, code) for face in faces())


def missing_optional() -> list[str]:
    """Families for rare names that are not installed here, for the health page."""
    present = {face.family for face in faces()}
    return [family for family in STACK if family not in present]


def require_subsetter() -> None:
    """Refuse to run without harfbuzz-subset: a page would take fifteen seconds instead of a quarter."""
    from weasyprint.text.ffi import harfbuzz_subset

    if not harfbuzz_subset:
        raise RendererUnavailable(
            "缺少系统库 libharfbuzz-subset,文书排印会慢五十倍,已停止启动;请安装 libharfbuzz-subset0"
        )


@cache
def library_versions() -> dict[str, str]:
    """Everything outside the template that can change a byte of the PDF."""
    import PIL
    import pydyf
    import segno
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
        "segno": segno.__version__,
        "pillow": PIL.__version__,
        "harfbuzz": _harfbuzz_version(),
    }
    for face in faces():
        key = f"font:{face.family}:{face.file.rsplit('/', 1)[-1]}"
        versions[key] = str(face.version)
    return versions


def _harfbuzz_version() -> str:
    name = ctypes.util.find_library("harfbuzz") or "libharfbuzz.so.0"
    lib = ctypes.CDLL(name)
    lib.hb_version_string.restype = ctypes.c_char_p
    return lib.hb_version_string().decode()


def versions_digest() -> str:
    """One hash over all library and font versions."""
    lines = "\n".join(f"{key}={value}" for key, value in sorted(library_versions().items()))
    return hashlib.sha256(lines.encode()).hexdigest()
