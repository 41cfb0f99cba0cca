"""Every line of the list of messages: who hears it, in which words, and what stays out of the text message."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from catalogue.messages import messages
from models.base import at_time, now
from models.ledger import OutboxItem
from models.message import Delivery, Message
from models.notice import Notice
from process import clock, engine
from services import deadlines, materials, notes
from services.messages import facts, wording
from tests.services.fertility import accepted, approved, certificate_of, draw_all, opened, ticks
from tests.services.test_delegations import LETTER, counted, open_case, open_ticket
from tests.services.visiting import request_visit


def said(session, content, occasion):
    return session.scalars(
        select(Message).where(Message.content_id == content.id, Message.occasion == occasion).order_by(Message.id)
    ).all()


def sms_of(message):
    return [one for one in message.deliveries if one.channel == "sms"]


def heard(session, kind):
    return session.scalars(select(Notice).where(Notice.kind == kind).order_by(Notice.id)).all()


def test_accepted_is_told_once_in_the_inbox_and_as_a_text_message(session, actor, gateway, work):
    case = accepted(session, actor)
    [message] = said(session, case, "accepted")
    assert case.number in message.text and "生育登记" in message.text, "the portal names the item"
    [sms] = sms_of(message)
    assert case.number in sms.text and "生育" not in sms.text, "the text message does not"
    assert case.applicant.name not in sms.text and sms.text.startswith(case.applicant.name[0] + "*您好")
    assert work() == ["done"] * len(session.scalars(select(Delivery).where(Delivery.channel == "sms")).all())
    assert [to for to, _ in gateway.sent.values()] == [case.applicant.phone]
    assert gateway.signed and gateway.requests[0]["sender"] == "东新街道"
    assert session.get(Delivery, sms.id).state == "sent" and session.get(Delivery, sms.id).provider_id == "sms-1"


def test_what_the_street_accepts_is_not_said_of_the_station(session, actor):
    clerk, window = actor("community.clerk"), actor("window.clerk")
    case = open_case(session, clerk)
    ticket = open_ticket(session, clerk, case, letter=LETTER)
    engine.fire(ticket, "send", clerk)
    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    engine.fire(ticket, "start", window)
    [message] = said(session, case, "accepted")
    assert "已由东新街道行政服务中心受理" in message.text and "万家星城" not in message.text
    assert facts.phone_of(ticket.place) in message.text, "the station stays answerable and is asked"


def test_the_relative_who_asked_for_a_visit_hears_of_it_too(session, actor):
    clerk, daughter, leader = actor("community.clerk"), actor("resident"), actor("grid.leader")
    visit = request_visit(session, daughter, requested_by="", requested_relation="孙子女", requested_phone="")
    engine.fire(visit, "decline", clerk, inputs={"reason": "person", "comment": "本人要到场按指纹"})
    told = {one.resident_id: one for one in said(session, visit, "visit_declined")}
    assert set(told) == {visit.applicant_id, daughter.resident_id} and leader.resident_id is None
    own = request_visit(session, clerk)
    engine.fire(own, "decline", clerk, inputs={"reason": "person", "comment": "本人要到场按指纹"})
    assert [one.resident_id for one in said(session, own, "visit_declined")] == [own.applicant_id]


def test_everything_missing_is_told_with_all_lines(session, actor, gateway):
    reviewer = actor("reviewer")
    case = accepted(session, actor)
    lines = [
        {"code": m.code, "verdict": "rejected" if n < 2 else "accepted", "defect": "不清楚" if n < 2 else ""}
        for n, m in enumerate(case.materials)
        if m.provided
    ]
    engine.fire(case, "supplement_needed", reviewer, inputs={"materials": lines, "comment": "请重新拍照上传"})
    [message] = said(session, case, "missing")
    rejected = [m.name for m in case.materials if m.verdict == "rejected"]
    assert len(rejected) == 2 and all(f"{name}（不清楚）" in message.text for name in rejected)
    assert "请重新拍照上传。" in message.text
    assert message.state == "supplement", "whoever has supplied everything need not be told any more"


def test_a_sensitive_name_of_a_paper_becomes_a_number_in_the_text_message():
    occasion = messages().occasions["missing"]
    plain = wording.Facts(number="DX-2026-000001", reader="张伟", lines=(("户口簿", ""), ("照片", "")))
    assert "户口簿、照片" in wording.sms(occasion, plain, "zh_Hans_CN")
    open_ = wording.sms(
        occasion, wording.Facts(number="DX-1", reader="张伟", lines=(("残疾人证", "过期"), ("照片", ""))), "zh_Hans_CN"
    )
    assert "残疾" not in open_ and "2份材料" in open_
    assert "残疾人证（过期）" in wording.inbox(occasion, wording.Facts(lines=(("残疾人证", "过期"),)), "zh_Hans_CN")
    assert "2 papers" in wording.sms(occasion, wording.Facts(lines=(("disability card", ""), ("photo", ""))), "en")


def test_owed_materials_are_reminded_of_three_days_and_one_day_before(session, actor, gateway, work, morning):
    clerk = actor("window.clerk")
    case = opened(session, clerk, materials=[])
    record = {m.code: m for m in case.materials}
    critical = [{"code": code} for code, m in record.items() if m.critical]
    materials.provide(session, case, clerk, critical)
    engine.fire(case, "submit", clerk)
    lacking = materials.missing(case)
    assert lacking, "this item asks for something that may come later"
    due = clock.local_day(now()) + timedelta(days=2)
    engine.fire(case, "defer", clerk, inputs={"due": due.isoformat(), "promise": True})
    [message] = said(session, case, "accepted_owing")
    assert all(m.name in message.text for m in lacking)
    waiting = session.scalars(select(OutboxItem).where(OutboxItem.job == "messages.remind")).all()
    assert [row.args["days"] for row in waiting] == [1], "three days before was yesterday"
    work(morning + timedelta(hours=20))
    assert not said(session, case, "owed_soon")
    work(morning + timedelta(hours=24))
    [soon] = said(session, case, "owed_soon")
    assert "还有 1 天" in soon.text
    for row in waiting:
        session.get(OutboxItem, row.id).status = "waiting"
    session.commit()
    work(morning + timedelta(hours=24))
    assert len(said(session, case, "owed_soon")) == 1, "the same reminder twice is one"


def test_a_result_names_place_and_hours_or_the_express_number(session, actor, gateway):
    case = approved(session, actor)
    certificate, issuer, clerk = certificate_of(session, case), actor("issuer"), actor("window.clerk")
    engine.fire(certificate, "number", issuer)
    engine.fire(certificate, "seal", issuer)
    draw_all(session)
    engine.fire(certificate, "print", issuer)
    engine.fire(certificate, "issue", issuer)
    [ready] = said(session, case, "result_ready")
    assert "东新街道行政服务中心" in ready.text and "周一至周五" in ready.text and "东新路示例1号" in ready.text
    assert "周一至周五" in sms_of(ready)[0].text
    engine.fire(case, "deliver", clerk, inputs={"way": "express", "express_number": "SF1234567890123"})
    [sent] = said(session, case, "result_sent")
    assert "SF1234567890123" in sent.text and "SF1234567890123" in sms_of(sent)[0].text


def test_a_low_mark_reaches_the_complaint_handler_and_a_good_one_does_not(session, actor, gateway):
    case = approved(session, actor)
    case.state = "delivered"
    session.flush()
    resident = actor("resident")
    case.applicant_id = resident.resident_id
    session.flush()
    session.expire(case, ["applicant"])
    engine.fire(case, "rate", resident, inputs={"score": "2", "comment": "等得太久"})
    [notice] = heard(session, "low_rating")
    assert notice.person.username == "complaint.handler" and notice.params == {"count": 2}


def test_a_deadline_goes_through_the_same_door_to_bell_and_work_chat(session, actor, gateway, work, morning):
    case = accepted(session, actor)
    session.commit()
    row = session.scalars(
        select(OutboxItem).where(OutboxItem.job == "clock.warn").order_by(OutboxItem.id.desc())
    ).first()
    with at_time(case.deadline + timedelta(hours=11)):
        assert deadlines.warn(session, row.args)
        session.commit()
    notices = heard(session, "clock:late")
    assert notices
    chats = session.scalars(select(Delivery).where(Delivery.channel == "work_chat")).all()
    assert {one.notice_id for one in chats} >= {one.id for one in notices}
    work(case.deadline + timedelta(hours=12))
    texts = [body["text"]["content"] for body in gateway.requests if "msgtype" in body]
    assert any(case.number in text and "已过期限" in text for text in texts)
    assert not any("生育" in text or case.applicant.name in text for text in texts)


def test_the_residents_words_reach_the_holder(session, actor, gateway):
    resident = actor("resident")
    case = accepted(session, actor)
    case.applicant_id = resident.resident_id
    session.flush()
    session.expire(case, ["applicant"])
    notes.add(session, case, resident, audience="resident", text="我周五能去吗？")
    [notice] = heard(session, "answer")
    assert notice.unit_id == case.unit_id or notice.person_id == case.assignee_id
    assert not session.scalars(select(Message).where(Message.occasion == "manual")).all()


def test_somebody_without_an_applicant_is_told_nothing(session, actor, gateway):
    case = accepted(session, actor)
    before = len(session.scalars(select(Message.id)).all())
    case.applicant_id = None
    session.flush()
    session.expire(case, ["applicant"])
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    notes.add(session, case, actor("reviewer"), audience="resident", text="请来一趟")
    assert len(session.scalars(select(Message.id)).all()) == before
