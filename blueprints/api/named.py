"""Names of the units and people in one answer, read together: two short statements, however many are named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.content import Content
from models.person import Person
from process.access import Actor
from services import town_platforms

_AGENCIES = select(Agency.id, Agency.name, Agency.details).where(Agency.id.in_(bindparam("ids", expanding=True)))
_PEOPLE = select(Person.id, Person.username, Person.name).where(Person.id.in_(bindparam("ids", expanding=True)))


def unit(agency_id: str, name: str, details: Mapping[str, Any] | None) -> dict[str, Any]:
    """A unit as the API names it, with the town platforms it serves."""
    return {
        "id": agency_id,
        "name": name,
        "platforms": town_platforms.known((details or {}).get(town_platforms.KEY) or ()),
    }


class Names:
    """What the units and people of a thing are called, for an answer that shows all of them."""

    def __init__(self, session: Session, content: Content, actor: Actor) -> None:
        units = {content.place_id, content.unit_id, *(place.place_id for place in content.places)}
        rows = session.connection().execute(_AGENCIES, {"ids": sorted(unit for unit in units if unit is not None)})
        self._agencies = {row.id: unit(row.id, row.name, row.details) for row in rows}
        # Whoever asks is known already, and mostly nobody else is named.
        self._people = {actor.person_id: {"username": actor.username, "name": actor.name}}
        others = sorted({content.owner_id, content.assignee_id} - {None, actor.person_id})
        if others:
            rows = session.connection().execute(_PEOPLE, {"ids": others})
            self._people |= {row.id: {"username": row.username, "name": row.name} for row in rows}

    def agency(self, agency_id: str | None) -> dict[str, Any] | None:
        return self._agencies.get(agency_id) if agency_id is not None else None

    def person(self, person_id: int | None) -> dict[str, str] | None:
        return self._people.get(person_id) if person_id is not None else None
