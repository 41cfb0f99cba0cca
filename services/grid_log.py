"""网格日志: what members do in their grids under the five duties; entered in under a minute, counted per grid and month."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.grid import Building, GridLog
from models.ledger import JournalEntry
from models.person import GridMembership, Person
from models.resident import CareEntry
from process import journal
from process.access import Actor
from process.clock import local_day
from process.refusals import Forbidden, InvalidInput, NotFound
from process.words import N_
from services import care, files, grid_rights, uploads
from services.grid_members import in_force
from services.grid_rights import CAPACITIES, COUNTERS, READERS

# The same names as the choices of a grid event.
DUTIES: Mapping[str, str] = {
    "information": N_("基础信息采集"),
    "opinion": N_("社情民意调查"),
    "dispute": N_("矛盾纠纷化解"),
    "publicity": N_("政策法规宣传"),
    "service": N_("惠民便民服务"),
}
KINDS: Mapping[str, str] = {"walk": N_("走访巡查"), "visit": N_("入户走访"), "other": N_("其他")}
# What counts as a walk through the grid for the 180 a year.
WALKS = ("walk", "visit")
# 村社工作人员每人每年走访网格: what the source names.
WALKS_A_YEAR = 180
LATE_DAYS = 7
MOST_MINUTES = 720
LONGEST_WHAT, LONGEST_WHERE = 500, 100
LIMIT = 200


# --- who --------------------------------------------------------------------------------------------------------------
def my_grids(session: Session, actor: Actor) -> list[Agency]:
    """The grids in which this actor may write: as a member, or for a member who is away."""
    held = grid_rights.paths(actor, CAPACITIES)
    if not held:
        return []
    found = session.scalars(
        select(Agency).where(Agency.kind == "grid", grid_rights.within_any(Agency.path, held)).order_by(Agency.path)
    )
    today = grid_rights.today()
    return [grid for grid in found if grid.exists_on(today)]


def visible(actor: Actor) -> Select[GridLog]:
    """Entries of the grids this actor works in or looks after; one's own always."""
    held = grid_rights.paths(actor, READERS | COUNTERS)
    return select(GridLog).where(
        or_(GridLog.person_id == actor.person_id, grid_rights.within_any(GridLog.place_path, held))
    )


def reads(actor: Actor, entry: GridLog) -> bool:
    """May this actor read the words? Whoever only counts may not."""
    return entry.person_id == actor.person_id or any(actor.holds(role, entry.place_path) for role in READERS)


def load(session: Session, actor: Actor, uid: str) -> GridLog:
    found = session.scalar(
        visible(actor)
        .where(GridLog.uid == uid)
        .options(joinedload(GridLog.grid), joinedload(GridLog.person), joinedload(GridLog.building))
    )
    if found is None:
        raise NotFound()
    return found


def own_today(actor: Actor, entry: GridLog) -> bool:
    """Corrected and withdrawn by whoever wrote it, on the day it was written."""
    return (
        entry.person_id == actor.person_id
        and entry.withdrawn_at is None
        and local_day(entry.created_at) == grid_rights.today()
    )


# --- writing ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Typed:
    """One entry as it was typed, checked."""

    grid: Agency
    duty: str
    kind: str
    what: str
    where: str
    building_id: int | None
    care_entry_id: int | None
    minutes: int
    happened_on: date


def enter(
    session: Session, actor: Actor, given: Mapping[str, Any], *, photo: bytes = b"", photo_name: str = ""
) -> GridLog:
    """A new entry of somebody who works in the grid."""
    typed = _read(session, actor, given)
    assert actor.person_id is not None
    entry = GridLog(
        district=typed.grid.district,
        grid_id=typed.grid.id,
        place_path=typed.grid.path,
        person_id=actor.person_id,
        created_at=now(),
    )
    _write(entry, typed)
    if photo:
        entry.photo_key = _keep_photo(photo, photo_name)
    session.add(entry)
    session.flush()
    _record(session, "gridlog:enter", actor, entry, {**_told(typed), "photo": bool(photo)})
    return entry


