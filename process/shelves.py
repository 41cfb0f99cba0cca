"""Which acls an actor's sight consists of, state by state: few rows, read once and kept until a new one appears."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

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


def shelves(session: Session) -> tuple[Shelf, ...]:
    """All of them. One small question says whether a new one has come; acls are never changed or deleted."""
    if transactions.is_writing():
        # What this transaction has just made may yet be taken back, so it must not be remembered.
        return _read(session)
    key = str(session.get_bind().engine.url)
    seen = session.execute(select(func.count(), func.coalesce(func.max(Acl.id), 0)).select_from(Acl)).one()
    mark = (int(seen[0]), int(seen[1]))
    kept = _CACHE.get(key)
    if kept is None or kept[0] != mark:
        kept = _CACHE[key] = (mark, _read(session))
    return kept[1]


def _read(session: Session) -> tuple[Shelf, ...]:
    tokens: dict[int, set[str]] = {}
    for acl_id, token in session.execute(select(AclToken.acl_id, AclToken.token)):
        tokens.setdefault(acl_id, set()).add(token)
    rows = session.execute(select(Acl.id, Acl.workflow, Acl.state, Acl.terminal).order_by(Acl.id))
    return tuple(Shelf(i, workflow, state, end, frozenset(tokens.get(i, ()))) for i, workflow, state, end in rows)


def holding(found: Iterable[Shelf], wanted: Iterable[str]) -> list[Shelf]:
    """Those that at least one of the tokens opens."""
    asked = frozenset(wanted)
    return [shelf for shelf in found if not asked.isdisjoint(shelf.tokens)]
