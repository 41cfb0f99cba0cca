"""Tables that leave the system as a file, and files that come in: who, when, what was asked, how many rows, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, Json, new_uid, now
from models.person import Person


class ListExport(Base):
    """One Excel file made of a list: the filter, the rows of that moment, and for what it was needed."""

    __tablename__ = "list_export"
    __table_args__ = (
        CheckConstraint("status IN ('waiting', 'ready', 'failed')", name="status"),
        Index("ix_list_export_person", "person_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    list: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(120))
    # The filter as data, and in the words that stand on the sheet and in the journal.
    query: Mapped[dict] = mapped_column(Json, default=dict)
    words: Mapped[str] = mapped_column(String(500), default="")
    reason: Mapped[str] = mapped_column(String(120), default="")
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    rows: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str | None] = mapped_column(String(64))
    # With which posts it was made: whoever has lost one of them gets the file no more.
    posts: Mapped[Any | None] = mapped_column(Json, nullable=True)
    problem: Mapped[str] = mapped_column(String(300), default="")
    at: Mapped[datetime] = mapped_column(default=now)
    ready_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship()


class SheetImport(Base):
    """One file of rows brought in: looked through first, then written whole or not at all."""

    __tablename__ = "sheet_import"
    __table_args__ = (
        CheckConstraint("status IN ('checking', 'checked', 'writing', 'done', 'refused', 'failed')", name="status"),
        Index("ix_sheet_import_person", "person_id", "at"),
        Index("ix_sheet_import_digest", "kind", "sha256"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str] = mapped_column(String(20))
    filename: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(10), default="checking")
    rows: Mapped[int] = mapped_column(default=0)
    seen: Mapped[int] = mapped_column(default=0)
    # Row by row what is wrong, and after writing what became of each; names and numbers of people are not repeated here.
    findings: Mapped[list] = mapped_column(Json, default=list)
    counts: Mapped[dict] = mapped_column(Json, default=dict)
    problem: Mapped[str] = mapped_column(String(300), default="")
    at: Mapped[datetime] = mapped_column(default=now)
    done_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship()
