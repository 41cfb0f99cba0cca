"""The gateway's reports: only its own, only fresh ones, and each has its effect once."""

from __future__ import annotations

import json
import time

import pytest
from sqlalchemy import select

from models.base import new_uid
from models.message import Delivery, Message
from models.resident import Resident
from services.messages import channels, telling
from services.messages.channels import signed
from services.messages.wording import Facts
from tests.messages.gateway import SECRET
from tests.services.fertility import accepted


@pytest.fixture
def sent(session, actor, gateway, work):
    """A text message that the gateway took."""
    accepted(session, actor)
    work()
    return session.scalars(select(Delivery).where(Delivery.channel == "sms")).one()


def report(client, body, *, secret=SECRET, at=None, headers=None, raw=None):
    data = raw if raw is not None else json.dumps(body, ensure_ascii=False).encode()
    given = {**signed(secret, data, at, "nonce-1"), "Content-Type": "application/json", **(headers or {})}
    return client.post("/messages/report", data=data, headers=given)


def key_of(session, sms):
    phone = sms.message.resident.phone
    return f"{sms.uid}-{Resident.index_of(phone)[:8]}"


def test_delivered_and_the_same_again(app, session, sent):
    client = app.test_client()
    body = {"key": key_of(session, sent), "id": sent.provider_id, "state": "delivered"}
    for _ in range(3):
        assert report(client, body).status_code == 200
    session.expire_all()
    done = session.get(Delivery, sent.id)
    assert done.state == "delivered" and done.finished_at is not None
    # A replayed or late "failed" takes nothing back.
    assert report(client, {**body, "state": "failed", "reason": "关机"}).status_code == 200
    session.expire_all()
    assert session.get(Delivery, sent.id).state == "delivered"
    assert len(session.get(Message, sent.message_id).deliveries) == 1


def test_failed_puts_a_call_on_the_desk_and_delivered_after_all_takes_it_off(app, session, sent):
    client = app.test_client()
    body = {"key": key_of(session, sent), "id": sent.provider_id, "state": "failed", "reason": "关机 13800000015"}
    assert report(client, body).status_code == 200
    assert report(client, body).status_code == 200
    session.expire_all()
    failed = session.get(Delivery, sent.id)
    assert failed.state == "failed" and "关机" in failed.error and "13800000015" not in failed.error
    assert report(client, {**body, "state": "delivered"}).status_code == 200
    session.expire_all()
    assert session.get(Delivery, sent.id).state == "delivered"


def test_a_report_before_our_own_note_is_not_lost(app, session, actor, gateway, work):
    case = accepted(session, actor)
    session.commit()
    sms = session.scalars(select(Delivery).where(Delivery.channel == "sms")).one()
    client = app.test_client()
    assert report(client, {"key": key_of(session, sms), "id": "sms-1", "state": "delivered"}).status_code == 200
    work()
    assert session.get(Delivery, sms.id).state == "delivered" and case is not None
    assert not [body for body in gateway.requests if body.get("key", "").startswith(sms.uid)], (
        "the phone has it already"
    )


@pytest.mark.parametrize("who", ["stranger", "old", "young", "unsigned", "altered", "no_stamp", "long_stamp"])
def test_a_stranger_changes_nothing(app, session, sent, who):
    client, body = app.test_client(), {"key": key_of(session, sent), "id": sent.provider_id, "state": "delivered"}
    raw = json.dumps(body).encode()
    answer = {
        "stranger": lambda: report(client, body, secret="x" * 30),
        "old": lambda: report(client, body, at=int(time.time()) - 301),
        "young": lambda: report(client, body, at=int(time.time()) + 400),
        "unsigned": lambda: client.post("/messages/report", data=raw),
        "altered": lambda: client.post(
            "/messages/report", data=raw.replace(b"delivered", b"failed"), headers=signed(SECRET, raw)
        ),
        "no_stamp": lambda: report(client, body, headers={"X-Daiban-Timestamp": "now"}),
        "long_stamp": lambda: report(client, body, headers={"X-Daiban-Timestamp": "9" * 40}),
    }[who]()
    assert answer.status_code == 400 and answer.mimetype == "application/problem+json"
    session.expire_all()
    assert session.get(Delivery, sent.id).state == "sent"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"state": "delivered"},
        {"state": "read", "key": "x-y"},
        {"state": "delivered", "key": "nothing"},
        {"state": "delivered", "key": "A" * 22 + "-00000000"},
        {"state": "delivered", "key": ["x"]},
    ],
)
def test_signed_but_about_nothing(app, session, sent, body):
    assert report(app.test_client(), body).status_code == 400


def test_another_number_of_the_message_or_of_the_person(app, session, sent):
    client, key = app.test_client(), key_of(session, sent)
    assert report(client, {"key": key, "id": "sms-99", "state": "delivered"}).status_code == 400
    other = f"{sent.uid}-00000000"
    assert report(client, {"key": other, "id": sent.provider_id, "state": "delivered"}).status_code == 400


def test_no_json_and_too_much(app, session, sent):
    client = app.test_client()
    assert report(client, None, raw=b"{not json").status_code == 400
    assert report(client, None, raw=b"[1]").status_code == 400
    assert report(client, None, raw=b" " * 20_000).status_code == 413


def test_without_a_gateway_nobody_reports(app, session, monkeypatch):
    monkeypatch.setattr(channels, "_open", {})
    assert report(app.test_client(), {"key": "x", "state": "delivered"}, secret="").status_code == 400


def test_the_inbox_message_is_there_whatever_the_report_says(session, sent):
    assert session.get(Message, sent.message_id).text
    assert telling.tell(session, "accepted", sent.message.resident, Facts(), once=new_uid()) is not None
