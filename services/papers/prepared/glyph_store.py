"""One face, opened once: which characters it has, how wide they are, and each outline ready for the next paper's font."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, TTLibError

from .deflate import Piece, joined, plain, squeezed
from .errors import NotPreparable

# Characters of everyday names, places and forms; they stay, all others pass through a store of bounded size.
COMMON = "".join(
    bytes((high, low)).decode("gb2312", errors="ignore")
    for high in (*range(0xA1, 0xA4), *range(0xB0, 0xD8))
    for low in range(0xA1, 0xFF)
) + "".join(map(chr, range(0x20, 0x7F)))
_PASSING = 1500
_TAGS = (b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp")
_WORDS = {size: struct.Struct(f">{size}I") for size in range(1, 64)}


class Outline(NamedTuple):
    """One glyph: its compressed outline, padded size, checksum, side bearings, width and name in Unicode."""

    piece: Piece
    checksum: int
    metrics: bytes
    width: str
    unicode: str


class Font(NamedTuple):
    """The objects of one embedded face for one paper."""

    program: bytes
    program_size: int
    widths: str
    to_unicode: bytes
    name: bytes


class GlyphStore:
    """A static TrueType face; outlines are taken as they lie in the file."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        try:
            font = TTFont(path, lazy=True)
        except (OSError, TTLibError) as error:
            raise NotPreparable(f"字体文件 {path.name} 打不开") from error
        with font:
            if "glyf" not in font or "fvar" in font:
                raise NotPreparable(f"字体 {name} 不是静态 TrueType 字体")
            reader, head, hhea = font.reader, font["head"], font["hhea"]
            # Any names will do here, and to find the real ones takes as long as all the rest.
            font.setGlyphOrder([f"g{number}" for number in range(font["maxp"].numGlyphs)])
            self.upem: int = head.unitsPerEm
            corners = (head.xMin, head.yMin, head.xMax, head.yMax)
            self.box = " ".join(str(self._thousandth(value)) for value in corners).encode()
            # Faces of one height can stand in one line without moving it.
            self.height = (hhea.ascent / self.upem, hhea.descent / self.upem, hhea.lineGap / self.upem)
            self.ascent, self.descent = self._thousandth(hhea.ascent), self._thousandth(hhea.descent)
            self.shaped = frozenset({"GSUB", "GPOS", "kern", "morx"} & set(font.keys()))
            numbers = {glyph: number for number, glyph in enumerate(font.getGlyphOrder())}
            self._number: dict[str, int] = {chr(code): numbers[glyph] for code, glyph in font.getBestCmap().items()}
            self._metrics = _metrics(reader["hmtx"], hhea.numberOfHMetrics, len(numbers))
            self._places = _places(reader["loca"], head.indexToLocFormat)
            self._start = reader.tables["glyf"].offset
            self._head, self._hhea, self._maxp = reader["head"], reader["hhea"], reader["maxp"]
            self._composites = self._flattened(font)
        # How far each character moves the pen, in units of the face.
        self.advance: dict[str, int] = {
            char: (self._metrics[4 * number] << 8) | self._metrics[4 * number + 1]
            for char, number in self._number.items()
        }
        self._file = os.open(path, os.O_RDONLY)
        self._kept: dict[str, Outline] = {}
        self._passing: dict[str, Outline] = {}
        head_table = bytearray(self._head)
        struct.pack_into(">I", head_table, 8, 0)
        struct.pack_into(">h", head_table, 50, 1)
        self._head = bytes(head_table) + bytes(-len(head_table) % 4)
        self._blank = self._read(0, "")

    def _thousandth(self, value: int) -> int:
        return round(value * 1000 / self.upem)

    def close(self) -> None:
        os.close(self._file)

    def warm(self, text: Iterable[str] = COMMON) -> None:
        """Takes the everyday characters in, so that no paper pays for them and memory stays what it is."""
        for char in text:
            if char in self._number and char not in self._kept:
                self._kept[char] = self._read(self._number[char], char)

    def __contains__(self, char: str) -> bool:
        return char in self._number

    def outline(self, char: str) -> Outline:
        """The glyph of one character that this face has."""
        found = self._kept.get(char) or self._passing.get(char)
        if found is None:
            if len(self._passing) >= _PASSING:
                self._passing.clear()
            found = self._passing[char] = self._read(self._number[char], char)
        return found

    def _read(self, number: int, char: str) -> Outline:
        raw = self._composites.get(number)
        if raw is None:
            start, end = self._places[number], self._places[number + 1]
            raw = os.pread(self._file, end - start, self._start + start)
        raw += bytes(-len(raw) % 4)
        metrics = self._metrics[4 * number : 4 * number + 4]
        width = 1000 * int.from_bytes(metrics[:2], "big") / self.upem
        return Outline(
            squeezed(raw) if raw else Piece(b"", 0, 1, 0),
            sum(struct.unpack(f">{len(raw) // 4}I", raw)),
            metrics,
            f"{width:.6g}",
            f"<{char.encode('utf-16-be').hex()}>",
        )

    def _flattened(self, font: TTFont) -> dict[int, bytes]:
        """Glyphs made of other glyphs, drawn out; a paper's font then needs no renumbering inside an outline."""
        found: dict[int, bytes] = {}
        places, outlines = self._places, font.reader["glyf"]
        made_of_others = [
            number
            for number in range(len(places) - 1)
            if places[number] < places[number + 1] and outlines[places[number]] & 0x80
        ]
        if not made_of_others:
            return found
        glyphs, order = font.getGlyphSet(), font.getGlyphOrder()
        for number in made_of_others:
            recording, pen = DecomposingRecordingPen(glyphs), TTGlyphPen(None)
            glyphs[order[number]].draw(recording)
            recording.replay(pen)
            found[number] = pen.glyph(round=round).compile(font["glyf"])
        return found

    def embedded(self, chars: Sequence[str]) -> Font:
        """A font program with exactly these characters, numbered from one in this order."""
        kept = self._kept
        outlines = [self._blank, *[kept.get(char) or self.outline(char) for char in chars]]
        count = len(outlines)
        places, at = [0], 0
        checksum = 0
        for one in outlines:
            at += one.piece.size
            places.append(at)
            checksum += one.checksum
        hhea, maxp = bytearray(self._hhea), bytearray(self._maxp)
        struct.pack_into(">H", hhea, 34, count)
        struct.pack_into(">H", maxp, 4, count)
        tables = [
            self._head,
            bytes(hhea) + bytes(-len(hhea) % 4),
            b"".join([one.metrics for one in outlines]),
            struct.pack(f">{count + 1}I", *places),
            bytes(maxp) + bytes(-len(maxp) % 4),
        ]
        sums = [checksum, *(sum(struct.unpack(f">{len(table) // 4}I", table)) for table in tables)]
        offset = 12 + 16 * len(_TAGS)
        directory = [struct.pack(">IHHHH", 0x10000, len(_TAGS), 64, 2, 32)]
        for tag, total, size in zip(_TAGS, sums, (at, *map(len, tables)), strict=True):
            directory.append(struct.pack(">4sIII", tag, total & 0xFFFFFFFF, offset, size))
            offset += size
        program = joined([plain(b"".join(directory)), *[one.piece for one in outlines], plain(b"".join(tables))])
        return Font(
            program,
            offset,
            " ".join([one.width for one in outlines]),
            _to_unicode([one.unicode for one in outlines[1:]]),
            self.name.encode(),
        )


