"""What the worker does for dates, on both databases: warnings said once, and everything anew when the calendar changes."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from jobs.worker import do
from models.base import at_time
from models.ledger import OutboxItem
from models.notice import Notice
from models.person import Grant
from process import clock, journal, outbox, timers, watching
from process.library import library
from services import deadlines
from tests.kernel.clock_office import (
    Make,
    change,
    due_items,
    moment,
    rows,
    session_count,
    timer_rows,
    told,
    work,
)
from tests.kernel.conftest import World


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
    unread = office.session.scalars(select(Notice.kind).where(Notice.read_at.is_(None))).all()
    assert unread == ["clock:late"] * 2, "who has not read the first need not any more"
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
