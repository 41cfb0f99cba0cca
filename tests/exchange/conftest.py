"""An office with one item on offer and one confirmed partner that the test plays by hand."""

from __future__ import annotations

from collections.abc import Callable
from random import randrange

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from models.agency import Agency
from models.exchange import Partner
from models.person import Grant, Person
from process.access import Actor
from services.exchange import items, keys, partners
from tests.exchange.hand import Hand, new_ring

ITEM = "social_insurance_transfer_proof"
UNIT = "dongxin-centre"


def become_authority(session: Session, person: Person) -> None:
    """This colleague decides what other cities send to the centre."""
    unit = session.get_one(Agency, UNIT)
    session.add(Grant(person_id=person.id, role="remote_authority", place_id=unit.id, place_path=unit.path))
    person.epoch += 1
    session.flush()


@pytest.fixture
def administrator(actor: Callable[[str], Actor]) -> Actor:
    return actor("admin")


@pytest.fixture
def hand(app: Flask, session: Session, administrator: Actor, person: Callable[[str], Person]) -> Hand:
    """Confirmed by both, and knowing what we take."""
    ring = new_ring()
    partner = partners.enter(
        session, administrator, {"name": "江苏吴江", "base_url": "http://127.0.0.1:9", "card": ring.card.text}
    )
    partners.confirm(session, administrator, partner, ring.card.key_id, " ".join(ring.card.groups))
    items.offer(session, administrator, {"code": ITEM, "unit": UNIT})
    become_authority(session, person("approver"))
    session.commit()
    return Hand(ring, keys.ring().card)


@pytest.fixture
def partner(session: Session, hand: Hand) -> Partner:
    return session.query(Partner).filter_by(installation=hand.ring.card.installation).one()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """From an address of its own: refusals are counted by address, and these tests make many."""
    made = app.test_client()
    made.environ_base["REMOTE_ADDR"] = f"10.{randrange(256)}.{randrange(256)}.{randrange(1, 255)}"
    return made
