"""Why a date is what it is: as sentences, as data for programs, and as a picture of days."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.clock import ClockRun
from models.content import Content
from models.ledger import JournalEntry
from process import day_words
from process.calendar_days import CalendarMissing, Explanation, Pause, WorkCalendar, say
from process.calendars import calendar, local_day
from process.day_strip import Strip, draw
from process.definition import Definition
from process.numbers import CHINA
from process.runs import current

# The journal's word for "the calendar was changed and this date with it".
MOVED = "clock:recalculated"


@dataclass(frozen=True)
class Count:
    """One counted date of a thing: a clock's, or the limit of the state it is in."""

    title: str
    event: str
    start: date
    days: int
    pauses: tuple[Pause, ...] = ()
    run: ClockRun | None = None
    found: Explanation | None = None
    legal: Explanation | None = None
    missing: CalendarMissing | None = None
    moves: tuple[dict[str, Any], ...] = field(default=())


def counts(
    session: Session, content: Content, definition: Definition, *, locale: str = "zh_Hans_CN", full: bool = False
) -> list[Count]:
    """Every date of this thing that is counted in working days. `full`: the reader may see what people wrote."""
    days, today = calendar(session), local_day(now())
    english = locale.startswith("en")
    found = []
    for clock in definition.clocks.values():
        run = current(session, content, clock.id)
        if run is None:
            continue
        pauses = tuple(Pause(p.started_on, p.ended_on, _reason(definition, p, locale, full)) for p in run.pauses)
        made = _count(
            days,
            clock.title.text(locale),
            "Accepted" if english else "受理",
            run.started_on,
            run.working_days,
            pauses,
            run.stopped_on or today,
            run,
        )
        found.append(made)
    state = definition.states[content.state]
    if state.due is not None and state.due.working_days and content.closed_at is None:
        title = state.title.text(locale)
        event = f"Entered “{title}”" if english else f"进入“{title}”"
        found.append(_count(days, title, event, local_day(content.entered_at), state.due.working_days, (), today, None))
    return found


def _count(
    days: WorkCalendar,
    title: str,
    event: str,
    start: date,
    n: int,
    pauses: tuple[Pause, ...],
    today: date,
    run: ClockRun | None,
) -> Count:
    try:
        explained = days.explain(start, n, pauses, today=today, event=event)
    except CalendarMissing as missing:
        return Count(title, event, start, n, pauses, run, missing=missing)
    legal = None
    if run is not None and run.legal_days is not None:
        try:
            legal = days.explain(start, run.legal_days, pauses, today=today, event=event)
        except CalendarMissing:
            # The promise lies within the known years, the law's limit beyond them: the nearer date is the one that matters.
            legal = None
    return Count(title, event, start, n, pauses, run, explained, legal)


def _reason(definition: Definition, pause: Any, locale: str, full: bool) -> str:
    """A person's words where there are some and the reader may see them, else the name of the state."""
    if full and pause.words:
        return str(pause.words)
    state = definition.states.get(pause.reason)
    return state.title.text(locale) if state else str(pause.reason)


def explain(
    session: Session, content: Content, definition: Definition, *, locale: str = "zh_Hans_CN", full: bool = False
) -> dict[str, Any]:
    """Why the deadline is what it is: a sentence, and the parts it was made of."""
    english = locale.startswith("en")
    found = counts(session, content, definition, locale=locale, full=full)
    moves = _moves(session, content)
    sentences = [_sentence(count, english) for count in found]
    state = definition.states[content.state]
    if not found:
        sentences.append(_plain(content, state, locale))
    if moves:
        sentences.append(_moved(moves[-1], english))
    return {
        "deadline": content.deadline.astimezone(CHINA).isoformat() if content.deadline else None,
        "sentence": (" " if english else "").join(sentences),
        "sentences": sentences,
        "clocks": [_data(count, sentence) for count, sentence in zip(found, sentences, strict=False) if count.run],
        "moves": moves,
    }


