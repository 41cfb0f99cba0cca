"""Smaller and faster fonts inside a PDF: only the glyphs that stand on the page, numbered without holes.

WeasyPrint copies a whole font file for every document and keeps one empty place for each glyph that is not used. Here
a face is opened once per process, cut once per document, and a table says which of the old numbers is which outline.
Layout is not touched; a test compares text and pixels with what WeasyPrint writes by itself.
"""

from __future__ import annotations

import hashlib
import inspect
import struct
import threading
import zlib
from functools import cache
from typing import Any

import pydyf
import uharfbuzz
import weasyprint
from weasyprint.pdf import fonts as stock
from weasyprint.text.fonts import get_hb_object_data

from . import fonts
from .errors import MissingGlyphs
from .text import codepoint

# The hook knows these functions line by line; another edition goes the slow, safe way until somebody has looked.
KNOWN = {("70.0", "0.13.0"): "8a49a3de"}
LEVEL = 4
_stock_reading = threading.Lock()
_DROPPED = ("GPOS", "GSUB", "GDEF", "BASE", "name", "OS/2", "post", "cmap")


def fingerprint() -> str:
    """What the hook relies on, as a short hash of its source."""
    seen = (stock.Font.clean, stock.build_fonts_dictionary, stock._build_vector_font_dictionary, pydyf.Stream)
    return hashlib.sha256("".join(inspect.getsource(one) for one in seen).encode()).hexdigest()[:8]


@cache
def install() -> bool:
    """Hook in once per process; False, and everything as WeasyPrint does it, if this is another edition."""
    if KNOWN.get((weasyprint.__version__, pydyf.__version__)) != fingerprint():
        return False
    stock.Font.clean = _clean(stock.Font.clean)
    stock.get_hb_object_data = _later
    stock._build_vector_font_dictionary = _with_map(stock._build_vector_font_dictionary)
    stock.build_fonts_dictionary = weasyprint.pdf.build_fonts_dictionary = _sharing(stock.build_fonts_dictionary)
    pydyf.zlib = _Zlib()
    return True


class _Zlib:
    """Level 4 takes little more than half the time of level 9 and a fiftieth more room."""

    def __getattr__(self, name: str) -> Any:
        return getattr(zlib, name)

    @staticmethod
    def compressobj(level: int = LEVEL, *rest: Any, **named: Any) -> Any:
        return zlib.compressobj(min(level, LEVEL), *rest, **named)


def _later(hb_object: Any, *args: Any, **named: Any) -> Any:
    """The file of a face is asked for only when the face is not one of ours."""
    return get_hb_object_data(hb_object, *args, **named) if args or named else b""


@cache
def _opened(family: str, weight: int) -> uharfbuzz.Face | None:
    for face in fonts.faces():
        if face.family == family and face.weight == weight:
            # Prepared for being cut again and again; what is cut out of it is the same.
            return uharfbuzz.subset_preprocess(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(face.file))))
    return None


def _clean(original: Any) -> Any:
    def clean(self: Any, to_unicode: dict[int, str], hinting: bool) -> None:
        face = _opened(self.family, int(self.weight)) if to_unicode else None
        if face is None or face.glyph_count != self.glyph_count:
            # Somebody else's face: everything as WeasyPrint does it, with its own way of reading a file.
            with _stock_reading:
                stock.get_hb_object_data = get_hb_object_data
                try:
                    self.file_content = get_hb_object_data(self.hb_face)
                    original(self, to_unicode, hinting)
                finally:
                    stock.get_hb_object_data = _later
            return
        wanted = uharfbuzz.SubsetInput()
        wanted.glyph_set.update(to_unicode)
        wanted.flags = uharfbuzz.SubsetFlags.NO_HINTING | uharfbuzz.SubsetFlags.NOTDEF_OUTLINE
        wanted.sets(uharfbuzz.SubsetInputSets.DROP_TABLE_TAG).update(
            int.from_bytes(tag.encode().ljust(4), "big") for tag in _DROPPED
        )
        plan = uharfbuzz.SubsetPlan(face, wanted)
        self.file_content = bytes(plan.execute().blob.data)
        self.shared_map.update(plan.old_to_new_glyph_mapping)

    return clean


def _sharing(original: Any) -> Any:
    def build(pdf: Any, all_fonts: dict[Any, Any], *rest: Any) -> Any:
        missing = sorted({chr(code) for font in all_fonts.values() for code in font.missing})
        if missing:
            # The fields were asked before; this is the fixed text of a template.
            raise MissingGlyphs(
                [f"模板中的“{text}”（{codepoint(text)}）没有可用字形，请联系管理员修改模板" for text in missing]
            )
        # WeasyPrint cuts one file for several sizes of a face; all of them need the same map.
        maps: dict[str, dict[int, int]] = {}
        for font in all_fonts.values():
            font.shared_map = maps.setdefault(font.hash, {})
        return original(pdf, all_fonts, *rest)

    return build


def _with_map(original: Any) -> Any:
    def build(dictionary: Any, pdf: Any, font: Any, widths: Any, compress: Any, reference: Any, version: Any) -> None:
        first = len(pdf.objects)
        original(dictionary, pdf, font, widths, compress, reference, version)
        if not font.shared_map:
            return
        table = bytearray(2 * (max(font.shared_map) + 1))
        for old, new in font.shared_map.items():
            struct.pack_into(">H", table, 2 * old, new)
        stream = pydyf.Stream([bytes(table)], compress=compress)
        pdf.add_object(stream)
        for written in pdf.objects[first:]:
            if isinstance(written, pydyf.Dictionary) and written.get("Subtype") == "/CIDFontType2":
                written["CIDToGIDMap"] = stream.reference

    return build
