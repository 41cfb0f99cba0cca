"""What an office settles for its papers: who is entitled from when until when, where appeals go, which proof is still given."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, now
from models.person import Person


class PaperRule(Base):
    """One setting that differs from what the product ships; the journal keeps what it was before."""

    __tablename__ = "paper_rule"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str | int | bool] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    changed_by: Mapped[Person | None] = relationship()
