"""Draw the product's own faces from free sources: static TrueType, simple outlines, one em of 1000 for all.

    apt-get install fonts-noto-cjk fonts-lxgw-wenkai fonts-hanazono fonts-babelstone-han
    .venv/bin/python -m tools.fonts.build [FACE …]

Writes `fonts/*.ttf.xz` and `fonts/faces.yaml` (name, weight, source, hash). Nobody needs to run this to use the
product: what it made is in the repository, so that every machine prints with the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import sys
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph, GlyphCoordinates
from fontTools.ttLib.tables.ttProgram import Program

from .outline import embolden

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "fonts"
SYSTEM = Path("/usr/share/fonts")
BEYOND = Path(__file__).parent / "beyond-gb2312.txt"
EM = 1000
# Line boxes of every face equal those of the Song, so that a rare character moves no line.
ASCENT, DESCENT = 1151, -286
# 2022-08-01, the day GB 18030-2022 was published; a file must not know when it was built.
BORN = 3742156800


@dataclass(frozen=True)
class Source:
    """One face of a Debian package."""

    package: str
    file: str
    family: str = ""
    licence: str = "OFL-1.1"

    def open(self) -> TTFont:
        path = SYSTEM / self.file
        if path.suffix == ".ttc":
            return next(f for f in TTCollection(path, lazy=True).fonts if f["name"].getDebugName(1) == self.family)
        return TTFont(path, lazy=True)


@dataclass(frozen=True)
class Recipe:
    """One face of the product: its name in style sheets, where its outlines come from and which it takes."""

    name: str
    family: str
    weight: int
    source: Source
    wanted: Callable[[int], bool]
    # Units by which each outline grows on every side, so that a borrowed face is as dark as the Song beside it.
    grow: float = 0.0


NOTO = "fonts-noto-cjk"
SERIF = Source(NOTO, "opentype/noto/NotoSerifCJK-Regular.ttc", "Noto Serif CJK SC")
SERIF_BOLD = Source(NOTO, "opentype/noto/NotoSerifCJK-Bold.ttc", "Noto Serif CJK SC")
SANS = Source(NOTO, "opentype/noto/NotoSansCJK-Regular.ttc", "Noto Sans CJK SC")
SANS_BOLD = Source(NOTO, "opentype/noto/NotoSansCJK-Bold.ttc", "Noto Sans CJK SC")
WENKAI = Source("fonts-lxgw-wenkai", "truetype/lxgw-wenkai/LXGWWenKai-Regular.ttf")
HANA_A = Source("fonts-hanazono", "truetype/hanazono/HanaMinA.ttf")
HANA_B = Source("fonts-hanazono", "truetype/hanazono/HanaMinB.ttf")
BABEL = Source("fonts-babelstone-han", "truetype/babelstone/BabelStoneHan.ttf", licence="Arphic-1999")


def _common() -> frozenset[int]:
    """GB 2312, and the 通用规范汉字表 where it goes beyond."""
    codes = {
        ord(bytes((row, cell)).decode("gb2312")) for row in _rows() for cell in range(0xA1, 0xFF) if _there(row, cell)
    }
    return frozenset(codes | {ord(char) for char in BEYOND.read_text("utf-8") if char != "\n"})


def _rows() -> Iterator[int]:
    yield from (*range(0xA1, 0xAA), *range(0xB0, 0xF8))


def _there(row: int, cell: int) -> bool:
    try:
        bytes((row, cell)).decode("gb2312")
    except UnicodeDecodeError:
        return False
    return True


COMMON = _common()


def _written(code: int) -> bool:
    """Everything but Hangul syllables and private characters."""
    return not (0xAC00 <= code <= 0xD7FF or 0xE000 <= code <= 0xF8FF or code >= 0xF0000)


def _short(code: int) -> bool:
    return _written(code) and (code in COMMON or code < 0x2E80 or 0x3000 <= code < 0x3100 or 0xFE30 <= code < 0x10000)


def _unlike_song(code: int) -> bool:
    return code >= 0x2E80 and _written(code) and code not in _song()


_SONG: set[int] = set()


def _song() -> set[int]:
    if not _SONG:
        _SONG.update(filter(_written, SERIF.open().getBestCmap()))
    return _SONG


def _extension_b(code: int) -> bool:
    return 0x20000 <= code <= 0x2A6DF and _unlike_song(code)


def _other_rare(code: int) -> bool:
    return not 0x20000 <= code <= 0x2A6DF and code < 0x30000 and code >= 0x3400 and _unlike_song(code)


def _sign(code: int) -> bool:
    """Tick boxes and the like, which the Song and the Hei lack."""
    return 0xA0 < code < 0x2E80 and code not in _song()


def _extension_g(code: int) -> bool:
    return 0x30000 <= code < 0x40000 and _unlike_song(code)


RECIPES = (
    Recipe("song", "Daiban Song", 400, SERIF, _written),
    Recipe("song-bold", "Daiban Song", 700, SERIF_BOLD, _short),
    Recipe("hei", "Daiban Hei", 400, SANS, _written),
    Recipe("hei-bold", "Daiban Hei", 700, SANS_BOLD, _short),
    Recipe("kai", "Daiban Kai", 400, WENKAI, _written),
    Recipe("rare-a", "Daiban Rare A", 400, HANA_A, _sign),
    Recipe("rare-b", "Daiban Rare B", 400, HANA_B, _extension_b, grow=3.5),
    Recipe("rare-c", "Daiban Rare C", 400, HANA_B, _other_rare, grow=3.5),
    Recipe("rare-g", "Daiban Rare G", 400, BABEL, _extension_g, grow=4.5),
)


def build(recipe: Recipe) -> dict[str, Any]:
    """One face, written as an xz file; the same sources give the same bytes."""
    font = draw(recipe)
    plain = io.BytesIO()
    font.save(plain, reorderTables=True)
    content = plain.getvalue()
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 25}]
    packed = lzma.compress(content, lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=filters)
    (OUT / f"{recipe.name}.ttf.xz").write_bytes(packed)
    return {
        "name": recipe.name,
        "family": recipe.family,
        "weight": recipe.weight,
        "package": recipe.source.package,
        "licence": recipe.source.licence,
        "source": Path(recipe.source.file).name,
        "characters": len(font.getBestCmap()),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def draw(recipe: Recipe) -> TTFont:
    """Outlines only: no hints, no layout tables, no composites, which is what makes a subset quick and small."""
    source = recipe.source.open()
    drawn, cmap = source.getGlyphSet(), source.getBestCmap()
    scale = EM / source["head"].unitsPerEm
    glyphs: dict[str, Any] = {}
    advances: dict[str, int] = {}
    characters: dict[int, str] = {}
    outlines: dict[str, Any] = {}
    for code in (None, *sorted(filter(recipe.wanted, cmap))):
        old = ".notdef" if code is None else cmap[code]
        if old not in outlines:
            if "CFF " in source:
                outlines[old] = _from_cubic(drawn, old)
            else:
                outlines[old] = _from_quadratic(source["glyf"], old, scale, recipe.grow)
        # Two characters that look the same get a number each, or one would be read back as the other.
        new = ".notdef" if code is None else f"g{len(glyphs):05d}"
        glyphs[new] = outlines[old]
        advances[new] = round(drawn[old].width * scale)
        if code is not None:
            characters[code] = new
    return _assemble(recipe, glyphs, advances, characters)


def _from_cubic(drawn: Any, name: str) -> Any:
    pen = TTGlyphPen(None)
    drawn[name].draw(Cu2QuPen(pen, 1.0, reverse_direction=True))
    return pen.glyph(dropImpliedOnCurves=True)


def _from_quadratic(table: Any, name: str, scale: float, grow: float) -> Any:
    """The points as they are, with composites written out; in one em and, if asked, a little darker."""
    coordinates, ends, flags = table[name].getCoordinates(table)
    glyph = Glyph()
    glyph.numberOfContours = len(ends)
    if not ends:
        return glyph
    glyph.coordinates = GlyphCoordinates((round(x * scale), round(y * scale)) for x, y in coordinates)
    glyph.endPtsOfContours, glyph.flags = list(ends), array("B", (flag & 1 for flag in flags))
    glyph.program = Program()
    glyph.program.fromBytecode(b"")
    if grow:
        embolden(glyph, grow)
    glyph.recalcBounds(None)
    return glyph


def _assemble(recipe: Recipe, glyphs: dict[str, Any], advances: dict[str, int], characters: dict[int, str]) -> TTFont:
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap(characters)
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (advances[name], getattr(glyphs[name], "xMin", 0)) for name in glyphs})
    builder.setupHorizontalHeader(ascent=ASCENT, descent=DESCENT)
    style = "Bold" if recipe.weight == 700 else "Regular"
    builder.setupNameTable(
        {
            "familyName": recipe.family,
            "styleName": style,
            "psName": f"{recipe.family.replace(' ', '')}-{style}",
            "fullName": f"{recipe.family} {style}",
            "version": "Version 1.000",
            "copyright": f"Made from {Path(recipe.source.file).name} ({recipe.source.package}); {recipe.source.licence}",
        },
        mac=False,
    )
    builder.setupOS2(
        version=4,
        fsType=0,
        usWeightClass=recipe.weight,
        sTypoAscender=880,
        sTypoDescender=-120,
        sTypoLineGap=0,
        usWinAscent=ASCENT,
        usWinDescent=-DESCENT,
        fsSelection=0x20 if recipe.weight == 700 else 0x40,
    )
    builder.setupPost(keepGlyphNames=False, underlinePosition=-125, underlineThickness=50)
    font = builder.font
    font["head"].created = font["head"].modified = BORN
    font["head"].macStyle = int(recipe.weight == 700)
    font.recalcTimestamp = False
    return font


def main(names: list[str]) -> None:
    """Build the named faces (all without names) on two cores and write down what came out."""
    OUT.mkdir(exist_ok=True)
    wanted = [recipe for recipe in RECIPES if not names or recipe.name in names]
    with ProcessPoolExecutor(2) as pool:
        for row in pool.map(build, wanted):
            _note(row)
            print(row["name"], row["characters"], row["bytes"])


def _note(row: dict[str, Any]) -> None:
    listing = OUT / "faces.yaml"
    known = {each["name"]: each for each in yaml.safe_load(listing.read_text())} if listing.exists() else {}
    known[row["name"]] = row
    rows = [known[recipe.name] for recipe in RECIPES if recipe.name in known]
    listing.write_text(yaml.safe_dump(rows, sort_keys=False, allow_unicode=True))


if __name__ == "__main__":
    main(sys.argv[1:])
