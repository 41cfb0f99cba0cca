"""通办: partner installations in other cities, their keys, what was sent and received, and the receipts of both sides."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, EncryptedJson, now
from models.content import Content
from models.person import Person


class Partner(Base):
    """Another city's installation. Until an administrator has confirmed its key by voice, nothing is exchanged."""

    __tablename__ = "exchange_partner"
    __table_args__ = (UniqueConstraint("installation"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # How the other installation calls itself in every envelope; it never changes, its keys may.
    installation: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    base_url: Mapped[str] = mapped_column(String(200))
    stopped_at: Mapped[datetime | None]
    stopped_reason: Mapped[str] = mapped_column(String(200), default="")
    # The last envelope of each direction: its place in the row and its digest, which the next one must name.
    out_seq: Mapped[int] = mapped_column(default=0)
    out_digest: Mapped[str] = mapped_column(String(64), default="")
    in_seq: Mapped[int] = mapped_column(default=0)
    in_digest: Mapped[str] = mapped_column(String(64), default="")
    # How the line is: since when it does not answer, what was said last, when it is tried again.
    down_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(String(500), default="")
    answered_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]
    items_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    keys: Mapped[list[PartnerKey]] = relationship(back_populates="partner", order_by="PartnerKey.id")


class PartnerKey(Base):
    """A public key of a partner: entered, read aloud, confirmed; later ended or withdrawn, never deleted."""

    __tablename__ = "exchange_partner_key"
    __table_args__ = (UniqueConstraint("partner_id", "key_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("exchange_partner.id"), index=True)
    key_id: Mapped[str] = mapped_column(String(16))
    card: Mapped[str] = mapped_column(String(250))
    entered_at: Mapped[datetime] = mapped_column(default=now)
    entered_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    confirmed_at: Mapped[datetime | None]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # Replaced by a newer one: what was signed before this moment still counts.
    ended_at: Mapped[datetime | None]
    # Withdrawn, because it may be in wrong hands: nothing signed with it counts any more.
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str] = mapped_column(String(200), default="")

    partner: Mapped[Partner] = relationship(back_populates="keys")
    entered_by: Mapped[Person | None] = relationship(foreign_keys=[entered_by_id])
    confirmed_by: Mapped[Person | None] = relationship(foreign_keys=[confirmed_by_id])


_WAITING = text("status = 'waiting'")


class Envelope(Base):
    """One signed envelope, out or in, with the receipt that belongs to it. Out rows are written with the step they tell of."""

    __tablename__ = "exchange_envelope"
    __table_args__ = (
        UniqueConstraint("partner_id", "direction", "uid"),
        UniqueConstraint("partner_id", "direction", "seq"),
        Index("ix_exchange_envelope_waiting", "partner_id", "seq", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("ix_exchange_envelope_content", "content_id", "id"),
        CheckConstraint("direction IN ('out', 'in')", name="direction"),
        CheckConstraint("status IN ('waiting', 'done', 'refused')", name="status"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22))
    partner_id: Mapped[int] = mapped_column(ForeignKey("exchange_partner.id"))
    district: Mapped[str] = mapped_column(String(40), default="")
    direction: Mapped[str] = mapped_column(String(3))
    kind: Mapped[str] = mapped_column(String(12))
    seq: Mapped[int]
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    content_id: Mapped[int | None] = mapped_column(ForeignKey("content.id"))
    # What it is about for whoever looks for it: the key of a document, the uid of a note.
    subject: Mapped[str] = mapped_column(String(80), default="")
    # `letter` is what travels, sealed for the recipient; `body` is ours to read, and what a new seal is made from.
    letter: Mapped[str] = mapped_column(Text)
    body: Mapped[dict | None] = mapped_column(EncryptedJson)
    status: Mapped[str] = mapped_column(String(8), default="waiting")
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(500), default="")
    receipt: Mapped[str | None] = mapped_column(Text)
    receipted_at: Mapped[datetime | None]
    # What the effect was, or in a sentence why there was none.
    outcome: Mapped[str] = mapped_column(String(500), default="")

    partner: Mapped[Partner] = relationship()
    content: Mapped[Content | None] = relationship()


class ExchangeRefusal(Base):
    """Envelopes that were turned away, counted by day, sender and reason, so that a flood fills one row."""

    __tablename__ = "exchange_refusal"
    __table_args__ = (UniqueConstraint("day", "sender", "reason"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    day: Mapped[str] = mapped_column(String(10))
    sender: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(40))
    detail: Mapped[str] = mapped_column(String(500))
    count: Mapped[int] = mapped_column(default=1)
    first_at: Mapped[datetime] = mapped_column(default=now)
    last_at: Mapped[datetime] = mapped_column(default=now)


class PartnerItem(Base):
    """What may be sent where: an item or proof that a partner decides (`theirs`), or that we decide for partners (`ours`)."""

    __tablename__ = "exchange_item"
    __table_args__ = (
        UniqueConstraint("side", "partner_id", "code"),
        CheckConstraint("side IN ('ours', 'theirs')", name="side"),
        CheckConstraint("kind IN ('item', 'proof')", name="kind"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    side: Mapped[str] = mapped_column(String(6))
    # 0 with `ours`, because NULL would make two equal rows different.
    partner_id: Mapped[int] = mapped_column(default=0, index=True)
    code: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(5), default="item")
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    unit_name: Mapped[str] = mapped_column(String(80), default="")
    days: Mapped[int | None]
    illustrative: Mapped[bool] = mapped_column(default=False)
    ended_at: Mapped[datetime | None]


class ExchangeTicket(Base):
    """The link of a thing here with its other half there: one global id, filed on one side and decided on the other."""

    __tablename__ = "exchange_ticket"
    __table_args__ = (
        CheckConstraint("side IN ('filed', 'decides')", name="side"),
        Index("ix_exchange_ticket_partner", "partner_id", "side", "content_id"),
    )

    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("exchange_partner.id"))
    district: Mapped[str] = mapped_column(String(40), default="")
    side: Mapped[str] = mapped_column(String(7))
    # `installation:uid` where it was filed; the same on both sides, so whoever adds both up counts it once.
    global_uid: Mapped[str] = mapped_column(String(64), unique=True)
    item_code: Mapped[str] = mapped_column(String(60))
    unit_name: Mapped[str] = mapped_column(String(80), default="")
    their_number: Mapped[str] = mapped_column(String(60), default="")
    their_state: Mapped[str] = mapped_column(String(40), default="")
    their_deadline: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    content: Mapped[Content] = relationship()
    partner: Mapped[Partner] = relationship()
