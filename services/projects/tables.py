"""Finding projects, their rows and people; what each actor is to a project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.content import Content
from models.project import ProjectMeeting, ProjectPerson, ProjectRow
from process import access
from process.access import Actor
from process.refusals import NotFound

TYPE = "project_delegation"
CARRIERS = ("project_manager", "project_delegate")
# Who looks at loads and limits without working on projects.
WATCHERS = ("supervisor", "reform_office", "approvals_office", "head", "department_head")
DEPARTMENT = ("cooperating_department", "lead_department")
APPROVING = ("preparing", "parallel", "committed")
BUILT = ("construction_ready", "accepted")
MOST = 500


def project(session: Session, actor: Actor, uid: str) -> Content:
    """A project this actor sees; anything else is not found."""
    found = session.scalar(
        select(Content)
        .where(Content.uid == uid, Content.type == TYPE)
        .options(selectinload(Content.places), selectinload(Content.people))
    )
    if found is None or not access.may(actor, access.VIEW, found):
        raise NotFound()
    return found


def works_on(content: Content, actor: Actor) -> bool:
    """Whether this actor carries the project: its handler, or manager or delegate of its town."""
    if actor.resident_id is not None:
        return False
    return content.assignee_id in actor.persons or any(actor.holds(role, content.place_path) for role in CARRIERS)


def answers_for(row: ProjectRow, actor: Actor) -> bool:
    """Whether this actor speaks for the department of a row."""
    return row.agency is not None and any(actor.holds(role, row.agency.path) for role in DEPARTMENT)


def row_of(session: Session, actor: Actor, uid: str) -> ProjectRow:
    """A row of a project this actor sees."""
    found = session.scalar(
        select(ProjectRow)
        .where(ProjectRow.uid == uid)
        .options(joinedload(ProjectRow.content), joinedload(ProjectRow.agency))
    )
    if found is None or not access.may(actor, access.VIEW, found.content):
        raise NotFound()
    return found


def rows(session: Session, content: Content) -> Sequence[ProjectRow]:
    """The check list in its order, as the database has it."""
    session.flush()
    return session.scalars(
        select(ProjectRow)
        .where(ProjectRow.content_id == content.id)
        .options(joinedload(ProjectRow.agency), joinedload(ProjectRow.person), joinedload(ProjectRow.linked))
        .order_by(ProjectRow.position, ProjectRow.id)
        .execution_options(populate_existing=True)
    ).all()


def meetings(session: Session, content: Content) -> Sequence[ProjectMeeting]:
    return session.scalars(
        select(ProjectMeeting)
        .where(ProjectMeeting.content_id == content.id)
        .options(selectinload(ProjectMeeting.rows))
        .order_by(ProjectMeeting.number)
    ).all()


def meeting_of(session: Session, actor: Actor, uid: str) -> ProjectMeeting:
    """A meeting about a project this actor sees in full."""
    found = session.scalar(
        select(ProjectMeeting).where(ProjectMeeting.uid == uid).options(selectinload(ProjectMeeting.rows))
    )
    content = session.get(Content, found.content_id) if found is not None else None
    if found is None or content is None or not access.may(actor, access.VIEW_FULL, content):
        raise NotFound()
    return found


def project_of(session: Session, meeting: ProjectMeeting) -> Content:
    """The project a meeting is about."""
    return session.get_one(Content, meeting.content_id)


def people(session: Session, content: Content) -> Sequence[ProjectPerson]:
    """Who has it and who had it, the present ones first."""
    return session.scalars(
        select(ProjectPerson)
        .where(ProjectPerson.content_id == content.id)
        .options(joinedload(ProjectPerson.person), joinedload(ProjectPerson.by))
        .order_by(ProjectPerson.until.is_not(None), ProjectPerson.id)
    ).all()


def handlers(session: Session, ids: Iterable[int]) -> dict[int, ProjectPerson]:
    """By project: who has it now."""
    found = session.scalars(
        select(ProjectPerson)
        .where(
            ProjectPerson.content_id.in_(list(ids)), ProjectPerson.capacity == "handler", ProjectPerson.until.is_(None)
        )
        .options(joinedload(ProjectPerson.person))
    )
    return {one.content_id: one for one in found}
