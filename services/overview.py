"""Which processes there are for somebody: what they may begin, what they take part in, and how much of it is open."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.content import Content
from process import access
from process.access import Actor
from process.content_types import GROUPS, ContentType
from process.definition import Definition
from process.library import library
from services import generic
from services.listing import own

# Whoever keeps the definitions reads about all of them; the things stay with those who work on them.
LOOKS_AFTER = "system_admin"


@dataclass(frozen=True)
class Entry:
    """One process as somebody meets it."""

    kind: ContentType
    may_start: bool
    open: int
    mine: int


def takes_part(actor: Actor, kind: ContentType) -> bool:
    """Whether a post of this actor could ever let them see or begin such a thing."""
    if generic.may_start(actor, kind) or LOOKS_AFTER in actor.roles:
        return True
    tokens = seen_by(library.workflows[kind.workflow])
    if "anyone" in tokens or ("applicant" in tokens and actor.resident_id is not None):
        return True
    return not actor.roles.isdisjoint(token.partition("@")[0] for token in tokens)


def seen_by(definition: Definition) -> frozenset[str]:
    """Every token that sees a thing of this process in some state."""
    found: frozenset[str] = frozenset()
    for state in definition.states:
        found |= access.allowed_tokens(definition, state, access.VIEW)
    return found


def entries(session: Session, actor: Actor) -> dict[str, list[Entry]]:
    """All processes for this actor by group, in the order of the groups; one query counts what is open."""
    kinds = [kind for kind in library.types.values() if takes_part(actor, kind)]
    open_all, open_mine = _counts(session, actor)
    found: dict[str, list[Entry]] = {}
    for kind in sorted(kinds, key=lambda k: (list(GROUPS).index(k.group), k.illustrative)):
        found.setdefault(kind.group, []).append(
            Entry(kind, generic.may_start(actor, kind), open_all.get(kind.id, 0), open_mine.get(kind.id, 0))
        )
    return found


def _counts(session: Session, actor: Actor) -> tuple[dict[str, int], dict[str, int]]:
    statement = (
        select(Content.type, func.count(), func.count().filter(own(actor)))
        .where(Content.closed_at.is_(None))
        .group_by(Content.type)
    )
    rows = session.execute(access.visible(statement, actor)).all()
    return {row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows}
