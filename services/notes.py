"""The thread of a thing: internal notes among colleagues, messages with the resident."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.paper import Note
from process import access, journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput

# Told of every line added, in the same transaction: session, thing, line, who.
listeners: list[Callable[[Session, Content, Note, Actor], None]] = []


def add(session: Session, content: Content, actor: Actor, *, audience: str, text: str) -> Note:
    """Adds a line to the thread; the words stay out of the journal, which only says that there is one."""
    insider = access.may(actor, "internal", content, session)
    own = actor.resident_id is not None and actor.resident_id == content.applicant_id
    if audience not in ("internal", "resident"):
        raise InvalidInput("请选择是发给群众还是记内部备注。", {"audience": "internal 或 resident"})
    if not (insider or (audience == "resident" and (own or access.may(actor, access.VIEW_FULL, content, session)))):
        raise Forbidden("这一件不由您经手，不能在里面写话。")
    try:
        words = clean_text(text, 2000)
    except ValueError as problem:
        raise InvalidInput(str(problem), {"text": str(problem)}) from problem
    if not words:
        raise InvalidInput("还没有写内容，写好后再发。", {"text": "请写内容"})
    note = Note(content_id=content.id, audience=audience, text=words, author_id=actor.person_id, at=now())
    session.add(note)
    journal.record(session, "note:add", actor, content=content, details={"audience": audience})
    for listener in listeners:
        listener(session, content, note, actor)
    return note
