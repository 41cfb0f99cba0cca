"""Which file stands behind a family name: asked of the ordinary renderer once, then found by the hash of the file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from .errors import NotPreparable
from .geometry import Style
from .glyph_store import GlyphStore

_REGULAR = 400


def files(font_config: Any, style: Style) -> list[tuple[str, bytes]]:
    """Family and file of every face the layout would ask for a character of this style, in that order."""
    found: list[tuple[str, bytes]] = []
    for family in style.families:
        # A bold face has fewer characters than its regular one, which is asked before the next family is.
        for weight in dict.fromkeys((style.weight, _REGULAR)):
            body = _file(font_config, family, weight, style.italic)
            if body and all(body != other for _, other in found):
                found.append((family, body))
    if not found:
        raise NotPreparable(f"no face of {style.families}")
    return found


def _file(font_config: Any, family: str, weight: int, italic: str) -> bytes | None:
    from weasyprint.text.constants import PANGO_STYLE
    from weasyprint.text.ffi import ffi, gobject, pango
    from weasyprint.text.fonts import get_hb_object_data, get_pango_font_hb_face

    from services.papers import fontset

    context = ffi.gc(pango.pango_font_map_create_context(font_config.font_map), gobject.g_object_unref)
    description = ffi.gc(pango.pango_font_description_new(), pango.pango_font_description_free)
    raw = ffi.new("char[]", family.encode())
    pango.pango_font_description_set_family(description, raw)
    pango.pango_font_description_set_style(description, PANGO_STYLE[italic])
    pango.pango_font_description_set_weight(description, weight)
    pango.pango_font_description_set_absolute_size(description, 16 * 1024)
    font = pango.pango_font_map_load_font(font_config.font_map, context, description)
    if font == ffi.NULL:
        return None
    font = ffi.gc(font, gobject.g_object_unref)
    given = ffi.gc(pango.pango_font_describe_with_absolute_size(font), pango.pango_font_description_free)
    name = ffi.string(pango.pango_font_description_get_family(given)).decode()
    if name.lower() != fontset.ALIASES.get(family, family).lower():
        return None
    body: bytes | None = get_hb_object_data(get_pango_font_hb_face(font))
    return body


class Faces:
    """The glyph stores of this process, one per file, shared by all papers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores: dict[str, GlyphStore] = {}

    def keep(self, family: str, body: bytes) -> str:
        """Stores the file under its hash and answers the name under which it is found again."""
        name = hashlib.sha256(body).hexdigest()[:32]
        path = self.folder / f"{name}.ttf"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            written = path.with_suffix(f".{os.getpid()}")
            written.write_bytes(body)
            written.replace(path)
        return f"{family.replace(' ', '')}:{name}"

    def store(self, name: str) -> GlyphStore:
        """The opened face; the first call in a process reads it."""
        found = self.stores.get(name)
        if found is None:
            family, _, digest = name.rpartition(":")
            path = self.folder / f"{digest}.ttf"
            if not path.is_file():
                raise NotPreparable(f"{family}: the file of this face is gone")
            found = self.stores[name] = GlyphStore(path, family)
            found.warm()
        return found
