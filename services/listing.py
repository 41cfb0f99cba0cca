"""One list for the generated pages and the API: the same filters, two orders, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select
from sqlalchemy.orm import Session, selectinload

from models.content import Content
from process import access, pages
from process.access import Actor
from process.numbers import CHINA
from process.pages import Key, Wanted
from services.search import matching

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
    """Words are looked for in every row, so here the database filters and sorts."""
    statement = _narrowed(access.visible(select(Content), actor), actor, wanted)
    statement = statement.where(matching(session, actor, words)).options(
        selectinload(Content.places), selectinload(Content.people), *options
    )
    if order == pages.NEWEST:
        rows = [(0, one) for one in _by_age(session, statement, after, limit + 1)]
    else:
        rows = []
        still_open = Content.closed_at.is_(None)
        parts = (
            (statement.where(still_open, Content.deadline.is_not(None)), _by_deadline),
            (statement.where(still_open, Content.deadline.is_(None)), _by_number),
            (statement.where(not_(still_open)), _by_age),
        )
        for part, (narrowed, read) in enumerate(parts[: len(wanted.parts)]):
            if len(rows) <= limit and (after is None or after.part <= part):
                begin = after if after is not None and after.part == part else None
                rows += [(part, one) for one in read(session, narrowed, begin, limit + 1 - len(rows))]
    found = [one for _part, one in rows[:limit]]
    if len(rows) <= limit:
        return found, None
    part, last = rows[limit - 1]
    moment = last.deadline if order == pages.DEADLINE and part == 0 else last.created_at
    assert moment is not None
    return found, Key(part, moment, last.id)


def _narrowed(statement: Select[Any], actor: Actor, wanted: Wanted) -> Select[Any]:
    """What `pages` walks, as conditions; the desk and the board ask more, and have no words."""
    assert wanted.acting is None and wanted.pairs is None and wanted.closed_since is None
    conditions: list[ColumnElement[bool]] = []
    if wanted.types is not None:
        conditions.append(Content.type.in_(sorted(wanted.types)))
    if wanted.states is not None:
        conditions.append(Content.state.in_(sorted(wanted.states)))
    if wanted.path:
        conditions.append(access.within(Content.place_path, wanted.path))
    if wanted.assignee_id is not None:
        conditions.append(Content.assignee_id == wanted.assignee_id)
    if wanted.mine:
        conditions.append(own(actor))
    if wanted.open_only:
        conditions.append(Content.closed_at.is_(None))
    if wanted.overdue_at is not None:
        conditions += [Content.closed_at.is_(None), Content.deadline < wanted.overdue_at]
    if wanted.created_from is not None:
        conditions.append(Content.created_at >= wanted.created_from)
    if wanted.created_before is not None:
        conditions.append(Content.created_at < wanted.created_before)
    return statement.where(*conditions)


def _by_deadline(session: Session, statement: Select[Any], after: Key | None, limit: int) -> Sequence[Content]:
    if after is not None:
        statement = statement.where(
            or_(Content.deadline > after.at, and_(Content.deadline == after.at, Content.id > after.id))
        )
    return session.scalars(statement.order_by(Content.deadline, Content.id).limit(limit)).unique().all()


def _by_number(session: Session, statement: Select[Any], after: Key | None, limit: int) -> Sequence[Content]:
    if after is not None:
        statement = statement.where(Content.id < after.id)
    return session.scalars(statement.order_by(Content.id.desc()).limit(limit)).unique().all()


def _by_age(session: Session, statement: Select[Any], after: Key | None, limit: int) -> Sequence[Content]:
    if after is not None:
        statement = statement.where(
            or_(Content.created_at < after.at, and_(Content.created_at == after.at, Content.id < after.id))
        )
    return session.scalars(statement.order_by(Content.created_at.desc(), Content.id.desc()).limit(limit)).unique().all()
