"""Draws the icons of the field app as the favicon is drawn: two arrows, one each way, on the accent red."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).resolve().parents[1] / "static/field"
RED, WHITE = "#B5121B", "#FFFFFF"
ARROWS = (((7, 11), (22, 11), (18, 7)), ((25, 21), (10, 21), (14, 25)))
SCALE = 4


def icon(size: int, *, maskable: bool) -> Image.Image:
    """Drawn large and made small, so that edges are smooth; a maskable one fills the square and keeps to its middle."""
    side = size * SCALE
    picture = Image.new("RGBA", (side, side), RED if maskable else (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    unit = side / 32
    if not maskable:
        pen.rounded_rectangle((0, 0, side - 1, side - 1), radius=6 * unit, fill=RED)
    shrink, shift = (0.7, 32 * 0.15) if maskable else (1.0, 0.0)

    def at(point: tuple[int, int]) -> tuple[float, float]:
        return tuple((one * shrink + shift) * unit for one in point)  # type: ignore[return-value]

    width = round(3 * unit * shrink)
    for line in ARROWS:
        points = [at(point) for point in line]
        pen.line(points, fill=WHITE, width=width, joint="curve")
        for x, y in points:
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=WHITE)
    return picture.resize((size, size), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    for size, maskable in ((192, False), (512, False), (512, True)):
        name = f"icon-{size}{'-maskable' if maskable else ''}.png"
        icon(size, maskable=maskable).save(FOLDER / name, optimize=True)