def picture(
    session: Session, content: Content, definition: Definition, *, locale: str = "zh_Hans_CN", full: bool = False
) -> str | None:
    """The days of the date that is running, as SVG; None where nothing is counted in working days."""
    found = [c for c in counts(session, content, definition, locale=locale, full=full) if c.found is not None]
    due = definition.states[content.state].due
    wanted = [c for c in found if c.run is None] if due and due.working_days else found
    if not wanted or wanted[-1].found is None:
        return None
    count, explained = wanted[-1], wanted[-1].found
    stopped = count.run.stopped_on if count.run else None
    return draw(
        Strip(
            explained,
            calendar(session),
            legal=count.legal.due if count.legal else None,
            today=stopped or local_day(now()),
            stopped=stopped is not None,
            title=_sentence(count, locale.startswith("en")),
        ),
        locale,
    )


def _sentence(count: Count, english: bool) -> str:
    if count.found is None:
        assert count.missing is not None
        year = count.missing.year
        return (
            f"The working-day calendar of {year} is not there yet, so no date can be told. An administrator enters it."
            if english
            else str(count.missing)
        )
    text = day_words.sentence(count.found, count.event) if english else count.found.sentence
    if count.run is None:
        return text
    parts = [text]
    if count.legal is not None:
        parts.append(
            f" The law allows {count.legal.days} working days, until {day_words.say(count.legal.due)}."
            if english
            else f"法定时限{count.legal.days}个工作日，到{say(count.legal.due)}为止，提醒按较早的一个。"
        )
    promised = count.run.promised_on
    if promised is not None and promised != count.found.due:
        parts.append(
            f" The resident was told {day_words.say(promised)}."
            if english
            else f"当初答应办事人的日期是{say(promised)}。"
        )
    return "".join(parts)


def _plain(content: Content, state: Any, locale: str) -> str:
    english, title = locale.startswith("en"), state.title.text(locale)
    if state.due is not None and state.due.hours:
        hours = state.due.hours
        return f"{hours} hours from entering “{title}”." if english else f"自进入“{title}”起 {hours} 小时。"
    if content.deadline is not None:
        return "As agreed." if english else "按约定的时间。"
    return "This step has no limit." if english else "这一步没有期限。"


def _moves(session: Session, content: Content) -> list[dict[str, Any]]:
    """How changes of the calendar have moved the dates of this thing, oldest first."""
    rows = session.execute(
        select(JournalEntry.at, JournalEntry.comment, JournalEntry.details)
        .where(JournalEntry.content_id == content.id, JournalEntry.action == MOVED)
        .order_by(JournalEntry.id)
    ).all()
    return [{"at": row.at.astimezone(CHINA).isoformat(), "reason": row.comment, **(row.details or {})} for row in rows]


def _moved(move: dict[str, Any], english: bool) -> str:
    dates = move.get("deadline") or next((v for v in move.values() if isinstance(v, dict) and "new" in v), {})
    old, new = _day(dates.get("old")), _day(dates.get("new"))
    if english:
        before, after = (day_words.say(day) if day else "none" for day in (old, new))
        at = _day(move["at"])
        return (
            f"The calendar was changed on {day_words.say(at) if at else ''}: the date moved from {before} to {after}."
        )
    before, after = (say(day) if day else "未定" for day in (old, new))
    return f"工作日历有变动（{move.get('reason_of_change') or move.get('reason') or ''}），期限由{before}改为{after}。"


def _day(value: str | None) -> date | None:
    return (
        local_day(datetime.fromisoformat(value))
        if value and "T" in value
        else date.fromisoformat(value)
        if value
        else None
    )


def _data(count: Count, sentence: str) -> dict[str, Any]:
    run = count.run
    assert run is not None
    part: dict[str, Any] = {
        "clock": run.clock,
        "title": count.title,
        "started_on": run.started_on.isoformat(),
        "working_days": run.working_days,
        "legal_days": run.legal_days,
        "due_on": run.due_on.isoformat() if run.due_on else None,
        "legal_due_on": run.legal_due_on.isoformat() if run.legal_due_on else None,
        "promised_on": run.promised_on.isoformat() if run.promised_on else None,
        "stopped_on": run.stopped_on.isoformat() if run.stopped_on else None,
        "pauses": [
            {"from": p.start.isoformat(), "to": p.end.isoformat() if p.end else None, "reason": p.reason}
            for p in count.pauses
        ],
    }
    if count.found is None:
        return part | {"warning": sentence}
    return part | {
        "sentence": sentence,
        "skipped": [[d.isoformat(), why] for d, why in count.found.skipped],
        "made_up": [[d.isoformat(), why] for d, why in count.found.made_up],
        "paused": [[d.isoformat(), why] for d, why in count.found.paused],
    }
