"""One list for every type: filters, two orders, keyset pages; the number of queries does not depend on the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from process import access
from process.access import Actor
from process.numbers import CHINA
from services.search import matching

SORTS = ("deadline", "-created")


@dataclass(frozen=True)
class Wanted:
    """What a list is to show; what is empty does not narrow it."""

    types: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    place_path: str = ""
    unit_id: str = ""
    words: str = ""
    mine: bool = False
    overdue: bool = False
    open_only: bool = False
    created_from: date | None = None
    created_until: date | None = None
    sort: str = SORTS[0]


@dataclass(frozen=True)
class Mark:
    """Where a page ended: the value it is sorted by, and the row."""

    at: datetime | None
    id: int

    def __str__(self) -> str:
        return f"{self.at.isoformat() if self.at else ''}~{self.id}"

    @classmethod
    def read(cls, text: str) -> Mark | None:
        """A mark from a link of ours; anything else begins at the start."""
        moment, _, last = text.partition("~")
        if not (last.isascii() and last.isdecimal()) or len(last) > 18:
            return None
        try:
            at = datetime.fromisoformat(moment) if moment else None
        except ValueError:
            return None
        return None if at is not None and at.tzinfo is None else cls(at, int(last))


def page(
    session: Session, actor: Actor, wanted: Wanted, *, after: Mark | None = None, limit: int, options: list[Any]
) -> tuple[list[Content], Mark | None]:
    """The rows this actor may see, and the mark of the next page."""
    statement = narrowed(session, access.visible(select(Content), actor), actor, wanted).options(*options)
    rows = (
        _by_created(session, statement, after, limit)
        if wanted.sort == "-created"
        else _by_deadline(session, statement, after, limit)
    )
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], Mark(last.created_at if wanted.sort == "-created" else last.deadline, last.id)


def narrowed(session: Session, statement: Select[Any], actor: Actor, wanted: Wanted) -> Select[Any]:
    if wanted.types:
        statement = statement.where(Content.type.in_(wanted.types))
    if wanted.states:
        statement = statement.where(Content.state.in_(wanted.states))
    if wanted.place_path:
        statement = statement.where(access.within(Content.place_path, wanted.place_path))
    if wanted.unit_id:
        statement = statement.where(Content.unit_id == wanted.unit_id)
    if wanted.open_only:
        statement = statement.where(Content.closed_at.is_(None))
    if wanted.mine:
        statement = statement.where(own(actor))
    if wanted.overdue:
        statement = statement.where(Content.closed_at.is_(None), Content.deadline < now())
    if wanted.created_from:
        statement = statement.where(Content.created_at >= _begin(wanted.created_from))
    if wanted.created_until:
        statement = statement.where(Content.created_at < _begin(wanted.created_until + timedelta(days=1)))
    if wanted.words:
        statement = statement.where(matching(session, actor, wanted.words))
    return statement


def own(actor: Actor) -> ColumnElement[bool]:
    """What somebody calls theirs: begun by them, with them, about them, or with their unit."""
    parts = [Content.assignee_id == actor.person_id, Content.owner_id == actor.person_id]
    if actor.unit_id and actor.resident_id is None:
        parts.append(Content.unit_id == actor.unit_id)
    if actor.resident_id is not None:
        parts.append(Content.applicant_id == actor.resident_id)
    return or_(*parts)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, CHINA)


def _by_created(session: Session, statement: Select[Any], after: Mark | None, limit: int) -> list[Content]:
    if after is not None and after.at is not None:
        statement = statement.where(
            or_(Content.created_at < after.at, and_(Content.created_at == after.at, Content.id < after.id))
        )
    ordered = statement.order_by(Content.created_at.desc(), Content.id.desc()).limit(limit + 1)
    return list(session.scalars(ordered).unique())


def _by_deadline(session: Session, statement: Select[Any], after: Mark | None, limit: int) -> list[Content]:
    # Things without a deadline come last. Two plain queries use the index on both databases, NULLS LAST does not.
    rows: list[Content] = []
    if after is None or after.at is not None:
        dated = statement.where(Content.deadline.is_not(None))
        if after is not None:
            dated = dated.where(
                or_(Content.deadline > after.at, and_(Content.deadline == after.at, Content.id > after.id))
            )
        rows = list(session.scalars(dated.order_by(Content.deadline, Content.id).limit(limit + 1)).unique())
    if len(rows) <= limit:
        undated = statement.where(Content.deadline.is_(None))
        if after is not None and after.at is None:
            undated = undated.where(Content.id > after.id)
        rows += session.scalars(undated.order_by(Content.id).limit(limit + 1 - len(rows))).unique()
    return rows
