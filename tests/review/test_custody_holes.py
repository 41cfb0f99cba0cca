"""Originals and cards are where the books say they are, and nothing ends while they are elsewhere."""

from __future__ import annotations

import pytest

from models.delegation import Delegation
from process import engine
from process.refusals import Forbidden, RequirementUnmet
from services import certificates, custody
from services.errand_posting import create_errand
from tests.services import fertility
from tests.services.test_delegations import LETTER, counted, drawn, open_case, open_ticket

OWN = ("id_card",)


def carried(session, actor, *steps: str) -> Delegation:
    """A ticket on its way, as far as these steps lead."""
    clerk, window = actor("community.clerk"), actor("window.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    engine.fire(ticket, "send", clerk)
    for step in steps:
        case = ticket.case
        match step:
            case "receive":
                engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
            case "start":
                engine.fire(ticket, "start", window)
            case "review":
                ticks = [{"code": m.code, "verdict": "accepted"} for m in case.materials if m.provided]
                engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks})
            case "approve":
                engine.fire(case, "approve", actor("approver"))
            case "refuse":
                engine.fire(case, "refuse", actor("approver"), inputs={"comment": "不符合条件"})
            case "decide":
                engine.fire(ticket, "decide", window)
            case "issue":
                engine.fire(case, "issue", actor("issuer"))
    return ticket


DECIDED = ("receive", "start", "review", "approve", "decide", "issue")


def test_a_result_list_may_not_leave_the_applicants_original_behind(session, actor) -> None:
    ticket = carried(session, actor, *DECIDED)
    with pytest.raises(RequirementUnmet, match="没有列入交接清单"):
        engine.fire(
            ticket,
            "send_result",
            actor("window.clerk"),
            inputs={"lines": [{"material": "老年优待证", "sheets": 1, "original": True}]},
        )


def test_what_did_not_come_back_is_not_written_off_at_the_delivery(session, actor) -> None:
    ticket, clerk, window = carried(session, actor, *DECIDED), actor("community.clerk"), actor("window.clerk")
    engine.fire(ticket, "send_result", window)
    lines = counted(session, ticket, "result")
    number = next(
        line["line"]
        for line, row in zip(lines, custody.latest(session, ticket, "result").lines, strict=True)
        if row.material_id
    )
    lines[number - 1] |= {"counted": 0, "difference": "封套里没有身份证"}
    engine.fire(ticket, "take_over", clerk, inputs={"lines": lines})
    fertility.draw_all(session)
    with pytest.raises(RequirementUnmet, match="还有原件没有取回"), session.begin_nested():
        engine.fire(ticket, "deliver", clerk, inputs={"signature": drawn()})
    session.expire_all()
    assert [m.code for m in custody.originals_out(ticket.case)] == ["id_card"]

    # A courier brings it after all, and the ticket can end.
    errand = create_errand(
        session,
        window,
        {
            "title": "补送一件材料",
            "purpose": "deliver_result",
            "related": ticket.uid,
            "from_agency": "dongxin-centre",
            "to_agency": "dx-c01",
        },
    )
    engine.fire(errand, "post", actor("dispatcher"))
    for step, inputs in (
        ("claim", {}),
        ("pick_up", {"envelopes": 1}),
        ("set_off", {}),
        ("deliver", {"code": errand.confirm_code}),
    ):
        engine.fire(errand, step, actor("courier"), inputs=inputs)
    assert errand.state == "confirmed"
    engine.fire(ticket, "deliver", clerk, inputs={"signature": drawn()})
    assert ticket.case.state == "delivered" and not custody.originals_out(ticket.case)


def test_an_errand_for_something_else_moves_no_papers_of_the_ticket(session, actor) -> None:
    ticket, clerk = carried(session, actor, *DECIDED), actor("community.clerk")
    engine.fire(ticket, "send_result", actor("window.clerk"))
    before = [(m.holder_unit_id, m.holder_person_id) for m in custody.originals_out(ticket.case)]
    errand = create_errand(
        session,
        clerk,
        {
            "title": "陪老人看大厅",
            "purpose": "accompany",
            "related": ticket.uid,
            "from_agency": "dongxin-centre",
            "to_agency": "dx-c01",
        },
    )
    engine.fire(errand, "post", clerk)
    assert "pick_up" not in {t.id for t in engine.available(errand, actor("courier"))}, "nothing changes hands"
    for step, inputs in (
        ("claim", {}),
        ("start", {}),
        ("deliver", {"code": errand.confirm_code}),
    ):
        engine.fire(errand, step, actor("courier"), inputs=inputs)
    assert errand.state == "confirmed" and ticket.state == "result_sent"
    assert [(m.holder_unit_id, m.holder_person_id) for m in custody.originals_out(ticket.case)] == before


