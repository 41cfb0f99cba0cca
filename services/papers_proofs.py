"""What stands on the family-planning proofs: every line from the one form, sex and birth dates from the ID numbers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from models.case import Case
from models.paper import Certificate
from process import clock
from process.identity import IdNumber
from services import authority, case_forms, case_routing, children, office, papers_out
from services.papers_common import case_of, portrait
from services.papers_out import Occasion, data_for


@data_for("marital_fertility_proof")
def marital_fertility_proof(occasion: Occasion) -> dict[str, Any] | None:
    case = _case(occasion)
    values, number = case.values, _number(case)
    return {
        **_issuer(occasion, case, "handler_phone"),
        "name": values.get("name"),
        "sex": number.sex_zh,
        "id_number": number.value,
        "household_address": values.get("household_address"),
        **_family(case),
        "marital_status_date": values.get("marital_status_date"),
        "spouse_id_number": values.get("spouse_id_number") or "",
        "purpose": values.get("purpose"),
        "valid_until": _until("marital_fertility_proof", occasion, values.get("valid_until")),
    }


@data_for("migrant_marital_fertility_proof")
def migrant_marital_fertility_proof(occasion: Occasion) -> dict[str, Any] | None:
    case = _case(occasion)
    values, number = case.values, _number(case)
    return {
        **_issuer(occasion, case, "contact_phone"),
        "name": values.get("name"),
        "sex": number.sex_zh,
        "birth_date": number.birth_date,
        "id_number": number.value,
        "household_address": values.get("household_address"),
        "photo": papers_out.picture(portrait(occasion.session, case)),
        **_family(case),
        "destination": values.get("destination"),
        "period_from": values.get("period_from"),
        "period_to": _until("migrant_marital_fertility_proof", occasion, values.get("period_to")),
    }


@data_for("only_child_honour_certificate")
def only_child_honour_certificate(occasion: Occasion) -> dict[str, Any] | None:
    case = _case(occasion)
    values = case.values
    child = IdNumber.parse(str(values["child_id_number"])) if values.get("child_id_number") else None
    given = ("child_name", "child_id_number", "household_address", "father_name", "father_id_number")
    issuer = _issuer(occasion, case, "")
    return {
        **issuer,
        **{name: values.get(name) for name in (*given, "mother_name", "mother_id_number")},
        "father_unit": values.get("father_unit") or "",
        "mother_unit": values.get("mother_unit") or "",
        "child_sex": child.sex_zh if child else "",
        "child_birth_date": child.birth_date if child else None,
        "photo": papers_out.picture(portrait(occasion.session, case)),
        "benefits": office.ONLY_CHILD_BENEFITS,
    }


def _case(occasion: Occasion) -> Case:
    case = case_of(occasion.content)
    assert case is not None, "a proof belongs to a case"
    return case


def _number(case: Case) -> IdNumber:
    return IdNumber.parse(str(case.values.get("id_number") or (case.applicant.id_number if case.applicant else "")))


def _issuer(occasion: Occasion, case: Case, phone: str) -> dict[str, Any]:
    """Number, date, agency and handler, as every certificate of ours ends."""
    content = occasion.content
    mine = content if isinstance(content, Certificate) else None
    unit = mine.place if mine is not None else case_routing.deciding_unit(occasion.session, case)
    found: dict[str, Any] = {
        "number": mine.number if mine is not None else "",
        "issued_on": _issued(occasion),
        "agency": authority.issuing_line(occasion.session, case, office.government(unit)),
        "handler_name": case.reviewer.name if case.reviewer is not None else occasion.actor.name,
    }
    return {**found, phone: office.phone(unit)} if phone else found


def _issued(occasion: Occasion) -> date:
    content = occasion.content
    at: datetime | None = content.issued_on if isinstance(content, Certificate) else None
    return clock.local_day(at or occasion.at)


def _family(case: Case) -> dict[str, Any]:
    values, form = case.values, case_forms.form_of(case.item)
    status = values.get("marital_status")
    return {
        "marital_status": case_forms.option_title(form, "marital_status", status) if status else "",
        "spouse_name": values.get("spouse_name") or "",
        "children_count": f"{values['children_count']}人" if values.get("children_count") is not None else "",
        "children": _children(values.get("children")),
    }


def _children(text: Any) -> list[dict[str, Any]]:
    """Rows of the form; answers from before the form was checked stand there as they are refused, not as they were."""
    try:
        return children.read(text)
    except ValueError:
        return [{"name": "", "sex": "", "birth_date": None}]


def _until(paper_id: str, occasion: Occasion, named: Any) -> date | None:
    """The day the form asks for, but never longer than the paper itself holds."""
    from services.papers.definition import load

    return load(paper_id).terms.validity.until(_issued(occasion), date.fromisoformat(str(named)) if named else None)
