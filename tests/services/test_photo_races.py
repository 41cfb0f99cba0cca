"""Photos of one filing that arrive together, as a phone sends them: none pushes another out."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.content import Content
from models.person import Person
from process.access import load_actor
from process.clock import local_day
from services import actions, photo_filing
from tests.pages.test_hall_papers import _photo
from tests.racing import all_at_once

ITEM = "fertility_registration_card"


def resident_in(session: Session):
    person = session.scalars(select(Person).where(Person.username == "resident")).one()
    return load_actor(session, person.id, local_day(datetime.now(UTC)))


def test_photos_sent_together_are_all_kept(office_for_many):
    wanted = [material.id for material in catalogue.item(ITEM).materials]
    with Session(office_for_many) as session:
        filing = actions.create(
            session,
            resident_in(session),
            "mobile_precheck",
            {"matter": "生育登记", "item": ITEM, "unit": "dongxin-centre", "way": "window", "phone": "13800000015"},
        )
        session.commit()
        uid = filing.uid
    pictures = [_photo(number)[0].read() for number in range(len(wanted))]

    def send(session: Session, number: int) -> None:
        # As a request does: the filing is looked up first, then the photo is laid into it.
        found = session.scalars(select(Content).where(Content.uid == uid)).one()
        photo_filing.photograph(session, found, resident_in(session), wanted[number], pictures[number], "a.jpg")

    answers = all_at_once(office_for_many, send, len(wanted), datetime.now(UTC))
    assert answers == [None] * len(wanted)
    with Session(office_for_many) as session:
        found = session.scalars(select(Content).where(Content.uid == uid)).one()
        assert sorted(found.fields[photo_filing.PHOTOS]) == sorted(wanted)
