"""What can be taken out as a file: a list of things, or a register with rows of its own; each says what its reader may see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from models.content import Content
from process import field_access, guards
from process.access import Actor
from process.content_types import Field
from process.field_rules import HIDDEN, MASKED
from process.library import library
from process.masking import mask_name
from process.numbers import CHINA
from services import lists, search
from services.lists import ListKind

Query = Mapping[str, str]
COLUMNS = 4
HEADINGS = ("编号", "业务", "申请人", "标题", "状态", "经手单位", "经手人", "期限", "登记单位", "登记日期", "办结日期")
SHORT_KINDS = ("choice", "date", "datetime", "number", "bool", "text")


@dataclass(frozen=True)
class Source:
    """One kind of file: its filters, its words, and its rows, all narrowed to the rights of whoever asks."""

    key: str
    title: str
    clean: Callable[[Mapping[str, Any]], dict[str, str]]
    words: Callable[[Session, Actor, Query], str]
    count: Callable[[Session, Actor, Query, int], int]
    headings: Callable[[Query], tuple[str, ...]]
    rows: Callable[[Session, Actor, Query, int], Iterator[list[str]]]
    # The page on which the same stands, and what the file says above its table.
    endpoint: str
    note: str = "姓名等个人信息已按规定打码。仅限本次工作使用，不得外传。"
    address: dict[str, str] = field(default_factory=dict)


def of_list(kind: ListKind) -> Source:
    """The things of a list, in its order."""
    specs = _specs(kind)

    def words(session: Session, actor: Actor, query: Query) -> str:
        said = lists.in_words(session, actor, kind, query)
        # Further back nothing was looked for: the file must not pass for the whole.
        cut = bool(query.get("q")) and lists.too_many(session, actor, kind, query)
        return f"{said}（符合的超过 {search.MOST} 件，只含最新的 {search.MOST} 件）" if cut else said

    def rows(session: Session, actor: Actor, query: Query, most: int) -> Iterator[list[str]]:
        for part in lists.things(session, actor, kind, query, most):
            guards.prefetch(session, list(part))
            for content in part:
                yield [*_cells(session, content), *(_field(session, content, spec, actor) for spec in specs)]

    return Source(
        key=kind.key,
        title=kind.title,
        clean=lambda values: lists.cleaned(kind, values),
        words=words,
        count=lambda session, actor, query, most: lists.count(session, actor, kind, query, most),
        headings=lambda _query: (*HEADINGS, *(spec.title.zh for spec in specs)),
        rows=rows,
        endpoint=kind.endpoint,
        address=kind.address,
    )


def _specs(kind: ListKind) -> list[Field]:
    """The plain fields that the list itself shows as columns."""
    if not kind.key.startswith(lists.TYPE):
        return []
    known = library.types[kind.key.removeprefix(lists.TYPE)]
    if not known.generic:
        return []
    plain = [spec for spec in known.fields if not spec.private and spec.kind in SHORT_KINDS and spec.name != "title"]
    return ([spec for spec in plain if spec.column] or [s for s in plain if s.kind != "text"])[:COLUMNS]


def _cells(session: Session, content: Content) -> list[str]:
    definition = library.of(content, session)
    return [
        content.number or "",
        library.type(content.type).title.zh,
        mask_name(content.applicant.name) if content.applicant else "",
        content.title,
        definition.states[content.state].title.zh,
        content.unit.name if content.unit else "",
        content.assignee.name if content.assignee else "",
        _day(content.deadline if content.closed_at is None else None),
        content.place.name,
        _day(content.created_at),
        _day(content.closed_at),
    ]


def _field(session: Session, content: Content, spec: Field, actor: Actor) -> str:
    value = (content.fields or {}).get(spec.name)
    held = field_access.right(session, content, spec, actor)
    if value in (None, "", [], {}) or held == HIDDEN:
        return ""
    if held == MASKED:
        return field_access.masked(spec, value) or ""
    if isinstance(value, bool):
        return "是" if value else "否"
    return next((title.zh for name, title in spec.options if name == str(value)), str(value))


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(CHINA):%Y-%m-%d}" if moment is not None else ""
