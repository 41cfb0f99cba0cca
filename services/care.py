"""动态管理: who is entitled to be visited at home; reviewed in turn, opened, changed and ended with a reason."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, false, or_, select
from sqlalchemy.orm import Session, contains_eager

from models.agency import Agency
from models.ledger import JournalEntry
from models.resident import CareEntry, Resident
from process import access, clock, eligibility, journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput, NotFound

# Proposal until the agency decides: how long an entry stands before somebody looks again.
REVIEW_AFTER = timedelta(days=180)
LATEST_REVIEW = timedelta(days=731)
KEEPERS = ("grid_leader", "community_clerk")


def enter(
    session: Session,
    actor: Actor,
    resident: Resident,
    *,
    condition: str,
    proof: str | None,
    at: datetime,
    review_on: date | None = None,
) -> CareEntry:
    """Puts somebody on the register or renews the entry; history names what changed, never the health reason."""
    today = clock.local_day(at)
    if condition not in eligibility.CONDITIONS:
        raise InvalidInput(
            f"上门条件应为{'、'.join(eligibility.CONDITIONS.values())}之一。", {"condition": "没有这种条件"}
        )
    review_on = read_review(review_on, today)
    entry = session.scalar(select(CareEntry).where(CareEntry.resident_id == resident.id))
    if entry is None:
        entry = CareEntry(
            resident_id=resident.id, condition=condition, proof=proof or None, review_on=review_on, opened_on=today
        )
        session.add(entry)
        session.flush()
        _record(session, "care:open", actor, entry, at, {"review_on": review_on.isoformat()})
        return entry
    changed = [
        name
        for name, value in (("condition", condition), ("proof", proof or None), ("review_on", review_on))
        if getattr(entry, name) != value and not (name == "proof" and not proof)
    ]
    reopened = entry.ended_on is not None
    entry.condition, entry.review_on, entry.ended_on, entry.end_reason = condition, review_on, None, ""
    entry.proof = proof or entry.proof
    session.flush()
    _record(
        session,
        "care:reopen" if reopened else "care:review",
        actor,
        entry,
        at,
        {"changed": changed, "review_on": review_on.isoformat()},
    )
    return entry


def end(session: Session, actor: Actor, entry: CareEntry, reason: Any, at: datetime) -> None:
    """Ended on death, move or recovery; the row stays."""
    try:
        text = clean_text(reason or "", 120)
    except ValueError as problem:
        raise InvalidInput(f"移出名册的原因{problem}。", {"reason": str(problem)}) from problem
    if not text:
        raise InvalidInput("请写明移出名册的原因，例如“已去世”“已迁出本社区”。", {"reason": "请写明原因"})
    if entry.ended_on is not None:
        raise InvalidInput("这位服务对象已经移出名册，不需要再办。", {"reason": "已移出"})
    entry.ended_on, entry.end_reason = clock.local_day(at), text
    session.flush()
    _record(session, "care:end", actor, entry, at, {"reason": text})


def read_review(value: date | None, today: date) -> date:
    """The day of the next look, in the future and not too far off."""
    if value is None:
        return today + REVIEW_AFTER
    if not today < value <= today + LATEST_REVIEW:
        raise InvalidInput("下次复核日期应在明天以后、两年以内，请改填。", {"review_on": "应在明天以后、两年以内"})
    return value


def visible(actor: Actor) -> Select[CareEntry]:
    """Only the people of the actor's own grid or community."""
    paths = [held.path for held in actor.held if held.role in KEEPERS]
    statement = (
        select(CareEntry)
        .join(CareEntry.resident)
        .join(
            Agency,
            or_(Agency.id == Resident.grid_id, (Resident.grid_id.is_(None)) & (Agency.id == Resident.community_id)),
        )
    )
    if not paths:
        return statement.where(false())
    return statement.where(or_(*(access.within(Agency.path, path) for path in paths))).options(
        contains_eager(CareEntry.resident)
    )


def due(actor: Actor, today: date) -> Select[CareEntry]:
    """Entries to look at again, the longest overdue first."""
    return (
        visible(actor)
        .where(CareEntry.ended_on.is_(None), CareEntry.review_on <= today)
        .order_by(CareEntry.review_on, CareEntry.id)
    )


def load(session: Session, actor: Actor, entry_id: int) -> CareEntry:
    entry = session.scalar(visible(actor).where(CareEntry.id == entry_id))
    if entry is None:
        raise NotFound()
    return entry


def history(session: Session, entry: CareEntry) -> list[JournalEntry]:
    """Every opening, review and end, oldest first."""
    return list(
        session.scalars(select(JournalEntry).where(JournalEntry.stream == _stream(entry)).order_by(JournalEntry.seq))
    )


def _stream(entry: CareEntry) -> str:
    return f"care-{entry.id}"


def _record(
    session: Session, action: str, actor: Actor, entry: CareEntry, at: datetime, details: dict[str, Any]
) -> None:
    journal.record(session, action, actor, stream=_stream(entry), details=details, at=at)
