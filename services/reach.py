"""30分钟办事圈: minutes from each community to the points around it, and the items no point within reach takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.opening import ReachMinutes
from process import access, clock, journal
from process.access import Actor
from process.refusals import InvalidInput
from services import case_routing, grid_rights, opening, point_items

CIRCLE = 30
MOST_MINUTES = 600
POINTS = ("street_centre", "sub_centre", "extended_outlet", "bank_outlet", "community_station")
NEAR = ("community", "village")


@dataclass(frozen=True)
class Line:
    """One community: its minutes to each point, and the items it cannot reach in time."""

    community: Agency
    minutes: Mapping[str, int]
    beyond: tuple[str, ...]
    base: int

    @property
    def known(self) -> bool:
        return bool(self.minutes)


def communities(session: Session, actor: Actor, street: Agency) -> list[Agency]:
    return list(
        session.scalars(
            select(Agency)
            .where(access.within(Agency.path, street.path), Agency.kind.in_(NEAR))
            .order_by(Agency.number, Agency.path)
        )
    )


def points(session: Session, street: Agency) -> list[Agency]:
    """Where somebody of this street may go: its own points, and those directly below the district."""
    today = grid_rights.today()
    district = case_routing.above(street, "district", "city") or street
    found = session.scalars(
        select(Agency)
        .where(
            Agency.kind.in_(POINTS),
            access.within(Agency.path, street.path) | (Agency.parent_id == district.id),
        )
        .order_by(Agency.path)
    )
    return [one for one in found if one.exists_on(today)]


def takes(session: Session, point: Agency, community: Agency, code: str) -> bool:
    """Whether somebody of this community can file this item at this point: by level, by list, at the own station only."""
    record = catalogue.items()[code]
    if point.kind in NEAR or point.kind == "community_station":
        own = point.id == community.id or point.parent_id == community.id
        return own and (record.accept_level == "village" or "window_community" in record.channels)
    if point.kind in point_items.LISTED and point_items.limited(point):
        return point_items.takes(session, point, code)
    return record.accept_level in ("street", "village")


def report(session: Session, actor: Actor, street: Agency, within: int = CIRCLE) -> list[Line]:
    """For each community the items that no point within so many minutes takes. Minutes nobody measured reach nothing."""
    day = clock.local_day(now())
    codes = [one.id for one in catalogue.items().values() if one.category and one.in_force(day)]
    all_points, found = points(session, street), []
    rows = session.execute(select(ReachMinutes.community_id, ReachMinutes.point_id, ReachMinutes.minutes)).all()
    minutes: dict[str, dict[str, int]] = {}
    for row in rows:
        minutes.setdefault(row.community_id, {})[row.point_id] = row.minutes
    for community in communities(session, actor, street):
        own = minutes.get(community.id, {})
        near = [p for p in [*all_points, community] if own.get(p.id, MOST_MINUTES + 1) <= within]
        beyond = tuple(code for code in codes if not any(takes(session, p, community, code) for p in near))
        found.append(Line(community, own, beyond, len(codes)))
    return found


def set_minutes(session: Session, actor: Actor, community: Agency, given: Mapping[str, str]) -> int:
    """What was measured: minutes from the community to each point; an empty box is not known."""
    opening.require_keeper(actor, community)
    street = case_routing.above(community, "street", "town")
    if street is None or community.kind not in NEAR:
        raise InvalidInput(f"{community.name}不是社区，不用填。")
    known = [*points(session, street), community]
    errors: dict[str, str] = {}
    wanted: dict[str, int | None] = {}
    for point in known:
        raw = str(given.get(f"to_{point.id}") or "").strip()
        try:
            wanted[point.id] = (
                grid_rights.number(raw, 1, MOST_MINUTES, f"to_{point.id}", f"到{point.name}的分钟数") if raw else None
            )
        except InvalidInput as refusal:
            errors |= refusal.errors
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    changed = 0
    for point_id, value in wanted.items():
        row = session.get(ReachMinutes, (community.id, point_id))
        if value is None:
            if row is not None:
                session.delete(row)
                changed += 1
        elif row is None:
            session.add(
                ReachMinutes(
                    community_id=community.id,
                    point_id=point_id,
                    district=community.district,
                    minutes=value,
                    set_by_id=actor.person_id,
                )
            )
            changed += 1
        elif row.minutes != value:
            row.minutes, row.set_by_id, row.set_at = value, actor.person_id, now()
            changed += 1
    session.flush()
    if changed:
        details = {point: value for point, value in wanted.items() if value is not None}
        journal.record(session, "reach:set", actor, stream=f"agency:{community.id}", details=details)
    return changed


def names(codes: Sequence[str]) -> list[str]:
    known = catalogue.items()
    return [known[code].name for code in codes]
