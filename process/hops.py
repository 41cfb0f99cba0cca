"""Who used the time: the working days a thing has spent with the resident, the grid, the community, the street, the bureau."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.ledger import JournalEntry
from models.person import Person
from process.calendar_days import CalendarMissing, WorkCalendar
from process.calendars import calendar, worked
from process.definition import Definition
from process.library import library
from process.words import N_

# From below to above. The kinds of agencies that count to a level; what is no office at all is the resident.
LEVELS: dict[str, tuple[str, frozenset[str]]] = {
    "resident": (N_("办事人"), frozenset()),
    "grid": (N_("网格"), frozenset({"grid"})),
    "community": (
        N_("社区"),
        frozenset({"community", "community_station", "errand_point", "village", "village_station"}),
    ),
    "street": (N_("街道"), frozenset({"street", "street_centre", "errand_station", "town", "town_centre"})),
    "bureau": (N_("区级部门"), frozenset({"district", "bureau", "district_bureau", "district_centre", "department"})),
    "city": (N_("市级部门"), frozenset({"city", "city_bureau", "city_centre"})),
}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Hop:
    """One stay of a thing with one unit, between two steps."""

    level: str
    unit: Agency | None
    start: datetime
    end: datetime
    days: float


@dataclass(frozen=True)
class Hops:
    """The stays in order, and what they add up to per level. `missing`: a year without a calendar lies in between."""

    stays: tuple[Hop, ...]
    missing: int | None = None

    @property
    def total(self) -> float:
        return sum(stay.days for stay in self.stays)

    @property
    def levels(self) -> list[tuple[str, float, float]]:
        """(level, working days, share of the whole), from the resident up; levels that never had it are left out."""
        found: dict[str, float] = {}
        for stay in self.stays:
            found[stay.level] = found.get(stay.level, 0.0) + stay.days
        total = self.total
        return [(name, found[name], found[name] / total if total else 0.0) for name in LEVELS if name in found]

    def as_data(self) -> dict[str, Any]:
        return {
            "working_days": round(self.total, 2),
            "levels": [
                {"level": name, "title": LEVELS[name][0], "working_days": round(days, 2), "share": round(share, 4)}
                for name, days, share in self.levels
            ],
            "stays": [
                {
                    "level": stay.level,
                    "unit": {"id": stay.unit.id, "name": stay.unit.name} if stay.unit else None,
                    "from": stay.start.isoformat(),
                    "to": stay.end.isoformat(),
                    "working_days": round(stay.days, 2),
                }
                for stay in self.stays
            ],
            "missing_year": self.missing,
        }


def level_of(kind: str) -> str:
    """The level an agency counts to; a kind nobody named is a department."""
    return next((name for name, (_, kinds) in LEVELS.items() if kind in kinds), "bureau")


def hops(session: Session, content: Content, at: datetime | None = None) -> Hops:
    """Read off the journal. Until a step was taken, the thing lay with the unit that took it: nobody else could have gone on.

    While a clock stands still the thing waits for the resident, and so it does before a step that was the resident's to take."""
    definition = library.of(content, session)
    rows = session.execute(
        select(JournalEntry.at, JournalEntry.action, JournalEntry.to_state, JournalEntry.unit_id, Person.resident_id)
        .join(Person, Person.id == JournalEntry.person_id, isouter=True)
        .where(JournalEntry.content_id == content.id, JournalEntry.to_state.is_not(None))
        .order_by(JournalEntry.id)
    ).all()
    moves = [(row.at, row.action.partition(":")[2], row.to_state, row.unit_id, row.resident_id) for row in rows]
    if not moves:
        return Hops(())
    end = content.closed_at or at or now()
    spans: list[tuple[datetime, datetime, str | None]] = []
    for (start, _, state, _, _), (until, step, _, unit, resident) in itertools.pairwise(moves):
        spans.append((start, until, _holder(definition, content, state, step, unit, resident)))
    if content.closed_at is None:
        own = len(moves) == 1 and moves[0][4] is not None
        spans.append((moves[-1][0], max(end, moves[-1][0]), None if own else _waiting(definition, content)))
    units = {
        unit.id: unit for unit in session.scalars(select(Agency).where(Agency.id.in_({u for *_, u in spans if u})))
    }
    days = calendar(session)
    stays: list[Hop] = []
    missing = None
    for start, until, unit_id in spans:
        unit = units.get(unit_id) if unit_id else None
        try:
            spent = _days(days, start, until)
        except CalendarMissing as gap:
            missing, spent = gap.year, 0.0
        level = level_of(unit.kind) if unit else "resident"
        last = stays[-1] if stays else None
        if last is not None and (last.level, last.unit) == (level, unit):
            stays[-1] = Hop(level, unit, last.start, until, last.days + spent)
        else:
            stays.append(Hop(level, unit, start, until, spent))
    return Hops(tuple(stays), missing)


def _days(days: WorkCalendar, start: datetime, end: datetime) -> float:
    return worked(days, start, end) / _DAY


def _stands_still(definition: Definition, state: str | None) -> bool:
    return any(state in clock.pause for clock in definition.clocks.values())


def _holder(
    definition: Definition, content: Content, state: str | None, step: str, unit: str | None, resident: int | None
) -> str | None:
    """The unit a thing lay with before this step; None: with the resident."""
    if _stands_still(definition, state):
        return None
    if unit is not None:
        return unit
    transition = definition.transitions.get(step)
    # A resident who withdraws what an office had did not keep it waiting; neither does a timer.
    if resident is not None and transition is not None and transition.primary:
        return None
    return content.place_id


def _waiting(definition: Definition, content: Content) -> str | None:
    if _stands_still(definition, content.state):
        return None
    if content.assignee is not None and content.assignee.unit_id is not None:
        return content.assignee.unit_id
    return content.unit_id or content.place_id
