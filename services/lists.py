"""The lists that can be kept as a filter, printed and taken out as a file: what each may be asked, and the things it then holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.case import Case
from models.content import Content
from models.delegation import Delegation
from process import access, pages
from process.access import Actor
from process.library import library
from process.pages import Wanted
from process.refusals import NotFound
from process.words import N_
from services import delegation_shelves, listing, search

# A few hundred at a time, so that a long list needs no more memory than a short one.
PART = 300
TYPE = "type:"
Query = Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """What a filter asks of a list of things."""

    wanted: Wanted
    order: str = pages.DEADLINE
    words: str = ""
    # What `pages` cannot walk; then the database filters.
    conditions: tuple[ColumnElement[bool], ...] = ()
    entity: Any = Content


@dataclass(frozen=True)
class ListKind:
    """One list: its filters by name, and how they become a question and words."""

    key: str
    title: str
    names: tuple[str, ...]
    ask: Callable[[Session, Actor, Query], Question]
    say: Callable[[Session, Actor, Query], list[str]]
    endpoint: str
    address: dict[str, str] = field(default_factory=dict)


def kind_of(key: str) -> ListKind:
    """The list of this name; anything else was never one."""
    if key.startswith(TYPE) and (name := key.removeprefix(TYPE)) in library.types:
        return ListKind(
            key,
            library.types[name].title.zh,
            ("q", "state", "unit", "since", "until", "only", "sort"),
            lambda session, actor, query: _ask_type(session, name, query),
            lambda session, _actor, query: _say_type(session, name, query),
            "generic.listed",
            {"type_id": name},
        )
    if key in KINDS:
        return KINDS[key]
    raise NotFound()


def cleaned(kind: ListKind, values: Mapping[str, Any]) -> dict[str, str]:
    """The filters of this list that are set; the page one was on is no filter."""
    found = {name: " ".join(str(values.get(name) or "").split())[:100] for name in kind.names}
    return {name: value for name, value in found.items() if value}


def in_words(session: Session, actor: Actor, kind: ListKind, query: Query) -> str:
    """The filter as people say it, for the head of a sheet and the journal; what was searched for stays out of both when it is personal."""
    said = kind.say(session, actor, query)
    words = query.get("q", "")
    if words:
        said.append("证件号或电话：（不写出）" if search.looks_personal(words) else f"含“{words}”")
    return "；".join(said) or "全部"


def count(session: Session, actor: Actor, kind: ListKind, query: Query, most: int) -> int:
    """How many things the filter holds, counted up to `most`."""
    question = kind.ask(session, actor, query)
    if question.words or question.conditions:
        return sum(len(part) for part in things(session, actor, kind, query, most))
    return pages.counts(session, actor, {0: question.wanted}, most)[0]


def too_many(session: Session, actor: Actor, kind: ListKind, query: Query) -> bool:
    """More match the words than are looked through: the list then holds the newest of them alone."""
    question = kind.ask(session, actor, query)
    if not question.words:
        return False
    limits = (
        search.Limits(types=question.wanted.types) if question.conditions else listing.limits_of(actor, question.wanted)
    )
    return len(search.find(session, actor, question.words, limits, search.MOST + 1)) > search.MOST


def things(session: Session, actor: Actor, kind: ListKind, query: Query, most: int) -> Iterator[Sequence[Content]]:
    """Everything the filter holds that this actor may see, at most so many, in the order of the list, a part at a time."""
    question = kind.ask(session, actor, query)
    options = [joinedload(Content.applicant), joinedload(Content.unit), joinedload(Content.assignee)]
    options.append(joinedload(Content.place))
    left, after, last = most, None, 0
    while left > 0:
        size = min(PART, left)
        rows: Sequence[Content]
        if question.conditions:
            rows = _filtered(session, actor, question, last, size, options)
            last = rows[-1].id if rows else 0
        else:
            rows, after = listing.page(
                session, actor, question.wanted, question.order, words=question.words, after=after, limit=size,
                options=options,
            )  # fmt: skip
        if rows:
            yield rows
        left -= len(rows)
        if not rows or (question.conditions and len(rows) < size) or (not question.conditions and after is None):
            return


def _filtered(
    session: Session, actor: Actor, question: Question, last: int, size: int, options: Sequence[Any]
) -> Sequence[Content]:
    """By the conditions of the page itself, the newest first."""
    entity, conditions = question.entity, list(question.conditions)
    if question.words:
        conditions.append(search.matching(session, actor, question.words, entity))
    if question.wanted.open_only:
        conditions.append(entity.closed_at.is_(None))
    if question.wanted.overdue_at is not None:
        conditions += [entity.closed_at.is_(None), entity.deadline < question.wanted.overdue_at]
    if question.wanted.path:
        conditions.append(access.within(entity.place_path, question.wanted.path))
    if question.wanted.states:
        conditions.append(entity.state.in_(sorted(question.wanted.states)))
    if last:
        conditions.append(entity.id < last)
    ids = list(
        session.scalars(
            access.visible(select(entity.id), actor, entity).where(*conditions).order_by(entity.id.desc()).limit(size)
        )
    )
    return pages.load(session, actor, [pages.Key(0, now(), i) for i in ids], options)


# The list of one type


def _ask_type(session: Session, name: str, query: Query) -> Question:
    definition = library.workflows[library.types[name].workflow]
    since, until = day_of(query.get("since")), day_of(query.get("until"))
    only = query.get("only", "")
    unit = session.get(Agency, query["unit"]) if query.get("unit") else None
    return Question(
        Wanted(
            types=frozenset({name}),
            states=frozenset({query["state"]}) if query.get("state") in definition.states else None,
            path=unit.path if unit is not None else "",
            mine=only == "mine",
            open_only=only == "open",
            overdue_at=now() if only == "overdue" else None,
            created_from=listing.begin_of(since) if since else None,
            created_before=listing.begin_of(until + timedelta(days=1)) if until else None,
        ),
        query["sort"] if query.get("sort") in listing.SORTS else pages.DEADLINE,
        query.get("q", ""),
    )


def _say_type(session: Session, name: str, query: Query) -> list[str]:
    said = []
    definition = library.workflows[library.types[name].workflow]
    if query.get("state") in definition.states:
        said.append(f"状态：{definition.states[query['state']].title.zh}")
    said += {"mine": ["我的"], "open": ["在办"], "overdue": ["超期"]}.get(query.get("only", ""), [])
    said += _unit_words(session, query.get("unit"))
    since, until = day_of(query.get("since")), day_of(query.get("until"))
    if since or until:
        said.append(f"登记日期：{since or '最早'} 至 {until or '今天'}")
    return said


def _unit_words(session: Session, unit_id: str | None) -> list[str]:
    unit = session.get(Agency, unit_id) if unit_id else None
    return [f"单位：{unit.name}（含下级）"] if unit is not None else []


def day_of(text: str | None) -> date | None:
    """A day as the form writes it."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 1900 <= day.year <= 2100 else None


