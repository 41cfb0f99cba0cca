"""Where a line may end: asked of the same library that the ordinary layout asks, without the layout."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache

from .errors import TakeOrdinaryWay

# Letters, figures, punctuation and ideographs that need no shaping and run from left to right.
_PLAIN_RANGES = (
    (0x20, 0x7E),
    (0xA1, 0xAC),
    (0xAE, 0x2FF),
    (0x370, 0x377),
    (0x384, 0x482),
    (0x48A, 0x52F),
    (0x1E00, 0x1FFE),
    (0x2010, 0x2027),
    (0x2030, 0x205E),
    (0x2070, 0x20BF),
    (0x2100, 0x23FF),
    (0x2460, 0x26FF),
    (0x2E80, 0x2FDF),
    (0x3000, 0x3029),
    (0x3030, 0x303F),
    (0x3041, 0x3096),
    (0x309B, 0x30FF),
    (0x3105, 0x312F),
    (0x3200, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF01, 0xFF9D),
    (0xFFE0, 0xFFE6),
    (0x20000, 0x323AF),
)


class _Plain(dict[str, bool]):
    """Remembers which characters are plain; the few thousand that occur, not the whole of Unicode."""

    def __missing__(self, char: str) -> bool:
        code = ord(char)
        found = any(low <= code <= high for low, high in _PLAIN_RANGES)
        if len(self) < 50_000:
            self[char] = found
        return found


is_plain = _Plain()


@cache
def _pango() -> tuple[ctypes.CDLL, int]:
    name = ctypes.util.find_library("pango-1.0") or "libpango-1.0.so.0"
    library = ctypes.CDLL(name)
    library.pango_language_from_string.restype = ctypes.c_void_p
    library.pango_language_from_string.argtypes = [ctypes.c_char_p]
    library.pango_get_log_attrs.restype = None
    library.pango_get_log_attrs.argtypes = [
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_int,
    ]
    return library, library.pango_language_from_string(b"zh-CN")


def breaks(text: str) -> list[bool]:
    """For each position of the text whether a line may end before that character."""
    library, language = _pango()
    raw = text.encode()
    count = len(text) + 1
    found = (ctypes.c_uint32 * count)()
    library.pango_get_log_attrs(raw, len(raw), -1, language, found, count)
    return [bool(value & 1) for value in found]


def lines(text: str, widths: list[int], room: int, first: int) -> list[tuple[int, int]]:
    """Start and end of each line, as the ordinary layout fills them: as many words as fit, spaces hang over."""
    found: list[tuple[int, int]] = []
    start, length = 0, len(text)
    while start < length:
        total, end = 0, start
        width = room if found else first
        while end < length and total + widths[end] <= width:
            total += widths[end]
            end += 1
        if end == length:
            found.append((start, length))
            break
        allowed = breaks(text[start:])
        # Spaces at the end of a line take no room, so the break may lie behind them.
        while end < length and text[end] == " ":
            end += 1
        cut = end - start
        while cut > 0 and not allowed[cut]:
            cut -= 1
        if cut <= 0:
            raise TakeOrdinaryWay("a word is longer than its line")
        stop = start + cut
        shown = stop
        while shown > start and text[shown - 1] == " ":
            shown -= 1
        found.append((start, shown))
        start = stop
        while start < length and text[start] == " ":
            start += 1
    return found
