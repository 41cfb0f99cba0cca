"""What people do with messages on the pages: the resident's inbox, calls on the desk, the thread, wishes, and the channels."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from extensions import db
from models.ledger import JournalEntry
from models.message import ContactPreference, Delivery, Message
from models.notice import Notice
from models.person import Person
from models.resident import Resident
from process import access
from services import notes
from services.messages import calls, channels, thread
from tests.messages.test_texts import HOSTILE
from tests.services.fertility import accepted


@pytest.fixture
def case(session, actor):
    """林若琳 applies at the counter and has an account; nothing is set up yet when it is accepted."""
    made = accepted(session, actor)
    person = session.scalars(select(Person).where(Person.username == "resident")).one()
    assert person.resident_id == made.applicant_id
    session.commit()
    return made


@pytest.mark.req("S0-38")
def test_the_resident_reads_what_was_told_and_answers(case, session, client_as, gateway):
    resident, clerk = client_as("resident"), client_as("window.clerk")
    page = resident.get("/messages").text
    assert "已受理" in page and case.number in page and f"/c/{case.uid}" in page
    assert "未读 1 条" in resident.get("/desk/").text
    assert resident.post("/messages/read").status_code == 303
    assert "未读 0 条" in resident.get("/desk/").text

    assert clerk.post(f"/c/{case.uid}/notes", data={"kind": "message", "text": "请周五带户口簿来"}).status_code == 303
    shown = clerk.get(f"/c/{case.uid}").text
    assert "请周五带户口簿来" in shown and "短信排队中" in shown and "网上未看" in shown
    assert shown.count("请周五带户口簿来") == 2, (
        "once as it was written, once as the text message, not as a second entry"
    )
    assert "工作人员留言" in resident.get("/messages").text
    message = session.scalars(select(Message).where(Message.occasion == "manual")).one()
    assert resident.post(f"/messages/{message.uid}/read").status_code == 303

    assert resident.post(f"/c/{case.uid}/notes", data={"kind": "message", "text": "周五下午可以吗"}).status_code == 303
    assert "周五下午可以吗" in clerk.get(f"/c/{case.uid}").text
    notice = session.scalars(select(Notice).where(Notice.kind == "answer")).one()
    assert "办事人有留言" in client_as("window.clerk").get("/notices/").text and notice.content_id == case.id


def test_nobody_reads_the_messages_of_others(case, session, client_as):
    message = session.scalars(select(Message)).first()
    for who in ("window.clerk", "neighbour.clerk", "courier"):
        client = client_as(who)
        assert client.post(f"/messages/{message.uid}/read").status_code == 404
        assert client.get("/messages").location.endswith("/notices/")
    assert client_as("neighbour.clerk").get(f"/c/{case.uid}").status_code == 404
    masked = client_as("supervisor").get(f"/c/{case.uid}").text
    assert "您的生育登记" not in masked and "告知办事人" not in masked, "times and states, not the words"


def test_the_call_on_the_desk_is_ticked_once(case, session, client_as, gateway):
    session.get(Resident, case.applicant_id).phone = "0571-00001234"
    session.commit()
    clerk, neighbour = client_as("window.clerk"), client_as("neighbour.clerk")
    assert "请电话告知" not in clerk.get("/desk/").text
    clerk.post(f"/c/{case.uid}/notes", data={"kind": "message", "text": "请来补签字"})
    desk = clerk.get("/desk/").text
    assert "请电话告知" in desk and "0571-******34" in desk and "林*" in desk and "请来补签字" in desk
    assert "0571-00001234" not in desk
    call = session.scalars(select(Delivery).where(Delivery.channel == "phone")).one()
    for client in (neighbour, client_as("resident"), client_as("admin")):
        assert client.post(f"/messages/calls/{call.uid}/told").status_code == 404
        assert "请来补签字" not in client.get("/desk/").text
    assert clerk.post(f"/messages/calls/{call.uid}/unreached").status_code == 303
    assert "打过 1 次" in clerk.get("/desk/").text
    assert clerk.post(f"/messages/calls/{call.uid}/told", data={"from": "thing"}).location.endswith("#thread")
    assert "请电话告知" not in clerk.get("/desk/").text
    shown = clerk.get(f"/c/{case.uid}").text
    assert "已电话告知" in shown and "沈丽娟" in shown
    again = clerk.post(f"/messages/calls/{call.uid}/told")
    assert again.status_code == 409 and "已经有结果了（沈丽娟）" in again.text
    session.expire_all()
    assert session.get(Delivery, call.id).state == "told"
    acts = session.scalars(select(JournalEntry.action).where(JournalEntry.content_id == case.id)).all()
    assert {"message:told", "message:unreached"} <= set(acts)


def test_who_wants_calls_first_gets_a_text_message_when_nobody_answers(case, session, client_as, gateway, work):
    clerk = client_as("window.clerk")
    wish = {"order": "phone_sms", "quiet_from": "21:00", "quiet_to": "8:00", "locale": "zh_Hans_CN"}
    assert clerk.post(f"/c/{case.uid}/contact", data=wish).status_code == 303
    clerk.post(f"/c/{case.uid}/notes", data={"kind": "message", "text": "请来补签字"})
    [call] = session.scalars(select(Delivery)).all()
    assert call.channel == "phone"
    clerk.post(f"/messages/calls/{call.uid}/unreached")
    work()
    assert [text for _, text in gateway.sent.values()] and "请来补签字" in next(iter(gateway.sent.values()))[1]


def test_a_failed_text_message_stands_on_the_thing_and_is_sent_again(case, session, client_as, gateway, work):
    clerk, window = client_as("window.clerk"), client_as("reviewer")
    gateway.mood = lambda number, body: "never" if "key" in body else "ok"
    clerk.post(f"/c/{case.uid}/notes", data={"kind": "message", "text": "请来补签字"})
    message = session.scalars(select(Message).where(Message.occasion == "manual")).one()
    url = f"/c/{case.uid}/messages/{message.uid}/resend"
    assert "还在排队" in clerk.post(url).text
    work()
    shown = clerk.get(f"/c/{case.uid}").text
    assert "短信未送达，请打电话" in shown and "空号" in shown and "重发短信" in shown
    assert "短信未送达" in clerk.get("/notices/").text
    for stranger in (client_as("neighbour.clerk"), client_as("supervisor"), client_as("resident")):
        assert stranger.post(url).status_code in (403, 404)
    gateway.mood = lambda number, body: "ok"
    assert window.post(url).status_code == 303
    work()
    shown = clerk.get(f"/c/{case.uid}").text
    assert "短信已发出，等回执" in shown and "重发短信</button>" not in shown
    assert len(gateway.times) == 1 and set(gateway.times.values()) == {1}
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "message:resend")).one()
    assert entry.person.username == "reviewer"
    refused = clerk.post(url)
    assert refused.status_code == 409 and "不用重发" in refused.text
    assert clerk.post(f"/c/{case.uid}/messages/{'A' * 22}/resend").status_code == 404


def test_resending_has_a_limit_and_needs_a_number(case, session, actor, gateway, work, client_as):
    clerk = actor("window.clerk")
    notes.add(session, case, clerk, audience="resident", text="请来")
    message = session.scalars(select(Message).where(Message.occasion == "manual")).one()
    gateway.mood = lambda number, body: "never" if "key" in body else "ok"
    for _ in range(thread.A_DAY):
        session.commit()
        work()
        thread.resend(session, clerk, case, message.uid)
    session.commit()
    work()
    client = client_as("window.clerk")
    assert "请打电话告知" in client.post(f"/c/{case.uid}/messages/{message.uid}/resend").text
    session.get(Resident, case.applicant_id).phone = "0571-00001234"
    session.commit()
    assert "没有登记可以收短信" in client.post(f"/c/{case.uid}/messages/{message.uid}/resend").text


def test_hostile_words_are_shown_as_words(case, client_as, gateway, work):
    clerk, resident = client_as("window.clerk"), client_as("resident")
    assert clerk.post(f"/c/{case.uid}/notes", data={"kind": "message", "text": HOSTILE}).status_code == 303
    for page in (clerk.get(f"/c/{case.uid}").text, resident.get("/messages").text, resident.get(f"/c/{case.uid}").text):
        assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page
    work()
    [(_, text)] = gateway.sent.values()
    assert "%(phone)s" in text and "\n" not in text


def test_a_wish_is_kept_and_a_wrong_one_explained(case, session, client_as):
    resident = client_as("resident")
    page = resident.get("/me/messages").text
    assert "138****0015" in page and 'value="21:00"' in page
    wrong = resident.post(
        "/me/messages", data={"order": "fax", "quiet_from": "9 点", "quiet_to": "8:00", "locale": "fr"}
    )
    assert wrong.status_code == 422
    assert "21:00 的样子" in wrong.text and 'value="9 点"' in wrong.text and "请选择怎么告诉您" in wrong.text
    good = {"order": "inbox", "quiet_from": "12：30", "quiet_to": "14:00", "locale": "en"}
    assert resident.post("/me/messages", data=good).status_code == 303
    row = session.scalars(select(ContactPreference)).one()
    assert (row.channels, row.quiet_from, row.quiet_to, row.locale) == ([], 750, 840, "en")
    assert row.resident_id == case.applicant_id
    staff = client_as("window.clerk")
    assert "只在系统里看" in staff.get("/me/messages").text
    assert staff.post("/me/messages", data={**good, "order": "inbox", "locale": "zh_Hans_CN"}).status_code == 303
    for stranger, status in (("neighbour.clerk", 404), ("supervisor", 404), ("resident", 403)):
        assert client_as(stranger).get(f"/c/{case.uid}/contact").status_code == status


def test_the_channels_page(client_as, session, gateway, work, case, monkeypatch):
    admin = client_as("admin")
    page = admin.get("/admin/channels").text
    assert "已配置，还没有发过" in page and "您好：DX-2026-000123" in page and "Dear 欧阳*" in page
    assert admin.post("/admin/channels/test", data={"channel": "sms"}).status_code == 303
    assert admin.post("/admin/channels/test", data={"channel": "work_chat"}).status_code == 303
    work()
    assert [to for to, _ in gateway.sent.values()][-1] == "13800000014"
    assert any("测试消息" in body.get("text", {}).get("content", "") for body in gateway.requests if "msgtype" in body)
    assert "正常" in admin.get("/admin/channels").text
    gateway.mood = lambda number, body: "never"
    client_as("window.clerk").post(f"/c/{case.uid}/notes", data={"kind": "message", "text": "请来"})
    work()
    page = admin.get("/admin/channels").text
    assert "空号" in page and "13800000018" not in page and "138****0015" in page
    assert admin.post("/admin/channels/test", data={"channel": "fax"}).status_code == 422
    for who in ("window.clerk", "supervisor", "resident"):
        assert client_as(who).get("/admin/channels").status_code == 404
        assert client_as(who).post("/admin/channels/test", data={"channel": "sms"}).status_code == 404
    monkeypatch.setattr(channels, "_open", {})
    page = admin.get("/admin/channels").text
    assert page.count("未配置") >= 2 and "SMS_GATEWAY_URL" in page
    assert "还没有配置" in admin.post("/admin/channels/test", data={"channel": "sms"}).text


def test_the_thread_of_a_masked_reader_holds_no_message(case, session, actor):
    supervisor = actor("supervisor")
    assert access.may(supervisor, "view", case, session) and not access.may(supervisor, "view_full", case, session)
    assert not thread.may_resend(session, supervisor, case)


def test_many_calls_cost_few_queries(session, actor, gateway):
    """As many statements for twelve calls as for two."""
    clerk = actor("window.clerk")

    def statements() -> int:
        session.expire_all()
        seen: list[str] = []
        listen = lambda conn, cursor, statement, *_: seen.append(statement)  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", listen)
        found = calls.waiting(session, clerk)
        event.remove(db.engine, "before_cursor_execute", listen)
        assert found
        return len(seen)

    made = accepted(session, actor)
    session.get(Resident, made.applicant_id).phone = "0571-00001234"
    counts = []
    for n in range(12):
        notes.add(session, made, clerk, audience="resident", text=f"请来第 {n} 次")
        session.commit()
        if n in (1, 11):
            counts.append(statements())
    assert counts[0] == counts[1]
