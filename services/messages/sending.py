"""What the worker does with one delivery: look whether it is still wanted, send it under its key, note what came back."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import uniform
from typing import Any

from sqlalchemy.orm import Session

from catalogue.messages import SMS, WORK_CHAT, messages
from models.base import now
from models.content import Content
from models.delegation import HomeVisit
from models.message import Delivery, Message
from models.person import Person
from models.resident import Resident
from process import journal, transactions
from process.masking import mask_phone
from services import notices
from services.messages import channels, contact, preferences, staff, telling
from services.messages.channels import Parcel, Refused, TooFast, Unavailable

log = logging.getLogger("daiban.messages")
WAITING, SENT, DELIVERED, FAILED, TOLD, LAPSED = "waiting", "sent", "delivered", "failed", "told", "lapsed"
# 30 s, 2 min, 8 min, 30 min; after these the outbox tries its own few times and then lays it aside.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 480, 1800))
# So long a gateway that is down, or asks to wait, costs no attempt.
PATIENCE = timedelta(hours=24)
# After so many failures in a row this process leaves the gateway alone for a minute: others need not wait for each time-out.
STRIKES, REST = 3, 60.0


@dataclass(frozen=True)
class Look:
    """What a look at the row said: send this, or why not."""

    parcel: Parcel | None = None
    address_index: str = ""
    address: str = ""
    # Wait until then (quiet hours), or do not send at all.
    wait: timedelta | None = None
    drop: str = ""
    fail: str = ""
    channel: str = ""


class _Breaker:
    """How often in a row each way failed in this process, and until when it rests."""

    def __init__(self) -> None:
        self.strikes: dict[str, int] = {}
        self.until: dict[str, float] = {}

    def rests(self, name: str) -> bool:
        return self.until.get(name, 0.0) > time.monotonic()

    def failed(self, name: str) -> None:
        self.strikes[name] = self.strikes.get(name, 0) + 1
        if self.strikes[name] >= STRIKES:
            self.until[name] = time.monotonic() + REST

    def worked(self, name: str) -> None:
        self.strikes.pop(name, None)
        self.until.pop(name, None)


breaker = _Breaker()


def send(session: Session, delivery_id: int) -> str:
    """One attempt; answers what became of it. Done twice it finds the row sent and stops.

    The other side may take seconds, so nothing is locked while it is spoken to."""
    if session.in_transaction():
        look = _look(session, delivery_id)
    else:
        with transactions.reading():
            look = _look(session, delivery_id)
            session.rollback()
    if look is None:
        return "done"
    outcome: str | Exception = ""
    channel = channels.get(look.channel)
    if look.parcel is not None and channel is not None:
        if breaker.rests(look.channel):
            outcome = TooFast(round(REST))
        else:
            try:
                outcome = channel.send(look.parcel)
                breaker.worked(look.channel)
            except Unavailable as error:
                breaker.failed(look.channel)
                outcome = error
            except (TooFast, Refused) as error:
                outcome = error
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None or delivery.state not in (WAITING, FAILED):
        return "done"
    return _note(session, delivery, look, outcome)


def _look(session: Session, delivery_id: int) -> Look | None:
    delivery = session.get(Delivery, delivery_id, populate_existing=True)
    if delivery is None or delivery.state not in (WAITING, FAILED):
        return None
    if channels.get(delivery.channel) is None:
        return Look(fail="这条通道没有配置")
    return _chat(delivery) if delivery.channel == WORK_CHAT else _sms(session, delivery)


def _chat(delivery: Delivery) -> Look:
    notice = delivery.notice
    assert notice is not None
    gone = notice.state is not None and notice.content is not None and notice.content.state != notice.state
    if notice.read_at is not None or gone:
        return Look(drop="已在系统里看过，或已不需要")
    to = notice.person.username if notice.person is not None else ""
    whom = notice.person.name if notice.person is not None else notice.unit.name if notice.unit is not None else ""
    parcel = Parcel(delivery.uid, to, f"{whom}：{staff.chat_text(notice)}" if whom else staff.chat_text(notice))
    return Look(parcel, channel=WORK_CHAT)


def _sms(session: Session, delivery: Delivery) -> Look:
    message = delivery.message
    assert message is not None
    reader = message.resident or message.person
    assert reader is not None
    if delivery.to_contact:
        return _to_contact(session, delivery, message)
    if telling.lapsed(message) or any(one.state == TOLD for one in message.deliveries):
        return Look(drop="事情已经往下办了，不用再发")
    wish = preferences.of(session, reader)
    quiet = preferences.quiet_until(wish, now())
    if quiet is not None and not messages().occasions[message.occasion].urgent:
        return Look(wait=quiet - now())
    if not preferences.takes_sms(reader.phone):
        return Look(fail="没有可以收短信的手机号码")
    assert reader.phone is not None
    index = Resident.index_of(reader.phone)
    # Another number is another errand: what the old one may have got must not keep it from the new one.
    parcel = Parcel(f"{delivery.uid}-{index[:8]}", reader.phone, delivery.text or "")
    return Look(parcel, index, mask_phone(reader.phone), channel=SMS)


def _to_contact(session: Session, delivery: Delivery, message: Message) -> Look:
    """The number that is left with the visit now, as long as its owner wants to be told."""
    found = contact.of(session, message.content) if isinstance(message.content, HomeVisit) else None
    if found is None or telling.lapsed(message):
        return Look(drop="预约人已改，或事情已经往下办了，不用再发")
    quiet = preferences.quiet_until(found.wish, now())
    if quiet is not None and not messages().occasions[message.occasion].urgent:
        return Look(wait=quiet - now())
    index = Resident.index_of(found.phone)
    parcel = Parcel(f"{delivery.uid}-{index[:8]}", found.phone, delivery.text or "")
    return Look(parcel, index, mask_phone(found.phone), channel=SMS)


def _note(session: Session, delivery: Delivery, look: Look, outcome: str | Exception) -> str:
    """Writes down what came of it."""
    if look.drop:
        delivery.state, delivery.error, delivery.finished_at = LAPSED, look.drop, now()
        return "lapsed"
    if look.wait is not None:
        delivery.not_before = now() + look.wait
        telling.put(session, delivery, look.wait)
        return "later"
    if look.fail:
        fail(session, delivery, look.fail)
        return "failed"
    if look.address:
        delivery.address, delivery.address_index = look.address, look.address_index
    patient = now() - delivery.created_at < PATIENCE
    match outcome:
        case TooFast() if patient:
            delivery.error = str(outcome)
            telling.put(session, delivery, timedelta(seconds=outcome.pause * uniform(1, 1.5)))
            return "later"
        case Refused():
            delivery.attempts += 1
            fail(session, delivery, str(outcome))
            return "failed"
        case Exception():
            delivery.attempts += 1
            delivery.error = str(outcome)[:300]
            if delivery.attempts > len(PAUSES):
                raise outcome
            telling.put(session, delivery, PAUSES[delivery.attempts - 1] * uniform(0.8, 1.2))
            return "again"
    delivery.attempts += 1
    delivery.state, delivery.error = SENT, ""
    delivery.provider_id, delivery.sent_at = str(outcome), now()
    if delivery.channel == WORK_CHAT:
        # A group answers no reports: what it took has arrived.
        delivery.state, delivery.finished_at = DELIVERED, now()
    return "sent"


def given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    """After the last attempt: it stands on the thing, and whoever has the thing is told to call."""
    delivery = session.get(Delivery, int(args["delivery_id"]), with_for_update=True, populate_existing=True)
    if delivery is not None and delivery.state == WAITING:
        fail(session, delivery, sentence.partition(": ")[2] or sentence)


def fail(session: Session, delivery: Delivery, why: str) -> None:
    """It did not arrive: the thing says so, and somebody calls instead."""
    delivery.state, delivery.error, delivery.finished_at = FAILED, why[:300], now()
    message = delivery.message
    content = message.content if message is not None else None
    if message is None or content is None:
        return
    journal.record(
        session, "message:failed", None, content=content, details={"delivery": delivery.id, "message": message.id}
    )
    if telling.lapsed(message) or delivery.to_contact:
        # The person visited has been told on their own way; nobody is sent to the telephone for the one who asked.
        return
    _tell_caller(session, content, delivery)
    telling.by_phone(session, message, content)


def _tell_caller(session: Session, content: Content, delivery: Delivery) -> None:
    """Whoever has the case, or the station that answers for it, hears of it once."""
    holder = notices.holder(session, content)
    unit = telling.answerable(session, content)
    if (
        isinstance(holder, Person)
        and holder.unit_id is not None
        and not (holder.unit or unit).path.startswith(unit.path)
    ):
        holder = unit
    notices.notify(
        session,
        content,
        to=holder or unit,
        kind="undelivered",
        text=staff.words("undelivered"),
        once=f"undelivered:{delivery.id}",
    )
