"""Each message goes out once, whatever the gateway does; what does not go out stands on the thing and on a desk."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta
from random import Random

import httpx
import pytest
from sqlalchemy import func, select

from catalogue.messages import messages
from extensions import db
from jobs.worker import do
from models.base import at_time, new_uid, now
from models.ledger import JournalEntry, OutboxItem
from models.message import Delivery, Message
from models.notice import Notice
from models.resident import Resident
from process import outbox, releases
from process.numbers import CHINA
from services.messages import channels, preferences, sending, telling
from services.messages.channels import Parcel, Refused, SmsGateway, TooFast, Unavailable, WorkChat
from services.messages.wording import Facts
from tests.messages.gateway import CHAT_SECRET, SECRET
from tests.services.fertility import accepted


def told(session, content, text="请带复印件来", occasion="manual"):
    """One message to the applicant, committed, with its text message waiting."""
    message = telling.tell(
        session,
        occasion,
        content.applicant,
        Facts(number=content.number, reader="林若琳", text=text),
        content=content,
        once=new_uid(),
    )
    session.commit()
    return message, next(one for one in message.deliveries if one.channel == "sms")


def texts(gateway):
    """The requests for text messages; lines of the work chat have no key."""
    return [body for body in gateway.requests if "key" in body]


@pytest.fixture
def case(session, actor):
    """An accepted case, whose own message was told before there was a gateway."""
    made = accepted(session, actor)
    session.commit()
    return made


def test_the_same_key_travels_with_every_attempt(session, case, gateway, work, morning):
    gateway.mood = lambda number, body: ("taken_then_5xx", "cut", "nonsense", "no_id", "ok")[min(number, 5) - 1]
    _, sms = told(session, case)
    for hours in range(4):
        work(morning + timedelta(hours=hours))
        sending.breaker.until.clear()
    assert len({body["key"] for body in gateway.requests}) == 1 and len(gateway.requests) >= 4
    work(morning + timedelta(hours=6))
    assert session.get(Delivery, sms.id).state == "sent"
    assert list(gateway.times.values()) == [1], "the resident's telephone rang once"


@pytest.mark.parametrize(
    ("mood", "raised"),
    [
        ("5xx", Unavailable),
        ("cut", Unavailable),
        ("silent", Unavailable),
        ("nonsense", Unavailable),
        ("no_id", Unavailable),
        ("huge", Unavailable),
        ("fast", TooFast),
        ("never", Refused),
        ("moved", Refused),
    ],
)
def test_what_the_gateway_answers_means(gateway, mood, raised, monkeypatch):
    if mood == "silent":
        monkeypatch.setattr(channels, "WAITS", httpx.Timeout(0.5))
    gateway.mood = lambda number, body: mood
    with pytest.raises(raised) as caught:
        channels.get("sms").send(Parcel("key-1", "13800000018", "您好"))
    assert "13800000018" not in str(caught.value), "no number of a person in an error"
    if raised is TooFast:
        assert caught.value.pause == 7


def test_nobody_there_and_a_wrong_address():
    with pytest.raises(Unavailable):
        SmsGateway("http://127.0.0.1:9/sms", SECRET, "代办", "").send(Parcel("k", "1", "x"))
    with pytest.raises((Refused, Unavailable)):
        SmsGateway("ftp://127.0.0.1/sms", SECRET, "代办", "").send(Parcel("k", "1", "x"))


def test_the_work_chat_speaks_both_dialects(gateway):
    WorkChat(f"{gateway.url}/robot?key=k", "", channels.WECOM).send(Parcel("k1", "window.clerk", "DX-1 <@all> @all 快"))
    assert gateway.requests[-1]["text"] == {"content": "DX-1  ＠all 快", "mentioned_list": ["window.clerk"]}
    WorkChat(f"{gateway.url}/robot?token=t", CHAT_SECRET, channels.DINGTALK).send(Parcel("k2", "", "您好"))
    assert "&timestamp=" in gateway.paths[-1] and "&sign=" in gateway.paths[-1]
    assert gateway.requests[-1]["at"] == {"atUserIds": [], "isAtAll": False}
    for code, raised in ((45009, TooFast), (93000, Refused)):
        gateway.mood = lambda number, body, code=code: f"errcode{code}"
        with pytest.raises(raised):
            channels.get("work_chat").send(Parcel("k3", "", "您好"))


def test_a_gateway_that_asks_to_wait_is_given_time_and_no_attempt_counts(session, case, gateway, work, morning):
    gateway.mood = lambda number, body: "fast" if number < 4 else "ok"
    _, sms = told(session, case)
    for minutes in (0, 1, 2, 3, 4):
        work(morning + timedelta(minutes=minutes))
    sms = session.get(Delivery, sms.id)
    assert (sms.state, sms.attempts, len(gateway.requests)) == ("sent", 1, 4)


def test_after_the_last_attempt_it_stands_on_the_thing_and_somebody_calls(
    session, case, gateway, work, morning, monkeypatch
):
    monkeypatch.setattr(sending, "STRIKES", 1_000)
    gateway.mood = lambda number, body: "5xx"
    message, sms = told(session, case)
    answers = []
    for minutes in range(0, 240, 5):
        answers += work(morning + timedelta(minutes=minutes))
    assert "dead" in answers and len(texts(gateway)) == len(sending.PAUSES) + 3
    sms = session.get(Delivery, sms.id)
    assert sms.state == "failed" and "503" in sms.error
    row = next(
        one
        for one in session.scalars(select(OutboxItem).where(OutboxItem.status == "dead"))
        if one.args["delivery_id"] == sms.id
    )
    assert row.args == {"delivery_id": sms.id}, "nothing personal where the administrator looks"
    [notice] = session.scalars(select(Notice).where(Notice.kind == "undelivered")).all()
    assert "请打电话" in notice.text and notice.content_id == case.id
    [call] = [one for one in session.get(Message, message.id).deliveries if one.channel == "phone"]
    assert (call.state, call.unit_id) == ("waiting", case.unit_id)
    journal = session.scalars(select(JournalEntry).where(JournalEntry.action == "message:failed")).one()
    assert journal.details == {"delivery": sms.id, "message": message.id}
    # The cause is mended and the administrator tries the dead letter once more.
    gateway.mood = lambda number, body: "ok"
    assert outbox.again(session, row.id)
    session.commit()
    assert "done" in work(morning + timedelta(hours=5))
    assert session.get(Delivery, sms.id).state == "sent"


def test_a_number_that_does_not_exist_is_not_tried_again(session, case, gateway, work, morning):
    gateway.mood = lambda number, body: "never"
    message, sms = told(session, case)
    work()
    work(morning + timedelta(hours=3))
    assert len(texts(gateway)) == 1
    sms = session.get(Delivery, sms.id)
    assert sms.state == "failed" and "空号" in sms.error and "13800000018" not in sms.error
    assert [one.channel for one in session.get(Message, message.id).deliveries] == ["sms", "phone"]


def test_the_number_changes_while_the_message_waits(session, case, gateway, work):
    gateway.mood = lambda number, body: "taken_then_5xx" if number == 1 else "ok"
    _, sms = told(session, case)
    old = case.applicant.phone
    work()
    resident = session.get(Resident, case.applicant_id)
    resident.phone = "13900000001"
    session.commit()
    work(now() + timedelta(minutes=5))
    assert [to for to, _ in gateway.sent.values()] == [old, "13900000001"], (
        "what the old one may have got keeps nothing from the new"
    )
    assert len({body["key"] for body in gateway.requests}) == 2
    assert session.get(Delivery, sms.id).address == "139****0001"


def test_the_number_goes_away_while_the_message_waits(session, case, gateway, work):
    message, sms = told(session, case)
    session.get(Resident, case.applicant_id).phone = None
    session.commit()
    work()
    assert not gateway.requests
    assert session.get(Delivery, sms.id).error == "没有可以收短信的手机号码"
    assert [one.channel for one in session.get(Message, message.id).deliveries] == ["sms", "phone"]


@pytest.mark.parametrize("phone", [None, "0571-00001234"])
def test_without_a_mobile_number_somebody_calls(session, case, gateway, phone):
    session.get(Resident, case.applicant_id).phone = phone
    session.flush()
    message = telling.tell(session, "manual", case.applicant, Facts(text="请来一趟"), content=case, once="x")
    [call] = message.deliveries
    assert (call.channel, call.unit_id, call.address) == ("phone", case.unit_id, "0571-******34" if phone else "")
    quiet = telling.tell(session, "accepted", case.applicant, Facts(), content=case, once="y")
    assert quiet.deliveries == [], "nobody is made to phone for what can wait"


def test_nothing_set_up_the_inbox_goes_on(session, case, monkeypatch):
    monkeypatch.setattr(channels, "_open", {})
    message = telling.tell(session, "manual", case.applicant, Facts(text="请来一趟"), content=case, once="x")
    assert message.text == "请来一趟" and message.deliveries == []


def test_quiet_hours_hold_back_what_is_not_urgent(session, case, gateway, work, morning):
    night = morning.astimezone(CHINA).replace(hour=22, minute=30)
    with at_time(night):
        _, sms = told(session, case)
        visit = telling.tell(session, "visit_moved", case.applicant, Facts(reader="林若琳"), content=case, once="v")
        session.commit()
        assert sms.not_before.astimezone(CHINA).hour == 8 and session.get(Message, sms.message_id) is not None
    work(night)
    assert [session.get(Delivery, one.id).state for one in (sms, visit.deliveries[0])] == ["waiting", "sent"]
    work(night + timedelta(hours=9, minutes=29))
    assert session.get(Delivery, sms.id).state == "waiting"
    work(night + timedelta(hours=9, minutes=31))
    assert session.get(Delivery, sms.id).state == "sent"


def test_a_wish_written_meanwhile_holds(session, case, actor, gateway, work, morning):
    resident = session.get(Resident, case.applicant_id)
    given = {"order": "sms_phone", "quiet_from": "9:00", "quiet_to": "12:00", "locale": "en"}
    _, sms = told(session, case)
    preferences.save(session, actor("window.clerk"), resident, given)
    session.commit()
    work(morning)
    assert session.get(Delivery, sms.id).state == "waiting" and not gateway.requests
    work(morning + timedelta(hours=2, minutes=1))
    assert session.get(Delivery, sms.id).state == "sent"
    later = telling.tell(session, "accepted", resident, Facts(number="DX-1", reader="林若琳"), content=case, once="z")
    assert later.locale == "en" and later.text.startswith("Your application")


def test_what_the_thing_has_left_behind_is_not_sent(session, case, gateway, work):
    message = telling.tell(session, "missing", case.applicant, Facts(number="DX-1"), content=case, once="x")
    session.commit()
    case.state = "withdrawn"
    session.commit()
    work()
    assert message.deliveries[0].state == "lapsed" and not gateway.requests


def test_two_workers_and_one_killed_send_it_once(session, case, gateway, morning):
    _, sms = told(session, case)
    row = session.scalars(select(OutboxItem).where(OutboxItem.job == "messages.send")).one()
    session.add(OutboxItem(job=row.job, args=dict(row.args), queue=row.queue, available_at=row.available_at))
    session.commit()
    # The first one sent it and never came to its commit.
    channels.get("sms").send(
        Parcel(f"{sms.uid}-{Resident.index_of(case.applicant.phone)[:8]}", case.applicant.phone, sms.text)
    )
    for item in session.scalars(select(OutboxItem).where(OutboxItem.job == "messages.send")).all():
        session.commit()
        assert do(session, item.id) == "done"
    assert list(gateway.times.values()) == [1]


def test_a_gateway_that_is_down_is_left_alone_for_a_minute(session, case, gateway, work):
    gateway.mood = lambda number, body: "5xx"
    for _ in range(8):
        told(session, case)
    work()
    assert len(gateway.requests) == sending.STRIKES
    states = Counter(session.scalars(select(Delivery.attempts).where(Delivery.channel == "sms")))
    assert states == {1: sending.STRIKES, 0: 5}


def test_nothing_personal_in_the_outbox(session, case, gateway):
    told(session, case, text="张三的残疾证")
    for row in session.scalars(select(OutboxItem)):
        assert case.applicant.phone not in str(row.args) and "张三" not in str(row.args)


def test_a_thousand_messages_through_a_flaky_gateway_arrive_once_each(
    session, case, gateway, work, morning, monkeypatch
):
    monkeypatch.setattr(sending, "STRIKES", 10_000)
    moods = ("ok",) * 8 + ("5xx", "taken_then_5xx", "cut", "nonsense", "fast")
    chance = Random(4)
    tries: Counter[str] = Counter()

    def mood(_number: int, body: dict[str, str]) -> str:
        # Bad enough to prove something, but never so often in a row that the worker gives a message up.
        tries[body["text"]] += 1
        return chance.choice(moods) if tries[body["text"]] < 4 else "ok"

    gateway.mood = mood
    occasion, wish = messages().occasions["manual"], preferences.of(session, case.applicant)
    # What is proven here is the counting, not the disk.
    session.connection().exec_driver_sql("ROLLBACK")
    session.connection().exec_driver_sql("PRAGMA synchronous=OFF")
    session.connection().exec_driver_sql("BEGIN IMMEDIATE")
    for n in range(1_000):
        message = Message(
            content_id=case.id,
            occasion="manual",
            resident_id=case.applicant_id,
            text="t",
            short=f"第 {n} 条",
            key=f"t:{n}",
        )
        session.add(message)
        session.flush()
        telling.by_sms(session, message, occasion, wish)
    session.commit()
    for minutes in (0, 3, 12, 30, 90, 120, 180, 240, 300, 360):
        work(morning + timedelta(minutes=minutes))
        if not session.scalar(select(func.count()).select_from(Delivery).where(Delivery.state == "waiting")):
            break
    states = Counter(session.scalars(select(Delivery.state).where(Delivery.channel == "sms")))
    assert states == {"sent": 1_000}
    assert len(gateway.sent) == 1_000 and set(gateway.times.values()) == {1}
    assert len(texts(gateway)) > 1_300, "the gateway was bad enough to prove something"
    assert len({text for _, text in gateway.sent.values()}) == 1_000


def test_nothing_is_locked_while_a_slow_gateway_is_spoken_to(session, case, gateway, morning, monkeypatch, app):
    """Also when the worker has just looked for released processes: on SQLite that look once held the only lock."""
    _, sms = told(session, case)
    item = session.scalars(select(OutboxItem.id).where(OutboxItem.job == telling.SEND)).one()
    session.commit()
    real, free = channels.get("sms"), []

    class Watched:
        name = "sms"

        def send(self, parcel: Parcel) -> str:
            with closing(sqlite3.connect(db.engine.url.database, timeout=0, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
            free.append(not session.in_transaction())
            return real.send(parcel)

    monkeypatch.setitem(channels._open, "sms", Watched())
    releases.forget()
    assert do(session, item) == "done" and free == [True]
    assert session.get(Delivery, sms.id).state == "sent"
