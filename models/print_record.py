"""Every print of every paper: what, on which printer, how many, by whom, why; and who agreed to one more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Path, new_uid, now
from models.blank import Blank
from models.content import Content
from models.paper import Paper
from models.person import Person


class PrintRecord(Base):
    """One print: never changed, never counted any other way."""

    __tablename__ = "print_record"
    __table_args__ = (
        CheckConstraint("copies BETWEEN 1 AND 9", name="copies"),
        CheckConstraint("not again OR reason <> ''", name="reason"),
        Index("ix_print_record_unit", "unit_path", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    paper_id: Mapped[int] = mapped_column(ForeignKey("paper.id"), index=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    # Where it was printed: the unit of the certificate or the case.
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    unit_path: Mapped[str] = mapped_column(Path)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("print_batch.id"), index=True)
    # As it was called that day; empty: opened on the screen and printed from there.
    printer: Mapped[str] = mapped_column(String(60), default="")
    copies: Mapped[int] = mapped_column(default=1)
    # 补打: a copy beyond the first.
    again: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(String(200), default="")
    agreed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    fields_only: Mapped[bool] = mapped_column(default=False)
    blank_id: Mapped[int | None] = mapped_column(ForeignKey("blank.id"))
    sha256: Mapped[str] = mapped_column(String(64), default="")
    at: Mapped[datetime] = mapped_column(default=now)

    paper: Mapped[Paper] = relationship()
    content: Mapped[Content] = relationship()
    unit: Mapped[Agency] = relationship()
    blank: Mapped[Blank | None] = relationship()
    person: Mapped[Person | None] = relationship(foreign_keys=[person_id])
    agreed_by: Mapped[Person | None] = relationship(foreign_keys=[agreed_by_id])


class ReprintRequest(Base):
    """One more copy beyond the free ones, asked for by one person and answered by another; good for one print."""

    __tablename__ = "reprint_request"
    __table_args__ = (
        CheckConstraint("status IN ('asked', 'agreed', 'refused', 'used')", name="status"),
        # Whoever asks does not agree.
        CheckConstraint("answered_by_id IS NULL OR answered_by_id <> asked_by_id", name="two_people"),
        Index("ix_reprint_request_open", "status", "unit_path"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    paper_id: Mapped[int] = mapped_column(ForeignKey("paper.id"), index=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    unit_path: Mapped[str] = mapped_column(Path)
    reason: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(8), default="asked")
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(String(200), default="")

    paper: Mapped[Paper] = relationship()
    asked_by: Mapped[Person] = relationship(foreign_keys=[asked_by_id])
    answered_by: Mapped[Person | None] = relationship(foreign_keys=[answered_by_id])
