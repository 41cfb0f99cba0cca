"""Buildings of a community: entered by page, given to a grid, ended when they are gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.grid import Building
from process import access, journal
from process.access import Actor
from process.calendar_days import say
from process.refusals import InvalidInput, NotFound
from services import case_routing, grid_rights

MOST_HOUSEHOLDS = 9999
LIMIT = 500


def listed(session: Session, community: Agency, *, grid_id: str = "", without_grid: bool = False) -> list[Building]:
    """The buildings of a community or of one of its grids, by name."""
    statement = standing().where(access.within(Building.community_path, community.path))
    if grid_id:
        statement = statement.where(Building.grid_id == grid_id)
    if without_grid:
        statement = statement.where(Building.grid_id.is_(None))
    return list(session.scalars(statement.order_by(func.length(Building.name), Building.name).limit(LIMIT)))


def standing() -> Select[Building]:
    return (
        select(Building)
        .where(Building.ended_on.is_(None))
        .options(joinedload(Building.grid), joinedload(Building.community))
    )


def of_grid(session: Session, grid: Agency) -> list[Building]:
    community = case_routing.above(grid, "community", "village")
    return listed(session, community, grid_id=grid.id) if community is not None else []


def community_of(session: Session, place_id: str) -> Agency:
    """The community of a page about a community or one of its grids."""
    place = session.get(Agency, place_id)
    found = case_routing.above(place, "community", "village")
    if found is None:
        raise NotFound()
    return found


def load(session: Session, building_id: int) -> Building:
    found = session.scalar(
        select(Building)
        .where(Building.id == building_id)
        .options(joinedload(Building.community), joinedload(Building.grid))
    )
    if found is None:
        raise NotFound()
    return found


def add(session: Session, actor: Actor, community: Agency, given: Mapping[str, Any]) -> Building:
    """A building that was not on the register."""
    grid_rights.require_keeper(actor, community)
    values = _read(session, community, given)
    building = Building(district=community.district, community_id=community.id, community_path=community.path, **values)
    session.add(building)
    session.flush()
    _record(session, "building:add", actor, building, values)
    return building


def change(session: Session, actor: Actor, building: Building, given: Mapping[str, Any]) -> None:
    """Another name, address, number of households or grid."""
    grid_rights.require_keeper(actor, building.community)
    _standing(building)
    values = _read(session, building.community, given, known=building)
    before = {name: getattr(building, name) for name in values if getattr(building, name) != values[name]}
    if not before:
        raise InvalidInput("与原来一样，没有要改的。")
    for name, value in values.items():
        setattr(building, name, value)
    session.flush()
    session.expire(building, ["grid"])
    _record(session, "building:change", actor, building, {"before": before, **{n: values[n] for n in before}})


def end(session: Session, actor: Actor, building: Building, reason: str) -> None:
    """Pulled down or handed over: it leaves the register, its entries stay."""
    grid_rights.require_keeper(actor, building.community)
    _standing(building)
    why = grid_rights.text(reason, grid_rights.LONGEST_REASON, "reason", ask="请写明为什么注销这幢楼")
    building.ended_on = grid_rights.today()
    session.flush()
    journal.record(session, "building:end", actor, stream=f"building:{building.id}", comment=why)


def _standing(building: Building) -> None:
    if building.ended_on is not None:
        raise InvalidInput(f"{building.name}已于{say(building.ended_on)}注销，不能再改。")


def _read(
    session: Session, community: Agency, given: Mapping[str, Any], known: Building | None = None
) -> dict[str, Any]:
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, read in (
        ("name", lambda: grid_rights.text(given.get("name"), 80, "name", ask="请写楼名，例如“文晖路12幢”")),
        ("address", lambda: grid_rights.text(given.get("address"), 160, "address")),
        (
            "households",
            lambda: grid_rights.number(given.get("households") or "0", 0, MOST_HOUSEHOLDS, "households", "户数"),
        ),
    ):
        try:
            values[name] = read()
        except InvalidInput as refusal:
            errors |= refusal.errors
    grid_id = str(given.get("grid") or "")
    if grid_id:
        grid = session.get(Agency, grid_id)
        if grid is None or grid.kind != "grid" or not grid.path.startswith(community.path):
            errors["grid"] = f"这个网格不在{community.name}，请重新选择"
        elif not grid.exists_on(grid_rights.today()):
            errors["grid"] = f"{grid.name}已不在有效期，请改选"
    values["grid_id"] = grid_id or None
    if "name" in values:
        same = session.scalar(
            select(Building.id).where(
                Building.community_id == community.id,
                Building.name == values["name"],
                Building.id != (known.id if known else 0),
            )
        )
        if same is not None:
            errors["name"] = f"{community.name}已有“{values['name']}”，请核对，或写得更具体"
    if errors:
        raise InvalidInput("这幢楼还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    return values


def _record(session: Session, action: str, actor: Actor, building: Building, details: dict[str, Any]) -> None:
    journal.record(session, action, actor, stream=f"building:{building.id}", details=details)
