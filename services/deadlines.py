"""Deadlines that somebody must hear of, and the dates of everything open when the calendar changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.clock import CalendarChange
from models.content import Content
from models.ledger import OutboxItem
from models.person import Person
from models.task import BRANCH, OPEN, Task
from process import access, calendars, clock, journal, outbox, registry, relations, timers, watching
from process.access import NOBODY, Actor
from process.calendar_days import WorkCalendar
from process.definition import Definition, Transition
from process.explanation import MOVED
from process.library import library
from services import notices
from services.messages import staff

RECOMPUTE = "clock.recompute"
# So many things are reckoned anew in one transaction: short enough for the lease and for whoever wants to write meanwhile.
SLICE = 100
# Other processes may use the old calendar until their half minute is over; a second round finds what they still wrote.
STRAGGLERS = timedelta(seconds=calendars.CACHE_SECONDS + 15)


def warn(session: Session, args: Mapping[str, Any]) -> bool:
    """The worker's call at 80 % of the time and at the limit. Whoever has the thing and the head of the unit hear of it, once."""
    alarm = watching.ring(session, args)
    if alarm is None:
        return False
    if alarm.kind == watching.LATE:
        notices.supersede(session, alarm.content, f"clock:{watching.NEAR}")
    told = [
        notices.notify(
            session,
            alarm.content,
            to=reader,
            kind=f"clock:{alarm.kind}",
            text=staff.words(f"clock:{alarm.kind}"),
            params={"when": alarm.deadline.isoformat()},
            once=alarm.once,
            state=alarm.content.state,
            action=f"clock:{alarm.kind}",
        )
        for reader in readers(session, alarm.content)
    ]
    said = any(notice is not None for notice in told)
    if said:
        # Rules of the office may wait for it.
        for listener in registry.listeners:
            listener(session, alarm.content, f"clock:{alarm.kind}", NOBODY, None)
    return said


def readers(session: Session, content: Content) -> list[Person | Agency]:
    """Who hears of a deadline: the holder, then the heads of the unit that has it."""
    holder = notices.holder(session, content)
    found: list[Person | Agency] = [holder] if holder is not None else []
    unit_id = content.unit_id or content.place_id
    if isinstance(holder, Person) and holder.unit_id:
        unit_id = holder.unit_id
    unit = session.get(Agency, unit_id)
    heads = relations.heads_of(session, unit) if unit is not None else []
    for person in session.scalars(select(Person).where(Person.id.in_(heads), Person.active).order_by(Person.id)):
        if person is not holder:
            found.append(person)
    return found


def recompute_later(session: Session, change: CalendarChange) -> None:
    """Puts the work after a change of the calendar: one round now, one when no process uses the old calendar any more."""
    outbox.put(session, RECOMPUTE, change=change.id, after=0, round=1)
    outbox.put(session, RECOMPUTE, delay=STRAGGLERS, change=change.id, after=0, round=2)


def recompute(session: Session, args: Mapping[str, Any]) -> int:
    """One slice of the open things; puts the next slice. Done twice it finds every date as it should be and changes nothing."""
    clock.forget_calendar()
    change = session.get_one(CalendarChange, args["change"])
    found = session.scalars(
        open_things()
        .where(Content.id > args["after"])
        .order_by(Content.id)
        .limit(SLICE)
        .with_for_update(of=Content)
        .execution_options(populate_existing=True)
    ).all()
    moved = move(session, found, change, arm=args["round"] == 1)
    change.moved += moved
    if args["round"] == 1:
        change.checked += len(found)
    if len(found) == SLICE:
        outbox.put(session, RECOMPUTE, change=change.id, after=found[-1].id, round=args["round"])
    elif args["round"] == 1:
        change.done_at = now()
    return moved


def open_things() -> Select[Content]:
    """Every open thing: whether a date of it is counted in working days is for its own version of the definition to say."""
    return select(Content).where(Content.closed_at.is_(None))


