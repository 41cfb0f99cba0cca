"""The office's own faces: a licensed 仿宋 it names, and characters it has drawn itself.

Both are installed with `flask papers face`, which checks them and keeps a copy under the names that papers use.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import PaperError

FANG = "Daiban Fang"
OWN = "Daiban Own"
_NAMES = {"fang": FANG, "own": OWN}
_DRAWING = re.compile(r"U\+([0-9A-F]{4,6})\.svg\Z")
_EM, _BASELINE = 1000, 880
_MAX_BYTES = 60 * 1024 * 1024
_MAX_DRAWING = 200_000
# Bits of OS/2.fsType: 2 forbids embedding, 0x200 allows pictures of characters only.
_FORBIDDEN = 0x0002 | 0x0200


class FaceRefused(PaperError):
    """The file cannot be a face of papers; says why."""

    slug = "face-refused"
    title = "字体不能使用"


@dataclass(frozen=True)
class OfficeFace:
    """One face the office has installed, under the family name that papers use."""

    family: str
    path: Path
    sha256: str


def folder() -> Path:
    """Where installed faces are kept, beside the other data of this installation."""
    root = Path(__file__).resolve().parents[2]
    return root / (os.environ.get("DAIBAN_VAR") or "var") / "faces"


def installed() -> tuple[OfficeFace, ...]:
    """What the office has installed on this machine, checked again by the hash in the file's name."""
    found = []
    for kind, family in _NAMES.items():
        for path in sorted(folder().glob(f"{kind}-*.ttf"))[-1:]:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if path.stem != f"{kind}-{digest}":
                raise FaceRefused(f"字体文件 {path.name} 已损坏，请用 flask papers face 重新安装")
            found.append(OfficeFace(family, path, digest))
    return tuple(found)


def install(source: Path, kind: str) -> OfficeFace:
    """Check a TrueType file (or a folder of drawings U+E001.svg) and keep it; the next start prints with it."""
    font = _drawn(source) if source.is_dir() else _opened(source)
    _check(font, kind)
    _rename(font, _NAMES[kind])
    target = io.BytesIO()
    font.recalcTimestamp = False
    font.save(target, reorderTables=True)
    content = target.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder() / f"{kind}-{digest}.ttf"
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)
    for old in folder().glob(f"{kind}-*.ttf"):
        if old != path:
            old.unlink()
    return OfficeFace(_NAMES[kind], path, digest)


def _opened(source: Path) -> Any:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        if source.stat().st_size > _MAX_BYTES:
            raise FaceRefused(f"字体文件超过 {_MAX_BYTES >> 20} MB")
        font = TTFont(io.BytesIO(source.read_bytes()))
        tables = set(font.keys())
    except (OSError, TTLibError, ValueError) as error:
        raise FaceRefused(f"“{source.name}”不是可以读取的字体文件，请换成 .ttf 文件") from error
    if not {"glyf", "loca", "cmap", "head", "hhea", "hmtx", "maxp", "OS/2", "name"} <= tables or "fvar" in tables:
        raise FaceRefused(f"“{source.name}”不是静态的 TrueType 字体（.ttf），请向字体厂商索取 TrueType 版本")
    return font


def _check(font: Any, kind: str) -> None:
    if font["OS/2"].fsType & _FORBIDDEN:
        raise FaceRefused("这个字体的授权不允许嵌入文件，不能用于证件；请向字体厂商取得允许嵌入的授权")
    covered = set(font.getBestCmap() or ())
    if not covered:
        raise FaceRefused("这个字体里没有一个字")
    if kind == "fang":
        lacking = [char for char in _gb2312() if ord(char) not in covered]
        if lacking:
            raise FaceRefused(
                f"这个字体缺 GB 2312 中的 {len(lacking)} 个字（如“{''.join(lacking[:5])}”），不能作公文仿宋"
            )


def _gb2312() -> Iterator[str]:
    """The 6,763 Han characters every official face must have."""
    for row in range(0xB0, 0xF8):
        for cell in range(0xA1, 0xFF):
            yield from bytes((row, cell)).decode("gb2312", errors="ignore")


def _rename(font: Any, family: str) -> None:
    for table in ("GSUB", "GPOS", "GDEF", "BASE", "DSIG", "kern", "morx", "EBDT", "EBLC", "fpgm", "prep", "cvt "):
        if table in font:
            del font[table]
    names = font["name"]
    names.names = []
    for number, text in ((1, family), (2, "Regular"), (4, family), (6, family.replace(" ", ""))):
        names.setName(text, number, 3, 1, 0x409)
    font["OS/2"].usWeightClass = 400
    font["OS/2"].fsSelection = 0x40
    font["head"].macStyle = 0


def _drawn(source: Path) -> Any:
    """A face of one glyph per drawing; the drawing stands on a square of 1000 with the writing line at 880."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.misc.transform import Transform
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    glyphs: dict[str, Any] = {".notdef": TTGlyphPen(None).glyph()}
    characters: dict[int, str] = {}
    for file in sorted(source.iterdir()):
        named = _DRAWING.match(file.name)
        if not named:
            raise FaceRefused(f"“{file.name}”的文件名不对，应像 U+E001.svg")
        pen = TTGlyphPen(None)
        _trace(file, Cu2QuPen(pen, 1.0), Transform(1, 0, 0, -1, 0, _BASELINE))
        name = f"u{named[1]}"
        glyphs[name], characters[int(named[1], 16)] = pen.glyph(), name
        if not glyphs[name].numberOfContours:
            raise FaceRefused(f"“{file.name}”里没有字形：请用闭合的路径（path）画在 1000×1000 的画布上")
    if not characters:
        raise FaceRefused("文件夹里没有字形：请放入像 U+E001.svg 的文件")
    builder = FontBuilder(_EM, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap(characters)
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (_EM, getattr(glyph, "xMin", 0)) for name, glyph in glyphs.items()})
    builder.setupHorizontalHeader(ascent=1151, descent=-286)
    builder.setupNameTable({"familyName": OWN, "styleName": "Regular"}, mac=False)
    builder.setupOS2(sTypoAscender=880, sTypoDescender=-120, usWinAscent=1151, usWinDescent=286, fsType=0)
    builder.setupPost(keepGlyphNames=False)
    font = builder.font
    font["head"].created = font["head"].modified = 0
    return font


def _trace(file: Path, pen: Any, transform: Any) -> None:
    from fontTools.pens.transformPen import TransformPen
    from fontTools.svgLib.path import SVGPath

    content = file.read_bytes()
    if len(content) > _MAX_DRAWING or b"<!" in content:
        raise FaceRefused(f"“{file.name}”太大，或含有不允许的声明")
    try:
        SVGPath.fromstring(content).draw(TransformPen(pen, transform))
    except (SyntaxError, ValueError, KeyError, AttributeError, TypeError, NotImplementedError) as error:
        raise FaceRefused(f"“{file.name}”不是可以读取的 SVG 图形") from error
