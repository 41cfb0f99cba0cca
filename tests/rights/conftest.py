"""Who gives what to whom: a head for the centre, days ahead, and a way to become somebody again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from models.base import now
from models.person import Grant
from process.access import Actor, load_actor
from process.clock import local_day


@pytest.fixture
def days() -> Callable[[int], date]:
    return lambda ahead: local_day(now()) + timedelta(days=ahead)


@pytest.fixture
def as_of(session: Session, person) -> Callable[[str, date], Actor]:
    """The actor as it will be on a day: rights by date need nobody to switch them."""
    return lambda username, day: load_actor(session, person(username).id, day)


@pytest.fixture
def head_of(session: Session, person, agency) -> Callable[[str, str], Actor]:
    def make(username: str, place_id: str) -> Actor:
        place = agency(place_id)
        session.add(
            Grant(person_id=person(username).id, role="head", place_id=place.id, place_path=place.path, cause="post")
        )
        session.flush()
        return load_actor(session, person(username).id, local_day(now()))

    return make
