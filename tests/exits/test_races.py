"""Two clerks press at once: the result leaves once, and the second is told who was faster."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.exit import ExitReceipt, Outgoing
from models.person import Grant, Person
from process import engine
from process.access import load_actor
from process.clock import local_day
from process.refusals import Refusal
from services import exit_handing
from tests.services.fertility import WIFE, draw_all, opened, ticks


def actor_in(session: Session, username: str):
    person = session.scalars(select(Person).where(Person.username == username)).one()
    return load_actor(session, person.id, local_day(datetime.now(UTC)))


def test_two_clerks_at_once_hand_it_over_once(office_for_many):
    with Session(office_for_many) as session:
        # A second person at the same window.
        held = session.scalars(
            select(Grant).join(Person, Person.id == Grant.person_id).where(Person.username == "window.clerk")
        ).first()
        other = session.scalars(select(Person).where(Person.username == "issuer")).one()
        session.add(
            Grant(
                person_id=other.id,
                role="window_clerk",
                place_id=held.place_id,
                place_path=held.place_path,
                cause=held.cause,
            )
        )
        session.flush()
        case = opened(session, actor_in(session, "window.clerk"))
        for step, who in (
            ("submit", "window.clerk"),
            ("accept", "window.clerk"),
            ("review", "reviewer"),
            ("approve", "approver"),
            ("issue", "issuer"),
        ):
            inputs = {"materials": ticks(case)} if step == "review" else {}
            engine.fire(case, step, actor_in(session, who), inputs=inputs)
        draw_all(session)
        uid = session.scalars(select(Outgoing.uid)).one()
        session.commit()
    start, said = threading.Barrier(2), []

    def press(username: str) -> None:
        with Session(office_for_many) as session:
            actor = actor_in(session, username)
            session.rollback()
            start.wait()
            try:
                exit_handing.hand_over(session, actor, [uid], {"who": "holder", "id_number": WIFE["id_number"]})
                session.commit()
                said.append("given")
            except Refusal as refusal:
                session.rollback()
                said.append(refusal.detail)

    threads = [threading.Thread(target=press, args=(name,)) for name in ("window.clerk", "issuer")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count("given") == 1, said
    told = next(one for one in said if one != "given")
    assert "不能再交" in told or "已被他人办理" in told, told
    with Session(office_for_many) as session:
        assert session.scalar(select(func.count()).select_from(ExitReceipt)) == 1
        assert session.scalars(select(Outgoing.state)).one() == "gone"