# Lists with filters of their own


def _ask_cases(session: Session, _actor: Actor, query: Query) -> Question:
    state = query.get("state", "")
    place = session.get(Agency, query["place"]) if query.get("place") else None
    conditions: list[ColumnElement[bool]] = []
    if query.get("item"):
        conditions.append(Case.item.has(code=query["item"]))
    if query.get("place") and place is None:
        conditions.append(Case.id == -1)
    return Question(
        Wanted(
            types=frozenset({"case"}),
            # A state that never was one holds nothing, here as on the page.
            states=frozenset({state}) if state not in ("", "open", "late") else None,
            open_only=state == "open",
            overdue_at=now() if state == "late" else None,
            path=place.path if place is not None else "",
        ),
        pages.NEWEST,
        query.get("q", ""),
        tuple(conditions),
        Case,
    )


def _say_cases(session: Session, _actor: Actor, query: Query) -> list[str]:
    state = query.get("state", "")
    states = library.workflows["case"].states
    said = {"open": ["没办结的"], "late": ["已超期的"]}.get(state, [])
    if state in states:
        said = [f"状态：{states[state].title.zh}"]
    if query.get("item"):
        said = [*said, f"事项：{query['item']}"]
    return [*said, *_unit_words(session, query.get("place"))]


def _ask_delegations(_session: Session, actor: Actor, query: Query) -> Question:
    shelf = delegation_shelves.chosen(actor, query.get("show"))
    return Question(Wanted(), pages.NEWEST, conditions=(shelf.condition,), entity=Delegation)


def _say_delegations(_session: Session, actor: Actor, query: Query) -> list[str]:
    shelf = delegation_shelves.chosen(actor, query.get("show"))
    return [] if shelf.key == "all" else [shelf.title]


def _ask_visits(_session: Session, _actor: Actor, query: Query) -> Question:
    """The page opens with what is not over yet."""
    return Question(Wanted(types=frozenset({"home_visit"}), open_only=query.get("show") != "all"), pages.NEWEST)


def _say_visits(_session: Session, _actor: Actor, query: Query) -> list[str]:
    return ["包括已办结的" if query.get("show") == "all" else "没办结的"]


def _certificate_states(actor: Actor, query: Query) -> frozenset[str] | None:
    """One state, or without any what the office still has to do; whoever searches, and whoever they belong to, sees all."""
    definition = library.workflows["certificate"]
    if query.get("state") in definition.states:
        return frozenset({query["state"]})
    if query.get("q") or actor.resident_id is not None:
        return None
    return frozenset(state.id for state in definition.states.values() if not state.terminal)


def _ask_certificates(_session: Session, actor: Actor, query: Query) -> Question:
    wanted = Wanted(types=frozenset({"certificate"}), states=_certificate_states(actor, query))
    return Question(wanted, pages.NEWEST, query.get("q", ""))


def _say_certificates(_session: Session, actor: Actor, query: Query) -> list[str]:
    states = _certificate_states(actor, query)
    if states is None:
        return []
    known = library.workflows["certificate"].states
    return [f"状态：{known[query['state']].title.zh}"] if query.get("state") in known else ["要办的"]


KINDS: dict[str, ListKind] = {
    kind.key: kind
    for kind in (
        ListKind("cases", N_("办件"), ("q", "state", "item", "place"), _ask_cases, _say_cases, "cases.index"),
        ListKind("delegations", N_("代办"), ("show",), _ask_delegations, _say_delegations, "delegations.index"),
        ListKind(
            "certificates", N_("证照"), ("q", "state"), _ask_certificates, _say_certificates, "certificates.index"
        ),
        ListKind("visits", N_("上门代办"), ("show",), _ask_visits, _say_visits, "visits.index"),
    )
}


def of_page(endpoint: str | None, address: Mapping[str, Any]) -> ListKind | None:
    """The list that a page shows; None where it shows none of these."""
    if endpoint == "generic.listed" and address.get("type_id") in library.types:
        return kind_of(f"{TYPE}{address['type_id']}")
    return next((kind for kind in KINDS.values() if kind.endpoint == endpoint), None)
