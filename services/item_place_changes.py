"""What a catalogue manager changes about an item: what a place says of it, whose it is, and whether it is only on trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.case import ServiceItem
from models.item_place import ItemHandler, ItemPlace, ItemSetting
from models.person import Grant, Person
from process import access, journal
from process.access import Actor
from process.calendar_days import say
from process.clock import local_day
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotFound, Stale
from process.words import N_
from services import item_places
from services.item_places import COMMUNITIES, HANDLING, STREETS

MANAGER = "catalogue_manager"
# 办理方式, as the street says it; an empty one leaves it to the catalogue.
WAYS = {
    "": N_("按目录"),
    "direct": N_("直接办"),
    "delegated": N_("代办"),
    "window": N_("窗口办"),
    "visit": N_("上门办"),
}
HANDLERS = 10
COMMITMENTS = 8
OWNER_KINDS = ("department", "company", "approvals_office", "district", "city")


def owners(session: Session) -> Sequence[Agency]:
    """Departments and companies that an item can belong to."""
    today = local_day(now())
    rows = session.scalars(select(Agency).where(Agency.kind.in_(OWNER_KINDS)).order_by(Agency.kind, Agency.path))
    return [agency for agency in rows if agency.exists_on(today)]


def nameable(session: Session, place: Agency) -> Sequence[Person]:
    """Colleagues of the place and its desks who can be named as handlers."""
    today = local_day(now())
    holds = exists().where(
        Grant.person_id == Person.id,
        Grant.role.in_(HANDLING),
        access.within(Grant.place_path, place.path),
        or_(Grant.since.is_(None), Grant.since <= today),
        or_(Grant.until.is_(None), Grant.until >= today),
    )
    return (
        session.scalars(
            select(Person)
            .where(Person.active, Person.resident_id.is_(None), holds)
            .order_by(Person.unit_id, Person.id)
            .limit(300)
        )
        .unique()
        .all()
    )


def may_edit(actor: Actor, place: Agency) -> bool:
    """The catalogue manager of the street, or of a unit above it."""
    return any(h.role == MANAGER and h.principal_id is None and place.path.startswith(h.path) for h in actor.held)


def places_of(session: Session, actor: Actor) -> Sequence[Agency]:
    """Streets and communities whose lines this actor keeps."""
    paths = sorted({h.path for h in actor.held if h.role == MANAGER and h.principal_id is None})
    if not paths:
        return []
    today = local_day(now())
    rows = session.scalars(
        select(Agency)
        .where(Agency.kind.in_((*STREETS, *COMMUNITIES)), or_(*(access.within(Agency.path, path) for path in paths)))
        .order_by(Agency.path)
    )
    return [agency for agency in rows if agency.exists_on(today)]


def save(
    session: Session, actor: Actor, item: ServiceItem, place_id: str, given: Mapping[str, Any], version: int
) -> ItemPlace:
    """Writes what a place says about an item; whoever saw an older version is told."""
    place = session.get(Agency, place_id)
    if place is None or place.kind not in (*STREETS, *COMMUNITIES):
        raise NotFound("没有找到这个街道或社区，请从列表中选择。")
    if not may_edit(actor, place):
        raise Forbidden(f"{place.name}的事项扩展由它的目录管理员修改，您不管{place.name}。")
    today = local_day(now())
    if not place.exists_on(today):
        raise InvalidInput(f"{place.name}已停止办公，不能再改。", {"place": "已停止办公"})
    if item.state == "retired" or not catalogue.item(item.code).in_force(today):
        raise InvalidInput(f"“{item.title}”已经停用，不能再改各地的办法。要恢复请先在目录里启用。")
    _one_at_a_time(session, item)
    row = item_places.at(session, item, place)
    if row is not None:
        session.refresh(row)
    if (row.version if row else 0) != version:
        raise Stale(f"{place.name}的这一页刚才已被别人改过，请刷新后看清再改，您填的没有保存。")
    values, people = _read(session, item, place, given)
    before = _told(row) if row is not None else {}
    if row is None:
        row = ItemPlace(
            item_id=item.id, place_id=place.id, place_path=place.path, district=place.district, handlers=[], version=0
        )
        session.add(row)
    for name, value in values.items():
        setattr(row, name, value)
    known = {handler.person_id: handler for handler in row.handlers}
    row.handlers = [
        known.get(person.id) or ItemHandler(person_id=person.id, person=person, position=number)
        for number, person in enumerate(people)
    ]
    for number, handler in enumerate(row.handlers):
        handler.position = number
    row.version, row.changed_at, row.changed_by_id = row.version + 1, now(), actor.person_id
    row.illustrative = False
    session.flush()
    after = _told(row)
    changed = {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}
    journal.record(session, "item:place", actor, content=item, details={"place": place.id, "changed": changed})
    return row


def _one_at_a_time(session: Session, item: ServiceItem) -> None:
    """Two managers who save at once: the second waits here, then sees that the first was faster."""
    session.execute(select(ServiceItem.id).where(ServiceItem.id == item.id).with_for_update())


def _told(row: ItemPlace) -> dict[str, Any]:
    def day(value: date | None) -> str | None:
        return value.isoformat() if value else None

    return {
        "way": row.way,
        "steps": row.steps,
        "to_villages": row.to_villages,
        "pilot_since": day(row.pilot_since),
        "pilot_until": day(row.pilot_until),
        "same_power": row.same_power,
        "power_basis": row.power_basis,
        "completable": row.completable,
        "handlers": [handler.person_id for handler in row.handlers],
    }


def _read(
    session: Session, item: ServiceItem, place: Agency, given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Person]]:
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    way = str(given.get("way") or "")
    if way not in WAYS:
        errors["way"] = "请选一种办理方式"
    values["way"] = way
    for name, limit in (("steps", 500), ("power_basis", 120)):
        try:
            values[name] = clean_text(given.get(name) or "", limit)
        except ValueError as problem:
            errors[name] = str(problem)
    for name in ("to_villages", "completable"):
        values[name] = {"yes": True, "no": False}.get(str(given.get(name) or ""))
    if values["to_villages"] is not None and place.kind not in STREETS:
        errors["to_villages"] = "只有街道（镇）能定是否下沉村社"
    values["same_power"] = bool(given.get("same_power"))
    if values["same_power"] and not values.get("power_basis") and "power_basis" not in errors:
        errors["power_basis"] = "同权要写明依据的文号"
    since, until = given.get("pilot_since"), given.get("pilot_until")
    if until is not None and since is None:
        errors["pilot_since"] = "写了试点到哪一天，也请写从哪一天起"
    elif since is not None and until is not None and until < since:
        errors["pilot_until"] = f"试点结束{say(until)}早于开始{say(since)}，请对调或重填"
    values["pilot_since"], values["pilot_until"] = since, until
    people = _people(session, place, given.get("handlers") or [], errors)
    if errors:
        raise InvalidInput("还有几处要改：" + "；".join(errors.values()) + "。", errors)
    return values, people


def _people(session: Session, place: Agency, usernames: Iterable[str], errors: dict[str, str]) -> list[Person]:
    wanted = list(dict.fromkeys(name.strip() for name in usernames if name.strip()))
    if len(wanted) > HANDLERS:
        errors["handlers"] = f"一个事项在一处最多列 {HANDLERS} 名办理人员，现在是 {len(wanted)} 名"
        return []
    able = {person.username: person for person in nameable(session, place)}
    strange = [name for name in wanted if name not in able]
    if strange:
        errors["handlers"] = f"{'、'.join(strange)[:120]}不是{place.name}现在的办理人员，请从列表中选"
        return []
    return [able[name] for name in wanted]


def save_setting(
    session: Session,
    actor: Actor,
    item: ServiceItem,
    *,
    owner_id: str,
    basis: str,
    pilot_only: bool,
    version: int,
    commitments: str | None = None,
    survey_runs: bool | None = None,
) -> ItemSetting:
    """Whose item it is, and whether it is only offered where it is tried: said by the manager of the whole catalogue."""
    if not may_edit(actor, item.place):
        raise Forbidden(f"事项归属由{item.place.name}的目录管理员修改，不由您修改。")
    today = local_day(now())
    _one_at_a_time(session, item)
    session.info.pop(item_places.SETTINGS, None)
    row = item_places.setting_of(session, item)
    if row is not None:
        session.refresh(row)
    if (row.version if row else 0) != version:
        raise Stale("事项归属刚才已被别人改过，请刷新后看清再改，您填的没有保存。")
    owner = session.get(Agency, owner_id) if owner_id else None
    if owner_id and (owner is None or owner.kind not in OWNER_KINDS):
        raise InvalidInput("没有找到这个部门或公司，请从列表中选择。", {"owner": "请从列表中选"})
    if owner is not None and not owner.exists_on(today):
        raise InvalidInput(f"{owner.name}已不存在，请改选接替它的单位。", {"owner": "单位已不存在"})
    try:
        words = clean_text(basis or "", 120)
    except ValueError as problem:
        raise InvalidInput(f"依据{problem}。", {"basis": str(problem)}) from problem
    if pilot_only and not item_places.trial_places(session, item, today):
        raise InvalidInput(
            "还没有一处在试点，现在选“只在试点受理”就哪里都不能办了。请先在下面给一个社区填上试点的日期。",
            {"pilot_only": "先填一处试点"},
        )
    promised = _commitments(commitments)
    before = _setting(row) if row else {}
    if row is None:
        row = ItemSetting(item_id=item.id, version=0)
        session.add(row)
    row.owner_id, row.basis, row.pilot_only = owner.id if owner else None, words, pilot_only
    if commitments is not None:
        row.commitments, row.survey_runs = promised, survey_runs
    row.illustrative = False
    row.version, row.changed_at, row.changed_by_id = row.version + 1, now(), actor.person_id
    session.flush()
    session.expire(row, ["owner"])
    after = _setting(row)
    journal.record(session, "item:owner", actor, content=item, details={"before": before, "after": after})
    return row


def _setting(row: ItemSetting) -> dict[str, Any]:
    return {
        "owner": row.owner_id,
        "pilot_only": row.pilot_only,
        "commitments": row.commitments,
        "survey_runs": row.survey_runs,
    }


def _commitments(given: str | None) -> str | None:
    """What may be committed to, one a line; names of the item's own papers make the commitment stand for that paper."""
    lines: list[str] = []
    for number, line in enumerate((given or "").splitlines(), start=1):
        try:
            words = clean_text(line, 120)
        except ValueError as problem:
            raise InvalidInput(f"可以承诺的第 {number} 行{problem}。", {"commitments": str(problem)}) from problem
        if words and words not in lines:
            lines.append(words)
    if len(lines) > COMMITMENTS or len("\n".join(lines)) > 1000:
        raise InvalidInput(f"可以承诺的条件最多 {COMMITMENTS} 条，请合并几条。", {"commitments": "太多了"})
    return "\n".join(lines) or None
