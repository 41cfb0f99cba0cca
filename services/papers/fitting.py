"""Whether the text of a copy goes on its sheet, found before a number is spent on it; and if not, how many characters would."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image

from . import values
from .child import Limits
from .definition import Field, Paper
from .errors import DoesNotFit, PaperError
from .text import normalise

# Whoever stays below these has room on every paper of ours, whatever else is as long (tests/papers/test_fitting.py):
# such a copy, nearly every one, is not laid out to know it.
ROOMY_TEXT, ROOMY_ADDRESS, ROOMY_SETTING, ROOMY_ROWS, ROOMY_SHARE = 24, 48, 100, 8, 8
TYPED = ("text", "lines", "person_name", "address")
# Numbers that the program writes itself.
OURS = ("number", "case_number", "letter_number", "ticket", "visitor_ticket")
# A refusal looks for the longest text that fits, by halves; so long it may look.
_NUMBER = "SYDJ〔2026〕3304810000001号"
SEARCH = Limits(cpu_seconds=10, wall_seconds=20, output_bytes=1024**2)


@dataclass(frozen=True)
class TooLong:
    """One text, or one table, that does not fit, how long it is and how much of it would."""

    field: str
    label: str
    have: int
    fits: int
    rows: bool = False

    @property
    def sentence(self) -> str:
        if self.rows:
            return f"「{self.label}」有 {self.have} 行，最多印得下 {self.fits} 行，请分成几张办理"
        return f"「{self.label}」有 {self.have} 个字，最多印得下 {self.fits} 个字，请缩短或改用附页"


@dataclass(frozen=True)
class _Place:
    """Where a text or a table stands in the data, and from which length on it is looked at."""

    path: tuple[str | int, ...]
    label: str
    have: int
    roomy: int
    rows: bool = False

    @property
    def field(self) -> str:
        name, *rest = self.path
        return f"{name}[{rest[0]}].{rest[1]}" if rest else str(name)

    def cut(self, data: dict[str, Any], length: int) -> dict[str, Any]:
        """The same data with this text or table no longer than that."""
        made = copy.copy(data)
        if len(self.path) == 1:
            whole = data[str(self.path[0])]
            made[str(self.path[0])] = list(whole)[:length] if self.rows else normalise(whole)[:length]
            return made
        name, index, column = self.path
        rows = [dict(row) for row in data[str(name)]]
        rows[int(index)][str(column)] = normalise(rows[int(index)][str(column)])[:length]
        made[str(name)] = rows
        return made


def roomy(field: Field) -> int:
    """The length up to which nobody asks whether it fits."""
    if field.kind == "table":
        return min(field.max_rows, max(ROOMY_ROWS, field.max_rows // ROOMY_SHARE))
    # What the office has settled once for every copy of a paper is longer than what is typed.
    settled = field.source.startswith("settings.")
    least = ROOMY_SETTING if settled else ROOMY_ADDRESS if field.kind == "address" else ROOMY_TEXT
    return min(field.max_length, max(least, field.max_length // ROOMY_SHARE))


def too_long(paper: Paper, data: dict[str, Any]) -> list[TooLong]:
    """What does not fit on the sheets of this paper, with the number of characters that do; nothing when all of it fits.

    Only a copy with an uncommonly long text is laid out, in the limited child. Data that cannot be printed for
    another reason are not judged here."""
    places = sorted(_long(paper, data), key=lambda one: (-one.rows, -one.have))
    if not places:
        return []
    from .renderer import warm

    service = warm()
    data = _complete(paper, data)
    try:
        service.lay_out_only(paper, data)
        return []
    except DoesNotFit:
        pass
    except PaperError:
        return []
    try:
        found = json.loads(service.limited(lambda: json.dumps(_search(service, paper, data, places)).encode(), SEARCH))
    except PaperError:
        # No time to find out how much would: the longest is named all the same.
        found = [[0, places[0].roomy]]
    return [
        TooLong(places[index].field, places[index].label, places[index].have, fits, places[index].rows)
        for index, fits in found
    ]


def _long(paper: Paper, data: dict[str, Any]) -> Iterator[_Place]:
    for field in paper.fields:
        value = data.get(field.name)
        if field.kind == "table" and isinstance(value, (list, tuple)):
            if len(value) > roomy(field):
                yield _Place((field.name,), field.label, len(value), roomy(field), rows=True)
            for index, row in enumerate(value):
                for column in field.columns:
                    text = row.get(column.name) if isinstance(row, dict) else None
                    if _counts(column, text):
                        label = f"{field.label}第{index + 1}行{column.label}"
                        path = (field.name, index, column.name)
                        yield _Place(path, label, len(normalise(text)), roomy(column))
        elif _counts(field, value):
            yield _Place((field.name,), field.label, len(normalise(value)), roomy(field))


def _counts(field: Field, value: Any) -> bool:
    return (
        field.kind in TYPED
        and field.name not in OURS
        and isinstance(value, str)
        and len(value) > roomy(field)
        and len(normalise(value)) > roomy(field)
    )


def _complete(paper: Paper, data: dict[str, Any]) -> dict[str, Any]:
    """As it will be when it is printed: with a number, a word where nothing is known, and a picture where one stands."""
    data = {**data, **{one.name: _stand_in(one, data[one.name]) for one in paper.fields if data.get(one.name)}}
    lacking = {name for name, _ in values.missing_fields(paper, data)}
    words = {
        one.name: "未登记" for one in paper.fields if one.name in lacking and one.kind in (*TYPED, "phone", "id_number")
    }
    return {**data, **words, **({"number": _NUMBER} if "number" in lacking else {})}


def _stand_in(field: Field, value: Any) -> Any:
    """A picture's place on the page is the same whatever it shows, so none is read for this."""
    if field.kind == "image":
        return _picture()
    drawn = {column.name for column in field.columns if column.kind == "image"}
    if not drawn or not isinstance(value, (list, tuple)):
        return value
    return [
        {name: _picture() if name in drawn and one else one for name, one in row.items()}
        if isinstance(row, dict)
        else row
        for row in value
    ]


@cache
def _picture() -> bytes:
    made = io.BytesIO()
    Image.new("L", (35, 45), 255).save(made, "PNG")
    return made.getvalue()


def _search(service: Any, paper: Paper, data: dict[str, Any], places: list[_Place]) -> list[list[int]]:
    """Indexes of the places that must be shorter, each with how much fits; runs in the child, so it lays out without another."""

    def fits(tried: dict[str, Any]) -> bool:
        try:
            service.lay_out_only(paper, tried, here=True)
        except DoesNotFit:
            return False
        return True

    cut: list[list[int]] = []
    for index, place in enumerate(places):
        if place.rows or not any(one.rows and one.path[0] == place.path[0] for one in places[:index]):
            least = place.cut(data, place.roomy)
            if not fits(least):
                # Not this one alone: it is cut as far as one asks, and the next longest is looked at.
                cut.append([index, place.roomy])
                data = least
                continue
            low, high = place.roomy, place.have
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if fits(place.cut(data, middle)) else (low, middle)
            return [*cut, [index, low]]
    return cut
