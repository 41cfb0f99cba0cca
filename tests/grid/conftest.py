"""A community with a second clerk, members of every capacity, and a way to become somebody again after rights changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.person import Grant, GridMembership, Person
from process.access import Actor, load_actor
from process.clock import local_day
from services import accounts, installation


@pytest.fixture
def today() -> date:
    return local_day(datetime.now(UTC))


@pytest.fixture(scope="session")
def hashed() -> str:
    return accounts.hash_password(installation.DEMO_PASSWORD)


@pytest.fixture
def colleague(session: Session, hashed: str) -> Callable[..., Person]:
    """Somebody new with posts, who can sign in."""

    def make(username: str, unit: str, *posts: tuple[str, str], name: str = "") -> Person:
        person = Person(
            username=username, name=name or f"同事{username}", unit_id=unit, password_hash=hashed, phone="13800000999"
        )
        session.add(person)
        session.flush()
        for role, place_id in posts:
            place = session.get_one(Agency, place_id)
            session.add(
                Grant(
                    person_id=person.id, role=role, place_id=place_id, place_path=place.path, cause="post",
                    since=date(2025, 1, 1),
                )
            )  # fmt: skip
        session.flush()
        return person

    return make


@pytest.fixture
def member(session: Session, colleague: Callable[..., Person]) -> Callable[..., Person]:
    """A member of a grid with the right of the capacity."""

    def make(username: str, capacity: str, grid: str = "dx-c01-g1", unit: str = "dx-c01") -> Person:
        known = session.scalar(select(Person).where(Person.username == username))
        person = known or colleague(username, unit)
        place = session.get_one(Agency, grid)
        session.add(GridMembership(grid_id=grid, person_id=person.id, capacity=capacity, since=date(2025, 1, 1)))
        session.add(
            Grant(person_id=person.id, role=capacity, place_id=grid, place_path=place.path, since=date(2025, 1, 1))
        )
        session.flush()
        return person

    return make


@pytest.fixture
def again(session: Session, today: date) -> Callable[[str], Actor]:
    """The actor with the rights of this moment."""

    def load(username: str) -> Actor:
        person = session.scalars(select(Person).where(Person.username == username)).one()
        return load_actor(session, person.id, today)

    return load
