"""What a form offers where a field names a unit, an item or a colleague."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import ServiceItem
from models.person import Person
from process import access, clock
from process.access import Actor
from process.content_types import ContentType
from services import town_platforms
from services.case_routing import above
from services.office import full_name

LIMIT = 500
# Grids belong to their community and are not written to.
NO_ADDRESSEE = ("grid",)


class Unit(tuple[str, str]):
    """A unit to choose, as (id, label), which also knows the town platforms it serves."""

    platforms: tuple[str, ...] = ()


def for_type(session: Session, actor: Actor, kind: ContentType) -> dict[str, list[tuple[str, str]]]:
    """Choices by field name, each list read once however many fields offer it."""
    made: dict[str, list[tuple[str, str]]] = {}
    found: dict[str, list[tuple[str, str]]] = {}
    makers = {"agency": agencies, "agencies": agencies, "item": items, "person": colleagues}
    for spec in kind.fields:
        if spec.kind in makers:
            source = "agency" if spec.kind == "agencies" else spec.kind
            if source not in made:
                made[source] = makers[spec.kind](session, actor)
            found[spec.name] = made[source]
    return found


def agencies(session: Session, actor: Actor) -> list[tuple[str, str]]:
    """Every unit that works today, from the top down."""
    today = clock.local_day(now())
    rows = session.scalars(
        select(Agency).where(Agency.kind.not_in(NO_ADDRESSEE)).order_by(Agency.path).limit(LIMIT)
    ).all()
    return [_unit(agency) for agency in rows if agency.exists_on(today)]


def _unit(agency: Agency) -> Unit:
    made = Unit((agency.id, town_platforms.tagged(full_name(agency), agency)))
    made.platforms = tuple(town_platforms.of(agency))
    return made


def items(session: Session, actor: Actor) -> list[tuple[str, str]]:
    """The published catalogue."""
    rows = session.execute(
        access.visible(
            select(ServiceItem.code, ServiceItem.title).where(ServiceItem.state == "published"), actor, ServiceItem
        )
        .order_by(ServiceItem.title)
        .limit(LIMIT)
    )
    return [(code, title) for code, title in rows]


def colleagues(session: Session, actor: Actor) -> list[tuple[str, str]]:
    """Staff of one's own street and wherever one holds a post."""
    paths = {held.path for held in actor.held}
    unit = session.get(Agency, actor.unit_id) if actor.unit_id else None
    if unit is not None and actor.resident_id is None:
        paths.add((above(unit, "street", "town") or unit).path)
    if not paths:
        return []
    return staff_within(session, paths)


def staff_within(session: Session, paths: Iterable[str]) -> list[tuple[str, str]]:
    """Everybody who works under one of these places, as the choices of a field."""
    rows = session.execute(
        select(Person.username, Person.name, Person.title)
        .join(Agency, Agency.id == Person.unit_id)
        .where(
            Person.active,
            Person.resident_id.is_(None),
            or_(*(access.within(Agency.path, path) for path in sorted(paths))),
        )
        .order_by(Agency.path, Person.id)
        .limit(LIMIT)
    )
    return [(username, f"{name}（{title}）" if title else name) for username, name, title in rows]
