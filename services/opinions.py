"""民意箱: opinions put into the box, heard on a walk or sent online; by category, passed on, answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from models.content import Content
from process import access
from process.access import Actor
from process.definition import Title
from process.library import library
from process.numbers import CHINA

TYPE = "hotline_consult"
FIELD = "category"
# The states in which somebody has been told something.
ANSWERED = ("answered", "rated", "auto")
FORWARDED = "forwarded"
LIMIT = 100


@dataclass(frozen=True)
class Count:
    """One category: how many came in, how many lie with a department, how many are answered."""

    category: str
    title: Title
    all: int
    forwarded: int
    answered: int


def categories() -> Mapping[str, Title]:
    spec = library.type(TYPE).field(FIELD)
    return dict(spec.options) if spec is not None else {}


def _opinions(actor: Actor, since: date, until: date, *what: Any) -> Select[Any]:
    begin = datetime.combine(since, time.min, CHINA)
    finish = datetime.combine(until + timedelta(days=1), time.min, CHINA)
    statement = select(*what).where(
        Content.type == TYPE,
        Content.created_at >= begin,
        Content.created_at < finish,
        Content.fields[FIELD].as_string().in_(list(categories())),
    )
    return access.visible(statement, actor)


def counted(session: Session, actor: Actor, since: date, until: date) -> list[Count]:
    """By category, those without an entry too."""
    category = Content.fields[FIELD].as_string()
    rows = session.execute(
        _opinions(actor, since, until, category, Content.state, func.count()).group_by(category, Content.state)
    ).all()
    return [
        Count(
            key,
            title,
            sum(n for k, _state, n in rows if k == key),
            sum(n for k, state, n in rows if k == key and state == FORWARDED),
            sum(n for k, state, n in rows if k == key and state in ANSWERED),
        )
        for key, title in categories().items()
    ]


def listed(session: Session, actor: Actor, since: date, until: date, category: str = "") -> list[Content]:
    """The entries, those not yet answered first."""
    statement = _opinions(actor, since, until, Content)
    if category in categories():
        statement = statement.where(Content.fields[FIELD].as_string() == category)
    statement = statement.options(
        joinedload(Content.place), joinedload(Content.unit), joinedload(Content.assignee), joinedload(Content.applicant)
    )
    statement = statement.order_by(
        Content.closed_at.is_not(None), Content.deadline.is_(None), Content.deadline, Content.id
    )
    return list(session.scalars(statement.limit(LIMIT)).unique())
