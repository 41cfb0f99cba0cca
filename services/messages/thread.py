"""What the resident was told about a thing, on which ways, and whether it arrived; and sending it once more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue.messages import SMS, messages
from models.base import now
from models.content import Content
from models.message import Delivery, Message
from process import access, journal
from process.access import Actor
from process.refusals import Forbidden, NotAvailable, NotFound
from services.messages import channels, preferences, telling
from services.messages.sending import FAILED, SENT, WAITING

LIMIT = 100
# A report usually comes within minutes; who has waited so long may send once more.
SILENCE = timedelta(minutes=30)
A_DAY = 3


def of(session: Session, content: Content, limit: int = LIMIT) -> Sequence[Message]:
    """Everything told about this thing, newest first, with its ways."""
    return session.scalars(
        select(Message)
        .where(Message.content_id == content.id)
        .options(selectinload(Message.deliveries).joinedload(Delivery.by), joinedload(Message.author))
        .order_by(Message.id.desc())
        .limit(limit)
    ).all()


def may_resend(session: Session, actor: Actor, content: Content) -> bool:
    """Staff who work on the thing and see it in full."""
    return (
        actor.resident_id is None
        and access.may(actor, access.VIEW_FULL, content, session)
        and access.may(actor, "internal", content, session)
    )


def resendable(message: Message) -> bool:
    """A text message that failed, or that nobody has confirmed for half an hour; and what it says still holds."""
    texts = [one for one in message.deliveries if one.channel == SMS and not one.to_contact]
    if channels.get(SMS) is None or not texts or telling.lapsed(message):
        return False
    last = texts[-1]
    silent = last.state == SENT and last.sent_at is not None and now() - last.sent_at > SILENCE
    return last.state == FAILED or silent


def resend(session: Session, actor: Actor, content: Content, uid: str) -> Delivery:
    """Sends a text message once more, to the number that holds now, under a key of its own."""
    message = session.scalar(
        select(Message).where(Message.uid == uid, Message.content_id == content.id).with_for_update()
    )
    if message is None:
        raise NotFound()
    if not may_resend(session, actor, content):
        raise Forbidden("这一件不由您经手，不能重发短信。")
    reader = message.resident
    if channels.get(SMS) is None:
        raise NotAvailable("短信通道没有配置，请打电话告知。")
    if reader is None or not preferences.takes_sms(reader.phone):
        raise NotAvailable("办事人没有登记可以收短信的手机号码，请打电话告知，或先补登手机号码。")
    if any(one.channel == SMS and one.state == WAITING and not one.to_contact for one in message.deliveries):
        raise NotAvailable("这条短信还在排队，不用重发。请过几分钟刷新再看。")
    if not resendable(message):
        raise NotAvailable("这条短信已送达，或事情已往下办了，不用重发。要说别的，请在下面写给办事人。")
    today = session.scalar(
        select(func.count())
        .select_from(Delivery)
        .where(
            Delivery.message_id == message.id,
            Delivery.channel == SMS,
            Delivery.to_contact.is_not(True),
            Delivery.created_at > now() - timedelta(days=1),
        )
    )
    if (today or 0) > A_DAY:
        raise NotAvailable(f"这条短信一天里已发过 {today} 次，请打电话告知。")
    occasion = messages().occasions[message.occasion]
    delivery = telling.by_sms(session, message, occasion, preferences.of(session, reader), by=actor)
    details = {"message": message.id, "delivery": delivery.id}
    journal.record(session, "message:resend", actor, content=content, details=details)
    return delivery
