"""Keeps the index of words true: what a transaction wrote is in the index when it commits, and when somebody searches before."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, event, inspect, select, text
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.orm.session import UOWTransaction

from models.content import Content, ContentPerson, ContentPlace
from models.resident import Resident
from models.search import ContentSearch, NameReading
from process import terms
from process.terms import INITIALS, KEPT, NUMBER, REACH

WATCHED = (
    "title",
    "number",
    "search_text",
    "type",
    "place_path",
    "owner_id",
    "assignee_id",
    "applicant_id",
    "closed_at",
)
OPEN = f"{REACH}open"
# Things of about the same age, so that PostgreSQL can begin with the newest.
BUCKET = 14
BATCH = 500
_PENDING = "search_pending"
_C, _R = Content.__table__, Resident.__table__


@dataclass
class Facts:
    """Everything of one thing that somebody may find it by."""

    id: int
    district: str
    type: str
    title: str
    number: str | None
    search_text: str
    path: str
    owner_id: int | None
    assignee_id: int | None
    applicant_id: int | None
    closed_at: datetime | None
    name: str | None
    further: list[str] = field(default_factory=list)
    drawn: list[int] = field(default_factory=list)
    readings: Sequence[str] = ()

    def terms(self) -> list[str]:
        """The terms of this thing, sorted."""
        shown = terms.grams(self.title) | terms.grams(self.number or "")
        hidden = terms.grams(f"{self.search_text} {self.name or ''}") - shown
        found = shown | {KEPT + one for one in hidden}
        found |= {NUMBER + one for one in terms.pieces(self.number or "")}
        if self.name:
            found |= {INITIALS + one for one in terms.initials(self.name, self.readings)}
        return sorted(found) + sorted(self._reach())

    def _reach(self) -> Iterator[str]:
        yield type_term(self.type)
        yield bucket_term(self.id)
        if self.closed_at is None:
            yield OPEN
        places = {name for path in (self.path, *self.further) for name in path.strip("/").split("/") if name}
        yield from (place_term(name) for name in places)
        for kind, one in (("o", self.owner_id), ("a", self.assignee_id), ("r", self.applicant_id)):
            if one is not None:
                yield person_term(kind, one)
        yield from (person_term("d", one) for one in set(self.drawn))


def type_term(name: str) -> str:
    return f"{REACH}y:{name}"


def place_term(agency_id: str) -> str:
    """At this agency or below it, whatever brought the thing there."""
    return f"{REACH}p:{agency_id}"


def place_in_bucket(term: str, bucket: int) -> str:
    """The same place among the things of about one age."""
    return f"{term}/{bucket}"


def is_place(term: str) -> bool:
    return term.startswith(f"{REACH}p:") and "/" not in term


def person_term(kind: str, one: int) -> str:
    """`o` begun by, `a` with, `r` about, `d` drawn in."""
    return f"{REACH}{kind}:{one}"


def bucket_term(content_id: int) -> str:
    return f"{REACH}b:{content_id >> BUCKET}"


# What a transaction has touched


@event.listens_for(Session, "after_flush")
def _notice(session: Session, _context: UOWTransaction) -> None:
    """Remembers whose words or places this flush has changed."""
    pending: set[int] = session.info.setdefault(_PENDING, set())
    for one in session.new:
        if isinstance(one, Content):
            pending.add(one.id)
        elif isinstance(one, (ContentPlace, ContentPerson)):
            pending.add(one.content_id)
    for one in session.dirty:
        if isinstance(one, Content):
            attributes = inspect(one).attrs
            if any(attributes[name].history.has_changes() for name in WATCHED):
                pending.add(one.id)
        elif isinstance(one, (ContentPlace, ContentPerson)):
            pending.add(one.content_id)
        elif isinstance(one, Resident) and inspect(one).attrs["name"].history.has_changes():
            session.info.setdefault(_PENDING + "_named", set()).add(one.id)


@event.listens_for(Session, "before_commit")
def _settle_at_commit(session: Session) -> None:
    if not session.in_nested_transaction():
        settle(session)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, previous: SessionTransaction) -> None:
    # After a savepoint the rest of the transaction still stands.
    if not previous.nested:
        session.info.pop(_PENDING, None)
        session.info.pop(_PENDING + "_named", None)


def settle(session: Session) -> None:
    """Writes the index for everything this transaction has touched so far."""
    if session.new or session.dirty:
        session.flush()
    named: set[int] = session.info.get(_PENDING + "_named") or set()
    pending: set[int] = set(session.info.get(_PENDING) or ())
    if not pending and not named:
        return
    if not session.in_nested_transaction():
        # What is written inside a savepoint may be taken back, so there it stays noted.
        session.info.pop(_PENDING + "_named", None)
        session.info.pop(_PENDING, None)
    connection = session.connection()
    if named:
        pending.update(connection.scalars(select(_C.c.id).where(_C.c.applicant_id.in_(sorted(named)))))
    write(connection, sorted(pending))


def again_for_name(session: Session, name: str) -> None:
    """After the office has said how it reads a name: everything about people of that name."""
    ids = session.scalars(
        select(_C.c.id).join(_R, _R.c.id == _C.c.applicant_id).where(_R.c.name == name).order_by(_C.c.id)
    )
    session.info.setdefault(_PENDING, set()).update(ids)
    settle(session)


# Writing


def write(connection: Connection, ids: Sequence[int]) -> int:
    """Brings the index rows of these things up to date; how many were written."""
    written = 0
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        asked = select(ContentSearch.content_id, ContentSearch.digest).where(ContentSearch.content_id.in_(part))
        known = {content_id: digest for content_id, digest in connection.execute(asked)}
        rows = []
        for facts in facts_of(connection, part):
            row = row_of(facts, connection.dialect.name)
            if known.get(facts.id) != row["digest"]:
                rows.append(row)
        if rows:
            connection.execute(_upsert(connection.dialect.name), rows)
        written += len(rows)
    return written


def row_of(facts: Facts, dialect: str) -> dict[str, Any]:
    """The row as this database keeps it."""
    found = facts.terms()
    if dialect == "postgresql":
        # Its index begins with the rarest terms: a place of one age is rare, a place and an age are not.
        found += [place_in_bucket(term, facts.id >> BUCKET) for term in found if is_place(term)]
    plain = " ".join(found)
    digest = hashlib.sha1(plain.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    body = " ".join(map(terms.quoted, found)) if dialect == "postgresql" else plain
    return {"id": facts.id, "district": facts.district, "digest": digest, "terms": body}


def _upsert(dialect: str) -> Any:
    terms_of = "CAST(:terms AS tsvector)" if dialect == "postgresql" else ":terms"
    return text(
        f"INSERT INTO content_search (content_id, district, digest, terms) VALUES (:id, :district, :digest, {terms_of}) "
        "ON CONFLICT (content_id) DO UPDATE SET district = excluded.district, digest = excluded.digest, terms = excluded.terms"
    )


def facts_of(connection: Connection, ids: Sequence[int]) -> list[Facts]:
    """What these things are found by, four statements for all of them."""
    if not ids:
        return []
    columns = (
        _C.c.id,
        _C.c.district,
        _C.c.type,
        _C.c.title,
        _C.c.number,
        _C.c.search_text,
        _C.c.place_path,
        _C.c.owner_id,
        _C.c.assignee_id,
        _C.c.applicant_id,
        _C.c.closed_at,
        _R.c.name,
    )
    rows = connection.execute(
        select(*columns).join(_R, _R.c.id == _C.c.applicant_id, isouter=True).where(_C.c.id.in_(ids))
    )
    found: dict[int, Facts] = {}
    for row in rows:
        found[row[0]] = Facts(*tuple(row))
    for content_id, path in connection.execute(
        select(ContentPlace.content_id, ContentPlace.place_path).where(
            ContentPlace.content_id.in_(ids), ContentPlace.until.is_(None)
        )
    ):
        if content_id in found:
            found[content_id].further.append(path)
    for content_id, person_id in connection.execute(
        select(ContentPerson.content_id, ContentPerson.person_id).where(
            ContentPerson.content_id.in_(ids), ContentPerson.until.is_(None)
        )
    ):
        if content_id in found:
            found[content_id].drawn.append(person_id)
    _read_names(connection, found.values())
    return list(found.values())


def _read_names(connection: Connection, found: Iterable[Facts]) -> None:
    by_name: Mapping[str, list[Facts]] = defaultdict(list)
    for facts in found:
        if facts.name:
            by_name[facts.name].append(facts)
    if not by_name:
        return
    rows = connection.execute(
        select(NameReading.name, NameReading.initials).where(NameReading.name.in_(sorted(by_name)))
    )
    for name, initials in rows:
        for facts in by_name[name]:
            facts.readings = (initials,)


# For a database from before


def fill(connection: Connection) -> int:
    """Writes the index of everything that has none yet; may be stopped and begun again. The migration calls it."""
    # PostgreSQL makes its index ten times as fast from what is there as row by row.
    apart = connection.dialect.name == "postgresql" and not connection.scalar(select(ContentSearch.content_id).limit(1))
    if connection.dialect.name == "postgresql":
        # A city's index is minutes of work in one statement.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    if apart:
        connection.execute(text("DROP INDEX IF EXISTS ix_content_search_terms"))
    written, last = 0, 0
    missing = ~select(ContentSearch.content_id).where(ContentSearch.content_id == _C.c.id).exists()
    while ids := list(
        connection.scalars(select(_C.c.id).where(_C.c.id > last, missing).order_by(_C.c.id).limit(5_000))
    ):
        written += write(connection, ids)
        last = ids[-1]
    if apart:
        index = next(one for one in ContentSearch.__table__.indexes if one.name == "ix_content_search_terms")  # type: ignore[attr-defined]
        index.create(connection, checkfirst=False)
    return written