def _to_unicode(names: list[str]) -> bytes:
    """The map by which a reader copies and searches the text."""
    ranges = []
    for start in range(0, len(names), 200):
        part = names[start : start + 200]
        first = start + 1
        # One range may not cross a multiple of 256.
        cut = 256 - first % 256
        for piece, number in ((part[:cut], first), (part[cut:], first + cut)):
            if piece:
                ranges.append(f"<{number:04x}><{number + len(piece) - 1:04x}>[{''.join(piece)}]")
    blocks = [
        f"{len(ranges[at : at + 100])} beginbfrange\n" + "\n".join(ranges[at : at + 100]) + "\nendbfrange\n"
        for at in range(0, len(ranges), 100)
    ]
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n"
        f"{''.join(blocks)}endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
    ).encode()


def _metrics(table: bytes, long_ones: int, glyphs: int) -> bytes:
    """Advance and side bearing of every glyph; a face may give the last advance once for many."""
    if glyphs <= long_ones:
        return bytes(table)
    advance = table[4 * (long_ones - 1) : 4 * (long_ones - 1) + 2]
    rest = table[4 * long_ones :]
    return bytes(table[: 4 * long_ones]) + b"".join(
        advance + rest[2 * index : 2 * index + 2] for index in range(glyphs - long_ones)
    )


def _places(table: bytes, long_form: int) -> array[int]:
    if long_form:
        return array("L", struct.unpack(f">{len(table) // 4}I", table))
    return array("L", (2 * value for value in struct.unpack(f">{len(table) // 2}H", table)))
