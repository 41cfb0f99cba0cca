"""Phones that work without a signal: which ones there are, what they handed in, and the photos on their way."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, EncryptedJson, EncryptedText, new_uid, now
from models.person import Person


class FieldDevice(Base):
    """One person's field app on one phone. Without the secret that lies here what is stored on the phone cannot be read."""

    __tablename__ = "field_device"
    __table_args__ = (CheckConstraint("idle_minutes BETWEEN 5 AND 1440", name="idle_minutes"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    label: Mapped[str] = mapped_column(String(80), default="")
    # Empty once the phone was reported lost: then nobody can read what lies on it, the office neither.
    secret: Mapped[str | None] = mapped_column(EncryptedText)
    idle_minutes: Mapped[int] = mapped_column(default=120)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    # When the secret was last handed out, each time against a fresh sign-in with the password.
    opened_at: Mapped[datetime] = mapped_column(default=now)
    # Signed out from afar; opened again only by a sign-in that came later.
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    lost: Mapped[bool] = mapped_column(default=False)

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    closed_by: Mapped[Person | None] = relationship(foreign_keys=[closed_by_id])


class FieldOp(Base):
    """One thing done on a phone, answered once and for all: whoever sends it again gets the same answer."""

    __tablename__ = "field_op"
    __table_args__ = (
        UniqueConstraint("person_id", "op_id"),
        CheckConstraint("outcome IN ('done', 'refused', 'conflict')", name="outcome"),
        Index("ix_field_op_device", "device_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    op_id: Mapped[str] = mapped_column(String(26))
    district: Mapped[str] = mapped_column(String(40), default="")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("field_device.id"))
    seq: Mapped[int] = mapped_column(BigId)
    kind: Mapped[str] = mapped_column(String(10))
    thing: Mapped[str] = mapped_column(String(40))
    verb: Mapped[str] = mapped_column(String(40))
    body_hash: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(10))
    answer: Mapped[dict] = mapped_column(EncryptedJson)
    # Where the thing stood afterwards, so that the phone's next step may follow on its own.
    thing_version: Mapped[int | None]
    # What the phone's clock said: a statement, never an order.
    said_at: Mapped[str] = mapped_column(String(40), default="")
    at: Mapped[datetime] = mapped_column(default=now)


class FieldBlob(Base):
    """A photo or a signature on its way in pieces; gone once it hangs on its thing."""

    __tablename__ = "field_blob"
    __table_args__ = (
        UniqueConstraint("person_id", "sha256"),
        CheckConstraint("received BETWEEN 0 AND size", name="received"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    received: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class FieldChunk(Base):
    """One piece of a photo."""

    __tablename__ = "field_chunk"

    blob_id: Mapped[int] = mapped_column(ForeignKey("field_blob.id"), primary_key=True)
    start: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
