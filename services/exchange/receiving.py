"""Letters in: judged, and then effect, letter and signed receipt in one transaction, exactly once for each sender and number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.exchange import Envelope, ExchangeRefusal, Partner
from process import journal
from process.calendar_days import say
from process.numbers import CHINA
from process.refusals import (
    Altered,
    ClockDiffers,
    EnvelopeRefused,
    Expired,
    NotAnEnvelope,
    PredecessorMissing,
    Refusal,
    Replayed,
    RevokedKey,
    UnknownSender,
    WrongRecipient,
)
from services.exchange import envelopes, keys, partners
from services.exchange.envelopes import Letter
from services.exchange.keys import Card
from services.exchange.posting import stream_of

# Two clocks that are kept by time servers differ by less than a second; by more than this one of them is wrong.
SKEW = timedelta(minutes=5)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext(:line))")


@dataclass(frozen=True)
class Arrived:
    """A letter that is genuine and next in its row, with what is inside; handed to the effect of its kind."""

    session: Session
    partner: Partner
    letter: Letter
    body: Mapping[str, Any]
    at: datetime


class EffectRefused(Exception):
    """The letter is genuine and is kept, but what it asks for cannot be done; the receipt says so."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


Effect = Callable[[Arrived], Content | None]
effects: dict[str, Effect] = {}


def effect(kind: str) -> Callable[[Effect], Effect]:
    """Registers what a kind of letter does here; it answers the thing it was about."""

    def keep(function: Effect) -> Effect:
        assert effects.get(kind, function) is function, f"two effects for {kind}"
        effects[kind] = function
        return function

    return keep


def receive(session: Session, raw: bytes, posted: str, posted_signature: str) -> str:
    """The signed receipt for this letter. Whatever is wrong with it raises EnvelopeRefused, and nothing is done."""
    ring = keys.ring()
    letter = envelopes.read(raw)
    if letter.recipient != ring.card.installation:
        raise WrongRecipient("这封函件写的收件方不是本系统，没有收。请核对伙伴登记的密钥卡。", sender=letter.sender)
    partner = _sender(session, letter)
    _one_at_a_time(session, partner)
    earlier = _by(session, partner, Envelope.uid == letter.id)
    if earlier is not None and earlier.digest == letter.digest:
        # The receipt was lost on the way: the same letter gets the same receipt, and nothing happens twice.
        assert earlier.receipt is not None
        return earlier.receipt
    card = _key(partner, letter)
    if not envelopes.is_signed(letter, card):
        raise Altered(f"函件的签名与内容不符，可能在路上被改过。没有收。（{partner.name}）", sender=letter.sender)
    at = now()
    _carried_now(partner, card, letter, posted, posted_signature, at)
    if earlier is not None:
        raise Replayed(
            "同一编号的函件早已收过，这次的内容不同，没有收。请对方查明是谁改动了函件。", sender=letter.sender
        )
    if letter.expires_at <= at:
        raise Expired(
            f"函件有效期到 {_told(letter.expires_at)}，已经过期，没有收。请重新签发后再发。", sender=letter.sender
        )
    _next_in_row(session, partner, letter)
    body = envelopes.open_body(letter, ring)
    return _take(Arrived(session, partner, letter, body, at), ring)


def _sender(session: Session, letter: Letter) -> Partner:
    partner = session.scalar(select(Partner).where(Partner.installation == letter.sender))
    if partner is None or not any(key.confirmed_at for key in partner.keys):
        raise UnknownSender(
            "不认识发件方，或两边还没有念读核对密钥，没有收。请双方管理员先登记并核对密钥。", sender=letter.sender
        )
    if partner.stopped_at is not None:
        raise UnknownSender(f"本方已停用与发件方的通办（{partner.stopped_reason}），没有收。", sender=letter.sender)
    return partner