def move(session: Session, contents: Sequence[Content], change: CalendarChange, *, arm: bool = False) -> int:
    """Reckons these things anew; a journal row for each whose dates move, in the name of whoever changed the calendar.

    `arm`: also puts timers that could not be told before this year had a calendar; once, so in the first round only."""
    days = clock.calendar(session)
    ids = [content.id for content in contents]
    known = clock.runs(session, ids)
    opinions = _open_tasks(session, ids)
    rows = _timer_rows(session, contents)
    actor = changer(session, change)
    moved = 0
    for content in contents:
        definition = library.of(content, session)
        found = clock.adopt(session, definition, content, clock.reckon(days, definition, content, known), known)
        found |= _move_tasks(days, definition, opinions.get(content.id, ()))
        found |= _move_timers(session, definition, content, rows, change if arm else None)
        if not found:
            continue
        journal.record(
            session,
            MOVED,
            actor,
            content=content,
            comment=change.reason,
            details={"calendar_change": change.id, "year": change.year, **found},
        )
        moved += 1
    session.flush()
    return moved


def _open_tasks(session: Session, ids: Sequence[int]) -> dict[int, list[Task]]:
    found: dict[int, list[Task]] = {}
    for task in session.scalars(select(Task).where(Task.content_id.in_(ids), Task.state == OPEN).order_by(Task.id)):
        found.setdefault(task.content_id, []).append(task)
    return found


def _move_tasks(days: WorkCalendar, definition: Definition, opinions: Iterable[Task]) -> dict[str, Any]:
    """The dates of opinions that are waited for."""
    moved: dict[str, Any] = {}
    for task in opinions:
        branches = definition.states[task.in_state].branches if task.in_state in definition.states else None
        if branches is None or task.kind != BRANCH:
            continue
        branch = branches.every or next((b for b in branches.of if b.id == task.key), None)
        if branch is None or branch.working_days is None:
            continue
        day = days.add_working_days_or_none(clock.local_day(task.opened_at), branch.working_days)
        new = clock.end_of(day) if day else None
        if new != task.deadline:
            moved[f"task:{task.key}"] = {"old": _iso(task.deadline), "new": _iso(new)}
            task.deadline = new
    return moved


def _counted(definition: Definition, state: str) -> list[Transition]:
    """Timers out of this state whose day hangs on the calendar."""
    return [t for t in definition.exits(state) if t.trigger == "timer" and t.after is not None and not t.after.hours]


def _timer_rows(session: Session, contents: Sequence[Content]) -> dict[tuple[int, str, str], OutboxItem]:
    """The waiting rows of such timers, one query for all; none at all where no thing has one."""
    ids = [c.id for c in contents if _counted(library.of(c, session), c.state)]
    if not ids:
        return {}
    rows = session.scalars(
        select(OutboxItem).where(
            OutboxItem.status == "waiting",
            OutboxItem.job == timers.JOB,
            OutboxItem.args["content_id"].as_integer().in_(ids),
        )
    )
    return {(row.args["content_id"], row.args["transition"], row.args["entered"]): row for row in rows}


def _move_timers(
    session: Session,
    definition: Definition,
    content: Content,
    rows: Mapping[tuple[int, str, str], OutboxItem],
    change: CalendarChange | None,
) -> dict[str, Any]:
    """Rings each timer on the day of today's reckoning. A row that rings too early puts itself off; one too late cannot."""
    moved: dict[str, Any] = {}
    for transition in _counted(definition, content.state):
        rings = timers.rings_at(session, content, transition, content.entered_at)
        row = rows.get((content.id, transition.id, content.entered_at.isoformat()))
        if rings is None or (row is not None and row.args.get("tries")):
            continue
        if row is None:
            if change is not None and change.first and _untold(session, content, transition, change.year):
                timers.put(session, content, transition, rings)
                moved[f"timer:{transition.id}"] = {"old": None, "new": _iso(rings)}
        elif abs(row.available_at - rings) > timedelta(minutes=1):
            moved[f"timer:{transition.id}"] = {"old": _iso(row.available_at), "new": _iso(rings)}
            row.available_at, row.rung_at = rings, None
    return moved


def _untold(session: Session, content: Content, transition: Transition, year: int) -> bool:
    """Whether this timer had no day while that year was missing."""
    days = clock.calendar(session)
    before = WorkCalendar(days.days, set(days.years) - {year}, days.names)
    after = transition.after
    if after is not None and after.working_days:
        return before.add_working_days_or_none(clock.local_day(content.entered_at), after.working_days) is None
    return content.deadline is not None and clock.local_day(content.deadline).year >= year


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(clock.CHINA).isoformat() if moment else None


def changer(session: Session, change: CalendarChange) -> Actor | None:
    if change.person_id is None:
        return None
    return access.load_actor(session, change.person_id, clock.local_day(now()))
