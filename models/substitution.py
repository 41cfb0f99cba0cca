"""Who stands in for whom: named for a period, in force by date."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, Json, new_uid, now
from models.person import Person


class Substitution(Base):
    """A colleague holds somebody's posts meanwhile. Its grants (cause 'substitution', cause_ref this uid) carry the rights."""

    __tablename__ = "substitution"
    __table_args__ = (
        Index("ix_substitution_principal", "principal_id", "until"),
        Index("ix_substitution_substitute", "substitute_id", "until"),
        CheckConstraint("since <= until", name="period"),
        CheckConstraint("principal_id <> substitute_id", name="two_people"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    principal_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    substitute_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    since: Mapped[date]
    until: Mapped[date]
    # The posts as they were named, [{role, place}]: a post that began later is not part of it.
    posts: Mapped[list] = mapped_column(Json, default=list)
    reason: Mapped[str] = mapped_column(String(200), default="")
    named_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    # Ended before its date: when, by whom, why.
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    end_reason: Mapped[str] = mapped_column(String(200), default="")

    principal: Mapped[Person] = relationship(foreign_keys=[principal_id])
    substitute: Mapped[Person] = relationship(foreign_keys=[substitute_id])
    named_by: Mapped[Person | None] = relationship(foreign_keys=[named_by_id])
    ended_by: Mapped[Person | None] = relationship(foreign_keys=[ended_by_id])
