"""Who watches a deadline: one outbox row for each date that is set, which looks again when its time has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.clock import ClockRun
from models.content import Content
from process import outbox
from process.calendar_days import CalendarMissing
from process.calendars import calendar, end_of, moment_at
from process.definition import Definition

JOB = "clock.warn"
NEAR, LATE = "near", "late"
# The share of the working time after which the holder hears of it.
SHARE = 0.8


@dataclass(frozen=True)
class Alarm:
    """What is to be said now about the deadline of a thing. `once` names it: said before, it is not said again."""

    content: Content
    kind: str
    deadline: datetime
    mark: str

    @property
    def once(self) -> str:
        return f"clock:{self.kind}:{self.content.id}:{int(self.deadline.timestamp())}:{self.mark}"


def watch(
    session: Session,
    definition: Definition,
    content: Content,
    known: Mapping[tuple[int, str], ClockRun],
    *,
    changed: bool,
    entered: bool,
) -> None:
    """Puts the row for a date that was just set. A clock that runs on through another state is watched already."""
    due = definition.states[content.state].due
    if content.deadline is None or content.closed_at is not None or due is None:
        return
    if changed or (entered and not due.clock):
        # A clock's date holds across states; any other date belongs to this stay in this state.
        mark = "" if due.clock else _mark(content)
        run = known.get((content.id, due.clock)) if due.clock else None
        _put(session, content, NEAR, mark, near(session, definition, content, run))


def near(session: Session, definition: Definition, content: Content, run: ClockRun | None) -> datetime:
    """The moment at which 80 % of the time has passed: working time where the date was counted in working days."""
    assert content.deadline is not None
    due = definition.states[content.state].due
    start = content.entered_at
    if due is not None and (due.clock or due.working_days):
        if run is not None:
            start = end_of(run.started_on)
        try:
            return moment_at(calendar(session), start, content.deadline, SHARE, paused_days(run))
        except CalendarMissing:
            # The date was set while the year was there; a plain share of the time is near enough for a warning.
            return _plain(start, content.deadline)
    return _plain(start, content.deadline)


def _plain(start: datetime, end: datetime) -> datetime:
    return start + max(end - start, timedelta(0)) * SHARE


def paused_days(run: ClockRun | None) -> frozenset[date]:
    """The days that ended pauses gave back."""
    return frozenset(
        pause.started_on + timedelta(days=n)
        for pause in (run.pauses if run else ())
        if pause.ended_on is not None
        for n in range(1, (pause.ended_on - pause.started_on).days + 1)
    )


def ring(session: Session, args: Mapping[str, Any]) -> Alarm | None:
    """The worker's call: is the date this row was put for still the one that holds, and what is to be said?

    Nothing when the thing was moved, closed or got another date: whoever set that date put a row of its own."""
    content = session.scalar(
        select(Content)
        .where(Content.uid == args["uid"])
        .with_for_update(of=Content)
        .execution_options(populate_existing=True)
    )
    if content is None or content.closed_at is not None or content.deadline is None:
        return None
    mark = args["mark"]
    if content.deadline != datetime.fromisoformat(args["deadline"]) or mark not in ("", _mark(content)):
        return None
    if content.deadline < now():
        return Alarm(content, LATE, content.deadline, mark)
    _put(session, content, LATE, mark, content.deadline + timedelta(seconds=1))
    # A machine whose clock was ahead rang for the limit too early: then it is only put again.
    return Alarm(content, NEAR, content.deadline, mark) if args["kind"] == NEAR else None


def _mark(content: Content) -> str:
    return str(int(content.entered_at.timestamp()))


def _put(session: Session, content: Content, kind: str, mark: str, at: datetime) -> None:
    assert content.deadline is not None
    outbox.put(
        session,
        JOB,
        district=content.district,
        delay=max(at - now(), timedelta(0)),
        uid=content.uid,
        kind=kind,
        deadline=content.deadline.isoformat(),
        mark=mark,
    )
