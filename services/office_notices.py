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
from process.words import N_
from services import notices

SENTENCES = {
    "office:transfer": N_("转派给您办理"),
    "office:consult": N_("请您出意见，办完自动回到委派人"),
    "office:add_signer": N_("请您会签"),
    "office:copy": N_("抄送给您"),
    "office:urge": N_("有人催办，请尽快办理"),
    "task:answered": N_("您委派的意见已经回来"),
    "task:agreed": N_("会签同意"),
    "task:refused": N_("会签不同意，请看理由"),
}


def tell(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Listens to the verbs of the office; the words written with them stay in the thing and are not repeated in the notice."""
    if event not in SENTENCES:
        return
    for reader in _readers(session, content, event):
        if not (isinstance(reader, Person) and reader.id == actor.person_id):
            notices.notify(session, content, to=reader, kind=event, text=SENTENCES[event], actor=actor)


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
