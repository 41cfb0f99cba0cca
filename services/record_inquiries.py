"""生育记录调查函: sent from a case to the community that keeps the records; its answer fills the lower half of the sheet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case
from models.content import Content
from process import access, clock, engine, registry
from process.access import Actor
from process.library import library
from process.refusals import Forbidden, InvalidInput, NotAvailable
from process.registry import Step
from services import case_routing, files, generic, office, paper_rules, papers_out

TYPE, ITEM = "record_inquiry", "parents_birth_record_survey"
KEPT = "_inquiries"
SIGNATURES = {"asker": "_asker_signature", "answerer": "_answerer_signature"}
OPEN = ("draft", "sent", "misdirected", "answered")
ASKERS = frozenset({"back_office_reviewer@addressee", "all_round_worker@addressee"})
KEEPERS = ("community", "village", "street", "town", "street_centre", "community_station")
STATES = ("accepted", "accepted_deferred")


def of_case(session: Session, case: Case) -> list[Content]:
    """The inquiries of a case, newest first."""
    uids = (case.fields or {}).get(KEPT, [])
    return (
        list(session.scalars(select(Content).where(Content.uid.in_(uids)).order_by(Content.id.desc()))) if uids else []
    )


def open_of(session: Session, case: Case) -> Content | None:
    return next((one for one in of_case(session, case) if one.state in OPEN), None)


def answered(session: Session, case: Case) -> Content | None:
    """The inquiry whose answer was taken over, which is what the finding sheet says."""
    return next((one for one in of_case(session, case) if one.state == "adopted"), None)


def may_ask(session: Session, case: Case, actor: Actor) -> bool:
    """Whoever reviews the case may ask, once at a time."""
    return (
        case.item.code == ITEM
        and case.state in STATES
        and not access.tokens(case, actor).isdisjoint(ASKERS)
        and open_of(session, case) is None
    )


def keepers(session: Session, case: Case) -> list[Agency]:
    """Whom one may ask: the communities of the street first, then everybody else who keeps such records here."""
    today = clock.local_day(now())
    street = case_routing.above(case_routing.deciding_unit(session, case), "street", "town")
    found = session.scalars(select(Agency).where(Agency.kind.in_(("community", "village"))).order_by(Agency.path))
    units = [unit for unit in found if unit.exists_on(today)]
    return sorted(units, key=lambda unit: not (street is not None and unit.path.startswith(street.path)))


def begin(session: Session, case: Case, actor: Actor, given: Mapping[str, Any]) -> Content:
    """Writes the letter from the answers of the form and sends it; only whom to ask is new."""
    if not may_ask(session, case, actor):
        if open_of(session, case) is not None:
            raise NotAvailable("这件已经有一封调查函在办，请等答复，或先撤函再发。")
        raise Forbidden("调查函由审核这件的人员在受理以后发出。")
    unit = session.get(Agency, str(given.get("addressee") or "")[:60])
    if unit is None or unit.kind not in KEEPERS or not unit.exists_on(clock.local_day(now())):
        raise InvalidInput("请选保管记录的社区。", {"addressee": "请从列表中选"})
    kind, values = library.type(TYPE), case.values
    inquiry = Content(fields={}, private={}, title="", search_text="")
    inquiry.unit_id = unit.id
    generic.write(
        session,
        inquiry,
        kind,
        {
            "title": f"{kind.title.zh}：{case.number or ''}",
            "case": case.uid,
            "addressee": unit.id,
            "petitioner": values.get("name") or (case.applicant.name if case.applicant else ""),
            "asked_for": values.get("asking_unit"),
            "reply_by": _reply_by(session),
            **{
                name: values.get(name)
                for name in (
                    "subject_name",
                    "subject_id_number",
                    "subject_household_address",
                    "relation",
                    "records_asked",
                    "purpose",
                )
            },
        },
    )
    place = case_routing.deciding_unit(session, case)
    engine.create(
        session, inquiry, actor, type_id=TYPE, place=place, allowed=True, details={"case": case.number or case.uid}
    )
    generic.admit_addressees(session, inquiry, kind)
    case.fields = {**(case.fields or {}), KEPT: [*(case.fields or {}).get(KEPT, []), inquiry.uid]}
    session.flush()
    signature = given.get("signature")
    engine.fire(inquiry, "send", actor, inputs={"signature": signature} if signature else {})
    return inquiry


def _reply_by(session: Session) -> date | None:
    return clock.calendar(session).add_working_days_or_none(
        clock.local_day(now()), int(paper_rules.get(session, "inquiry_days"))
    )


# --- Steps


@registry.effect("number_inquiry", writes=("letter_number",))
def number_inquiry(step: Step) -> None:
    """东新调〔2026〕3号: drawn once, when the letter goes out."""
    from services.papers_letters import letter_number

    number = letter_number(step.session, ITEM, step.content.place, step.at)
    step.content.fields = {**step.content.fields, "letter_number": number}
    step.details["letter"] = number


@registry.effect("keep_asker_signature")
def keep_asker_signature(step: Step) -> None:
    _keep(step, "asker", "调查经办人签名")


@registry.effect("keep_answer", writes=("answered_by", "answered_at"))
def keep_answer(step: Step) -> None:
    """Who answered and when stands on the sheet beside the signature."""
    step.content.fields = {
        **step.content.fields,
        "answered_by": step.actor.name,
        "answered_at": clock.local_day(step.at).isoformat(),
    }
    _keep(step, "answerer", "答复经办人签名")


@registry.effect("redirect_inquiry")
def redirect_inquiry(step: Step) -> None:
    """The unit that has no records is done with it; the other one gets it with a date of its own."""
    unit = step.session.get_one(Agency, str(step.inputs["to_unit"]))
    due = _reply_by(step.session)
    step.content.fields = {
        **step.content.fields,
        "addressee": unit.id,
        "reply_by": due.isoformat() if due is not None else None,
    }
    step.content.unit_id, step.content.assignee_id = unit.id, None
    generic.admit_addressees(step.session, step.content, library.type(TYPE))
    step.details["unit"] = unit.id


def _keep(step: Step, side: str, label: str) -> None:
    if step.inputs.get("signature"):
        document = files.store_signature(step.session, step.content, step.actor, step.inputs["signature"], label)
        step.content.fields = {**step.content.fields, SIGNATURES[side]: document.id}


# --- The sheet


def sheet(session: Session, inquiry: Content) -> dict[str, Any]:
    """Both halves of the paper; the lower one is empty until somebody answered."""
    from services.papers_common import person_phone, signature

    fields, private = dict(inquiry.fields or {}), dict(inquiry.private or {})
    said = {**fields, **private}
    unit = session.get_one(Agency, fields["addressee"])
    asker = inquiry.owner
    results = dict(library.type(TYPE).field("result").options)  # type: ignore[union-attr]
    told = bool(said.get("finding")) and inquiry.state in ("answered", "adopted")
    return {
        "letter_number": fields.get("letter_number", ""),
        "answering_unit": answering_name(unit),
        "subject_name": said.get("subject_name"),
        "subject_id_number": said.get("subject_id_number") or "",
        "subject_household_address": said.get("subject_household_address"),
        "applicant_name": said.get("petitioner"),
        "relation": said.get("relation"),
        "records_asked": said.get("records_asked"),
        "purpose": said.get("purpose"),
        "asked_for": said.get("asked_for") or "",
        "reply_by": said.get("reply_by"),
        "agency": office.government(inquiry.place),
        "asker_name": asker.name if asker is not None else "",
        "asker_phone": person_phone(asker) or office.phone(inquiry.place),
        "asker_signature": signature(session, fields.get(SIGNATURES["asker"])),
        "asked_on": clock.local_day(inquiry.created_at),
        "result": results[said["result"]].zh if told else "",
        "finding": said.get("finding") if told else "",
        "record_source": said.get("source") if told else "",
        "answerer_name": fields.get("answered_by", "") if told else "",
        "answerer_phone": office.phone(unit) if told else "",
        "answerer_signature": signature(session, fields.get(SIGNATURES["answerer"])) if told else None,
        "answered_on": fields.get("answered_at") if told else None,
    }


def answering_name(unit: Agency) -> str:
    """A community answers in the name of its committee."""
    return (
        f"{unit.name}居民委员会"
        if unit.kind == "community"
        else f"{unit.name}村民委员会"
        if unit.kind == "village"
        else unit.name
    )


@papers_out.data_for(ITEM)
def parents_birth_record_survey(occasion: papers_out.Occasion) -> dict[str, Any] | None:
    """The letter of an inquiry, or the finding sheet of the case whose inquiry was answered."""
    from models.paper import Certificate

    content, session = occasion.content, occasion.session
    if content.type == TYPE:
        return {**sheet(session, content), "number": (content.fields or {}).get("letter_number", "")}
    case: Case = content.case if isinstance(content, Certificate) else content
    inquiry = answered(session, case) or open_of(session, case)
    number = content.number if isinstance(content, Certificate) else ""
    if inquiry is not None:
        return {**sheet(session, inquiry), "number": number}
    if not occasion.draft:
        return None
    values = case.values
    return {
        "number": number,
        "answering_unit": "（发函时填写）",
        "applicant_name": values.get("name"),
        "asked_for": values.get("asking_unit") or "",
        "agency": office.government(case_routing.deciding_unit(session, case)),
        "asker_name": occasion.actor.name,
        "asker_phone": office.phone(case.place),
        "asked_on": clock.local_day(occasion.at),
        **{
            name: values.get(name)
            for name in (
                "subject_name",
                "subject_id_number",
                "subject_household_address",
                "relation",
                "records_asked",
                "purpose",
            )
        },
    }
