"""红色代办任务: one small transport on the board of a street."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import EncryptedText, Json
from models.content import Content
from models.person import Person


class Errand(Content):
    """The courier is the assignee. The address is the resident's and stays encrypted until somebody has claimed it."""

    __tablename__ = "errand"
    __table_args__: tuple = (CheckConstraint("envelopes BETWEEN 0 AND 99", name="envelopes"),)

    id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(30), default="deliver_result")
    related_id: Mapped[int | None] = mapped_column(ForeignKey("content.id"), index=True)
    from_agency_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    to_agency_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    from_address: Mapped[str | None] = mapped_column(EncryptedText)
    to_address: Mapped[str | None] = mapped_column(EncryptedText)
    contact: Mapped[str | None] = mapped_column(EncryptedText)
    envelopes: Mapped[int] = mapped_column(default=1)
    needs: Mapped[list] = mapped_column(Json, default=list)
    window_start: Mapped[datetime | None]
    window_end: Mapped[datetime | None]
    # What the receiver tells the courier; kept readable for the receiver's own page, so encrypted, not hashed.
    confirm_code: Mapped[str | None] = mapped_column(EncryptedText)
    code_failures: Mapped[int] = mapped_column(default=0)
    claimed_at: Mapped[datetime | None]
    picked_up_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    # The second of two who go together to somebody living alone.
    companion_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)

    related: Mapped[Content | None] = relationship(foreign_keys=[related_id])
    from_agency: Mapped[Agency | None] = relationship(foreign_keys=[from_agency_id])
    to_agency: Mapped[Agency | None] = relationship(foreign_keys=[to_agency_id])
    companion: Mapped[Person | None] = relationship(foreign_keys=[companion_id])

    __mapper_args__ = {"polymorphic_identity": "errand", "inherit_condition": id == Content.id}
