"""Letters of a case: what is missing, what was promised, what was refused and how to appeal, and the statement to be signed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case, Material, ServiceItem
from models.content import Content
from process import clock, numbers
from process.library import library
from services import authority, case_forms, case_routing, materials, office, paper_rules, promises
from services.catalogue_items import record_of
from services.papers_common import FORMS, case_of, signature
from services.papers_out import Occasion, data_for, numbered_by

NOT_GIVEN = "未提供"
COUPLES = (("wife_name", "husband_name"), ("mother_name", "father_name"))
DECLARATION = {
    1: "以上内容由本人提供并核对，真实、准确、完整。如有不实，本人愿意承担由此产生的责任。",
    2: "以上内容由我们双方提供并核对，真实、准确、完整。如有不实，我们愿意承担由此产生的责任。",
}


# --- Numbers: 东新受〔2026〕15号, one series per kind, unit and year


def letter_number(session: Session, paper_id: str, unit: Agency, at: datetime) -> str:
    """The next number of this kind of letter; drawn last, so that a rollback gives it back."""
    from services.papers.dates import letter_number as written
    from services.papers.definition import load

    writer = office.letter_unit(unit)
    year, value = numbers.draw(session, paper_id, writer.id, at)
    return written(f"{writer.paper_name or writer.name}{load(paper_id).terms.letter}", year, value)


def _number(paper_id: str) -> Callable[[Occasion, dict[str, Any]], str]:
    def draw(occasion: Occasion, data: dict[str, Any]) -> str:
        return letter_number(occasion.session, paper_id, writing_unit(occasion), occasion.at)

    return draw


for _id in ("acceptance_notice", "one_time_notice", "deferral_promise", "intake_refusal", "approval_refusal"):
    numbered_by(_id)(_number(_id))


def writing_unit(occasion: Occasion) -> Agency:
    """In whose name a letter goes out: the unit that has the case, else where the thing was registered."""
    content = occasion.content
    case = content if isinstance(content, Case) else None
    if case is not None:
        return case_routing.accepting_unit(case, occasion.actor)
    return occasion.session.get(Agency, occasion.actor.unit_id or "") or content.place


def addressed(occasion: Occasion) -> dict[str, Any]:
    """Number, person, matter and sender, the same on every letter of a case."""
    content: Content = occasion.content
    unit, person, case = writing_unit(occasion), content.applicant, case_of(content)
    said = content.values
    return {
        "applicant_name": person.name if person is not None else said.get("applicant_name") or said.get("contact"),
        "applicant_id_number": person.id_number if person is not None else "",
        "item_title": _matter(occasion.session, content),
        "case_number": content.number or "",
        "agency": authority.issuing_line(occasion.session, case, unit.name) if case is not None else unit.name,
        "clerk_name": occasion.actor.name,
        "clerk_phone": office.phone(unit),
        "complaints_phone": office.complaints_phone(unit),
        "issued_on": clock.local_day(occasion.at),
    }


def _item(session: Session, content: Content) -> ServiceItem | None:
    """The item a process without Python names, even when it is not on offer any more."""
    code = (content.fields or {}).get("item")
    return session.scalar(select(ServiceItem).where(ServiceItem.code == str(code))) if code else None


def _matter(session: Session, content: Content) -> str:
    if isinstance(content, Case):
        return content.item.title
    item = _item(session, content)
    if item is not None:
        return item.title
    return str((content.fields or {}).get("matter") or content.title)


# --- 一次性告知书 / 补正通知


@data_for("one_time_notice")
def one_time_notice(occasion: Occasion) -> dict[str, Any] | None:
    """Everything that is wanting, at once: each slot with its defect, how to mend it and on what ground."""
    content = occasion.content
    comment = str(occasion.inputs.get("comment") or "")
    case = content if isinstance(content, Case) else None
    found = materials.defects(case) if case is not None else []
    basis = _basis(occasion.session, content)
    rows = [_defect(case, slot, why, basis) for slot, why in found] if case is not None else []
    remark = comment
    if rows:
        said = {line.strip() for line in notice_text(case, found).splitlines()} if case is not None else set()
        remark = "\n".join(line for line in comment.splitlines() if line.strip() and line.strip() not in said)
    elif occasion.draft and not comment:
        return None
    else:
        rows = [{"material": "见说明", "defect": "见下列说明", "remedy": "按说明补齐或更正", "basis": basis[:60]}]
    days = _supplement_days(occasion.session, content)
    return {
        **addressed(occasion),
        "defects": rows,
        "remark": remark[:800],
        "days": days,
        "until": clock.calendar(occasion.session).add_working_days_or_none(clock.local_day(occasion.at), days),
        "where": f"{content.place.name}，也可以在手机上传，或交社区代办员带来",
        "consequence": office.SUPPLEMENT_SILENCE,
    }


def _defect(case: Case | None, slot: Material, why: str, basis: str) -> dict[str, str]:
    record = next((m for m in record_of(case.item).materials if m.id == slot.code), None) if case is not None else None
    form = FORMS.get(slot.form, "")
    copies = f"{record.copies}份" if record is not None and record.copies > 1 else ""
    if why == NOT_GIVEN:
        issuer = (
            f"（由{record.who_issues}出具）" if record is not None and record.who_issues not in ("", "申请人") else ""
        )
        return {"material": slot.name, "defect": NOT_GIVEN, "remedy": f"提交{form}{copies}{issuer}", "basis": basis}
    return {"material": slot.name, "defect": why, "remedy": f"按左栏更正后重新提交{form}{copies}", "basis": basis}


def notice_text(case: Case, found: list[tuple[Material, str]]) -> str:
    """The words of the message: what, what is wrong with it, until when, and whom to ask."""
    lines = [f"您申请的“{case.title}”还需要补正以下 {len(found)} 项，请一次补齐："]
    for number, (slot, why) in enumerate(found, start=1):
        wanted = f"还没有提供，请交{FORMS.get(slot.form, '')}" if why == NOT_GIVEN else why.rstrip("。；;")
        lines.append(f"{number}．{slot.name}：{wanted}。")
    lines.append(f"请在 10 个工作日内交到{case.place.name}、在手机上传，或交社区代办员带来。补正期间不计入办理时限。")
    unit = case.unit or case.place
    phone = (unit.details or {}).get("phone")
    if phone:
        lines.append(f"不清楚的请打 {phone}（{unit.name}）。")
    return "\n".join(lines)


def _supplement_days(session: Session, content: Content) -> int:
    """As long as the process lets the thing wait."""
    states = library.of(content, session).states
    state = states.get("supplement") or states.get("supplement_required")
    return int(state.due.working_days) if state is not None and state.due and state.due.working_days else 10


def _basis(session: Session, content: Content) -> str:
    if isinstance(content, Case):
        lines = record_of(content.item).basis
    else:
        item = _item(session, content)
        lines = record_of(item).basis if item is not None else ()
    return "、".join(lines) or "办事指南公布的材料清单"


# --- 容缺受理承诺书


@data_for("deferral_promise")
def deferral_promise(occasion: Occasion) -> dict[str, Any] | None:
    """What is missing and by when it comes, as the applicant signs it and the clerk agrees."""
    content, session = occasion.content, occasion.session
    kept = promises.of(session, content, draft=occasion.draft)
    if kept is None:
        return None
    return {
        **addressed(occasion),
        "materials": [
            {"name": name, "form": form, "reason": kept.reason or "现在不便提供"} for name, form in kept.materials
        ],
        "due_on": kept.due,
        "ways": kept.way or "窗口、传真、网上上传或邮寄",
        "consequence": office.PROMISE_BROKEN,
        "signature": signature(session, kept.signature_id),
        "signed_on": clock.local_day(occasion.at) if kept.signature_id else None,
    }


# --- 不予受理、不予批准


@data_for("intake_refusal")
def intake_refusal(occasion: Occasion) -> dict[str, Any] | None:
    return _refusal(occasion) | {"filed_on": _filed(occasion)}


@data_for("approval_refusal")
def approval_refusal(occasion: Occasion) -> dict[str, Any] | None:
    case = case_of(occasion.content)
    accepted = case.accepted_at if case is not None else None
    return _refusal(occasion) | {"filed_on": clock.local_day(accepted) if accepted else _filed(occasion)}


def _filed(occasion: Occasion) -> date:
    content = occasion.content
    return clock.local_day(getattr(content, "filed_at", None) or content.created_at)


def _refusal(occasion: Occasion) -> dict[str, Any]:
    session, inputs = occasion.session, occasion.inputs
    return {
        **addressed(occasion),
        "reason": str(inputs.get("comment") or ""),
        "basis": str(inputs.get("basis") or "") or f"{_basis(session, occasion.content)}。",
        "appeal": appeal(session, writing_unit(occasion)),
    }


def appeal(session: Session, unit: Agency) -> str:
    """Where and within which time somebody who disagrees may turn; both periods and both bodies are settings."""
    body = paper_rules.get(session, "reconsideration_body") or _above(unit)
    court = paper_rules.get(session, "litigation_court") or "有管辖权的人民法院"
    days, months = paper_rules.get(session, "reconsideration_days"), paper_rules.get(session, "litigation_months")
    return (
        f"如不服本决定，可以自收到本决定书之日起{days}日内向{body}申请行政复议，"
        f"也可以自收到本决定书之日起{months}个月内依法向{court}提起行政诉讼。"
    )


def _above(unit: Agency) -> str:
    """The government above the street or community that decided."""
    district = case_routing.above(unit, "district")
    if district is None:
        return "上一级人民政府"
    names: list[str] = []
    here: Agency | None = district
    while here is not None:
        names.append(here.name)
        here = here.parent
    return "".join(reversed(names)) + "人民政府"


# --- 本人签名的说明


@data_for("signed_statement")
def signed_statement(occasion: Occasion) -> dict[str, Any] | None:
    """The statement an item asks for, written from the form: nobody writes by hand what was typed already."""
    case = case_of(occasion.content)
    slot = statement_of(case) if case is not None else None
    if case is None or slot is None:
        return None
    form, values = case_forms.form_of(case.item), case.values
    signers = statement_signers(case)
    return {
        "number": f"{case.number}-M" if case.number else "",
        "heading": slot.name.partition("（")[0],
        "item_title": case.item.title,
        "facts": [
            {"label": field.title["zh"], "value": _answer(form, field.name, field.kind, values[field.name])}
            for field in form.fields
            if values.get(field.name) not in (None, "")
        ],
        "declaration": DECLARATION[len(signers)],
        "signer": signers[0],
        "other_signer": signers[1] if len(signers) > 1 else "",
    }


def statement_of(case: Case) -> Material | None:
    """The material of this case that is nothing but a signed statement."""
    kinds = {m.id: m.kind for m in record_of(case.item).materials}
    return next((m for m in case.materials if kinds.get(m.code) == "statement"), None)


def statement_signers(case: Case) -> list[str]:
    values = case.values
    for pair in COUPLES:
        if all(values.get(name) for name in pair):
            return [str(values[name]) for name in pair]
    return [case.applicant.name if case.applicant is not None else str(values.get("name") or "")]


def _answer(form: Any, name: str, kind: str, value: Any) -> str:
    from services.papers.dates import official_date

    match kind:
        case "date":
            return official_date(date.fromisoformat(str(value)))
        case "choice":
            return case_forms.option_title(form, name, str(value))
        case "bool":
            return "是" if value else "否"
    return str(value)
