"""What people are told outside the application: the message, each attempt to deliver it, and how somebody wants to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedText, Json, new_uid, now
from models.content import Content
from models.notice import Notice
from models.paper import Note
from models.person import Person
from models.resident import Resident


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Message(Base):
    """One thing told to one resident (or, for a test, to oneself): it lies in their inbox from the moment it is written."""

    __tablename__ = "message"
    __table_args__ = (
        CheckConstraint("(resident_id IS NULL) <> (person_id IS NULL)", name="one_reader"),
        Index("ix_message_resident", "resident_id", "id"),
        Index("ix_message_unread", "resident_id", **_where("read_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    content_id: Mapped[int | None] = mapped_column(ForeignKey("content.id"), index=True)
    # Which entry of catalogue/messages.yaml it is.
    occasion: Mapped[str] = mapped_column(String(40))
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # Written by hand: the line of the thread, and who wrote it.
    note_id: Mapped[int | None] = mapped_column(ForeignKey("note.id"), index=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # The words of the inbox, as they were told, in the reader's language.
    text: Mapped[str] = mapped_column(EncryptedText)
    # The words of a text message, where this may go out as one.
    short: Mapped[str | None] = mapped_column(EncryptedText)
    locale: Mapped[str] = mapped_column(String(12), default="zh_Hans_CN")
    # Set: nobody need be told any more once the thing has left this state.
    state: Mapped[str | None] = mapped_column(String(40))
    # Two messages with one key are one message.
    key: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    read_at: Mapped[datetime | None]

    content: Mapped[Content | None] = relationship()
    resident: Mapped[Resident | None] = relationship()
    person: Mapped[Person | None] = relationship(foreign_keys=[person_id])
    author: Mapped[Person | None] = relationship(foreign_keys=[author_id])
    note: Mapped[Note | None] = relationship()
    deliveries: Mapped[list[Delivery]] = relationship(back_populates="message", order_by="Delivery.id")


class Delivery(Base):
    """One way of one message (or of one notice to staff): text message, work chat, or a call somebody has to make."""

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("(message_id IS NULL) <> (notice_id IS NULL)", name="one_parent"),
        CheckConstraint("channel IN ('sms', 'work_chat', 'phone')", name="channel"),
        CheckConstraint("state IN ('waiting', 'sent', 'delivered', 'failed', 'told', 'lapsed')", name="state"),
        Index("ix_delivery_channel", "channel", "id"),
        Index("ix_delivery_states", "channel", "state", "created_at"),
        Index("ix_delivery_calls", "unit_id", "id", **_where("channel = 'phone' AND state = 'waiting'")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # What the gateway knows it by: the first half of the key under which nothing is sent twice.
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), index=True)
    notice_id: Mapped[int | None] = mapped_column(ForeignKey("notice.id"), index=True)
    channel: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    # To whoever asked for a visit for somebody else, and not to the reader of the message; the number stands with the visit.
    to_contact: Mapped[bool | None]
    # The words that go out on this way; a call has none of its own.
    text: Mapped[str | None] = mapped_column(EncryptedText)
    # The number as it may stand on a page, and its blind index: which number was tried last.
    address: Mapped[str] = mapped_column(String(40), default="")
    address_index: Mapped[str] = mapped_column(String(64), default="")
    # A call: whose desk it lies on.
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    attempts: Mapped[int] = mapped_column(default=0)
    provider_id: Mapped[str] = mapped_column(String(80), default="")
    # Why it did not go, in words without personal data.
    error: Mapped[str] = mapped_column(String(300), default="")
    # Held back until then: quiet hours.
    not_before: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    sent_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    # Who sent it once more, or who made the call.
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    message: Mapped[Message | None] = relationship(back_populates="deliveries")
    notice: Mapped[Notice | None] = relationship()
    unit: Mapped[Agency | None] = relationship()
    by: Mapped[Person | None] = relationship()


class ContactPreference(Base):
    """How a resident (or a member of staff) wants to be told, and when not."""

    __tablename__ = "contact_preference"
    __table_args__ = (
        CheckConstraint("(resident_id IS NULL) <> (person_id IS NULL)", name="one_reader"),
        CheckConstraint("quiet_from BETWEEN 0 AND 1439", name="quiet_from"),
        CheckConstraint("quiet_to BETWEEN 0 AND 1439", name="quiet_to"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"), unique=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), unique=True)
    # In the order in which they are tried; the inbox always has it.
    channels: Mapped[list] = mapped_column(Json, default=list)
    # Minutes after midnight, China Standard Time; equal: no quiet hours.
    quiet_from: Mapped[int]
    quiet_to: Mapped[int]
    locale: Mapped[str] = mapped_column(String(12), default="zh_Hans_CN")
    changed_at: Mapped[datetime] = mapped_column(default=now)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
