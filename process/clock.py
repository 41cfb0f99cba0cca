"""Promised dates in working days: start, pause, stop by state, and the explanation of every date."""

from __future__ import annotations

import time as monotonic
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.base import now
from models.content import Content
from models.ledger import CalendarDay, ClockPause, ClockRun
from process import registry
from process.access import Actor
from process.calendar_days import CalendarMissing, Pause, WorkCalendar
from process.definition import Clock, Definition
from process.numbers import CHINA

_CACHE: dict[str, tuple[float, WorkCalendar]] = {}
CACHE_SECONDS = 30


def calendar(session: Session) -> WorkCalendar:
    """The calendar of this installation, re-read every half minute."""
    key = str(session.get_bind().engine.url)
    kept = _CACHE.get(key)
    if kept and monotonic.monotonic() - kept[0] < CACHE_SECONDS:
        return kept[1]
    rows = session.execute(select(CalendarDay.day, CalendarDay.working, CalendarDay.name)).all()
    made = WorkCalendar(
        {day: working for day, working, _ in rows},
        {day.year for day, _, _ in rows},
        {day: name for day, _, name in rows if name},
    )
    _CACHE[key] = (monotonic.monotonic(), made)
    return made


def forget_calendar() -> None:
    _CACHE.clear()


def local_day(at: datetime) -> date:
    return at.astimezone(CHINA).date()


def end_of(day: date) -> datetime:
    """The last moment of a day in China: a date promised is kept until midnight."""
    return datetime.combine(day, time(23, 59, 59), CHINA)


def advance(
    session: Session, definition: Definition, content: Content, state: str, at: datetime, actor: Actor | None = None
) -> None:
    """Starts, pauses and stops the clocks of a thing that has just entered `state`, and stores its next deadline."""
    for clock in definition.clocks.values():
        _advance_clock(session, clock, content, state, at, actor)
    content.deadline = _deadline(session, definition, content, state, at)


def _advance_clock(
    session: Session, clock: Clock, content: Content, state: str, at: datetime, actor: Actor | None
) -> None:
    run = current(session, content, clock.id)
    today = local_day(at)
    if run is None:
        if state in clock.start:
            days, legal = registry.durations[clock.duration](content) if clock.duration else (clock.days or 0, None)
            run = ClockRun(content_id=content.id, clock=clock.id, started_on=today, working_days=days, legal_days=legal)
            run.due_on = run.promised_on = due_date(calendar(session), run)
            session.add(run)
            session.flush()
        return
    if run.stopped_on is not None:
        return
    open_pause = next((p for p in run.pauses if p.ended_on is None), None)
    if state in clock.pause and open_pause is None:
        run.pauses.append(ClockPause(started_on=today, reason=state, person_id=actor.person_id if actor else None))
    elif state not in clock.pause and open_pause is not None:
        open_pause.ended_on = today
        run.due_on = due_date(calendar(session), run)
    if state in clock.stop:
        run.stopped_on = today
    session.flush()


def current(session: Session, content: Content, clock_id: str) -> ClockRun | None:
    return session.scalar(
        select(ClockRun)
        .where(ClockRun.content_id == content.id, ClockRun.clock == clock_id)
        .options(selectinload(ClockRun.pauses))
        .order_by(ClockRun.id.desc())
        .limit(1)
    )


def due_date(days: WorkCalendar, run: ClockRun) -> date | None:
    """None when the calendar of a year on the way is not there: a warning, never a guess."""
    pauses = [Pause(p.started_on, p.ended_on, p.reason) for p in run.pauses if p.ended_on is not None]
    try:
        return days.explain(run.started_on, run.working_days, pauses).due
    except CalendarMissing:
        return None


def _deadline(session: Session, definition: Definition, content: Content, state: str, at: datetime) -> datetime | None:
    entry = definition.states[state]
    if entry.terminal:
        return None
    due = entry.due
    if due is None:
        return None
    if due.clock:
        run = current(session, content, due.clock)
        return end_of(run.due_on) if run and run.due_on else None
    if due.working_days:
        try:
            return end_of(calendar(session).add_working_days(local_day(at), due.working_days))
        except CalendarMissing:
            return None
    if due.hours:
        return at + timedelta(hours=due.hours)
    value: Any = getattr(content, due.field or "", None)
    return end_of(value) if isinstance(value, date) and not isinstance(value, datetime) else value


def explain(session: Session, content: Content, definition: Definition) -> dict[str, Any]:
    """Why the deadline is what it is: a sentence, and the parts it was made of."""
    days = calendar(session)
    state = definition.states[content.state]
    answer: dict[str, Any] = {
        "deadline": content.deadline.astimezone(CHINA).isoformat() if content.deadline else None,
        "clocks": [],
    }
    for clock in definition.clocks.values():
        run = current(session, content, clock.id)
        if run is None:
            continue
        pauses = [
            Pause(
                p.started_on,
                p.ended_on,
                definition.states[p.reason].title.zh if p.reason in definition.states else p.reason,
            )
            for p in run.pauses
        ]
        part: dict[str, Any] = {
            "clock": clock.id,
            "title": clock.title.zh,
            "started_on": run.started_on.isoformat(),
            "working_days": run.working_days,
            "legal_days": run.legal_days,
            "due_on": run.due_on.isoformat() if run.due_on else None,
            "promised_on": run.promised_on.isoformat() if run.promised_on else None,
            "stopped_on": run.stopped_on.isoformat() if run.stopped_on else None,
            "pauses": [
                {"from": p.start.isoformat(), "to": p.end.isoformat() if p.end else None, "reason": p.reason}
                for p in pauses
            ],
        }
        try:
            found = days.explain(run.started_on, run.working_days, pauses, today=run.stopped_on or local_day(now()))
            part |= {
                "sentence": found.sentence,
                "skipped": [[d.isoformat(), why] for d, why in found.skipped],
                "made_up": [[d.isoformat(), why] for d, why in found.made_up],
                "paused": [[d.isoformat(), why] for d, why in found.paused],
            }
        except CalendarMissing as missing:
            part["warning"] = str(missing)
        answer["clocks"].append(part)
    if answer["clocks"]:
        answer["sentence"] = ";".join(c.get("sentence") or c.get("warning") or "" for c in answer["clocks"])
    elif state.due and state.due.working_days:
        answer["sentence"] = f"自进入“{state.title.zh}”起 {state.due.working_days} 个工作日。"
    elif state.due and state.due.hours:
        answer["sentence"] = f"自进入“{state.title.zh}”起 {state.due.hours} 小时。"
    elif content.deadline:
        answer["sentence"] = "按约定的时间。"
    else:
        answer["sentence"] = "这一步没有期限。"
    return answer


def working_days_left(session: Session, deadline: datetime, at: datetime) -> int | None:
    """Working days from today to the deadline; negative when it is past; None where the calendar ends."""
    today, due = local_day(at), local_day(deadline)
    try:
        return calendar(session).working_days_between(today, due)
    except CalendarMissing:
        return None
