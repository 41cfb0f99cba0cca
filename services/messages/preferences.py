"""How somebody wants to be told: which way first, in which language, and when not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.messages import PHONE, SMS, WORK_CHAT, messages
from models.base import now
from models.content import Content
from models.message import ContactPreference
from models.person import Person
from models.resident import Resident
from process import access, journal
from process.access import Actor
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput
from process.words import N_
from services.messages.wording import LOCALES, ZH

# What a resident chooses from: the ways in the order in which they are tried.
ORDERS: Mapping[str, tuple[str, ...]] = {
    "sms_phone": (SMS, PHONE),
    "phone_sms": (PHONE, SMS),
    "phone": (PHONE,),
    "inbox": (),
}
ORDER_WORDS: Mapping[str, str] = {
    "sms_phone": N_("发短信，发不到再打电话"),
    "phone_sms": N_("先打电话，打不通再发短信"),
    "phone": N_("只打电话"),
    "inbox": N_("不用发，我自己在网上看"),
}
STAFF_ORDERS: Mapping[str, tuple[str, ...]] = {"work_chat": (WORK_CHAT,), "inbox": ()}
STAFF_WORDS: Mapping[str, str] = {"work_chat": N_("也发到工作群"), "inbox": N_("只在系统里看")}
_MOBILE = re.compile(r"1[3-9]\d{9}")
_TIME = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")


@dataclass(frozen=True)
class Wish:
    """What holds for one reader: their own words, else what the office proposes."""

    channels: tuple[str, ...]
    quiet_from: int
    quiet_to: int
    locale: str
    own: bool = False


def takes_sms(phone: str | None) -> bool:
    """A text message reaches mobile numbers only."""
    return bool(phone and _MOBILE.fullmatch(phone))


def of(session: Session, reader: Resident | Person) -> Wish:
    """The wish of this reader, with the office's proposals for whatever they have not said."""
    row = _row(session, reader)
    if row is not None:
        return Wish(tuple(row.channels), row.quiet_from, row.quiet_to, row.locale, own=True)
    rules = messages()
    ways = ORDERS["sms_phone"] if isinstance(reader, Resident) else STAFF_ORDERS["work_chat"]
    return Wish(ways, rules.quiet_from, rules.quiet_to, ZH if isinstance(reader, Resident) else reader.locale)


def save(session: Session, actor: Actor, reader: Resident | Person, given: Mapping[str, Any]) -> ContactPreference:
    """Keeps a wish; who changed it is journalled, the wish itself is not personal data of anybody else."""
    orders = ORDERS if isinstance(reader, Resident) else STAFF_ORDERS
    errors: dict[str, str] = {}
    order, locale = str(given.get("order") or ""), str(given.get("locale") or "")
    if order not in orders:
        errors["order"] = "请选择怎么告诉您。"
    elif order == "inbox" and not has_account(session, reader):
        errors["order"] = "没有网上账号的人看不到网上的消息，请选短信或电话。"
    if locale not in LOCALES:
        errors["locale"] = "请选择中文或英文。"
    times = {name: _minutes(given.get(name)) for name in ("quiet_from", "quiet_to")}
    for name, value in times.items():
        if value is None:
            errors[name] = "时间请写成 21:00 的样子。"
    if errors:
        raise InvalidInput("".join(errors.values()), errors)
    row = _row(session, reader)
    if row is None:
        row = ContactPreference(
            resident_id=reader.id if isinstance(reader, Resident) else None,
            person_id=reader.id if isinstance(reader, Person) else None,
        )
        session.add(row)
    row.channels, row.locale = list(orders[order]), locale
    row.quiet_from, row.quiet_to = times["quiet_from"] or 0, times["quiet_to"] or 0
    row.changed_at, row.changed_by_id = now(), actor.person_id
    who = {"resident": reader.id} if isinstance(reader, Resident) else {"person": reader.id}
    journal.record(session, "contact:preference", actor, details={"order": order, **who})
    return row


def own(session: Session, actor: Actor) -> Resident | Person:
    """Whose wish an account may change on its own page: the resident's behind it, else the colleague's."""
    if actor.resident_id is not None:
        return session.get_one(Resident, actor.resident_id)
    return session.get_one(Person, actor.person_id)


def applicant_of(session: Session, actor: Actor, content: Content) -> Resident:
    """The resident for whom a clerk writes down the wish: whoever works on the thing and sees it in full."""
    if not (access.may(actor, access.VIEW_FULL, content, session) and access.may(actor, "internal", content, session)):
        raise Forbidden("这一件不由您经手，不能改办事人的联系方式偏好。")
    if content.applicant is None:
        raise Forbidden("这一件没有登记办事人，不用填联系方式偏好。")
    return content.applicant


def order_of(wish: Wish, orders: Mapping[str, tuple[str, ...]]) -> str:
    return next((name for name, ways in orders.items() if ways == wish.channels), next(iter(orders)))


def quiet_until(wish: Wish, at: datetime) -> datetime | None:
    """When the quiet hours around `at` end; None: it is not quiet."""
    if wish.quiet_from == wish.quiet_to:
        return None
    local = at.astimezone(CHINA)
    minute = local.hour * 60 + local.minute
    over_midnight = wish.quiet_from > wish.quiet_to
    quiet = (
        (minute >= wish.quiet_from or minute < wish.quiet_to)
        if over_midnight
        else wish.quiet_from <= minute < wish.quiet_to
    )
    if not quiet:
        return None
    ends = local.replace(hour=wish.quiet_to // 60, minute=wish.quiet_to % 60, second=0, microsecond=0)
    return ends if ends > local else ends + timedelta(days=1)


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def has_account(session: Session, reader: Resident | Person) -> bool:
    """Whether this reader can look into the inbox at all."""
    if isinstance(reader, Person):
        return True
    return session.scalar(select(Person.id).where(Person.resident_id == reader.id, Person.active).limit(1)) is not None


def _minutes(value: Any) -> int | None:
    found = _TIME.fullmatch(str(value or "").strip())
    return int(found[1]) * 60 + int(found[2]) if found else None


def _row(session: Session, reader: Resident | Person) -> ContactPreference | None:
    column = ContactPreference.resident_id if isinstance(reader, Resident) else ContactPreference.person_id
    return session.scalar(select(ContactPreference).where(column == reader.id))
