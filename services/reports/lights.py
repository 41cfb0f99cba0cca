"""红黄绿灯: open cases by the working days left, as a list with counts, for everybody who sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case
from models.content import Content
from process import access, pages
from process.access import Actor
from process.clock import calendar
from process.definition import SPECIAL_TOKENS
from process.library import library
from process.pages import Key, Wanted
from services.listing import begin_of
from services.reports.scope import FILED, IS_CASE

RED, YELLOW, GREEN, GREY = "red", "yellow", "green", "grey"
# So many working days left are still yellow; today and what is over are red.
YELLOW_DAYS = 2
LATEST = datetime.max.replace(tzinfo=begin_of(date(2000, 1, 1)).tzinfo) - timedelta(days=2)


@dataclass(frozen=True)
class Borders:
    """Before `red` a case is late or due today; before `yellow` it has up to two working days left. None: no calendar."""

    red: datetime
    yellow: datetime


def borders(session: Session, today: date) -> Borders:
    """Where the colours change, by the calendar of working days; without one, by plain days."""
    last = calendar(session).add_working_days_or_none(today, YELLOW_DAYS) or today + timedelta(days=YELLOW_DAYS)
    return Borders(begin_of(today + timedelta(days=1)), begin_of(last + timedelta(days=1)))


def colour_of(deadline: datetime | None, edge: Borders) -> str:
    """The lamp of one case."""
    if deadline is None:
        return GREY
    return RED if deadline < edge.red else YELLOW if deadline < edge.yellow else GREEN


def places(session: Session, actor: Actor) -> list[Agency]:
    """Streets and communities below this actor's posts, to look at one alone."""
    paths = sorted({held.path for held in actor.held if held.role not in SPECIAL_TOKENS})
    if not paths:
        return []
    rows = session.scalars(
        select(Agency)
        .where(
            Agency.kind.in_(("street", "town", "street_centre", "community", "village")),
            or_(*(access.within(Agency.path, path) for path in paths)),
        )
        .order_by(Agency.path)
        .limit(200)
    )
    return list(rows)


def counts(session: Session, actor: Actor, today: date, place: Agency | None = None) -> dict[str, int]:
    """How many open cases of each colour this actor sees; together they are the base. One statement."""
    edge = borders(session, today)
    statement = select(
        func.count().filter(Content.deadline < edge.red),
        func.count().filter(Content.deadline >= edge.red, Content.deadline < edge.yellow),
        func.count().filter(Content.deadline >= edge.yellow),
        func.count().filter(Content.deadline.is_(None)),
    ).where(IS_CASE, Content.closed_at.is_(None), FILED)
    if place is not None:
        statement = statement.where(access.within(Content.place_path, place.path))
    row = session.execute(access.visible(statement, actor)).one()
    return dict(zip((RED, YELLOW, GREEN, GREY), row, strict=True))


def page(
    session: Session,
    actor: Actor,
    light: str,
    today: date,
    *,
    place: Agency | None = None,
    after: Key | None = None,
    limit: int,
    options: Sequence[Any],
) -> tuple[list[Case], Key | None]:
    """The cases of one colour, most urgent first; without a colour all of them."""
    edge = borders(session, today)
    states = frozenset(s.id for s in library.workflows["case"].states.values() if not s.terminal and s.id != "draft")
    before = {RED: edge.red, YELLOW: edge.yellow}.get(light)
    begin = {YELLOW: Key(0, edge.red, 0), GREEN: Key(0, edge.yellow, 0), GREY: Key(1, LATEST, 2**62)}.get(light)
    wanted = Wanted(
        types=frozenset({"case"}), states=states, open_only=True, path=place.path if place else "", overdue_at=before
    )
    keys = pages.page(session, actor, wanted, after=after or begin, limit=limit + 1)
    if light == GREEN:
        keys = [key for key in keys if key.part == 0]
    rows: list[Case] = pages.load(session, actor, keys[:limit], options, Case)
    return rows, keys[limit - 1] if len(keys) > limit else None
