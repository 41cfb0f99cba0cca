"""Residents: the people papers are about. Identity is encrypted; look-up goes through blind indexes."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedText
from models.crypto import vault


class Resident(Base):
    """One person, one row: found again by the whole ID number, never by a part of it."""

    __tablename__ = "resident"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(120), index=True)
    id_number: Mapped[str] = mapped_column(EncryptedText)
    id_index: Mapped[str] = mapped_column(String(64), unique=True)
    sex: Mapped[str] = mapped_column(String(4), default="")
    birth_date: Mapped[date]
    phone: Mapped[str | None] = mapped_column(EncryptedText)
    phone_index: Mapped[str | None] = mapped_column(String(64), index=True)
    address: Mapped[str | None] = mapped_column(EncryptedText)
    household_address: Mapped[str | None] = mapped_column(EncryptedText)
    community_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"), index=True)
    grid_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"), index=True)

    community: Mapped[Agency | None] = relationship(foreign_keys=[community_id])
    grid: Mapped[Agency | None] = relationship(foreign_keys=[grid_id])

    @staticmethod
    def index_of(value: str) -> str:
        return vault.fingerprint(value)


class CareEntry(Base):
    """动态管理名册: why somebody is entitled to visits at home. The reason is health data and stays encrypted."""

    __tablename__ = "care_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), unique=True)
    condition: Mapped[str] = mapped_column(String(30))
    proof: Mapped[str | None] = mapped_column(EncryptedText)
    # The day on which the certificate or the doctor's note that was seen runs out; age needs none.
    proof_until: Mapped[date | None]
    needs: Mapped[str | None] = mapped_column(EncryptedText)
    contact: Mapped[str | None] = mapped_column(EncryptedText)
    contact_phone: Mapped[str | None] = mapped_column(EncryptedText)
    review_on: Mapped[date | None]
    opened_on: Mapped[date]
    ended_on: Mapped[date | None]
    end_reason: Mapped[str] = mapped_column(String(120), default="")

    resident: Mapped[Resident] = relationship()
