"""Letters out: written in the transaction of the step they tell of, in one gapless row per partner, sealed at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import new_uid, now
from models.content import Content
from models.exchange import Envelope, Partner
from process import journal, outbox
from process.refusals import NotAvailable
from services.exchange import envelopes, keys, partners
from services.exchange.keys import Card

# Longer than any holiday; after that the letter is sealed anew, so that nothing old comes to life by accident.
VALID_FOR = timedelta(days=30)


def stream_of(partner: Partner) -> str:
    """Where the journal keeps what went over this line."""
    return f"exchange:{partner.installation}"


def locked(session: Session, partner_id: int) -> Partner:
    """The partner's row for numbering; whoever writes to the same partner waits for this transaction."""
    # Not against readers of foreign keys: an incoming letter of the same partner refers to the row meanwhile.
    return session.get_one(Partner, partner_id, with_for_update={"key_share": True}, populate_existing=True)


def post(
    session: Session,
    partner_id: int,
    kind: str,
    body: Mapping[str, Any],
    *,
    content: Content | None = None,
    subject: str = "",
) -> Envelope:
    """Puts a letter into the row and rings for the carrier; both stay or go with the running transaction."""
    assert kind in envelopes.KINDS, kind
    session.flush()
    if content is not None and session.get_bind().dialect.name == "postgresql":
        # The thing before the line, whoever writes: letters that arrive lock in this order, too.
        session.execute(select(Content.id).where(Content.id == content.id).with_for_update())
    partner = locked(session, partner_id)
    at = now()
    uid = new_uid()
    seq, previous = partner.out_seq + 1, partner.out_digest or envelopes.FIRST
    letter = _seal(partner, uid, kind, seq, previous, at, body)
    row = Envelope(
        uid=uid,
        partner_id=partner.id,
        district=content.district if content is not None else "",
        direction="out",
        kind=kind,
        seq=seq,
        previous=previous,
        digest=envelopes.digest_of(letter),
        content_id=content.id if content is not None else None,
        subject=subject,
        letter=letter,
        body=dict(body),
        sent_at=at,
        expires_at=at + VALID_FOR,
    )
    session.add(row)
    partner.out_seq, partner.out_digest = seq, row.digest
    session.flush()
    outbox.put(session, partners.SEND, district=row.district, partner_id=partner.id)
    outbox.put(session, partners.OVERDUE, district=row.district, delay=partners.RECEIPT_WITHIN, envelope_id=row.id)
    note(session, partner, "exchange:post", row)
    return row


def _seal(partner: Partner, uid: str, kind: str, seq: int, previous: str, at: Any, body: Mapping[str, Any]) -> str:
    return envelopes.write(
        keys.ring(),
        _recipient(partner),
        uid=uid,
        kind=kind,
        seq=seq,
        previous=previous,
        sent=at,
        expires=at + VALID_FOR,
        body=body,
    )


def _recipient(partner: Partner) -> Card:
    """The key in force; while a partner is stopped or changes keys, letters wait and are sealed anew afterwards."""
    key = partners.key_of(partner) or next((k for k in reversed(partner.keys) if k.confirmed_at), None)
    if key is None:
        raise NotAvailable(f"“{partner.name}”的密钥还没有核对，不能发函件。请系统管理员先与对方念读核对。")
    return partners.card_of(key)


def seal_anew(session: Session, partner_id: int, from_seq: int) -> int:
    """Everything from here on that has no receipt gets a new date, seal, signature and chain; numbers and places stay.

    Only when the partner has said that it did not take the first of them (expired, another key): had it taken it, it would
    have answered with the receipt."""
    partner = locked(session, partner_id)
    rows = session.scalars(
        select(Envelope)
        .where(Envelope.partner_id == partner.id, Envelope.direction == "out", Envelope.seq >= from_seq)
        .order_by(Envelope.seq)
    ).all()
    if not rows or any(row.status != "waiting" for row in rows):
        return 0
    before = session.scalar(
        select(Envelope.digest).where(
            Envelope.partner_id == partner.id, Envelope.direction == "out", Envelope.seq == from_seq - 1
        )
    )
    at, previous = now(), before or envelopes.FIRST
    for row in rows:
        row.uid, row.previous, row.sent_at, row.expires_at = new_uid(), previous, at, at + VALID_FOR
        row.letter = _seal(partner, row.uid, row.kind, row.seq, previous, at, row.body or {})
        row.digest = previous = envelopes.digest_of(row.letter)
        note(session, partner, "exchange:seal_anew", row)
    partner.out_digest = previous
    session.flush()
    return len(rows)


def note(session: Session, partner: Partner, action: str, row: Envelope, **more: str) -> None:
    """What happened to a letter, in the journal of its line; never what is in it."""
    journal.record(
        session,
        action,
        None,
        stream=stream_of(partner),
        details={"envelope": row.uid, "seq": row.seq, "kind": row.kind, "digest": row.digest, **more},
    )
