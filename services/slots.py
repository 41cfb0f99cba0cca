"""The hours in which the two leaders of a grid visit homes: which are free, who has them, and how one is taken exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.delegation import HomeVisit
from models.person import Grant, GridMembership, Person
from models.resident import Resident
from process import clock
from process.numbers import CHINA
from process.refusals import InvalidInput, RequirementUnmet

LEADERS = ("grid_leader",)
# A service worker may be sent as well, by name; papers and letter are taken by a leader.
VISITORS = (*LEADERS, "grid_service_worker")
# Proposals until the agency decides: how long a slot is, and how far ahead one may be booked.
SLOT = timedelta(hours=1)
AHEAD = timedelta(days=60)
# The hours of the stations; a community that goes out at other hours writes `visit_hours` into its details.
USUAL_HOURS = (("08:30", "12:00"), ("13:30", "17:30"))
# Agreed with the household a visit may lie outside these hours, but nobody rings at a door at night.
EARLIEST, LATEST = time(7), time(21)
# A slot belongs to a visit from the moment somebody asks for it.
BUSY = ("requested", "scheduled", "visiting")
OFFERED = 4
WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True)
class Cell:
    """One hour of one visitor."""

    start: datetime
    visitor: Person
    state: str  # free, taken, past, mine

    @property
    def value(self) -> str:
        return f"{self.start.astimezone(CHINA):%Y-%m-%dT%H:%M}|{self.visitor.username}"


@dataclass
class Day:
    """One working day of the picker."""

    day: date
    cells: dict[str, list[Cell]] = field(default_factory=dict)

    @property
    def free(self) -> int:
        return sum(cell.state == "free" for row in self.cells.values() for cell in row)


def leaders(session: Session, grid_id: str) -> list[Person]:
    """The two leaders of a grid today: whose hours are booked, and who hears of the register."""
    return visitors(session, grid_id, LEADERS)


def visitors(session: Session, grid_id: str, roles: Sequence[str] = VISITORS) -> list[Person]:
    """Leaders and service workers of a grid today."""
    today = clock.local_day(now())
    posts = select(Grant.person_id).where(
        Grant.role.in_(roles),
        Grant.place_id == grid_id,
        (Grant.since.is_(None)) | (Grant.since <= today),
        (Grant.until.is_(None)) | (Grant.until >= today),
    )
    members = select(GridMembership.person_id).where(
        GridMembership.grid_id == grid_id,
        GridMembership.capacity.in_(roles),
        (GridMembership.since.is_(None)) | (GridMembership.since <= today),
        (GridMembership.until.is_(None)) | (GridMembership.until >= today),
    )
    return list(
        session.scalars(select(Person).where(Person.active, Person.id.in_(posts.union(members))).order_by(Person.id))
    )


def hours_of(agency: Agency | None) -> list[tuple[time, time]]:
    """The hours in which this grid is visited: its own, else those of the nearest unit above which names some."""
    while agency is not None:
        named = (agency.details or {}).get("visit_hours")
        if named:
            return [(time.fromisoformat(start), time.fromisoformat(end)) for start, end in named]
        agency = agency.parent
    return [(time.fromisoformat(start), time.fromisoformat(end)) for start, end in USUAL_HOURS]


def in_hours(agency: Agency | None, start: datetime) -> bool:
    """Whether a whole visit that begins then lies in the hours of this grid."""
    first, last = start.astimezone(CHINA), (start + SLOT).astimezone(CHINA)
    return any(begin <= first.time() and last.time() <= end for begin, end in hours_of(agency))


def is_worked(session: Session, day: date) -> bool:
    """A year without a calendar has no day that could be promised."""
    calendar = clock.calendar(session)
    return day.year in calendar.years and calendar.is_working_day(day)


def starts(session: Session, grid: Agency, day: date) -> list[datetime]:
    """The hours of this day that can be booked, taken or not."""
    if not is_worked(session, day):
        return []
    found = []
    for first, last in hours_of(grid):
        start = datetime.combine(day, first, CHINA)
        while start + SLOT <= datetime.combine(day, last, CHINA):
            found.append(start)
            start += SLOT
    return found


def days(session: Session, grid: Agency, at: datetime, count: int, first: date | None = None) -> list[date]:
    """The next days on which somebody goes out, from today on."""
    day = max(first or clock.local_day(at), clock.local_day(at))
    last = clock.local_day(at + AHEAD)
    found: list[date] = []
    while len(found) < count and day <= last:
        if any(start > at for start in starts(session, grid, day)):
            found.append(day)
        day += timedelta(days=1)
    return found


@dataclass(frozen=True)
class Held:
    """An hour that a visit has, as the database knows it this moment."""

    id: int
    start: datetime
    end: datetime
    visitor_id: int | None
    resident_id: int | None


def held(
    session: Session, people: Iterable[int], residents: Iterable[int], since: datetime, until: datetime
) -> list[Held]:
    """Who of these people, or of these residents, is in a visit then. Not narrowed to the actor: an hour is taken for everybody."""
    rows = session.execute(
        # Columns, not objects: what this session read before it waited for the lock no longer counts.
        select(
            HomeVisit.id, HomeVisit.slot_start, HomeVisit.slot_end, HomeVisit.assignee_id, HomeVisit.applicant_id
        ).where(
            HomeVisit.state.in_(BUSY),
            HomeVisit.slot_start < until,
            HomeVisit.slot_end > since,
            or_(HomeVisit.assignee_id.in_(list(people)), HomeVisit.applicant_id.in_(list(residents))),
        )
    )
    return [
        Held(visit_id, start, end, visitor_id, resident_id)
        for visit_id, start, end, visitor_id, resident_id in rows
        if start is not None and end is not None
    ]


def board(
    session: Session,
    grid: Agency,
    at: datetime,
    *,
    visit: HomeVisit | None = None,
    first: date | None = None,
    count: int = 5,
) -> list[Day]:
    """The picker: for each of the next working days every hour of every visitor, free or not."""
    able = leaders(session, grid.id)
    if visit is not None and visit.assignee is not None and visit.slot_start is not None:
        able += [visit.assignee] if visit.assignee_id not in {one.id for one in able} else []
    shown = days(session, grid, at, count, first)
    if not shown or not able:
        return []
    since = datetime.combine(shown[0], time(), CHINA)
    until = datetime.combine(shown[-1] + timedelta(days=1), time(), CHINA)
    own = [visit.applicant_id] if visit is not None and visit.applicant_id is not None else []
    taken = held(session, [one.id for one in able], own, since, until)
    found = []
    for day in shown:
        made = Day(day)
        for start in starts(session, grid, day):
            made.cells[f"{start:%H:%M}"] = [Cell(start, one, _state(taken, one, start, at, visit)) for one in able]
        found.append(made)
    return found


def columns(board: Sequence[Day]) -> list[Person]:
    """Whose hours the picker shows, in the order of its cells."""
    return [cell.visitor for row in board[0].cells.values() for cell in row][: _width(board)] if board else []


def _width(board: Sequence[Day]) -> int:
    return len(next(iter(board[0].cells.values()), []))


def _state(taken: Sequence[Held], one: Person, start: datetime, at: datetime, visit: HomeVisit | None) -> str:
    end = start + SLOT
    overlapping = [v for v in taken if v.start < end and v.end > start]
    if visit is not None and any(v.id == visit.id and v.visitor_id == one.id for v in overlapping):
        return "mine"
    if start <= at:
        return "past"
    others = [v for v in overlapping if visit is None or v.id != visit.id]
    return "taken" if any(_in_the_way(v, one.id, visit) for v in others) else "free"


def _in_the_way(other: Held, person_id: int, visit: HomeVisit | None) -> bool:
    return other.visitor_id == person_id or (visit is not None and other.resident_id == visit.applicant_id)


def free(
    session: Session, grid: Agency, at: datetime, *, visit: HomeVisit | None = None, first: date | None = None
) -> list[Cell]:
    """The next free hours, from the wished day on and, when that is full to the end, from today."""
    for since in (first, None):
        cells = [
            cell
            for day in board(session, grid, at, visit=visit, first=since, count=5)
            for row in day.cells.values()
            for cell in row
            if cell.state == "free"
        ]
        if cells:
            return cells
    return []


def offer(session: Session, grid: Agency, at: datetime, *, visit: HomeVisit | None, first: date | None) -> str:
    """The sentence with the hours that are still free, at most one of each hour."""
    said: dict[datetime, str] = {}
    for cell in free(session, grid, at, visit=visit, first=first):
        said.setdefault(cell.start, f"{say(cell.start)}（{cell.visitor.name}）")
    if not said:
        return "近期没有空的时间，请先电话约定。"
    return f"还空着的有：{'、'.join(list(said.values())[:OFFERED])}。"


def say(start: datetime) -> str:
    """11月24日 周二 9:30, as one says it on the telephone."""
    local = start.astimezone(CHINA)
    return f"{local.month}月{local.day}日 周{WEEKDAYS[local.weekday()]} {local.hour}:{local:%M}"


def check_time(session: Session, grid: Agency, start: datetime, at: datetime, *, off_hours: bool = False) -> None:
    """Refuses an hour at which nobody should stand at the door: past, too far, a holiday, or the night."""
    if start <= at:
        raise InvalidInput("上门时间已经过去，请另选今后的时间。", {"slot_start": "时间已过"})
    if start > at + AHEAD:
        raise InvalidInput(f"上门时间最远约到 {AHEAD.days} 天以内，请另选。", {"slot_start": f"最远 {AHEAD.days} 天"})
    local, end = start.astimezone(CHINA), (start + SLOT).astimezone(CHINA)
    if local.time() < EARLIEST or end.time() > LATEST or end.date() != local.date():
        raise InvalidInput(
            f"{say(start)}太早或太晚，不能上门打扰。请选 {EARLIEST.hour} 点到 {LATEST.hour} 点之间的时间。",
            {"slot_start": "夜间不上门"},
        )
    if off_hours:
        return
    day = local.date()
    worked = is_worked(session, day)
    if worked and in_hours(grid, start):
        return
    hours = "、".join(f"{first:%H:%M}–{last:%H:%M}" for first, last in hours_of(grid))
    why = f"不在上门服务时间（{hours}）内" if worked else "不是工作日"
    raise InvalidInput(
        f"{say(start)}{why}。{offer(session, grid, at, visit=None, first=day)}"
        "确需另约的，由网格长和住户说好后勾选“约在工作时间以外”。",
        {"slot_start": why},
    )


def claim(
    session: Session,
    grid: Agency,
    visit: HomeVisit | None,
    resident_id: int | None,
    visitor: Person,
    start: datetime,
    at: datetime,
) -> None:
    """Takes the hour or says what is free instead. Two who press at once wait here for each other; exactly one gets it."""
    session.execute(select(Person.id).where(Person.id == visitor.id).with_for_update())
    if resident_id is not None:
        # Always after the person, so that two bookings never wait for each other crosswise.
        session.execute(select(Resident.id).where(Resident.id == resident_id).with_for_update())
    taken = [
        other
        for other in held(session, [visitor.id], [resident_id] if resident_id is not None else [], start, start + SLOT)
        if visit is None or other.id != visit.id
    ]
    if not taken:
        return
    instead = offer(session, grid, at, visit=visit, first=clock.local_day(start))
    if any(other.visitor_id == visitor.id for other in taken):
        raise RequirementUnmet(
            f"{visitor.name}在{say(start)}已约了别家。{instead}请换一个时间，或换另一位网格长去。",
            {"slot_start": "与另一次上门冲突"},
        )
    raise RequirementUnmet(
        f"服务对象在这个时间已约了另一次上门，请换一个时间，或合并在一次办。{instead}",
        {"slot_start": "与另一次上门冲突"},
    )


def whoever_is_free(session: Session, grid: Agency, start: datetime, *, first: int | None = None) -> Person | None:
    """For whoever names nobody: a visitor without another home at that hour, the one with fewer visits that day first."""
    able = leaders(session, grid.id)
    day = start.astimezone(CHINA).replace(hour=0, minute=0)
    taken = held(session, [one.id for one in able], [], day, day + timedelta(days=1))
    end = start + SLOT
    busy = {v.visitor_id for v in taken if v.start < end and v.end > start}
    ready = [one for one in able if one.id not in busy]
    return min(
        ready or able,
        key=lambda one: (one.id != first, sum(v.visitor_id == one.id for v in taken), one.id),
        default=None,
    )
