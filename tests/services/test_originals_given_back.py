"""归还原件: nobody gives back what is in an envelope on its way or in a courier's bag."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.delegation import Delegation
from models.errand import Errand
from process import engine
from process.refusals import InvalidInput, RequirementUnmet
from services import custody
from tests.services.fertility import draw_all
from tests.services.test_delegations import LETTER, As, counted, drawn, open_case, open_ticket


@pytest.fixture
def sent(session: Session, actor: As) -> Delegation:
    """A signed ticket on its way to the street, with the ID card in its envelope."""
    clerk = actor("community.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    engine.fire(ticket, "send", clerk)
    return ticket


@pytest.mark.req("S1-09")
def test_an_original_in_an_uncounted_envelope_is_not_given_back(session: Session, actor: As, sent: Delegation) -> None:
    """It still stands as the station's, but nobody can put it into the applicant's hands."""
    clerk, case = actor("community.clerk"), sent.case
    assert case is not None
    why = {"comment": "本人改去街道办"}
    with (
        pytest.raises(RequirementUnmet, match=r"本人居民身份证（已交出，在路上，待东新街道.*清点）"),
        session.begin_nested(),
    ):
        engine.fire(case, "withdraw", clerk, inputs=why)
    assert case.state == "submitted" and [m.name for m in custody.originals_out(case)] == ["本人居民身份证"]
    engine.fire(sent, "withdraw", clerk, inputs={"comment": "本人改去街道办"})
    engine.fire(case, "withdraw", clerk, inputs=why)
    assert case.state == "withdrawn" and not custody.originals_out(case)


@pytest.mark.req("S1-09")
def test_what_the_courier_still_has_is_not_given_back_by_the_station(
    session: Session, actor: As, sent: Delegation
) -> None:
    """Counted 0 out of the envelope: the courier's point stands under the station, and its papers are not there yet."""
    clerk, window, courier, case = actor("community.clerk"), actor("window.clerk"), actor("courier"), sent.case
    assert case is not None
    engine.fire(sent, "receive", window, inputs={"lines": counted(session, sent)})
    engine.fire(sent, "start", window)
    engine.fire(
        case,
        "review",
        actor("reviewer"),
        inputs={"materials": [{"code": m.code, "verdict": "accepted"} for m in case.materials if m.provided]},
    )
    engine.fire(case, "approve", actor("approver"))
    engine.fire(sent, "decide", window)
    engine.fire(case, "issue", actor("issuer"))
    engine.fire(sent, "send_result", window, inputs={"errand": True})
    errand = session.scalars(select(Errand)).one()
    engine.fire(errand, "claim", courier)
    engine.fire(errand, "pick_up", courier, inputs={"envelopes": errand.envelopes})
    lines = counted(session, sent, "result", line2={"counted": 0, "difference": "信封里没有身份证"})
    engine.fire(sent, "take_over", clerk, inputs={"lines": lines})
    draw_all(session)
    with pytest.raises(RequirementUnmet, match=r"本人居民身份证（在.*方志远）。请先取回"), session.begin_nested():
        engine.fire(sent, "deliver", clerk, inputs={"signature": drawn()})
    session.expire_all()
    assert sent.state == "handed_over" and case.state == "issued"
    assert [m.name for m in custody.originals_out(case)] == ["本人居民身份证"]
    engine.fire(errand, "set_off", courier)
    engine.fire(errand, "deliver", courier)
    engine.fire(errand, "confirm", clerk)
    engine.fire(sent, "deliver", clerk, inputs={"signature": drawn()})
    assert case.state == "delivered" and not custody.originals_out(case)


@pytest.mark.req("S1-09")
def test_what_the_courier_has_stands_on_no_list_of_the_station(session: Session, actor: As) -> None:
    clerk, courier = actor("community.clerk"), actor("courier")
    case = open_case(session, clerk)
    ticket = open_ticket(session, clerk, case, letter=LETTER)
    card = custody.originals_out(case)[0]
    custody.hold(session, [card.id], custody.somebody(courier))
    with pytest.raises(InvalidInput, match=r"第 1 行“本人居民身份证”的原件在.*方志远，不在万家星城社区"):
        engine.fire(ticket, "send", clerk)
