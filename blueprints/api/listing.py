"""What the query string asks of a list: filters, order and page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request
from sqlalchemy.orm import Session, joinedload, selectin_polymorphic, selectinload

from models.agency import Agency
from models.case import Case, ServiceItem
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.errand import Errand
from models.paper import Certificate
from process import pages
from process.access import Actor
from process.library import library
from process.pages import Wanted
from process.refusals import InvalidInput
from services import listing

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
    cursor = pages.read(args["after"], sort) if args.get("after") else None
    rows, following = listing.page(
        session,
        actor,
        _wanted(session, actor),
        sort,
        words=_one("q"),
        after=cursor,
        limit=limit,
        options=options(),
    )
    return rows, pages.write(sort, following) if following is not None else None


def _wanted(session: Session, actor: Actor) -> Wanted:
    """The filters, without the words."""
    types, states = _types(), _states()
    place = _place(session)
    return Wanted(
        types=frozenset(types) or None,
        states=frozenset(states) or None,
        path=place.path if place is not None else "",
        assignee_id=_assignee(actor),
    )


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
