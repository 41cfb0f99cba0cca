"""Steps that nobody presses: timers and automatic transitions. Each is an outbox row, so a worker takes it exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.ledger import JournalEntry
from process import clock, guards, outbox
from process.calendar_days import CalendarMissing
from process.definition import Definition, Transition
from process.library import library

JOB = "process.unattended"
# A step whose predicate does not hold yet is looked at again, ever more rarely: the predicate may speak of another thing.
AGAIN, AT_LEAST = timedelta(minutes=5), timedelta(days=1)
# From here on the pause would be longer than AT_LEAST anyway; two to the number of tries would leave the calendar.
DOUBLED = 9


def arm(session: Session, definition: Definition, content: Content, at: datetime) -> None:
    """Called when a state is entered: puts a row for every step out of it that no person takes."""
    for transition in definition.exits(content.state):
        if transition.trigger == "user" or transition.id in definition.joined:
            continue
        rings = rings_at(session, content, transition, at)
        if rings is not None:
            put(session, content, transition, rings)


def rings_at(session: Session, content: Content, transition: Transition, entered: datetime) -> datetime | None:
    """When this step is due for a thing that entered its state at `entered`; None: not before a calendar is there."""
    after = transition.after
    if after is None:
        return entered
    if after.hours:
        return entered + timedelta(hours=after.hours)
    if after.deadline:
        return content.deadline + timedelta(seconds=1) if content.deadline else None
    try:
        days = clock.calendar(session).add_working_days(clock.local_day(entered), after.working_days or 0)
    except CalendarMissing:
        return None
    return clock.end_of(days) + timedelta(seconds=1)


def ring(session: Session, args: Mapping[str, Any]) -> str | None:
    """The worker's call. Answers the transition taken, or None: the thing has moved on, or the time was put off."""
    from process import engine

    content = session.get(Content, args["content_id"])
    if content is None or content.entered_at != datetime.fromisoformat(args["entered"]):
        return None
    definition = library.of(content, session)
    transition = definition.transitions.get(args["transition"])
    if transition is None or content.state not in transition.sources:
        return None
    if transition.trigger == "user" or transition.id in definition.joined:
        # The thing was moved to a version in which a person, or the join, takes this step.
        return None
    if transition.to in (None, content.state) and _taken(session, content, transition):
        return None
    rings = rings_at(session, content, transition, content.entered_at)
    if rings is None or rings > now():
        # A pause or a new calendar has moved the date: the row is put again for the date of today's reckoning.
        if rings is not None:
            put(session, content, transition, rings)
        return None
    waits = transition.trigger == "automatic" and content.holds
    if waits or not guards.passes_unattended(session, content, transition.guard):
        tries = int(args.get("tries", 0))
        put(session, content, transition, now() + min(AGAIN * 2 ** min(tries, DOUBLED), AT_LEAST), tries + 1)
        return None
    engine.fire_unattended(content, transition.id)
    return transition.id


def _taken(session: Session, content: Content, transition: Transition) -> bool:
    """A step that stays in its state is taken once in a stay, however many rows rang for it."""
    return (
        session.scalar(
            select(JournalEntry.id)
            .where(
                JournalEntry.content_id == content.id,
                JournalEntry.action == f"{content.type}:{transition.id}",
                JournalEntry.at >= content.entered_at,
            )
            .limit(1)
        )
        is not None
    )


def put(session: Session, content: Content, transition: Transition, at: datetime, tries: int = 0) -> None:
    """Writes the row that rings for this step; the stay it belongs to is named by when it began."""
    outbox.put(
        session,
        JOB,
        district=content.district,
        delay=max(at - now(), timedelta(0)),
        content_id=content.id,
        transition=transition.id,
        entered=content.entered_at.isoformat(),
        tries=tries,
    )
