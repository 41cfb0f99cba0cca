"""Which acls an actor's sight consists of, state by state: few rows, read once and kept until a new one appears."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session, aliased

from models.content import Acl, AclToken
from process import transactions


@dataclass(frozen=True)
class Shelf:
    """An acl with the state it belongs to: all things that stand in that state and are seen by the same people."""

    id: int
    workflow: str | None
    state: str | None
    terminal: bool | None
    tokens: frozenset[str]


_CACHE: dict[str, tuple[tuple[int, int], tuple[Shelf, ...]]] = {}
# Answers nothing as long as there are as many acls as before, and everything otherwise: one statement either way.
_ASK = (
    select(Acl.id, Acl.workflow, Acl.state, Acl.terminal, AclToken.token)
    .join(AclToken, AclToken.acl_id == Acl.id, isouter=True)
    .where(
        or_(
            select(func.count()).select_from(aliased(Acl)).scalar_subquery() != bindparam("many"),
            select(func.max(aliased(Acl).id)).scalar_subquery() != bindparam("last"),
        )
    )
    .order_by(Acl.id)
)


def shelves(session: Session) -> tuple[Shelf, ...]:
    """All of them; acls are never changed or deleted, so only a new one makes this read again."""
    # What this transaction has just made may yet be taken back, so it must not be remembered.
    keep = not transactions.is_writing()
    key = str(session.get_bind().engine.url)
    (many, last), kept = _CACHE.get(key, ((-1, -1), ())) if keep else ((-1, -1), ())
    rows = session.execute(_ASK, {"many": many, "last": last}).all()
    if not rows:
        return kept
    tokens: dict[int, set[str]] = {}
    heads = {}
    for acl_id, workflow, state, terminal, token in rows:
        heads[acl_id] = (workflow, state, terminal)
        tokens.setdefault(acl_id, set())
        if token is not None:
            tokens[acl_id].add(token)
    found = tuple(Shelf(i, *head, frozenset(tokens[i])) for i, head in heads.items())
    if keep:
        _CACHE[key] = ((len(found), found[-1].id), found)
    return found


def holding(found: Iterable[Shelf], wanted: Iterable[str]) -> list[Shelf]:
    """Those that at least one of the tokens opens."""
    asked = frozenset(wanted)
    return [shelf for shelf in found if not asked.isdisjoint(shelf.tokens)]
