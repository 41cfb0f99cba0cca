"""Who sits where on which day, and who was trained for what."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Path, now
from models.person import Person


class RosterShift(Base):
    """轮值: one person on duty at one place on one day."""

    __tablename__ = "roster_shift"
    __table_args__ = (
        UniqueConstraint("place_id", "day", "shift", "person_id"),
        Index("ix_roster_shift_person", "person_id", "day"),
        CheckConstraint("shift IN ('day', 'noon', 'weekend', 'evening')", name="shift"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    day: Mapped[date]
    shift: Mapped[str] = mapped_column(String(10), default="day")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))

    place: Mapped[Agency] = relationship()
    person: Mapped[Person] = relationship()


class TrainingMark(Base):
    """Somebody of an audience was at a training on a day."""

    __tablename__ = "training_mark"
    __table_args__ = (
        UniqueConstraint("person_id", "audience", "trained_on", "subject"),
        CheckConstraint("audience IN ('heads', 'back_office', 'community', 'couriers')", name="audience"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    audience: Mapped[str] = mapped_column(String(20))
    trained_on: Mapped[date]
    subject: Mapped[str] = mapped_column(String(80))
    marked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    marked_at: Mapped[datetime] = mapped_column(default=now)

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
