"""Many couriers press at once: one holder, everybody else a sentence with a name; nobody slips past the limit."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.content import Content
from models.errand import Errand
from models.person import CourierProfile, Grant, Person
from process import engine, transactions
from process.access import load_actor
from process.refusals import NotAvailable, Refusal, RequirementUnmet, Stale
from services import accounts
from services.errand_posting import create_errand

THREADS = 50
DAY = date(2026, 11, 20)


@pytest.fixture
def office(office_for_many: Engine) -> Engine:
    return office_for_many


def runners(session: Session, count: int) -> list[int]:
    street, point = session.get(Agency, "dongxin"), session.get(Agency, "dx-c01-point")
    assert street is not None and point is not None
    ids = []
    for number in range(count):
        person = Person(
            username=f"runner{number}", name=f"跑腿工{number}", password_hash=accounts.NO_PASSWORD, unit_id=point.id
        )
        session.add(person)
        session.flush()
        session.add(
            Grant(
                person_id=person.id,
                role="red_courier",
                place_id=street.id,
                place_path=street.path,
                since=date(2025, 1, 1),
            )
        )
        session.add(
            CourierProfile(
                person_id=person.id, point_id=point.id, trained_until=date(2030, 1, 1), errand_limit=3, area=[]
            )
        )
        ids.append(person.id)
    return ids


def on_the_board(session: Session, count: int) -> list[int]:
    dispatcher = load_actor(
        session, session.scalars(select(Person.id).where(Person.username == "dispatcher")).one(), DAY
    )
    ids = []
    for number in range(count):
        errand = create_errand(session, dispatcher, {"title": f"送材料第{number + 1}份", "to_agency": "dongxin-centre"})
        engine.fire(errand, "post", dispatcher)
        ids.append(errand.id)
    return ids


def all_at_once(office: Engine, jobs: list[tuple[int, int]]) -> list[Refusal | str]:
    """Each (person, errand) claims in a thread of its own; what it heard."""
    barrier, answers = threading.Barrier(len(jobs)), []

    def claim(person_id: int, errand_id: int) -> None:
        with Session(office) as session:
            transactions.set_writing(False)
            actor = load_actor(session, person_id, DAY)
            session.rollback()
            barrier.wait(60)
            transactions.set_writing(True)
            try:
                errand = session.get_one(Errand, errand_id)
                engine.fire(errand, "claim", actor)
                session.commit()
                answers.append("claimed")
            except Refusal as refusal:
                session.rollback()
                answers.append(refusal)

    threads = [threading.Thread(target=claim, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answers) == len(jobs)
    return answers


@pytest.mark.req("S2-24")
def test_of_fifty_claims_exactly_one_holds_and_the_others_hear_who(office: Engine) -> None:
    with Session(office) as session:
        people, (errand_id,) = runners(session, THREADS), on_the_board(session, 1)
        session.commit()
    answers = all_at_once(office, [(person, errand_id) for person in people])
    losers = [answer for answer in answers if answer != "claimed"]
    assert len(losers) == THREADS - 1
    with Session(office) as session:
        errand = session.get_one(Errand, errand_id)
        assert errand.state == "claimed" and errand.assignee is not None
        for refusal in losers:
            assert isinstance(refusal, (NotAvailable, Stale)) and f"{errand.assignee.name}已于" in refusal.detail


@pytest.mark.req("S2-24")
def test_one_courier_with_many_fingers_still_keeps_the_limit(office: Engine) -> None:
    with Session(office) as session:
        (person,), errands = runners(session, 1), on_the_board(session, 12)
        session.commit()
    answers = all_at_once(office, [(person, errand) for errand in errands])
    assert answers.count("claimed") == 3
    assert all(
        isinstance(a, RequirementUnmet) and "最多同时 3 单" in a.detail for a in answers if not isinstance(a, str)
    )
    with Session(office) as session:
        assert (
            session.scalar(
                select(func.count())
                .select_from(Content)
                .where(Content.assignee_id == person, Content.state == "claimed")
            )
            == 3
        )
