"""What a resident was told, in one list of their own."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from models.base import now
from models.message import Message
from process.access import Actor
from process.refusals import NotFound

LIMIT = 100


def listed(session: Session, actor: Actor, limit: int = LIMIT) -> Sequence[Message]:
    """This resident's messages, newest first. Somebody who is no resident has none."""
    if actor.resident_id is None:
        return []
    statement = select(Message).where(Message.resident_id == actor.resident_id).options(selectinload(Message.content))
    return session.scalars(statement.order_by(Message.id.desc()).limit(limit)).all()


def unread(session: Session, actor: Actor) -> int:
    """How many this resident has not read; counted up to a hundred, because the bell says no more than 99+."""
    if actor.resident_id is None:
        return 0
    few = select(Message.id).where(Message.resident_id == actor.resident_id, Message.read_at.is_(None)).limit(LIMIT)
    return session.scalar(select(func.count()).select_from(few.subquery())) or 0


def read(session: Session, actor: Actor, uid: str | None = None) -> int:
    """Marks one message, or all of this resident's, as read. Somebody else's answers like one that is not there."""
    statement = select(Message).where(Message.resident_id == actor.resident_id, Message.resident_id.is_not(None))
    if uid is not None:
        found = session.scalars(statement.where(Message.uid == uid)).all()
        if not found:
            raise NotFound()
    else:
        found = session.scalars(statement.where(Message.read_at.is_(None)).limit(LIMIT * 10)).all()
    for message in found:
        message.read_at = message.read_at or now()
    return len(found)
