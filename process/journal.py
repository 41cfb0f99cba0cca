"""The append-only record: one row for everything that happened, chained by hash within its stream.

Written on every request, so it costs one SELECT and one INSERT without the unit of work. How it is checked stands in
`journal_verify.py`, the signed heads outside the database in `heads.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Dialect, Table, text
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.ledger import JournalEntry
from models.person import Person
from process import digests
from process.access import Actor
from process.digests import GENESIS
from process.journal_verify import Finding as Finding
from process.journal_verify import verify as verify

_TABLE = cast(Table, JournalEntry.__table__)
_COLUMNS = tuple(column.name for column in _TABLE.columns if column.name != "id")
_LAST = text("SELECT seq, digest FROM journal WHERE stream = :stream ORDER BY seq DESC LIMIT 1")
_LOCK_CONTENT = text("SELECT id FROM content WHERE id = :content FOR UPDATE")
_LOCK_STREAM = text("SELECT pg_advisory_xact_lock(hashtext(:stream))")
_algorithm = "sha256"


class Written(NamedTuple):
    """Where the row stands, and what the next one will refer to."""

    stream: str
    seq: int
    digest: str


def configure(algorithm: str) -> None:
    """Which algorithm new rows use (JOURNAL_ALGORITHM); rows already written keep their own."""
    global _algorithm
    if algorithm not in digests.ALGORITHMS:
        raise ValueError(f"the journal knows {', '.join(digests.ALGORITHMS)}, not {algorithm}")
    _algorithm = algorithm


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
    principal: Person | None = None,
    at: datetime | None = None,
    flush: bool = True,
    locked: bool = False,
    first: bool = False,
) -> Written:
    """Appends one row to the stream of the thing (or the named one). Must be called inside the transaction of the effect.

    `flush=False`: the caller has flushed what the row refers to. `locked` and `first`: see `append`."""
    if flush or (content is not None and content.id is None):
        session.flush()
    return append(
        session.connection(),
        action,
        stream=stream or (content.uid if content is not None else "system"),
        at=at or now(),
        content_id=content.id if content is not None else None,
        district=content.district if content is not None else "",
        person_id=actor.person_id if actor else None,
        unit_id=actor.unit_id if actor else None,
        principal_id=principal.id if principal else None,
        substitute_for_id=on_behalf_of.id if on_behalf_of else None,
        from_state=from_state,
        to_state=to_state,
        comment=comment,
        details=details,
        locked=locked,
        first=first,
    )


def append(
    connection: Connection,
    action: str,
    *,
    stream: str,
    at: datetime,
    content_id: int | None = None,
    district: str = "",
    person_id: int | None = None,
    unit_id: str | None = None,
    principal_id: int | None = None,
    substitute_for_id: int | None = None,
    from_state: str | None = None,
    to_state: str | None = None,
    comment: str | None = None,
    details: dict[str, Any] | None = None,
    locked: bool = False,
    first: bool = False,
) -> Written:
    """The same from plain values, for whoever writes without the ORM.

    `locked`: this transaction already holds the row of the thing, so nobody else can be writing in its stream.
    `first`: the stream begins with this row (the thing was made just now); then nothing need be read."""
    dialect = connection.dialect
    ask, insert, stored_at, given = _ways.get(dialect.name) or _way(dialect)
    seq, previous = 1, GENESIS
    if not first:
        if not locked and dialect.name == "postgresql":
            _serialise(connection, content_id, stream)
        last = connection.exec_driver_sql(ask, given({"stream": stream}, ("stream",))).first()
        if last is not None:
            seq, previous = last[0] + 1, last[1]
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    at = at.astimezone(UTC)
    comment = comment or None
    noted = digests.plain(details) if details else {}
    moment = at.isoformat(timespec="microseconds")
    who = (person_id, principal_id, substitute_for_id, unit_id)
    said = (stream, seq, moment, action, content_id, district, *who, from_state, to_state, comment, noted)
    digest = digests.digest(_algorithm, (previous, _algorithm, *said))
    row = {
        "stream": stream,
        "seq": seq,
        "at": stored_at(at),
        "action": action,
        "content_id": content_id,
        "district": district,
        "person_id": person_id,
        "principal_id": principal_id,
        "substitute_for_id": substitute_for_id,
        "unit_id": unit_id,
        "from_state": from_state,
        "to_state": to_state,
        "comment": comment,
        "details": digests.canonical(noted),
        "algorithm": _algorithm,
        "previous": previous,
        "digest": digest,
    }
    connection.exec_driver_sql(insert, given(row, _COLUMNS))
    return Written(stream, seq, digest)


def _serialise(connection: Connection, content_id: int | None, stream: str) -> None:
    # Two writers of one stream would draw the same seq; on SQLite the write lock already keeps them apart.
    if content_id is not None:
        connection.execute(_LOCK_CONTENT, {"content": content_id})
    else:
        connection.execute(_LOCK_STREAM, {"stream": f"journal:{stream}"})


Way = tuple[str, str, Callable[[datetime], Any], Callable[[dict[str, Any], tuple[str, ...]], Any]]
_ways: dict[str, Way] = {}


def _way(dialect: Dialect) -> Way:
    """The two statements in the driver's own words, compiled once: on this path the ORM costs ten times the work."""
    ask = str(_LAST.compile(dialect=dialect))
    insert = str(_TABLE.insert().inline().compile(dialect=dialect, column_keys=list(_COLUMNS)))
    if dialect.name == "sqlite":
        _ways["sqlite"] = ask, insert, _sqlite_time, lambda row, order: tuple(row[key] for key in order)
    else:
        _ways[dialect.name] = ask, insert, lambda at: at, lambda row, order: row
    return _ways[dialect.name]


def _sqlite_time(at: datetime) -> str:
    # As SQLAlchemy keeps a DateTime there.
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")
