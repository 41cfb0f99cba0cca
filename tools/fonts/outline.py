"""Make outlines a little darker: every point moves outwards along the bisector of its two edges."""

from __future__ import annotations

from math import hypot
from typing import Any

from fontTools.ttLib.tables._g_l_y_f import GlyphCoordinates


def embolden(glyph: Any, amount: float) -> None:
    """Grow a simple glyph by `amount` units on every side; filled areas are on the right of their outline."""
    points = list(glyph.coordinates)
    moved: list[tuple[int, int]] = []
    start = 0
    for end in glyph.endPtsOfContours:
        contour = points[start : end + 1]
        moved += [_shifted(contour, index, amount) for index in range(len(contour))]
        start = end + 1
    glyph.coordinates = GlyphCoordinates(moved)


def _shifted(contour: list[tuple[int, int]], index: int, amount: float) -> tuple[int, int]:
    x, y = contour[index]
    before = _direction(contour, index, -1)
    after = _direction(contour, index, 1)
    if before is None or after is None:
        return x, y
    # Left normals of both edges; with the filling on the right the left is outside.
    bend = 1 + before[0] * after[0] + before[1] * after[1]
    # A needle would shoot away; a sharp corner moves at most by twice the amount.
    factor = amount / max(bend, 0.5)
    return round(x - (before[1] + after[1]) * factor), round(y + (before[0] + after[0]) * factor)


def _direction(contour: list[tuple[int, int]], index: int, step: int) -> tuple[float, float] | None:
    """The unit vector of the edge that arrives at (-1) or leaves (1) this point; equal points are passed over."""
    x, y = contour[index]
    for distance in range(1, len(contour)):
        other_x, other_y = contour[(index + step * distance) % len(contour)]
        across, up = (other_x - x) * step, (other_y - y) * step
        length = hypot(across, up)
        if length:
            return across / length, up / length
    return None
