"""What goes on beside the steps of a thing: opinions waited for, who was drawn in, and my own open opinions anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.content import Content, ContentPerson
from models.task import CONSULT, OPEN, SIGNER, Task
from process import access, office, tasks
from process.access import Actor
from process.library import library
from process.refusals import NotFound
from services import field_choices
from services.office import full_name

SHOWN = 60
# Words of people who were drawn in, for pages and API.
RELATIONS = ("copied",)


def of(session: Session, content: Content) -> list[Task]:
    """Every opinion of this thing, the newest round first."""
    rows = session.scalars(
        select(Task)
        .where(Task.content_id == content.id)
        .options(joinedload(Task.person), joinedload(Task.place), joinedload(Task.asked_by), joinedload(Task.closed_by))
        .order_by(Task.round.desc(), Task.id)
        .limit(SHOWN)
    )
    return list(rows.unique())


def may_have_some(session: Session, content: Content) -> bool:
    """Whether it is worth looking: most processes wait for one hand only."""
    return bool(content.holds) or any(state.branches for state in library.of(content, session).states.values())


def answerable(session: Session, task: Task, actor: Actor) -> bool:
    return (
        task.state == OPEN
        and task.in_state == task.content.state
        and tasks.may_answer(session, task, actor, library.of(task.content, session))
    )


def one(session: Session, content: Content, uid: str) -> Task:
    """An opinion of this thing."""
    found = session.scalar(select(Task).where(Task.uid == uid, Task.content_id == content.id))
    if found is None:
        raise NotFound()
    return found


def copied(content: Content) -> list[ContentPerson]:
    return [row for row in content.people if row.relation in RELATIONS and row.until is None]


def waiting_for(session: Session, actor: Actor, limit: int = 50) -> list[Task]:
    """Opinions that somebody waits for from me or my unit, the most urgent first; only of things I may see."""
    rows = session.scalars(
        access.visible(
            select(Task)
            .join(Content, Content.id == Task.content_id)
            .where(
                tasks.open_for(actor),
                Task.sub_content_id.is_(None),
                Task.in_state == Content.state,
                Content.closed_at.is_(None),
            ),
            actor,
        )
        .options(
            joinedload(Task.content).joinedload(Content.applicant),
            joinedload(Task.content).joinedload(Content.unit),
            joinedload(Task.content).joinedload(Content.assignee),
            joinedload(Task.content).selectinload(Content.places),
            joinedload(Task.content).selectinload(Content.people),
            joinedload(Task.asked_by),
        )
        .order_by(Task.deadline.is_(None), Task.deadline, Task.id)
        .limit(limit)
    )
    return [task for task in rows.unique() if answerable(session, task, actor)]


# --- What a form of a verb offers -------------------------------------------------------------------------------------


def choices(session: Session, content: Content, actor: Actor, verb: office.Verb) -> dict[str, list[tuple[str, str]]]:
    """By input: the colleagues, units or opinions this verb can mean here."""
    found: dict[str, list[tuple[str, str]]] = {}
    for spec in verb.inputs:
        if spec.name == "person" and verb.id == "end_copy":
            found[spec.name] = [(row.person.username, row.person.name) for row in copied(content)]
        elif spec.name == "person":
            found[spec.name] = _colleagues(session, content, actor)
        elif spec.name == "unit":
            found[spec.name] = _units(session, content)
        elif spec.name == "task":
            mine = office.has_it(session, content, actor)
            held = [t for t in tasks.holding(session, content) if mine or t.asked_by_id == actor.person_id]
            words: Mapping[str, str] = {SIGNER: "加签", CONSULT: "委派"}
            found[spec.name] = [(t.uid, f"{t.title}（{words.get(t.kind, '会签')}）") for t in held]
    return found


def _colleagues(session: Session, content: Content, actor: Actor) -> list[tuple[str, str]]:
    """Staff of the places of this thing, and those of one's own street."""
    known = dict(field_choices.colleagues(session, actor))
    paths = {content.place_path, *(p.place_path for p in content.places if p.until is None)}
    for username, words in field_choices.staff_within(session, paths):
        known.setdefault(username, words)
    known.pop(actor.username, None)
    return list(known.items())


def _units(session: Session, content: Content) -> list[tuple[str, str]]:
    """Units at, below or above the places of this thing: further away is a delegation, not a transfer."""
    paths = {content.place_path, *(p.place_path for p in content.places if p.until is None)}
    above = {path[: i + 1] for path in paths for i, char in enumerate(path) if char == "/"}
    rows = session.scalars(
        select(Agency)
        .where(
            or_(Agency.path.in_(sorted(above)), *(access.within(Agency.path, path) for path in sorted(paths))),
            Agency.kind.not_in(("city", "district")),
        )
        .order_by(Agency.path)
        .limit(field_choices.LIMIT)
    )
    return [(agency.id, full_name(agency)) for agency in rows if agency.id != content.unit_id]


def told(task: Task) -> dict[str, Any]:
    """What everybody who sees the thing may know of an opinion: whose, in which state, until when; words are told apart."""
    return {
        "uid": task.uid,
        "kind": task.kind,
        "title": task.title,
        "state": task.state,
        "in_state": task.in_state,
        "round": task.round,
    }
