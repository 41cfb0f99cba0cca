"""Filters of lists that somebody has named: kept for oneself or shown to the colleagues of one unit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, new_uid, now
from models.person import Person


class SavedFilter(Base):
    """What was asked of a list, by name. It holds conditions, never things: everybody sees through it only what they may see."""

    __tablename__ = "saved_filter"
    __table_args__ = (
        UniqueConstraint("owner_id", "list", "name"),
        Index("ix_saved_filter_shared", "list", "unit_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    list: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(40))
    query: Mapped[dict] = mapped_column(Json, default=dict)
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    # The unit whose people see it too; empty while it is one's own.
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)

    owner: Mapped[Person] = relationship()
    unit: Mapped[Agency | None] = relationship()


class FilterDefault(Base):
    """With which filter somebody wants a list to open."""

    __tablename__ = "filter_default"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    list: Mapped[str] = mapped_column(String(80), primary_key=True)
    filter_id: Mapped[int] = mapped_column(ForeignKey("saved_filter.id"), index=True)
