"""同意再用材料: what somebody agreed to, what was used because of it, and taking it back — from that moment on nothing more is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.case import Case, Material
from models.counter import MaterialConsent
from models.resident import Resident
from process import clock, journal
from process.access import Actor
from process.identity import IdNumber
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound
from services import on_record

COUNTER = frozenset({"window_clerk", "community_clerk", "all_round_worker"})
LISTED = 50


@dataclass(frozen=True)
class Use:
    """One paper that was used again, and in which case."""

    name: str
    number: str
    day: date | None
    words: str


def listed(session: Session, resident: Resident) -> Sequence[MaterialConsent]:
    """Every consent of this person, the newest first."""
    return session.scalars(
        select(MaterialConsent)
        .where(MaterialConsent.resident_id == resident.id)
        .order_by(MaterialConsent.id.desc())
        .limit(LISTED)
    ).all()


def uses(session: Session, resident: Resident) -> list[Use]:
    """Papers on record that were used for this person's cases."""
    rows = session.execute(
        select(Material, Case)
        .join(Case, Case.id == Material.case_id)
        .where(Case.applicant_id == resident.id, Material.source == "record")
        .order_by(Case.id.desc(), Material.position)
        .limit(LISTED)
    )
    return [
        Use(
            material.name,
            case.number or "",
            clock.local_day(case.filed_at) if case.filed_at else None,
            material.source_words or "",
        )
        for material, case in rows
    ]


def in_force(one: MaterialConsent) -> bool:
    """Holds today."""
    return one.ended_on is None and one.until >= clock.local_day(now())


def own(session: Session, actor: Actor) -> Resident:
    """The resident behind this account."""
    found = session.get(Resident, actor.resident_id) if actor.resident_id is not None else None
    if found is None:
        raise Forbidden("这一页给居民本人看。窗口替本人办的，请用“同意再用材料”按身份证号码找。")
    return found


def asked_at_counter(session: Session, actor: Actor, number: str) -> Resident:
    """Somebody stands at the counter with the card; only the whole number finds a person, and the look-up is on record."""
    if actor.resident_id is not None or not actor.roles & COUNTER:
        raise Forbidden("替本人查看和撤回同意由窗口的工作人员办，请带身份证到窗口。")
    index = Resident.index_of(IdNumber.parse(number).value)
    found = session.scalar(select(Resident).where(Resident.id_index == index))
    if found is None:
        raise NotFound("没有登记过这个身份证号码的人，所以也没有同意过再用材料。")
    journal.record(session, "personal:lookup", actor, stream="residents", details={"resident": found.id})
    return found


def withdraw(session: Session, actor: Actor, resident: Resident, *, card_seen: bool = False) -> None:
    """撤回: by the resident, or by a clerk who has seen the card. Ends every consent that holds."""
    if actor.resident_id != resident.id and not card_seen:
        raise InvalidInput("替本人撤回，要核对本人的身份证。请核对后打勾。", {"card_seen": "请核对身份证后打勾"})
    if not on_record.withdraw(session, actor, resident):
        raise NotAvailable("现在没有有效的同意，不用撤回。以前交过的材料不会再用。")
    while on_record.withdraw(session, actor, resident):
        pass
