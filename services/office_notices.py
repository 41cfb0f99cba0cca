"""Who hears of what colleagues do with a thing: passed on, asked, signed, copied, urged."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.person import Person
from models.task import CONSULT, OPEN, SIGNER, Task
from process import registry, tasks
from process.access import Actor
from process.registry import Step
from services import notices
from services.messages import staff

# The words stand in catalogue/messages.yaml, with everything else that is told.
EVENTS = frozenset(
    {
        "office:transfer",
        "office:consult",
        "office:add_signer",
        "office:copy",
        "office:urge",
        "task:answered",
        "task:agreed",
        "task:refused",
    }
)


def tell(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Listens to the verbs of the office; the words written with them stay in the thing and are not repeated in the notice."""
    if event not in EVENTS:
        return
    for reader in _readers(session, content, event):
        if not (isinstance(reader, Person) and reader.id == actor.person_id):
            notices.notify(session, content, to=reader, kind=event, text=staff.words(event), actor=actor)


def _readers(session: Session, content: Content, event: str) -> list[Any]:
    match event:
        case "office:transfer" | "office:urge" | "office:consult" | "task:answered":
            holder = notices.holder(session, content)
            return [holder] if holder is not None else []
        case "office:add_signer":
            return [t.person for t in _last(session, content, SIGNER) if t.person is not None]
        case "office:copy":
            return [p.person for p in content.people if p.relation == "copied" and p.until is None][-1:]
        case _:
            # An opinion: whoever asked for it, else whoever has the thing.
            asked = [t.asked_by for t in tasks.of(session, content) if t.kind != CONSULT and t.asked_by is not None]
            holder = notices.holder(session, content)
            return asked[-1:] or ([holder] if holder is not None else [])


def _last(session: Session, content: Content, kind: str) -> list[Task]:
    statement = select(Task).where(Task.content_id == content.id, Task.kind == kind, Task.state == OPEN)
    return list(session.scalars(statement.order_by(Task.id.desc()).limit(1)))


registry.listeners.append(tell)
