"""Filters, order and pages of a list: keyset cursors, at most two queries for the rows whatever their number."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectin_polymorphic, selectinload

from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.errand import Errand
from models.paper import Certificate
from process import access
from process.access import Actor
from process.library import library
from process.refusals import InvalidInput
from services.search import matching

SORTS = ("-created", "deadline")
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
    statement = _filtered(session, access.visible(select(Content), actor), actor).options(*options())
    cursor = _read(args["after"], sort) if args.get("after") else None
    rows = (
        _by_created(session, statement, cursor, limit)
        if sort == "-created"
        else _by_deadline(session, statement, cursor, limit)
    )
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], _write(sort, last.created_at if sort == "-created" else last.deadline, last.id)


def _by_created(
    session: Session, statement: Select[Any], cursor: tuple[datetime | None, int] | None, limit: int
) -> list[Content]:
    if cursor is not None:
        at, last = cursor
        statement = statement.where(or_(Content.created_at < at, and_(Content.created_at == at, Content.id < last)))
    return list(
        session.scalars(statement.order_by(Content.created_at.desc(), Content.id.desc()).limit(limit + 1)).unique()
    )


def _by_deadline(
    session: Session, statement: Select[Any], cursor: tuple[datetime | None, int] | None, limit: int
) -> list[Content]:
    # Things without a deadline come last. Two plain queries use the index on both databases, NULLS LAST does not.
    rows: list[Content] = []
    if cursor is None or cursor[0] is not None:
        dated = statement.where(Content.deadline.is_not(None))
        if cursor is not None:
            dated = dated.where(
                or_(Content.deadline > cursor[0], and_(Content.deadline == cursor[0], Content.id > cursor[1]))
            )
        rows = list(session.scalars(dated.order_by(Content.deadline, Content.id).limit(limit + 1)).unique())
    if len(rows) <= limit:
        undated = statement.where(Content.deadline.is_(None))
        if cursor is not None and cursor[0] is None:
            undated = undated.where(Content.id > cursor[1])
        rows += session.scalars(undated.order_by(Content.id).limit(limit + 1 - len(rows))).unique()
    return rows


def _filtered(session: Session, statement: Select[Any], actor: Actor) -> Select[Any]:
    types = _several("type")
    for name in types:
        if name not in library.types:
            raise InvalidInput(
                f"没有名为“{name[:40]}”的业务类型。可用的有：{'、'.join(sorted(library.types))}。",
                {"type": "没有这个类型"},
            )
    if types:
        statement = statement.where(Content.type.in_(types))
    states = _several("state")
    known = {state for definition in library.workflows.values() for state in definition.states}
    for name in states:
        if name not in known:
            raise InvalidInput(f"没有名为“{name[:40]}”的状态。", {"state": "没有这个状态"})
    if states:
        statement = statement.where(Content.state.in_(states))
    if place_id := _one("place"):
        place = session.get(Agency, place_id)
        if place is None:
            raise InvalidInput("没有这个单位，请核对 place。", {"place": "没有这个单位"})
        statement = statement.where(access.within(Content.place_path, place.path))
    if assignee := _one("assignee"):
        if assignee != "me":
            raise InvalidInput("assignee 只能是 me（我经手的）。", {"assignee": "只能是 me"})
        statement = statement.where(Content.assignee_id == actor.person_id)
    if sought := _one("q"):
        statement = statement.where(matching(session, actor, sought))
    return statement


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


def _write(sort: str, at: datetime | None, last: int) -> str:
    raw = json.dumps([sort, at.isoformat() if at else None, last])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _read(text: str, sort: str) -> tuple[datetime | None, int]:
    try:
        made_for, at, last = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        moment = datetime.fromisoformat(at) if at is not None else None
        if (
            made_for != sort
            or not isinstance(last, int)
            or not 0 <= last < 2**63
            or (moment is None and sort != "deadline")
        ):
            raise ValueError(text)
        return (moment if moment is None or moment.tzinfo else moment.replace(tzinfo=now().tzinfo)), last
    except (ValueError, TypeError, binascii.Error, UnicodeError, RecursionError) as error:
        raise InvalidInput(
            "after 不是本接口给出的翻页标记，或排序已换，请从第一页重新取。", {"after": "翻页标记不对"}
        ) from error
