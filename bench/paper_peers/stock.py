"""WeasyPrint as it is delivered, while the product's own hooks are in the same process."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydyf
import weasyprint.pdf
from weasyprint import css
from weasyprint.layout import percent
from weasyprint.pdf import fonts

# Taken when this module is imported, which has to be before the first RenderService is made.
_PLACES: tuple[tuple[Any, str], ...] = (
    (fonts.Font, "clean"),
    (fonts, "get_hb_object_data"),
    (fonts, "_build_vector_font_dictionary"),
    (fonts, "build_fonts_dictionary"),
    (weasyprint.pdf, "build_fonts_dictionary"),
    (pydyf, "zlib"),
    (css.ComputedStyle, "__missing__"),
    (percent, "resolve_one_percentage"),
)
_STOCK = [getattr(owner, name) for owner, name in _PLACES]
assert pydyf.zlib is zlib, "the product has hooked in already"


@contextmanager
def stock_weasyprint() -> Iterator[None]:
    """Takes the hooks out and puts them back."""
    hooked = [getattr(owner, name) for owner, name in _PLACES]
    try:
        for (owner, name), one in zip(_PLACES, _STOCK, strict=True):
            setattr(owner, name, one)
        yield
    finally:
        for (owner, name), one in zip(_PLACES, hooked, strict=True):
            setattr(owner, name, one)
