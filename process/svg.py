"""Shapes for drawings: SVG by presentation attributes only, so that it may stand in a page with a strict policy."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

FONT = "Noto Sans SC, Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif"
ASCII_WIDTH = 0.56


def width_of(text: str, size: float) -> float:
    """About how wide a text stands: Chinese signs are square, Latin letters about half."""
    return sum(size if ord(c) > 0x2E7F else size * ASCII_WIDTH for c in text)


def wrap(text: str, limit: float, size: float, most: int = 3) -> list[str]:
    """Lines no wider than `limit`; Latin words stay whole, the last line ends with … when there is too much."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line.strip() and width_of(line + piece.rstrip(), size) > limit:
            lines.append(line.strip())
            line = piece.lstrip()
        else:
            line += piece
    lines.append(line.strip())
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1] + "…"]
    if len(lines) == 2 and all(ord(c) > 0x2E7F for c in text):
        # Two even halves read better than five signs and one.
        middle = (len(text) + 1) // 2
        lines = [text[:middle], text[middle:]]
    return lines


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for char in text:
        if pieces and ord(char) < 0x2E80 and ord(pieces[-1][-1]) < 0x2E80 and not pieces[-1].endswith(" "):
            pieces[-1] += char
        else:
            pieces.append(char)
    return pieces


def tag(name: str, body: str = "", **attributes: object) -> str:
    """An element; `class_` and `font_size` become class and font-size."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{body}</{name}>" if body else f"<{name}{written}/>"


def _short(value: object) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def text(
    lines: Sequence[str],
    x: float,
    y: float,
    *,
    size: float,
    fill: str,
    anchor: str = "middle",
    weight: str | None = None,
    class_: str = "",
    halo: bool = False,
) -> str:
    """Lines of text around the middle height `y`; a halo keeps them readable where a line passes behind."""
    step = size * 1.25
    first = y - step * (len(lines) - 1) / 2 + size * 0.36
    spans = "".join(tag("tspan", escape(line), x=float(x), y=float(first + i * step)) for i, line in enumerate(lines))
    edge = {"stroke": "#FFFFFF", "stroke_width": 4, "stroke_linejoin": "round", "paint_order": "stroke"} if halo else {}
    return tag(
        "text", spans, class_=class_ or None, font_size=size, fill=fill, text_anchor=anchor, font_weight=weight, **edge
    )


def line(points: Sequence[tuple[float, float]], *, stroke: str, width: float, class_: str) -> str:
    """A line of right angles with slightly rounded corners."""
    path = f"M{_at(points[0])}"
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(5.0, _length(before, here) / 2, _length(here, after) / 2)
        start, end = _towards(here, before, radius), _towards(here, after, radius)
        path += f"L{_at(start)}Q{_at(here)} {_at(end)}"
    path += f"L{_at(points[-1])}"
    return tag("path", class_=class_, d=path, fill="none", stroke=stroke, stroke_width=width, stroke_linejoin="round")


def head(tip: tuple[float, float], towards: str, *, fill: str, class_: str) -> str:
    """An arrow head; drawn as a shape, because markers need ids that must not meet twice on a page."""
    x, y = tip
    long, half = 8.0, 4.2
    dx, dy = {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}[towards]
    back = (x - dx * long, y - dy * long)
    a, b = (back[0] - dy * half, back[1] + dx * half), (back[0] + dy * half, back[1] - dx * half)
    points = " ".join(f"{_short(float(px))},{_short(float(py))}" for px, py in ((x, y), a, b))
    return tag("polygon", class_=class_, points=points, fill=fill)


def _at(point: tuple[float, float]) -> str:
    return f"{_short(float(point[0]))} {_short(float(point[1]))}"


def _length(a: tuple[float, float], b: tuple[float, float]) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(a: tuple[float, float], b: tuple[float, float], distance: float) -> tuple[float, float]:
    whole = _length(a, b) or 1.0
    return a[0] + (b[0] - a[0]) * distance / whole, a[1] + (b[1] - a[1]) * distance / whole
