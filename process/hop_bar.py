"""Who used the time, as a picture: one bar a level, from the resident up, with days and share in words beside it."""

from __future__ import annotations

from html import escape

from process import svg
from process.hops import LEVELS, Hops

INK, SECOND, TRACK = "#1F2328", "#57606A", "#EEF0F3"
COLOURS = {
    "resident": "#57606A",
    "grid": "#1A7F37",
    "community": "#0B5CAD",
    "street": "#8250DF",
    "bureau": "#9A6700",
    "city": "#B5121B",
}
ENGLISH = {
    "resident": "Resident",
    "grid": "Grid",
    "community": "Community",
    "street": "Street",
    "bureau": "Bureau",
    "city": "City",
}
NAME, BAR, WORDS, ROW = 84.0, 132.0, 112.0, 30.0


def draw_hops(found: Hops, locale: str = "zh_Hans_CN") -> str | None:
    """SVG of at most 330 units across; None where nothing has been used yet. Read aloud it is one sentence."""
    english = locale.startswith("en")
    levels = found.levels
    if not levels or not found.total:
        return None
    parts, said = [], []
    for index, (level, days, share) in enumerate(levels):
        y = index * ROW + 4
        name = ENGLISH[level] if english else LEVELS[level][0]
        words = f"{days:.1f} d · {share:.0%}" if english else f"{days:.1f} 天 · {share:.0%}"
        said.append(
            f"{name} {days:.1f} working days ({share:.0%})" if english else f"{name}{days:.1f}个工作日（{share:.0%}）"
        )
        parts += [
            svg.text([name], NAME - 8, y + 10, size=13.0, fill=INK, anchor="end"),
            svg.tag("rect", x=NAME, y=y, width=BAR, height=20.0, rx=3.0, fill=TRACK),
            svg.tag("rect", x=NAME, y=y, width=max(BAR * share, 1.0), height=20.0, rx=3.0, fill=COLOURS[level]),
            svg.text([words], NAME + BAR + 8, y + 10, size=12.0, fill=SECOND, anchor="start"),
        ]
    sentence = (", " if english else "，").join(said) + ("." if english else "。")
    width, height = NAME + BAR + WORDS, len(levels) * ROW + 4
    return svg.tag(
        "svg",
        svg.tag("title", escape(sentence)) + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
        class_="hops",
        font_family=svg.FONT,
    )
