"""The teller's tools: people, times in the past that fall into office hours, signatures, and one verb per act."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

from PIL import Image, ImageDraw
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import people
from models.base import at_time, now
from models.content import Content
from models.person import Person
from models.resident import Resident
from process import clock
from process.access import Actor, load_actor
from process.numbers import CHINA
from services import actions, slots
from services.installation import SEED

OPEN, CLOSE = time(8, 40), time(17, 10)


class Office:
    """Somebody who remembers the last weeks and tells them act by act."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.luck = Random(SEED)
        self.today = now()
        self._actors: dict[str, Actor] = {}
        self._residents = self._by_community()
        self._slots: set[tuple[str, datetime]] = set()

    def actor(self, username: str) -> Actor:
        if username not in self._actors:
            person = self.session.scalars(select(Person).where(Person.username == username)).one()
            self._actors[username] = load_actor(self.session, person.id, clock.local_day(self.today))
        return self._actors[username]

    def ago(self, days: int, hour: int = 9, minute: int = 0) -> datetime:
        """A moment `days` calendar days ago, moved back to the last working day, never in the future."""
        day = clock.local_day(self.today) - timedelta(days=days)
        calendar = clock.calendar(self.session)
        while days > 0 and not calendar.is_working_day(day):
            day -= timedelta(days=1)
        moment = datetime.combine(day, time(hour, minute), CHINA)
        return min(moment, self.today - timedelta(minutes=2))

    def ahead(self, days: int, hour: int) -> datetime:
        day = clock.local_day(self.today) + timedelta(days=days)
        calendar = clock.calendar(self.session)
        while day.year in calendar.years and not calendar.is_working_day(day):
            day += timedelta(days=1)
        return datetime.combine(day, time(hour), CHINA)

    def slot(self, leader: str, wanted: datetime) -> datetime:
        """The first hour from `wanted` on in which homes are visited and the leader is not in another one."""
        while not slots.in_hours(None, wanted) or any(
            who == leader and abs(taken - wanted) < timedelta(hours=1) for who, taken in self._slots
        ):
            wanted += timedelta(minutes=30)
            if wanted.astimezone(CHINA).time() > CLOSE:
                wanted = self.ahead((clock.local_day(wanted) - clock.local_day(self.today)).days + 1, 9)
        self._slots.add((leader, wanted))
        return wanted

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        with at_time(moment):
            yield

    def create(self, who: str, type_id: str, moment: datetime, /, **data: Any) -> Any:
        with self.at(moment):
            return actions.create(self.session, self.actor(who), type_id, data)

    def do(self, who: str, content: Content, transition: str, moment: datetime, /, **inputs: Any) -> Any:
        with self.at(moment):
            self.session.expire(content, ["places"])
            return actions.perform(content, transition, self.actor(who), inputs)

    def resident(
        self, community: str, *, old: bool = False, young: bool = False, grid: str | None = None, sex: str | None = None
    ) -> people.InventedResident:
        """The next invented resident of a community who fits; nobody is used twice."""
        shelf = self._residents[community]
        for index, one in enumerate(shelf):
            age = clock.local_day(self.today).year - one.birth_date.year
            if (
                (old and age <= 80)
                or (young and not 22 <= age <= 45)
                or (sex and one.sex != sex)
                or (grid and one.grid != grid)
            ):
                continue
            return shelf.pop(index)
        raise LookupError(f"no invented resident of {community} fits")

    def forget_residents(self) -> None:
        """Leaves out everybody whom the earlier stories have named."""
        known = set(self.session.scalars(select(Resident.id_index)))
        for shelf in self._residents.values():
            shelf[:] = [one for one in shelf if Resident.index_of(one.id_number) not in known]

    def applicant(self, one: people.InventedResident) -> dict[str, str]:
        return {
            "name": one.name,
            "id_number": one.id_number,
            "phone": one.phone,
            "address": one.address,
            "household_address": one.household_address,
        }

    def signature(self, name: str) -> str:
        """A signature as a pen would leave it: strokes drawn from the name, the same each time."""
        luck = Random(name)
        image = Image.new("RGBA", (480, 160), (255, 255, 255, 0))
        pen = ImageDraw.Draw(image)
        x = 40
        for _ in range(max(2, len(name))):
            for _stroke in range(3):
                points = [(x + luck.randint(0, 80), 30 + luck.randint(0, 100)) for _ in range(4)]
                pen.line(points, fill=(20, 24, 40, 255), width=4, joint="curve")
            x += 90
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

    def _by_community(self) -> dict[str, list[people.InventedResident]]:
        shelves: dict[str, list[people.InventedResident]] = {}
        for one in people.residents(SEED, 9000):
            shelves.setdefault(one.community, []).append(one)
        return shelves
