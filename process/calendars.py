"""The calendar of this installation as the kernel asks for it: working days from here, hours worked between, years missing."""

from __future__ import annotations

import time as monotonic
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from models.base import now
from models.clock import CalendarDay
from process.calendar_days import CalendarMissing, WorkCalendar
from process.numbers import CHINA

_CACHE: WeakKeyDictionary[Engine, tuple[float, WorkCalendar]] = WeakKeyDictionary()
CACHE_SECONDS = 30
# From this month on a promised date may lie in the coming year.
AHEAD_FROM_MONTH = 11


def calendar(session: Session) -> WorkCalendar:
    """The calendar of this installation, re-read every half minute."""
    key = session.get_bind().engine
    kept = _CACHE.get(key)
    if kept and monotonic.monotonic() - kept[0] < CACHE_SECONDS:
        return kept[1]
    made = read_calendar(session)
    _CACHE[key] = (monotonic.monotonic(), made)
    return made


def read_calendar(session: Session) -> WorkCalendar:
    """As the database has it now, also what this transaction has just written."""
    rows = session.execute(select(CalendarDay.day, CalendarDay.working, CalendarDay.name)).all()
    return WorkCalendar(
        {day: working for day, working, _ in rows},
        {day.year for day, _, _ in rows},
        {day: name for day, _, name in rows if name},
    )


def forget_calendar() -> None:
    _CACHE.clear()


def forget_after_commit(session: Session) -> None:
    """A change of the calendar holds in this process from its commit on; in the others within half a minute."""
    event.listen(session, "after_commit", lambda _session: forget_calendar(), once=True)


def local_day(at: datetime) -> date:
    return at.astimezone(CHINA).date()


def end_of(day: date) -> datetime:
    """The last moment of a day in China: a date promised is kept until midnight."""
    return datetime.combine(day, time(23, 59, 59), CHINA)


def add_working_days(session: Session, day: date, n: int) -> date:
    """The n-th working day after `day`, which itself never counts. CalendarMissing where a year on the way is not there."""
    return calendar(session).add_working_days(day, n)


def working_days_left(session: Session, deadline: datetime, at: datetime) -> int | None:
    """Working days from today to the deadline; negative when it is past; None where the calendar ends."""
    today, due = local_day(at), local_day(deadline)
    try:
        return calendar(session).working_days_between(today, due)
    except CalendarMissing:
        return None


@dataclass(frozen=True)
class Gap:
    """Years without a calendar that dates of today may need; `now`: already needed, not only soon."""

    years: tuple[int, ...]
    now: bool


def gap(session: Session, at: datetime | None = None, *, days: int = 0) -> Gap | None:
    """What is missing for dates promised today, or for one that lies `days` working days ahead. The one source of the warning."""
    today = local_day(at or now())
    known = calendar(session).years
    wanted = {today.year}
    if today.month >= AHEAD_FROM_MONTH:
        wanted.add(today.year + 1)
    needed = {today.year}
    if days:
        try:
            needed.add(calendar(session).add_working_days(today, days).year)
        except CalendarMissing as missing:
            needed.add(missing.year)
    missing_years = tuple(sorted((wanted | needed) - set(known)))
    return Gap(missing_years, bool(needed - set(known))) if missing_years else None


# Hours worked: the measure behind "80 % of the time" and behind the shares of the hops. A working day has 24 of them,
# because a deadline lasts until midnight; nights and weekends of a thing that nobody may touch then count for nobody.


def worked(days: WorkCalendar, start: datetime, end: datetime, without: frozenset[date] = frozenset()) -> timedelta:
    """How much of the time between two moments lies in working days. Negative when `end` lies before `start`."""
    if end < start:
        return -worked(days, end, start, without)
    total = timedelta()
    for day, first, last in _pieces(start, end):
        if day not in without and days.is_working_day(day):
            total += last - first
    return total


def moment_at(
    days: WorkCalendar, start: datetime, end: datetime, share: float, without: frozenset[date] = frozenset()
) -> datetime:
    """The moment at which this share of the working time between the two has passed."""
    left = worked(days, start, end, without) * share
    moment = start
    for day, first, last in _pieces(start, end):
        if day in without or not days.is_working_day(day):
            continue
        if left <= last - first:
            return first + left
        left -= last - first
        moment = last
    return moment


def _pieces(start: datetime, end: datetime) -> Iterator[tuple[date, datetime, datetime]]:
    """The time between two moments, cut at midnight in China."""
    first = start.astimezone(CHINA)
    end = end.astimezone(CHINA)
    while first < end:
        last = min(datetime.combine(first.date() + timedelta(days=1), time(), CHINA), end)
        yield first.date(), first, last
        first = last