def _one_at_a_time(session: Session, partner: Partner) -> None:
    """Two copies of one letter may arrive at once. A lock beside the partner's row, which steps of people lock as well."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_LOCK, {"line": stream_of(partner)})
    session.refresh(partner)


def _by(session: Session, partner: Partner, condition: Any) -> Envelope | None:
    return session.scalar(
        select(Envelope).where(Envelope.partner_id == partner.id, Envelope.direction == "in", condition)
    )


def _key(partner: Partner, letter: Letter) -> Card:
    key = next((k for k in partner.keys if k.key_id == letter.key), None)
    if key is None or key.confirmed_at is None:
        raise UnknownSender(
            "函件用的密钥没有核对过，没有收。对方如换了密钥，请把新密钥卡交给本方管理员，念读核对后会自动补发。",
            sender=letter.sender,
        )
    if key.revoked_at is not None:
        raise RevokedKey(
            f"函件用的密钥已于 {_told(key.revoked_at)} 作废（{key.revoked_reason}），没有收。", sender=letter.sender
        )
    if key.ended_at is not None and letter.sent_at > key.ended_at + SKEW:
        raise RevokedKey(
            f"函件用的旧密钥只用到 {_told(key.ended_at)}，这封是之后签的，没有收。请用新密钥重新签发。",
            sender=letter.sender,
        )
    return partners.card_of(key)


def _carried_now(partner: Partner, card: Card, letter: Letter, posted: str, signature: str, at: datetime) -> None:
    """The carrier signs the time of this very attempt: it tells a recording from a letter that waited, and shows bad clocks."""
    try:
        posted_at = datetime.fromisoformat(posted)
        line = envelopes.posted_line(letter.digest, posted_at)
    except ValueError as error:
        raise NotAnEnvelope("缺少发送时间（Daiban-Posted）或写得不对。", sender=letter.sender) from error
    if posted_at.tzinfo is None or not any(one.verifies(signature, line) for one in (card, *partners.cards(partner))):
        raise Altered("发送时间的签名不对，没有收。", sender=letter.sender)
    for when, what in ((posted_at, "发送时间"), (letter.sent_at, "签发时间")):
        # A letter may be old, but neither it nor its carrier comes from the future; and its carrier is not from the past.
        off = when - at
        if off > SKEW or (what == "发送时间" and off < -SKEW):
            faster = "快" if off > timedelta(0) else "慢"
            raise ClockDiffers(
                f"“{partner.name}”的时钟比本系统{faster} {span(abs(off))}（对方{what} {_told(when)}，本系统现在 {_told(at)}），"
                f"超过允许的 {span(SKEW)}，没有收。请两边对照标准时间，把走错的一方校准后会自动补发。",
                sender=letter.sender,
                clock="sender_ahead" if off > timedelta(0) else "sender_behind",
                seconds=round(abs(off).total_seconds()),
            )


def span(length: timedelta) -> str:
    """A length of time as people say it."""
    seconds = round(length.total_seconds())
    days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
    said = [f"{n} {unit}" for n, unit in ((days, "天"), (hours, "小时"), (minutes, "分钟")) if n]
    return " ".join(said) or f"{seconds} 秒"


def _told(at: datetime) -> str:
    local = at.astimezone(CHINA)
    return f"{say(local)} {local:%H:%M:%S}"


def _next_in_row(session: Session, partner: Partner, letter: Letter) -> None:
    expected = partner.in_seq + 1
    if letter.seq > expected:
        raise PredecessorMissing(
            f"这是第 {letter.seq} 封，第 {expected} 封还没有到。请从第 {expected} 封起依次补发。",
            sender=letter.sender,
            expected=expected,
        )
    if letter.seq < expected:
        raise Replayed(
            f"第 {letter.seq} 封早已收过另一封，这封没有收。对方的数据可能从旧备份恢复过，请双方管理员核对。",
            sender=letter.sender,
        )
    if letter.previous != (partner.in_digest or envelopes.FIRST):
        raise Replayed(
            f"第 {letter.seq} 封不是接着本系统收到的第 {partner.in_seq} 封写的，没有收。请双方管理员核对往来记录。",
            sender=letter.sender,
        )


def _take(arrived: Arrived, ring: keys.Ring) -> str:
    """From here on the letter counts: its effect, or in words why it had none, goes into the receipt."""
    session, partner, letter = arrived.session, arrived.partner, arrived.letter
    content, outcome, reason, detail = None, "done", "", ""
    try:
        with session.begin_nested():
            content = _do(arrived)
    except EffectRefused as refusal:
        outcome, reason, detail = "refused", refusal.reason, refusal.detail
    except Refusal as refusal:
        outcome, reason, detail = "refused", refusal.slug, refusal.detail
    if outcome == "refused":
        # Whatever the effect had loaded or half changed in memory is not what stands in the database.
        session.expire_all()
    signed = envelopes.receipt(ring, letter, arrived.at, outcome, reason, detail[:400])
    session.add(
        Envelope(
            uid=letter.id,
            partner_id=partner.id,
            district=content.district if content is not None else "",
            direction="in",
            kind=letter.kind,
            seq=letter.seq,
            previous=letter.previous,
            digest=letter.digest,
            content_id=content.id if content is not None else None,
            letter=letter.text,
            status=outcome,
            sent_at=letter.sent_at,
            expires_at=letter.expires_at,
            receipt=signed,
            receipted_at=arrived.at,
            outcome=detail[:500],
        )
    )
    session.flush()
    moved = session.execute(
        update(Partner)
        .where(Partner.id == partner.id, Partner.in_seq == letter.seq - 1)
        .values(in_seq=letter.seq, in_digest=letter.digest, heard_at=arrived.at)
        .returning(Partner.id)
    ).first()
    if moved is None:
        raise PredecessorMissing("同时有另一封正在收，请稍后再发。", sender=letter.sender, expected=letter.seq)
    journal.record(
        session,
        "exchange:receive",
        None,
        stream=stream_of(partner),
        details={
            "envelope": letter.id,
            "seq": letter.seq,
            "kind": letter.kind,
            "digest": letter.digest,
            "outcome": outcome,
            **({"reason": reason} if reason else {}),
        },
        at=arrived.at,
    )
    return signed


def _do(arrived: Arrived) -> Content | None:
    found = effects.get(arrived.letter.kind)
    if found is None:
        raise EffectRefused("unknown-kind", f"本系统还不会办“{arrived.letter.kind}”这种函件，请两边升级到同一版本。")
    try:
        return found(arrived)
    except Refusal:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A partner with another version of the product: its letter is kept, and both sides hear that it had no effect.
        raise EffectRefused("bad-body", f"函件正文的内容不全或格式不对（{type(error).__name__}），没有办。") from error


# --- What was turned away


def note_refusal(session: Session, refusal: EnvelopeRefused) -> None:
    """Counts it by day, sender and reason; written after the refused transaction was undone."""
    insert = pg_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    at = now()
    sender = refusal.sender[:40] or "-"
    known = session.scalar(select(Partner.id).where(Partner.installation == sender))
    statement = insert(ExchangeRefusal).values(
        day=at.astimezone(CHINA).date().isoformat(),
        # Strangers may call themselves whatever they like; they share one row a day.
        sender=sender if known is not None else "-",
        reason=refusal.slug,
        detail=refusal.detail[:500],
        count=1,
        first_at=at,
        last_at=at,
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["day", "sender", "reason"],
            set_={"count": ExchangeRefusal.count + 1, "last_at": at, "detail": statement.excluded.detail},
        )
    )


def signed_refusal(raw: bytes, refusal: EnvelopeRefused) -> str:
    """So that nobody on the way can make a sender seal anew or send again: the refusal of this very letter is signed, too."""
    return keys.ring().sign(refusal_line(hashlib.sha256(raw).hexdigest(), refusal.slug, refusal.facts.get("expected")))


def refusal_line(digest: str, slug: str, expected: Any) -> bytes:
    return f"refused:{digest}:{slug}:{expected or ''}".encode()
