"""Standing in for a colleague: it neither makes two people of one nor lends their name to strangers."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from models.ledger import JournalEntry
from models.person import Grant
from process import engine
from process.access import load_actor
from process.clock import local_day
from process.refusals import Forbidden
from services.errand_posting import create_errand
from tests.services import fertility


def stand_in(session, person, agency, who: str, whom: str, role: str):
    place = agency("dongxin-centre")
    session.add(
        Grant(
            person_id=person(who).id,
            role=role,
            place_id=place.id,
            place_path=place.path,
            cause="substitution",
            principal_id=person(whom).id,
            since=date(2025, 1, 1),
        )
    )
    person(who).epoch += 1
    session.flush()
    return load_actor(session, person(who).id, local_day(engine.now()))


def reviewed_by_the_approver(session, actor, person, agency):
    """The approver also reviews, so that the second pair of eyes must be somebody else's."""
    place = agency("dongxin-centre")
    session.add(
        Grant(
            person_id=person("approver").id,
            role="back_office_reviewer",
            place_id=place.id,
            place_path=place.path,
            cause="post",
        )
    )
    session.flush()
    case = fertility.accepted(session, actor)
    engine.fire(
        case,
        "review",
        load_actor(session, person("approver").id, local_day(engine.now())),
        inputs={"materials": fertility.ticks(case)},
    )
    return case


@pytest.mark.parametrize("named", [True, False])
def test_a_stand_in_does_not_approve_what_the_absent_colleague_reviewed(session, actor, person, agency, named) -> None:
    case = reviewed_by_the_approver(session, actor, person, agency)
    helper = stand_in(session, person, agency, "window.clerk", "approver", "approver")
    with pytest.raises(Forbidden):
        engine.fire(case, "approve", helper, on_behalf_of=person("approver") if named else None)
    assert case.state == "reviewed"
    assert "approve" not in {t.id for t in engine.available(case, helper)}


def test_a_stand_in_approves_what_somebody_else_reviewed(session, actor, person, agency) -> None:
    case = fertility.accepted(session, actor)
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": fertility.ticks(case)})
    helper = stand_in(session, person, agency, "window.clerk", "approver", "approver")
    engine.fire(case, "approve", helper, on_behalf_of=person("approver"))
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "case:approve")).one()
    assert (entry.person_id, entry.substitute_for_id) == (person("window.clerk").id, person("approver").id)


def test_nobody_writes_a_colleagues_name_into_the_journal_without_standing_in(session, actor, person) -> None:
    errand = create_errand(
        session,
        actor("community.clerk"),
        {
            "title": "送补贴申请材料",
            "purpose": "hand_in",
            "from_agency": "dx-c01",
            "to_agency": "dongxin-centre",
            "envelopes": 1,
        },
    )
    engine.fire(errand, "post", actor("community.clerk"))
    engine.fire(errand, "claim", actor("courier"))
    with pytest.raises(Forbidden, match="没有代"):
        engine.fire(errand, "pick_up", actor("courier"), inputs={"envelopes": 1}, on_behalf_of=person("courier2"))
    assert not session.scalars(select(JournalEntry).where(JournalEntry.substitute_for_id.is_not(None))).all()
