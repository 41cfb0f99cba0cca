"""Before anything is issued: can every character of every field be drawn?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import fonts
from .definition import Field, Paper
from .text import SELECTORS, codepoint

_BLANK = {"\n", " ", "\u3000", "\u00a0"}


@dataclass(frozen=True)
class MissingGlyph:
    """One character that no font of the product can draw, and the field it stands in."""

    char: str
    codepoint: str
    field: str
    label: str

    @property
    def sentence(self) -> str:
        return (
            f"「{self.label}」中的“{self.char}”（{self.codepoint}）没有可用字形，"
            "证件不能打印，请改用手写登记或联系管理员登记替代字形"
        )


def check(paper: Paper, data: dict[str, Any]) -> list[MissingGlyph]:
    """Every character without a glyph, each named once per field, in the order of the paper."""
    found: dict[tuple[str, str], MissingGlyph] = {}
    for name, label, text in texts(paper, data):
        for char in dict.fromkeys(text):
            if char in _BLANK or ord(char) in SELECTORS or fonts.has_glyph(char):
                continue
            found.setdefault((name, char), MissingGlyph(char, codepoint(char), name, label))
    return list(found.values())


def texts(paper: Paper, data: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(field, label, text) of everything a person could have typed; rows as `materials[2].name`."""
    for field in paper.fields:
        value = data.get(field.name)
        if value is None or field.kind in {"image", "bool"}:
            continue
        if field.kind == "table":
            yield from _rows(field, value)
        else:
            yield field.name, field.label, str(value)


def _rows(field: Field, rows: Any) -> Iterator[tuple[str, str, str]]:
    if not isinstance(rows, (list, tuple)):
        return
    for index, row in enumerate(rows):
        for column in field.columns:
            value = row.get(column.name) if isinstance(row, dict) else None
            if value is not None and column.kind not in {"image", "bool"}:
                yield (
                    f"{field.name}[{index}].{column.name}",
                    f"{field.label}第{index + 1}行{column.label}",
                    str(value),
                )
