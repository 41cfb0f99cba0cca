"""上门代办: from the daughter's call to the card at the door, and everybody who must be told no."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.case import Case
from models.delegation import Delegation, Handover
from models.errand import Errand
from models.ledger import JournalEntry
from models.paper import Paper
from models.resident import CareEntry
from process import access, engine
from process.masking import mask_id_number
from process.numbers import CHINA
from process.refusals import InvalidInput, NotAvailable, Refusal, RequirementUnmet
from services import actions, care, custody, doorstep, files, findings, papers_out, slots, visits
from services.catalogue_items import record_of
from tests.services.fertility import certificate_of, draw_all
from tests.services.visiting import (
    DISABILITY,
    LINES,
    OLD_LADY,
    As,
    at_the_door,
    collection,
    drawn,
    request_visit,
    tomorrow,
)


@pytest.mark.req("S0-18", "S0-19", "S0-22", "S2-22", "S4-15")
def test_the_whole_story_of_a_senior_card(session: Session, actor: As) -> None:
    leader, clerk, window = actor("grid.leader"), actor("community.clerk"), actor("window.clerk")
    visit = request_visit(session, clerk)
    assert (visit.eligible, visit.basis, visit.number[:3]) == (True, "80岁以上", "SM-")

    engine.fire(visit, "schedule", leader, inputs={"slot_start": tomorrow()})
    assert visit.assignee_id == leader.person_id
    assert visit.slot_end - visit.slot_start == slots.SLOT
    sheet = session.scalars(select(Paper).where(Paper.content_id == visit.id)).one()
    assert sheet.paper == "visit_sheet" and sheet.data["applicant_phone"] == visit.applicant.phone
    assert sheet.data["applicant_id_number"] == mask_id_number(visit.applicant.id_number)
    engine.fire(visit, "set_off", leader)
    engine.fire(visit, "collect", leader, inputs=collection())
    assert visit.letter is not None and visit.letter.agent_person_id == leader.person_id
    assert visit.letter.entitles(now().astimezone(CHINA).date())

    engine.fire(visit, "file", leader)
    case, ticket = visit.case, visits.ticket_of(session, visit)
    assert case is not None and ticket is not None
    assert (case.state, case.trips, ticket.state) == ("submitted", 0, "sent")
    for thing in (case, ticket):
        times = select(JournalEntry.at).where(JournalEntry.content_id == thing.id).order_by(JournalEntry.id)
        told = session.scalars(times).all()
        assert told == sorted(told), "nothing is born after the first step it takes"
    assert (ticket.addressee_id, ticket.place_id, ticket.case_id) == ("dongxin-centre", "dx-c01", case.id)
    card = next(m for m in case.materials if m.code == "id_card")
    assert card.original_held and card.holder_person_id == leader.person_id
    assert access.may(window, "view_full", ticket) and access.may(window, "view_full", case)

    sent = custody.latest(session, ticket, "send")
    assert [(line.name, line.sheets) for line in sent.lines] == [(row["material"], row["sheets"]) for row in LINES]
    counted = [{"line": line.position, "counted": line.sheets} for line in sent.lines]
    engine.fire(ticket, "receive", window, inputs={"lines": counted})
    assert (card.holder_unit_id, card.holder_person_id) == ("dongxin-centre", window.person_id)
    engine.fire(ticket, "start", window)
    assert (case.state, ticket.state) == ("accepted", "processing")

    with pytest.raises(RequirementUnmet, match="还没有审批结论"):
        engine.fire(ticket, "decide", window)
    ticks = [{"code": m.code, "verdict": "accepted"} for m in case.materials if m.provided]
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks})
    engine.fire(case, "approve", actor("approver"))
    engine.fire(ticket, "decide", window)
    with pytest.raises(RequirementUnmet, match="结果还没有出来"):
        engine.fire(ticket, "send_result", window)
    certificate, issuer = certificate_of(session, case), actor("issuer")
    engine.fire(certificate, "number", issuer)
    engine.fire(certificate, "seal", issuer)
    with pytest.raises(RequirementUnmet, match="正在生成"):
        engine.fire(certificate, "print", issuer)
    draw_all(session)
    engine.fire(certificate, "print", issuer)
    engine.fire(certificate, "issue", issuer)
    assert (case.state, certificate.number[:4], certificate.paper.prints) == ("issued", "LNDX", 1)
    assert certificate.paper.data["emergency_contact"] == "" and certificate.paper.data["birth_date"] == "1943-03-05"
    engine.fire(ticket, "send_result", window, inputs={"errand": True})
    with pytest.raises(NotAvailable):
        engine.fire(visit, "deliver", leader, inputs={"signature": drawn()})

    result, card_line = custody.latest(session, ticket, "result"), f"老年卡（{certificate.number}）"
    assert [line.name for line in result.lines] == [card_line, "本人居民身份证"]
    errand, courier = session.scalars(select(Errand).where(Errand.related_id == ticket.id)).one(), actor("courier")
    assert "骆" not in errand.title and certificate.number not in errand.title
    for step, given in (("claim", {}), ("pick_up", {"envelopes": 1}), ("set_off", {}), ("deliver", {})):
        engine.fire(errand, step, courier, inputs=given)
    engine.fire(errand, "confirm", clerk)
    assert (ticket.state, visit.state) == ("handed_over", "result_ready")
    assert card.holder_unit_id == "dx-c01"

    with pytest.raises(InvalidInput, match="当面在手机上签名"), session.begin_nested():
        engine.fire(ticket, "deliver", leader)
    session.refresh(ticket)
    engine.fire(visit, "deliver", leader, inputs={"signature": drawn(), "collector": "女儿 沈惠珍"})
    assert (visit.state, ticket.state, case.state) == ("delivered", "delivered", "delivered")
    assert custody.originals_out(case) == [] and card.holder_unit_id is None
    assert (certificate.state, certificate.collector) == ("delivered", "女儿 沈惠珍")
    receipts = select(Paper).where(Paper.content_id == ticket.id, Paper.paper == "delivery_receipt")
    receipt = session.scalars(receipts).one()
    assert [(row["name"], row["number"]) for row in receipt.data["documents"]] == [
        ("老年卡", certificate.number),
        ("本人居民身份证（退还）", ""),
    ]
    assert papers_out.verify(session, certificate.paper.verify_code).state == "valid"
    assert case.trips == 0

    engine.fire(visit, "close", clerk, inputs={"score": "5"})
    assert (visit.state, ticket.state, case.rating) == ("closed", "closed", 5)
    session.expire_all()
    assert not access.may(window, "view", ticket)
    assert (
        session.scalar(access.visible(select(Delegation).where(Delegation.id == ticket.id), window, Delegation)) is None
    )
    assert access.may(clerk, "view", ticket)

    engine.fire(visit, "maintain", clerk)
    entry = session.scalars(select(CareEntry)).one()
    assert (entry.resident_id, entry.condition, entry.ended_on) == (visit.applicant_id, "age_80", None)
    assert session.scalars(select(Handover.action).where(Handover.case_id == case.id).order_by(Handover.id)).all() == [
        "collect",
        "send",
        "result",
        "give_back",
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"signature": drawn(stroke=False)}, "signature"),
        ({"signature": "data:image/png;base64,xxxx"}, "signature"),
        ({"signature": ""}, "signature"),
        ({"powers": []}, "powers"),
        ({"powers": ["collect"]}, "powers"),
        ({"valid_until": date(2020, 1, 1)}, "valid_until"),
        ({"valid_until": date(2090, 1, 1)}, "valid_until"),
        ({"fingerprint": True}, "witness_1"),
        ({"fingerprint": True, "witness_1": "沈秋月"}, "witness_2"),
        ({"fingerprint": True, "witness_1": "沈秋月", "witness_2": "沈秋月"}, "witness_2"),
        ({"fingerprint": True, "witness_1": "沈秋月", "witness_2": "俞国芳"}, "witness_2"),
        ({"fingerprint": True, "witness_1": "沈秋月", "witness_2": "骆水珍"}, "witness_2"),
        ({"fingerprint": True, "witness_1": "沈秋月", "witness_2": "沈 秋月"}, "witness_2"),
        ({"fingerprint": True, "witness_1": "字" * 41, "witness_2": "沈秋月"}, "witness_1"),
        ({"identity_checked": False}, "identity_checked"),
        ({"lines": []}, "lines"),
        ({"lines": [{"material": "身份证", "sheets": 10000}]}, "lines"),
        ({"lines": [{"material": "身份证", "sheets": -1}]}, "lines"),
        ({"lines": [{"sheets": 1}]}, "lines-0-material"),
        ({"photos": ["not-a-photo"]}, "photos"),
    ],
)
def test_nothing_is_taken_without_letter_and_list(
    session: Session, actor: As, changes: dict[str, Any], field: str
) -> None:
    leader = actor("grid.leader")
    visit = at_the_door(session, leader, actor("community.clerk"))
    with pytest.raises(Refusal) as refused:
        engine.fire(visit, "collect", leader, inputs=collection(**changes))
    assert field in refused.value.errors
    assert visit.state == "visiting"


def test_a_fingerprint_before_two_witnesses(session: Session, actor: As) -> None:
    leader = actor("grid.leader")
    visit = at_the_door(session, leader, actor("community.clerk"))
    engine.fire(visit, "collect", leader, inputs=collection(fingerprint=True, witness_1="沈秋月", witness_2="方志远"))
    assert visit.letter.fingerprint and [w["name"] for w in visit.letter.witnesses] == ["沈秋月", "方志远"]


@pytest.mark.req("S0-20")
def test_an_eligibility_check_sends_only_the_finding(session: Session, actor: As) -> None:
    leader, clerk, window = actor("grid.leader"), actor("community.clerk"), actor("window.clerk")
    visit = at_the_door(session, leader, clerk, item="social_insurance_eligibility_check")
    with pytest.raises(InvalidInput) as refused:
        engine.fire(visit, "collect", leader, inputs=collection(lines=LINES[:1]))
    assert set(refused.value.errors) == {"finding", "photos"}
    target = io.BytesIO()
    Image.new("RGB", (40, 40), "grey").save(target, "JPEG")
    photo = files.store_document(session, visit, leader, target.getvalue(), "本人.jpg", "photo")
    engine.fire(visit, "collect", leader, inputs=collection(lines=LINES[:1], finding="alive", photos=[photo.uid]))
    engine.fire(visit, "file", leader)
    ticket = visits.ticket_of(session, visit)
    assert visit.case is None and session.scalar(select(Case)) is None
    assert ticket.state == "sent" and ticket.private["finding"] == "alive" and ticket.private["photos"] == [photo.uid]
    assert "alive" not in str(ticket.fields)
    sent = custody.latest(session, ticket, "send")
    assert [line.name for line in sent.lines] == [findings.SHEET, "本人居民身份证"]
    engine.fire(ticket, "receive", window, inputs={"lines": [{"line": n, "counted": 1} for n in (1, 2)]})
    for step in ("start", "decide", "send_result"):
        engine.fire(ticket, step, window)
    engine.fire(ticket, "take_over", clerk)
    assert visit.state == "result_ready"
    engine.fire(visit, "deliver", leader, inputs={"signature": drawn()})
    assert ticket.state == "delivered"
    back = custody.latest(session, visit, "give_back")
    assert [line.name for line in back.lines] == ["本人居民身份证"] and back.to_signature_id is not None


@pytest.mark.req("S0-22")
def test_a_withdrawn_ticket_is_replaced_and_the_visit_goes_on(session: Session, actor: As) -> None:
    leader, clerk = actor("grid.leader"), actor("community.clerk")
    visit = at_the_door(session, leader, clerk)
    engine.fire(visit, "collect", leader, inputs=collection())
    engine.fire(visit, "file", leader)
    first = visits.ticket_of(session, visit)
    engine.fire(first, "withdraw", clerk, inputs={"comment": "转错单位"})
    assert visits.ticket_of(session, visit) is None
    with pytest.raises(RequirementUnmet, match="结果还没有出来"):
        engine.fire(visit, "result_ready", clerk)
    second = actions.create(session, clerk, "delegation", {"case": visit.case.uid, "addressee": "dongxin"})
    assert (second.home_visit_id, second.letter_id) == (visit.id, visit.letter_id)
    engine.fire(second, "send", clerk)
    assert visits.ticket_of(session, visit) is second


@pytest.mark.req("S0-21", "S3-29")
def test_disability_documents_by_visit(session: Session, actor: As) -> None:
    leader, clerk = actor("grid.leader"), actor("community.clerk")
    visit = request_visit(
        session, clerk, item="disability_documents", condition="severe_disability", proof="残疾人证（肢体一级）已核验"
    )
    assert visit.eligible and visit.basis in ("80岁以上", "重度残疾")
    papers = [{"material": m.name, "original": m.form != "copy", "sheets": 1} for m in record_of(visit.item).materials]
    steps = (("schedule", {"slot_start": tomorrow()}), ("set_off", {}), ("collect", collection(lines=papers)))
    for step, inputs in steps:
        engine.fire(visit, step, leader, inputs=inputs)
    with pytest.raises(InvalidInput) as refused, session.begin_nested():
        doorstep.keep_answers(session, visit, leader, {})
    doorstep.keep_answers(session, visit, leader, dict.fromkeys(refused.value.errors, "") | DISABILITY)
    engine.fire(visit, "file", leader)
    ticket, case, window = visits.ticket_of(session, visit), visit.case, actor("window.clerk")
    assert (ticket.state, case.state) == ("sent", "submitted")
    sent = custody.latest(session, ticket, "send")
    counted = [{"line": line.position, "counted": line.sheets} for line in sent.lines]
    engine.fire(ticket, "receive", window, inputs={"lines": counted})
    engine.fire(ticket, "start", window)
    ticks = [{"code": m.code, "verdict": "accepted"} for m in case.materials if m.provided]
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks})
    engine.fire(case, "approve", actor("approver"))
    engine.fire(ticket, "decide", window)
    engine.fire(case, "issue", actor("issuer"))
    engine.fire(ticket, "send_result", window)
    engine.fire(ticket, "take_over", clerk)
    assert visit.state == "result_ready"
    engine.fire(visit, "deliver", leader, inputs={"signature": drawn()})
    assert (visit.state, ticket.state, case.state) == ("delivered", "delivered", "delivered")
    assert custody.originals_out(case) == []
    receipt = session.scalars(
        select(Paper).where(Paper.content_id == ticket.id, Paper.paper == "delivery_receipt")
    ).one()
    assert receipt.data["way"] == "home" and receipt.data["deliverer_name"] == leader.name


@pytest.mark.req("S0-23")
def test_the_care_register_keeps_its_history(session: Session, actor: As) -> None:
    leader = actor("grid.leader")
    person = request_visit(session, leader).applicant
    entry = care.enter(session, leader, person, condition="bedridden", proof="出院小结", at=now())
    care.enter(session, leader, person, condition="limited_mobility", proof=None, at=now())
    assert (entry.condition, entry.proof) == ("limited_mobility", "出院小结")
    with pytest.raises(InvalidInput, match="请写明移出名册的原因"):
        care.end(session, leader, entry, " ", now())
    care.end(session, leader, entry, "已迁出本社区", now())
    with pytest.raises(InvalidInput, match="已经移出"):
        care.end(session, leader, entry, "已迁出本社区", now())
    care.enter(session, leader, person, condition="age_80", proof=None, at=now())
    rows = care.history(session, entry)
    assert [row.action for row in rows] == ["care:open", "care:review", "care:end", "care:reopen"]
    assert "出院小结" not in str([row.details for row in rows]) and "bedridden" not in str(
        [row.details for row in rows]
    )
    assert session.scalars(care.visible(leader)).all() == [entry]
    for name in ("neighbour.clerk", "dx-c01-g2-leader-a", "window.clerk"):
        assert session.scalars(care.visible(actor(name))).all() == []


def test_the_form_of_the_item_goes_along(session: Session, actor: As) -> None:
    clerk, leader = actor("community.clerk"), actor("grid.leader")
    with pytest.raises(InvalidInput) as refused:
        request_visit(session, clerk, form={"emergency_contact_phone": "12"})
    assert "emergency_contact_phone" in refused.value.errors
    at_home = {name: OLD_LADY[name] for name in ("name", "id_number", "phone", "address")}
    visit = at_the_door(session, leader, clerk, applicant=at_home, form={"emergency_contact_name": "沈惠珍"})
    engine.fire(visit, "collect", leader, inputs=collection())
    engine.fire(visit, "file", leader)
    assert visit.case.values["emergency_contact_name"] == "沈惠珍"
    assert visit.case.values["household_address"] == OLD_LADY["address"]
    with pytest.raises(NotAvailable):
        doorstep.keep_answers(session, visit, leader, {})


def test_a_relative_asks_but_changes_nothing(session: Session, actor: As) -> None:
    request_visit(session, actor("community.clerk"))
    visit = request_visit(
        session,
        actor("resident"),
        place=None,
        applicant={**OLD_LADY, "phone": "13899999999", "address": "别处"},
        requested_relation="孙子女",
    )
    assert (visit.place_id, visit.applicant.phone) == ("dx-c01-g1", "13800000018")


def test_a_letter_that_ran_out_files_nothing(session: Session, actor: As) -> None:
    leader, clerk = actor("grid.leader"), actor("community.clerk")
    visit = at_the_door(session, leader, clerk)
    engine.fire(visit, "collect", leader, inputs=collection())
    visit.letter.valid_from, visit.letter.valid_until = date(2026, 1, 1), date(2026, 1, 31)
    with pytest.raises(RequirementUnmet, match="2026年1月31日到期"), session.begin_nested():
        engine.fire(visit, "file", leader)
    session.expire_all()
    other = request_visit(session, clerk, item="disability_documents")
    visit.letter.principal_id = other.applicant_id
    visit.letter.valid_until = now().astimezone(CHINA).date() + timedelta(days=9)
    visit.applicant_id = actor("resident").resident_id
    with pytest.raises(RequirementUnmet, match="委托人不是这件的申请人"), session.begin_nested():
        engine.fire(visit, "file", leader)
    session.expire_all()
    visit.letter_id = None
    session.flush()
    session.expire(visit, ["letter"])
    with pytest.raises(RequirementUnmet, match="还没有签好的代办委托书"):
        engine.fire(visit, "file", leader)


def test_what_must_be_done_in_person_is_not_filed_by_a_leader(session: Session, actor: As) -> None:
    leader, clerk = actor("grid.leader"), actor("community.clerk")
    visit = at_the_door(session, leader, clerk)
    engine.fire(visit, "collect", leader, inputs=collection())
    visit.item.delegable = False
    with pytest.raises(RequirementUnmet, match="须由本人到场"):
        engine.fire(visit, "file", leader)
