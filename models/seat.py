"""网上申报区: the visitor's own word on what was filled in side by side, and minutes an office measured before it began."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedText, new_uid, now
from models.case import Case, ServiceItem
from models.paper import Document
from models.person import Person


class SeatConfirmation(Base):
    """The resident read what stands in the form and said yes or no: on a phone of their own, or signing at the seat."""

    __tablename__ = "seat_confirmation"
    __table_args__ = (
        CheckConstraint("state IN ('asked', 'confirmed', 'refused', 'over')", name="state"),
        CheckConstraint("way IN ('', 'phone', 'pad', 'account')", name="way"),
        Index("ix_seat_confirmation_case", "case_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # Stands in the QR code: whoever has it still needs the four digits on the card.
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"))
    guide_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    state: Mapped[str] = mapped_column(String(10), default="asked")
    way: Mapped[str] = mapped_column(String(10), default="")
    # Of exactly what was shown; a form changed afterwards is not confirmed.
    shown: Mapped[str] = mapped_column(String(64))
    failures: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime] = mapped_column(default=now)
    until: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    words: Mapped[str | None] = mapped_column(EncryptedText)
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))

    case: Mapped[Case] = relationship()
    guide: Mapped[Person] = relationship()
    unit: Mapped[Agency] = relationship()
    signature: Mapped[Document | None] = relationship()


class MinutesBaseline(Base):
    """办证时间的对照: how many minutes an item took here before, as the office says, and what it wants to reach."""

    __tablename__ = "minutes_baseline"
    __table_args__ = (
        CheckConstraint("before_minutes BETWEEN 1 AND 100000", name="before"),
        CheckConstraint("target_minutes IS NULL OR target_minutes BETWEEN 1 AND 100000", name="target"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    item_id: Mapped[int] = mapped_column(ForeignKey("service_item.id"), index=True)
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"), index=True)
    before_minutes: Mapped[int]
    target_minutes: Mapped[int | None]
    words: Mapped[str] = mapped_column(String(200), default="")
    set_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    set_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]

    item: Mapped[ServiceItem] = relationship()
    place: Mapped[Agency] = relationship()
    set_by: Mapped[Person] = relationship()
