"""The append-only record: one row for everything that happened, chained by hash within its stream."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.ledger import JournalEntry
from models.person import Person
from process.access import Actor

GENESIS = "0" * 64
ALGORITHM = "sha256"


def record(
    session: Session,
    action: str,
    actor: Actor | None,
    *,
    content: Content | None = None,
    stream: str | None = None,
    from_state: str | None = None,
    to_state: str | None = None,
    comment: str | None = None,
    details: dict[str, Any] | None = None,
    on_behalf_of: Person | None = None,
    at: datetime | None = None,
) -> JournalEntry:
    """Appends one row to the stream of the thing (or the named one). Must be called inside the transaction of the effect."""
    stream = stream or (content.uid if content is not None else "system")
    _serialise(session, content, stream)
    last = session.execute(
        select(JournalEntry.seq, JournalEntry.digest)
        .where(JournalEntry.stream == stream)
        .order_by(JournalEntry.seq.desc())
        .limit(1)
    ).first()
    entry = JournalEntry(
        stream=stream,
        seq=(last.seq + 1 if last else 1),
        at=at or now(),
        action=action,
        content_id=content.id if content is not None else None,
        district=content.district if content is not None else "",
        person_id=actor.person_id if actor else None,
        unit_id=actor.unit_id if actor else None,
        substitute_for_id=on_behalf_of.id if on_behalf_of else None,
        from_state=from_state,
        to_state=to_state,
        comment=comment or None,
        details=details or {},
        algorithm=ALGORITHM,
        previous=last.digest if last else GENESIS,
        digest="",
    )
    entry.digest = digest_of(entry)
    session.add(entry)
    session.flush()
    return entry


def _serialise(session: Session, content: Content | None, stream: str) -> None:
    # Two writers of one stream would draw the same seq; on SQLite the write lock already keeps them apart.
    if session.get_bind().dialect.name != "postgresql":
        return
    if content is not None:
        session.execute(select(Content.id).where(Content.id == content.id).with_for_update())
    else:
        from sqlalchemy import text

        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:stream))"), {"stream": f"journal:{stream}"})


def digest_of(entry: JournalEntry) -> str:
    """Hash over the previous digest and every column that says something, in a fixed order."""
    body = [
        entry.previous,
        entry.algorithm,
        entry.stream,
        entry.seq,
        entry.at.isoformat(timespec="microseconds"),
        entry.action,
        entry.content_id,
        entry.district,
        entry.person_id,
        entry.principal_id,
        entry.substitute_for_id,
        entry.unit_id,
        entry.from_state,
        entry.to_state,
        entry.comment,
        entry.details,
    ]
    return hashlib.sha256(
        json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


@dataclass(frozen=True)
class Finding:
    """The first row that does not fit, and why."""

    entry_id: int
    stream: str
    seq: int
    reason: str


def verify(session: Session) -> tuple[int, Finding | None]:
    """Walks every stream; returns the number of rows read and the first bad one."""
    heads: dict[str, tuple[int, str]] = {}
    count = 0
    for entry in session.scalars(
        select(JournalEntry).order_by(JournalEntry.stream, JournalEntry.seq).execution_options(yield_per=1000)
    ):
        count += 1
        seq, previous = heads.get(entry.stream, (0, GENESIS))
        if entry.seq != seq + 1:
            return count, Finding(entry.id, entry.stream, entry.seq, f"row {seq + 1} of the stream is missing")
        if entry.previous != previous:
            return count, Finding(entry.id, entry.stream, entry.seq, "does not follow the row before it")
        if entry.digest != digest_of(entry):
            return count, Finding(entry.id, entry.stream, entry.seq, "was changed after it was written")
        heads[entry.stream] = (entry.seq, entry.digest)
    return count, None
