"""Words written by hand in the thread: to the resident on their ways, and from the resident to whoever has the matter."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.exchange import ExchangeTicket
from models.message import Message
from models.paper import Note
from models.person import Person
from process.access import Actor
from services import notes, notices
from services.messages import facts, staff, telling


def heard(session: Session, content: Content, note: Note, actor: Actor) -> None:
    """A line for the resident goes out like every other message; a line of the resident reaches the holder's desk."""
    if note.audience != "resident":
        return
    session.flush()
    if actor.resident_id is not None and actor.resident_id == content.applicant_id:
        answered(session, content, note, actor)
    elif content.applicant is not None and not _told_by_partner(session, content):
        written(session, content, note, actor)


def _told_by_partner(session: Session, content: Content) -> bool:
    """Filed in another city: the line goes there, and that city tells its own resident. Told twice helps nobody."""
    side = session.scalar(select(ExchangeTicket.side).where(ExchangeTicket.content_id == content.id))
    return side == "decides"


def written(session: Session, content: Content, note: Note, actor: Actor) -> Message | None:
    assert content.applicant is not None
    found = replace(facts.of(session, content), text=note.text)
    return telling.tell(
        session,
        "manual",
        content.applicant,
        found,
        content=content,
        once=f"note:{note.id}",
        actor=actor,
        note_id=note.id,
    )


def answered(session: Session, content: Content, note: Note, actor: Actor) -> None:
    """Whoever has the matter hears that the resident wrote, and so does the station that answers for it."""
    holder = notices.holder(session, content)
    unit = telling.answerable(session, content)
    readers = [holder] if holder is not None else []
    away = isinstance(holder, Person) and (holder.unit is None or not holder.unit.path.startswith(unit.path))
    if holder is None or away or (not isinstance(holder, Person) and holder.id != unit.id):
        readers.append(unit)
    for reader in readers:
        notices.notify(
            session,
            content,
            to=reader,
            kind="answer",
            text=staff.words("answer"),
            once=f"answer:{note.id}",
            actor=actor,
        )


notes.listeners.append(heard)
