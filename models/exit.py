"""统一出件: each result that waits to leave, where it lies and how it leaves, and the one receipt signed for several of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedJson, EncryptedText, new_uid, now
from models.case import Case
from models.delegation import Handover
from models.paper import Document, Paper
from models.person import Person
from models.resident import Resident


class Outgoing(Base):
    """One result of one case on its way out: at which unit it lies, which way it takes, and whether it is gone."""

    __tablename__ = "outgoing"
    __table_args__ = (
        CheckConstraint("kind IN ('result', 'refusal')", name="kind"),
        CheckConstraint("state IN ('making', 'waiting', 'underway', 'gone', 'dropped')", name="state"),
        CheckConstraint("way IN ('counter', 'express', 'door', 'terminal', 'station', 'ticket')", name="way"),
        Index("ix_outgoing_unit", "unit_id", "state", "ready_at"),
        Index("ix_outgoing_moved", "moved_to_id", "state"),
        Index("ix_outgoing_resident", "resident_id", "state"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"), unique=True)
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))
    kind: Mapped[str] = mapped_column(String(10), default="result")
    state: Mapped[str] = mapped_column(String(10), default="making")
    way: Mapped[str] = mapped_column(String(10), default="counter")
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    # While it travels to another station: which one, and the list that goes with it.
    moved_to_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    handover_id: Mapped[int | None] = mapped_column(ForeignKey("handover.id"))
    ready_at: Mapped[datetime | None]
    # Since when it waits at this unit this way; a move begins it anew.
    waits_since: Mapped[datetime | None]
    # How often it was reminded of since then, and when last.
    reminded: Mapped[int] = mapped_column(default=0)
    reminded_at: Mapped[datetime | None]
    # 自助取件柜: the box, and the code that only the resident was told.
    box: Mapped[str] = mapped_column(String(20), default="")
    code: Mapped[str | None] = mapped_column(EncryptedText)
    code_failures: Mapped[int] = mapped_column(default=0)
    gone_at: Mapped[datetime | None]
    gone_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    receipt_id: Mapped[int | None] = mapped_column(ForeignKey("exit_receipt.id"), index=True)

    case: Mapped[Case] = relationship()
    resident: Mapped[Resident | None] = relationship()
    unit: Mapped[Agency] = relationship(foreign_keys=[unit_id])
    moved_to: Mapped[Agency | None] = relationship(foreign_keys=[moved_to_id])
    handover: Mapped[Handover | None] = relationship()
    gone_by: Mapped[Person | None] = relationship(foreign_keys=[gone_by_id])
    receipt: Mapped[ExitReceipt | None] = relationship(back_populates="rows")


class ExitReceipt(Base):
    """One signature for everything that was handed over in one go: who took it, what was checked, who gave it out."""

    __tablename__ = "exit_receipt"
    __table_args__ = (CheckConstraint("who IN ('holder', 'agent', 'code')", name="who"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    number: Mapped[str] = mapped_column(String(40), default="")
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    clerk_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"), index=True)
    who: Mapped[str] = mapped_column(String(10), default="holder")
    collector: Mapped[Any] = mapped_column(EncryptedJson)
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    paper_id: Mapped[int | None] = mapped_column(ForeignKey("paper.id"))
    at: Mapped[datetime] = mapped_column(default=now)

    unit: Mapped[Agency] = relationship()
    clerk: Mapped[Person] = relationship()
    resident: Mapped[Resident | None] = relationship()
    signature: Mapped[Document | None] = relationship()
    paper: Mapped[Paper | None] = relationship()
    rows: Mapped[list[Outgoing]] = relationship(back_populates="receipt", order_by="Outgoing.id")
