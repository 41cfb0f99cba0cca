"""我的工作台: what needs me, found by the same definitions and guards that decide what I may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, false, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload, with_polymorphic

from models.base import now
from models.content import Content
from process import access, clock, engine, guards
from process.access import Actor
from process.definition import DID, SPECIAL_TOKENS, Transition
from process.library import library

LIMIT = 150
OTHERS_LIMIT = 30
# Entries of the catalogue are nobody's daily work.
NOT_WORK = ("service_item",)


@dataclass
class Work:
    """One thing and what this actor may do with it now."""

    content: Content
    transitions: list[Transition]


@dataclass
class Desk:
    late: list[Work]
    today: list[Work]
    week: list[Work]
    others: list[Work]


def pairs(actor: Actor) -> set[tuple[str, str]]:
    """(workflow, state) in which somebody with these roles could have a main step to take."""
    found = set()
    for definition in library.workflows.values():
        for transition in definition.transitions.values():
            if transition.trigger != "user" or not transition.primary:
                continue
            names = {token.partition("@")[0] for token in transition.guard.roles}
            momentary = any(token.startswith(DID) or token == "grid_leader_of_applicant" for token in names)
            if momentary or names & (actor.roles | set(SPECIAL_TOKENS)):
                found |= {(definition.id, source) for source in transition.sources}
    return found


def desk(session: Session, actor: Actor, *, at: datetime | None = None) -> Desk:
    at = at or now()
    found = _load(
        session,
        actor,
        [
            and_(Content.workflow == w, Content.state.in_(sorted(s for x, s in pairs(actor) if x == w)))
            for w in sorted({w for w, _ in pairs(actor)})
        ],
        LIMIT,
    )
    guards.prefetch(session, found)
    mine: list[Work] = []
    others: list[Work] = []
    for content in found:
        transitions = engine.available(content, actor)
        (mine if any(t.primary for t in transitions) else others).append(Work(content, transitions))
    seen = {w.content.id for w in [*mine, *others]}
    watched = _load(
        session,
        actor,
        [
            or_(
                Content.owner_id == actor.person_id,
                Content.assignee_id.in_(sorted(actor.persons)),
                Content.applicant_id == actor.resident_id if actor.resident_id else false(),
                Content.unit_id == actor.unit_id if actor.unit_id else false(),
            )
        ],
        OTHERS_LIMIT * 2,
    )
    rest = [c for c in watched if c.id not in seen]
    guards.prefetch(session, rest)
    others += [Work(c, engine.available(c, actor)) for c in rest]
    for work in list(others):
        if any(t.primary for t in work.transitions):
            others.remove(work)
            mine.append(work)
    tomorrow = clock.end_of(clock.local_day(at))
    late = [w for w in mine if w.content.deadline and w.content.deadline < at]
    today = [w for w in mine if w.content.deadline and at <= w.content.deadline <= tomorrow]
    week = [w for w in mine if w not in late and w not in today]
    return Desk(_sorted(late), _sorted(today), _sorted(week), _sorted(others)[:OTHERS_LIMIT])


def _load(session: Session, actor: Actor, conditions: list, limit: int) -> list[Content]:
    if not conditions:
        return []
    entity = with_polymorphic(Content, "*")
    statement = access.visible(
        select(entity).where(entity.closed_at.is_(None), entity.type.not_in(NOT_WORK), or_(*conditions)), actor, entity
    )
    statement = statement.options(
        joinedload(entity.applicant),
        joinedload(entity.unit),
        joinedload(entity.assignee),
        selectinload(entity.places),
        selectinload(entity.people),
    )
    return list(
        session.scalars(statement.order_by(entity.deadline.is_(None), entity.deadline, entity.id).limit(limit)).unique()
    )


def _sorted(works: list[Work]) -> list[Work]:
    far = now() + timedelta(days=10_000)
    return sorted(works, key=lambda w: (w.content.deadline or far, w.content.id))
