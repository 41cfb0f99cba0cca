"""Whether somebody may take a step: tokens, people found at the moment of acting, predicates, different persons."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.ledger import JournalEntry
from process import access, registry, relations
from process.access import Actor
from process.definition import DID, MOMENTARY_TOKENS, Definition, Guard


def passes(session: Session, content: Content, guard: Guard, actor: Actor, definition: Definition) -> bool:
    """Any of the roles, any of the permissions, any of the groups, every predicate, and a person who did none of the steps named."""
    if not (guard.roles or guard.permissions or guard.groups):
        return False
    if guard.roles and not holds_any(session, content, guard.roles, actor):
        return False
    if guard.permissions and not any(access.may(actor, p, content, session) for p in guard.permissions):
        return False
    # A group is an agency: whoever belongs to it or to a unit below it.
    if guard.groups and not any(f"/{group}/" in actor.unit_path for group in guard.groups):
        return False
    if guard.different_person_than:
        already = did(session, content, guard.different_person_than)
        if actor.person_id in already:
            return False
        # Whoever stands in for one of them holds that post for the same person: a second pair of eyes needs a post of its own.
        own = actor.without_posts_of(already)
        if own is not actor:
            return passes(session, content, guard, own, definition)
    return all(registry.predicates[name](session, content, actor) for name in guard.predicates)


def passes_unattended(session: Session, content: Content, guard: Guard) -> bool:
    """The guard of an automatic step or a timer: predicates only, nobody acts."""
    return all(registry.predicates[name](session, content, access.NOBODY) for name in guard.predicates)


def holds_any(session: Session, content: Content, wanted: Iterable[str], actor: Actor) -> bool:
    """Is this actor any of these to this thing?"""
    wanted = tuple(wanted)
    # A head is looked up: the role alone, held further up, does not make one the head of this unit.
    if not (access.tokens(content, actor) - set(MOMENTARY_TOKENS)).isdisjoint(wanted):
        return True
    return any(_is_now(session, content, token, actor) for token in wanted)


def _is_now(session: Session, content: Content, token: str, actor: Actor) -> bool:
    """Tokens that no list could be narrowed by: they are looked up when somebody acts."""
    if token.startswith(DID):
        return actor.person_id is not None and actor.person_id in did(session, content, (token[len(DID) :],))
    if token == "head":
        return relations.is_head(session, actor, content.unit or content.place)
    if token == "grid_leader_of_applicant":
        return relations.leads_grid_of(session, actor, content)
    role, _, relation = token.partition("@")
    return relation == "unit" and actor.holds(role, (content.unit or content.place).path)


def prefetch(session: Session, contents: Iterable[Content]) -> None:
    """Reads who did what for a whole list in one query, so that `available` on its rows asks the database nothing more."""
    contents = list(contents)
    known: dict[int, dict[str, set[int]]] = {content.id: {} for content in contents}
    types = {content.id: content.type for content in contents}
    if known:
        rows = session.execute(
            select(JournalEntry.content_id, JournalEntry.action, JournalEntry.person_id, JournalEntry.substitute_for_id)
            .where(JournalEntry.content_id.in_(known), JournalEntry.to_state.is_not(None))
            .order_by(JournalEntry.id)
        )
        for row in rows:
            kind, _, step = row.action.partition(":")
            # A migration (`process:move`) is nobody's step, whatever steps of the process are called.
            if kind == types[row.content_id or 0]:
                known[row.content_id or 0][step] = {p for p in (row.person_id, row.substitute_for_id) if p is not None}
    session.info["did"] = known
    for ahead in registry.prefetches:
        ahead(session, contents)


def did(session: Session, content: Content, steps: tuple[str, ...]) -> set[int]:
    """Who did the last of each of these steps, in person or through a substitute."""
    fetched = session.info.get("did", {}).get(content.id)
    if fetched is not None:
        return {person for step in steps for person in fetched.get(step, ())}
    people: set[int] = set()
    for step in steps:
        row = session.execute(
            select(JournalEntry.person_id, JournalEntry.substitute_for_id)
            .where(JournalEntry.content_id == content.id, JournalEntry.action == f"{content.type}:{step}")
            .order_by(JournalEntry.id.desc())
            .limit(1)
        ).first()
        people |= {p for p in (row or ()) if p is not None}
    return people
