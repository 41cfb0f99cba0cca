"""Walking the journal row by row: does every stream hang together, and is it what the signed heads say?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from sqlalchemy import Connection, String, cast, func, literal, select, type_coerce
from sqlalchemy.orm import Session

from models.ledger import JournalEntry
from process import digests
from process.digests import GENESIS
from process.heads import MARK, Book, Head, HeadsError, Sum

_T = JournalEntry.__table__
BATCH = 2_000


@dataclass(frozen=True)
class Finding:
    """The first row that does not fit, and why."""

    entry_id: int
    stream: str
    seq: int
    reason: str


def rows(connection: Connection) -> Iterator[Any]:
    """(id, digest, and what it is hashed over) by id; times and details as text, for converting them costs more than hashing."""
    if connection.dialect.name == "postgresql":
        at: Any = func.to_char(func.timezone("UTC", _T.c.at), 'YYYY-MM-DD"T"HH24:MI:SS.US')
        details: Any = cast(_T.c.details, String)
    else:
        at, details = func.replace(type_coerce(_T.c.at, String), " ", "T"), type_coerce(_T.c.details, String)
    statement = select(
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
    ).order_by(_T.c.id)
    for part in connection.execute(statement.execution_options(yield_per=BATCH)).partitions():
        yield from part


class Chains:
    """Every stream as far as it has been walked."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, str]] = {}

    def hole(self, row: Any) -> int:
        """The number in its stream of the row that should have come before this one; 0 when none is missing."""
        last_seq, _ = self._ends.get(row[4], (0, GENESIS))
        return last_seq + 1 if row[5] > last_seq + 1 else 0

    def follow(self, row: Any) -> str:
        """What is wrong with this row as the next one of its stream; empty when nothing is."""
        _, digest, previous, algorithm, stream, seq = row[:6]
        last_seq, last_digest = self._ends.get(stream, (0, GENESIS))
        if seq != last_seq + 1:
            return f"row {last_seq + 1} of the stream is missing" if seq > last_seq else "stands twice in its stream"
        if previous != last_digest:
            return "does not follow the row before it"
        if algorithm not in digests.ALGORITHMS:
            return f"names the algorithm {algorithm[:20]!r}, which this version does not know"
        text = row[17]
        try:
            details = {} if text == "{}" else json.loads(text)
            expected = digests.digest(algorithm, (*row[2:17], details))
        except (TypeError, ValueError):
            return "was changed after it was written: it cannot even be read"
        if digest != expected:
            return "was changed after it was written"
        self._ends[stream] = (seq, digest)
        return ""


class Witness:
    """What the signed heads say of every row, in the order of ids."""

    def __init__(self, heads: Iterable[Head]) -> None:
        self._expected = self._signed(heads)
        self._sum = Sum()
        self._next = next(self._expected, None)

    def _signed(self, heads: Iterable[Head]) -> Iterator[tuple[int, bytes, Head, bool]]:
        for head in heads:
            self._sum = Sum(head.before, head.algorithm)
            total = len(head.marks)
            for n, entry_id in enumerate(head.ids(), 1):
                yield entry_id, head.marks[(n - 1) * MARK : n * MARK], head, n * MARK == total

    def missing(self, entry_id: int | None) -> tuple[int, str] | None:
        """A signed row that should have come before this one, or at the end before nothing."""
        if self._next is None or (entry_id is not None and entry_id <= self._next[0]):
            return None
        return self._next[0], f"is gone: it stood in the head of {_time(self._next[2])}"

    def see(self, entry_id: int, digest: str) -> str:
        """What is wrong with this row; empty when nothing is, or when no head speaks of it yet."""
        if self._next is None:
            return ""
        expected, mark, head, last = self._next
        if entry_id < expected:
            return f"was put in after the head of {_time(head)} was signed"
        if self._sum.add(entry_id, digest) != mark or (last and self._sum.digest != head.digest):
            return f"is not the row that stood there when the head of {_time(head)} was signed"
        self._next = next(self._expected, None)
        return ""


def _time(head: Head) -> str:
    return f"{head.at:%Y-%m-%d %H:%M:%S} UTC"


@dataclass
class Report:
    """What was walked, the first row that does not fit, and what else is to be known."""

    rows: int = 0
    heads: int = 0
    signed: int = 0
    finding: Finding | None = None
    # What is wrong with the heads themselves.
    trouble: str = ""
    notes: list[str] = field(default_factory=list)


def examine(session: Session, book: Book | None = None, trusted: frozenset[str] = frozenset()) -> Report:
    """Walks every row in the order of ids: does it follow in its stream, and is it the one that was signed?"""
    report = Report()
    witness = Witness(_heads(book, trusted, report) if book is not None else ())
    chains = Chains()
    found = rows(session.connection())
    for row in found:
        report.rows += 1
        if missing := witness.missing(row[0]):
            report.finding = _lost(chains, missing, row, found)
            return report
        unsigned = witness.see(row[0], row[1])
        if reason := chains.follow(row) or unsigned:
            report.finding = Finding(row[0], row[4], row[5], reason)
            return report
    if missing := witness.missing(None):
        report.finding = Finding(missing[0], "", 0, missing[1] + ", and nothing that follows is left of its stream")
    return report


def _heads(book: Book, trusted: frozenset[str], report: Report) -> list[Head]:
    # The file is read before the rows, so that no head speaks of rows which came after our picture of the table.
    heads: list[Head] = []
    try:
        for head in book.heads(trusted, book.size()) if book.size() else ():
            report.heads += 1
            if head.reason:
                report.notes.append(f"the heads were begun anew at {_time(head)}: {head.reason}")
                heads.clear()
            heads.append(head)
    except HeadsError as error:
        report.trouble = str(error)
    report.signed = heads[-1].rows if heads else 0
    return heads


def _lost(chains: Chains, missing: tuple[int, str], row: Any, rest: Iterator[Any]) -> Finding:
    """A row that is gone is named by the hole it left in its stream, if anything follows there."""
    entry_id, reason = missing
    for follower in chain([row], rest):
        if hole := chains.hole(follower):
            return Finding(entry_id, follower[4], hole, reason)
        if chains.follow(follower):
            break
    return Finding(entry_id, "", 0, reason + ", and nothing that follows is left of its stream")


def verify(session: Session) -> tuple[int, Finding | None]:
    """The streams alone, without the heads: the number of rows read and the first bad one."""
    report = examine(session)
    return report.rows, report.finding
