"""From the texts of one copy to lines: which characters, from which face, how wide; the same lines as the layout."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from . import breaking
from .errors import NotPreparable, TakeOrdinaryWay
from .geometry import Flow, Run, Structure
from .glyph_store import GlyphStore

log = logging.getLogger("daiban.papers")
PANGO = 1024
_SPACES = re.compile(r"[ \t\n]+")


class Span(NamedTuple):
    """Characters of one face in one style."""

    style: int
    store: GlyphStore
    text: str


class Line(NamedTuple):
    """One line: its spans and how wide they are in Pango's units."""

    spans: list[Span]
    width: int


class Composed(NamedTuple):
    """All lines of one copy, and the part of the shape's key that they decide."""

    flows: list[list[Line]]
    key: tuple[object, ...]


class Stack:
    """The faces of one style in order; all but the first are opened when a character asks for them."""

    def __init__(self, names: Sequence[str], opened: Callable[[str], GlyphStore]) -> None:
        self._names, self._opened = names, opened
        self.first = opened(names[0])
        self._all: list[GlyphStore] | None = None

    def stores(self) -> list[GlyphStore]:
        """Every face that could be opened; one that cannot sends its characters the ordinary way."""
        if self._all is None:
            found = [self.first]
            for name in self._names[1:]:
                try:
                    found.append(self._opened(name))
                except NotPreparable as error:
                    log.info("%s", error)
            self._all = found
        return self._all


class Composer:
    """Sets the flows of one structure; knows for each style its faces in order and its size in Pango's units."""

    def __init__(
        self, structure: Structure, faces: Sequence[Sequence[str]], opened: Callable[[str], GlyphStore]
    ) -> None:
        self.structure = structure
        self.styles = [
            (Stack(names, opened), int(style.size * PANGO))
            for style, names in zip(structure.styles, faces, strict=True)
        ]

    def warm(self) -> None:
        """Opens the faces for rare characters too."""
        for stack, _ in self.styles:
            stack.stores()

    def compose(self, texts: list[str]) -> Composed:
        """Lines for every flow; raises when the ordinary layout must decide."""
        flows, key = [], []
        plain = breaking.is_plain
        for text in texts:
            if not all([plain[char] for char in text]):
                raise TakeOrdinaryWay("characters that need shaping")
        for flow in self.structure.flows:
            lines: list[Line] = []
            for paragraph in flow.paragraphs:
                if len(paragraph) == 1:
                    self._paragraph(flow, paragraph[0], texts, lines)
                else:
                    self._several(flow, paragraph, texts, lines)
            flows.append(lines)
            marks = tuple([self._mark(line) for line in lines])
            key.append(len(lines) if not any(marks) else marks)
        return Composed(flows, tuple(key))

    def _mark(self, line: Line) -> object:
        """Faces of other height than the first move a line, so they are part of the shape."""
        found = 0
        for span in line.spans:
            stack = self.styles[span.style][0]
            if span.store is not stack.first and span.store.height != stack.first.height:
                found |= 1 << stack.stores().index(span.store)
        return found

    def _text(self, run: Run, texts: list[str]) -> str:
        text = "".join([part if isinstance(part, str) else texts[part] for part in run.parts])
        return _SPACES.sub(" ", text) if "  " in text or "\n" in text or "\t" in text else text

    def _paragraph(self, flow: Flow, run: Run, texts: list[str], lines: list[Line]) -> None:
        text = self._text(run, texts).strip(" ")
        stack, size = self.styles[run.style]
        widths, faces = _measured(text, stack, size)
        room = int(max(0.0, flow.room) * PANGO)
        # An indent, which may be negative, belongs to the first line of the box alone.
        first = room if lines else int(max(0.0, flow.room - flow.indent) * PANGO)
        total = sum(widths)
        if total <= first or not self.structure.styles[run.style].wraps:
            lines.append(Line(_spans(run.style, text, faces, stack), total))
            return
        for start, end in breaking.lines(text, widths, room, first):
            if flow.justified and end < len(text) and " " in text[start:end]:
                raise TakeOrdinaryWay("a justified line with spaces to widen")
            part = faces[start:end] if faces is not None else None
            lines.append(Line(_spans(run.style, text[start:end], part, stack), sum(widths[start:end])))

    def _several(self, flow: Flow, runs: tuple[Run, ...], texts: list[str], lines: list[Line]) -> None:
        """Several styles in one paragraph: only while they fit on one line."""
        spans: list[Span] = []
        total = 0
        for index, run in enumerate(runs):
            text = self._text(run, texts)
            text = text.lstrip(" ") if index == 0 else text
            text = text.rstrip(" ") if index == len(runs) - 1 else text
            stack, size = self.styles[run.style]
            widths, faces = _measured(text, stack, size)
            total += sum(widths)
            spans += _spans(run.style, text, faces, stack)
        if total > int((flow.room - (flow.indent if not lines else 0)) * PANGO):
            raise TakeOrdinaryWay("several styles on several lines")
        lines.append(Line(spans, total))


def _measured(text: str, stack: Stack, size: int) -> tuple[list[int], list[int] | None]:
    """Width of each character in Pango's units, and its face when not all are of the first."""
    first = stack.first
    half, upem = first.upem // 2, first.upem
    try:
        advance = first.advance
        return [(advance[char] * size + half) // upem for char in text], None
    except KeyError:
        pass
    stores = stack.stores()
    widths, faces = [], []
    for char in text:
        for index, store in enumerate(stores):
            if char in store.advance:
                widths.append((store.advance[char] * size + store.upem // 2) // store.upem)
                faces.append(index)
                break
        else:
            raise TakeOrdinaryWay("a character that no prepared face has")
    return widths, faces


def _spans(style: int, text: str, faces: list[int] | None, stack: Stack) -> list[Span]:
    if not text:
        return []
    if faces is None:
        return [Span(style, stack.first, text)]
    stores = stack.stores()
    spans: list[Span] = []
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or faces[at] != faces[start]:
            spans.append(Span(style, stores[faces[start]], text[start:at]))
            start = at
    return spans
