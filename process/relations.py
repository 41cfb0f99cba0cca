"""Actors that are no fixed roles: the head of a unit, and whoever leads the grid the applicant lives in."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.person import Grant, GridMembership
from process.numbers import CHINA

if TYPE_CHECKING:
    from process.access import Actor

# Who answers for a unit: granted like a post, for a period, so that it ends and is substituted for like one.
HEAD = "head"
LEADER = "grid_leader"


def is_head(session: Session, actor: Actor, agency: Agency) -> bool:
    """Does this actor answer for the unit: its head today, or, where it has none, the head of the nearest unit above?"""
    own = {held.path for held in actor.held if held.role == HEAD}
    if agency.path in own:
        return True
    above = [path for path in _ancestors(agency.path) if path in own]
    if not above:
        return False
    nearest = max(above, key=len)
    between = [path for path in [agency.path, *_ancestors(agency.path)] if len(path) > len(nearest)]
    return session.scalar(select(Grant.id).where(*_heads_today(between)).limit(1)) is None


def heads_of(session: Session, agency: Agency) -> list[int]:
    """The people who answer for the unit today, looked for upwards until there is one; substitutes included."""
    paths = [agency.path, *_ancestors(agency.path)]
    rows = session.execute(select(Grant.place_path, Grant.person_id).where(*_heads_today(paths))).all()
    nearest = max((path for path, _ in rows), key=len, default="")
    return sorted({person for path, person in rows if path == nearest})


def leads_grid_of(session: Session, actor: Actor, content: Content) -> bool:
    """Does this actor, or the colleague whose post is held meanwhile, lead the grid in which the applicant lives?"""
    resident = content.applicant
    if actor.person_id is None or resident is None or resident.grid_id is None:
        return False
    grid = resident.grid or session.get(Agency, resident.grid_id)
    if grid is None:
        return False
    people = {
        held.principal_id or actor.person_id
        for held in actor.held
        if held.role == LEADER and grid.path.startswith(held.path)
    }
    if not people:
        return False
    today = _today()
    return (
        session.scalar(
            select(GridMembership.id)
            .where(
                GridMembership.grid_id == grid.id,
                GridMembership.capacity == LEADER,
                GridMembership.person_id.in_(people),
                or_(GridMembership.since.is_(None), GridMembership.since <= today),
                or_(GridMembership.until.is_(None), GridMembership.until >= today),
            )
            .limit(1)
        )
        is not None
    )


def _heads_today(paths: list[str]) -> tuple:
    today = _today()
    return (
        Grant.role == HEAD,
        Grant.place_path.in_(paths),
        or_(Grant.since.is_(None), Grant.since <= today),
        or_(Grant.until.is_(None), Grant.until >= today),
    )


def _ancestors(path: str) -> list[str]:
    """The paths above, the nearest first: '/a/b/c/' has '/a/b/', '/a/'."""
    found = []
    while (cut := path.rstrip("/").rfind("/")) > 0:
        path = path[: cut + 1]
        found.append(path)
    return found


def _today() -> date:
    return now().astimezone(CHINA).date()
