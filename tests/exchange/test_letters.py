"""Letters between two installations that are right: one effect, one signed receipt, sealed contents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.exchange import Envelope, ExchangeTicket, Partner
from models.notice import Notice
from models.resident import Resident
from process import journal
from process.access import Actor
from process.refusals import Altered
from services import residents
from services.exchange import envelopes, partners
from tests.exchange.asked import counted
from tests.exchange.hand import Hand, new_ring


@pytest.mark.req("S4-33")
def test_a_ticket_becomes_an_inbox_thing_with_the_same_global_id_and_a_signed_receipt(
    session: Session, hand: Hand, client: FlaskClient, partner: Partner
) -> None:
    ticket = hand.ticket("A" * 22)
    said = hand.send(client, "ticket", ticket)
    assert (said["outcome"], said["seq"], said["from"]) == ("done", 1, hand.office.installation)
    half = session.scalars(select(ExchangeTicket)).one()
    assert half.global_uid == ticket["global_uid"] and half.side == "decides"
    content = half.content
    assert content.state == "pushed" and content.unit_id == "dongxin-centre"
    assert content.applicant is not None and content.applicant.name == "林若琳"
    assert half.their_number == "KS-2026-000777"
    stored = session.scalars(select(Envelope).where(Envelope.direction == "in")).one()
    assert stored.receipt is not None and json.loads(stored.receipt) == said
    assert journal.verify(session)[1] is None


def test_the_same_letter_again_gets_the_same_receipt_and_has_no_second_effect(
    session: Session, hand: Hand, client: FlaskClient
) -> None:
    text = hand.write("ticket", hand.ticket())
    first = hand.deliver(client, text)
    before = counted(session)
    again = [hand.deliver(client, text) for _ in range(3)]
    assert {answer.data for answer in again} == {first.data}
    assert counted(session) == before


def test_the_receipt_is_given_again_even_after_the_key_was_withdrawn(
    session: Session, hand: Hand, client: FlaskClient, administrator: Actor, partner: Partner
) -> None:
    """Otherwise a sender whose receipt was lost would write the same matter a second time."""
    text = hand.write("ticket", hand.ticket())
    first = hand.deliver(client, text)
    partners.revoke(session, administrator, partner, hand.ring.card.key_id, "示例")
    session.commit()
    assert hand.deliver(client, text).data == first.data


def test_an_item_that_we_do_not_take_is_kept_receipted_and_not_done(
    session: Session, hand: Hand, client: FlaskClient
) -> None:
    said = hand.send(client, "ticket", hand.ticket(item="passport", matter="出国护照"))
    assert (said["outcome"], said["reason"]) == ("refused", "unknown-item")
    assert "出国护照" in said["detail"]
    assert counted(session)[0] == 0
    # The row goes on: one wrong ticket does not stop the others.
    assert hand.send(client, "ticket", hand.ticket())["outcome"] == "done"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"applicant": {"name": "林若琳", "id_number": "110105194912310021"}}, "invalid-input"),
        ({"applicant": None}, "bad-body"),
        ({"global_uid": "someone-else:1"}, "bad-body"),
    ],
)
def test_a_body_that_cannot_be_done_is_told_in_the_receipt(
    session: Session, hand: Hand, client: FlaskClient, change: dict[str, Any], reason: str
) -> None:
    said = hand.send(client, "ticket", {**hand.ticket(), **change})
    assert (said["outcome"], said["reason"]) == ("refused", reason) and said["detail"]
    assert counted(session)[0] == 0


def test_a_partner_does_not_change_what_we_know_of_our_residents(
    session: Session, hand: Hand, client: FlaskClient
) -> None:
    known = residents.find_or_create(
        session,
        {"name": "林若琳", "id_number": "11010519491231002X", "phone": "13900000001", "address": "原来的地址"},
    )
    session.commit()
    assert hand.send(client, "ticket", hand.ticket())["outcome"] == "done"
    session.refresh(known)
    assert (known.phone, known.address) == ("13900000001", "原来的地址")
    wrong = hand.ticket(applicant={"name": "王小明", "id_number": "11010519491231002X", "phone": "", "address": ""})
    said = hand.send(client, "ticket", wrong)
    assert said["outcome"] == "refused" and "不一致" in said["detail"]
    assert session.scalars(select(Resident.name).where(Resident.id == known.id)).one() == "林若琳"


def test_personal_data_travels_sealed(hand: Hand) -> None:
    text = hand.write("ticket", hand.ticket())
    for secret in ("林若琳", "11010519491231002X", "13800000098"):
        assert secret not in text
    letter = envelopes.read(text.encode())
    with pytest.raises(Altered):
        envelopes.open_body(letter, new_ring())


def test_a_step_that_is_not_theirs_or_out_of_turn_moves_nothing(
    session: Session, hand: Hand, client: FlaskClient
) -> None:
    ticket = hand.ticket()
    hand.send(client, "ticket", ticket)
    said = {"number": "", "deadline": None, "unit": "示例", "at": "", "inputs": {}, "state": ""}
    for step, reason in (
        ("decide", "not-theirs"),
        ("push", "out-of-step"),
        ("print", "out-of-step"),
        ("x", "not-theirs"),
    ):
        told = hand.send(client, "state", {"global_uid": ticket["global_uid"], "step": step, **said})
        assert (told["outcome"], told["reason"]) == ("refused", reason), step
    assert session.scalars(select(Content.state).where(Content.type == "cross_region")).one() == "pushed"


def test_another_partners_ticket_is_not_there(
    session: Session, hand: Hand, client: FlaskClient, administrator: Actor
) -> None:
    ticket = hand.ticket()
    hand.send(client, "ticket", ticket)
    other = Hand(new_ring(), hand.office)
    made = partners.enter(
        session, administrator, {"name": "上海青浦", "base_url": "http://127.0.0.1:9", "card": other.ring.card.text}
    )
    partners.confirm(session, administrator, made, other.ring.card.key_id, "".join(other.ring.card.groups))
    session.commit()
    body = {"global_uid": ticket["global_uid"], "text": "请退回", "from": "staff", "unit": "示例", "at": ""}
    said = other.send(client, "message", body)
    assert (said["outcome"], said["reason"]) == ("refused", "unknown-ticket")


def test_a_line_from_the_other_city_rings_where_the_ticket_lies(
    session: Session, hand: Hand, client: FlaskClient
) -> None:
    ticket = hand.ticket()
    hand.send(client, "ticket", ticket)
    body = {"global_uid": ticket["global_uid"], "text": "请补一份参保凭证", "from": "staff", "unit": "示例", "at": ""}
    assert hand.send(client, "message", body)["outcome"] == "done"
    content = session.scalars(select(Content).where(Content.type == "cross_region")).one()
    notice = session.scalars(select(Notice).where(Notice.kind == "exchange:message")).one()
    assert (notice.content_id, notice.unit_id) == (content.id, content.unit_id)
    assert "参保" not in notice.text
