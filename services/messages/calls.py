"""请电话告知: what nobody could be told in writing lies on a desk until somebody has called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, contains_eager

from catalogue.messages import PHONE, SMS, messages
from models.base import now
from models.content import Content
from models.message import Delivery, Message
from process import access, journal
from process.access import Actor
from process.refusals import NotAvailable, NotFound
from services.messages import channels, preferences, telling
from services.messages.sending import TOLD, WAITING

LIMIT = 20
# A call that nobody answered is tried again after a while, so it goes to the end of the list until then.
AGAIN = timedelta(hours=2)


def units(actor: Actor) -> list[str]:
    """Where this actor works or holds a post: calls are for staff of the very unit, not for everybody below it."""
    if actor.person_id is None or actor.resident_id is not None:
        return []
    held = {held.path.rstrip("/").rpartition("/")[2] for held in actor.held if held.path != "/"}
    return sorted(held | ({actor.unit_id} if actor.unit_id else set()))


def waiting(session: Session, actor: Actor, limit: int = LIMIT) -> Sequence[Delivery]:
    """The calls of this actor's units that are still needed, about things they may see in full; oldest first."""
    at = units(actor)
    if not at:
        return []
    rows = session.scalars(
        access.visible(
            select(Delivery)
            .join(Message, Message.id == Delivery.message_id)
            .join(Content, Content.id == Message.content_id)
            .where(Delivery.channel == PHONE, Delivery.state == WAITING, Delivery.unit_id.in_(at))
            .where(or_(Message.state.is_(None), Message.state == Content.state)),
            actor,
            Content,
        )
        .options(
            contains_eager(Delivery.message).contains_eager(Message.content),
            contains_eager(Delivery.message).joinedload(Message.resident),
        )
        .order_by(Delivery.id)
        .limit(limit * 2)
    ).unique()
    found = [one for one in rows if _mine(session, actor, one)]
    return sorted(found, key=lambda one: (bool(one.not_before and one.not_before > now()), one.id))[:limit]


def _mine(session: Session, actor: Actor, call: Delivery) -> bool:
    content = call.message.content if call.message is not None else None
    return content is not None and access.may(actor, access.VIEW_FULL, content, session)


def find(session: Session, actor: Actor, uid: str) -> Delivery:
    """A call that is this actor's to make; somebody else's answers like one that is not there."""
    call = session.scalar(select(Delivery).where(Delivery.uid == uid, Delivery.channel == PHONE).with_for_update())
    if call is None or call.unit_id not in units(actor) or not _mine(session, actor, call):
        raise NotFound()
    return call


def told(session: Session, actor: Actor, uid: str) -> Delivery:
    """已告知: the resident heard it on the telephone, which counts as told."""
    call = _open(session, actor, uid)
    call.state, call.finished_at, call.by_id = TOLD, now(), actor.person_id
    call.attempts += 1
    _record(session, actor, call, "message:told")
    return call


def unreached(session: Session, actor: Actor, uid: str) -> Delivery:
    """打不通: counted, tried again later; who wants a text message next gets one."""
    call = _open(session, actor, uid)
    call.attempts += 1
    call.not_before, call.by_id, call.error = now() + AGAIN, actor.person_id, "没有打通"
    _record(session, actor, call, "message:unreached")
    message = call.message
    assert message is not None
    reader, occasion = message.resident or message.person, messages().occasions[message.occasion]
    assert reader is not None
    wish = preferences.of(session, reader)
    tried = any(one.channel == SMS and not one.to_contact for one in message.deliveries)
    can = preferences.takes_sms(reader.phone) and channels.get(SMS) is not None and occasion.allows(SMS)
    if SMS in wish.channels and not tried and can:
        telling.by_sms(session, message, occasion, wish)
    return call


def _open(session: Session, actor: Actor, uid: str) -> Delivery:
    call = find(session, actor, uid)
    if call.state != WAITING:
        who = call.by.name if call.by is not None else "系统"
        raise NotAvailable(f"这个电话已经有结果了（{who}），请刷新后再看。")
    return call


def _record(session: Session, actor: Actor, call: Delivery, action: str) -> None:
    assert call.message is not None
    details = {"delivery": call.id, "message": call.message_id}
    journal.record(session, action, actor, content=call.message.content, details=details)
