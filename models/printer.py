"""Printers of a unit, each with the millimetres by which it is off, and how often its people may reprint by themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, Path, new_uid, now
from models.person import Person


class Printer(Base):
    """One printer: where it stands, what paper lies in it, and how its picture must be moved and stretched to sit right."""

    __tablename__ = "printer"
    __table_args__ = (
        CheckConstraint("offset_x BETWEEN -20000 AND 20000 AND offset_y BETWEEN -20000 AND 20000", name="offset"),
        CheckConstraint("scale_x BETWEEN 9500 AND 10500 AND scale_y BETWEEN 9500 AND 10500", name="scale"),
        CheckConstraint("duplex IN ('no', 'long', 'short')", name="duplex"),
        Index("ix_printer_unit", "unit_path", "active"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    unit_path: Mapped[str] = mapped_column(Path)
    name: Mapped[str] = mapped_column(String(60))
    paper: Mapped[str] = mapped_column(String(20), default="A4")
    duplex: Mapped[str] = mapped_column(String(5), default="no")
    # Thousandths of a millimetre, to the right and down; ten-thousandths of the size.
    offset_x: Mapped[int] = mapped_column(default=0)
    offset_y: Mapped[int] = mapped_column(default=0)
    scale_x: Mapped[int] = mapped_column(default=10_000)
    scale_y: Mapped[int] = mapped_column(default=10_000)
    measured_at: Mapped[datetime | None]
    measured_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)

    unit: Mapped[Agency] = relationship()
    measured_by: Mapped[Person | None] = relationship()


class PrintRule(Base):
    """How many reprints of one paper a person of this unit may make before a second person has to agree."""

    __tablename__ = "print_rule"
    __table_args__ = (CheckConstraint("free_reprints BETWEEN 0 AND 20", name="free_reprints"),)

    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"), primary_key=True)
    free_reprints: Mapped[int]
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    changed_at: Mapped[datetime] = mapped_column(default=now)

    unit: Mapped[Agency] = relationship()
