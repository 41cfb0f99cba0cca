"""The calendar as administrators keep it: a year at a glance, a change tried before it is saved, and who changed what."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models.clock import CalendarChange, CalendarDay
from models.content import Content
from process import calendars, clock, journal
from process.access import Actor
from process.calendar_days import WorkCalendar, say
from process.inputs import clean_text
from process.library import library
from process.refusals import InvalidInput, NotFound
from services import deadlines

FIRST_YEAR, LAST_YEAR = 2020, 2099
LONGEST_NAME, LONGEST_REASON = 40, 200
# So many open things are tried before a change is saved; beyond that the page says "at least".
TRIED = 2_000
SOURCES = ("day", "notice", "excel")


@dataclass(frozen=True)
class Day:
    """One entry of a plan: worked or not, and what it is called."""

    working: bool
    name: str


Plan = dict[date, Day]


@dataclass(frozen=True)
class Wrong:
    """One place that must be mended: where (row, column, day), what is wrong, what would be right."""

    where: str
    what: str


class WrongPlan(InvalidInput):
    """A calendar that contradicts itself or the week; every fault is named, nothing is saved."""

    def __init__(self, faults: Sequence[Wrong]) -> None:
        self.faults = list(faults)
        lines = "".join(f"{fault.where}：{fault.what}" for fault in self.faults[:3])
        more = f"等 {len(self.faults)} 处" if len(self.faults) > 3 else ""
        super().__init__(f"有 {len(self.faults)} 处要改，还没有保存。{lines}{more}")


def default(day: date) -> Day:
    """What a day is when nobody says otherwise."""
    return Day(day.weekday() < 5, "")


def days_of(year: int) -> Iterable[date]:
    first = date(year, 1, 1)
    return (first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days))


def check_year(year: int) -> int:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise NotFound(f"没有 {year} 年的日历。可以录入 {FIRST_YEAR} 年到 {LAST_YEAR} 年。")
    return year


def check(year: int, plan: Mapping[date, Day], where: Mapping[date, str] | None = None) -> None:
    """Refuses what no notice says: days of another year, a make-up day that is worked anyway, a name too long."""
    faults = []
    for day, entry in sorted(plan.items()):
        place = (where or {}).get(day) or say(day)
        if day.year != year:
            faults.append(Wrong(place, f"{say(day)}不在{year}年。请只填{year}年的日期，跨年的部分录入另一年。"))
        elif entry.working and entry.name and day.weekday() < 5:
            weekday = "一二三四五"[day.weekday()]
            faults.append(
                Wrong(
                    place,
                    f"{say(day)}是周{weekday}，本来就上班，不能算调休上班。调休上班日应是周六或周日，请核对日期。",
                )
            )
        elif entry.name.startswith(("=", "+", "-", "@")):
            # The name goes out in Excel files, where it would be a formula.
            faults.append(Wrong(place, f"名称“{entry.name[:10]}”不能以 {entry.name[0]} 开头，请改用文字。"))
        elif len(entry.name) > LONGEST_NAME:
            faults.append(Wrong(place, f"名称有 {len(entry.name)} 个字，最多 {LONGEST_NAME} 个字。"))
    if faults:
        raise WrongPlan(faults)


def year_of(session: Session, year: int) -> dict[date, Day] | None:
    """Every day of a year as it is kept; None when the year has no calendar."""
    rows = session.execute(
        select(CalendarDay.day, CalendarDay.working, CalendarDay.name)
        .where(CalendarDay.day >= date(year, 1, 1), CalendarDay.day <= date(year, 12, 31))
        .order_by(CalendarDay.day)
    ).all()
    return {row.day: Day(row.working, row.name) for row in rows} or None


@dataclass(frozen=True)
class YearLine:
    """One line of the list of years."""

    year: int
    working: int
    off: int
    made_up: int
    known: bool


def years(session: Session, today: date) -> list[YearLine]:
    """Every year that has a calendar, and the two that are needed soonest, newest first."""
    found: dict[int, Counter[str]] = {}
    for day, working, name in session.execute(select(CalendarDay.day, CalendarDay.working, CalendarDay.name)):
        count = found.setdefault(day.year, Counter())
        count["working" if working else "off"] += 1
        count["made_up"] += bool(working and day.weekday() >= 5)
        count["holidays"] += bool(not working and (name or day.weekday() < 5))
    wanted = {*found, today.year, today.year + 1}
    return [
        YearLine(
            year,
            found[year]["working"] if year in found else 0,
            found[year]["holidays"] if year in found else 0,
            found[year]["made_up"] if year in found else 0,
            year in found,
        )
        for year in sorted(wanted, reverse=True)
    ]


@dataclass(frozen=True)
class Change:
    """One day before and after."""

    day: date
    before: Day | None
    after: Day


@dataclass(frozen=True)
class Preview:
    """What saving would do: which days change, how many open things get another date."""

    year: int
    first: bool
    changes: tuple[Change, ...]
    tried: int
    open: int
    moved: int
    earlier: int
    later: int
    told_first: int
    by_type: Mapping[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.tried >= self.open


def preview(session: Session, year: int, plan: Mapping[date, Day], *, whole: bool = True) -> Preview:
    """Tries a plan against the calendar and every open thing without writing anything. `whole`: days not named are plain ones."""
    check(check_year(year), plan)
    before = year_of(session, year)
    changes = _changes(year, before, plan, whole)
    now_days = calendars.read_calendar(session)
    then_days = _with(now_days, year, changes, before is None)
    count = session.scalar(select(func.count()).select_from(deadlines.open_things().subquery())) or 0
    things = session.scalars(deadlines.open_things().order_by(Content.id).limit(TRIED)).all() if changes else []
    known = clock.runs(session, [thing.id for thing in things])
    tally: Counter[str] = Counter()
    by_type: Counter[str] = Counter()
    for thing in things:
        definition = library.of(thing, session)
        found = clock.reckon(then_days, definition, thing, known)
        clocks = {
            run_id: (known[thing.id, run_id].due_on, known[thing.id, run_id].legal_due_on) for run_id in found.clocks
        }
        if (found.deadline, dict(found.clocks)) == (thing.deadline, clocks):
            continue
        tally["moved"] += 1
        by_type[thing.type] += 1
        tally[_way(thing.deadline, found.deadline)] += 1
    return Preview(
        year,
        before is None,
        tuple(changes),
        len(things) if changes else count,
        count,
        tally["moved"],
        tally["earlier"],
        tally["later"],
        tally["first"],
        dict(by_type),
    )


def _way(old: datetime | None, new: datetime | None) -> str:
    if old is None or new is None:
        return "first" if new is not None else "other"
    return "later" if new > old else "earlier" if new < old else "other"


def _changes(year: int, before: Mapping[date, Day] | None, plan: Mapping[date, Day], whole: bool) -> list[Change]:
    found = []
    for day in days_of(year):
        old = before.get(day) if before else None
        new = plan.get(day) or (default(day) if whole or old is None else old)
        if old is None and before is None:
            if new != default(day):
                found.append(Change(day, None, new))
        elif old != new:
            found.append(Change(day, old, new))
    return found


def _with(days: WorkCalendar, year: int, changes: Iterable[Change], first: bool) -> WorkCalendar:
    working, names = dict(days.days), dict(days.names)
    for change in changes:
        working[change.day], names[change.day] = change.after.working, change.after.name
    return WorkCalendar(working, {*days.years, year} if first else days.years, {d: n for d, n in names.items() if n})


def save(
    session: Session,
    actor: Actor,
    year: int,
    plan: Mapping[date, Day],
    *,
    reason: str,
    source: str,
    whole: bool = True,
) -> CalendarChange | None:
    """Writes a plan, journals every changed day, and has the dates of everything open reckoned anew. None: nothing changes."""
    assert source in SOURCES
    check(check_year(year), plan)
    why = clean_reason(reason)
    before = year_of(session, year)
    changes = _changes(year, before, plan, whole)
    if not changes and before is not None:
        return None
    made = CalendarChange(
        year=year,
        person_id=actor.person_id,
        source=source,
        reason=why,
        first=before is None,
        days={change.day.isoformat(): _told(change) for change in changes},
    )
    session.add(made)
    for change in changes:
        session.merge(CalendarDay(day=change.day, working=change.after.working, name=change.after.name))
    if before is None:
        named = {change.day for change in changes}
        session.add_all(
            CalendarDay(day=day, working=default(day).working, name="") for day in days_of(year) if day not in named
        )
    session.flush()
    journal.record(
        session,
        "calendar:change",
        actor,
        stream=f"calendar:{year}",
        comment=why,
        details={"change": made.id, "source": source, "first": before is None, "days": made.days},
    )
    calendars.forget_after_commit(session)
    deadlines.recompute_later(session, made)
    return made


def clean_reason(reason: str) -> str:
    try:
        why = clean_text(reason, LONGEST_REASON)
    except ValueError as error:
        raise InvalidInput(f"变动原因：{error}", {"reason": str(error)}) from error
    if not why:
        raise InvalidInput(
            "请写明为什么改日历，例如“国务院办公厅关于2027年部分节假日安排的通知”。期限变了的人会看到这句话。",
            {"reason": "请填写变动原因"},
        )
    return why


def _told(change: Change) -> list[Any]:
    before = change.before
    return [before.working if before else None, before.name if before else "", change.after.working, change.after.name]


def changes(session: Session, year: int | None = None, limit: int = 20) -> Sequence[CalendarChange]:
    """What was changed, newest first."""
    statement = select(CalendarChange).options(joinedload(CalendarChange.person)).order_by(CalendarChange.id.desc())
    if year is not None:
        statement = statement.where(CalendarChange.year == year)
    return session.scalars(statement.limit(limit)).all()


def pack(plan: Mapping[date, Day]) -> str:
    """A plan as a hidden field between preview and saving; it is checked again when it comes back."""
    return json.dumps(
        {day.isoformat(): [entry.working, entry.name] for day, entry in sorted(plan.items())},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def unpack(text: str) -> Plan:
    """The plan of the hidden field; anything but what `pack` writes is refused."""
    try:
        if len(text) > 60_000:
            raise ValueError("too long")
        plan = {}
        for key, (working, name) in json.loads(text).items():
            if not isinstance(working, bool) or not isinstance(name, str):
                raise ValueError("not a day")
            plan[date.fromisoformat(key)] = Day(working, clean_text(name, LONGEST_NAME))
        return plan
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput("要保存的日历读不出来，可能页面开得太久。请重新预览一次再保存。") from error
