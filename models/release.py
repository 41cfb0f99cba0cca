"""Which version of a process is in force, and the moves of open things from one version to another."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, Json, now
from models.person import Person


class ProcessRelease(Base):
    """A version put in force by somebody, for a reason. The latest row of a process counts; nothing is ever deleted."""

    __tablename__ = "process_release"

    id: Mapped[int] = mapped_column(primary_key=True)
    workflow: Mapped[str] = mapped_column(String(40), index=True)
    digest: Mapped[str] = mapped_column(ForeignKey("workflow_version.digest"))
    # What was in force until then.
    before: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(default=now)

    person: Mapped[Person | None] = relationship()


class ProcessMigration(Base):
    """Open things moved to a version, with the states that are no more mapped to others; can be gone back on."""

    __tablename__ = "process_migration"
    __table_args__ = (CheckConstraint("status IN ('running', 'done', 'reverting', 'reverted')", name="status"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workflow: Mapped[str] = mapped_column(String(40), index=True)
    digest: Mapped[str] = mapped_column(ForeignKey("workflow_version.digest"))
    # {state that is no more: state of the new version}
    mapping: Mapped[dict] = mapped_column(Json, default=dict)
    reason: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(default=now)
    status: Mapped[str] = mapped_column(String(10), default="running")
    # How far it has come: things are taken in the order of their id, a slice to a transaction.
    last_id: Mapped[int] = mapped_column(BigId, default=0)
    moved: Mapped[int] = mapped_column(default=0)
    stayed: Mapped[int] = mapped_column(default=0)
    restored: Mapped[int] = mapped_column(default=0)

    person: Mapped[Person | None] = relationship()
