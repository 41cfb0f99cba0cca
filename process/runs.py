"""The clocks of a thing as they stand in the database, and the dates that follow from one of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.clock import ClockPause, ClockRun
from models.content import Content
from process.calendar_days import CalendarMissing, Pause, WorkCalendar

# A pause that somebody began by hand: it lasts until somebody ends it, whatever state the thing goes to meanwhile.
BY_HAND = "by_hand"


def standing(run: ClockRun) -> ClockPause | None:
    """The pause by hand that a running clock is in now."""
    if run.stopped_on is not None:
        return None
    return next((p for p in run.pauses if p.ended_on is None and p.reason == BY_HAND), None)


def current(session: Session, content: Content, clock_id: str) -> ClockRun | None:
    return session.scalar(
        select(ClockRun)
        .where(ClockRun.content_id == content.id, ClockRun.clock == clock_id)
        .options(selectinload(ClockRun.pauses))
        .order_by(ClockRun.id.desc())
        .limit(1)
    )


def runs(session: Session, content_ids: Iterable[int]) -> dict[tuple[int, str], ClockRun]:
    """The latest run of every clock of these things, in one query."""
    rows = session.scalars(
        select(ClockRun)
        .where(ClockRun.content_id.in_(list(content_ids)))
        .options(selectinload(ClockRun.pauses))
        .order_by(ClockRun.id)
    )
    return {(run.content_id, run.clock): run for run in rows}


def due_date(days: WorkCalendar, run: ClockRun) -> date | None:
    """None when the calendar of a year on the way is not there: a warning, never a guess."""
    return due_dates(days, run)[0]


def due_dates(days: WorkCalendar, run: ClockRun) -> tuple[date | None, date | None]:
    """Until when promised, and until when the law allows; ended pauses give their days back to both."""
    pauses = [Pause(p.started_on, p.ended_on, p.reason) for p in run.pauses if p.ended_on is not None]

    def after(n: int | None) -> date | None:
        if n is None:
            return None
        try:
            return days.explain(run.started_on, n, pauses).due
        except CalendarMissing:
            return None

    return after(run.working_days), after(run.legal_days)
