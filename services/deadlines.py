"""Deadlines that somebody must hear of, and the dates of everything open when the calendar changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.clock import CalendarChange
from models.content import Content
from models.person import Person
from process import access, calendars, clock, journal, outbox, registry, relations, watching
from process.access import NOBODY, Actor
from process.explanation import MOVED
from process.library import library
from process.words import N_
from services import notices

RECOMPUTE = "clock.recompute"
# So many things are reckoned anew in one transaction: short enough for the lease and for whoever wants to write meanwhile.
SLICE = 100
# Other processes may use the old calendar until their half minute is over; a second round finds what they still wrote.
STRAGGLERS = timedelta(seconds=calendars.CACHE_SECONDS + 15)
TEXTS = {
    watching.NEAR: N_("%(number)s 的期限快到了：%(when)s 前要办好。"),
    watching.LATE: N_("%(number)s 已过期限：应在 %(when)s 前办好。"),
}


def warn(session: Session, args: Mapping[str, Any]) -> bool:
    """The worker's call at 80 % of the time and at the limit. Whoever has the thing and the head of the unit hear of it, once."""
    alarm = watching.ring(session, args)
    if alarm is None:
        return False
    told = [
        notices.notify(
            session,
            alarm.content,
            to=reader,
            kind=f"clock:{alarm.kind}",
            text=TEXTS[alarm.kind],
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
    moved = move(session, found, change)
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


def move(session: Session, contents: Sequence[Content], change: CalendarChange) -> int:
    """Reckons these things anew; a journal row for each whose dates move, in the name of whoever changed the calendar."""
    days = clock.calendar(session)
    known = clock.runs(session, [content.id for content in contents])
    actor = changer(session, change)
    moved = 0
    for content in contents:
        definition = library.of(content, session)
        found = clock.adopt(session, definition, content, clock.reckon(days, definition, content, known), known)
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


def changer(session: Session, change: CalendarChange) -> Actor | None:
    if change.person_id is None:
        return None
    return access.load_actor(session, change.person_id, clock.local_day(now()))
