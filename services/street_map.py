"""Where things lie in a street, in metres: as the office has entered it, else a drawn order that says so. No outside map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from models.agency import Agency

# Communities stand in rows of four, this far apart; nobody claims that they lie so.
APART, ROW = 600.0, 4
POSITION = "position"


@dataclass(frozen=True)
class Spot:
    """A place on the drawing; `invented` where the office has entered no position."""

    x: float
    y: float
    invented: bool


class StreetMap:
    """Positions of a street, its communities, grids and points."""

    def __init__(self, street: Agency, below: Iterable[Agency]) -> None:
        self.street = street
        self.below = sorted(below, key=lambda one: (one.number or 0, one.path))
        self.communities = [one for one in self.below if one.kind in ("community", "village")]
        self._cell = {one.id: (n % ROW, n // ROW) for n, one in enumerate(self.communities)}
        rows = max(1, -(-len(self.communities) // ROW))
        self.width, self.height = APART * ROW, APART * rows
        self._grids: dict[str, list[str]] = {}
        for one in self.below:
            if one.kind == "grid":
                self._grids.setdefault(one.parent_id or "", []).append(one.id)

    def spot(self, agency: Agency | None) -> Spot:
        """Its own position, else that of the community above it, else the middle of the street."""
        here = agency
        while here is not None:
            entered = (here.details or {}).get(POSITION)
            if isinstance(entered, list) and len(entered) == 2:
                return Spot(float(entered[0]), float(entered[1]), False)
            if here.kind == "grid" and here.parent_id in self._cell:
                return self._in_grid(here)
            if here.id in self._cell:
                column, row = self._cell[here.id]
                return Spot((column + 0.5) * APART, (row + 0.5) * APART, True)
            here = here.parent
        return Spot(self.width / 2, self.height / 2, True)

    def _in_grid(self, grid: Agency) -> Spot:
        column, row = self._cell[grid.parent_id or ""]
        known = self._grids[grid.parent_id or ""]
        at = known.index(grid.id)
        return Spot((column + 0.25 + 0.5 * (at % 2)) * APART, (row + 0.25 + 0.5 * (at // 2)) * APART, True)

    def cells(self) -> list[tuple[Agency, float, float, list[tuple[float, float]]]]:
        """Each community as a square with the middle of each of its grids, for the drawing."""
        found = []
        for one in self.communities:
            column, row = self._cell[one.id]
            grids = [
                ((column + 0.25 + 0.5 * (n % 2)) * APART, (row + 0.25 + 0.5 * (n // 2)) * APART)
                for n in range(len(self._grids.get(one.id, ())))
            ]
            found.append((one, column * APART, row * APART, grids))
        return found
