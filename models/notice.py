"""What somebody is told in the application: one line on the desk, until it is read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, now
from models.content import Content
from models.person import Person

_UNREAD: dict[str, Any] = {"sqlite_where": text("read_at IS NULL"), "postgresql_where": text("read_at IS NULL")}


class Notice(Base):
    """Told to one person, or to a unit: then whoever works there first has read it for all."""

    __tablename__ = "notice"
    __table_args__ = (
        CheckConstraint("(person_id IS NULL) <> (unit_id IS NULL)", name="one_reader"),
        Index("ix_notice_person_unread", "person_id", "id", **_UNREAD),
        Index("ix_notice_unit_unread", "unit_id", "id", **_UNREAD),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    content_id: Mapped[int | None] = mapped_column(ForeignKey("content.id"), index=True)
    # What it is about (`clock:near`), for the sign beside it and for filters.
    kind: Mapped[str] = mapped_column(String(40))
    # A sentence of the product (then it has an English one) or the words an administrator wrote; `params` fill it.
    text: Mapped[str] = mapped_column(String(300))
    params: Mapped[dict] = mapped_column(Json, default=dict)
    # Set: it speaks of this state of the thing and is over when the thing has moved on.
    state: Mapped[str | None] = mapped_column(String(40))
    # Two notices with one key are one notice (see services/notices.py).
    key: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    read_at: Mapped[datetime | None]
    read_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    person: Mapped[Person | None] = relationship(foreign_keys=[person_id])
    unit: Mapped[Agency | None] = relationship()
    content: Mapped[Content | None] = relationship()
    read_by: Mapped[Person | None] = relationship(foreign_keys=[read_by_id])
