"""与记录核对: what this office already wrote down about a person, beside what the form says now, and the reviewer's word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.case import Case
from models.resident import Resident
from process import access, journal
from process.access import Actor
from process.identity import IdNumber, InvalidIdNumber
from process.inputs import clean_text
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput
from process.words import N_
from services.catalogue_items import record_of

KEPT = "_records"
SAME, NONE, DIFFERENT = "same", "none", "different"
RESULTS = {SAME: N_("与记录一致"), NONE: N_("没有相关记录，按申请人声明"), DIFFERENT: N_("与记录不一致")}
REVIEWERS = ("back_office_reviewer", "all_round_worker")
STATES = ("accepted", "accepted_deferred", "reviewed")
DONE = ("approved", "issued", "delivered")
NUMBERS = (
    "id_number",
    "spouse_id_number",
    "wife_id_number",
    "husband_id_number",
    "father_id_number",
    "mother_id_number",
)
MOST = 10


@dataclass(frozen=True)
class Line:
    """One earlier statement beside the present one; `agrees` is None where there is nothing to compare."""

    source: str
    question: str
    then: str
    now: str
    agrees: bool | None


def of(case: Case) -> dict[str, Any] | None:
    """The reviewer's word: result, source, who and when."""
    return (case.private or {}).get(KEPT)


def asked_for(case: Case) -> bool:
    """Whether the paper this case leads to is only made once the records were compared."""
    from services import certificates
    from services.papers.definition import load

    kind = certificates.paper_kind(case)
    return kind is not None and "records_checked" in load(kind).terms.conditions


def may_note(session: Session, case: Case, actor: Actor) -> bool:
    """Whoever reviews notes it; whoever approves finds it there."""
    return case.state in STATES and not access.tokens(case, actor).isdisjoint(
        {f"{role}@addressee" for role in REVIEWERS}
    )


def note(session: Session, case: Case, actor: Actor, result: str, source: str) -> None:
    """Writes down with which records the statements were compared and what came of it."""
    if not may_note(session, case, actor):
        raise Forbidden("与记录核对由审核人员在受理以后、审批以前办。")
    errors: dict[str, str] = {}
    if result not in RESULTS:
        errors["result"] = "请选核对结果。"
    words = " ".join(clean_text(source, 200).split())
    if not words:
        errors["source"] = "请写明查了哪里的记录，例如：全员人口信息系统、本街道生育登记台账。"
    if errors:
        raise InvalidInput("".join(errors.values()), errors)
    case.private = {
        **(case.private or {}),
        KEPT: {"result": result, "source": words, "by": actor.name, "at": now().isoformat()},
    }
    journal.record(session, "case:records", actor, content=case, comment=words, details={"result": result})
    session.flush()


def lines(session: Session, case: Case) -> list[Line]:
    """What earlier cases of the same people said about marriage and children, newest first."""
    here = _facts(case.values)
    found: list[Line] = []
    for other in _earlier(session, case):
        then = _facts(other.values)
        day = (other.decided_at or other.created_at).astimezone(CHINA)
        for question, value in then.items():
            mine = here.get(question, "")
            found.append(
                Line(
                    f"{other.number or ''} {other.title}（{day:%Y-%m-%d}）",
                    question,
                    value,
                    mine,
                    value == mine if mine else None,
                )
            )
    return found


def _earlier(session: Session, case: Case) -> Iterator[Case]:
    """Decided family-planning cases of the people named in this one; the same desk keeps them, so it may read them."""
    people = set()
    for name in NUMBERS:
        try:
            people.add(Resident.index_of(IdNumber.parse(str(case.values.get(name) or "")).value))
        except InvalidIdNumber:
            continue
    if not people:
        return
    rows = session.scalars(
        select(Case)
        .join(Resident, Resident.id == Case.applicant_id)
        .where(Resident.id_index.in_(people), Case.id != case.id, Case.state.in_(DONE))
        .order_by(Case.id.desc())
        .limit(50)
    )
    kept = [one for one in rows if record_of(one.item).category == "family_planning"]
    yield from kept[:MOST]


def _facts(values: dict[str, Any]) -> dict[str, str]:
    status = {"unmarried": "未婚", "married": "已婚", "divorced": "离异", "widowed": "丧偶"}
    found = {
        "婚姻状况": status.get(str(values.get("marital_status")), "")
        or ("已婚" if values.get("marriage_certificate_number") or values.get("father_name") else ""),
        "配偶": _couple(values),
        "结婚日期": str(values.get("marriage_date") or ""),
        "子女数": str(values["children_count"]) if values.get("children_count") is not None else "",
    }
    return {question: value for question, value in found.items() if value}


def _couple(values: dict[str, Any]) -> str:
    """Both of a couple, so that a statement of one compares with a statement of the other."""
    pairs = (("wife_name", "husband_name"), ("mother_name", "father_name"), ("name", "spouse_name"))
    for one, other in pairs:
        if values.get(one) and values.get(other):
            return "、".join(sorted((str(values[one]), str(values[other]))))
    return ""
