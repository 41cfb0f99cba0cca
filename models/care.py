"""What belongs to the care register and to the doors behind it: earlier versions, proofs, and every time somebody stood there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedJson, new_uid, now
from models.delegation import HomeVisit
from models.person import Person
from models.resident import CareEntry


class CareEvent(Base):
    """One change of an entry with the values it had from then on. The journal says who and when; what was said is health data."""

    __tablename__ = "care_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("care_entry.id"), index=True)
    action: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(default=now)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(120), default="")
    snapshot: Mapped[dict] = mapped_column(EncryptedJson, default=dict)

    entry: Mapped[CareEntry] = relationship()
    person: Mapped[Person | None] = relationship()


class CareDocument(Base):
    """A proof that was shown: disability certificate, doctor's note. Only the two leaders and the station open it."""

    __tablename__ = "care_document"
    __table_args__ = (CheckConstraint("size > 0", name="size"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    entry_id: Mapped[int] = mapped_column(ForeignKey("care_entry.id"), index=True)
    filename: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(60))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(80))
    uploaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)

    entry: Mapped[CareEntry] = relationship()
    uploaded_by: Mapped[Person | None] = relationship()


class DoorCall(Base):
    """Somebody of the grid stood at a door: papers collected, result brought, or nobody home. What visits are counted by."""

    __tablename__ = "door_call"
    __table_args__ = (
        CheckConstraint("kind IN ('collect', 'deliver', 'miss')", name="kind"),
        Index("ix_door_call_person_at", "person_id", "at"),
        Index("ix_door_call_grid_at", "grid_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    visit_id: Mapped[int] = mapped_column(ForeignKey("home_visit.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    grid_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    kind: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(default=now)

    visit: Mapped[HomeVisit] = relationship()
    person: Mapped[Person] = relationship()
    grid: Mapped[Agency] = relationship()
