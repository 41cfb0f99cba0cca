"""已有材料: a paper that the same person gave in an earlier case is used again, with their consent and while it is young enough."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.base import now
from models.case import Case, Material, ServiceItem
from models.counter import MaterialConsent
from models.paper import Document
from models.resident import Resident
from process import clock, journal
from process.access import Actor
from process.calendar_days import say
from process.refusals import Forbidden, InvalidInput
from services import one_form, unit_settings
from services.catalogue_items import record_of

# Proposals until the agency decides; the first is a number of the office (see unit_settings).
AGE = "record_months"
CONSENT_DAYS = 365
MONTH = timedelta(days=30)


@dataclass(frozen=True)
class OnRecord:
    """One paper that lies here already."""

    material: Material
    number: str
    given_on: date
    files: int
    said: str


def offers(session: Session, actor: Actor, resident: Resident, items: list[ServiceItem]) -> dict[str, OnRecord]:
    """Slot key -> the newest paper of the same kind and the same person that was given, was not found wanting and is young enough."""
    one = one_form.build(items, _sex(resident))
    wanted = {
        (slot.record.kind, one_form.owner(slot.record, _sex(resident))): slot.key
        for slot in one.slots
        if slot.record.reusable and slot.record.kind not in one_form.OWN
    }
    found: dict[str, OnRecord] = {}
    for material, case, at in _given(session, actor, resident):
        record = next((r for r in record_of(case.item).materials if r.id == material.code), None)
        if record is None:
            continue
        whose = one_form.owner(record, _sex(resident))
        # Another person's paper says only by its place whose it is, and a husband may have changed since.
        key = wanted.get((record.kind, whose)) if whose == "self" else None
        if key is None or key in found:
            continue
        day = clock.local_day(at)
        found[key] = OnRecord(
            material,
            case.number or "",
            day,
            session.query(Document.id).filter(Document.material_id == material.id).count(),
            f"{say(day)}在 {case.number} 交过",
        )
    return found


def _given(session: Session, actor: Actor, resident: Resident) -> list[tuple[Material, Case, datetime]]:
    oldest = now() - months(session, actor) * MONTH
    rows = session.execute(
        select(Material, Case)
        .join(Case, Case.id == Material.case_id)
        .join(Document, Document.material_id == Material.id)
        .where(
            Case.applicant_id == resident.id,
            Material.provided,
            Material.verdict != "rejected",
            Case.filed_at.is_not(None),
            Case.filed_at >= oldest,
            Case.state.not_in(("rejected", "withdrawn", "refused")),
        )
        .order_by(Case.filed_at.desc(), Material.id)
        .distinct()
        .limit(200)
    )
    return [(material, case, case.filed_at) for material, case in rows if case.filed_at is not None]


def months(session: Session, actor: Actor) -> int:
    """How old a paper may be, as the office of this window decided."""
    return unit_settings.number(session, actor.unit_id, AGE)


def _sex(resident: Resident) -> str:
    return "male" if resident.sex == "男" else "female"


# --- Consent


def consent_of(session: Session, resident: Resident) -> MaterialConsent | None:
    """The consent in force today."""
    today = clock.local_day(now())
    return session.scalar(
        select(MaterialConsent)
        .where(
            MaterialConsent.resident_id == resident.id,
            MaterialConsent.until >= today,
            MaterialConsent.ended_on.is_(None),
        )
        .order_by(MaterialConsent.id.desc())
        .limit(1)
    )


def agree(session: Session, actor: Actor, resident: Resident) -> MaterialConsent:
    """The resident says yes in front of the clerk; it holds a year and is on record."""
    kept = consent_of(session, resident)
    if kept is not None:
        return kept
    assert actor.person_id is not None
    today = clock.local_day(now())
    kept = MaterialConsent(
        resident_id=resident.id,
        given_on=today,
        until=today + timedelta(days=CONSENT_DAYS),
        taken_by_id=actor.person_id,
    )
    session.add(kept)
    session.flush()
    journal.record(session, "material:consent", actor, stream="residents", details={"resident": resident.id})
    return kept


def withdraw(session: Session, actor: Actor, resident: Resident) -> bool:
    """Taken back: from now on everything is asked for again; what was used stays where it is."""
    kept = consent_of(session, resident)
    if kept is None:
        return False
    kept.ended_on = clock.local_day(now())
    journal.record(session, "material:consent_ended", actor, stream="residents", details={"resident": resident.id})
    session.flush()
    return True


# --- Taking over


def take_over(session: Session, actor: Actor, case: Case, slot: Material, material_id: int, *, consent: bool) -> None:
    """Lays the earlier paper into this slot: its files are shown here, and the slot says where it comes from."""
    resident = case.applicant
    assert resident is not None
    if consent_of(session, resident) is None:
        if not consent:
            words = "用以前交过的材料要本人同意。请问过本人后勾“本人同意”，不同意的请收纸质材料。"
            raise InvalidInput(words, {"consent": words})
        agree(session, actor, resident)
    given = next(
        (one for one in offers(session, actor, resident, [case.item]).values() if one.material.id == material_id), None
    )
    if given is None or record_kind(case.item, slot.code) != record_kind(given.material.case.item, given.material.code):
        words = f"“{slot.name}”不能再用以前的那份（已超过期限、被退回，或不是本人的）。请收纸质材料。"
        raise InvalidInput(words, {f"m-{slot.code}": words})
    if given.material.case.district != case.district:
        raise Forbidden("那份材料在别的区，不在本系统里，请收纸质材料。")
    for document in session.scalars(select(Document).where(Document.material_id == material_id)):
        session.add(
            Document(
                content_id=case.id,
                material_id=slot.id,
                purpose=document.purpose,
                filename=document.filename,
                media_type=document.media_type,
                size=document.size,
                sha256=document.sha256,
                storage_key=document.storage_key,
                thumbnail_key=document.thumbnail_key,
                uploaded_by_id=actor.person_id,
            )
        )
    slot.provided, slot.sheets = True, max(slot.sheets or 0, 1)
    slot.source, slot.source_material_id, slot.source_words = "record", material_id, given.said
    journal.record(
        session, "material:reuse", actor, content=case, details={"code": slot.code, "from": given.material.case_id}
    )
    session.flush()


def record_kind(item: ServiceItem, code: str) -> str:
    """What kind of paper a slot of an item asks for."""
    return next((m.kind for m in catalogue.item(item.code).materials if m.id == code), "")
