"""Papers that go along with people and papers on their way: handover list, letter, visit sheet, receipt."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case
from models.content import Content
from models.delegation import Delegation, Handover, HomeVisit, Letter
from models.errand import Errand
from models.paper import Certificate, Document
from models.person import Person
from models.resident import Resident
from process import clock
from process.identity import age_on
from process.masking import mask_id_number, mask_name
from process.numbers import CHINA
from services import case_routing, cases, custody, handing_over, office
from services.catalogue_items import record_of
from services.papers_common import FORMS, case_of, item_title, person_phone, signature
from services.papers_out import Occasion, data_for

WAYS = {"counter": "counter", "station": "counter", "express": "express", "door": "home", "courier": "courier"}


# --- 材料交接单


@data_for("handover_list")
def handover_list(occasion: Occasion) -> dict[str, Any] | None:
    content, session = occasion.content, occasion.session
    ids = list(session.scalars(select(Handover.id).where(Handover.content_id == content.id).order_by(Handover.id)))
    if not ids:
        return None
    # A step may write one list and count another: the paper is of the one it names.
    named = occasion.step.details.get("handover") if occasion.step is not None else None
    handover = session.get_one(Handover, named if named in ids else ids[-1])
    case = case_of(content) or custody.case_of(content)
    applicant = content.applicant or (case.applicant if case else None)
    lines = [
        {
            "material": line.name,
            "form": "原件" if line.original else "复印件",
            "sheets": line.sheets,
            "condition": line.condition,
            "counted": line.counted,
            "difference": line.difference,
        }
        for line in handover.lines
    ]
    received = bool(lines) and all(line["counted"] is not None for line in lines)
    return {
        "number": f"{content.number}-{ids.index(handover.id) + 1}",
        "case_number": " / ".join(n for n in (content.number, case.number if case else None) if n),
        "applicant_name": _name_on_list(content, applicant),
        "item_title": item_title(content, case),
        "from_agency": handover.from_label,
        "from_person": handover.from_person.name if handover.from_person else handover.from_label,
        "from_phone": person_phone(handover.from_person),
        "to_agency": handover.to_label,
        "to_person": handover.to_person.name if handover.to_person else "",
        "to_phone": person_phone(handover.to_person),
        "lines": lines,
        "total_sheets": sum(line["sheets"] for line in lines),
        "handed_over_at": handover.at,
        "received_at": (handover.signed_at or occasion.at) if received else None,
        "from_signature": signature(session, handover.from_signature_id),
        "to_signature": signature(session, handover.to_signature_id),
    }


def _name_on_list(content: Content, applicant: Resident | None) -> str:
    """In full, but on a courier's list only when it goes to that person's door."""
    if applicant is None:
        return "—"
    return mask_name(applicant.name) if isinstance(content, Errand) and not content.to_address else applicant.name


# --- 代办委托书


@data_for("authorisation_letter")
def authorisation_letter(occasion: Occasion) -> dict[str, Any] | None:
    content, session = occasion.content, occasion.session
    letter: Letter | None = getattr(content, "letter", None) or (
        content.home_visit.letter if getattr(content, "home_visit", None) else None
    )
    if letter is None:
        letter = _letter_of_case(session, content)
    if letter is None and occasion.step is not None and isinstance(content, HomeVisit):
        # Nobody was left at that door to sign one; on request an empty one can still be printed.
        return None
    case = case_of(content)
    principal = letter.principal if letter is not None else content.applicant
    if principal is None:
        return None
    agent = letter.agent_person if letter is not None else session.get(Person, occasion.actor.person_id or 0)
    today = clock.local_day(occasion.at)
    witnesses = [*(letter.witnesses if letter else []), {}, {}]
    data = {
        "number": content.number,
        "principal_name": principal.name,
        "principal_sex": principal.sex,
        "principal_id_number": principal.id_number,
        "principal_phone": principal.phone,
        "principal_address": principal.address or principal.household_address,
        "agent_name": agent.name if agent else (letter.agent_name if letter else ""),
        "agent_id_number": f"工号 {agent.username}" if agent else "",
        "agent_phone": person_phone(agent),
        "agent_address": office.full_name(agent.unit) if agent and agent.unit else "",
        "agent_relation": (agent.title or (office.full_name(agent.unit) if agent.unit else "")) if agent else "",
        "matter": letter.matter if letter else item_title(content, case),
        "case_number": case.number if case else "",
        "powers": list(letter.powers) if letter else ["file", "supplement", "sign", "collect"],
        "valid_from": letter.valid_from if letter else today,
        "valid_until": letter.valid_until if letter else today,
        "fingerprint": letter.fingerprint if letter else False,
        "principal_signature": signature(session, letter.signature_id) if letter else None,
        "signed_on": letter.signed_at if letter else None,
    }
    for number in (1, 2):
        witness = witnesses[number - 1]
        data[f"witness{number}_name"] = witness.get("name", "")
        data[f"witness{number}_phone"] = witness.get("phone") or ("未留" if witness.get("name") else "")
    return data


def _letter_of_case(session: Session, content: Content) -> Letter | None:
    if not isinstance(content, Case):
        return None
    for kind in (Delegation, HomeVisit):
        found = session.scalar(
            select(Letter)
            .join(kind, kind.letter_id == Letter.id)
            .where(kind.case_id == content.id)
            .order_by(Letter.id.desc())
        )
        if found is not None:
            return found
    return None


# --- 上门代办服务单


@data_for("visit_sheet")
def visit_sheet(occasion: Occasion) -> dict[str, Any] | None:
    visit: HomeVisit = occasion.content
    if visit.state == "requested" and occasion.step is not None:
        # An hour that was only asked for is not a visit yet; the sheet comes with the leader's word.
        return None
    person = visit.applicant
    assert person is not None, "a visit has somebody to visit"
    private, item = visit.private or {}, record_of(visit.item)
    station = case_routing.above(visit.place, "community", "village") or visit.place
    visitor = visit.assignee or occasion.session.get(Person, occasion.actor.person_id or 0)
    start = visit.slot_start.astimezone(CHINA) if visit.slot_start else None
    end = visit.slot_end.astimezone(CHINA) if visit.slot_end else None
    return {
        "number": visit.number,
        "applicant_name": person.name,
        # A sheet carried through the streets: its last four figures are compared with the card at the door.
        "applicant_id_number": mask_id_number(person.id_number or ""),
        "applicant_age": age_on(person.birth_date, clock.local_day(occasion.at)),
        "applicant_phone": person.phone,
        "address": person.address or person.household_address,
        "contact_name": private.get("requested_by", ""),
        "contact_phone": private.get("requested_phone", ""),
        "item_title": visit.item.title,
        "basis": visit.basis or "待核实",
        "proof_note": str(private.get("proof") or "")[:160],
        "visit_on": start.date() if start else None,
        "slot": (f"{start:%H:%M}—{end:%H:%M}" if end else f"{start:%H:%M}") if start else "",
        "attempt": visit.attempts + 1,
        "visitor_name": visitor.name if visitor else occasion.actor.name,
        "visitor_phone": person_phone(visitor) or office.phone(station),
        "station": f"{station.name}公共服务站" if station.kind == "community" else station.name,
        "station_phone": office.phone(station),
        "materials": [
            {"name": m.name, "form": FORMS[m.form], "collected": False, "note": m.when} for m in item.materials
        ]
        or [{"name": "本事项不需要提交材料", "form": "", "collected": False, "note": ""}],
    }


# --- 送达签收单


@data_for("delivery_receipt")
def delivery_receipt(occasion: Occasion) -> dict[str, Any] | None:
    from services import exit_handing

    content, session, inputs = occasion.content, occasion.session, occasion.inputs
    if occasion.step is not None and isinstance(content, Certificate) and _delivered_by_ticket(occasion):
        # The ticket's or the visit's own receipt is signed for the same delivery.
        return None
    if occasion.step is not None and exit_handing.signed_elsewhere():
        return None
    case = case_of(content)
    applicant = content.applicant or (case.applicant if case else None)
    kept = {
        **((case.fields or {}).get(cases.DELIVERY, {}) if case else {}),
        **((case.private or {}).get(cases.DELIVERY, {}) if case else {}),
    }
    way = inputs.get("way") or kept.get("way") or ("door" if isinstance(content, HomeVisit) else "counter")
    collector = inputs.get("collector") or kept.get("collector") or (applicant.name if applicant else "")
    own = applicant is not None and collector == applicant.name
    unit = case_routing.above(content.place, "community", "street_centre") or content.place
    if occasion.actor.unit_id:
        unit = session.get(Agency, occasion.actor.unit_id) or unit
    return {
        "number": f"{content.number}-S",
        "case_number": (case.number if case else None) or content.number,
        "applicant_name": applicant.name if applicant else "—",
        "item_title": item_title(content, case),
        "documents": _documents(session, content, case),
        "way": WAYS.get(way, "counter"),
        "address": applicant.address if applicant and way in ("door", "express") else "",
        "express_number": kept.get("express_number", ""),
        "agency": office.full_name(unit),
        "agency_phone": office.phone(unit),
        "deliverer_name": occasion.actor.name,
        "recipient_name": collector,
        "recipient_id_number": applicant.id_number if applicant and own else "",
        "recipient_relation": "本人" if own else "",
        **handing_over.on_receipt(_card(session, content, case)),
        "delivered_at": occasion.at,
        "recipient_signature": signature(session, _receipt_signature(session, content)),
    }


def _card(session: Session, content: Content, case: Case | None) -> Certificate | None:
    from services import certificates

    if isinstance(content, Certificate):
        return content
    return certificates.of_case(session, case) if case is not None else None


def _delivered_by_ticket(occasion: Occasion) -> bool:
    cause = occasion.step.cause if occasion.step else None
    while cause is not None:
        if cause.content.type in ("delegation", "home_visit"):
            return True
        cause = cause.cause
    return False


def _documents(session: Session, content: Content, case: Case | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    certificate = content if isinstance(content, Certificate) else None
    if certificate is None and case is not None:
        certificate = session.scalar(
            select(Certificate)
            .where(Certificate.case_id == case.id, Certificate.state.in_(("issued", "delivered")))
            .order_by(Certificate.id.desc())
            .limit(1)
        )
    if certificate is not None:
        rows.append(
            {
                "name": certificate.title,
                "number": certificate.number or "",
                "form": "原件",
                "copies": 1,
                "condition": "完好",
            }
        )
    returned = custody.latest(session, content, "give_back") or (
        custody.latest(session, case, "give_back") if case is not None else None
    )
    if returned is not None:
        rows += [
            {
                "name": f"{line.name}（退还）",
                "number": "",
                "form": "原件",
                "copies": line.sheets,
                "condition": line.condition,
            }
            for line in returned.lines
        ]
    if not rows:
        outputs = record_of(case.item).outputs if case is not None else ()
        rows = [
            {"name": name, "number": "", "form": "原件", "copies": 1, "condition": ""}
            for name in outputs or ("办理结果",)
        ]
    return rows


def _receipt_signature(session: Session, content: Content) -> int | None:
    """The last signature taken for this delivery, wherever the step kept it."""
    if isinstance(content, Certificate) and (content.fields or {}).get("_signature"):
        return int(content.fields["_signature"])
    return session.scalar(
        select(Document.id)
        .where(Document.content_id == content.id, Document.purpose == "signature", Document.filename.like("%签收人%"))
        .order_by(Document.id.desc())
        .limit(1)
    )
