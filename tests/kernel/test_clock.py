"""Dates on both databases: pauses, the law's limit, warnings said once, and everything anew when the calendar changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

import services
from catalogue import loader as catalogue
from jobs.worker import do
from models.base import at_time, now
from models.clock import CalendarChange, CalendarDay, ClockRun
from models.content import Content
from models.ledger import JournalEntry, OutboxItem
from models.notice import Notice
from models.person import Grant
from process import clock, engine, journal, outbox, registry, timers, watching
from process.library import HERE, library, load, vocabulary
from process.numbers import CHINA
from services import deadlines
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


def test_both_limits_stand_beside_each_other_and_the_earlier_one_is_the_deadline(office: World, make: Make) -> None:
    content = make(moment(3, 2), ("begin", moment(3, 3)))
    run = clock.current(office.session, content, "handle")
    assert run is not None and (run.due_on, run.legal_due_on) == (date(2026, 3, 10), date(2026, 3, 31))
    assert content.deadline == clock.end_of(date(2026, 3, 10))
    LIMITS["legal"] = 2
    try:
        sooner = make(moment(3, 2), ("begin", moment(3, 3)))
        assert sooner.deadline == clock.end_of(date(2026, 3, 5)), "the law is stricter here"
    finally:
        LIMITS["legal"] = 20
    told = clock.explain(office.session, content, library.of(content, office.session))
    assert (
        "算5个工作日，到2026年3月10日为止" in told["sentence"]
        and "法定时限20个工作日，到2026年3月31日" in told["sentence"]
    )
    english = clock.explain(office.session, content, library.of(content, office.session), locale="en")["sentence"]
    assert "5 working days end on 10 Mar 2026" in english and "until 31 Mar 2026" in english


def test_a_pause_gives_its_days_back_to_both_limits_and_says_why(office: World, make: Make) -> None:
    content = make(moment(3, 2), ("begin", moment(3, 3)))
    clerk = office.actor("clerk", ("community_clerk", office.here))
    with at_time(moment(3, 4)):
        engine.fire(content, "wait", clerk, inputs={"comment": "缺户口簿复印件"})
    assert content.deadline is None, "while the resident is waited for, the office is not late"
    with at_time(moment(3, 6)):
        engine.fire(content, "resume", clerk)
    run = clock.current(office.session, content, "handle")
    assert run is not None and (run.due_on, run.legal_due_on) == (date(2026, 3, 12), date(2026, 4, 2))
    assert run.promised_on == date(2026, 3, 10) and content.deadline == clock.end_of(date(2026, 3, 12))
    definition = library.of(content, office.session)
    full = clock.explain(office.session, content, definition, full=True)["sentence"]
    assert "缺户口簿复印件" in full and "当初答应办事人的日期是2026年3月10日" in full
    masked = clock.explain(office.session, content, definition)["sentence"]
    assert "缺户口簿复印件" not in masked and "待补正" in masked, "who sees it masked does not read what people wrote"


def test_the_holder_hears_once_at_80_percent_and_once_at_the_limit(office: World, make: Make) -> None:
    content = make(moment(3, 2), ("begin", moment(3, 3)))
    clerk = office.actor("clerk", ("community_clerk", office.here))
    content.assignee_id = clerk.person_id
    head = office.actor("head")
    office.session.add(Grant(person_id=head.person_id, role="head", place_id="a", place_path="/d/s/a/"))
    office.session.commit()
    with at_time(moment(3, 8)):
        assert work(office.session) >= 1, "the draft's own limit is over, but the draft is no more"
        assert told(office.session, "clock:near") == 0
    # Five working days from midnight of the 3rd: 80 % are over at midnight of the 9th.
    with at_time(moment(3, 10, 9)):
        work(office.session)
        work(office.session)
    assert told(office.session, "clock:near") == 2, "the holder and the head"
    with at_time(moment(3, 11, 9)):
        work(office.session)
    assert (told(office.session, "clock:near"), told(office.session, "clock:late")) == (2, 2)
    assert [len(rows(office.session, content, f"clock:{kind}")) for kind in ("near", "late")] == [2, 2]
    with at_time(moment(3, 20)):
        assert work(office.session) == 0
    assert journal.verify(office.session)[1] is None


def test_two_deliveries_and_a_killed_worker_say_it_once(office: World, make: Make, engine: Engine) -> None:
    """The row is there twice, taken by two workers at once, and a third died in the middle of it."""
    content = make(moment(3, 2))
    twin = office.session.scalars(select(OutboxItem).where(OutboxItem.job == watching.JOB)).one()
    for _ in range(3):
        office.session.add(
            OutboxItem(job=twin.job, args=dict(twin.args), queue=twin.queue, available_at=twin.available_at)
        )
    office.session.commit()
    late = moment(3, 9)
    with at_time(late):
        items = due_items(office.session)
        office.session.rollback()
        with Session(engine) as killed:
            held = outbox.lease(killed, items[0])
            killed.commit()
            assert held is not None and deadlines.warn(killed, held.args)
            killed.rollback()  # it never came to the commit
    answers: list[str] = []

    def worker(item: int) -> None:
        with at_time(late + timedelta(minutes=5)), Session(engine) as session:
            answers.append(do(session, item))

    threads = [threading.Thread(target=worker, args=(item,)) for item in items * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("done") == len(items) == 4, answers
    office.session.rollback()
    assert told(office.session, "clock:late") == 1 and len(rows(office.session, content, "clock:late")) == 1


def test_what_has_moved_on_is_not_warned_about(office: World, make: Make) -> None:
    finished = make(moment(3, 2), ("begin", moment(3, 3)), ("finish", moment(3, 4)))
    with at_time(moment(3, 20)):
        work(office.session)
    assert told(office.session, "clock:near") == told(office.session, "clock:late") == 0
    assert not rows(office.session, finished, "clock:late")


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


def test_a_changed_calendar_moves_the_dates_and_keeps_the_promise(
    office: World, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "SLICE", 3)
    moving = [make(moment(3, 2), ("begin", moment(3, 3))) for _ in range(5)]
    draft = make(moment(3, 5))
    before = make(moment(2, 24), ("begin", moment(2, 25)), ("finish", moment(2, 27)))
    office.session.expire_all()
    closed_due = clock.current(office.session, before, "handle").due_on  # type: ignore[union-attr]
    admin = office.actor("admin")
    with at_time(moment(3, 6)):
        made = change(office.session, admin.person_id, (date(2026, 3, 9), False, "台风停工"))
        work(office.session, deadlines.RECOMPUTE)
        office.session.expire_all()
        assert made.done_at is not None and (made.checked, made.moved) == (6, 6)
        for content in moving:
            run = clock.current(office.session, content, "handle")
            assert run is not None and (run.due_on, run.promised_on) == (date(2026, 3, 11), date(2026, 3, 10))
            assert content.deadline == clock.end_of(date(2026, 3, 11))
        assert draft.deadline == clock.end_of(date(2026, 3, 11)), "three working days from the 5th, without the 9th"
        assert clock.current(office.session, before, "handle").due_on == closed_due  # type: ignore[union-attr]
        row = rows(office.session, moving[0], "clock:recalculated")[0]
        assert row.person_id == admin.person_id and row.comment == "台风停工"
        assert row.details["handle"] == {
            "old": "2026-03-10", "new": "2026-03-11", "old_legal": "2026-03-31", "new_legal": "2026-04-01",
        }  # fmt: skip
        told = clock.explain(office.session, moving[0], library.of(moving[0], office.session))
        assert "台风停工" in told["sentence"] and "当初答应办事人的日期是2026年3月10日" in told["sentence"]
    # The second round, and any repetition, finds everything as it should be.
    with at_time(moment(3, 6, 12)):
        assert work(office.session, deadlines.RECOMPUTE) == 3
        assert deadlines.recompute(office.session, {"change": made.id, "after": 0, "round": 2}) == 0
    assert [len(rows(office.session, content, "clock:recalculated")) for content in moving] == [1] * 5
    assert journal.verify(office.session)[1] is None
    # The old date's watch rings for nothing, the new date's for the holder.
    with at_time(moment(3, 11, 1)):
        work(office.session)
    keys = [n.params["when"][:10] for n in office.session.scalars(select(Notice).where(Notice.kind == "clock:near"))]
    assert set(keys) == {"2026-03-11"}, keys


def test_a_missing_year_gives_no_date_and_the_calendar_brings_it(office: World, make: Make) -> None:
    content = make(moment(12, 28), ("begin", moment(12, 29)))
    run = clock.current(office.session, content, "handle")
    assert run is not None and run.due_on is None and run.promised_on is None and content.deadline is None
    with at_time(moment(12, 29)):
        told = clock.explain(office.session, content, library.of(content, office.session))
        assert "2027年工作日历尚未录入" in told["sentence"]
        assert clock.picture(office.session, content, library.of(content, office.session)) is None
        days = [(date(2027, 1, 1) + timedelta(days=n)) for n in range(365)]
        plain = [
            (day, day.weekday() < 5 and day != date(2027, 1, 1), "元旦" if day.day + day.month == 2 else "")
            for day in days
        ]
        change(office.session, None, *plain)
        work(office.session, deadlines.RECOMPUTE)
    office.session.expire_all()
    assert content.deadline == clock.end_of(date(2027, 1, 6)) and run.promised_on == run.due_on == date(2027, 1, 6)
    assert session_count(office.session, content) == 1


def timer_rows(session: Session) -> list[OutboxItem]:
    return list(
        session.scalars(
            select(OutboxItem)
            .where(OutboxItem.job == timers.JOB, OutboxItem.status == "waiting")
            .order_by(OutboxItem.id)
        )
    )


@pytest.mark.parametrize(("working", "rings"), [(False, date(2026, 3, 13)), (True, date(2026, 3, 11))])
def test_timers_ring_on_the_day_of_the_new_calendar(office: World, make: Make, working: bool, rings: date) -> None:
    """Later when a day falls out, earlier when one comes in; either way the row is there once."""
    content = make(moment(3, 2))
    before = timer_rows(office.session)[0].available_at
    assert before == clock.end_of(date(2026, 3, 12)) + timedelta(seconds=1)
    day = date(2026, 3, 7) if working else date(2026, 3, 9)
    with at_time(moment(3, 3)):
        change(office.session, None, (day, working, "台风停工" if not working else "调休上班"))
        work(office.session, deadlines.RECOMPUTE)
    with at_time(moment(3, 3, 12)):
        work(office.session, deadlines.RECOMPUTE)
    office.session.expire_all()
    rows_left = timer_rows(office.session)
    due = clock.end_of(rings) + timedelta(seconds=1)
    assert len(rows_left) == 1 and abs(rows_left[0].available_at - due) < timedelta(minutes=1)
    assert "timer:lapse" in rows(office.session, content, "clock:recalculated")[0].details
    with at_time(due + timedelta(minutes=1)):
        work(office.session, timers.JOB)
    office.session.expire_all()
    assert content.state == "over"


def test_a_timer_that_no_calendar_could_tell_is_put_once_when_the_year_comes(office: World, make: Make) -> None:
    make(moment(12, 28))
    assert not timer_rows(office.session)
    days = [(date(2027, 1, 1) + timedelta(days=n)) for n in range(365)]
    with at_time(moment(12, 29)):
        change(office.session, None, *[(d, d.weekday() < 5, "") for d in days], first=True)
        work(office.session, deadlines.RECOMPUTE)
    with at_time(moment(12, 30)):
        work(office.session, deadlines.RECOMPUTE)
    assert [row.available_at for row in timer_rows(office.session)] == [
        clock.end_of(date(2027, 1, 7)) + timedelta(seconds=1)
    ]


def session_count(session: Session, content: Content) -> int:
    return session.scalar(select(func.count()).select_from(ClockRun).where(ClockRun.content_id == content.id)) or 0


@pytest.mark.parametrize(
    ("at", "days", "years", "needed"),
    [
        (moment(3, 2), 0, None, False),
        (moment(3, 2), 20, None, False),
        (moment(11, 2), 0, (2027,), False),
        (moment(10, 20), 60, (2027,), True),
        (moment(12, 28), 10, (2027,), True),
        (moment(3, 2, year=2028), 0, (2028,), True),
    ],
)
def test_one_function_says_which_year_is_missing(
    office: World, at: datetime, days: int, years: tuple[int, ...] | None, needed: bool
) -> None:
    found = clock.gap(office.session, at, days=days)
    assert (found.years if found else None) == years and (found is None or found.now is needed)


def test_a_clock_of_a_name_runs_once(office: World, make: Make) -> None:
    """Two steps that arrive together cannot start it twice: the database refuses the second."""
    from sqlalchemy.exc import IntegrityError

    content = make(moment(3, 2), ("begin", moment(3, 3)))
    office.session.add(ClockRun(content_id=content.id, clock="handle", started_on=date(2026, 3, 3), working_days=5))
    with pytest.raises(IntegrityError):
        office.session.flush()
    office.session.rollback()


def test_the_hops_add_up_to_the_whole(office: World, make: Make) -> None:
    """A day with the community, a pause with the resident, the rest where it lies now."""
    content = make(moment(3, 2, 0), ("begin", moment(3, 3, 0)), ("wait", moment(3, 4, 0)), ("resume", moment(3, 9, 0)))
    with at_time(moment(3, 10, 0)):
        found = clock.hops(office.session, content, now())
    assert [(level, round(days, 6)) for level, days, _ in found.levels] == [("resident", 3.0), ("community", 3.0)]
    assert abs(sum(share for *_, share in found.levels) - 1) < 1e-9
    data = found.as_data()
    assert data["working_days"] == 6.0 and [s["working_days"] for s in data["stays"]] == [2.0, 3.0, 1.0]


def test_the_picture_shows_every_day_and_reads_aloud(office: World, make: Make) -> None:
    content = make(moment(4, 2), ("begin", moment(4, 2)))
    definition = library.of(content, office.session)
    with at_time(moment(4, 7)):
        drawing = clock.picture(office.session, content, definition)
        english = clock.picture(office.session, content, definition, locale="en")
    assert drawing is not None and english is not None
    assert 'role="img"' in drawing and "清明节" in drawing and "放假，不计" in drawing and "style=" not in drawing
    assert "Qingming" in english and "day off, not counted" in english and "清明" not in english
    assert drawing.count("<rect") == (date(2026, 5, 6) - date(2026, 4, 2)).days + 1, "until the limit of the law"
