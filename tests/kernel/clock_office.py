"""An office with a calendar and a process whose clock may stand still; what its workers do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import services
from catalogue import loader as catalogue
from jobs.worker import do
from models.base import at_time, now
from models.clock import CalendarChange, CalendarDay, ClockRun
from models.content import Content
from models.ledger import JournalEntry, OutboxItem
from models.notice import Notice
from process import clock, engine, registry, timers, watching
from process.library import HERE, library, load, vocabulary
from process.numbers import CHINA
from services import deadlines

if TYPE_CHECKING:
    from tests.kernel.conftest import World

WORKFLOW = """
id: sample_clock
title: {zh: 时限试验, en: Clock trial}
initial: draft
permissions: [view, view_full]
clocks:
  handle:
    title: {zh: 办理时限, en: Handling time}
    duration: sample_days
    start: [running]
    pause: [waiting]
    stop: [over]
states:
  draft: {title: {zh: 草拟, en: Draft}, tone: waiting, due: {working_days: 3}, permissions: {view: [community_clerk], view_full: [community_clerk]}}
  running: {title: {zh: 办理中, en: Running}, tone: running, due: {clock: handle}, permissions: {view: [community_clerk], view_full: [community_clerk]}}
  waiting: {title: {zh: 待补正, en: Waiting}, tone: waiting, usual: false, permissions: {view: [community_clerk], view_full: [community_clerk]}}
  over: {title: {zh: 办结, en: Over}, tone: done, terminal: true, permissions: {view: [community_clerk]}}
transitions:
  begin: {title: {zh: 受理, en: Begin}, from: [draft], to: running, primary: true, guard: {roles: [community_clerk]}}
  wait: {title: {zh: 告知补正, en: Wait}, from: [running], to: waiting, guard: {roles: [community_clerk]},
         inputs: {comment: {kind: longtext, title: {zh: 缺什么, en: Missing}}}}
  resume: {title: {zh: 补正, en: Resume}, from: [waiting], to: running, primary: true, guard: {roles: [community_clerk]}}
  finish: {title: {zh: 办结, en: Finish}, from: [running], to: over, primary: true, guard: {roles: [community_clerk]}}
  lapse: {title: {zh: 到期作废, en: Lapse}, from: [draft], to: over, trigger: timer, after: {working_days: 8}}
"""
TYPE = """
id: sample_clock
title: {zh: 时限试验, en: Clock trial}
workflow: sample_clock
create: [community_clerk]
"""
LIMITS = {"days": 5, "legal": 20}


def moment(month: int, day: int, hour: int = 10, year: int = 2026) -> datetime:
    return datetime.combine(date(year, month, day), time(hour), CHINA)


@pytest.fixture
def office(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The shipped calendar of 2026, and a process with a clock of five working days that may stand still."""
    for folder, text in (("workflows", WORKFLOW), ("types", TYPE)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sample_clock.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setitem(registry.durations, "sample_days", lambda content: (LIMITS["days"], LIMITS["legal"]))
    load(vocabulary(services.role_names(), services.paper_names()), (HERE, tmp_path))
    library.store(world.session)
    shipped = catalogue.work_calendar()
    for n in range(365):
        day = date(2026, 1, 1) + timedelta(days=n)
        world.session.add(CalendarDay(day=day, working=shipped.is_working_day(day), name=shipped.names.get(day, "")))
    world.session.commit()
    clock.forget_calendar()
    yield world
    clock.forget_calendar()


Make = Callable[..., Content]


@pytest.fixture
def make(office: World) -> Make:
    def made(at: datetime, *steps: tuple[str, datetime]) -> Content:
        clerk = office.actor("clerk", ("community_clerk", office.here))
        content = Content(kind="content", title="时限试验")
        with at_time(at):
            engine.create(office.session, content, clerk, type_id="sample_clock", place=office.here)
        for step, when in steps:
            with at_time(when):
                engine.fire(content, step, clerk)
        office.session.commit()
        return content

    return made


def due_items(session: Session, job: str = watching.JOB) -> list[int]:
    return list(
        session.scalars(
            select(OutboxItem.id)
            .where(OutboxItem.job == job, OutboxItem.status == "waiting", OutboxItem.available_at <= now())
            .order_by(OutboxItem.id)
        )
    )


def work(session: Session, job: str = watching.JOB) -> int:
    """What the workers do until nothing of this kind is due."""
    done = 0
    while items := due_items(session, job):
        session.rollback()
        for item in items:
            assert do(session, item) == "done", session.get_one(OutboxItem, item).error
            done += 1
    session.rollback()
    return done


def told(session: Session, kind: str) -> int:
    return session.scalar(select(func.count()).select_from(Notice).where(Notice.kind == kind)) or 0


def rows(session: Session, content: Content, action: str) -> list[JournalEntry]:
    return list(
        session.scalars(
            select(JournalEntry).where(JournalEntry.content_id == content.id, JournalEntry.action == action)
        )
    )


def change(
    session: Session, person_id: int | None, *days: tuple[date, bool, str], first: bool = False
) -> CalendarChange:
    for day, working, name in days:
        session.merge(CalendarDay(day=day, working=working, name=name))
    made = CalendarChange(year=days[0][0].year, source="day", reason="台风停工", person_id=person_id, first=first)
    session.add(made)
    session.flush()
    deadlines.recompute_later(session, made)
    session.commit()
    return made


def timer_rows(session: Session) -> list[OutboxItem]:
    return list(
        session.scalars(
            select(OutboxItem)
            .where(OutboxItem.job == timers.JOB, OutboxItem.status == "waiting")
            .order_by(OutboxItem.id)
        )
    )


def session_count(session: Session, content: Content) -> int:
    return session.scalar(select(func.count()).select_from(ClockRun).where(ClockRun.content_id == content.id)) or 0
