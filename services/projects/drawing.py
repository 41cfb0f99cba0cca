"""The check list as a timeline: what runs side by side, what waits for what, where the limit lies. Never by colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from process import svg
from services.projects import charts
from services.projects.rows import STATES

INK, SECOND, LINE, LIMIT = "#1F2328", "#57606A", "#D8DEE4", "#B5121B"
# state -> ground, edge; a row of a chart has none and looks like one that is open
LOOK = {
    "open": ("#F6F7F9", "#848D97"),
    "running": ("#E6F0FA", "#0B5CAD"),
    "done": ("#DDF3E4", "#1A7F37"),
    "refused": ("#FBEDED", "#B5121B"),
    "committed": ("#FFF8E5", "#9A6700"),
    "dropped": ("#FFFFFF", "#D8DEE4"),
}
HIGH, GAP, BAND, TOP = 26.0, 5.0, 24.0, 30.0
STEPS = (1, 2, 5, 10, 20, 50)


def timeline(
    rows: Sequence[Any],
    stages: Sequence[tuple[str, str]],
    *,
    limit: int | None = None,
    width: float = 960.0,
    title: str = "",
    words: Any = str,
) -> str:
    """One bar a row from its earliest begin to its end, in working days. `stages`: (id, name) in their order; `words`: translates."""
    spans = charts.plan(rows)
    last = max([span.end for span in spans.values()] + [limit or 0, 1])
    narrow = width < 600
    left = 8.0 if narrow else 250.0
    unit = (width - left - 30) / last
    parts: list[str] = []
    y = TOP
    row_high = HIGH + (16.0 if narrow else 0.0)
    for stage, name in stages:
        own = [row for row in rows if row.stage == stage]
        if not own:
            continue
        parts.append(svg.text([name], 8.0, y + BAND / 2, size=13, fill=INK, anchor="start", weight="700"))
        y += BAND
        for row in own:
            parts += _bar(row, spans[row.key], left, unit, y, width, words)
            y += row_high + GAP
        y += 4
    whole = y + 6
    grid = _grid(last, limit, left, unit, whole, words)
    return svg.tag(
        "svg",
        svg.tag("title", escape(title)) + "".join(grid) + "".join(parts),
        viewBox=f"0 0 {width:.0f} {whole:.0f}",
        role="img",
        font_family=svg.FONT,
        class_="gantt",
    )


def _grid(last: int, limit: int | None, left: float, unit: float, whole: float, words: Any) -> list[str]:
    step = next((n for n in STEPS if n * unit >= 34), STEPS[-1])
    found = []
    for day in range(0, last + 1, step):
        x = left + day * unit
        found.append(svg.tag("path", d=f"M{x:.1f} {TOP - 8:.1f}V{whole:.1f}", stroke=LINE, stroke_width=1))
        found.append(svg.text([str(day)], x, 12, size=11, fill=SECOND))
    if limit:
        x = left + limit * unit
        found.append(
            svg.tag(
                "path", d=f"M{x:.1f} {TOP - 12:.1f}V{whole:.1f}", stroke=LIMIT, stroke_width=2, stroke_dasharray="5 3"
            )
        )
        found.append(
            svg.text([words("时限 %(n)s 天") % {"n": limit}], x - 4, 22, size=11, fill=LIMIT, anchor="end", halo=True)
        )
    return found


def _bar(row: Any, span: charts.Span, left: float, unit: float, y: float, edge_x: float, words: Any) -> list[str]:
    state, narrow = getattr(row, "state", "open"), edge_x < 600
    ground, edge = LOOK[state]
    name = getattr(row, "title", "") or row.name
    x, wide = left + span.begin * unit, max((span.end - span.begin) * unit, 3.0)
    bar_y = y + (16 if narrow else 0)
    lines = svg.wrap(name, 230, 12, most=1)
    found = [
        svg.text(
            [name if narrow else lines[0]], 8.0, y + (8 if narrow else HIGH / 2), size=12, fill=INK, anchor="start"
        ),
        svg.tag(
            "rect",
            x=x,
            y=float(bar_y),
            width=wide,
            height=HIGH,
            rx=4,
            fill=ground,
            stroke=edge,
            stroke_width=1.5,
            stroke_dasharray="4 3" if state in ("dropped", "committed") else None,
        ),
    ]
    days = str(span.end - span.begin)
    said = days if state == "open" else f"{days} {words(STATES[state])}"
    middle = bar_y + HIGH / 2
    if svg.width_of(said, 11) < wide - 6:
        found.append(svg.text([said], x + wide / 2, middle, size=11, fill=INK))
    elif x + wide + svg.width_of(said, 11) + 8 < edge_x:
        found.append(svg.text([said], x + wide + 4, middle, size=11, fill=SECOND, anchor="start", halo=True))
    else:
        found.append(svg.text([said], x - 4, middle, size=11, fill=SECOND, anchor="end", halo=True))
    return found
