"""一件事: one need filed once; its members are ordinary cases. How far it is follows from them and is stored nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedText, Json, new_uid, now
from models.case import Case
from models.counter import CounterVisit
from models.resident import Resident


class OneThing(Base):
    """One filing for several cases, with what it spared compared with filing each for itself."""

    __tablename__ = "one_thing"
    __table_args__ = (
        CheckConstraint("rating IS NULL OR rating BETWEEN 1 AND 5", name="rating"),
        Index("ix_one_thing_unit", "unit_id", "opened_at"),
        Index("ix_one_thing_report", "district", "opened_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    theme: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(120))
    # Where it was filed and leaves again; the lead department in the words of the catalogue.
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    lead: Mapped[str] = mapped_column(String(120), default="")
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("counter_visit.id"), index=True)
    channel: Mapped[str] = mapped_column(String(40), default="")
    opened_at: Mapped[datetime] = mapped_column(default=now)
    # When the last member had its result, and when the last one was over.
    decided_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    # Members that were not filed, each with the reason: [[name, why], …].
    left_out: Mapped[list[Any]] = mapped_column(Json, default=list)
    # Counted when it was filed, because the catalogue may change afterwards.
    boxes_single: Mapped[int] = mapped_column(default=0)
    boxes_joint: Mapped[int] = mapped_column(default=0)
    papers_single: Mapped[int] = mapped_column(default=0)
    papers_joint: Mapped[int] = mapped_column(default=0)
    days_single: Mapped[int] = mapped_column(default=0)
    days_joint: Mapped[int] = mapped_column(default=0)
    rating: Mapped[int | None]
    rating_words: Mapped[str | None] = mapped_column(EncryptedText)
    rated_at: Mapped[datetime | None]

    unit: Mapped[Agency] = relationship()
    resident: Mapped[Resident] = relationship()
    visit: Mapped[CounterVisit | None] = relationship()
    members: Mapped[list[OneThingMember]] = relationship(back_populates="bundle", order_by="OneThingMember.position")


class OneThingMember(Base):
    """One branch: the case, and which branches it waits for."""

    __tablename__ = "one_thing_member"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    bundle_id: Mapped[int] = mapped_column(ForeignKey("one_thing.id"), index=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"), unique=True)
    position: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(String(80))
    department: Mapped[str] = mapped_column(String(80), default="")
    stage: Mapped[int] = mapped_column(default=1)
    after: Mapped[list[Any]] = mapped_column(Json, default=list)

    bundle: Mapped[OneThing] = relationship(back_populates="members")
    case: Mapped[Case] = relationship()
