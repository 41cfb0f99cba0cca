"""Where things lie in a street, in metres: as the office has entered it, else a drawn order that says so. No outside map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from models.agency import Agency

# Communities stand in rows of four, this far apart; nobody claims that they lie so.
APART, ROW = 600.0, 4
# How far a grid is drawn from the entered middle of its community, and how much paper is left around the outermost place.
NEAR, MARGIN = 60.0, 200.0
POSITION = "position"


@dataclass(frozen=True)
class Spot:
    """A place on the drawing; `invented` where the office has entered no position."""

    x: float
    y: float
    invented: bool


@dataclass(frozen=True)
class Cell:
    """A community as a square (its upper left corner), with the middle of each of its grids."""

    agency: Agency
    x: float
    y: float
    side: float
    grids: tuple[tuple[float, float], ...]


def entered(agency: Agency) -> tuple[float, float] | None:
    """What the office has entered for this very place."""
    return read((agency.details or {}).get(POSITION))


def read(value: Any) -> tuple[float, float] | None:
    return (float(value[0]), float(value[1])) if isinstance(value, list) and len(value) == 2 else None


class StreetMap:
    """Positions of a street, its communities, grids and points."""

    def __init__(self, street: Agency, below: Iterable[Agency]) -> None:
        self.street = street
        self.below = sorted(below, key=lambda one: (one.number or 0, one.path))
        self.communities = [one for one in self.below if one.kind in ("community", "village")]
        self._cell = {one.id: (n % ROW, n // ROW) for n, one in enumerate(self.communities)}
        self._grids: dict[str, list[Agency]] = {}
        for one in self.below:
            if one.kind == "grid":
                self._grids.setdefault(one.parent_id or "", []).append(one)
        rows = max(1, -(-len(self.communities) // ROW))
        places = [found for one in self.below if (found := entered(one)) is not None]
        drawn = any(entered(one) is None for one in self.communities) or not places
        self.width = max([APART * ROW] * drawn + [x + MARGIN for x, _y in places])
        self.height = max([APART * rows] * drawn + [y + MARGIN for _x, y in places])

    def spot(self, agency: Agency | None) -> Spot:
        """Its own position, else that of the community above it, else the middle of the street."""
        here = agency
        while here is not None:
            found = entered(here)
            if found is not None:
                return Spot(*found, False)
            if here.kind == "grid" and here.parent_id in self._cell:
                return self._in_grid(here)
            if here.id in self._cell:
                column, row = self._cell[here.id]
                return Spot((column + 0.5) * APART, (row + 0.5) * APART, True)
            here = here.parent
        return Spot(self.width / 2, self.height / 2, True)

    def _in_grid(self, grid: Agency) -> Spot:
        known = [one.id for one in self._grids[grid.parent_id or ""]]
        across, down = known.index(grid.id) % 2, known.index(grid.id) // 2
        middle = entered(grid.parent) if grid.parent is not None else None
        if middle is not None:
            return Spot(
                max(0.0, middle[0] + (2 * across - 1) * NEAR), max(0.0, middle[1] + (2 * down - 1) * NEAR), True
            )
        column, row = self._cell[grid.parent_id or ""]
        return Spot((column + 0.25 + 0.5 * across) * APART, (row + 0.25 + 0.5 * down) * APART, True)

    def cells(self) -> list[Cell]:
        """Each community for the drawing: a wide square in the drawn order, a small one where its position was entered."""
        found = []
        for one in self.communities:
            spot = self.spot(one)
            side = APART if spot.invented else 4 * NEAR
            grids = tuple((at.x, at.y) for at in (self.spot(grid) for grid in self._grids.get(one.id, ())))
            found.append(Cell(one, spot.x - side / 2, spot.y - side / 2, side, grids))
        # What was entered is drawn over what was not.
        return sorted(found, key=lambda cell: -cell.side)
