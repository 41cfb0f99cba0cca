"""走访 counted: every time a worker stood at a door or walked the grid, by year, with the lines behind each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Select, false, func, or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.care import DoorCall
from models.grid import GridLog
from models.person import Grant, GridMembership, Person
from process import access, clock
from process.access import Actor
from process.numbers import CHINA
from process.refusals import InvalidInput, NotFound
from process.words import N_
from services import unit_settings

FIRST_YEAR = 2020
KINDS = {
    "collect": N_("上门收件"),
    "deliver": N_("上门送达"),
    "walk": N_("巡查走访"),
    "home": N_("入户走访"),
    "miss": N_("未遇到"),
}
# What is called a visit: somebody was met, or the grid was walked. A closed door is shown beside it, not added.
COUNTED = ("collect", "deliver", "walk", "home")
OVERSEERS = ("supervisor", "statistician", "head")
KEEPERS = ("grid_leader", "grid_service_worker", "community_clerk")
LOG_KINDS = {"walk": "walk", "visit": "home"}


def target(session: Session, actor: Actor) -> int:
    """How many visits a year are asked of a worker where this actor sits."""
    return unit_settings.number(session, actor.unit_id, "visit_target")


@dataclass
class Line:
    """One worker of one grid in one year."""

    person: Person
    grid: Agency
    by_kind: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_kind.get(kind, 0) for kind in COUNTED)


@dataclass(frozen=True)
class Behind:
    """One row behind a number."""

    at: date
    kind: str
    grid: Agency
    uid: str | None = None
    number: str = ""
    minutes: int = 0


def year_of(value: Any, today: date) -> int:
    """The year asked for; another answers with the sentence that helps."""
    if value in (None, ""):
        return today.year
    if not str(value).isdecimal() or not FIRST_YEAR <= int(value) <= today.year:
        raise InvalidInput(f"没有这一年的走访数。请选 {FIRST_YEAR} 年到 {today.year} 年。", {"year": "年份不对"})
    return int(value)


def bounds(year: int) -> tuple[datetime, datetime]:
    return datetime.combine(date(year, 1, 1), time(), CHINA), datetime.combine(date(year + 1, 1, 1), time(), CHINA)


def scope(actor: Actor) -> list[str]:
    """The places whose numbers this actor may see: the own grid or community, and for supervisors what lies below them."""
    return [held.path for held in actor.held if held.role in (*KEEPERS, *OVERSEERS)]


def grids(session: Session, actor: Actor) -> Sequence[Agency]:
    paths = scope(actor)
    if not paths:
        return []
    today = clock.local_day(now())
    found = session.scalars(
        select(Agency)
        .where(Agency.kind == "grid", or_(*(access.within(Agency.path, path) for path in paths)))
        .options(joinedload(Agency.parent))
        .order_by(Agency.number, Agency.id)
    )
    return [grid for grid in found if grid.exists_on(today)]


def lines(session: Session, actor: Actor, year: int) -> list[Line]:
    """Every worker of these grids in the order of the grids: who did nothing yet stands there with a nought, and nobody is ranked."""
    places = {grid.id: grid for grid in grids(session, actor)}
    if not places:
        return []
    found: dict[tuple[int, str], Line] = {}
    for person, grid_id in _workers(session, list(places)):
        found.setdefault((person.id, grid_id), Line(person, places[grid_id]))
    for person_id, grid_id, kind, count in _counted(session, year, list(places)):
        line = found.get((person_id, grid_id))
        if line is None:
            line = found[person_id, grid_id] = Line(session.get_one(Person, person_id), places[grid_id])
        line.by_kind[kind] = line.by_kind.get(kind, 0) + count
    order = {grid_id: index for index, grid_id in enumerate(places)}
    return sorted(found.values(), key=lambda line: (order[line.grid.id], line.person.id))


def _workers(session: Session, grid_ids: list[str]) -> list[tuple[Person, str]]:
    today = clock.local_day(now())
    posts = select(Grant.person_id, Grant.place_id).where(
        Grant.place_id.in_(grid_ids),
        Grant.role.in_(("grid_leader", "grid_service_worker")),
        or_(Grant.since.is_(None), Grant.since <= today),
        or_(Grant.until.is_(None), Grant.until >= today),
        Grant.principal_id.is_(None),
    )
    members = select(GridMembership.person_id, GridMembership.grid_id).where(
        GridMembership.grid_id.in_(grid_ids),
        or_(GridMembership.since.is_(None), GridMembership.since <= today),
        or_(GridMembership.until.is_(None), GridMembership.until >= today),
    )
    pairs = {(person_id, grid_id) for person_id, grid_id in session.execute(posts.union(members))}
    people = {
        person.id: person
        for person in session.scalars(
            select(Person).where(Person.id.in_({person_id for person_id, _ in pairs}), Person.active)
        )
    }
    return sorted(
        ((people[person_id], grid_id) for person_id, grid_id in pairs if person_id in people),
        key=lambda pair: (pair[1], pair[0].id),
    )


def _counted(session: Session, year: int, grid_ids: list[str]) -> list[tuple[int, str, str, int]]:
    since, until = bounds(year)
    doors = session.execute(
        select(DoorCall.person_id, DoorCall.grid_id, DoorCall.kind, func.count())
        .where(DoorCall.grid_id.in_(grid_ids), DoorCall.at >= since, DoorCall.at < until)
        .group_by(DoorCall.person_id, DoorCall.grid_id, DoorCall.kind)
    )
    walks = session.execute(
        select(GridLog.person_id, GridLog.grid_id, GridLog.kind, func.count())
        .where(
            GridLog.grid_id.in_(grid_ids),
            GridLog.happened_on >= since.date(),
            GridLog.happened_on < until.date(),
            GridLog.withdrawn_at.is_(None),
            GridLog.kind.in_(tuple(LOG_KINDS)),
        )
        .group_by(GridLog.person_id, GridLog.grid_id, GridLog.kind)
    )
    found = [(person_id, grid_id, kind, count) for person_id, grid_id, kind, count in doors]
    return found + [(person_id, grid_id, LOG_KINDS[kind], count) for person_id, grid_id, kind, count in walks]


def behind(session: Session, actor: Actor, person_id: int, year: int, kind: str = "", limit: int = 400) -> list[Behind]:
    """The rows behind one worker's number, newest first; visits only as number and day, whoever looks."""
    places = {grid.id: grid for grid in grids(session, actor)}
    if not places:
        raise NotFound()
    since, until = bounds(year)
    doors: Select[Any] = (
        select(DoorCall)
        .where(DoorCall.person_id == person_id, DoorCall.grid_id.in_(places), DoorCall.at >= since, DoorCall.at < until)
        .options(joinedload(DoorCall.visit))
        .order_by(DoorCall.at.desc(), DoorCall.id.desc())
        .limit(limit)
    )
    walks: Select[Any] = (
        select(GridLog)
        .where(
            GridLog.person_id == person_id,
            GridLog.grid_id.in_(places),
            GridLog.happened_on >= since.date(),
            GridLog.happened_on < until.date(),
            GridLog.withdrawn_at.is_(None),
            GridLog.kind.in_(tuple(LOG_KINDS)),
        )
        .order_by(GridLog.happened_on.desc(), GridLog.id.desc())
        .limit(limit)
    )
    if kind:
        doors = doors.where(DoorCall.kind == kind if kind in ("collect", "deliver", "miss") else false())
        walks = walks.where(
            GridLog.kind.in_([name for name, ours in LOG_KINDS.items() if ours == kind]) if kind else false()
        )
    found = [
        Behind(clock.local_day(call.at), call.kind, places[call.grid_id], call.visit.uid, call.visit.number or "")
        for call in session.scalars(doors)
    ]
    found += [
        Behind(log.happened_on, LOG_KINDS[log.kind], places[log.grid_id], minutes=log.minutes)
        for log in session.scalars(walks)
    ]
    return sorted(found, key=lambda row: row.at, reverse=True)[:limit]


def person_of(session: Session, actor: Actor, person_id: int) -> Person:
    """A worker of a grid this actor may see the numbers of."""
    ids = [grid.id for grid in grids(session, actor)]
    known = {person.id: person for person, _ in _workers(session, ids)} if ids else {}
    if person_id in known:
        return known[person_id]
    person = session.get(Person, person_id)
    been = (
        person is not None
        and ids
        and session.scalar(
            select(DoorCall.id).where(DoorCall.person_id == person_id, DoorCall.grid_id.in_(ids)).limit(1)
        )
    )
    if person is None or not been:
        raise NotFound()
    return person
