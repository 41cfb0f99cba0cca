"""Whoever asked for a visit for somebody else and has no account here: they hear the day and the outcome by text message."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.messages import SMS, Occasion, messages
from models.base import now
from models.delegation import HomeVisit
from models.message import ContactPreference, Delivery, Message
from models.resident import CareEntry, Resident
from process.masking import mask_phone
from services.messages import channels, preferences, telling, wording
from services.messages.wording import ZH, Facts


@dataclass(frozen=True)
class Contact:
    """A name and a mobile number that were left for being told."""

    name: str
    phone: str
    wish: preferences.Wish


def of(session: Session, visit: HomeVisit) -> Contact | None:
    """Who asked and left a number; else the contact of the care register, unless the person visited wants no text messages.

    None: nobody, a landline, the person's own number, or somebody who has said elsewhere that they want none."""
    private = visit.private or {}
    name, phone = private.get("requested_by") or "", private.get("requested_phone") or ""
    person = visit.applicant
    if person is None:
        return None
    if not phone and SMS in preferences.of(session, person).channels:
        entry = session.scalar(
            select(CareEntry).where(CareEntry.resident_id == person.id, CareEntry.ended_on.is_(None))
        )
        name, phone = (entry.contact or "", entry.contact_phone or "") if entry is not None else ("", "")
    if not preferences.takes_sms(phone) or phone == person.phone:
        return None
    wish = _wish(session, phone)
    return Contact(name, phone, wish) if SMS in wish.channels else None


def _wish(session: Session, phone: str) -> preferences.Wish:
    """What this number's owner has said as a resident of ours, else what the office proposes; whoever shares it and wants none is heard."""
    rows = session.scalars(
        select(ContactPreference)
        .join(Resident, Resident.id == ContactPreference.resident_id)
        .where(Resident.phone_index == Resident.index_of(phone))
        .order_by(ContactPreference.id)
    ).all()
    said = [preferences.Wish(tuple(r.channels), r.quiet_from, r.quiet_to, r.locale, own=True) for r in rows]
    rules = messages()
    usual = preferences.Wish((SMS,), rules.quiet_from, rules.quiet_to, ZH)
    return next((one for one in said if SMS not in one.channels), said[0] if said else usual)


def tell(session: Session, visit: HomeVisit, message: Message, occasion: Occasion, facts: Facts) -> Delivery | None:
    """The same news in words for a third person: number and time, never the matter or the ground."""
    found = of(session, visit)
    if occasion.contact is None or found is None or channels.get(SMS) is None:
        return None
    later = None if occasion.urgent else preferences.quiet_until(found.wish, now())
    delivery = Delivery(
        district=message.district,
        message_id=message.id,
        channel=SMS,
        to_contact=True,
        text=wording.to_contact(occasion, facts, found.name, found.wish.locale),
        address=mask_phone(found.phone),
        not_before=later,
        created_at=now(),
    )
    session.add(delivery)
    session.flush()
    telling.put(session, delivery, later - now() if later else telling.AT_ONCE)
    return delivery
