"""One search for pages and API: number, words, or a whole ID number, over what the actor may see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, true
from sqlalchemy.orm import Session

from models.content import Content
from process import access
from process.access import Actor
from process.identity import IdNumber, InvalidIdNumber
from process.library import library
from services import residents

MAX_LENGTH = 100
MAX_WORDS = 5


def matching(session: Session, actor: Actor, query: str, entity: Any = Content) -> ColumnElement[bool]:
    """The condition of a search.

    Where things are seen only masked, numbers and titles are searched, so that nobody confirms a name by trying it."""
    words = " ".join(query.split())[:MAX_LENGTH]
    number = func.upper(entity.number) == words.upper()
    # Where this actor only supervises, a hit would confirm what the page does not show.
    known = access.condition(in_full(actor), entity) if supervises(actor) else true()
    try:
        person = residents.find_by_id_number(session, IdNumber.parse(words).value)
        return and_(known, entity.applicant_id == (person.id if person and not only_masked(actor) else -1))
    except InvalidIdNumber:
        pass  # not an ID number, so it is words

    def having(column: Any) -> ColumnElement[bool]:
        return and_(*(column.icontains(word, autoescape=True) for word in words.split(" ")[:MAX_WORDS]))

    if only_masked(actor):
        return or_(number, having(entity.title))
    if supervises(actor):
        return or_(number, having(entity.title), and_(known, having(entity.search_text)))
    return or_(number, having(entity.search_text))


def supervises(actor: Actor) -> bool:
    """Some of this actor's sight is the masked one that a place grants."""
    return not actor.roles.isdisjoint(library.policy.get("view", ()))


def in_full(actor: Actor) -> Actor:
    """The same actor without the posts that see only masked."""
    masked = frozenset(library.policy.get("view", ()))
    return replace(actor, held=tuple(h for h in actor.held if h.role not in masked), roles=actor.roles - masked)


def only_masked(actor: Actor) -> bool:
    """All this actor's sight is the masked one that a place grants to supervisors and statisticians."""
    return bool(actor.roles) and actor.roles <= set(library.policy.get("view", ()))
