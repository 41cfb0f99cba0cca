"""Two counters, one pile; two clerks, one envelope; two desks, one run: everything happens once, nobody waits for ever."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models.courier_run import CourierRun, RunLine
from models.delegation import Delegation
from models.ledger import JournalEntry
from models.person import Person
from process import engine, transactions
from process.access import Actor, load_actor
from process.clock import local_day
from process.refusals import Refusal
from services import actions, custody, scanning
from services.scanning import Counted
from tests.services.test_scanning import pile

PILE = 6


@pytest.fixture
def office(office_for_many: Engine) -> Engine:
    return office_for_many


@pytest.fixture
def tickets(office: Engine) -> Iterator[list[int]]:
    with Session(office) as session:
        transactions.set_writing(True)
        found = [one.id for one in pile(session, who(session, "community.clerk"), PILE)]
        session.commit()
    yield found


def who(session: Session, username: str) -> Actor:
    person = session.scalars(select(Person.id).where(Person.username == username)).one()
    return load_actor(session, person, local_day(datetime.now(UTC)))


def together(office: Engine, jobs: list[Callable[[Session], Any]]) -> list[Any]:
    """Every job in a thread and a transaction of its own; what each heard, in the order of the jobs."""
    barrier, answers = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(number: int) -> None:
        transactions.set_writing(True)
        with Session(office) as session:
            barrier.wait(60)
            try:
                answers[number] = jobs[number](session)
                session.commit()
            except Refusal as refusal:
                session.rollback()
                answers[number] = refusal

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "two of them wait for each other"
    return answers


def receiving(username: str, ids: list[int]) -> Callable[[Session], list[bool]]:
    def job(session: Session) -> list[bool]:
        rows = []
        for ticket_id in ids:
            ticket = session.get_one(Delegation, ticket_id)
            handover = custody.latest(session, ticket, "send")
            assert handover is not None
            rows.append(Counted(ticket.uid, handover.id))
        return [one.done for one in scanning.receive_all(session, who(session, username), rows)]

    return job


def signed(session: Session) -> list[int]:
    return list(session.scalars(select(JournalEntry.content_id).where(JournalEntry.action == "delegation:receive")))


def test_two_clerks_scan_the_same_pile(office: Engine, tickets: list[int]) -> None:
    mixed = [random.Random(n).sample(tickets, PILE) for n in range(6)]
    jobs = [receiving("window.clerk" if n % 2 else "reviewer", mixed[n]) for n in range(6)]
    answers = together(office, jobs)
    assert all(isinstance(one, list) for one in answers), answers
    with Session(office) as session:
        assert sorted(signed(session)) == sorted(tickets), "each envelope is signed for once"
        assert {one.state for one in session.scalars(select(Delegation))} == {"received"}
        assert (
            session.scalar(
                select(func.count()).select_from(JournalEntry).where(JournalEntry.action == custody.DIFFERENCE)
            )
            == 0
        )


def test_one_envelope_is_put_into_one_run(office: Engine, tickets: list[int]) -> None:
    with Session(office) as session:
        number = session.get_one(Delegation, tickets[0]).number

    def job(session: Session) -> str:
        data = {"carrier_kind": "van", "carrier_name": "公务车 王师傅", "numbers": [number]}
        return str(actions.create(session, who(session, "community.clerk"), "courier_run", data).uid)

    answers = together(office, [job] * 5)
    assert sum(isinstance(one, str) for one in answers) == 1
    assert all("已经编在" in one.detail for one in answers if isinstance(one, Refusal))
    with Session(office) as session:
        assert session.scalar(select(func.count()).select_from(RunLine)) == 1


def test_two_desks_empty_one_run(office: Engine, tickets: list[int]) -> None:
    """One ticks envelopes off, others count them at once: the run ends once, with every line arrived."""
    with Session(office) as session:
        transactions.set_writing(True)
        clerk = who(session, "community.clerk")
        numbers = [str(session.get_one(Delegation, one).number) for one in tickets]
        data = {"carrier_kind": "van", "carrier_name": "公务车 王师傅", "numbers": numbers}
        run = actions.create(session, clerk, "courier_run", data)
        engine.fire(run, "load", clerk, inputs={"numbers": "\n".join(numbers)})
        engine.fire(run, "hand_over", clerk)
        run_id = run.id
        session.commit()

    def ticking(session: Session) -> str:
        run = session.get_one(CourierRun, run_id)
        engine.fire(run, "tick", who(session, "window.clerk"), inputs={"numbers": "\n".join(numbers)})
        return run.state

    answers = together(
        office, [receiving("window.clerk", tickets[:4]), receiving("reviewer", tickets[2:]), ticking, ticking]
    )
    assert all(isinstance(one, list) for one in answers[:2]), answers
    with Session(office) as session:
        run = session.get_one(CourierRun, run_id)
        assert {line.state for line in run.lines} == {"arrived"} and run.state == "arrived"
        assert sorted(signed(session)) == sorted(tickets)
        ended = select(func.count()).select_from(JournalEntry).where(JournalEntry.action == "courier_run:arrive")
        assert session.scalar(ended) == 1
