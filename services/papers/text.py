"""Field text is plain text: what may stand on a paper, and what is refused by name."""

from __future__ import annotations

import re
import unicodedata

from . import fonts

# Explicit direction marks could make a reader see another name than the one stored.
_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
# Invisible characters make two different names look the same.
_INVISIBLE = {
    0x00AD,
    0x034F,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    0x180B,
    0x180C,
    0x180D,
    0x180E,
    *range(0x200B, 0x200E),
    *range(0x2060, 0x2066),
    *range(0x206A, 0x2070),
    0x3164,
    0xFEFF,
    0xFFA0,
    *range(0xFFF9, 0xFFFC),
}
# Variation selectors choose a form of the ideograph before them; fonts know them, so they stay.
SELECTORS = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
_LINE_BREAKS = {0x0A}
MAX_COMBINING = 4
# Printable ASCII, everyday ideographs and punctuation: nothing in here has to be looked at one by one.
_EVERYDAY = re.compile("[ -~\u4e00-\u9fa5\u3001\u3002\uff0c\uff1a\uff1b\uff08\uff09\u00b7\u2014\u3014\u3015]*\\Z")
# Stands for a character that is to be written by hand; on paper it becomes a line to write on.
BY_HAND = "〓"
HAND_LINE = "＿＿"


def hostile_character(text: str, *, lines: bool = False) -> tuple[int, str] | None:
    """Position and Chinese reason of the first character that may not be printed, else None."""
    if _EVERYDAY.match(text):
        return None
    combining = 0
    for position, char in enumerate(text):
        code = ord(char)
        category = unicodedata.category(char)
        if code in _BIDI:
            return position, "改变文字方向的控制字符"
        if code in _INVISIBLE or (0xE0000 <= code <= 0xE007F):
            return position, "看不见的字符"
        if category == "Cs":
            return position, "不完整的字符（孤立代理项）"
        if category == "Co" and not fonts.agreed(char):
            return position, "自造字（专用区字符），本机关没有约定的字形"
        if category in {"Zl", "Zp"} or (category == "Cc" and not (lines and code in _LINE_BREAKS)):
            return position, "控制字符"
        if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
            return position, "不是字符的码位"
        combining = combining + 1 if category in {"Mn", "Me"} and code not in SELECTORS else 0
        if combining > MAX_COMBINING:
            return position, "叠加过多的附加符号"
    return None


def codepoint(char: str) -> str:
    """U+30EDE, the name under which a character can be asked for."""
    return f"U+{ord(char):04X}"


def normalise(value: object) -> str:
    """Trim the ends and unify line breaks; the characters inside stay exactly as given."""
    return str(value).replace("\r\n", "\n").replace("\r", "\n").strip(" \t\n\u3000")
