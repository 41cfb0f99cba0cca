"""The counter and the hall: which number sits at the window, what came of it, and that it is finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from models.case import Case
from models.content import Content
from models.hall import HallTicket
from process.access import Actor
from services import hall


@dataclass(frozen=True)
class Called:
    """The number at this window."""

    uid: str
    ticket: str
    counter: str
    items: tuple[str, ...]


def current(session: Session, actor: Actor) -> Called | None:
    """Whom this clerk has called and not yet finished."""
    one = hall.current(session, actor)
    return _called(session, actor, one) if one is not None else None


def may_call(session: Session, actor: Actor) -> bool:
    """Whether this clerk sits at a counter of a hall; who does not takes whoever comes in."""
    return hall.my_counter(session, actor) is not None


def call(session: Session, actor: Actor) -> Called | None:
    """叫下一位: None when nobody waits."""
    counter = hall.my_counter(session, actor)
    if counter is None:
        return None
    one = hall.call_next(session, actor, counter)
    return _called(session, actor, one) if one is not None else None


def _called(session: Session, actor: Actor, one: HallTicket) -> Called:
    content = session.get_one(Content, one.content_id)
    counter = hall.my_counter(session, actor)
    named = [matter.item for matter in hall.matters(session, actor, one) if getattr(matter, "item", "")]
    return Called(content.uid, one.ticket or "", counter.code if counter is not None else "", tuple(named))


def note(session: Session, actor: Actor, ticket_uid: str | None, cases: Sequence[Case]) -> None:
    """The cases that came of the number at this window."""
    one = _mine(session, actor, ticket_uid)
    if one is not None:
        for case in cases:
            hall.link_case(session, actor, one, case)


def finish(session: Session, actor: Actor, ticket_uid: str | None, cases: Sequence[Case]) -> None:
    """The visitor gets up: the number is done."""
    if _mine(session, actor, ticket_uid) is not None:
        hall.finish(session, actor, (cases[0].number or "") if cases else "")


def _mine(session: Session, actor: Actor, ticket_uid: str | None) -> HallTicket | None:
    one = hall.current(session, actor) if ticket_uid else None
    if one is None or session.get_one(Content, one.content_id).uid != ticket_uid:
        return None
    return one
