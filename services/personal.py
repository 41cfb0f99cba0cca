"""One personal value in full: only inside one thing, only for a reason, and the person it is about can see who looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.case import Case
from models.content import Content
from models.ledger import JournalEntry
from process import access, field_access, journal
from process.access import Actor
from process.definition import Title
from process.field_rules import HIDDEN
from process.inputs import clean_text
from process.library import library
from process.refusals import InvalidInput, NotFound
from services import case_forms, drip, visits

APPLICANT = "applicant."
PARTS = {
    "id_number": Title("身份证号", "ID number"),
    "phone": Title("电话", "Telephone"),
    "address": Title("住址", "Address"),
    "household_address": Title("户籍地址", "Registered address"),
}
READING = "personal:reveal"
SHOWN = 200


@dataclass(frozen=True)
class Value:
    """A field with its title, and the value as it stands."""

    name: str
    title: Title
    value: Any


@dataclass(frozen=True)
class Reading:
    """Somebody looked: at what, when, why."""

    entry: JournalEntry
    type_id: str
    uid: str | None
    number: str | None
    field: Title | None


def find(session: Session, content: Content, actor: Actor, name: str) -> Value:
    """The field, if there is such a one and this actor may come to see it; otherwise it is not there at all."""
    if not access.may(actor, access.VIEW_FULL, content, session) or name in visits.hidden(session, content, actor):
        raise NotFound()
    title = title_of(content, name)
    if title is None:
        raise NotFound()
    spec = library.type(content.type).field("applicant" if name.startswith(APPLICANT) else name)
    if spec is not None and field_access.right(session, content, spec, actor, full=True) == HIDDEN:
        raise NotFound()
    if name.startswith(APPLICANT):
        return Value(name, title, getattr(content.applicant, name.removeprefix(APPLICANT)))
    if spec is not None and spec.kind == "applicant":
        raise NotFound()
    own = spec is not None and spec.name in type(content).__mapper__.columns and spec.name not in ("fields", "private")
    return Value(name, title, getattr(content, name) if own else content.values.get(name))


def title_of(content: Content, name: str) -> Title | None:
    """What the field is called; None where the thing has no such field."""
    if name.startswith(APPLICANT):
        return PARTS.get(name.removeprefix(APPLICANT)) if content.applicant is not None else None
    spec = library.type(content.type).field(name)
    if spec is not None:
        return spec.title
    if isinstance(content, Case) and content.item is not None:
        for question in case_forms.form_of(content.item).fields:
            if question.name == name:
                return Title(question.title["zh"], question.title["en"])
    return None


def reveal(session: Session, content: Content, actor: Actor, name: str, reason: str) -> Value:
    """The value in full. Field, reason and reader go into the journal; the value never does."""
    found = find(session, content, actor, name)
    try:
        why = clean_text(reason, 200)
    except ValueError as problem:
        raise InvalidInput(f"原因{problem}。", {"reason": str(problem)}) from problem
    if not why:
        raise InvalidInput("请写明为什么要看，例如“电话通知补材料”。", {"reason": "请写明原因"})
    drip.opening(session, actor)
    journal.record(session, READING, actor, content=content, comment=why, details={"field": name})
    return found


def readings(session: Session, actor: Actor) -> list[Reading]:
    """谁看过我的信息: every time somebody else had this resident's data in full before them, newest first."""
    if actor.resident_id is None:
        raise NotFound()
    rows = session.execute(
        select(JournalEntry, Content)
        .join(Content, Content.id == JournalEntry.content_id)
        .where(
            JournalEntry.action == READING,
            Content.applicant_id == actor.resident_id,
            JournalEntry.person_id != actor.person_id,
        )
        .options(joinedload(JournalEntry.person), joinedload(JournalEntry.unit))
        .order_by(JournalEntry.id.desc())
        .limit(SHOWN)
    ).all()
    things = {content.id for _, content in rows}
    # That somebody looked is always told; the way to the thing only where the resident may see the thing.
    seen = set(session.scalars(access.visible(select(Content.id).where(Content.id.in_(things)), actor)))
    return [
        Reading(
            entry,
            content.type,
            content.uid if content.id in seen else None,
            content.number if content.id in seen else None,
            title_of(content, str(entry.details["field"])) if (entry.details or {}).get("field") else None,
        )
        for entry, content in rows
    ]
