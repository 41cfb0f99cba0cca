"""Before anything is issued: can every character of every field be drawn?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import fonts
from .definition import Field, Paper
from .text import BY_HAND, SELECTORS, codepoint

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
            f"「{self.label}」中的“{self.char}”（{self.codepoint}）没有可用字形，证件不能打印。"
            f"请用“{BY_HAND}”代替这个字，纸上会留出手写的横线；或请管理员把约定的字形装入系统"
        )


def check(paper: Paper, data: dict[str, Any]) -> list[MissingGlyph]:
    """Every character without a glyph, each named once per field, in the order of the paper."""
    found: dict[tuple[str, str], MissingGlyph] = {}
    for name, label, text in texts(paper, data):
        for char in dict.fromkeys(text):
            # Another form of an ideograph is another outline, and none of the faces has any.
            if char in _BLANK or (ord(char) not in SELECTORS and fonts.has_glyph(char)):
                continue
            shown = text[max(0, text.index(char) - 1) : text.index(char) + 1] if ord(char) in SELECTORS else char
            found.setdefault((name, char), MissingGlyph(shown, codepoint(char), name, label))
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
