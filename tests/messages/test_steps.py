"""The same list, brought about by tickets, visits, errands and complaints."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.message import Message
from models.notice import Notice
from models.person import Grant
from models.resident import Resident
from process import engine
from process.refusals import InvalidInput, Refusal
from services import actions
from services.errand_posting import create_errand
from services.messages import calls, channels, preferences
from tests.messages.test_occasions import heard, said, sms_of
from tests.services import test_delegations as tickets
from tests.services import visiting as visits


@pytest.fixture
def sent(session, actor, gateway):
    """A signed ticket on its way to the street."""
    clerk = actor("community.clerk")
    ticket = tickets.open_ticket(
        session, clerk, tickets.open_case(session, clerk), letter=tickets.LETTER, message="老人急用"
    )
    engine.fire(ticket, "send", clerk)
    return ticket


def test_handed_on_names_where_to_and_who_still_answers(session, sent):
    [message] = said(session, sent, "handed_on")
    assert "由万家星城社区转交东新街道行政服务中心" in message.text and "0571-00000100" in message.text
    [sms] = sms_of(message)
    assert "老年卡" not in sms.text and "骆*您好" in sms.text and sent.number in sms.text


def test_a_difference_is_told_to_both_ends_once(session, sent, actor):
    window = actor("window.clerk")
    lines = tickets.counted(session, sent, line2={"counted": 1, "difference": "少一张照片"})
    engine.fire(sent, "receive", window, inputs={"lines": lines})
    told = heard(session, "handover_difference")
    people = {one.person.username if one.person else one.unit_id for one in told}
    assert people == {"community.clerk", "window.clerk"} and {one.params["count"] for one in told} == {1}
    assert all("照片" not in one.text for one in told)


def test_something_missing_is_told_once_although_ticket_and_case_both_say_it(session, sent, actor):
    window = actor("window.clerk")
    engine.fire(sent, "receive", window, inputs={"lines": tickets.counted(session, sent)})
    engine.fire(sent, "start", actor("reviewer"))
    engine.fire(sent, "request_materials", actor("reviewer"), inputs={"comment": "照片底色不对，请重拍"})
    found = session.scalars(select(Message).where(Message.occasion == "missing")).all()
    assert len(found) == 1 and "照片底色不对，请重拍。" in found[0].text
    assert "万家星城社区" in found[0].text, "the station where it was brought speaks with the resident"


def test_a_visit_is_told_when_fixed_and_when_moved_and_not_twice(session, actor, gateway, work, morning):
    leader = actor("grid.leader")
    visit = visits.request_visit(session, leader)
    engine.fire(visit, "schedule", leader, inputs={"slot_start": visits.tomorrow(10)})
    [fixed] = said(session, visit, "visit_fixed")
    assert "10:00" in fixed.text and "俞国芳" in fixed.text
    assert "老年卡" not in sms_of(fixed)[0].text and "工作证" in sms_of(fixed)[0].text
    engine.fire(visit, "move", leader, inputs={"slot_start": visits.tomorrow(14)})
    [moved] = said(session, visit, "visit_moved")
    assert "14:00" in moved.text
    engine.fire(visit, "move", leader, inputs={"slot_start": visits.tomorrow(10)})
    assert len(said(session, visit, "visit_moved")) == 2, "back to the first hour is another move"
    engine.fire(visit, "cancel", leader, inputs={"comment": "住户临时住院"})
    [cancelled] = said(session, visit, "visit_cancelled")
    assert "住院" in cancelled.text and "住院" not in sms_of(cancelled)[0].text and "10:00" in cancelled.text
    session.commit()
    work()
    states = {one.state for message in (fixed, moved) for one in sms_of(message)}
    assert states == {"lapsed"}, "what the visit has left behind is not sent any more"


def test_a_refused_visit_names_other_ways(session, actor, gateway):
    clerk = actor("community.clerk")
    visit = visits.request_visit(session, clerk, applicant=visits.YOUNG, condition="age_80")
    inputs = {"comment": "未满80周岁", "reason": "age", "channels": ["online_mobile", "window_community"]}
    engine.fire(visit, "decline", clerk, inputs=inputs)
    [message] = said(session, visit, "visit_declined")
    assert "未满80周岁。" in message.text and "移动端申报" in message.text and "社区" in message.text


def test_a_landline_puts_the_visit_on_the_stations_desk(session, actor, gateway):
    leader = actor("grid.leader")
    visit = visits.request_visit(session, leader)
    session.get(Resident, visit.applicant_id).phone = "0571-00001234"
    session.flush()
    engine.fire(visit, "schedule", leader, inputs={"slot_start": visits.tomorrow(10)})
    [message] = said(session, visit, "visit_fixed")
    # Who booked left a mobile number and is told by text message all the same.
    assert [(one.channel, bool(one.to_contact)) for one in message.deliveries] == [("phone", False), ("sms", True)]
    assert message.deliveries[0].unit_id == visit.unit_id


def test_an_errand_nobody_claims_reaches_the_dispatcher_once(session, actor, gateway, work, morning):
    clerk = actor("community.clerk")
    data = {
        "title": "送回执",
        "purpose": "deliver_result",
        "from_agency": "dx-c01",
        "to_agency": "dongxin-centre",
        "place": "dx-c01",
    }
    errand = create_errand(session, clerk, data)
    engine.fire(errand, "post", clerk)
    claimed = create_errand(session, clerk, data)
    engine.fire(claimed, "post", clerk)
    engine.fire(claimed, "claim", actor("courier"))
    session.commit()
    work(morning + timedelta(minutes=30))
    assert not heard(session, "errand_unclaimed")
    for _ in range(2):
        work(morning + timedelta(minutes=61))
    [notice] = heard(session, "errand_unclaimed")
    assert notice.person.username == "dispatcher" and notice.content_id == errand.id
    assert notice.params["count"] >= 60 and notice.state == "open"


def test_a_complaint_reaches_the_handlers_but_not_those_of_the_unit(session, actor, gateway, person):
    complaint = {
        "summary": "等了两个小时", "about": "dongxin-centre", "content": "窗口没人", "channel": "hotline",
        "complainant": "张三", "place": "dongxin",
    }  # fmt: skip
    made = actions.create(session, actor("complaint.handler"), "complaint", complaint)
    [notice] = heard(session, "complaint")
    assert notice.person.username == "complaint.handler" and notice.content_id == made.id
    assert "张三" not in notice.text and "张三" not in str(notice.params)
    person("complaint.handler").unit_id = "dongxin-centre"
    other = person("supervisor")
    session.add(Grant(person_id=other.id, role="complaint_handler", place_id="dongxin", place_path=made.place_path))
    session.flush()
    actions.create(session, actor("complaint.handler"), "complaint", complaint)
    last = session.scalars(select(Notice).where(Notice.kind == "complaint").order_by(Notice.id.desc())).first()
    assert last.person.username == "supervisor"


def test_a_step_that_is_refused_tells_nobody(session, sent, actor):
    before = session.scalars(select(Message.id)).all()
    with pytest.raises(Refusal), session.begin_nested():
        engine.fire(sent, "receive", actor("window.clerk"), inputs={"lines": []})
    assert session.scalars(select(Message.id)).all() == before


def test_without_gateway_and_account_somebody_calls_until_the_thing_moves_on(session, actor, monkeypatch):
    monkeypatch.setattr(channels, "_open", {})
    leader = actor("grid.leader")
    visit = visits.request_visit(session, leader)
    engine.fire(visit, "schedule", leader, inputs={"slot_start": visits.tomorrow(10)})
    [message] = said(session, visit, "visit_fixed")
    [call] = message.deliveries
    assert (call.channel, call.state) == ("phone", "waiting"), "骆水珍 has no account to look into"
    assert [one.id for one in calls.waiting(session, actor("community.clerk"))] == [call.id]
    engine.fire(visit, "set_off", leader)
    session.expire_all()
    assert session.get(type(call), call.id).state == "lapsed"
    assert not calls.waiting(session, actor("community.clerk"))


def test_nobody_without_an_account_is_left_to_the_portal_alone(session, actor, gateway):
    clerk = actor("community.clerk")
    visit = visits.request_visit(session, clerk)
    wish = {"order": "inbox", "quiet_from": "21:00", "quiet_to": "8:00", "locale": "zh_Hans_CN"}
    with pytest.raises(InvalidInput, match="没有网上账号"):
        preferences.save(session, clerk, visit.applicant, wish)
