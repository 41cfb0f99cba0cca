"""The blanks of a paper in a fixed order: what is filled in, and which parts of the page that brings with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from services.papers.definition import Field, Paper

# Private characters stand for the blanks while the page is searched for them; nobody can type one (text.py).
FIRST_MARK = 0xE000
MARKS = 0x1900
CHECK_CODE = "check_code"
QR = "qr"
PLAIN_KINDS = frozenset({"text", "date", "datetime", "person_name", "id_number", "phone", "address", "integer"})


class Filled:
    """One copy: the key of its structure, the texts of its blanks in order, and its pictures."""

    __slots__ = ("images", "key", "texts")

    def __init__(self, key: tuple[Hashable, ...], texts: list[str], images: dict[str, str]) -> None:
        self.key, self.texts, self.images = key, texts, images


def filled(
    paper: Paper, values: dict[str, Any], *, check_code: str, qr: str, demo: bool, by_value: frozenset[str]
) -> Filled:
    """Sorts prepared values into structure, texts and pictures."""
    key: list[Hashable] = [demo, bool(check_code), bool(qr)]
    texts: list[str] = [check_code] if check_code else []
    images: dict[str, str] = {QR: qr} if qr else {}
    _fields(paper.fields, values, "", key, texts, images, by_value)
    return Filled(tuple(key), texts, images)


def _fields(
    fields: Iterable[Field],
    values: dict[str, Any],
    prefix: str,
    key: list[Hashable],
    texts: list[str],
    images: dict[str, str],
    by_value: frozenset[str],
) -> None:
    for field in fields:
        value, kind = values[field.name], field.kind
        if by_value and prefix + field.name in by_value:
            key.append(str(value))
        elif kind in PLAIN_KINDS:
            key.append(bool(value))
            if value:
                texts.append(value)
        elif kind == "lines":
            parts = value.split("\n") if value else []
            key.append(tuple(map(bool, parts)))
            texts.extend(part for part in parts if part)
        elif kind == "table":
            key.append(len(value))
            for row in value:
                _fields(field.columns, row, f"{field.name}.", key, texts, images, by_value)
        elif kind == "image":
            key.append(bool(value))
            if value:
                images[f"{field.name}#{len(images)}" if prefix else field.name] = value
        elif kind == "bool":
            key.append(value)
        else:
            key.append(tuple(option.ticked for option in value))


class Probe(str):
    """A mark that tells when a page looks inside it instead of only printing it."""

    seen: Callable[[], None]

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __bool__(self) -> bool:
        """Whether something is filled in is part of the structure, so to ask that is no secret."""
        return True


def _watched(name: str) -> Callable[..., Any]:
    original = getattr(str, name)

    def watch(self: Probe, *args: Any) -> Any:
        self.seen()
        return original(self, *args)

    return watch


for _name in dir(str):
    _given = getattr(str, _name)
    if callable(_given) and (
        not _name.startswith("__")
        or _name
        in {
            "__eq__",
            "__ne__",
            "__lt__",
            "__le__",
            "__gt__",
            "__ge__",
            "__len__",
            "__contains__",
            "__getitem__",
            "__mod__",
        }
    ):
        setattr(Probe, _name, _watched(_name))


class Marker:
    """Fills the blanks of a page with marks, in the order of `filled`, and remembers which were looked into."""

    def __init__(self, by_value: frozenset[str]) -> None:
        self.by_value = by_value
        self.looked_into: set[str] = set()
        self.count = 0

    def mark(self, name: str) -> str:
        probe = Probe(chr(FIRST_MARK + self.count))
        probe.seen = lambda: self.looked_into.add(name)
        self.count += 1
        return probe

    def fields(self, fields: Iterable[Field], values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        """The same values with a mark in the place of every text."""
        return {field.name: self._value(field, values[field.name], prefix) for field in fields}

    def _value(self, field: Field, value: Any, prefix: str) -> Any:
        name, kind = prefix + field.name, field.kind
        if name in self.by_value:
            return value
        if kind in PLAIN_KINDS:
            return self.mark(name) if value else value
        if kind == "lines":
            parts = value.split("\n") if value else []
            return _Lines([str(self.mark(name)) if part else "" for part in parts])
        if kind == "table":
            return [self.fields(field.columns, row, f"{field.name}.") for row in value]
        return value


class _Lines(str):
    """Marked lines; splitting them again is how they are meant to be read."""

    def __new__(cls, parts: list[str]) -> _Lines:
        return super().__new__(cls, "\n".join(parts))
