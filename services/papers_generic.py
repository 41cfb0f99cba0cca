"""What a paper of the office's own takes from its case without a programmer: each field names where its value comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from catalogue import loader as catalogue
from models.agency import Agency
from models.case import Case
from models.paper import Certificate
from process import clock
from process.identity import IdNumber
from process.words import N_
from services import authority, case_forms, case_routing, office, papers_out
from services.papers.definition import Field, Paper
from services.papers_common import case_of, portrait
from services.papers_out import Occasion

TEXT = frozenset({"text", "lines", "person_name", "id_number", "phone", "address"})
FORM = "form."


@dataclass(frozen=True)
class Source:
    """One place a value may come from: what a page that lists them calls it, and which fields can hold it."""

    title: str
    kinds: frozenset[str]
    read: Callable[[Occasion, Case, Paper], Any]


def _unit(occasion: Occasion, case: Case) -> Agency:
    mine = occasion.content
    return mine.place if isinstance(mine, Certificate) else case_routing.deciding_unit(occasion.session, case)


def _issued(occasion: Occasion) -> date:
    mine = occasion.content
    at: datetime | None = mine.issued_on if isinstance(mine, Certificate) else None
    return clock.local_day(at or occasion.at)


def _number(occasion: Occasion, case: Case, paper: Paper) -> str:
    return (occasion.content.number or "") if isinstance(occasion.content, Certificate) else ""


def _applicant(name: str) -> Callable[[Occasion, Case, Paper], Any]:
    return lambda occasion, case, paper: getattr(case.applicant, name, None) or ""


def _sex(occasion: Occasion, case: Case, paper: Paper) -> str:
    number = getattr(case.applicant, "id_number", None)
    return IdNumber.parse(number).sex_zh if number else ""


def _handler(occasion: Occasion, case: Case, paper: Paper) -> str:
    return case.reviewer.name if case.reviewer is not None else occasion.actor.name


def _agency(occasion: Occasion, case: Case, paper: Paper) -> str:
    return authority.issuing_line(occasion.session, case, office.government(_unit(occasion, case)))


_DATES = frozenset({"date", "text"})
SOURCES: dict[str, Source] = {
    "certificate.number": Source(N_("证照编号"), TEXT, _number),
    "certificate.issued_on": Source(N_("出具日期"), _DATES, lambda o, c, p: _issued(o)),
    "certificate.valid_until": Source(N_("有效期至"), _DATES, lambda o, c, p: p.terms.validity.until(_issued(o))),
    "certificate.agency.title": Source(N_("出具机关"), TEXT, _agency),
    "certificate.handler.name": Source(N_("经办人"), TEXT, _handler),
    "case.number": Source(N_("办件编号"), TEXT, lambda o, c, p: c.number or ""),
    "case.item.title": Source(N_("事项名称"), TEXT, lambda o, c, p: c.item.title),
    "case.accepted_on": Source(
        N_("受理日期"), _DATES, lambda o, c, p: clock.local_day(c.accepted_at) if c.accepted_at else None
    ),
    "case.applicant.name": Source(N_("申请人姓名"), TEXT, _applicant("name")),
    "case.applicant.id_number": Source(N_("申请人身份证号码"), TEXT, _applicant("id_number")),
    "case.applicant.sex": Source(N_("申请人性别"), TEXT, _sex),
    "case.applicant.birth_date": Source(N_("申请人出生日期"), _DATES, _applicant("birth_date")),
    "case.applicant.phone": Source(N_("申请人电话"), TEXT, _applicant("phone")),
    "case.applicant.address": Source(N_("申请人住址"), TEXT, _applicant("address")),
    "case.applicant.household_address": Source(N_("申请人户籍地址"), TEXT, _applicant("household_address")),
    "case.unit.title": Source(N_("办理单位"), TEXT, lambda o, c, p: office.full_name(_unit(o, c))),
    "case.unit.phone": Source(N_("办理单位电话"), TEXT, lambda o, c, p: office.phone(_unit(o, c))),
    "case.complaints_phone": Source(N_("监督投诉电话"), TEXT, lambda o, c, p: office.complaints_phone(_unit(o, c))),
    "case.materials.photo": Source(
        N_("材料里的照片"), frozenset({"image"}), lambda o, c, p: papers_out.picture(portrait(o.session, c))
    ),
}


def questions(paper_id: str) -> dict[str, str]:
    """The questions of the items whose result this paper is, with their kinds; of all forms when no item names it."""
    items = [item for item in catalogue.items().values() if paper_id in (item.paper, item.id)]
    forms = [catalogue.form(item.form) for item in items if item.form] or list(catalogue.forms().values())
    return {field.name: field.kind for form in forms for field in form.fields}


def fits(field: Field, paper_id: str) -> bool:
    """Whether this field's value can be found in a case without a programmer."""
    if field.source.startswith(FORM):
        kind = questions(paper_id).get(field.source.removeprefix(FORM))
        return kind is not None and field.kind in (TEXT | _FORM_KINDS.get(kind, frozenset()))
    found = SOURCES.get(field.source)
    return found is not None and field.kind in found.kinds


# What an answer may also become besides text.
_FORM_KINDS = {"date": frozenset({"date"}), "number": frozenset({"integer"}), "bool": frozenset({"bool"})}


def completed(occasion: Occasion, paper: Paper, known: dict[str, Any]) -> dict[str, Any]:
    """Every field of this version: what is known already, the rest from where the field says."""
    case = case_of(occasion.content)
    return {
        field.name: known[field.name] if field.name in known else _value(occasion, case, paper, field)
        for field in paper.fields
    }


def _value(occasion: Occasion, case: Case | None, paper: Paper, field: Field) -> Any:
    if case is None:
        return None
    if field.source.startswith(FORM):
        return _answer(case, field)
    found = SOURCES.get(field.source)
    value = found.read(occasion, case, paper) if found is not None else None
    return value.isoformat() if isinstance(value, date) and field.kind == "text" else value


def _answer(case: Case, field: Field) -> Any:
    name = field.source.removeprefix(FORM)
    value = case.values.get(name)
    if value is None or field.kind not in TEXT:
        return value
    form = case_forms.form_of(case.item)
    kind = next((one.kind for one in form.fields if one.name == name), "")
    if kind == "bool":
        return "是" if value is True else "否"
    if kind == "choice":
        return case_forms.option_title(form, name, value)
    if kind == "choices" or isinstance(value, list):
        return "、".join(case_forms.option_title(form, name, one) for one in value)
    return str(value)
