"""Walking the journal row by row: does every stream hang together, and is it what the signed heads say?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, String, cast, func, literal, select, type_coerce
from sqlalchemy.orm import Session

from models.ledger import JournalEntry
from process import digests
from process.digests import GENESIS

_T = JournalEntry.__table__
BATCH = 2_000


@dataclass(frozen=True)
class Finding:
    """The first row that does not fit, and why."""

    entry_id: int
    stream: str
    seq: int
    reason: str


def rows(connection: Connection, *, after: int = 0, until: int | None = None) -> Iterator[Any]:
    """(id, digest, and what it is hashed over) by id; times and details as text, for converting them costs more than hashing."""
    if connection.dialect.name == "postgresql":
        at: Any = func.to_char(func.timezone("UTC", _T.c.at), 'YYYY-MM-DD"T"HH24:MI:SS.US')
        details: Any = cast(_T.c.details, String)
    else:
        at, details = func.replace(type_coerce(_T.c.at, String), " ", "T"), type_coerce(_T.c.details, String)
    statement = (
        select(
            _T.c.id,
            _T.c.digest,
            _T.c.previous,
            _T.c.algorithm,
            _T.c.stream,
            _T.c.seq,
            (at + literal("+00:00")).label("at"),
            _T.c.action,
            _T.c.content_id,
            _T.c.district,
            _T.c.person_id,
            _T.c.principal_id,
            _T.c.substitute_for_id,
            _T.c.unit_id,
            _T.c.from_state,
            _T.c.to_state,
            _T.c.comment,
            details.label("details"),
        )
        .where(_T.c.id > after)
        .order_by(_T.c.id)
    )
    if until is not None:
        statement = statement.where(_T.c.id <= until)
    for part in connection.execute(statement.execution_options(yield_per=BATCH)).partitions():
        yield from part


class Chains:
    """Every stream as far as it has been walked."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, str]] = {}

    def follow(self, row: Any) -> str:
        """What is wrong with this row as the next one of its stream; empty when nothing is."""
        _, digest, previous, algorithm, stream, seq = row[:6]
        last_seq, last_digest = self._ends.get(stream, (0, GENESIS))
        if seq != last_seq + 1:
            return f"row {last_seq + 1} of the stream is missing" if seq > last_seq else "stands twice in its stream"
        if previous != last_digest:
            return "does not follow the row before it"
        hashing = digests.ALGORITHMS.get(algorithm)
        if hashing is None:
            return f"names the algorithm {algorithm[:20]!r}, which this version does not know"
        text = row[17]
        try:
            details = {} if text == "{}" else json.loads(text)
            expected = hashing(digests.body(*row[2:17], details))
        except (TypeError, ValueError):
            return "was changed after it was written: its details cannot be read"
        if digest != expected:
            return "was changed after it was written"
        self._ends[stream] = (seq, digest)
        return ""


def verify(session: Session) -> tuple[int, Finding | None]:
    """Walks every stream in the order of writing; returns the number of rows read and the first bad one."""
    chains, count = Chains(), 0
    for row in rows(session.connection()):
        count += 1
        if reason := chains.follow(row):
            return count, Finding(row[0], row[4], row[5], reason)
    return count, None
