"""我的工作台: what needs me, found by the same definitions and guards that decide what I may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session, joinedload

from models.base import now
from models.content import Content, every_kind
from process import clock, engine, guards, pages
from process.access import Actor
from process.definition import DID, MOMENTARY_TOKENS, RELATIONS, SPECIAL_TOKENS, Transition
from process.library import library
from process.pages import Key, Wanted
from process.shelves import shelves

LIMIT = 50
OTHERS_LIMIT = 15
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
    # Where the next page goes on.
    after: Key | None = None


def acting(actor: Actor) -> dict[tuple[str, str], frozenset[str] | None]:
    """(workflow, state) in which somebody with these roles could have a main step to take, and as what."""
    found: dict[tuple[str, str], frozenset[str] | None] = {}
    idle = {library.types[name].workflow for name in NOT_WORK if name in library.types}
    for definition in (one for one in library.workflows.values() if one.id not in idle):
        for transition in definition.transitions.values():
            if transition.trigger != "user" or not transition.primary:
                continue
            tokens = _as_what(transition, actor)
            for source in transition.sources if tokens is None or tokens else ():
                known = found.get((definition.id, source), frozenset())
                found[definition.id, source] = None if tokens is None or known is None else known | tokens
    return found


def _as_what(transition: Transition, actor: Actor) -> frozenset[str] | None:
    """As what this actor could pass the guard; None where only the moment tells."""
    tokens = set()
    for token in transition.guard.roles:
        role, _, relation = token.partition("@")
        if token.startswith(DID) or token in MOMENTARY_TOKENS:
            return None
        if role in SPECIAL_TOKENS or role in actor.roles:
            # Where the unit is that has it now is not written in lists: there the role alone is looked for.
            tokens.add(token if relation in ("", *RELATIONS) else role)
    return frozenset(tokens)


def desk(session: Session, actor: Actor, *, at: datetime | None = None, after: Key | None = None) -> Desk:
    """A page of my work, most urgent first; what waits for others stands on the first page."""
    at = at or now()
    known = shelves(session)
    wanted = Wanted(open_only=True, acting=acting(actor))
    keys = pages.page(session, actor, wanted, after=after, limit=LIMIT + 1, known=known)
    found = _load(session, actor, keys[:LIMIT])
    guards.prefetch(session, found)
    mine: list[Work] = []
    others: list[Work] = []
    for content in found:
        transitions = engine.available(content, actor)
        (mine if any(t.primary for t in transitions) else others).append(Work(content, transitions))
    if after is None:
        seen = {key.id for key in keys}
        watched = pages.page(session, actor, Wanted(open_only=True, mine=True), limit=OTHERS_LIMIT * 2, known=known)
        rest = _load(session, actor, [key for key in watched if key.id not in seen])
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
    further = keys[LIMIT - 1] if len(keys) > LIMIT else None
    return Desk(_sorted(late), _sorted(today), _sorted(week), _sorted(others)[:OTHERS_LIMIT], further)


def _load(session: Session, actor: Actor, keys: Sequence[Key]) -> list[Content]:
    entity = every_kind()
    options = (joinedload(entity.applicant), joinedload(entity.unit), joinedload(entity.assignee))
    return [c for c in pages.load(session, actor, keys, options, entity) if c.type not in NOT_WORK]


def _sorted(works: list[Work]) -> list[Work]:
    far = now() + timedelta(days=10_000)
    return sorted(works, key=lambda w: (w.content.deadline or far, w.content.id))
