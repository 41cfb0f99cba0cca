"""自助终端: a machine of a hall that residents use by themselves; it files and looks up, and keeps nothing of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, new_uid, now
from models.person import Person


class Terminal(Base):
    """One machine: where it stands, what it takes, and the account in whose name the journal writes what was done at it."""

    __tablename__ = "terminal"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    # Codes of the items that may be filed here.
    items: Mapped[list] = mapped_column(Json, default=list)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    # A code typed at the machine once opens it; from then on the machine's own secret does. Only prints of both are kept.
    pairing: Mapped[str | None] = mapped_column(String(64), unique=True)
    pairing_until: Mapped[datetime | None]
    secret: Mapped[str | None] = mapped_column(String(64), unique=True)
    registered_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    registered_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]

    place: Mapped[Agency] = relationship()
    person: Mapped[Person] = relationship(foreign_keys=[person_id])
