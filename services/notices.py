"""Telling a colleague: one line on the desk, written once, read once, journalled without personal data; whatever else
they hear of it (the work chat) hangs on this line, so that there is one way of telling."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, false, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, contains_eager

from models.agency import Agency
from models.base import now
from models.content import Content
from models.notice import Notice
from models.person import Person
from process import access, journal
from process.access import Actor
from process.refusals import NotFound
from services.messages import staff

LIMIT = 100
# The longest texts and parameters that are kept; whoever writes rules is told before (see models/notice.py).
LONGEST = 300


def notify(
    session: Session,
    content: Content | None,
    *,
    to: Person | Agency,
    kind: str,
    text: str,
    params: Mapping[str, Any] | None = None,
    once: str = "",
    state: str | None = None,
    actor: Actor | None = None,
    action: str = "notice:send",
) -> Notice | None:
    """Tells a person, or whoever works at a unit. None: they have been told this already.

    The same text about the same thing waits at most once unread. With `once` it is told once for ever: two workers that
    both believe it is their turn write one notice. With `state` it is over when the thing has left that state. `text` is
    a sentence of the product (`N_`) or an administrator's own
    words; `params` fill it and must not be personal data, as the journal gets neither text nor params."""
    values = dict(params or {})
    reader = f"p{to.id}" if isinstance(to, Person) else f"u{to.id}"
    about = content.id if content is not None else 0
    said = hashlib.sha256(json.dumps([kind, about, text, values], ensure_ascii=False, sort_keys=True).encode())
    key = f"once:{reader}:{_short(once)}" if once else f"unread:{reader}:{said.hexdigest()[:32]}"
    session.flush()
    notice_id = session.scalar(
        _insert(session)
        .values(
            district=content.district if content is not None else "",
            person_id=to.id if isinstance(to, Person) else None,
            unit_id=to.id if isinstance(to, Agency) else None,
            content_id=content.id if content is not None else None,
            kind=kind,
            text=text[:LONGEST],
            params=values,
            state=state,
            key=key,
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(Notice.id)
    )
    if notice_id is None:
        return None
    recipient = {"person": to.id} if isinstance(to, Person) else {"unit": to.id}
    journal.record(session, action, actor, content=content, details={"kind": kind, "notice": notice_id, **recipient})
    notice = session.get_one(Notice, notice_id)
    staff.also_by_chat(session, notice)
    return notice


def _insert(session: Session) -> Any:
    dialect = session.get_bind().dialect.name
    return postgresql.insert(Notice) if dialect == "postgresql" else sqlite.insert(Notice)


def _short(once: str) -> str:
    return once if len(once) <= 70 else hashlib.sha256(once.encode()).hexdigest()


def holder(session: Session, content: Content) -> Person | Agency | None:
    """Who has a thing now: the person, else the unit in whose inbox it lies."""
    if content.assignee_id is not None:
        return session.get(Person, content.assignee_id)
    return session.get(Agency, content.unit_id or content.place_id)


def unread(session: Session, actor: Actor, limit: int = LIMIT) -> Sequence[Notice]:
    """What this actor has not read yet, newest first: their own and their units', without what the thing has left behind."""
    return _rows(session, _mine(actor, *_waiting()), limit)


def listed(session: Session, actor: Actor, limit: int = LIMIT) -> Sequence[Notice]:
    """Read and unread, newest first."""
    return _rows(session, _mine(actor), limit)


def _rows(session: Session, statement: Any, limit: int) -> Sequence[Notice]:
    statement = statement.options(contains_eager(Notice.content)).order_by(Notice.id.desc()).limit(limit)
    return list(session.scalars(statement).unique())


def count(session: Session, actor: Actor) -> int:
    """How many wait unread; counted up to a hundred, because the bell says no more than 99+."""
    if actor.person_id is None:
        return 0
    few = _mine(actor, *_waiting()).with_only_columns(Notice.id).limit(LIMIT).subquery()
    return session.scalar(select(func.count()).select_from(few)) or 0


def seen(session: Session, actor: Actor, notices: Sequence[Notice]) -> set[int]:
    """Ids of the things behind these notices that the actor may see: of the others neither number nor title is shown."""
    ids = {notice.content_id for notice in notices if notice.content_id is not None}
    if not ids:
        return set()
    return set(session.scalars(access.visible(select(Content.id).where(Content.id.in_(ids)), actor, Content)))


def read(session: Session, actor: Actor, notice_id: int) -> None:
    """Marks one as read. Somebody else's answers like one that is not there."""
    found = session.scalar(_mine(actor, Notice.id == notice_id))
    if found is None:
        raise NotFound()
    _mark(session, actor, [found.id])


def read_all(session: Session, actor: Actor) -> int:
    """Marks everything as read that waits for this actor; answers how many."""
    ids = [notice.id for notice in unread(session, actor)]
    _mark(session, actor, ids)
    return len(ids)


def _mark(session: Session, actor: Actor, ids: Sequence[int]) -> None:
    for notice in session.scalars(select(Notice).where(Notice.id.in_(ids), Notice.read_at.is_(None))):
        notice.read_at, notice.read_by_id = now(), actor.person_id
        # The row gives its key back, so that the same may be told again another time.
        if notice.key.startswith("unread:"):
            notice.key = f"read:{notice.id}"
    session.flush()


def supersede(session: Session, content: Content, kind: str) -> None:
    """A later notice says more than this one: who has not read it yet need not."""
    session.execute(
        update(Notice)
        .where(Notice.content_id == content.id, Notice.kind == kind, Notice.read_at.is_(None))
        .values(read_at=now())
    )


def _waiting() -> tuple[ColumnElement[bool], ...]:
    return Notice.read_at.is_(None), or_(Notice.state.is_(None), Notice.state == Content.state)


def _mine(actor: Actor, *conditions: ColumnElement[bool]) -> Any:
    """Notices to this actor, or to a unit where they work or hold a post."""
    if actor.person_id is None:
        return select(Notice).where(false())
    units = {held.path.rstrip("/").rpartition("/")[2] for held in actor.held if held.path != "/"}
    units |= {actor.unit_id} if actor.unit_id else set()
    if actor.resident_id is not None:
        # A resident lives in a community, but what is told to its staff is not theirs.
        units = set()
    told = or_(Notice.person_id == actor.person_id, Notice.unit_id.in_(sorted(units)) if units else false())
    return select(Notice).join(Content, Content.id == Notice.content_id, isouter=True).where(told, *conditions)
