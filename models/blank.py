"""空白证件: pre-printed stock with serials, from the box that came in to the certificate that used each sheet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Path, new_uid, now
from models.person import Person


class Blank(Base):
    """One sheet with its serial; a row from the day it came in, so that nothing has to be subtracted to know the stock."""

    __tablename__ = "blank"
    __table_args__ = (
        CheckConstraint("status IN ('stock', 'used', 'spoiled', 'returned')", name="status"),
        # A used or spoiled sheet says for what or why; one in stock is nobody's.
        CheckConstraint("(status = 'used') = (certificate_id IS NOT NULL) OR status = 'spoiled'", name="used"),
        CheckConstraint("status <> 'spoiled' OR reason <> ''", name="reason"),
        UniqueConstraint("district", "kind", "serial"),
        Index("ix_blank_stock", "unit_path", "kind", "status", "serial"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    kind: Mapped[str] = mapped_column(String(60))
    serial: Mapped[str] = mapped_column(String(30))
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    unit_path: Mapped[str] = mapped_column(Path)
    status: Mapped[str] = mapped_column(String(8), default="stock")
    certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"), index=True)
    # What was printed on it: the number of the certificate.
    number: Mapped[str] = mapped_column(String(60), default="")
    reason: Mapped[str] = mapped_column(String(200), default="")
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    changed_at: Mapped[datetime] = mapped_column(default=now)

    unit: Mapped[Agency] = relationship()
    changed_by: Mapped[Person | None] = relationship()


class BlankMove(Base):
    """One line of the ledger: a range received, given to a unit, used up, spoiled or returned, by whom and why."""

    __tablename__ = "blank_move"
    __table_args__ = (
        CheckConstraint("verb IN ('receive', 'give', 'use', 'spoil', 'return')", name="verb"),
        CheckConstraint("count > 0", name="count"),
        Index("ix_blank_move_unit", "unit_path", "id"),
        Index("ix_blank_move_to", "to_path", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    kind: Mapped[str] = mapped_column(String(60))
    verb: Mapped[str] = mapped_column(String(8))
    first: Mapped[str] = mapped_column(String(30))
    last: Mapped[str] = mapped_column(String(30))
    count: Mapped[int]
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    unit_path: Mapped[str] = mapped_column(Path)
    to_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    to_path: Mapped[str | None] = mapped_column(Path)
    # Where it came from, or why: the supplier's delivery note, the reason of a spoiled sheet.
    reason: Mapped[str] = mapped_column(String(200), default="")
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(default=now)

    unit: Mapped[Agency] = relationship(foreign_keys=[unit_id])
    to: Mapped[Agency | None] = relationship(foreign_keys=[to_id])
    person: Mapped[Person | None] = relationship()
