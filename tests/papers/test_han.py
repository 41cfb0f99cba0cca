"""Every Han character of GB 18030-2022, level 3, through one text field: printed and read back, or refused by name.

A slice runs each time; `HAN=87887` prints all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from services.papers import fonts
from services.papers.errors import MissingGlyphs
from services.papers.text import codepoint

# Level 3 of the standard: the unified ideographs up to Unicode 11 and twelve that stand among the compatibility ones.
RANGES = (
    (0x3400, 0x4DB5),
    (0x4E00, 0x9FEF),
    (0x20000, 0x2A6D6),
    (0x2A700, 0x2B734),
    (0x2B740, 0x2B81D),
    (0x2B820, 0x2CEA1),
    (0x2CEB0, 0x2EBE0),
)
TWELVE = (0xFA0E, 0xFA0F, 0xFA11, 0xFA13, 0xFA14, 0xFA1F, 0xFA21, 0xFA23, 0xFA24, 0xFA27, 0xFA28, 0xFA29)
LEVEL_3 = 87_887
WANTED = int(os.environ.get("HAN", "1760"))
SHEET = 1_700


def level_3() -> list[str]:
    codes = [code for first, last in RANGES for code in range(first, last + 1)]
    return [chr(code) for code in (*codes, *TWELVE)]


def sheets(chars: list[str]) -> Iterator[str]:
    for start in range(0, len(chars), SHEET):
        yield "".join(chars[start : start + SHEET])


def test_the_list_is_level_3() -> None:
    assert len(level_3()) == len(set(level_3())) == LEVEL_3


def test_no_character_of_level_3_is_without_a_face() -> None:
    lacking = [codepoint(char) for char in level_3() if not fonts.has_glyph(char)]
    assert lacking == []


def test_han_characters_are_printed_and_read_back_or_refused_by_name(
    trial: Any, read: Callable[[bytes], str], record_property: Callable[[str, object], None]
) -> None:
    fields = "  - {name: name, label: 姓名, kind: text, required: true, max_length: 2000, source: x}"
    boxes = " ".join(f"@{box} {{ content: none }}" for box in ("top-left", "top-right", "bottom-left", "bottom-center"))
    style = (
        "@page { "
        + boxes
        + " } body { font-family: "
        + ", ".join(f'"{family}"' for family in fonts.STACK)
        + "; overflow-wrap: anywhere }"
    )
    service, paper = trial("<html lang='zh-CN'><body>{{ f.name }}", style=style, fields=fields, max_pages=9)
    chars = level_3()
    printed = refused = 0
    for sheet in sheets(chars[:: max(1, LEVEL_3 // WANTED)]):
        try:
            text = read(service.render(paper, {"name": sheet}, draft=False, verify_url=None))
        except MissingGlyphs as missing:
            refused += len(missing.sentences)
            assert all("U+" in sentence for sentence in missing.sentences)
            continue
        for expected, found in zip(sheet, text, strict=True):
            assert expected == found, f"{codepoint(expected)} was read back as {codepoint(found)}"
        printed += len(sheet)
    print(f"{printed} of {LEVEL_3} Han characters printed and read back, {refused} refused by name")
    record_property("printed", printed)
    assert refused == 0
