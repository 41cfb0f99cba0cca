"""The thread of a thing: internal notes of one unit or between both, messages with the resident."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.content import Content
from models.paper import Note
from process import access, journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput
from services.case_routing import above

# Who reads a line: the resident, the staff of both ends, or only the colleagues of one's own unit.
AUDIENCES = ("resident", "internal", "unit")
LONGEST = 2000
# Told of every line as it is written: a partner installation, the person's own channel.
Listener = Callable[[Session, Content, Note, Actor], None]
listeners: list[Listener] = []
SHOWN = 200


def add(session: Session, content: Content, actor: Actor, *, audience: str, text: str) -> Note:
    """Adds a line to the thread; the words stay out of the journal, which only says that there is one."""
    insider = access.may(actor, "internal", content, session)
    own = actor.resident_id is not None and actor.resident_id == content.applicant_id
    if audience not in AUDIENCES:
        raise InvalidInput(
            "请选择写给谁看：群众、两边单位，还是只给本单位。", {"audience": "resident、internal 或 unit"}
        )
    if not (insider or (audience == "resident" and (own or access.may(actor, access.VIEW_FULL, content, session)))):
        raise Forbidden("这一件不由您经手，不能在里面写话。")
    try:
        words = clean_text(text, LONGEST)
    except ValueError as problem:
        raise InvalidInput(str(problem), {"text": str(problem)}) from problem
    if not words:
        raise InvalidInput("还没有写内容，写好后再发。", {"text": "请写内容"})
    note = Note(
        content_id=content.id,
        audience="resident" if audience == "resident" else "internal",
        unit_id=unit_of(session, actor) if audience == "unit" else None,
        text=words,
        author_id=actor.person_id,
        at=now(),
    )
    if audience == "unit" and note.unit_id is None:
        raise InvalidInput(
            "您的账号没有所属单位，不能写只给本单位看的话。请选“两边单位”。", {"audience": "没有所属单位"}
        )
    session.add(note)
    journal.record(session, "note:add", actor, content=content, details={"audience": audience})
    for listener in listeners:
        listener(session, content, note, actor)
    return note


def unit_of(session: Session, actor: Actor) -> str | None:
    """Whom an actor belongs to, as neighbours would say: a grid to its community, a hall to its street."""
    unit = session.get(Agency, actor.unit_id) if actor.unit_id else None
    if unit is None:
        return None
    home = above(unit, "community", "village", "street", "town", "district", "city")
    return home.id if home is not None else unit.id


def reads(session: Session, actor: Actor, note: Note, insider: bool) -> bool:
    """Internal lines are for staff who work on the thing; some of them for one unit only."""
    if note.audience != "internal":
        return True
    return insider and (note.unit_id is None or note.unit_id == unit_of(session, actor))


def thread(session: Session, content: Content, actor: Actor) -> list[Note]:
    """The lines of a thing that this actor reads, oldest first; nothing for who sees it only masked."""
    if not access.may(actor, access.VIEW_FULL, content, session):
        return []
    insider = access.may(actor, "internal", content, session)
    statement = select(Note).where(Note.content_id == content.id).options(joinedload(Note.author))
    if not insider:
        statement = statement.where(Note.audience == "resident")
    else:
        statement = statement.where(or_(Note.unit_id.is_(None), Note.unit_id == unit_of(session, actor)))
    return list(session.scalars(statement.order_by(Note.id.desc()).limit(SHOWN)))[::-1]
