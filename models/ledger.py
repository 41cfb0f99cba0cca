"""What makes effects trustworthy: journal, outbox, numbers, idempotency keys, clocks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, event, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, now
from models.person import Person


def _only(status: str) -> dict[str, Any]:
    """An index over the rows of one status."""
    where = text(f"status = '{status}'")
    return {"sqlite_where": where, "postgresql_where": where}


class JournalEntry(Base):
    """One thing that happened, for ever: hash-chained per stream, never updated, never deleted."""

    __tablename__ = "journal"
    __table_args__ = (
        UniqueConstraint("stream", "seq"),
        Index("ix_journal_content", "content_id", "id"),
        Index("ix_journal_person", "person_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    stream: Mapped[str] = mapped_column(String(40))
    seq: Mapped[int]
    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(60))
    content_id: Mapped[int | None] = mapped_column(ForeignKey("content.id"))
    district: Mapped[str] = mapped_column(String(40), default="")
    # Who did it, for whom (the represented resident or colleague), and whose post was held.
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    principal_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    substitute_for_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    from_state: Mapped[str | None] = mapped_column(String(40))
    to_state: Mapped[str | None] = mapped_column(String(40))
    comment: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict] = mapped_column(Json, default=dict)
    algorithm: Mapped[str] = mapped_column(String(10), default="sha256")
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))

    person: Mapped[Person | None] = relationship(foreign_keys=[person_id])
    principal: Mapped[Person | None] = relationship(foreign_keys=[principal_id])
    substitute_for: Mapped[Person | None] = relationship(foreign_keys=[substitute_for_id])
    unit: Mapped[Agency | None] = relationship(foreign_keys=[unit_id])


_REFUSED = "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
SQLITE_PROTECTION = (
    *(
        f"CREATE TRIGGER IF NOT EXISTS journal_no_{verb} BEFORE {verb.upper()} ON journal {_REFUSED}"
        for verb in ("update", "delete")
    ),
    # INSERT OR REPLACE takes the old row away without asking a trigger for deletions.
    "CREATE TRIGGER IF NOT EXISTS journal_no_replace BEFORE INSERT ON journal "
    "WHEN EXISTS (SELECT 1 FROM journal WHERE id = NEW.id) "
    f"OR EXISTS (SELECT 1 FROM journal WHERE stream = NEW.stream AND seq = NEW.seq) {_REFUSED}",
)
POSTGRES_PROTECTION = (
    "CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$",
    "CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
    "FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()",
)
for _statement in SQLITE_PROTECTION:
    event.listen(JournalEntry.__table__, "after_create", DDL(_statement).execute_if(dialect="sqlite"))
for _statement in POSTGRES_PROTECTION:
    event.listen(
        JournalEntry.__table__, "after_create", DDL(_statement.replace("%", "%%")).execute_if(dialect="postgresql")
    )


class OutboxItem(Base):
    """Work that must happen after the commit. The row is the truth; the queue is only the doorbell."""

    __tablename__ = "outbox"
    __table_args__ = (
        # One small index for each question that is asked every moment; done rows, which are most, stand in none of the first three.
        Index("ix_outbox_waiting", "queue", "available_at", "id", **_only("waiting")),
        Index("ix_outbox_leased", "leased_until", **_only("leased")),
        Index("ix_outbox_dead", "id", **_only("dead")),
        Index("ix_outbox_done", "done_at", **_only("done")),
        CheckConstraint("status IN ('waiting', 'leased', 'done', 'dead')", name="status"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job: Mapped[str] = mapped_column(String(60))
    # Which kind of worker does it: a slow drawing must not keep a notice waiting.
    queue: Mapped[str] = mapped_column(String(20), default="quick", server_default="quick")
    args: Mapped[dict] = mapped_column(Json, default=dict)
    district: Mapped[str] = mapped_column(String(40), default="")
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    # How often it failed, and how often whoever held it never came back.
    attempts: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0, server_default="0")
    available_at: Mapped[datetime] = mapped_column(default=now)
    rung_at: Mapped[datetime | None]
    lease_token: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    # The process that holds it (process/holders.py), so that nobody waits for one that is known to be dead.
    leased_by: Mapped[str | None] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(default=now)
    done_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    # A dead letter that an administrator laid aside for good, and why.
    closed_at: Mapped[datetime | None]
    closed_reason: Mapped[str | None] = mapped_column(Text)


class Counter(Base):
    """The last number drawn of a series, per unit and year: no gaps, no reuse."""

    __tablename__ = "counter"

    series: Mapped[str] = mapped_column(String(30), primary_key=True)
    unit: Mapped[str] = mapped_column(String(40), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(default=0)


class IdempotencyKey(Base):
    """The first answer to a request, given again to whoever repeats it."""

    __tablename__ = "idempotency_key"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    headers: Mapped[dict] = mapped_column(Json, default=dict)
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
