"""Dates in working days: start, pause, stop by state, the stored deadline, and everything anew when the calendar changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models.clock import ClockPause, ClockRun
from models.content import Content
from process import registry, watching, writing
from process.access import Actor
from process.calendar_days import WorkCalendar
from process.calendars import (
    CACHE_SECONDS,
    Gap,
    add_working_days,
    calendar,
    end_of,
    forget_calendar,
    gap,
    local_day,
    working_days_left,
)
from process.definition import Clock, Definition
from process.explanation import explain, picture
from process.hops import hops
from process.numbers import CHINA
from process.runs import BY_HAND, current, due_date, due_dates, runs, standing

__all__ = [
    "CACHE_SECONDS",
    "CHINA",
    "Gap",
    "add_working_days",
    "advance",
    "calendar",
    "current",
    "due_date",
    "due_dates",
    "end_of",
    "explain",
    "forget_calendar",
    "gap",
    "hops",
    "local_day",
    "picture",
    "runs",
    "standing",
    "working_days_left",
]


def advance(
    session: Session,
    definition: Definition,
    content: Content,
    state: str,
    at: datetime,
    actor: Actor | None = None,
    words: str = "",
) -> None:
    """Starts, pauses and stops the clocks of a thing that has just entered `state`, stores its next deadline and has it watched.

    `words`: why the clock stops now, as the person who stopped it wrote it."""
    known = runs(session, [content.id]) if definition.clocks else {}
    for clock in definition.clocks.values():
        _advance_clock(session, clock, content, state, at, actor, words, known)
    before = content.deadline
    writing.keep_deadline(session, content, deadline(session, definition, content, known))
    watching.watch(
        session, definition, content, known, changed=content.deadline != before, entered=content.entered_at == at
    )


def _advance_clock(
    session: Session,
    clock: Clock,
    content: Content,
    state: str,
    at: datetime,
    actor: Actor | None,
    words: str,
    known: dict[tuple[int, str], ClockRun],
) -> None:
    run = known.get((content.id, clock.id))
    today = local_day(at)
    if run is None:
        if state in clock.start:
            days, legal = registry.durations[clock.duration](content) if clock.duration else (clock.days or 0, None)
            run = ClockRun(content_id=content.id, clock=clock.id, started_on=today, working_days=days, legal_days=legal)
            run.due_on, run.legal_due_on = due_dates(calendar(session), run)
            run.promised_on = run.due_on
            session.add(run)
            session.flush()
            known[content.id, clock.id] = run
        return
    if run.stopped_on is not None:
        return
    open_pause = next((p for p in run.pauses if p.ended_on is None), None)
    if state in clock.pause and open_pause is None:
        who = actor.person_id if actor else None
        run.pauses.append(ClockPause(started_on=today, reason=state, words=(words or "")[:300], person_id=who))
    elif open_pause is not None and (state in clock.stop if open_pause.reason == BY_HAND else state not in clock.pause):
        open_pause.ended_on = today
        run.due_on, run.legal_due_on = due_dates(calendar(session), run)
    if state in clock.stop:
        run.stopped_on = today
    session.flush()


def foreseen(
    session: Session, definition: Definition, content: Content, state: str, entered: datetime
) -> datetime | None:
    """The deadline in a state about to be entered, so that one statement writes both. What still changes it is written by `advance`."""
    due = definition.states[state].due
    if due is not None and due.clock:
        return content.deadline
    return _deadline(calendar(session), definition, content, (None, None), state, entered)


def deadline(
    session: Session, definition: Definition, content: Content, known: Mapping[tuple[int, str], ClockRun]
) -> datetime | None:
    """The stored date of the state a thing is in: for a clock the earlier of the promised and the legal limit."""
    due = definition.states[content.state].due
    run = known.get((content.id, due.clock)) if due and due.clock else None
    # A clock that was stopped by hand has no date until it goes on.
    dates = (run.due_on, run.legal_due_on) if run and not standing(run) else (None, None)
    return _deadline(calendar(session), definition, content, dates)


def _deadline(
    days: WorkCalendar,
    definition: Definition,
    content: Content,
    dates: tuple[date | None, date | None],
    in_state: str | None = None,
    entered: datetime | None = None,
) -> datetime | None:
    state = definition.states[in_state or content.state]
    due, entered = state.due, entered or content.entered_at
    if state.terminal or due is None:
        return None
    if due.clock:
        known = [day for day in dates if day is not None]
        return end_of(min(known)) if known else None
    if due.working_days:
        day = days.add_working_days_or_none(local_day(entered), due.working_days)
        return end_of(day) if day else None
    if due.hours:
        return entered + timedelta(hours=due.hours)
    return _of_field(content, due.field or "")


def _of_field(content: Content, name: str) -> datetime | None:
    """A date that is a column of the thing or, for things without Python, one of its fields, kept there as text."""
    value: Any = getattr(content, name, None) or (content.fields or {}).get(name)
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    return end_of(value) if isinstance(value, date) and not isinstance(value, datetime) else value


@dataclass(frozen=True)
class Reckoning:
    """The dates of one thing under some calendar."""

    deadline: datetime | None
    clocks: Mapping[str, tuple[date | None, date | None]]


def reckon(
    days: WorkCalendar, definition: Definition, content: Content, known: Mapping[tuple[int, str], ClockRun]
) -> Reckoning:
    """What the dates of a thing would be under this calendar; nothing is written, so a change can be tried before it is saved."""
    clocks = {}
    for clock_id in definition.clocks:
        run = known.get((content.id, clock_id))
        if run is not None and run.stopped_on is None:
            clocks[clock_id] = due_dates(days, run)
    due = definition.states[content.state].due
    if due is not None and due.field:
        return Reckoning(content.deadline, clocks)
    dates: tuple[date | None, date | None] = (None, None)
    run = known.get((content.id, due.clock)) if due is not None and due.clock else None
    if due is not None and due.clock and not (run is not None and standing(run)):
        dates = clocks.get(due.clock) or ((run.due_on, run.legal_due_on) if run else (None, None))
    return Reckoning(_deadline(days, definition, content, dates), clocks)


def reckon_in(
    days: WorkCalendar,
    definition: Definition,
    content: Content,
    state: str,
    known: Mapping[tuple[int, str], ClockRun],
) -> datetime | None:
    """The date a thing would have in a state of another version; nothing is written."""
    due = definition.states[state].due
    if due is not None and due.field:
        return content.deadline
    run = known.get((content.id, due.clock)) if due is not None and due.clock else None
    dates = (run.due_on, run.legal_due_on) if run else (None, None)
    return _deadline(days, definition, content, dates, state)


def adopt(
    session: Session,
    definition: Definition,
    content: Content,
    found: Reckoning,
    known: Mapping[tuple[int, str], ClockRun],
) -> dict[str, Any]:
    """Writes what has changed and answers it as old and new dates; empty when nothing moves. Twice changes nothing.

    The date once promised stays. Only where no date could be told yet is the first one that can be told the promise."""
    moved: dict[str, Any] = {}
    for clock_id, (due, legal) in found.clocks.items():
        run = known[(content.id, clock_id)]
        if (run.due_on, run.legal_due_on) != (due, legal):
            moved[clock_id] = {"old": _iso(run.due_on), "new": _iso(due)}
            if run.legal_due_on != legal:
                moved[clock_id] |= {"old_legal": _iso(run.legal_due_on), "new_legal": _iso(legal)}
            run.due_on, run.legal_due_on = due, legal
            run.promised_on = run.promised_on or due
    if content.deadline != found.deadline:
        moved["deadline"] = {"old": _iso(content.deadline), "new": _iso(found.deadline)}
        content.deadline = found.deadline
        watching.watch(session, definition, content, known, changed=True, entered=False)
    return moved


def _iso(value: date | datetime | None) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(CHINA).isoformat()
    return value.isoformat() if value else None
