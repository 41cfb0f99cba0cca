"""Lists over projects: what is wanted of each list, how far projects are, what waits for a department."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.content import Content
from models.project import DROPPED, RUNNING, ProjectRow
from process import access
from process.access import Actor
from process.pages import Wanted
from services.projects import tables
from services.projects.rows import SETTLED

WAITING_SHOWN = 100


def wanted(actor: Actor, chosen: str) -> Wanted:
    """What the list of this name holds."""
    kind = frozenset({tables.TYPE})
    if chosen == "claim":
        return Wanted(types=kind, states=frozenset({"registered"}), open_only=True)
    if chosen == "mine":
        return Wanted(types=kind, open_only=True, assignee_id=actor.person_id)
    return Wanted(types=kind, open_only=chosen == "open")


def progress(session: Session, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """By project: rows that are settled, and of how many that concern it."""
    settled = [state for state in SETTLED if state != DROPPED]
    rows = session.execute(
        select(ProjectRow.content_id, func.count().filter(ProjectRow.state.in_(settled)), func.count())
        .where(ProjectRow.content_id.in_(list(ids)), ProjectRow.state != DROPPED)
        .group_by(ProjectRow.content_id)
    )
    return {content_id: (done, base) for content_id, done, base in rows}


def waiting_for(session: Session, actor: Actor) -> list[ProjectRow]:
    """Rows filed with the departments in which this actor answers, the nearest date first."""
    paths = sorted({held.path for held in actor.held if held.role in tables.DEPARTMENT})
    if not paths:
        return []
    found = session.scalars(
        access.visible(
            select(ProjectRow)
            .join(Content, Content.id == ProjectRow.content_id)
            .join(Agency, Agency.id == ProjectRow.agency_id)
            .where(
                ProjectRow.state == RUNNING,
                Content.closed_at.is_(None),
                or_(*(access.within(Agency.path, path) for path in paths)),
            ),
            actor,
        )
        .options(joinedload(ProjectRow.content), joinedload(ProjectRow.agency))
        .order_by(ProjectRow.due_on.is_(None), ProjectRow.due_on, ProjectRow.id)
        .limit(WAITING_SHOWN)
    )
    return list(found.unique())


def own_place(session: Session, actor: Actor) -> Agency | None:
    """The widest place at which this actor carries or watches projects."""
    paths = sorted({held.path for held in actor.held if held.role in (*tables.CARRIERS, *tables.WATCHERS)}, key=len)
    return session.scalar(select(Agency).where(Agency.path == paths[0])) if paths else None
