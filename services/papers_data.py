"""What stands on each paper, taken from what was written once: the notice of acceptance and the certificates."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Case, Material
from models.clock import ClockRun
from models.content import Content
from models.paper import Certificate, Paper
from models.resident import Resident
from process import clock
from process.calendar_days import CalendarMissing
from process.identity import IdNumber
from services import (
    authority,
    case_routing,
    cases,
    materials,
    office,
    papers_carried,  # noqa: F401  registers the papers of custody, visits and delivery
    papers_commitment,  # noqa: F401  registers the signed commitment
    papers_letters,  # noqa: F401  registers the letters of a case and their numbers
    papers_out,
    papers_proofs,  # noqa: F401  registers the proofs of marriage and children
)
from services.catalogue_items import record_of
from services.papers_common import FORMS, case_of, portrait
from services.papers_out import Occasion, data_for

ORDERS = "零一二三四五六七八九十"


# --- 受理通知书


@data_for("acceptance_notice")
def acceptance_notice(occasion: Occasion) -> dict[str, Any] | None:
    case: Case = occasion.content
    if occasion.step is not None and _has_paper(occasion.session, case, "acceptance_notice"):
        # Accepted again after 补正: the first notice and its date still stand.
        return None
    applicant, item = case.applicant, record_of(case.item)
    assert applicant is not None, "a case has an applicant"
    unit = case_routing.accepting_unit(case, occasion.actor)
    accepted = clock.local_day(case.accepted_at or occasion.at)
    promised, legal = cases.item_promise(case)
    run = clock.current(occasion.session, case, "handle")
    return {
        "applicant_name": applicant.name,
        "applicant_id_number": applicant.id_number,
        "item_title": case.item.title,
        "case_number": case.number,
        "materials": [_material_row(case, m) for m in case.materials if m.provided or m in materials.owed(case)]
        or [{"name": "本事项不需要提交材料", "form": "—", "count": 0, "note": ""}],
        "accepted_on": accepted,
        "promised_days": promised,
        "promised_on": _due(occasion.session, accepted, promised, run),
        "legal_days": legal,
        "legal_on": _due(occasion.session, accepted, legal, None) if legal else None,
        "delivery_way": "窗口领取、快递送达" if "express_delivery" in item.channels else "窗口领取",
        "query_code": query_code(case),
        "query_place": f"{papers_out.base_url()}/progress" if papers_out.base_url() else "",
        "agency": authority.issuing_line(occasion.session, case, unit.name),
        "clerk_name": occasion.actor.name,
        "clerk_phone": office.phone(unit),
        "complaints_phone": office.complaints_phone(unit),
        "issued_on": accepted,
    }


def query_code(case: Case) -> str:
    """What the applicant types on the progress page beside the number: eight characters nobody can guess from it."""
    return Resident.index_of(f"progress:{case.uid}")[:8].upper()


def _material_row(case: Case, material: Material) -> dict[str, Any]:
    if not material.provided:
        return {"name": material.name, "form": FORMS[material.form], "count": 0, "note": "容缺，限期补齐"}
    form = "原件" if material.original_held or material.form == "original" else "复印件"
    return {"name": material.name, "form": form, "count": material.sheets, "note": ""}


def _has_paper(session: Session, content: Content, paper_id: str) -> bool:
    return (
        session.scalar(
            select(Paper.id).where(Paper.content_id == content.id, Paper.paper == paper_id, Paper.valid).limit(1)
        )
        is not None
    )


def _due(session: Session, start: date, days: int, run: ClockRun | None) -> date | None:
    if run is not None and run.due_on is not None:
        return run.due_on
    try:
        return clock.calendar(session).explain(start, days).due
    except CalendarMissing:
        return None


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
        **sides,
        "number": content.number if isinstance(content, Certificate) else "",
        "marriage_certificate_number": values.get("marriage_certificate_number"),
        "marriage_date": values.get("marriage_date"),
        "existing_children": values.get("children_count"),
        "expected_order": in_words(values.get("child_order")),
        "registered_on": clock.local_day(issued or occasion.at),
        "agency": authority.issuing_line(occasion.session, case, office.government(unit)),
        "handler_name": handler,
        "services": office.FERTILITY_SERVICES,
        "contacts": office.fertility_contacts(unit, case_routing.above(case.place, "community", "village")),
    }


@data_for("senior_card")
def senior_card(occasion: Occasion) -> dict[str, Any] | None:
    """Sex and birth date come from the ID number; the photo is the one handed in as a file, if there is one."""
    content = occasion.content
    case = case_of(content)
    assert case is not None, "the card belongs to a case"
    values = case.values
    unit = content.place if isinstance(content, Certificate) else case_routing.deciding_unit(occasion.session, case)
    number = IdNumber.parse(str(values.get("id_number") or (case.applicant.id_number if case.applicant else "")))
    issued = content.issued_on if isinstance(content, Certificate) else None
    return {
        "number": content.number if isinstance(content, Certificate) else "",
        "name": values.get("name"),
        "sex": number.sex_zh,
        "birth_date": number.birth_date,
        "id_number": number.value,
        "household_address": values.get("household_address") or values.get("address"),
        "photo": papers_out.picture(portrait(occasion.session, case)),
        "emergency_contact": _contact(values),
        "emergency_phone": values.get("emergency_contact_phone"),
        "issued_on": clock.local_day(issued or occasion.at),
        "valid_note": office.SENIOR_CARD_NOTE,
        "agency": authority.issuing_line(occasion.session, case, office.government(unit)),
        "handler_name": case.reviewer.name if case.reviewer is not None else occasion.actor.name,
    }


def _contact(values: dict[str, Any]) -> str:
    name, relation = values.get("emergency_contact_name"), values.get("emergency_contact_relation")
    return f"{name}（{relation}）"[:60] if name and relation else str(name or "")


def in_words(order: Any) -> str:
    """第二孩: the order of a child as the card writes it."""
    if not isinstance(order, int) or isinstance(order, bool):
        return ""
    return f"第{ORDERS[order] if 0 < order <= 10 else order}孩"
