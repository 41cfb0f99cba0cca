"""Two who press at once: no sheet used twice, no number doubled, no range received twice, one who corrects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models.blank import Blank
from models.ledger import Counter
from models.paper import Certificate, Paper
from models.person import Person
from models.print_batch import PrintLine
from models.print_record import PrintRecord
from process import engine
from process.access import load_actor
from process.refusals import Conflict, Refusal
from services import batch_work, batches, blanks, papers_out
from tests.services.fertility import COLLECTED, approved, certificate_of

DAY = date(2026, 12, 7)
HANDS = 6


@pytest.fixture
def office(office_for_many: Engine) -> Engine:
    return office_for_many


def actors(session: Session) -> Callable[[str], Any]:
    def actor(username: str) -> Any:
        person = session.scalars(select(Person).where(Person.username == username)).one()
        return load_actor(session, person.id, DAY)

    return actor


def together(made: Engine, deed: Callable[[Session, int], Any], hands: int = HANDS) -> list[Any]:
    """Everybody does it at the same moment; what came of it, or why not, in the order of hands."""
    gate, told = threading.Barrier(hands), [None] * hands

    def hand(number: int) -> None:
        with Session(made) as session:
            gate.wait()
            try:
                told[number] = deed(session, number)
                session.commit()
            except Refusal as refusal:
                session.rollback()
                told[number] = refusal  # type: ignore[call-overload]

    threads = [threading.Thread(target=hand, args=(number,)) for number in range(hands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return told


def certificates(made: Engine, count: int) -> list[int]:
    with Session(made) as session:
        actor = actors(session)
        found = [
            certificate_of(session, approved(session, actor, marriage_certificate_number=f"J-{n}"))
            for n in range(count)
        ]
        session.commit()
        return [one.id for one in found]


def test_no_sheet_is_used_twice_and_no_range_comes_in_twice(office: Engine) -> None:
    ids = certificates(office, HANDS)

    def receive(session: Session, _number: int) -> Any:
        return blanks.receive(
            session, actors(session)("issuer"), "dongxin-centre", "senior_card", "A0001", "A0020", "区局发放"
        ).count

    told = together(office, receive)
    assert sum(1 for one in told if one == 20) == 1, told
    assert all(isinstance(one, Conflict) for one in told if one != 20), told

    def take(session: Session, number: int) -> str:
        certificate = session.get_one(Certificate, ids[number])
        issuer = actors(session)("issuer")
        return blanks.take(session, issuer, certificate, certificate.place_path, "senior_card", "A0001").serial

    told = together(office, take)
    assert sorted(told) == [f"A{n:04d}" for n in range(1, HANDS + 1)]
    with Session(office) as session:
        counts = dict(session.execute(select(Blank.status, func.count()).group_by(Blank.status)).all())
        assert counts == {"used": HANDS, "stock": 20 - HANDS}


def test_slices_side_by_side_number_and_draw_each_once(office: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SLICE", 2)
    monkeypatch.setattr(papers_out, "draw", lambda sheet: b"%PDF-1.7 " + sheet.verify_url[:60].encode())
    ids = certificates(office, 8)
    with Session(office) as session:
        uids = [session.get_one(Certificate, one).uid for one in ids]
        batch_id = batches.start_make(session, actors(session)("issuer"), uids).id
        session.commit()
    # Each slice is done by two workers at once, as after a lease that ran out too early.
    for deed in (batch_work.number_slice, batch_work.draw_slice):
        together(office, lambda session, n, deed=deed: deed(session, batch_id, n // 2 * 2 + 1, n // 2 * 2 + 2), 8)
    with Session(office) as session:
        found = [session.get_one(Certificate, one) for one in ids]
        assert sorted(int(str(one.number)[-5:]) for one in found) == list(range(1, 9))
        assert session.scalar(select(Counter.value).where(Counter.series == "SY")) == 8
        assert session.scalar(select(func.count()).where(Paper.paper == "fertility_registration_card")) == 8
        assert {one.paper.status for one in found if one.paper} == {"ready"}
        assert batches.tally(session, batch_id).status == "done"
        assert set(session.scalars(select(PrintLine.status))) == {"done"}


def test_of_two_approvers_one_corrects_and_of_many_reprints_none_slips_through(office: Engine) -> None:
    from services import corrections, print_records

    with Session(office) as session:
        actor = actors(session)
        case = approved(session, actor)
        engine.fire(case, "issue", actor("issuer"))
        certificate = certificate_of(session, case)
        assert certificate.paper is not None
        papers_out.keep(certificate.paper, b"%PDF-1.7 drawn")
        engine.fire(case, "deliver", actor("window.clerk"), inputs={"way": "counter", **COLLECTED})
        session.commit()
        found = certificate.id

    def reprint(session: Session, _number: int) -> bool:
        one = session.get_one(Certificate, found)
        engine.fire(one, "reprint", actors(session)("issuer"), inputs={"comment": "卡纸"})
        return True

    for _ in range(3):
        together(office, reprint)
    with Session(office) as session:
        count = session.scalar(select(func.count()).select_from(PrintRecord).where(PrintRecord.again))
        assert count == print_records.FREE_REPRINTS, "the third needs a second person, however many press at once"
        one = session.get_one(Certificate, found)
        corrections.ask(session, actors(session)("window.clerk"), one, {"husband_name": "王小明"}, "与身份证不符")
        session.commit()

    def agree(session: Session, _number: int) -> bool:
        one = session.get_one(Certificate, found)
        corrections.agree(session, actors(session)("approver"), one, "同意", None)
        return True

    told = together(office, agree)
    assert told.count(True) == 1, told
    with Session(office) as session:
        assert session.scalar(select(func.count()).where(Certificate.replaces_id == found)) == 1
