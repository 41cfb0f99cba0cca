"""发放清单: what the bank pays out together. The list knows whom and how much; account numbers stay encrypted with each application."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Path, new_uid, now
from models.content import Content
from models.person import Person

LIVE = text("state IN ('listed', 'paid')")


class PaymentList(Base):
    """One list of one bank: made, taken out as a file, registered as paid."""

    __tablename__ = "payment_list"
    __table_args__ = (Index("ix_payment_list_place", "place_path", "made_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    number: Mapped[str] = mapped_column(String(40), unique=True)
    # Where the payer holds the post: colleagues of the same bank see the same lists, nobody else.
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    made_at: Mapped[datetime] = mapped_column(default=now)
    made_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    taken_out: Mapped[int] = mapped_column(default=0)
    paid_on: Mapped[date | None]
    paid_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    place: Mapped[Agency] = relationship()
    made_by: Mapped[Person] = relationship(foreign_keys=[made_by_id])
    lines: Mapped[list[PaymentLine]] = relationship(back_populates="list", order_by="PaymentLine.id")


class PaymentLine(Base):
    """One payment: on one list at a time, whoever presses first."""

    __tablename__ = "payment_line"
    __table_args__ = (
        CheckConstraint("state IN ('listed', 'paid', 'failed')", name="state"),
        CheckConstraint("amount > 0", name="amount"),
        Index("uq_payment_line_live", "content_id", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("payment_list.id"), index=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"))
    amount: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default="listed")
    reason: Mapped[str] = mapped_column(String(120), default="")

    list: Mapped[PaymentList] = relationship(back_populates="lines")
    content: Mapped[Content] = relationship()