def correct(session: Session, actor: Actor, entry: GridLog, given: Mapping[str, Any]) -> None:
    """The writer's own entry of today, put right; which parts changed is on record."""
    _require_own(actor, entry)
    typed = _read(session, actor, {**given, "grid": given.get("grid") or entry.grid_id})
    before = (
        entry.grid_id, entry.duty, entry.kind, entry.what, entry.where_it_was or "", entry.building_id,
        entry.care_entry_id, entry.minutes, entry.happened_on,
    )  # fmt: skip
    after = (
        typed.grid.id, typed.duty, typed.kind, typed.what, typed.where, typed.building_id,
        typed.care_entry_id, typed.minutes, typed.happened_on,
    )  # fmt: skip
    names = ("grid", "duty", "kind", "what", "where", "building", "care", "minutes", "happened_on")
    changed = [name for name, old, new in zip(names, before, after, strict=True) if old != new]
    if not changed:
        raise InvalidInput("与原来一样，没有要改的。")
    old = {"duty": entry.duty, "kind": entry.kind, "minutes": entry.minutes}
    entry.grid_id, entry.place_path, entry.district = typed.grid.id, typed.grid.path, typed.grid.district
    _write(entry, typed)
    entry.changed_at = now()
    session.flush()
    _record(session, "gridlog:correct", actor, entry, {"changed": changed, "before": old, **_told(typed)})


def withdraw(session: Session, actor: Actor, entry: GridLog, reason: str) -> None:
    """Taken out of every count; the row and the reason stay."""
    _require_own(actor, entry)
    why = grid_rights.text(reason, grid_rights.LONGEST_REASON, "reason", ask="请写明为什么撤回")
    entry.withdrawn_at, entry.withdraw_reason = now(), why
    session.flush()
    _record(session, "gridlog:withdraw", actor, entry, {})


def _require_own(actor: Actor, entry: GridLog) -> None:
    if entry.person_id != actor.person_id:
        raise Forbidden(f"这一条是{entry.person.name}记的，只能由本人当天更正或撤回。")
    if entry.withdrawn_at is not None:
        raise InvalidInput("这一条已经撤回，不能再改。请重新记一条。")
    if local_day(entry.created_at) != grid_rights.today():
        raise InvalidInput("只能在记录的当天更正或撤回。过了当天请另记一条，写明更正哪一条。")


