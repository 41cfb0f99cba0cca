"""What places add to an item: whose it is, who handles it at a street, whether villages take it, trials, and powers of the city."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.content import Content
from models.item_place import ItemHandler, ItemPlace, ItemSetting
from models.person import Grant, Person
from process import registry
from process.clock import local_day
from process.refusals import InvalidInput

SETTINGS = "item_settings"
STREETS = ("street", "town")
COMMUNITIES = ("community", "village")
# Whoever holds one of these at a unit can be named to handle an item there.
HANDLING = (
    "community_clerk",
    "all_round_worker",
    "window_clerk",
    "back_office_reviewer",
    "approver",
    "certificate_issuer",
)


# --- Looking up


def setting_of(session: Session, item: ServiceItem) -> ItemSetting | None:
    known = session.info.get(SETTINGS, {})
    if item.id in known:
        found: ItemSetting | None = known[item.id]
        return found
    return session.get(ItemSetting, item.id, options=[joinedload(ItemSetting.owner)])


def _prefetch(session: Session, contents: Sequence[Content]) -> None:
    """What is set for the items of a list of cases: most items have nothing set, which no identity map remembers."""
    ids = {content.item_id for content in contents if isinstance(content, Case)}
    if ids:
        rows = select(ItemSetting).where(ItemSetting.item_id.in_(ids)).options(joinedload(ItemSetting.owner))
        found = {row.item_id: row for row in session.scalars(rows)}
        session.info[SETTINGS] = {item_id: found.get(item_id) for item_id in ids}


registry.prefetches.append(_prefetch)


def owner_of(session: Session, item: ServiceItem) -> Agency | None:
    """The department or company whose item it is; None where the levels of the catalogue say it all."""
    setting = setting_of(session, item)
    return setting.owner if setting is not None else None


def at(session: Session, item: ServiceItem, place: Agency) -> ItemPlace | None:
    """What exactly this place says about the item."""
    return session.scalar(
        select(ItemPlace)
        .where(ItemPlace.item_id == item.id, ItemPlace.place_id == place.id)
        .options(selectinload(ItemPlace.handlers).joinedload(ItemHandler.person))
    )


def above(session: Session, item: ServiceItem, path: str) -> Sequence[ItemPlace]:
    """What the places from here upwards say about the item, the nearest first."""
    ids = [one for one in path.strip("/").split("/") if one]
    rows = session.scalars(
        select(ItemPlace).where(ItemPlace.item_id == item.id, ItemPlace.place_id.in_(ids)).options(_place())
    )
    return sorted(rows, key=lambda row: -len(row.place_path))


def _place() -> Any:
    return joinedload(ItemPlace.place)


def of_item(session: Session, item: ServiceItem) -> Sequence[ItemPlace]:
    """Every place that says something about the item, with its handlers."""
    return session.scalars(
        select(ItemPlace)
        .where(ItemPlace.item_id == item.id)
        .options(_place(), selectinload(ItemPlace.handlers).joinedload(ItemHandler.person))
        .order_by(ItemPlace.place_path)
    ).all()


def same_power_at(session: Session, item: ServiceItem, unit: Agency) -> ItemPlace | None:
    """同权: the place at or above this unit that decides the item with the powers of the city."""
    return next((row for row in above(session, item, unit.path) if row.same_power), None)


def villages_accept(session: Session, item: ServiceItem, place: Agency) -> bool:
    """是否下沉村社: whether a community of this street takes in what the catalogue leaves to the street."""
    said = [row.to_villages for row in above(session, item, place.path) if row.to_villages is not None]
    return said[0] if said else False


def trial_places(session: Session, item: ServiceItem, day: date) -> Sequence[ItemPlace]:
    """Where the item is on trial that day."""
    rows = session.scalars(
        select(ItemPlace).where(ItemPlace.item_id == item.id, ItemPlace.pilot_since.is_not(None)).options(_place())
    )
    return [row for row in rows if row.on_trial(day)]


def require_offered(session: Session, item: ServiceItem, place: Agency, day: date) -> None:
    """An item that is only on trial is filed where it is tried, and nowhere else."""
    setting = setting_of(session, item)
    if setting is None or not setting.pilot_only:
        return
    tried = trial_places(session, item, day)
    if any(place.path.startswith(row.place_path) for row in tried):
        return
    where = "、".join(row.place.name for row in tried) or "哪里都还没有"
    raise InvalidInput(
        f"“{item.title}”正在试点，现在只在这里受理：{where}。{place.name}还没有启用，请到试点的社区办理。",
        {"item": f"{place.name}还没有启用这个事项", "place": "不是试点单位"},
    )


# --- Handlers


def suggested(session: Session, item: ServiceItem, unit: Agency) -> Person | None:
    """办理人员: of those named for the item here who still work in this unit, whoever has fewest open things."""
    named = next((row for row in above(session, item, unit.path) if row.handlers), None)
    if named is None:
        return None
    people = [
        handler.person for handler in named.handlers if handler.person.active and _works_in(session, handler, unit)
    ]
    if not people:
        return None
    open_now: dict[int | None, int] = {
        row[0]: row[1]
        for row in session.execute(
            select(Content.assignee_id, func.count())
            .where(Content.assignee_id.in_([p.id for p in people]), Content.closed_at.is_(None))
            .group_by(Content.assignee_id)
        )
    }
    return min(people, key=lambda person: open_now.get(person.id, 0))


def _works_in(session: Session, handler: ItemHandler, unit: Agency) -> bool:
    """Named people who hold no post of handling here today are passed over: the case stays in the unit's inbox."""
    return handler.person_id in _able(session, unit, [handler.person_id])


def _able(session: Session, unit: Agency, people: Iterable[int] | None = None) -> set[int]:
    today = local_day(now())
    ids = [unit.path[: i + 1] for i, char in enumerate(unit.path) if char == "/" and i]
    statement = select(Grant.person_id).where(
        Grant.role.in_(HANDLING),
        Grant.place_path.in_(ids),
        or_(Grant.since.is_(None), Grant.since <= today),
        or_(Grant.until.is_(None), Grant.until >= today),
    )
    if people is not None:
        statement = statement.where(Grant.person_id.in_(list(people)))
    return set(session.scalars(statement))


def powers_at(session: Session, place: Agency) -> Sequence[ItemPlace]:
    """The items a place decides with the powers of the city, for its page."""
    return session.scalars(
        select(ItemPlace)
        .where(ItemPlace.place_id == place.id, ItemPlace.same_power)
        .options(joinedload(ItemPlace.item))
        .order_by(ItemPlace.id)
    ).all()
