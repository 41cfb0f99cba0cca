"""The archive: one row for each dossier that is to go there, what was handed over and received, what is proposed for destruction."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, Path, new_uid, now
from models.case import Case
from models.person import Person


class ArchiveReceipt(Base):
    """The archive's word that it has the packages: without it nothing of a dossier is ever deleted."""

    __tablename__ = "archive_receipt"
    __table_args__ = (UniqueConstraint("unit_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    unit_path: Mapped[str] = mapped_column(Path)
    number: Mapped[str] = mapped_column(String(60))
    receiver_unit: Mapped[str] = mapped_column(String(80))
    receiver: Mapped[str] = mapped_column(String(60))
    received_on: Mapped[date]
    entered_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(default=now)

    unit: Mapped[Agency] = relationship()
    entered_by: Mapped[Person] = relationship()


class ArchiveDisposal(Base):
    """销毁清册: dossiers whose time is over, proposed by one and decided by another person."""

    __tablename__ = "archive_disposal"
    __table_args__ = (
        CheckConstraint("status IN ('proposed', 'agreed', 'refused', 'done')", name="status"),
        CheckConstraint("decided_by_id IS NULL OR decided_by_id <> proposed_by_id", name="two_people"),
        Index("ix_archive_disposal_unit", "unit_path", "status"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    unit_path: Mapped[str] = mapped_column(Path)
    status: Mapped[str] = mapped_column(String(10), default="proposed")
    reason: Mapped[str] = mapped_column(String(200))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime] = mapped_column(default=now)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None]
    words: Mapped[str] = mapped_column(String(200), default="")
    done_at: Mapped[datetime | None]

    unit: Mapped[Agency] = relationship()
    proposed_by: Mapped[Person] = relationship(foreign_keys=[proposed_by_id])
    decided_by: Mapped[Person | None] = relationship(foreign_keys=[decided_by_id])
    entries: Mapped[list[ArchiveEntry]] = relationship(back_populates="disposal", order_by="ArchiveEntry.id")


class ArchiveEntry(Base):
    """One dossier: its number in the archive, how long it is kept, its package, and how far it has come."""

    __tablename__ = "archive_entry"
    __table_args__ = (
        CheckConstraint("status IN ('waiting', 'built', 'failed', 'received', 'destroyed')", name="status"),
        CheckConstraint("retention IN ('permanent', '30y', '10y')", name="retention"),
        # Nothing goes without the archive's word and somebody's decision.
        CheckConstraint(
            "status <> 'destroyed' OR (receipt_id IS NOT NULL AND disposal_id IS NOT NULL)", name="destroyed"
        ),
        UniqueConstraint("unit_id", "number"),
        Index("ix_archive_entry_unit", "unit_path", "status", "year"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"), unique=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    unit_path: Mapped[str] = mapped_column(Path)
    number: Mapped[str] = mapped_column(String(60))
    year: Mapped[int]
    retention: Mapped[str] = mapped_column(String(10))
    # The last day it must be kept; empty: for ever.
    keep_until: Mapped[date | None]
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    problem: Mapped[str] = mapped_column(String(300), default="")
    package_key: Mapped[str | None] = mapped_column(String(80))
    package_sha256: Mapped[str | None] = mapped_column(String(64))
    package_size: Mapped[int | None] = mapped_column(BigId)
    # Keys of the stored files that the package holds: these, and no later ones, may be deleted one day.
    files: Mapped[list] = mapped_column(Json, default=list)
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    built_at: Mapped[datetime | None]
    receipt_id: Mapped[int | None] = mapped_column(ForeignKey("archive_receipt.id"), index=True)
    disposal_id: Mapped[int | None] = mapped_column(ForeignKey("archive_disposal.id"), index=True)
    destroyed_at: Mapped[datetime | None]

    case: Mapped[Case] = relationship()
    unit: Mapped[Agency] = relationship()
    asked_by: Mapped[Person] = relationship()
    receipt: Mapped[ArchiveReceipt | None] = relationship()
    disposal: Mapped[ArchiveDisposal | None] = relationship(back_populates="entries")
