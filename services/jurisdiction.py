"""Where somebody may give and end roles, and which: administrators everywhere below, heads in their unit and below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false, or_

from catalogue import loader as catalogue
from models.agency import Agency
from process import access
from process.access import Actor
from process.relations import HEAD
from process.words import N_

ADMIN = "system_admin"
# Whoever is watched or ruled by a role does not choose who holds it: these are given by administrators only.
ADMIN_ONLY = frozenset(
    {
        HEAD,
        ADMIN,
        "supervisor",
        "statistician",
        "inspection_office",
        "reform_office",
        "approvals_office",
        "item_review_group",
        "joint_definition_group",
        "catalogue_manager",
        "third_party_assessor",
        "complaint_handler",
    }
)
CAUSES = {"post": N_("任职"), "delegation": N_("委派"), "sharing": N_("共享"), "substitution": N_("代班")}
_RANK = {"grid": 1, "village": 2, "street": 3, "district": 4, "city": 5}
_LEVEL = {
    "grid": 1,
    "community": 2,
    "village": 2,
    "community_station": 2,
    "errand_point": 2,
    "street": 3,
    "town": 3,
    "street_centre": 3,
    "errand_station": 3,
    "district": 4,
    "city": 5,
}


@dataclass(frozen=True)
class Reach:
    """Where somebody may give and end roles: as administrator, as head. Only by posts of their own, never as a substitute."""

    admin: tuple[str, ...]
    head: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.admin or self.head)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(sorted({*self.admin, *self.head}))

    def administers(self, path: str) -> bool:
        return any(path.startswith(at) for at in self.admin)

    def covers(self, path: str) -> bool:
        return any(path.startswith(at) for at in self.paths)

    def condition(self, column: Any) -> ColumnElement[bool]:
        return or_(*(access.within(column, path) for path in self.paths)) if self.paths else false()


def of(actor: Actor) -> Reach:
    own = [held for held in actor.held if held.principal_id is None]
    return Reach(
        tuple(sorted({held.path for held in own if held.role == ADMIN})),
        tuple(sorted({held.path for held in own if held.role == HEAD})),
    )


def role_names() -> dict[str, tuple[str, str]]:
    """Every role that can be given, with its Chinese and English name."""
    found = {HEAD: ("单位负责人", "Head of the unit")}
    return found | {r.id: (r.name, r.name_en) for r in catalogue.roles().values() if r.side == "staff"}


def givable(actor: Actor, place: Agency) -> list[str]:
    """The roles this actor may give at the place."""
    return [role for role in role_names() if why_not(actor, role, place) is None]


def why_not(actor: Actor, role: str, place: Agency) -> str | None:
    """The reason why this role at this place is not this actor's to give or to end; None when it is."""
    mine = of(actor)
    if mine.administers(place.path):
        return None
    if not mine.covers(place.path):
        return f"{place.name}不在您管理的范围内。您可以管理的是本单位和下级单位的岗位，其他请找上级负责人或系统管理员。"
    name = role_names()[role][0]
    if role in ADMIN_ONLY:
        return f"“{name}”只能由系统管理员授予和结束，请联系系统管理员。"
    tier = catalogue.roles()[role].tier
    if tier not in _RANK:
        return f"“{name}”不是单位内部的岗位，只能由系统管理员授予，请联系系统管理员。"
    if _RANK[tier] > _LEVEL.get(place.kind, 0):
        return f"“{name}”高于{place.name}的层级，不能在这里授予，请找上级负责人或系统管理员。"
    return None
