"""What stands in a grid and what is done there: buildings with their households, and the log of the five duties."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedText, Path, new_uid, now
from models.person import Person
from models.resident import CareEntry


class Building(Base):
    """A house of a community; without a grid it is a blind spot (零盲点)."""

    __tablename__ = "building"
    __table_args__ = (
        UniqueConstraint("community_id", "name"),
        Index("ix_building_path", "community_path"),
        CheckConstraint("households BETWEEN 0 AND 9999", name="households"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    community_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    community_path: Mapped[str] = mapped_column(Path)
    grid_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(160), default="")
    households: Mapped[int] = mapped_column(default=0)
    illustrative: Mapped[bool] = mapped_column(default=False)
    # Pulled down or left to another community: the row stays, because entries of the log name it.
    ended_on: Mapped[date | None]

    community: Mapped[Agency] = relationship(foreign_keys=[community_id])
    grid: Mapped[Agency | None] = relationship(foreign_keys=[grid_id])


class GridLog(Base):
    """网格日志: one thing done in a grid by one member, under one of the five duties."""

    __tablename__ = "grid_log"
    __table_args__ = (
        Index("ix_grid_log_place_day", "place_path", "happened_on"),
        Index("ix_grid_log_person_day", "person_id", "happened_on"),
        CheckConstraint("minutes BETWEEN 1 AND 720", name="minutes"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    grid_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    happened_on: Mapped[date]
    duty: Mapped[str] = mapped_column(String(20))
    # walk: went round the grid; visit: was in somebody's home; other: neither.
    kind: Mapped[str] = mapped_column(String(10), default="walk")
    # What neighbours say to each other is nobody else's business: encrypted like the data of a case.
    what: Mapped[str] = mapped_column(EncryptedText)
    where_it_was: Mapped[str | None] = mapped_column(EncryptedText)
    building_id: Mapped[int | None] = mapped_column(ForeignKey("building.id"), index=True)
    # Whom of the care register one looked after, where the entry is such a visit.
    care_entry_id: Mapped[int | None] = mapped_column(ForeignKey("care_entry.id"), index=True)
    minutes: Mapped[int]
    photo_key: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    withdraw_reason: Mapped[str] = mapped_column(String(200), default="")
    illustrative: Mapped[bool] = mapped_column(default=False)

    grid: Mapped[Agency] = relationship()
    person: Mapped[Person] = relationship()
    building: Mapped[Building | None] = relationship()
    care_entry: Mapped[CareEntry | None] = relationship()
