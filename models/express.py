"""快递: what was sent home, under which number, when, and who signed for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, EncryptedText, now
from models.content import Content
from models.person import Person


class ExpressRecord(Base):
    """One parcel of one thing. Signed for, it proves that nobody had to come."""

    __tablename__ = "express_record"
    __table_args__ = (CheckConstraint("signed_at IS NULL OR signed_at >= sent_at", name="order"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), unique=True)
    number: Mapped[str] = mapped_column(String(40))
    # What lies in it, in words without personal data: the papers, not whose they are.
    holds: Mapped[str] = mapped_column(String(300), default="")
    sent_at: Mapped[datetime] = mapped_column(default=now)
    sent_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    signed_at: Mapped[datetime | None]
    signed_name: Mapped[str | None] = mapped_column(EncryptedText)

    content: Mapped[Content] = relationship()
    sent_by: Mapped[Person | None] = relationship()
