"""提醒在前: every morning the leaders hear whose proof runs out, whom to look at again, and who turns 80 — before anybody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.ledger import OutboxItem
from models.person import Person
from models.resident import CareEntry, Resident
from process import clock, outbox
from process.masking import mask_name
from process.numbers import CHINA
from process.words import N_
from services import care, care_lists, notices, slots, unit_settings

JOB = "care.remind"
# Before the desks are opened.
MORNING = time(6, 30)
# A grid with many old people hears of them over some days, not all in one morning.
AT_ONCE = 15
TEXTS = {
    "care:proof": N_("名册：%(who)s 的证明 %(day)s 到期，请提醒换新的并复核。"),
    "care:review": N_("名册：%(who)s 该在 %(day)s 前复核了，请上门看看。"),
    "care:turns_80": N_("%(who)s %(day)s 满80周岁，还没列入名册，请主动上门问问。"),
}


@dataclass(frozen=True)
class Reminder:
    """One person, one date, told once to each of the leaders."""

    kind: str
    key: str
    who: str
    day: date
    home_id: str


def remind(session: Session, args: Mapping[str, Any]) -> int:
    """The worker's call in the morning. Told twice it changes nothing; the row for tomorrow is put in the same transaction."""
    at = now()
    told = sum(tell(session, grid_id, found) for grid_id, found in by_home(session, at).items())
    put(session, at)
    return told


def arm(session: Session) -> None:
    """Puts the row of the next morning, unless one waits already."""
    if not _under_way(session):
        put(session, now())


def _under_way(session: Session) -> list[OutboxItem]:
    return list(
        session.scalars(
            select(OutboxItem).where(OutboxItem.job == JOB, OutboxItem.status.in_(("waiting", "leased"))).limit(50)
        )
    )


def put(session: Session, at: datetime) -> None:
    morning = datetime.combine(clock.local_day(at), MORNING, CHINA)
    if morning <= at:
        morning += timedelta(days=1)
    day = clock.local_day(morning).isoformat()
    # A dead letter that is tried again meets the chain that was begun in its place: each morning has one row.
    if not any(row.args.get("day") == day for row in _under_way(session)):
        outbox.put(session, JOB, delay=morning - at, day=day)


def by_home(session: Session, at: datetime) -> dict[str, list[Reminder]]:
    """What there is to be told, by grid, soonest first."""
    found: dict[str, list[Reminder]] = {}
    for one in sorted(_all(session, clock.local_day(at)), key=lambda r: (r.day, r.key)):
        found.setdefault(one.home_id, []).append(one)
    return found


def _all(session: Session, today: date) -> Iterator[Reminder]:
    days = partial(_days_at, session, {})
    until = today + timedelta(days=unit_settings.longest(session, care_lists.SOON))
    register = select(CareEntry, Resident, Agency.id).join(CareEntry.resident).join(Agency, care.homes())
    near = or_(CareEntry.proof_until <= until, CareEntry.review_on <= until)
    for entry, person, home in session.execute(register.where(CareEntry.ended_on.is_(None), near)):
        for kind, day in (("proof", entry.proof_until), ("review", entry.review_on)):
            if day is not None and day <= today + timedelta(days=days(home)):
                yield Reminder(f"care:{kind}", f"{kind}:{entry.id}:{day}", person.name, day, home)
    born = select(Resident, Agency.id).join(Agency, care.homes())
    for person, home in session.execute(
        born.outerjoin(CareEntry, CareEntry.resident_id == Resident.id).where(
            CareEntry.id.is_(None),
            Resident.birth_date > care_lists.birthday_limit(today),
            Resident.birth_date <= care_lists.birthday_limit(until),
        )
    ):
        day = care_lists.turns_80(person.birth_date)
        if day > today + timedelta(days=days(home)):
            continue
        yield Reminder("care:turns_80", f"turns80:{person.id}", person.name, day, home)


def _days_at(session: Session, known: dict[str, int], home_id: str) -> int:
    """How long before a date this home hears of it, as its office or one above decided."""
    if home_id not in known:
        known[home_id] = unit_settings.number(session, home_id, care_lists.SOON)
    return known[home_id]


def tell(session: Session, home_id: str, found: list[Reminder]) -> int:
    """Tells the leaders of a grid; a home without leaders tells the community that answers for it."""
    home = session.get_one(Agency, home_id)
    told_to: list[Person | Agency] = list(slots.leaders(session, home_id)) if home.kind == "grid" else []
    if not told_to:
        told_to = [home.parent or home] if home.kind == "grid" else [home]
    told = 0
    for leader in told_to:
        mine = 0
        for one in found:
            if mine >= AT_ONCE:
                break
            mine += (
                notices.notify(
                    session,
                    None,
                    to=leader,
                    kind=one.kind,
                    text=TEXTS[one.kind],
                    params={"who": mask_name(one.who), "day": f"{one.day.month}月{one.day.day}日"},
                    once=f"care:{one.key}",
                    action=one.kind,
                )
                is not None
            )
        told += mine
    return told
