"""Who keeps the registers of a community and its grids, who reads what is logged there, and who only counts it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, false, or_
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from process import access
from process.access import Actor
from process.clock import local_day
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotFound
from process.relations import HEAD
from services import jurisdiction

CAPACITIES = ("grid_leader", "grid_worker", "grid_service_worker", "grid_publicist")
LEADER = "grid_leader"
# They keep the registers of their community: buildings, members, rosters.
CLERKS = frozenset({"community_clerk", "station_head"})
# They read what was logged in the grids of their place.
READERS = frozenset({*CAPACITIES, *CLERKS, "all_round_worker", HEAD})
# They see how much was done where, never the words.
COUNTERS = frozenset({"supervisor", "statistician"})
LONGEST_REASON = 200


def keeps(actor: Actor, agency: Agency) -> bool:
    """Does this actor keep the registers here? Administrators, heads and clerks of the community, by posts of their own."""
    if jurisdiction.of(actor).covers(agency.path):
        return True
    return any(h.role in CLERKS and h.principal_id is None and agency.path.startswith(h.path) for h in actor.held)


def require_keeper(actor: Actor, agency: Agency) -> None:
    if keeps(actor, agency):
        return
    raise Forbidden(f"{agency.name}的登记由本社区公共服务站、社区负责人或系统管理员维护，请联系他们。")


def paths(actor: Actor, roles: Collection[str]) -> list[str]:
    """Where this actor holds one of these roles."""
    return sorted({held.path for held in actor.held if held.role in roles})


def within_any(column: Any, held: Collection[str]) -> ColumnElement[bool]:
    return or_(*(access.within(column, path) for path in held)) if held else false()


def works_in_office(actor: Actor) -> bool:
    """Colleagues see each other's phones and duties; residents see names."""
    return actor.resident_id is None and bool(actor.held)


def grid(session: Session, grid_id: str) -> Agency:
    """A grid by its id; anything else is not found."""
    found = session.get(Agency, grid_id)
    if found is None or found.kind != "grid":
        raise NotFound()
    return found


def text(value: Any, limit: int, field: str, *, ask: str = "") -> str:
    """One text of a form: cleaned, not too long, and there when it is asked for."""
    try:
        cleaned = clean_text(value or "", limit)
    except ValueError as problem:
        raise InvalidInput(f"{problem}。", {field: str(problem)}) from problem
    if not cleaned and ask:
        raise InvalidInput(f"{ask}。", {field: ask})
    return cleaned


def number(value: Any, low: int, high: int, field: str, label: str) -> int:
    """A whole number within its bounds."""
    try:
        found = int(str(value).strip())
    except ValueError as problem:
        raise InvalidInput(f"{label}请填整数。", {field: "请填整数"}) from problem
    if not low <= found <= high:
        raise InvalidInput(f"{label}应在 {low} 到 {high} 之间。", {field: f"应在 {low} 到 {high} 之间"})
    return found


def day(value: Any, field: str, *, ask: str = "") -> date | None:
    """A date as typed; nonsense is said, never taken for an empty box."""
    if isinstance(value, date) or value is None:
        typed = value
    else:
        raw = str(value).strip()
        try:
            typed = date.fromisoformat(raw) if raw else None
        except ValueError as problem:
            raise InvalidInput("日期请写成 2026-03-05 的样子，且这一天必须存在。", {field: "日期不对"}) from problem
    if typed is None and ask:
        raise InvalidInput(f"{ask}。", {field: ask})
    return typed


def today() -> date:
    return local_day(now())
