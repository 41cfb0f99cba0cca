"""承诺备案: a condition or a paper replaced by a signed commitment with a date, and what the check found later."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, new_uid, now
from models.case import Case, Material
from models.paper import Document
from models.person import Person
from models.resident import Resident


class Commitment(Base):
    """One thing committed to in one case: kept or broken, found by somebody who did not take the commitment."""

    __tablename__ = "commitment"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'kept', 'broken', 'ended')", name="state"),
        UniqueConstraint("case_id", "subject"),
        Index("ix_commitment_due", "district", "state", "due"),
        Index("ix_commitment_resident", "resident_id", "broken_on"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"))
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))
    # The paper it stands for, where it stands for one.
    material_id: Mapped[int | None] = mapped_column(ForeignKey("material.id"))
    subject: Mapped[str] = mapped_column(String(120))
    words: Mapped[str] = mapped_column(String(300))
    due: Mapped[date]
    state: Mapped[str] = mapped_column(String(10), default="open")
    made_at: Mapped[datetime] = mapped_column(default=now)
    made_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    checked_at: Mapped[datetime | None]
    checked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    finding: Mapped[str] = mapped_column(String(300), default="")
    broken_on: Mapped[date | None]

    case: Mapped[Case] = relationship()
    resident: Mapped[Resident | None] = relationship()
    material: Mapped[Material | None] = relationship()
    signature: Mapped[Document | None] = relationship()
    made_by: Mapped[Person] = relationship(foreign_keys=[made_by_id])
    checked_by: Mapped[Person | None] = relationship(foreign_keys=[checked_by_id])
