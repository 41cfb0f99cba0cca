"""The card of a couple who never see the hall: accepted near, carried, decided, brought back, every paper drawn."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image, ImageDraw
from sqlalchemy import select

from models.paper import Paper
from models.person import Grant
from process import engine
from process.refusals import Forbidden, NotAvailable
from services import actions, cases, papers_out
from tests.services.fertility import certificate_of, draw_all, opened, ticks

LETTER = {"powers": ["file", "supplement", "sign", "collect"]}


def signature() -> str:
    image = Image.new("RGB", (300, 120), "white")
    ImageDraw.Draw(image).line([(10, 60), (150, 20), (290, 100)], fill="black", width=5)
    target = io.BytesIO()
    image.save(target, "PNG")
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()


@pytest.mark.req("S0-06", "S0-37", "S4-15")
def test_the_station_carries_the_card_there_and_back(session, actor):
    station, window = actor("community.clerk"), actor("window.clerk")
    case = opened(session, station, place="dx-c01")
    engine.fire(case, "submit", station)
    engine.fire(case, "accept", station)
    ticket = actions.create(
        session,
        station,
        "delegation",
        {"case": case.uid, "letter": LETTER | {"signature": signature()}},
    )
    engine.fire(ticket, "send", station)
    assert case.unit_id == "dongxin-centre" and case.active_place("addressee").place_id == "dongxin-centre"
    counted = [{"line": number, "counted": 1} for number in range(1, 7)]
    engine.fire(ticket, "receive", window, inputs={"lines": counted})
    engine.fire(ticket, "start", window)
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    engine.fire(case, "issue", actor("issuer"))
    engine.fire(ticket, "decide", actor("approver"))
    engine.fire(ticket, "send_result", actor("issuer"))
    engine.fire(ticket, "take_over", station)
    draw_all(session)
    engine.fire(ticket, "deliver", station, inputs={"collector": "林若琳", "signature": signature()})
    draw_all(session)
    certificate = certificate_of(session, case)
    assert (case.state, certificate.state, ticket.state, case.trips) == ("delivered", "delivered", "delivered", 1)
    papers = session.scalars(select(Paper)).all()
    assert {p.status for p in papers} == {"ready"}, [(p.paper, p.error) for p in papers if p.status != "ready"]
    kinds = [p.paper for p in papers]
    assert kinds.count("handover_list") == 3 and kinds.count("delivery_receipt") == 1, kinds
    receipt = next(p for p in papers if p.paper == "delivery_receipt")
    assert receipt.data["documents"][0]["number"] == certificate.number and receipt.data["recipient_signature"]
    notice = next(p for p in papers if p.paper == "acceptance_notice")
    assert notice.number.startswith("万家星城受〔") and notice.data["agency"] == "万家星城社区"


def test_the_signed_letter_is_printed_for_the_file(session, actor):
    station = actor("community.clerk")
    case = opened(session, station, place="dx-c01")
    ticket = actions.create(
        session, station, "delegation", {"case": case.uid, "letter": LETTER | {"signature": signature()}}
    )
    assert papers_out.draft_pdf(session, ticket, "authorisation_letter", station).startswith(b"%PDF")
    letter = papers_out.print_now(session, ticket, station, "authorisation_letter")
    draw_all(session)
    assert letter.status == "ready" and letter.data["principal_signature"] and letter.data["agent_name"] == "章晓㛃"
    with pytest.raises(NotAvailable):
        papers_out.print_now(session, case, station, "acceptance_notice")
    with pytest.raises(Forbidden):
        papers_out.print_now(session, ticket, actor("neighbour.clerk"), "authorisation_letter")


@pytest.mark.req("S0-34")
def test_who_carried_a_case_does_not_decide_it(session, actor, person):
    station = actor("community.clerk")
    case = opened(session, station, place="dx-c01")
    ticket = actions.create(
        session, station, "delegation", {"case": case.uid, "letter": LETTER | {"signature": signature()}}
    )
    engine.fire(ticket, "send", station)
    engine.fire(case, "accept", actor("window.clerk"))
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    place = case.active_place("addressee")
    session.add(
        Grant(person_id=station.person_id, role="approver", place_id=place.place_id, place_path=place.place_path)
    )
    session.flush()
    with pytest.raises(Forbidden):
        engine.fire(case, "approve", actor("community.clerk"))
    assert not cases.not_own_delegation(session, case, station) and cases.not_own_delegation(
        session, case, actor("approver")
    )
