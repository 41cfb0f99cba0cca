"""Telling a resident: the message lies in the inbox at once, and what goes out is written beside it in the same transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from catalogue.messages import PHONE, SMS, Occasion, messages
from models.agency import Agency
from models.base import now
from models.content import Content
from models.delegation import Delegation
from models.message import Delivery, Message
from models.person import Person
from models.resident import Resident
from process import journal, outbox
from process.access import Actor
from process.masking import mask_phone
from services.messages import channels, preferences, wording
from services.messages.wording import Facts

SEND = "messages.send"
AT_ONCE = timedelta(0)


def tell(
    session: Session,
    occasion_id: str,
    reader: Resident | Person,
    facts: Facts,
    *,
    content: Content | None = None,
    once: str,
    actor: Actor | None = None,
    note_id: int | None = None,
    at: datetime | None = None,
) -> Message | None:
    """Tells somebody something, once for this `once`. None: they have been told."""
    occasion = messages().occasions[occasion_id]
    key = f"{occasion_id}:{once}"
    if session.scalar(select(Message.id).where(Message.key == key)) is not None:
        return None
    wish = preferences.of(session, reader)
    message = Message(
        district=content.district if content is not None else "",
        content_id=content.id if content is not None else None,
        occasion=occasion_id,
        resident_id=reader.id if isinstance(reader, Resident) else None,
        person_id=reader.id if isinstance(reader, Person) else None,
        note_id=note_id,
        author_id=actor.person_id if actor is not None and note_id is not None else None,
        text=wording.inbox(occasion, facts, wish.locale),
        short=wording.sms(occasion, facts, wish.locale) if occasion.allows(SMS) else None,
        locale=wish.locale,
        state=content.state if content is not None and occasion.passing else None,
        key=key,
        created_at=at or now(),
    )
    session.add(message)
    session.flush()
    if content is not None:
        details = {"occasion": occasion_id, "message": message.id}
        journal.record(session, "message:tell", actor, content=content, details=details)
    out = first_way(wish.channels, occasion, reader.phone)
    if out is None and wish.channels and occasion.allows(PHONE) and not preferences.has_account(session, reader):
        # The inbox reaches nobody who has no account: somebody has to say it.
        out = PHONE
    if out == SMS:
        by_sms(session, message, occasion, wish)
    elif out == PHONE and content is not None:
        by_phone(session, message, content)
    return message


def first_way(wished: tuple[str, ...], occasion: Occasion, phone: str | None) -> str | None:
    """The first way that leads to this reader; None: the inbox alone."""
    if not wished:
        return None
    for way in wished:
        if way == SMS and occasion.allows(SMS) and preferences.takes_sms(phone):
            # Not set up is a matter of the office; nobody is made to phone those for it who look online.
            return SMS if channels.get(SMS) is not None else None
        if way == PHONE and occasion.allows(PHONE):
            return PHONE
    return None


def left_behind(session: Session, content: Content) -> None:
    """Calls about a state that the thing has left need not be made any more."""
    passed = select(Message.id).where(
        Message.content_id == content.id, Message.state.is_not(None), Message.state != content.state
    )
    session.execute(
        update(Delivery)
        .where(Delivery.channel == PHONE, Delivery.state == "waiting", Delivery.message_id.in_(passed))
        .values(state="lapsed", finished_at=now(), error="事情已经往下办了")
        .execution_options(synchronize_session=False)
    )


def by_sms(
    session: Session, message: Message, occasion: Occasion, wish: preferences.Wish, by: Actor | None = None
) -> Delivery:
    """One text message, held back in quiet hours unless the matter is urgent."""
    later = None if occasion.urgent else preferences.quiet_until(wish, now())
    reader = message.resident or message.person
    delivery = Delivery(
        district=message.district,
        message_id=message.id,
        channel=SMS,
        text=message.short,
        address=mask_phone(reader.phone) if reader is not None and reader.phone else "",
        not_before=later,
        created_at=now(),
        by_id=by.person_id if by is not None else None,
    )
    session.add(delivery)
    session.flush()
    put(session, delivery, later - now() if later else timedelta(0))
    return delivery


def put(session: Session, delivery: Delivery, delay: timedelta = timedelta(0)) -> None:
    """Asks the worker to send it then. Only the number of the row leaves the database."""
    outbox.put(session, SEND, district=delivery.district, delay=max(delay, timedelta(0)), delivery_id=delivery.id)


def by_phone(session: Session, message: Message, content: Content) -> Delivery:
    """A call that somebody at the answerable unit has to make; one open call for a message is enough."""
    waiting = session.scalar(
        select(Delivery).where(
            Delivery.message_id == message.id, Delivery.channel == PHONE, Delivery.state == "waiting"
        )
    )
    if waiting is not None:
        return waiting
    reader = message.resident or message.person
    delivery = Delivery(
        district=message.district,
        message_id=message.id,
        channel=PHONE,
        address=mask_phone(reader.phone) if reader is not None and reader.phone else "",
        unit_id=answerable(session, content).id,
        created_at=now(),
    )
    session.add(delivery)
    session.flush()
    return delivery


def answerable(session: Session, content: Content) -> Agency:
    """Who speaks with the resident: the station where the matter was brought, as long as a ticket carries it, else who has it."""
    ticket = content if isinstance(content, Delegation) else open_ticket(session, content)
    if ticket is not None:
        return ticket.place
    return content.unit or content.place


def open_ticket(session: Session, content: Content) -> Delegation | None:
    """The ticket on which this case travels now."""
    return session.scalar(
        select(Delegation)
        .where(
            Delegation.case_id == content.id,
            Delegation.closed_at.is_(None),
            Delegation.state.not_in(("draft", "returned", "delivered")),
        )
        .order_by(Delegation.id)
        .limit(1)
    )


def lapsed(message: Message) -> bool:
    """What it says has passed: the thing has moved on from the state it speaks of."""
    return message.state is not None and message.content is not None and message.content.state != message.state
