"""Much at once and little by little: whoever takes out or opens hundreds of people's records in an hour is noticed, then stopped."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.ledger import JournalEntry
from models.person import Grant, Person
from models.sheets import ListExport
from process import clock, transactions
from process.access import Actor
from process.refusals import TooMany
from process.words import N_
from services import notices

HOUR = timedelta(hours=1)
# Proposals until the agency decides: far above a working day at a counter.
ALARM, STOP = 200, 500
EXPORT_ALARM = 3_000
OPENED = "personal:reveal"
NOTICE = "mass_reading"


def opened_lately(session: Session, person_id: int, at: datetime) -> int:
    """How many times this account has opened personal data in the last hour."""
    return (
        session.scalar(
            select(func.count(JournalEntry.id)).where(
                JournalEntry.person_id == person_id, JournalEntry.at > at - HOUR, JournalEntry.action == OPENED
            )
        )
        or 0
    )


def exported_lately(session: Session, person_id: int, at: datetime) -> int:
    """How many rows this account has taken out in the last hour."""
    return (
        session.scalar(
            select(func.coalesce(func.sum(ListExport.rows), 0)).where(
                ListExport.person_id == person_id, ListExport.at > at - HOUR
            )
        )
        or 0
    )


def opening(session: Session, actor: Actor) -> None:
    """Asked before personal data is opened: tells those who look after the place, and at some point says no."""
    if actor.person_id is None or actor.resident_id is not None:
        return
    at = now()
    count = opened_lately(session, actor.person_id, at)
    if count >= STOP:
        _tell_even_if_refused(session, actor, count, at)
        raise TooMany(
            f"您一小时内已经查看了 {count} 次完整的个人信息，超过上限。请一小时后再看；确有需要，请联系单位负责人或系统管理员。",
            3600,
        )
    if count >= ALARM:
        tell(session, actor, count, at)


def exporting(session: Session, actor: Actor, rows: int) -> None:
    """Asked before a list is taken out: many small files are one large one."""
    if actor.person_id is None:
        return
    at = now()
    count = exported_lately(session, actor.person_id, at) + rows
    if count >= EXPORT_ALARM:
        tell(session, actor, count, at)


def tell(session: Session, actor: Actor, count: int, at: datetime) -> None:
    """One line to the supervisors over this person's unit and to the administrators, once an hour."""
    hour = clock.local_day(at).isoformat() + f"-{at.hour}"
    for person in overseers(session, actor):
        notices.notify(
            session,
            None,
            to=person,
            kind=NOTICE,
            text=N_("%(name)s（%(unit)s）一小时内查看或导出了 %(count)s 条记录，请了解原因。"),
            params={"name": actor.name, "unit": actor.unit_name, "count": count},
            once=f"drip:{actor.person_id}:{hour}",
        )


def _tell_even_if_refused(session: Session, actor: Actor, count: int, at: datetime) -> None:
    # The refusal takes back what the request wrote; this word must stay.
    transactions.keep_despite_refusal(session, lambda kept: tell(kept, actor, count, at))


def overseers(session: Session, actor: Actor) -> list[Person]:
    """Who supervises the unit of this person, and the administrators over it; nobody is told about themselves."""
    today = clock.local_day(now())
    above = [actor.unit_path[: i + 1] for i, char in enumerate(actor.unit_path) if char == "/" and i]
    rows = session.scalars(
        select(Person)
        .join(Grant, Grant.person_id == Person.id)
        .join(Agency, Agency.id == Grant.place_id)
        .where(
            Grant.role.in_(("supervisor", "system_admin")),
            Grant.place_path.in_(above),
            Person.active,
            Person.id != actor.person_id,
            (Grant.since.is_(None)) | (Grant.since <= today),
            (Grant.until.is_(None)) | (Grant.until >= today),
        )
        .order_by(Person.id)
        .distinct()
    )
    return list(rows.unique())
