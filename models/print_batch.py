"""Many certificates at once: numbered, sealed and drawn together (批量制证), or printed together as one file."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, Path, new_uid, now
from models.blank import Blank
from models.paper import Certificate
from models.person import Person
from models.printer import Printer


class PrintBatch(Base):
    """One press of the button for many: who, where, how far it is, and the one file for the printer."""

    __tablename__ = "print_batch"
    __table_args__ = (
        CheckConstraint("kind IN ('make', 'print')", name="kind"),
        CheckConstraint("status IN ('running', 'done', 'stopped')", name="status"),
        CheckConstraint("copies BETWEEN 1 AND 9", name="copies"),
        Index("ix_print_batch_unit", "unit_path", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    kind: Mapped[str] = mapped_column(String(6))
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    unit_path: Mapped[str] = mapped_column(Path)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    # The reason for the seal, which stands in the seal log of each certificate.
    reason: Mapped[str] = mapped_column(String(200), default="")
    printer_id: Mapped[int | None] = mapped_column(ForeignKey("printer.id"))
    # The corrections of that moment: a file made in two sittings is moved by the same millimetres.
    profile: Mapped[dict] = mapped_column(Json, default=dict)
    copies: Mapped[int] = mapped_column(default=1)
    # Only the fields, onto stock whose frame and heading are printed already.
    fields_only: Mapped[bool] = mapped_column(default=False)
    # Pre-printed stock of this kind is used up, from this serial on.
    blank_kind: Mapped[str] = mapped_column(String(60), default="")
    first_serial: Mapped[str] = mapped_column(String(30), default="")
    status: Mapped[str] = mapped_column(String(8), default="running")
    problem: Mapped[str] = mapped_column(String(500), default="")
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    # Merged pieces of the file, in order; joined at the end.
    parts: Mapped[list] = mapped_column(Json, default=list)
    storage_key: Mapped[str | None] = mapped_column(String(80))
    sha256: Mapped[str | None] = mapped_column(String(64))
    pages: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]

    unit: Mapped[Agency] = relationship()
    person: Mapped[Person] = relationship()
    printer: Mapped[Printer | None] = relationship()


class PrintLine(Base):
    """One certificate of a batch and what became of it."""

    __tablename__ = "print_line"
    __table_args__ = (
        CheckConstraint("status IN ('waiting', 'drawing', 'done', 'failed', 'spoiled')", name="status"),
        UniqueConstraint("batch_id", "position"),
        UniqueConstraint("batch_id", "certificate_id"),
        Index("ix_print_line_status", "batch_id", "status", "position"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    batch_id: Mapped[int] = mapped_column(ForeignKey("print_batch.id"))
    position: Mapped[int]
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), index=True)
    status: Mapped[str] = mapped_column(String(8), default="waiting")
    # A whole sentence: what is wrong and what to do.
    problem: Mapped[str] = mapped_column(String(500), default="")
    blank_id: Mapped[int | None] = mapped_column(ForeignKey("blank.id"))
    pages: Mapped[int] = mapped_column(default=0)

    batch: Mapped[PrintBatch] = relationship()
    certificate: Mapped[Certificate] = relationship()
    blank: Mapped[Blank | None] = relationship()
