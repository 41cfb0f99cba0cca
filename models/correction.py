"""更正: what is wrong on an issued certificate, who says so and who agreed; the certificate itself is never edited."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, EncryptedJson, new_uid, now
from models.paper import Certificate
from models.person import Person


class Correction(Base):
    """One request: the fields with their old and new values, the reason, and the certificate that came of it."""

    __tablename__ = "correction"
    __table_args__ = (
        CheckConstraint("status IN ('asked', 'agreed', 'refused')", name="status"),
        CheckConstraint("answered_by_id IS NULL OR answered_by_id <> asked_by_id", name="two_people"),
        # One open request for each certificate: the second would correct what the first has replaced.
        Index(
            "uq_correction_open",
            "certificate_id",
            unique=True,
            sqlite_where=text("status = 'asked'"),
            postgresql_where=text("status = 'asked'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), index=True)
    # [{"field": "wife_name", "label": "女方姓名", "old": "…", "new": "…"}]
    changes: Mapped[list] = mapped_column(EncryptedJson)
    reason: Mapped[str] = mapped_column(String(500))
    status: Mapped[str] = mapped_column(String(8), default="asked")
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(String(500), default="")
    made_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"))

    certificate: Mapped[Certificate] = relationship(foreign_keys=[certificate_id])
    made: Mapped[Certificate | None] = relationship(foreign_keys=[made_id])
    asked_by: Mapped[Person] = relationship(foreign_keys=[asked_by_id])
    answered_by: Mapped[Person | None] = relationship(foreign_keys=[answered_by_id])
