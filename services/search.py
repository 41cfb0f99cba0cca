"""One search for pages and API: number, words, or a whole ID number, over what the actor may see."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_
from sqlalchemy.orm import Session

from models.content import Content
from process.access import Actor
from process.identity import IdNumber, InvalidIdNumber
from process.library import library
from services import residents

MAX_LENGTH = 100
MAX_WORDS = 5


def matching(session: Session, actor: Actor, query: str, entity: Any = Content) -> ColumnElement[bool]:
    """The condition of a search. Whoever sees things only masked searches numbers and titles, so that nobody confirms a name by trying it."""
    words = " ".join(query.split())[:MAX_LENGTH]
    number = func.upper(entity.number) == words.upper()
    try:
        person = residents.find_by_id_number(session, IdNumber.parse(words).value)
        return entity.applicant_id == (person.id if person and not only_masked(actor) else -1)
    except InvalidIdNumber:
        pass  # not an ID number, so it is words
    column = entity.title if only_masked(actor) else entity.search_text
    return or_(number, and_(*(column.icontains(word, autoescape=True) for word in words.split(" ")[:MAX_WORDS])))


def only_masked(actor: Actor) -> bool:
    """All this actor's sight is the masked one that a place grants to supervisors and statisticians."""
    return bool(actor.roles) and actor.roles <= set(library.policy.get("view", ()))
