"""动态管理: who is entitled to be visited at home; reviewed in turn, opened, changed and ended with a reason."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, false, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from models.agency import Agency
from models.care import CareEvent
from models.ledger import JournalEntry
from models.resident import CareEntry, Resident
from process import access, clock, eligibility, journal
from process.access import Actor
from process.calendar_days import say
from process.identity import age_on, normalise_phone
from process.inputs import clean_text
from process.refusals import InvalidInput, NotFound
from process.words import N_

# Proposal until the agency decides: how long an entry stands before somebody looks again.
REVIEW_AFTER = timedelta(days=180)
LATEST_REVIEW = timedelta(days=731)
LATEST_PROOF = timedelta(days=366 * 20)
KEEPERS = ("grid_leader", "community_clerk")
# Open words beside the ground for the visit; like it they are health data and stay encrypted.
WORDS = {"proof": (2000, "依据说明"), "needs": (500, "需要的帮助"), "contact": (60, "联系人")}
ENDINGS = (N_("已去世"), N_("已迁出本社区"), N_("已恢复，不再需要上门"), N_("本人不愿意列入"))


def enter(
    session: Session,
    actor: Actor,
    resident: Resident,
    *,
    condition: str,
    proof: str | None,
    at: datetime,
    review_on: date | None = None,
    proof_until: date | None = None,
    needs: str | None = None,
    contact: str | None = None,
    contact_phone: str | None = None,
    reason: str = "",
    keep: bool = False,
) -> CareEntry:
    """Puts somebody on the register or renews the entry; history names what changed, never the health reason.

    `keep`: an entry that is in force keeps the ground and the contact it has; only what was empty is filled."""
    today = clock.local_day(at)
    if condition not in eligibility.CONDITIONS:
        raise InvalidInput(
            f"上门条件应为{'、'.join(eligibility.CONDITIONS.values())}之一。", {"condition": "没有这种条件"}
        )
    review_on = read_review(review_on, today)
    entry = session.scalar(select(CareEntry).where(CareEntry.resident_id == resident.id).with_for_update())
    if entry is None:
        entry = CareEntry(
            resident_id=resident.id,
            condition=condition,
            proof=proof or None,
            proof_until=proof_until,
            needs=needs or None,
            contact=contact or None,
            contact_phone=contact_phone or None,
            review_on=review_on,
            opened_on=today,
        )
        session.add(entry)
        session.flush()
        _remember(session, "care:open", actor, entry, at, reason, {"review_on": review_on.isoformat()})
        return entry
    given: dict[str, Any] = {
        "condition": condition,
        "proof": proof,
        "proof_until": proof_until,
        "needs": needs,
        "contact": contact,
        "contact_phone": contact_phone,
        "review_on": review_on,
    }
    reopened = entry.ended_on is not None
    if keep and not reopened:
        given |= {n: getattr(entry, n) or given[n] for n in ("condition", "contact", "contact_phone", "proof_until")}
    # A box left empty keeps what stands there; a proof that is renewed brings its own day.
    changed = [name for name, value in given.items() if value not in (None, "") and getattr(entry, name) != value]
    for name in changed:
        setattr(entry, name, given[name])
    if condition == eligibility.AGE and entry.proof_until is not None:
        entry.proof_until = None
        changed.append("proof_until")
    entry.ended_on, entry.end_reason = None, ""
    session.flush()
    action = "care:reopen" if reopened else "care:review"
    _remember(session, action, actor, entry, at, reason, {"changed": changed, "review_on": review_on.isoformat()})
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
    _remember(session, "care:end", actor, entry, at, text, {"reason": text})


def read_review(value: date | None, today: date) -> date:
    """The day of the next look, in the future and not too far off."""
    if value is None:
        return today + REVIEW_AFTER
    if not today < value <= today + LATEST_REVIEW:
        raise InvalidInput("下次复核日期应在明天以后、两年以内，请改填。", {"review_on": "应在明天以后、两年以内"})
    return value


def read(data: Any, today: date, *, entry: CareEntry | None = None, born: date | None = None) -> dict[str, Any]:
    """What was typed about an entry, as arguments of `enter`; every mistake at once, each by its box."""
    errors: dict[str, str] = {}
    found: dict[str, Any] = {"condition": str(data.get("condition") or (entry.condition if entry else ""))}
    if found["condition"] not in eligibility.CONDITIONS:
        errors["condition"] = "请选择上门条件"
    for name, (limit, title) in WORDS.items():
        try:
            found[name] = clean_text(data.get(name) or "", limit) or None
        except ValueError as problem:
            errors[name] = f"{title}{problem}"
    if str(data.get("contact_phone") or "").strip():
        try:
            found["contact_phone"] = normalise_phone(str(data["contact_phone"]))
        except InvalidInput as refusal:
            errors["contact_phone"] = refusal.detail
    try:
        found["reason"] = clean_text(data.get("reason") or "", 120)
    except ValueError as problem:
        errors["reason"] = f"说明{problem}"
    for name, title in (("review_on", "下次复核日期"), ("proof_until", "证明有效期")):
        try:
            found[name] = _day(data.get(name))
        except ValueError:
            errors[name] = f"{title}请写成 2026-03-05 的样子，且必须存在"
    if "review_on" not in errors:
        try:
            read_review(found["review_on"], today)
        except InvalidInput as refusal:
            errors |= refusal.errors
    _check_ground(found, today, errors, entry, born)
    if errors:
        raise InvalidInput("名册还差一点：" + "；".join(e.rstrip("。") for e in errors.values()) + "。", errors)
    return found


def turns_80(born: date) -> date:
    """The 80th birthday; somebody born on 29 February has it on the last of February."""
    try:
        return born.replace(year=born.year + eligibility.AGE_LIMIT)
    except ValueError:
        return born.replace(year=born.year + eligibility.AGE_LIMIT, day=28)


def _check_ground(
    found: dict[str, Any], today: date, errors: dict[str, str], entry: CareEntry | None, born: date | None
) -> None:
    """Age speaks for itself, every other ground needs a proof; one that has run out proves nothing."""
    if found["condition"] == eligibility.AGE:
        if born is not None and age_on(born, today) < eligibility.AGE_LIMIT:
            day = turns_80(born)
            errors["condition"] = (
                f"这位居民现年{age_on(born, today)}周岁，未满{eligibility.AGE_LIMIT}周岁，"
                f"{say(day)}才满。现在就需要上门的，请选其他条件并写明依据"
            )
    elif not found.get("proof") and (entry is None or not entry.proof or entry.condition != found["condition"]):
        errors["proof"] = "请写明依据：看到的证件、病历或核实人"
    until = found.get("proof_until")
    if until is not None and "proof_until" not in errors and not today < until <= today + LATEST_PROOF:
        errors["proof_until"] = "证明应还在有效期内：请填今天以后、二十年以内的日期，长期有效的不填"


def _day(value: Any) -> date | None:
    if value in (None, ""):
        return None
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def homes() -> Any:
    """Where a resident is at home: the grid, or while nobody has said which, the community."""
    return or_(Agency.id == Resident.grid_id, (Resident.grid_id.is_(None)) & (Agency.id == Resident.community_id))


def paths(actor: Actor) -> list[str]:
    """Where this actor keeps the register."""
    return [held.path for held in actor.held if held.role in KEEPERS]


def visible(actor: Actor) -> Select[CareEntry]:
    """Only the people of the actor's own grid or community."""
    statement = select(CareEntry).join(CareEntry.resident).join(Agency, homes())
    mine = paths(actor)
    if not mine:
        return statement.where(false())
    return statement.where(or_(*(access.within(Agency.path, path) for path in mine))).options(
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
    """Every opening, review and end as the journal has it, oldest first."""
    return list(
        session.scalars(select(JournalEntry).where(JournalEntry.stream == stream(entry)).order_by(JournalEntry.seq))
    )


def events(session: Session, entry: CareEntry) -> list[CareEvent]:
    """The same with what stood there from then on, oldest first; for the two leaders and the station."""
    return list(
        session.scalars(
            select(CareEvent)
            .where(CareEvent.entry_id == entry.id)
            .options(joinedload(CareEvent.person))
            .order_by(CareEvent.id)
        )
    )


def stream(entry: CareEntry) -> str:
    return f"care-{entry.id}"


def _remember(
    session: Session,
    action: str,
    actor: Actor,
    entry: CareEntry,
    at: datetime,
    reason: str,
    details: dict[str, Any],
) -> None:
    """The journal says who, when and which boxes; the values, which are health data, stand encrypted beside it."""
    session.add(
        CareEvent(
            entry_id=entry.id,
            action=action,
            at=at,
            person_id=actor.person_id,
            reason=reason,
            snapshot={
                "condition": entry.condition,
                "proof": entry.proof,
                "proof_until": entry.proof_until.isoformat() if entry.proof_until else None,
                "needs": entry.needs,
                "contact": entry.contact,
                "contact_phone": entry.contact_phone,
                "review_on": entry.review_on.isoformat() if entry.review_on else None,
            },
        )
    )
    journal.record(session, action, actor, stream=stream(entry), details=details, at=at)