def _read(session: Session, actor: Actor, given: Mapping[str, Any]) -> Typed:
    """Every mistake at once, because a phone shows one page and a stairwell is no place for five refusals."""
    errors: dict[str, str] = {}

    def part(read: Any, *args: Any, **named: Any) -> Any:
        try:
            return read(*args, **named)
        except InvalidInput as refusal:
            errors.update(refusal.errors)
            return None

    grid = _grid(session, actor, str(given.get("grid") or ""), errors)
    duty, kind = str(given.get("duty") or ""), str(given.get("kind") or "walk")
    if duty not in DUTIES:
        errors["duty"] = "请选五项工作中的一项"
    if kind not in KINDS:
        errors["kind"] = "请选走访方式"
    what = part(grid_rights.text, given.get("what"), LONGEST_WHAT, "what", ask="请写做了什么")
    where = part(grid_rights.text, given.get("where"), LONGEST_WHERE, "where")
    minutes = part(grid_rights.number, given.get("minutes") or "", 1, MOST_MINUTES, "minutes", "用时")
    day = part(grid_rights.day, given.get("happened_on"), "happened_on") or grid_rights.today()
    today = grid_rights.today()
    if day > today:
        errors["happened_on"] = "还没有发生的事不能记"
    elif day < today - timedelta(days=LATE_DAYS):
        errors["happened_on"] = f"只能补记 {LATE_DAYS} 天以内的"
    building_id = _building(session, grid, given.get("building"), errors)
    care_id = _cared_for(session, actor, grid, given.get("care"), errors)
    if errors:
        raise InvalidInput("这一条还不能记：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    return Typed(grid, duty, kind, what, where, building_id, care_id, minutes, day)


def _grid(session: Session, actor: Actor, named: str, errors: dict[str, str]) -> Agency:
    mine = my_grids(session, actor)
    if not mine:
        raise Forbidden("网格日志由网格成员记。您现在不是任何网格的成员，请社区先把您加进网格。")
    found = next((g for g in mine if g.id == named), mine[0] if not named and len(mine) == 1 else None)
    if found is None:
        errors["grid"] = "请选您所在的网格"
        return mine[0]
    return found


def _building(session: Session, grid: Agency, named: Any, errors: dict[str, str]) -> int | None:
    if named in (None, ""):
        return None
    found = session.get(Building, int(named)) if str(named).isdecimal() and len(str(named)) < 10 else None
    if found is None or found.grid_id != grid.id or found.ended_on is not None:
        errors["building"] = "这幢楼不在这个网格里，请重新选择"
        return None
    return found.id


def _cared_for(session: Session, actor: Actor, grid: Agency, named: Any, errors: dict[str, str]) -> int | None:
    if named in (None, ""):
        return None
    known = {entry.id for entry in cared_for(session, actor, grid)}
    if not str(named).isdecimal() or int(str(named)[:12]) not in known:
        errors["care"] = "这位服务对象不在本网格的名册里，请重新选择"
        return None
    return int(named)


def cared_for(session: Session, actor: Actor, grid: Agency) -> list[CareEntry]:
    """People on the care register who live in this grid, as far as this actor keeps the register."""
    found = session.scalars(care.visible(actor).where(CareEntry.ended_on.is_(None)).order_by(CareEntry.id)).unique()
    return [entry for entry in found if entry.resident.grid_id == grid.id]


def _write(entry: GridLog, typed: Typed) -> None:
    entry.duty, entry.kind, entry.what, entry.where_it_was = typed.duty, typed.kind, typed.what, typed.where or None
    entry.building_id, entry.care_entry_id = typed.building_id, typed.care_entry_id
    entry.minutes, entry.happened_on = typed.minutes, typed.happened_on


def _keep_photo(data: bytes, name: str) -> str:
    clean = uploads.inspect(io.BytesIO(data), name or "photo.jpg")
    if not clean.media_type.startswith("image/"):
        raise InvalidInput("这里要的是照片，请拍照或选择图片文件。", {"photo": "不是图片"})
    return files.store().put(clean.content, clean.media_type)


def _told(typed: Typed) -> dict[str, Any]:
    """What may stand in the journal for ever: no words, no names."""
    return {
        "grid": typed.grid.id,
        "duty": typed.duty,
        "kind": typed.kind,
        "minutes": typed.minutes,
        "happened_on": typed.happened_on.isoformat(),
    }


def story(session: Session, entry: GridLog) -> list[JournalEntry]:
    """When it was written, corrected, withdrawn."""
    return list(
        session.scalars(
            select(JournalEntry)
            .where(JournalEntry.stream == f"gridlog:{entry.uid}")
            .options(joinedload(JournalEntry.person))
            .order_by(JournalEntry.seq)
        )
    )


def _record(session: Session, action: str, actor: Actor, entry: GridLog, details: dict[str, Any]) -> None:
    journal.record(session, action, actor, stream=f"gridlog:{entry.uid}", details=details)


# --- counting ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Line:
    """One grid in one month: how much under which duty, by how many of its members."""

    grid: Agency
    duties: Mapping[str, int]
    minutes: int
    writers: int
    members: int

    @property
    def total(self) -> int:
        return sum(self.duties.values())


def month_of(text: str) -> tuple[date, date]:
    """First and last day of `2026-11`; this month where nothing or nonsense was asked."""
    today = grid_rights.today()
    year, _, number = text.partition("-")
    first = today.replace(day=1)
    if (
        year.isdecimal()
        and number.isdecimal()
        and len(year) == 4
        and 1 <= int(number) <= 12
        and 2000 <= int(year) <= 2100
    ):
        first = date(int(year), int(number), 1)
    return first, (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def counted(session: Session, actor: Actor, first: date, last: date) -> list[Line]:
    """The five duties per grid in a period, for every grid this actor looks after, those without an entry too."""
    held = grid_rights.paths(actor, READERS | COUNTERS)
    grids = [
        grid
        for grid in session.scalars(
            select(Agency)
            .where(Agency.kind == "grid", grid_rights.within_any(Agency.path, held))
            .options(joinedload(Agency.parent))
            .order_by(Agency.number, Agency.path)
        )
        if grid.exists_on(last) or grid.exists_on(first)
    ]
    ids = [grid.id for grid in grids]
    base = (
        GridLog.grid_id.in_(ids),
        GridLog.happened_on.between(first, last),
        GridLog.withdrawn_at.is_(None),
    )
    duties: dict[str, dict[str, int]] = defaultdict(dict)
    minutes: dict[str, int] = defaultdict(int)
    for grid_id, duty, count, spent in session.execute(
        select(GridLog.grid_id, GridLog.duty, func.count(), func.sum(GridLog.minutes))
        .where(*base)
        .group_by(GridLog.grid_id, GridLog.duty)
    ):
        duties[grid_id][duty] = count
        minutes[grid_id] += int(spent or 0)
    writers: dict[str, int] = {
        row[0]: row[1]
        for row in session.execute(
            select(GridLog.grid_id, func.count(func.distinct(GridLog.person_id))).where(*base).group_by(GridLog.grid_id)
        )
    }
    members: dict[str, int] = {
        row[0]: row[1]
        for row in session.execute(
            select(GridMembership.grid_id, func.count(func.distinct(GridMembership.person_id)))
            .join(Person, Person.id == GridMembership.person_id)
            .where(GridMembership.grid_id.in_(ids), Person.active, *in_force(min(last, grid_rights.today())))
            .group_by(GridMembership.grid_id)
        )
    }
    return [
        Line(grid, duties.get(grid.id, {}), minutes.get(grid.id, 0), writers.get(grid.id, 0), members.get(grid.id, 0))
        for grid in grids
    ]


def entries(
    session: Session,
    actor: Actor,
    *,
    first: date,
    last: date,
    grid_id: str = "",
    duty: str = "",
    mine: bool = False,
    limit: int = LIMIT,
) -> list[GridLog]:
    """The entries behind a number, newest first; withdrawn ones stay in the list, struck out, and in no count."""
    statement = visible(actor).where(GridLog.happened_on.between(first, last))
    if grid_id:
        statement = statement.where(GridLog.grid_id == grid_id)
    if duty:
        statement = statement.where(GridLog.duty == duty)
    if mine:
        statement = statement.where(GridLog.person_id == actor.person_id)
    statement = statement.options(
        joinedload(GridLog.grid).joinedload(Agency.parent), joinedload(GridLog.person), joinedload(GridLog.building)
    )
    return list(session.scalars(statement.order_by(GridLog.happened_on.desc(), GridLog.id.desc()).limit(limit)))


def walks(session: Session, person_ids: Iterable[int], year: int) -> dict[int, int]:
    """走访网格: per person the grids walked in a year; the same grid twice on one day counts once."""
    ids = sorted(set(person_ids))
    found = dict.fromkeys(ids, 0)
    if not ids:
        return found
    once = (
        select(GridLog.person_id, GridLog.grid_id, GridLog.happened_on)
        .where(
            GridLog.person_id.in_(ids),
            GridLog.kind.in_(WALKS),
            GridLog.happened_on.between(date(year, 1, 1), date(year, 12, 31)),
            GridLog.withdrawn_at.is_(None),
        )
        .distinct()
        .subquery()
    )
    for person_id, count in session.execute(select(once.c.person_id, func.count()).group_by(once.c.person_id)):
        found[person_id] = count
    return found
