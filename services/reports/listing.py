"""The cases behind a number of a report: as many as this reader may see, masked by the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, selectinload

from models.agency import Agency
from models.case import Case
from models.content import Content
from process import access, pages
from process.access import Actor
from process.library import library
from process.pages import Wanted
from process.refusals import InvalidInput
from services.reports.scope import IS_CASE, Period, Scope, filed_in


def number(session: Session, place: Agency, period: Period, *, state: str = "", exact: bool = False) -> int:
    """The number itself, counted as the report counts it."""
    condition = filed_in(Scope((place.path,)), period)
    if exact:
        condition = and_(condition, Content.place_path == place.path)
    if state:
        condition = and_(condition, Content.state == state)
    return session.scalar(select(func.count()).select_from(Content).where(condition)) or 0


def behind(
    session: Session,
    actor: Actor,
    place: Agency,
    period: Period,
    *,
    state: str,
    exact: bool,
    after: str,
    limit: int,
    options: Sequence[Any],
) -> tuple[list[Case], str | None]:
    """A page of them, newest first, and the mark of the next one."""
    if exact:
        return _here(session, actor, place, period, state, after, limit, options)
    states = frozenset({state}) if state else frozenset(library.workflows["case"].states) - {"draft"}
    wanted = Wanted(
        types=frozenset({"case"}),
        states=states,
        path=place.path,
        created_from=period.begin,
        created_before=period.end,
    )
    try:
        begin = pages.read(after, pages.NEWEST) if after else None
    except InvalidInput:
        begin = None
    keys = pages.page(session, actor, wanted, pages.NEWEST, after=begin, limit=limit + 1)
    rows: list[Case] = pages.load(session, actor, keys[:limit], options, Case)
    return rows, pages.write(pages.NEWEST, keys[limit - 1]) if len(keys) > limit else None


def _here(
    session: Session,
    actor: Actor,
    place: Agency,
    period: Period,
    state: str,
    after: str,
    limit: int,
    options: Sequence[Any],
) -> tuple[list[Case], str | None]:
    """Filed at this very unit: one path, so the index of the place serves it."""
    statement = select(Case).where(
        IS_CASE,
        Case.place_path == place.path,
        Case.state == state if state else Case.state != "draft",
        Case.created_at >= period.begin,
        Case.created_at < period.end,
    )
    if after.isdecimal() and len(after) < 19:
        statement = statement.where(Case.id < int(after))
    rows = list(
        session.scalars(
            access.visible(statement, actor, Case)
            .options(selectinload(Case.places), selectinload(Case.people), *options)
            .order_by(Case.id.desc())
            .limit(limit + 1)
        ).unique()
    )
    return rows[:limit], str(rows[limit - 1].id) if len(rows) > limit else None