def test_a_refused_case_gives_the_originals_back(session, actor) -> None:
    window = actor("window.clerk")
    case = fertility.opened(session, window, materials=[{**m, "original": True} for m in fertility.ALL])
    engine.fire(case, "submit", window)
    engine.fire(case, "accept", window)
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": fertility.ticks(case)})
    engine.fire(case, "refuse", actor("approver"), inputs={"comment": "不符合条件"})
    assert custody.originals_out(case), "the applicant still has to get them back"
    assert "give_back" in {t.id for t in engine.available(case, window)}
    assert "give_back" not in {t.id for t in engine.available(case, actor("approver"))}
    engine.fire(case, "give_back", window)
    assert not custody.originals_out(case) and case.closed_at is not None
    assert "give_back" not in {t.id for t in engine.available(case, window)}


def test_a_card_on_its_way_is_not_handed_out_by_the_station(session, actor) -> None:
    ticket, clerk = carried(session, actor, *DECIDED), actor("community.clerk")
    fertility.draw_all(session)
    card = certificates.of_case(session, ticket.case)
    assert card is not None and card.state == "issued"
    assert "deliver" not in {t.id for t in engine.available(card, clerk)}
    with pytest.raises(Forbidden):
        engine.fire(card, "deliver", clerk)


def test_a_case_withdrawn_under_way_does_not_strand_its_ticket(session, actor) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    case = open_case(session, clerk, materials=[{"code": "id_card", "provided": True, "original": False, "sheets": 1}])
    ticket = open_ticket(session, clerk, case, letter=LETTER)
    engine.fire(ticket, "send", clerk)
    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    engine.fire(case, "withdraw", clerk, inputs={"comment": "本人不办了"})
    if "start" in {t.id for t in engine.available(ticket, window)}:
        engine.fire(ticket, "start", window)
    engine.fire(ticket, "decide", window)
    engine.fire(ticket, "send_result", window)
    engine.fire(ticket, "take_over", clerk)
    engine.fire(ticket, "deliver", clerk, inputs={"signature": drawn()})
    engine.fire(ticket, "close", clerk)
    assert ticket.state == "closed" and case.state == "withdrawn"


def test_papers_owed_can_still_come_in_after_the_review(session, actor) -> None:
    window = actor("window.clerk")
    from services import materials

    brought = [m for m in fertility.ALL if m["code"] in fertility.CRITICAL]
    case = fertility.opened(session, window, materials=brought)
    engine.fire(case, "submit", window)
    from datetime import timedelta

    from models.base import now
    from process.clock import local_day

    engine.fire(
        case, "defer", window, inputs={"due": (local_day(now()) + timedelta(days=1)).isoformat(), "promise": True}
    )
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": fertility.ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    with pytest.raises(RequirementUnmet, match="容缺的材料"), session.begin_nested():
        engine.fire(case, "issue", actor("issuer"))
    session.expire_all()
    materials.provide(session, case, window, [{"code": code, "provided": True} for code in fertility.BOOKLETS])
    engine.fire(case, "issue", actor("issuer"))
    assert case.state == "issued"


def test_the_courier_does_not_confirm_as_dispatcher(session, actor, person, agency) -> None:
    from datetime import UTC, datetime

    from models.person import Grant
    from process.access import load_actor
    from process.clock import local_day

    place = agency("dongxin")
    session.add(
        Grant(
            person_id=person("courier").id,
            role="errand_dispatcher",
            place_id=place.id,
            place_path=place.path,
            cause="post",
        )
    )
    session.flush()
    both = load_actor(session, person("courier").id, local_day(datetime.now(UTC)))
    errand = create_errand(
        session,
        actor("community.clerk"),
        {"title": "送补贴申请材料", "purpose": "hand_in", "from_agency": "dx-c01", "to_agency": "dongxin-centre"},
    )
    engine.fire(errand, "post", actor("community.clerk"))
    for step, inputs in (("claim", {}), ("pick_up", {"envelopes": 1}), ("set_off", {}), ("deliver", {})):
        engine.fire(errand, step, both, inputs=inputs)
    with pytest.raises(RequirementUnmet):
        engine.fire(errand, "confirm", both, inputs={"comment": "打过电话"})
