"""Letters that are wrong: strangers, alterations, replays, clocks and floods, each refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.exchange import ExchangeRefusal, Partner
from process.access import Actor
from process.refusals import Altered
from services.exchange import envelopes, keys, partners
from tests.exchange.asked import counted, refused
from tests.exchange.hand import PATH, Hand, forged, new_ring


def test_a_stranger_is_refused(session: Session, hand: Hand, client: FlaskClient) -> None:
    stranger = Hand(new_ring(), hand.office)
    before = counted(session)
    answer = stranger.deliver(client, stranger.write("ticket", stranger.ticket()))
    refused(answer, 403, "unknown-sender", "不认识发件方")
    assert counted(session) == before


def test_who_was_entered_but_not_read_aloud_is_still_a_stranger(
    session: Session, hand: Hand, client: FlaskClient, administrator: Actor
) -> None:
    other = Hand(new_ring(), hand.office)
    partners.enter(
        session, administrator, {"name": "上海青浦", "base_url": "http://127.0.0.1:9", "card": other.ring.card.text}
    )
    session.commit()
    answer = other.deliver(client, other.write("ticket", other.ticket()))
    refused(answer, 403, "unknown-sender", "念读核对")


def test_somebody_who_writes_in_a_partners_name_is_refused(session: Session, hand: Hand, client: FlaskClient) -> None:
    """Right name, other key: with its own key number, and with the stolen number of the right key."""
    impostor = new_ring(hand.ring.card.installation)
    text = hand.write("ticket", hand.ticket(), ring=impostor)
    refused(hand.deliver(client, text, ring=impostor), 403, "unknown-sender", "没有核对过")
    text = forged(text, key=hand.ring.card.key_id)
    refused(hand.deliver(client, text, ring=impostor), 422, "altered", "签名与内容不符")
    assert counted(session)[0] == 0


@pytest.mark.parametrize("field", ["id", "kind", "sent", "expires", "box", "ephemeral", "previous", "seq", "signature"])
def test_an_altered_letter_is_refused_whatever_was_altered(
    session: Session, hand: Hand, client: FlaskClient, field: str
) -> None:
    text = hand.write("ticket", hand.ticket())
    value = json.loads(text)[field]
    changed: Any = (
        value + 1 if field == "seq" else value.replace("2026", "2027", 1) if field in ("sent", "expires") else None
    )
    if changed is None or changed == value:
        swap = {"a": "b", "A": "B", "t": "u", "0": "1", "1": "2"}
        first = next((i for i, c in enumerate(value) if c in swap), None)
        changed = value[:first] + swap[value[first]] + value[first + 1 :] if first is not None else value[::-1]
    refused(hand.deliver(client, forged(text, **{field: changed})), 422, "altered", "签名")
    assert counted(session)[0] == 0


def test_a_body_moved_into_another_envelope_does_not_open(hand: Hand, client: FlaskClient) -> None:
    """Signed by the partner itself, but the seal belongs to other address lines."""
    text = hand.write("ticket", hand.ticket())
    fields = json.loads(text)
    fields["id"] = "B" * 22
    del fields["signature"]
    from process.digests import canonical

    moved = canonical({**fields, "signature": hand.ring.sign(canonical(fields).encode())})
    refused(hand.deliver(client, moved), 422, "altered", "打不开")


def test_the_spelling_is_part_of_what_was_signed(hand: Hand, client: FlaskClient) -> None:
    text = json.dumps(json.loads(hand.write("ticket", hand.ticket())))
    refused(hand.deliver(client, text), 422, "altered", "写法")


def test_a_replay_with_other_contents_is_refused(session: Session, hand: Hand, client: FlaskClient) -> None:
    first = hand.write("ticket", hand.ticket())
    assert hand.deliver(client, first).status_code == 200
    before = counted(session)
    uid = json.loads(first)["id"]
    refused(hand.deliver(client, hand.write("ticket", hand.ticket(), uid=uid)), 409, "replayed", "内容不同")
    refused(
        hand.deliver(client, hand.write("ticket", hand.ticket(), seq=1, previous=envelopes.FIRST)),
        409,
        "replayed",
        "早已收过",
    )
    refused(hand.deliver(client, hand.write("ticket", hand.ticket(), previous="f" * 64)), 409, "replayed", "不是接着")
    assert counted(session) == before


def test_a_recording_posted_later_is_refused_by_the_clock(session: Session, hand: Hand, client: FlaskClient) -> None:
    text = hand.write("ticket", hand.ticket())
    yesterday = datetime.now(UTC) - timedelta(days=1)
    refused(hand.deliver(client, text, at=yesterday), 422, "clock", "慢 1 天")
    assert counted(session)[0] == 0


@pytest.mark.parametrize(
    ("off", "words", "which"),
    [
        (timedelta(days=1, minutes=2), "快 1 天 2 分钟", "sender_ahead"),
        (timedelta(days=-1), "慢 1 天", "sender_behind"),
        (timedelta(minutes=6), "快 6 分钟", "sender_ahead"),
    ],
)
def test_a_clock_that_is_off_is_named_with_how_much(
    hand: Hand, client: FlaskClient, off: timedelta, words: str, which: str
) -> None:
    at = datetime.now(UTC) + off
    answer = hand.deliver(client, hand.write("ticket", hand.ticket(), sent=at), at=at)
    refused(answer, 422, "clock", words, "江苏吴江", "本系统现在")
    body = answer.get_json()
    assert body["clock"] == which and abs(body["seconds"] - abs(off.total_seconds())) < 60


def test_four_minutes_are_forgiven(hand: Hand, client: FlaskClient) -> None:
    at = datetime.now(UTC) + timedelta(minutes=4)
    assert hand.deliver(client, hand.write("ticket", hand.ticket(), sent=at), at=at).status_code == 200


def test_a_letter_that_waited_three_days_is_taken_one_that_is_out_of_date_is_not(
    session: Session, hand: Hand, client: FlaskClient
) -> None:
    waited = hand.write("ticket", hand.ticket(), sent=datetime.now(UTC) - timedelta(days=3))
    assert hand.deliver(client, waited).status_code == 200
    old = hand.write("ticket", hand.ticket(), sent=datetime.now(UTC) - timedelta(days=31))
    refused(hand.deliver(client, old), 422, "expired", "已经过期")
    assert counted(session)[0] == 1


def test_a_letter_for_somebody_else_is_refused(hand: Hand, client: FlaskClient) -> None:
    text = hand.write("ticket", hand.ticket(), recipient=new_ring().card)
    refused(hand.deliver(client, text), 422, "wrong-recipient", "收件方不是本系统")


def test_a_withdrawn_key_counts_no_more(
    session: Session, hand: Hand, client: FlaskClient, administrator: Actor, partner: Partner
) -> None:
    partners.revoke(session, administrator, partner, hand.ring.card.key_id, "对方电脑失窃")
    session.commit()
    refused(hand.deliver(client, hand.write("ticket", hand.ticket())), 403, "revoked-key", "作废", "失窃")


def test_an_old_key_holds_only_for_what_was_signed_before(
    session: Session, hand: Hand, client: FlaskClient, administrator: Actor, partner: Partner
) -> None:
    new = new_ring(hand.ring.card.installation)
    partners.add_key(session, administrator, partner, {"card": new.card.text})
    # Entered, not yet read aloud: the old one goes on.
    session.commit()
    assert hand.send(client, "ticket", hand.ticket())["outcome"] == "done"
    partners.confirm(session, administrator, partner, new.card.key_id, "".join(new.card.groups))
    session.commit()
    late = hand.write("ticket", hand.ticket(), sent=datetime.now(UTC) + timedelta(minutes=10))
    refused(hand.deliver(client, late), 403, "revoked-key", "旧密钥只用到")
    under_way = hand.write("ticket", hand.ticket(), sent=datetime.now(UTC) - timedelta(hours=1))
    assert hand.deliver(client, under_way, ring=new).status_code == 200
    hand.ring = new
    assert hand.send(client, "ticket", hand.ticket())["outcome"] == "done"


def test_nothing_is_done_before_its_predecessor(session: Session, hand: Hand, client: FlaskClient) -> None:
    first = hand.write("ticket", hand.ticket())
    second = hand.write("ticket", hand.ticket(), seq=2, previous=envelopes.digest_of(first))
    answer = hand.deliver(client, second)
    refused(answer, 409, "predecessor-missing", "第 1 封还没有到")
    assert answer.get_json()["expected"] == 1 and counted(session)[0] == 0
    assert hand.deliver(client, first).status_code == 200
    assert hand.deliver(client, second).status_code == 200
    assert counted(session)[0] == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"[]",
        b'{"a":1}',
        b"\xff\xfe",
        b'{"a":1,"a":2}',
        b"[" * 100_000,
        b'{"seq":NaN}',
        "{“v”:1}".encode(),
    ],
)
def test_what_is_no_envelope_is_told_so(session: Session, hand: Hand, client: FlaskClient, raw: bytes) -> None:
    answer = client.post(PATH, data=raw, headers={"Content-Type": "application/json"})
    refused(answer, 400, "not-an-envelope")
    assert counted(session)[0] == 0


def test_a_letter_that_is_too_large_is_cut_off(hand: Hand, client: FlaskClient) -> None:
    answer = client.post(PATH, data=b"x" * (envelopes.LARGEST + 1), headers={"Content-Type": "application/json"})
    refused(answer, 413, "too-large", "12 MB")


def test_only_json_only_post_and_no_time_no_entry(hand: Hand, client: FlaskClient) -> None:
    text = hand.write("ticket", hand.ticket())
    refused(hand.deliver(client, text, kind="text/plain"), 400, "not-an-envelope", "application/json")
    refused(hand.deliver(client, text, posted_signature="00" * 64), 422, "altered", "发送时间")
    bare = client.post(PATH, data=text.encode(), headers={"Content-Type": "application/json"})
    refused(bare, 400, "not-an-envelope", "Daiban-Posted")
    for method in (client.get, client.put, client.delete, client.patch):
        assert method(PATH).status_code == 405


def test_a_stopped_partner_is_refused_and_resumed_where_it_was(
    session: Session, hand: Hand, client: FlaskClient, administrator: Actor, partner: Partner
) -> None:
    text = hand.write("ticket", hand.ticket())
    partners.stop(session, administrator, partner, "对方系统升级")
    session.commit()
    refused(hand.deliver(client, text), 403, "unknown-sender", "停用", "对方系统升级")
    partners.resume(session, administrator, partner)
    session.commit()
    assert hand.deliver(client, text).status_code == 200


def test_refusals_are_counted_by_day_and_shown_and_a_flood_fills_one_row(
    session: Session, hand: Hand, client: FlaskClient, client_as: Callable[[str], FlaskClient], partner: Partner
) -> None:
    for _ in range(5):
        stranger = Hand(new_ring(), hand.office)
        stranger.deliver(client, stranger.write("ticket", stranger.ticket()))
    old = hand.write("ticket", hand.ticket(), sent=datetime.now(UTC) - timedelta(days=31))
    hand.deliver(client, old)
    rows = session.scalars(select(ExchangeRefusal).order_by(ExchangeRefusal.id)).all()
    assert [(row.sender, row.count) for row in rows] == [("-", 5), (hand.ring.card.installation, 1)]
    admin = client_as("admin")
    assert "不认识发件方" in admin.get("/exchange/partners").text
    assert "已经过期" in admin.get(f"/exchange/partners/{partner.id}").text


def test_the_refusal_is_signed_so_that_nobody_between_can_invent_one(hand: Hand, client: FlaskClient) -> None:
    from services.exchange.receiving import refusal_line

    text = hand.write("ticket", hand.ticket(), seq=5)
    answer = hand.deliver(client, text)
    line = refusal_line(envelopes.digest_of(text), "exchange-predecessor-missing", 1)
    assert hand.office.verifies(answer.headers["Daiban-Refusal-Signature"], line)


def test_strangers_who_knock_too_often_are_sent_away_and_partners_are_not_counted(
    hand: Hand, client: FlaskClient
) -> None:
    text = hand.write("ticket", hand.ticket())
    assert {hand.deliver(client, text).status_code for _ in range(70)} == {200}
    answers = [
        client.post(PATH, data=b"x", headers={"Content-Type": "application/json"}).status_code for _ in range(62)
    ]
    assert answers == [400] * 60 + [429] * 2


def test_an_account_opens_nothing_here(hand: Hand, client_as: Callable[[str], FlaskClient]) -> None:
    stranger = Hand(new_ring(), hand.office)
    refused(stranger.deliver(client_as("admin"), stranger.write("ticket", stranger.ticket())), 403, "unknown-sender")


def test_the_key_file_is_ours_alone_and_survives_rotation(app: Flask, session: Session) -> None:
    before = keys.ring()
    assert keys.path().stat().st_mode & 0o777 == 0o600
    after = keys.rotate(datetime.now(UTC))
    assert after.card.installation == before.card.installation and after.card.key_id != before.card.key_id
    assert keys.path().stat().st_mode & 0o777 == 0o600
    assert [card for card, _end in after.ended] == [before.card]
    # What was sealed for the old key still opens.
    friend = Hand(new_ring(), before.card)
    letter = envelopes.read(friend.write("message", {"text": "示例"}).encode())
    assert envelopes.open_body(letter, after) == {"text": "示例"}
    much_later = keys.rotate(datetime.now(UTC) + timedelta(days=40))
    last = keys.rotate(datetime.now(UTC) + timedelta(days=41))
    assert {card for card, _end in last.ended} == {before.card, after.card, much_later.card}
    with pytest.raises(Altered):
        envelopes.open_body(letter, last)
    assert session.get(Agency, "dongxin") is not None
