"""Filters, order and pages of a list: keyset cursors, at most two queries for the rows whatever their number."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import request
from sqlalchemy import Select, and_, not_, or_, select
from sqlalchemy.orm import Session, joinedload, selectin_polymorphic, selectinload

from models.agency import Agency
from models.case import Case, ServiceItem
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.errand import Errand
from models.paper import Certificate
from process import access, pages
from process.access import Actor
from process.library import library
from process.pages import Key, Wanted
from process.refusals import InvalidInput
from services.search import matching

SORTS = (pages.NEWEST, pages.DEADLINE)
DEFAULT_LIMIT, MAX_LIMIT = 50, 100
FILTERS = ("type", "state", "place", "assignee", "q", "sort", "limit", "after")
SUBCLASSES = (Case, Delegation, HomeVisit, Errand, Certificate, ServiceItem)


def options() -> list[Any]:
    """Everything a line shows, loaded with a number of queries that does not depend on the rows."""
    return [
        joinedload(Content.place),
        joinedload(Content.unit),
        joinedload(Content.assignee),
        joinedload(Content.applicant),
        joinedload(Content.owner),
        selectinload(Content.places),
        selectinload(Content.people),
        selectin_polymorphic(Content, SUBCLASSES),
        selectinload(Case.item),
        selectinload(HomeVisit.item),
        selectinload(Delegation.case),
    ]


def page(session: Session, actor: Actor) -> tuple[Sequence[Content], str | None]:
    """The rows the query string asks for, and the cursor of the next page."""
    args = request.args
    unknown = sorted(set(args) - set(FILTERS))
    if unknown:
        raise InvalidInput(
            f"不认识的查询条件“{unknown[0][:40]}”。可用的有：{'、'.join(FILTERS)}。", {unknown[0][:40]: "不认识"}
        )
    sort = args.get("sort") or SORTS[0]
    if sort not in SORTS:
        raise InvalidInput("sort 只能是 deadline 或 -created。", {"sort": "只能是 deadline 或 -created"})
    limit = _limit(args.get("limit"))
    cursor = _read(args["after"], sort) if args.get("after") else None
    if _one("q"):
        return _searched(session, actor, sort, cursor, limit)
    keys = pages.page(session, actor, _wanted(session, actor), sort, after=cursor, limit=limit + 1)
    rows = pages.load(session, actor, keys[:limit], options())
    return rows, _write(sort, keys[limit - 1]) if len(keys) > limit else None


def _searched(
    session: Session, actor: Actor, sort: str, cursor: Key | None, limit: int
) -> tuple[Sequence[Content], str | None]:
    """Words are looked for in every row, so here the database filters and sorts."""
    statement = _filtered(session, access.visible(select(Content), actor), actor).options(*options())
    if sort == pages.NEWEST:
        rows = _by_age(session, statement, cursor, limit)
    else:
        dated = and_(Content.deadline.is_not(None), Content.closed_at.is_(None))
        rows = []
        if cursor is None or cursor.dated:
            first = statement.where(dated)
            if cursor is not None:
                first = first.where(
                    or_(Content.deadline > cursor.at, and_(Content.deadline == cursor.at, Content.id > cursor.id))
                )
            rows = list(session.scalars(first.order_by(Content.deadline, Content.id).limit(limit + 1)).unique())
        if len(rows) <= limit:
            rest = None if cursor is None or cursor.dated else cursor
            rows += _by_age(session, statement.where(not_(dated)), rest, limit - len(rows))
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], _write(sort, _key(sort, rows[limit - 1]))


def _by_age(session: Session, statement: Select[Any], cursor: Key | None, limit: int) -> list[Content]:
    if cursor is not None:
        statement = statement.where(
            or_(Content.created_at < cursor.at, and_(Content.created_at == cursor.at, Content.id < cursor.id))
        )
    return list(
        session.scalars(statement.order_by(Content.created_at.desc(), Content.id.desc()).limit(limit + 1)).unique()
    )


def _key(sort: str, content: Content) -> Key:
    if sort == pages.DEADLINE and content.deadline is not None and content.closed_at is None:
        return Key(True, content.deadline, content.id)
    return Key(False, content.created_at, content.id)


def _wanted(session: Session, actor: Actor) -> Wanted:
    """The filters without words."""
    types, states = _types(), _states()
    place = _place(session)
    return Wanted(
        types=frozenset(types) or None,
        states=frozenset(states) or None,
        path=place.path if place is not None else "",
        assignee_id=_assignee(actor),
    )


def _filtered(session: Session, statement: Select[Any], actor: Actor) -> Select[Any]:
    if types := _types():
        statement = statement.where(Content.type.in_(types))
    if states := _states():
        statement = statement.where(Content.state.in_(states))
    if place := _place(session):
        statement = statement.where(access.within(Content.place_path, place.path))
    assignee = _assignee(actor)
    if assignee is not None:
        statement = statement.where(Content.assignee_id == assignee)
    if sought := _one("q"):
        statement = statement.where(matching(session, actor, sought))
    return statement


def _types() -> list[str]:
    types = _several("type")
    for name in types:
        if name not in library.types:
            raise InvalidInput(
                f"没有名为“{name[:40]}”的业务类型。可用的有：{'、'.join(sorted(library.types))}。",
                {"type": "没有这个类型"},
            )
    return types


def _states() -> list[str]:
    states = _several("state")
    known = {state for definition in library.workflows.values() for state in definition.states}
    for name in states:
        if name not in known:
            raise InvalidInput(f"没有名为“{name[:40]}”的状态。", {"state": "没有这个状态"})
    return states


def _place(session: Session) -> Agency | None:
    place_id = _one("place")
    if not place_id:
        return None
    place = session.get(Agency, place_id)
    if place is None:
        raise InvalidInput("没有这个单位，请核对 place。", {"place": "没有这个单位"})
    return place


def _assignee(actor: Actor) -> int | None:
    assignee = _one("assignee")
    if assignee not in ("", "me"):
        raise InvalidInput("assignee 只能是 me（我经手的）。", {"assignee": "只能是 me"})
    # Whoever is nobody has nothing in hand.
    return (actor.person_id or 0) if assignee else None


def _one(name: str) -> str:
    value = (request.args.get(name) or "").strip()
    if len(value) > 100 or "\0" in value:
        raise InvalidInput(f"{name} 太长或含有无法使用的字符。", {name: "不能这样查"})
    return value


def _several(name: str) -> list[str]:
    return [part for value in request.args.getlist(name) for part in value.split(",") if part.strip()]


def _limit(value: str | None) -> int:
    if not value:
        return DEFAULT_LIMIT
    if not (value.isascii() and value.isdigit() and len(value) < 5) or not 1 <= int(value) <= MAX_LIMIT:
        raise InvalidInput(f"limit 应是 1 到 {MAX_LIMIT} 的整数。", {"limit": f"1 到 {MAX_LIMIT}"})
    return int(value)


def _write(sort: str, key: Key) -> str:
    raw = json.dumps([sort, key.dated, key.at.isoformat(), key.id])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _read(text: str, sort: str) -> Key:
    try:
        made_for, dated, at, last = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        moment = datetime.fromisoformat(at)
        right = isinstance(dated, bool) and type(last) is int and 0 <= last < 2**63
        if made_for != sort or not right or (dated and sort != pages.DEADLINE):
            raise ValueError(text)
        # Moments near the ends of the calendar have no place in another zone.
        return Key(dated, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC), last)
    except (ValueError, TypeError, OverflowError, binascii.Error, UnicodeError, RecursionError) as error:
        raise InvalidInput(
            "after 不是本接口给出的翻页标记，或排序已换，请从第一页重新取。", {"after": "翻页标记不对"}
        ) from error
