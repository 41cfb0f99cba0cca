"""What is kept of a laid-out paper: which text stands where, and everything on the sheet that is the same in each copy."""

from __future__ import annotations

from dataclasses import dataclass

from .deflate import Piece

# A part of a run is either fixed text or the number of a blank.
Part = str | int


@dataclass(frozen=True)
class Style:
    """How a text is set: size in CSS pixels and the families in the order they are asked for a character."""

    size: float
    families: tuple[str, ...]
    weight: int
    italic: str
    wraps: bool


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style."""

    style: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Flow:
    """The text of one box: paragraphs of runs, how wide the box is, and which box of the layout it is."""

    index: int
    paragraphs: tuple[tuple[Run, ...], ...]
    room: float
    indent: float
    align: str
    justified: bool


@dataclass(frozen=True)
class Structure:
    """The boxes of a paper while the same blanks are filled in and the same parts of the page are shown."""

    flows: tuple[Flow, ...]
    styles: tuple[Style, ...]
    boxes: int


@dataclass(frozen=True)
class Image:
    """A picture that differs in each copy: its blank, its box, and how it fills the box."""

    name: str
    width: float
    height: float
    fit: str
    number: int


@dataclass(frozen=True)
class Content:
    """A stream of page marks: fixed pieces, and between them the numbers of flows (`t3`) and pictures (`i0`)."""

    number: int
    head: bytes
    parts: tuple[Piece | str, ...]


@dataclass(frozen=True)
class Shape:
    """One layout of a structure: lines of each flow as (x, y), and the file around them."""

    lines: tuple[tuple[tuple[float, float], ...], ...]
    images: tuple[Image, ...]
    prefix: bytes
    offsets: tuple[int, ...]
    contents: tuple[Content, ...]
    fonts: int
    static_fonts: bytes
    root: int
    info: int
    attachment: int
    attachment_head: bytes
