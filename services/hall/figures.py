"""What a day in the hall was like: counted from the stretches, by counter and by person, with numerator and base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.hall import DONE, LEFT, WAITING, HallCounter, HallPeriod, HallTicket
from models.person import Person
from process.numbers import CHINA
from process.refusals import InvalidInput
from services.hall import tables

LONGEST_DAYS = 92
# A proposal: what a hall calls a long wait.
LONG_WAIT = timedelta(minutes=30)


@dataclass
class Line:
    """One counter or one person: how many numbers, and how long they were handled."""

    name: str
    numbers: int = 0
    handled: timedelta = timedelta()
    called: timedelta = timedelta()

    @property
    def mean(self) -> float | None:
        """Minutes for one number."""
        return self.handled.total_seconds() / 60 / self.numbers if self.numbers else None


@dataclass(frozen=True)
class Figures:
    """The hall in a period."""

    came: int
    done: int
    left: int
    missed: int
    moved_or_held: int
    waiting: int
    waits: tuple[timedelta, ...]
    counters: tuple[Line, ...]
    people: tuple[Line, ...]
    by_source: dict[str, int] = field(default_factory=dict)

    @property
    def mean_wait(self) -> float | None:
        """Minutes."""
        return sum(w.total_seconds() for w in self.waits) / 60 / len(self.waits) if self.waits else None

    @property
    def median_wait(self) -> float | None:
        return median(w.total_seconds() for w in self.waits) / 60 if self.waits else None

    @property
    def longest_wait(self) -> float | None:
        return max(self.waits).total_seconds() / 60 if self.waits else None

    @property
    def long_waits(self) -> int:
        return sum(w > LONG_WAIT for w in self.waits)


def figures(session: Session, hall_id: str, since: date, until: date, at: datetime) -> Figures:
    """Counted anew; what still runs counts until now. The waits are of numbers that were called."""
    if until < since:
        raise InvalidInput("截止日期早于开始日期，请重新选。", {"until": "早于开始日期"})
    if (until - since).days >= LONGEST_DAYS:
        raise InvalidInput(f"一次最多看 {LONGEST_DAYS} 天，请缩短一些。", {"since": f"最多 {LONGEST_DAYS} 天"})
    begin = datetime.combine(since, time(), CHINA)
    finish = datetime.combine(until + timedelta(days=1), time(), CHINA)
    inside = (HallTicket.hall_id == hall_id, HallTicket.day.between(since, until), HallTicket.came_at.is_not(None))
    states: dict[str, int] = {
        row[0]: row[1]
        for row in session.execute(select(HallTicket.state, func.count()).where(*inside).group_by(HallTicket.state))
    }
    sources: dict[str, int] = {
        row[0]: row[1]
        for row in session.execute(select(HallTicket.source, func.count()).where(*inside).group_by(HallTicket.source))
    }
    missed = session.scalar(select(func.sum(HallTicket.misses)).where(*inside)) or 0
    rows = session.execute(
        select(
            HallPeriod.ticket_id,
            HallPeriod.kind,
            HallPeriod.counter_id,
            HallPeriod.person_id,
            HallPeriod.began_at,
            HallPeriod.ended_at,
        ).where(HallPeriod.hall_id == hall_id, HallPeriod.began_at >= begin, HallPeriod.began_at < finish)
    ).all()
    waits: dict[int, timedelta] = {}
    called: set[int] = set()
    further: Counter[int] = Counter()
    counters: dict[int, Line] = {}
    people: dict[int, Line] = {}
    served: dict[tuple[str, int], set[int]] = {}
    for row in rows:
        spent = (row.ended_at or at) - row.began_at
        if row.kind == "waiting":
            waits[row.ticket_id] = waits.get(row.ticket_id, timedelta()) + spent
        elif row.kind == "held":
            further[row.ticket_id] += 1
        elif row.kind in ("called", "serving"):
            called.add(row.ticket_id)
            for table, key, name in ((counters, row.counter_id, "c"), (people, row.person_id, "p")):
                if key is None:
                    continue
                line = table.setdefault(key, Line(""))
                if row.kind == "serving":
                    line.handled += spent
                    served.setdefault((name, key), set()).add(row.ticket_id)
                else:
                    line.called += spent
    for name, table in (("c", counters), ("p", people)):
        for key, line in table.items():
            line.numbers = len(served.get((name, key), ()))
    _name(session, counters, people)
    return Figures(
        came=sum(states.values()),
        done=states.get(DONE, 0),
        left=states.get(LEFT, 0),
        missed=int(missed),
        moved_or_held=len(further),
        waiting=states.get(WAITING, 0),
        waits=tuple(waits[one] for one in sorted(called) if one in waits),
        counters=tuple(sorted(counters.values(), key=lambda line: line.name)),
        people=tuple(sorted(people.values(), key=lambda line: line.name)),
        by_source=sources,
    )


def _name(session: Session, counters: dict[int, Line], people: dict[int, Line]) -> None:
    for row in session.execute(
        select(HallCounter.id, HallCounter.code, HallCounter.name).where(HallCounter.id.in_(_ids(counters)))
    ):
        counters[row.id].name = f"{row.code}号 {row.name}"
    for person in session.scalars(select(Person).where(Person.id.in_(_ids(people)))):
        people[person.id].name = person.name


def _ids(table: Iterable[int]) -> list[int]:
    return sorted(table)


# --- what the screens show --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Shown:
    """One line of the calling screen: a number and a counter, no name."""

    ticket: str
    counter: str
    calls: int
    called_at: datetime


@dataclass(frozen=True)
class Screen:
    """What the big screen shows now."""

    mark: str
    called: tuple[Shown, ...]
    serving: tuple[Shown, ...]
    waiting: int
    by_queue: tuple[tuple[str, int], ...]
    missed: tuple[str, ...]


def mark(session: Session, hall_id: str, day: date) -> str:
    """Differs whenever the screen would; one row is read for it."""
    hall = tables.hall_of(session, hall_id)
    return f"{hall_id}-{hall.turn if hall is not None else 0}-{day:%m%d}"


def screen(session: Session, hall_id: str, day: date) -> Screen:
    """Numbers called and being served, newest call first; how many wait in each queue; who missed the call."""
    here = (HallTicket.hall_id == hall_id, HallTicket.day == day)
    rows = session.execute(
        select(HallTicket.ticket, HallTicket.state, HallTicket.calls, HallTicket.called_at, HallCounter.code)
        .outerjoin(HallCounter, HallCounter.id == HallTicket.counter_id)
        .where(*here, HallTicket.state.in_(("called", "serving", "missed")))
        .order_by(HallTicket.called_at.desc())
    ).all()
    queues = session.execute(
        select(HallTicket.service, func.count())
        .where(*here, HallTicket.state == WAITING)
        .group_by(HallTicket.service)
        .order_by(HallTicket.service)
    ).all()
    names = {one.letter: one.name for one in tables.services(session, hall_id)}
    lines = {
        state: tuple(
            Shown(row.ticket or "", row.code or "", row.calls, row.called_at) for row in rows if row.state == state
        )
        for state in ("called", "serving")
    }
    return Screen(
        mark(session, hall_id, day),
        lines["called"],
        lines["serving"],
        sum(row[1] for row in queues),
        tuple((f"{row[0]} {names.get(row[0], '')}".strip(), row[1]) for row in queues),
        tuple(row.ticket or "" for row in rows if row.state == "missed"),
    )
