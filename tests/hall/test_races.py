"""Many counters press 下一位 at the same moment: every number goes to exactly one of them, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models.base import at_time
from models.hall import HallCounter, HallPeriod, HallTicket
from models.ledger import JournalEntry
from process.access import Actor
from process.refusals import Refusal, RequirementUnmet
from services import hall
from tests.hall.conftest import at, centre_of
from tests.racing import all_at_once

COUNTERS, VISITORS = 6, 14


@pytest.fixture
def office(office_for_many: Engine) -> Engine:
    return office_for_many


def opened(office: Engine, visitors: int) -> tuple[list[Actor], list[int]]:
    with at_time(at(9)), Session(office) as session:
        centre = centre_of(session)
        centre.staff(COUNTERS)
        for _ in range(visitors):
            centre.take()
        session.commit()
        return centre.clerks, [one.id for one in centre.counters]


@pytest.mark.req("S4-09")
def test_counters_that_press_at_the_same_moment_get_different_numbers(office: Engine):
    clerks, counters = opened(office, VISITORS)

    def press(session: Session, number: int) -> str | None:
        called = hall.call_next(session, clerks[number], session.get_one(HallCounter, counters[number]))
        return called.ticket if called is not None else None

    got = all_at_once(office, press, COUNTERS, at(9, 30))
    assert sorted(got) == [f"A{n:03d}" for n in range(1, COUNTERS + 1)]
    with Session(office) as session:
        calls = session.scalars(select(JournalEntry.content_id).where(JournalEntry.action == "queue_visit:call")).all()
        assert len(calls) == len(set(calls)) == COUNTERS
        running = session.scalar(
            select(func.count())
            .select_from(HallPeriod)
            .where(HallPeriod.ended_at.is_(None), HallPeriod.kind == "called")
        )
        assert running == COUNTERS


def test_one_visitor_and_all_counters_press_only_one_gets_it(office: Engine):
    clerks, counters = opened(office, 1)

    def press(session: Session, number: int) -> str | None:
        called = hall.call_next(session, clerks[number], session.get_one(HallCounter, counters[number]))
        return called.ticket if called is not None else None

    got = all_at_once(office, press, COUNTERS, at(9, 30))
    assert [one for one in got if one is not None] == ["A001"]


def test_one_number_called_at_two_counters_by_the_form_the_second_is_told(office: Engine):
    """Past the button, as the general page of the number would do it."""
    from services import actions

    clerks, _ = opened(office, 1)
    with Session(office) as session:
        content_id = session.scalars(select(HallTicket.content_id)).one()

    def press(session: Session, number: int) -> str:
        from models.content import Content

        actions.perform(session.get_one(Content, content_id), "call", clerks[number], {"counter": str(number + 1)})
        return "called"

    got = all_at_once(office, press, 2, at(9, 30))
    told = [one for one in got if isinstance(one, Refusal)]
    assert got.count("called") == 1 and len(told) == 1
    assert "叫号" in told[0].detail or "刷新" in told[0].detail


def test_a_clerk_who_presses_twice_does_not_get_two_numbers(office: Engine):
    clerks, counters = opened(office, 3)

    def press(session: Session, number: int) -> str | None:
        called = hall.call_next(session, clerks[0], session.get_one(HallCounter, counters[0]))
        return called.ticket if called is not None else None

    got = all_at_once(office, press, 2, at(9, 30))
    told = [one for one in got if isinstance(one, RequirementUnmet)]
    assert [one for one in got if isinstance(one, str)] == ["A001"]
    assert len(told) == 1 and "A001 没有办完" in told[0].detail


def test_two_clerks_who_sit_down_at_one_counter(office: Engine):
    clerks, counters = opened(office, 0)
    with Session(office) as session:
        for clerk in clerks[:2]:
            hall.stand_up(session, clerk)
        session.commit()

    def sit(session: Session, number: int) -> str:
        hall.sit(session, clerks[number], counters[5 if number == 9 else 0])
        return "sits"

    got = all_at_once(office, sit, 2, at(9, 30))
    assert got.count("sits") == 1
    assert any(isinstance(one, RequirementUnmet) and "1号窗口现在是" in one.detail for one in got)
