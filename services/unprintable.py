"""What cannot be printed stops the step that makes the paper, before a number is drawn: the character, its code point and what to do."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from process.refusals import RequirementUnmet
from services.papers import fitting, glyphs, values
from services.papers.definition import Field, Paper
from services.papers.glyphs import MissingGlyph
from services.papers.text import BY_HAND, SELECTORS, hostile_character


@dataclass
class Asked:
    """One request of a person: whether a line is to be left for the pen, and which characters were found wanting."""

    by_hand: Callable[[], bool]
    found: list[MissingGlyph] = field(default_factory=list)


_asked: ContextVar[Asked | None] = ContextVar("unprintable", default=None)


def begin(by_hand: Callable[[], bool]) -> None:
    """A request begins; `by_hand` is asked only when a character has no glyph."""
    _asked.set(Asked(by_hand))


def wanting() -> list[MissingGlyph]:
    """What stopped a step of the present request, each character once, so that its page can offer the line for the pen."""
    asked = _asked.get()
    return list({one.char: one for one in asked.found}.values()) if asked is not None else []


@dataclass(frozen=True)
class Settled:
    """Data that can be printed, and the code points for which a line was left."""

    data: dict[str, Any]
    by_hand: tuple[str, ...] = ()


def settle(paper: Paper, data: dict[str, Any], typed: dict[str, Any]) -> Settled:
    """The data as they can be printed. Raises RequirementUnmet with everything that cannot; `typed`: what was filled in at this step."""
    lines: tuple[str, ...] = ()
    found = _for_the_pen(paper, data)
    asked = _asked.get()
    if found and asked is not None and asked.by_hand():
        data, lines = _with_lines(paper, data, {one.char[-1] for one in found}), _codes(found)
        found = []
    if found:
        if asked is not None:
            asked.found.extend(found)
        raise RequirementUnmet(_told(paper, found), _places(found, typed))
    wrong = values.problems(paper, _without_pictures(paper, data))
    if wrong:
        raise RequirementUnmet(
            f"“{paper.title_zh}”印不出来，这一步没有办，也没有用号：{'；'.join(sentence for _, sentence in wrong)}。",
            dict(wrong),
        )
    require_room(paper, data, typed)
    return Settled(data, lines)


def require_room(paper: Paper, data: dict[str, Any], typed: dict[str, Any], advice: str = "") -> None:
    """Stops here, before a number is spent, when a text is longer than its sheets; says how many characters fit."""
    found = fitting.too_long(paper, data)
    if found:
        told = {one.field: one.sentence for one in found}
        places = {_box(one.field, data, typed): one.sentence for one in found}
        raise RequirementUnmet(
            f"“{paper.title_zh}”印不下，这一步没有办，也没有用号：{'；'.join(told.values())}。{advice}", places
        )


def _box(field: str, data: dict[str, Any], typed: dict[str, Any]) -> str:
    """The box of this step in which the text of a field was typed, else the field."""
    text = data.get(field)
    return next(
        (name for name, value in typed.items() if text and isinstance(value, str) and value.strip() == text), field
    )


def _without_pictures(paper: Paper, data: dict[str, Any]) -> dict[str, Any]:
    """What was looked at when it was uploaded is not opened once more."""
    kept = {one.name: data.get(one.name) for one in paper.fields if one.kind != "image"}
    for one in paper.fields:
        drawn = {column.name for column in one.columns if column.kind == "image"}
        rows = kept.get(one.name)
        if drawn and isinstance(rows, list):
            kept[one.name] = [{name: row[name] for name in row if name not in drawn} for row in rows]
    return kept


def _for_the_pen(paper: Paper, data: dict[str, Any]) -> list[MissingGlyph]:
    """What has no glyph and can be written by hand; a line in place of a control or direction mark would hide it."""
    return [one for one in glyphs.check(paper, data) if not _hostile(one.char[-1])]


def _hostile(char: str) -> bool:
    found = hostile_character(char)
    # A private character is hostile as long as the office has no drawing of it, but people know what it means.
    return found is not None and unicodedata.category(char) != "Co"


def _told(paper: Paper, found: list[MissingGlyph]) -> str:
    where = "；".join(f"「{one.label}」中的“{one.char}”（{one.codepoint}）" for one in found)
    return (
        f"“{paper.title_zh}”印不出来：{where}没有可用字形。这一步没有办，也没有用号，您填的内容都在。"
        f"请勾选“留横线手写”后再办一次；自己填的字也可以改写；或请管理员把约定的字形装入系统。"
    )


def _places(found: list[MissingGlyph], typed: dict[str, Any]) -> dict[str, str]:
    """Beside the box in which it was typed at this step, where it was."""
    places: dict[str, str] = {}
    for one in found:
        box = next((name for name, value in typed.items() if isinstance(value, str) and one.char in value), one.field)
        places[box] = (
            f"「{one.label}」中的“{one.char}”（{one.codepoint}）没有可用字形：请改写，或勾选“留横线手写”，或请管理员装入字形"
        )
    return places


def _codes(found: Iterable[MissingGlyph]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.codepoint for one in found))


def _with_lines(paper: Paper, data: dict[str, Any], lacking: set[str]) -> dict[str, Any]:
    """The same with the mark of a line in place of each of these characters; what stands elsewhere is not touched."""

    def put(one: Field, value: Any) -> Any:
        if one.kind == "table" and isinstance(value, (list, tuple)):
            columns = {column.name: column for column in one.columns}
            return [
                {name: put(columns[name], each) if name in columns else each for name, each in row.items()}
                if isinstance(row, dict)
                else row
                for row in value
            ]
        return _marked(value, lacking) if isinstance(value, str) and one.kind not in ("choice", "image") else value

    return data | {one.name: put(one, data[one.name]) for one in paper.fields if one.name in data}


def _marked(text: str, lacking: set[str]) -> str:
    if lacking.isdisjoint(text):
        return text
    made: list[str] = []
    for char in text:
        if char in lacking and ord(char) in SELECTORS:
            # Another form of the character before it: the two are written by hand together.
            made[-1:] = [BY_HAND]
        else:
            made.append(BY_HAND if char in lacking else char)
    return "".join(made)
