"""The counter: one visit of one person with everything handled in it, what was typed meanwhile, and papers that need not be brought."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedJson, new_uid, now
from models.case import Case
from models.person import Person
from models.resident import Resident


class CounterVisit(Base):
    """一次来访: one trip to one window, however many matters. The draft is all that was typed and not yet filed."""

    __tablename__ = "counter_visit"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'closed', 'dropped')", name="status"),
        Index("ix_counter_visit_clerk", "clerk_id", "status"),
        Index("ix_counter_visit_unit", "unit_id", "opened_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    clerk_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    status: Mapped[str] = mapped_column(String(10), default="open")
    # Uid of the number that was called (queue_visit), when the visitor came with one; which window served.
    ticket_uid: Mapped[str | None] = mapped_column(String(22), index=True)
    window: Mapped[str] = mapped_column(String(20), default="")
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"), index=True)
    draft: Mapped[Any | None] = mapped_column(EncryptedJson)
    saved_at: Mapped[datetime | None]
    # Who came in somebody else's place: name, ID number, relation, until when the letter holds.
    agent: Mapped[Any | None] = mapped_column(EncryptedJson)
    agent_index: Mapped[str | None] = mapped_column(String(64), index=True)
    opened_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]

    unit: Mapped[Agency] = relationship()
    clerk: Mapped[Person] = relationship()
    resident: Mapped[Resident | None] = relationship()
    matters: Mapped[list[CounterMatter]] = relationship(back_populates="visit", order_by="CounterMatter.position")


class CounterMatter(Base):
    """One matter of a visit."""

    __tablename__ = "counter_matter"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    visit_id: Mapped[int] = mapped_column(ForeignKey("counter_visit.id"), index=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"), unique=True)
    position: Mapped[int] = mapped_column(default=0)

    visit: Mapped[CounterVisit] = relationship(back_populates="matters")
    case: Mapped[Case] = relationship()


class MaterialConsent(Base):
    """The resident's word that papers given once may be used again; it ends by date or when it is taken back."""

    __tablename__ = "material_consent"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    given_on: Mapped[date]
    until: Mapped[date]
    ended_on: Mapped[date | None]
    taken_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(default=now)

    resident: Mapped[Resident] = relationship()
    taken_by: Mapped[Person] = relationship()


class SharingRequest(Base):
    """One question to the data-sharing platform: who asked about whom for which paper, and what came back."""

    __tablename__ = "sharing_request"
    __table_args__ = (
        CheckConstraint("state IN ('asked', 'found', 'none', 'silent', 'wrong', 'failed')", name="state"),
        Index("ix_sharing_request_visit", "visit_id", "kind"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    visit_id: Mapped[int] = mapped_column(ForeignKey("counter_visit.id"))
    resident_index: Mapped[str] = mapped_column(String(64))
    subject: Mapped[Any] = mapped_column(EncryptedJson)
    kind: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10), default="asked")
    # What the platform knows of the paper, and its own number of this answer.
    answer: Mapped[Any | None] = mapped_column(EncryptedJson)
    foreign_id: Mapped[str] = mapped_column(String(80), default="")
    said: Mapped[str] = mapped_column(String(300), default="")
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    answered_at: Mapped[datetime | None]

    visit: Mapped[CounterVisit] = relationship()
