"""A hall with counters and people, told at whatever hour a test names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.hall import HallCounter
from models.person import Grant, Person
from process.access import Actor, load_actor
from process.clock import local_day
from process.numbers import CHINA
from services import hall
from services.hall import setup

HALL = "dongxin-centre"
# A working Thursday of the calendar that is delivered.
DAY = date(2026, 3, 5)


def at(hour: int, minute: int = 0, second: int = 0, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=CHINA)


@dataclass
class Centre:
    """The hall under test."""

    session: Session
    lobby: Actor
    admin: Actor
    clerks: list[Actor] = field(default_factory=list)
    counters: list[HallCounter] = field(default_factory=list)

    def person(self, name: str, *roles: str) -> Actor:
        place = self.session.get_one(Agency, HALL)
        one = Person(username=name, name=name, password_hash="!", unit_id=HALL)
        self.session.add(one)
        self.session.flush()
        for role in roles:
            self.session.add(Grant(person_id=one.id, role=role, place_id=place.id, place_path=place.path))
        self.session.flush()
        return load_actor(self.session, one.id, local_day(datetime.now(UTC)))

    def staff(self, count: int, takes: dict[int, list[str]] | None = None) -> None:
        """So many counters with a clerk at each."""
        for number in range(1, count + 1):
            given = {"code": str(number), "name": f"综合{number}", "takes": (takes or {}).get(number, [])}
            counter = setup.add_counter(self.session, self.admin, HALL, given)
            clerk = self.person(f"clerk{number}", "window_clerk")
            hall.sit(self.session, clerk, counter.id)
            self.clerks.append(clerk)
            self.counters.append(counter)

    def take(self, **given: object):
        given.setdefault("words", "办事")
        return hall.take(self.session, self.lobby, HALL, source="lobby", **given)  # type: ignore[arg-type]


def centre_of(session: Session) -> Centre:
    def known(username: str) -> Actor:
        person = session.scalars(select(Person).where(Person.username == username)).one()
        return load_actor(session, person.id, local_day(datetime.now(UTC)))

    made = Centre(session, known("admin"), known("admin"))
    made.lobby = made.person("lobby", "lobby_manager")
    return made


@pytest.fixture
def centre(session: Session) -> Centre:
    return centre_of(session)


@pytest.fixture
def staffed(centre: Centre) -> Callable[..., Centre]:
    def make(count: int = 2, **given: object) -> Centre:
        centre.staff(count, **given)  # type: ignore[arg-type]
        centre.session.commit()
        return centre

    return make
