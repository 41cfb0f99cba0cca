"""What stands on each paper: taken from the case, the resident and the handover as they were written down once, asked for never again."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case, Material
from models.content import Content
from models.delegation import Delegation, Handover, HomeVisit, Letter
from models.errand import Errand
from models.ledger import ClockRun
from models.paper import Certificate, Document, Paper
from models.person import Person
from models.resident import Resident
from process import clock, numbers
from process.calendar_days import CalendarMissing
from process.identity import age_on
from process.numbers import CHINA
from services import case_routing, cases, custody, office, papers_out
from services.catalogue_items import record_of
from services.papers_out import Occasion, data_for, numbered_by

FORMS = {"original": "原件", "copy": "复印件", "either": "原件或复印件"}
ORDERS = "零一二三四五六七八九十"
WAYS = {"counter": "counter", "station": "counter", "express": "express", "door": "home", "courier": "courier"}


def case_of(content: Content) -> Case | None:
    """The case a ticket, a visit, an errand or a certificate belongs to."""
    if isinstance(content, Case):
        return content
    if isinstance(content, Errand):
        return case_of(content.related) if content.related is not None else None
    return getattr(content, "case", None)


def item_title(content: Content, case: Case | None) -> str:
    item = case.item if case is not None else getattr(content, "item", None)
    return item.title if item is not None else content.title


def _signature(session: Session, document_id: int | None) -> dict[str, Any] | None:
    return papers_out.picture(session.get(Document, document_id)) if document_id else None


# --- 受理通知书


@data_for("acceptance_notice")
def acceptance_notice(occasion: Occasion) -> dict[str, Any] | None:
    case: Case = occasion.content
    if occasion.step is not None and _has_paper(occasion.session, case, "acceptance_notice"):
        # Accepted again after 补正: the first notice and its date still stand.
        return None
    applicant, item = case.applicant, record_of(case.item)
    assert applicant is not None, "a case has an applicant"
    unit = accepting_unit(case, occasion)
    accepted = clock.local_day(case.accepted_at or occasion.at)
    promised, legal = cases.item_promise(case)
    run = clock.current(occasion.session, case, "handle")
    return {
        "applicant_name": applicant.name, "applicant_id_number": applicant.id_number, "item_title": case.item.title, "case_number": case.number,
        "materials": [_material_row(case, m) for m in case.materials if m.provided or m in _owed(case)] or
                     [{"name": "本事项不需要提交材料", "form": "—", "count": 0, "note": ""}],
        "accepted_on": accepted, "promised_days": promised, "promised_on": _due(occasion.session, accepted, promised, run),
        "legal_days": legal, "legal_on": _due(occasion.session, accepted, legal, None) if legal else None,
        "delivery_way": "窗口领取、快递送达" if "express_delivery" in item.channels else "窗口领取",
        "query_code": query_code(case), "query_place": f"{papers_out.base_url()}/progress" if papers_out.base_url() else "",
        "agency": unit.name, "clerk_name": occasion.actor.name, "clerk_phone": office.phone(unit),
        "complaints_phone": office.complaints_phone(unit), "issued_on": accepted,
    }


@numbered_by("acceptance_notice")
def acceptance_number(occasion: Occasion, data: dict[str, Any]) -> str:
    """东新受〔2026〕15号: one series per unit and year."""
    from services.papers.dates import letter_number

    unit = office.letter_unit(accepting_unit(occasion.content, occasion))
    year, value = numbers.draw(occasion.session, "acceptance_notice", unit.id, occasion.at)
    return letter_number(f"{unit.paper_name or unit.name}受", year, value)


def accepting_unit(case: Case, occasion: Occasion) -> Agency:
    """Whose clerk accepts: the street once it has the case, else where it was filed."""
    there = case.active_place("addressee")
    if there is not None and occasion.actor.unit_path.startswith(there.place_path):
        return there.place
    near = case_routing.above(case.place, "community", "street_centre")
    return near or case.place


def query_code(case: Case) -> str:
    """What the applicant types on the progress page beside the number: eight characters nobody can guess from it."""
    return Resident.index_of(f"progress:{case.uid}")[:8].upper()


def _material_row(case: Case, material: Material) -> dict[str, Any]:
    if not material.provided:
        return {"name": material.name, "form": FORMS[material.form], "count": 0, "note": "容缺，限期补齐"}
    form = "原件" if material.original_held else FORMS[material.form]
    return {"name": material.name, "form": form, "count": material.sheets, "note": ""}


def _owed(case: Case) -> list[Material]:
    from services import materials

    return materials.owed(case)


def _has_paper(session: Session, content: Content, paper_id: str) -> bool:
    return session.scalar(select(Paper.id).where(Paper.content_id == content.id, Paper.paper == paper_id, Paper.valid).limit(1)) is not None


def _due(session: Session, start: date, days: int, run: ClockRun | None) -> date | None:
    if run is not None and run.due_on is not None:
        return run.due_on
    try:
        return clock.calendar(session).explain(start, days).due
    except CalendarMissing:
        return None


# --- 材料交接单


@data_for("handover_list")
def handover_list(occasion: Occasion) -> dict[str, Any] | None:
    content, session = occasion.content, occasion.session
    ids = list(session.scalars(select(Handover.id).where(Handover.content_id == content.id).order_by(Handover.id)))
    if not ids:
        return None
    handover = session.get_one(Handover, ids[-1])
    case = case_of(content)
    applicant = content.applicant or (case.applicant if case else None)
    lines = [{"material": line.name, "form": "原件" if line.original else "复印件", "sheets": line.sheets, "condition": line.condition,
              "counted": line.counted, "difference": line.difference} for line in handover.lines]
    received = bool(lines) and all(line["counted"] is not None for line in lines)
    return {
        "number": f"{content.number}-{len(ids)}", "case_number": " / ".join(n for n in (content.number, case.number if case else None) if n),
        "applicant_name": applicant.name if applicant else "—", "item_title": item_title(content, case),
        "from_agency": handover.from_label, "from_person": handover.from_person.name if handover.from_person else handover.from_label,
        "from_phone": _person_phone(handover.from_person), "to_agency": handover.to_label,
        "to_person": handover.to_person.name if handover.to_person else "", "to_phone": _person_phone(handover.to_person), "lines": lines,
        "total_sheets": sum(line["sheets"] for line in lines), "handed_over_at": handover.at, "received_at": occasion.at if received else None,
        "from_signature": _signature(session, handover.from_signature_id), "to_signature": _signature(session, handover.to_signature_id),
    }


def _person_phone(person: Person | None) -> str:
    if person is None:
        return ""
    return person.phone or office.phone(person.unit)


# --- 代办委托书


@data_for("authorisation_letter")
def authorisation_letter(occasion: Occasion) -> dict[str, Any] | None:
    content, session = occasion.content, occasion.session
    letter: Letter | None = getattr(content, "letter", None) or (content.home_visit.letter if getattr(content, "home_visit", None) else None)
    if letter is None:
        letter = _letter_of_case(session, content)
    case = case_of(content)
    principal = letter.principal if letter is not None else content.applicant
    if principal is None:
        return None
    agent = letter.agent_person if letter is not None else session.get(Person, occasion.actor.person_id or 0)
    today = clock.local_day(occasion.at)
    witnesses = [*(letter.witnesses if letter else []), {}, {}]
    data = {
        "number": content.number, "principal_name": principal.name, "principal_sex": principal.sex, "principal_id_number": principal.id_number,
        "principal_phone": principal.phone, "principal_address": principal.address or principal.household_address,
        "agent_name": agent.name if agent else (letter.agent_name if letter else ""), "agent_id_number": f"工号 {agent.username}" if agent else "",
        "agent_phone": _person_phone(agent), "agent_address": office.full_name(agent.unit) if agent and agent.unit else "",
        "agent_relation": (agent.title or (office.full_name(agent.unit) if agent.unit else "")) if agent else "",
        "matter": letter.matter if letter else item_title(content, case), "case_number": case.number if case else "",
        "powers": list(letter.powers) if letter else ["file", "supplement", "sign", "collect"],
        "valid_from": letter.valid_from if letter else today, "valid_until": letter.valid_until if letter else today,
        "fingerprint": letter.fingerprint if letter else False,
        "principal_signature": _signature(session, letter.signature_id) if letter else None,
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
        found = session.scalar(select(Letter).join(kind, kind.letter_id == Letter.id).where(kind.case_id == content.id).order_by(Letter.id.desc()))
        if found is not None:
            return found
    return None


# --- 上门代办服务单


@data_for("visit_sheet")
def visit_sheet(occasion: Occasion) -> dict[str, Any] | None:
    visit: HomeVisit = occasion.content
    person = visit.applicant
    assert person is not None, "a visit has somebody to visit"
    private, item = visit.private or {}, record_of(visit.item)
    station = case_routing.above(visit.place, "community", "village") or visit.place
    visitor = visit.assignee or occasion.session.get(Person, occasion.actor.person_id or 0)
    start = visit.slot_start.astimezone(CHINA) if visit.slot_start else None
    end = visit.slot_end.astimezone(CHINA) if visit.slot_end else None
    return {
        "number": visit.number, "applicant_name": person.name, "applicant_id_number": person.id_number,
        "applicant_age": age_on(person.birth_date, clock.local_day(occasion.at)), "applicant_phone": person.phone,
        "address": person.address or person.household_address, "contact_name": private.get("requested_by", ""),
        "contact_phone": private.get("requested_phone", ""), "item_title": visit.item.title, "basis": visit.basis or "待核实",
        "proof_note": str(private.get("proof") or "")[:160], "visit_on": start.date() if start else None,
        "slot": (f"{start:%H:%M}—{end:%H:%M}" if end else f"{start:%H:%M}") if start else "", "attempt": visit.attempts + 1,
        "visitor_name": visitor.name if visitor else occasion.actor.name, "visitor_phone": _person_phone(visitor) or office.phone(station),
        "station": f"{station.name}公共服务站" if station.kind == "community" else station.name, "station_phone": office.phone(station),
        "materials": [{"name": m.name, "form": FORMS[m.form], "collected": False, "note": m.when} for m in item.materials] or
                     [{"name": "本事项不需要提交材料", "form": "", "collected": False, "note": ""}],
    }


# --- 送达签收单


@data_for("delivery_receipt")
def delivery_receipt(occasion: Occasion) -> dict[str, Any] | None:
    content, session, inputs = occasion.content, occasion.session, occasion.inputs
    if occasion.step is not None and isinstance(content, Certificate) and _delivered_by_ticket(occasion):
        # The ticket's or the visit's own receipt is signed for the same delivery.
        return None
    case = case_of(content)
    applicant = content.applicant or (case.applicant if case else None)
    kept = {**((case.fields or {}).get(cases.DELIVERY, {}) if case else {}), **((case.private or {}).get(cases.DELIVERY, {}) if case else {})}
    way = inputs.get("way") or kept.get("way") or ("door" if isinstance(content, HomeVisit) else "counter")
    collector = inputs.get("collector") or kept.get("collector") or (applicant.name if applicant else "")
    own = applicant is not None and collector == applicant.name
    unit = case_routing.above(content.place, "community", "street_centre") or content.place
    if occasion.actor.unit_id:
        unit = session.get(Agency, occasion.actor.unit_id) or unit
    return {
        "number": f"{content.number}-S", "case_number": (case.number if case else None) or content.number,
        "applicant_name": applicant.name if applicant else "—", "item_title": item_title(content, case),
        "documents": _documents(session, content, case), "way": WAYS.get(way, "counter"),
        "address": applicant.address if applicant and way in ("door", "express") else "", "express_number": kept.get("express_number", ""),
        "agency": office.full_name(unit), "agency_phone": office.phone(unit), "deliverer_name": occasion.actor.name,
        "recipient_name": collector, "recipient_id_number": applicant.id_number if applicant and own else "",
        "recipient_relation": "本人" if own else "", "delivered_at": occasion.at,
        "recipient_signature": _signature(session, _receipt_signature(session, content)),
    }


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
        certificate = session.scalar(select(Certificate).where(Certificate.case_id == case.id, Certificate.state.in_(("issued", "delivered")))
                                     .order_by(Certificate.id.desc()).limit(1))
    if certificate is not None:
        rows.append({"name": certificate.title, "number": certificate.number or "", "form": "原件", "copies": 1, "condition": "完好"})
    returned = custody.latest(session, content, "give_back") or (custody.latest(session, case, "give_back") if case is not None else None)
    if returned is not None:
        rows += [{"name": f"{line.name}（退还）", "number": "", "form": "原件", "copies": line.sheets, "condition": line.condition}
                 for line in returned.lines]
    if not rows:
        outputs = record_of(case.item).outputs if case is not None else ()
        rows = [{"name": name, "number": "", "form": "原件", "copies": 1, "condition": ""} for name in outputs or ("办理结果",)]
    return rows


def _receipt_signature(session: Session, content: Content) -> int | None:
    """The last signature taken for this delivery, wherever the step kept it."""
    if isinstance(content, Certificate) and (content.fields or {}).get("_signature"):
        return int(content.fields["_signature"])
    return session.scalar(select(Document.id).where(Document.content_id == content.id, Document.purpose == "signature",
                                                    Document.filename.like("%签收人%")).order_by(Document.id.desc()).limit(1))


# --- 证照


@data_for("fertility_registration_card")
def fertility_registration_card(occasion: Occasion) -> dict[str, Any] | None:
    """Both spouses from the one form; address and phone were given once and stand for both."""
    content = occasion.content
    case = case_of(content)
    assert case is not None, "the card belongs to a case"
    values = case.values
    unit = content.place if isinstance(content, Certificate) else case_routing.deciding_unit(occasion.session, case)
    sides: dict[str, Any] = {}
    for side in ("wife", "husband"):
        for name in ("name", "id_number", "household_address"):
            sides[f"{side}_{name}"] = values.get(f"{side}_{name}")
        sides[f"{side}_present_address"], sides[f"{side}_phone"] = values.get("present_address"), values.get("phone")
    issued = content.issued_on if isinstance(content, Certificate) else None
    handler = case.reviewer.name if case.reviewer is not None else occasion.actor.name
    return {
        **sides, "number": content.number if isinstance(content, Certificate) else "",
        "marriage_certificate_number": values.get("marriage_certificate_number"), "marriage_date": values.get("marriage_date"),
        "existing_children": values.get("children_count"), "expected_order": in_words(values.get("child_order")),
        "registered_on": clock.local_day(issued or occasion.at), "agency": office.government(unit), "handler_name": handler,
        "services": office.FERTILITY_SERVICES,
        "contacts": office.fertility_contacts(unit, case_routing.above(case.place, "community", "village")),
    }


def in_words(order: Any) -> str:
    """第二孩: the order of a child as the card writes it."""
    if not isinstance(order, int) or isinstance(order, bool):
        return ""
    return f"第{ORDERS[order] if 0 < order <= 10 else order}孩"
