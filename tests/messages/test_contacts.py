"""Whoever booked for somebody else, or is the contact of the register, hears day and outcome without an account."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.messages import SMS
from models.base import now
from models.delegation import HomeVisit
from models.message import Delivery, Message
from models.resident import Resident
from process import engine
from process.access import Actor
from services import care, residents
from services.messages import preferences, reports
from tests.messages.gateway import Gateway
from tests.services.visiting import request_visit, tomorrow

As = Callable[[str], Actor]
NEIGHBOUR = "13800000977"


def to_contact(session: Session, visit: HomeVisit) -> list[Delivery]:
    statement = select(Delivery).join(Message).where(Message.content_id == visit.id, Delivery.to_contact.is_(True))
    return list(session.scalars(statement.order_by(Delivery.id)))


def booked(session: Session, actor: As, **data: str) -> HomeVisit:
    given = {"requested_by": "章晓㛃", "requested_relation": "邻居", "requested_phone": NEIGHBOUR, **data}
    return request_visit(session, actor("community.clerk"), **given)


@pytest.mark.req("S4-14")
def test_who_booked_hears_the_day_and_the_outcome(
    session: Session, actor: As, gateway: Gateway, work: Callable[..., list[str]]
) -> None:
    leader, visit = actor("grid.leader"), booked(session, actor)
    engine.fire(visit, "schedule", leader, inputs={"slot_start": tomorrow(10)})
    [told] = to_contact(session, visit)
    assert told.channel == SMS and told.address.endswith("0977") and NEIGHBOUR not in told.address
    assert visit.number in told.text and told.text.startswith("章*您好：骆*") and "骆水珍" not in told.text
    assert visit.item.title not in told.text, "what it is about is nobody else's business"
    work()
    sent = {to for to, _text in gateway.sent.values()}
    assert {NEIGHBOUR, visit.applicant.phone} <= sent and told.state == "sent"
    engine.fire(visit, "cancel", actor("community.clerk"), inputs={"comment": "网格长生病"})
    assert [one.message.occasion for one in to_contact(session, visit)] == ["visit_fixed", "visit_cancelled"]


def test_the_contact_of_the_register_is_told_where_nobody_left_a_number(
    session: Session, actor: As, gateway: Gateway
) -> None:
    clerk = actor("community.clerk")
    visit = booked(session, actor, requested_by="", requested_relation="", requested_phone="")
    care.enter(
        session, clerk, visit.applicant, condition="age_80", proof=None, at=now(), contact="女儿 骆小敏",
        contact_phone=NEIGHBOUR,
    )  # fmt: skip
    engine.fire(visit, "schedule", actor("grid.leader"), inputs={"slot_start": tomorrow(10)})
    [told] = to_contact(session, visit)
    assert told.text.startswith("骆*您好")


@pytest.mark.parametrize("phone", ["0571-00001234", ""])
def test_no_mobile_number_no_text_message(session: Session, actor: As, gateway: Gateway, phone: str) -> None:
    visit = booked(session, actor, requested_phone=phone)
    engine.fire(visit, "schedule", actor("grid.leader"), inputs={"slot_start": tomorrow(10)})
    assert not to_contact(session, visit)


def test_whose_wish_is_no_text_message_gets_none(session: Session, actor: As, gateway: Gateway) -> None:
    """The number's owner is a resident who wants to be called, or the person visited wants nobody told by text message."""
    clerk = actor("community.clerk")
    owner = residents.find_or_create(session, {"name": "章晓㛃", "id_number": "330103198801012341", "phone": NEIGHBOUR})
    preferences.save(
        session, clerk, owner,
        {"order": "phone", "locale": "zh_Hans_CN", "quiet_from": "21:00", "quiet_to": "08:00"},
    )  # fmt: skip
    visit = booked(session, actor)
    engine.fire(visit, "schedule", actor("grid.leader"), inputs={"slot_start": tomorrow(10)})
    assert not to_contact(session, visit)


def test_a_number_changed_meanwhile_is_the_one_that_is_told(
    session: Session, actor: As, gateway: Gateway, work: Callable[..., list[str]]
) -> None:
    visit = booked(session, actor)
    engine.fire(visit, "schedule", actor("grid.leader"), inputs={"slot_start": tomorrow(10)})
    visit.private = {**visit.private, "requested_phone": "13800000988"}
    session.flush()
    work()
    assert "13800000988" in {to for to, _text in gateway.sent.values()}
    assert NEIGHBOUR not in {to for to, _text in gateway.sent.values()}
    [told] = to_contact(session, visit)
    assert told.address.endswith("0988")


def test_what_does_not_reach_the_contact_puts_no_call_on_a_desk(
    session: Session, actor: As, gateway: Gateway, work: Callable[..., list[str]]
) -> None:
    visit = booked(session, actor)
    engine.fire(visit, "schedule", actor("grid.leader"), inputs={"slot_start": tomorrow(10)})
    work()
    [told] = to_contact(session, visit)
    reports._note(session, told, "failed", told.provider_id, "空号")
    assert told.state == "failed"
    calls = session.scalars(select(Delivery).where(Delivery.message_id == told.message_id, Delivery.channel == "phone"))
    assert not calls.all(), "the person visited was told; nobody is sent to the telephone"


def test_a_relative_with_an_account_is_told_once(session: Session, actor: As, gateway: Gateway) -> None:
    daughter = actor("resident")
    visit = request_visit(session, daughter, requested_by="", requested_relation="孙子女", requested_phone="")
    engine.fire(visit, "schedule", actor("grid.leader"), inputs={"slot_start": tomorrow(10)})
    assert not to_contact(session, visit)
    told = session.scalars(select(Message).where(Message.content_id == visit.id)).all()
    assert {one.resident_id for one in told} == {visit.applicant_id, daughter.resident_id}
    assert session.get(Resident, daughter.resident_id) is not None
