"""One list for the generated pages and the API: the same filters, two orders, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import Session

from models.content import Content
from process import access, pages
from process.access import Actor
from process.numbers import CHINA
from process.pages import Key, Wanted
from services import search

SORTS = (pages.DEADLINE, pages.NEWEST)


def page(
    session: Session,
    actor: Actor,
    wanted: Wanted,
    order: str = pages.DEADLINE,
    *,
    words: str = "",
    after: Key | None = None,
    limit: int,
    options: Sequence[Any],
) -> tuple[Sequence[Content], Key | None]:
    """The rows this actor may see, and where the next page begins."""
    if words:
        return _searched(session, actor, wanted, order, words, after, limit, options)
    keys = pages.page(session, actor, wanted, order, after=after, limit=limit + 1)
    rows: list[Content] = pages.load(session, actor, keys[:limit], options)
    return rows, keys[limit - 1] if len(keys) > limit else None


def own(actor: Actor) -> ColumnElement[bool]:
    """What somebody calls theirs: begun by them, with them or those they stand in for, about them, or with their unit."""
    parts = [Content.owner_id == actor.person_id]
    if actor.person_id is not None:
        parts.append(Content.assignee_id.in_(sorted({actor.person_id, *actor.persons})))
    if actor.unit_id is not None:
        parts.append(Content.unit_id == actor.unit_id)
    if actor.resident_id is not None:
        parts.append(Content.applicant_id == actor.resident_id)
    return or_(*parts)


def begin_of(day: date) -> datetime:
    """The first moment of a day in China."""
    return datetime.combine(day, time.min, CHINA)


def limits_of(actor: Actor, wanted: Wanted) -> search.Limits:
    """What a list asks besides its words, for the search."""
    going_on = wanted.open_only or wanted.overdue_at is not None
    return search.Limits(wanted.types, going_on, tuple(_conditions(actor, wanted)))


def _searched(
    session: Session,
    actor: Actor,
    wanted: Wanted,
    order: str,
    words: str,
    after: Key | None,
    limit: int,
    options: Sequence[Any],
) -> tuple[Sequence[Content], Key | None]:
    """The newest `search.MOST` that match, in the order of the list; what is further back needs another word."""
    keys = [_key(hit, order) for hit in search.find(session, actor, words, limits_of(actor, wanted))]
    keys.sort(key=lambda key: _place(key, order))
    if after is not None:
        keys = [key for key in keys if _place(key, order) > _place(after, order)]
    rows: list[Content] = pages.load(session, actor, keys[:limit], options)
    return rows, keys[limit - 1] if len(keys) > limit else None


def _key(hit: search.Hit, order: str) -> Key:
    if order == pages.NEWEST:
        return Key(0, hit.created_at, hit.id)
    if hit.closed_at is not None:
        return Key(2, hit.created_at, hit.id)
    return Key(1, hit.created_at, hit.id) if hit.deadline is None else Key(0, hit.deadline, hit.id)


def _place(key: Key, order: str) -> tuple[int, float, int]:
    """Where a key stands: deadlines rise, everything else begins with the newest."""
    if order == pages.DEADLINE and key.part == 0:
        return (0, key.at.timestamp(), key.id)
    if order == pages.DEADLINE and key.part == 1:
        return (1, 0.0, -key.id)
    return (key.part, -key.at.timestamp(), -key.id)


def _conditions(actor: Actor, wanted: Wanted) -> list[ColumnElement[bool]]:
    """What `pages` walks, as conditions; the desk and the board ask more, and have no words."""
    assert wanted.acting is None and wanted.pairs is None and wanted.closed_since is None
    conditions: list[ColumnElement[bool]] = []
    if wanted.states is not None:
        conditions.append(Content.state.in_(sorted(wanted.states)))
    if wanted.path:
        conditions.append(access.within(Content.place_path, wanted.path))
    if wanted.assignee_id is not None:
        conditions.append(Content.assignee_id == wanted.assignee_id)
    if wanted.mine:
        conditions.append(own(actor))
    if wanted.overdue_at is not None:
        conditions.append(Content.deadline < wanted.overdue_at)
    if wanted.created_from is not None:
        conditions.append(Content.created_at >= wanted.created_from)
    if wanted.created_before is not None:
        conditions.append(Content.created_at < wanted.created_before)
    return conditions
