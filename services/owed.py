"""容缺台账: every owed material with its own date — supplied, extended once, or lapsed; who broke a promise is not trusted at once again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.case import Case, Material
from models.paper import Certificate
from models.promise import OwedMaterial
from process import access, clock, journal, outbox, registry
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import materials, notices, unit_settings

LAPSE = "promises.lapse"
BROKEN = "broken_months"
MONTH = timedelta(days=30)
WAYS = {
    "window": N_("送到窗口"),
    "upload": N_("网上上传"),
    "fax": N_("传真"),
    "post": N_("邮寄"),
    "courier": N_("快递或跑腿工"),
}


# --- Promised


@registry.requirement("own_dates")
def own_dates(step: Step) -> None:
    """Each line that names its own date: not before today, not after the decision is due, and only for what is missing."""
    case: Case = step.content
    lacking = {m.code: m for m in materials.missing(case)}
    today = clock.local_day(step.at)
    errors: dict[str, str] = {}
    for index, line in enumerate(step.inputs.get("owed") or ()):
        slot = lacking.get(str(line.get("code") or line.get("material") or ""))
        field = f"owed[{index}].due"
        if slot is None:
            errors[field] = f"第 {index + 1} 行不是这件缺的材料。"
            continue
        due = line.get("due")
        if due is None:
            continue
        if due < today:
            errors[field] = f"“{slot.name}”的补齐期限已经过去，请填今天以后的日期。"
        elif too_late := materials.why_too_late(step.session, case, due, today):
            errors[field] = f"“{slot.name}”的补齐期限{too_late}"
    if errors:
        raise InvalidInput("容缺的期限有误：" + "".join(errors.values()), errors)


@registry.requirement("no_broken_promise")
def no_broken_promise(step: Step) -> None:
    """Whoever promised and did not bring it is asked for everything at once, for the time that the office decided."""
    case = step.content
    broken = broken_by(step.session, case.applicant_id, step.actor.unit_id, clock.local_day(step.at))
    if not broken:
        return
    one = broken[0]
    day = one.lapsed_on or one.due
    months = unit_settings.number(step.session, step.actor.unit_id, BROKEN)
    raise RequirementUnmet(
        f"申请人在 {one.case.number} 承诺补交的“{one.material.name}”到 {day.year}年{day.month}月{day.day}日 没有补，"
        f"{months} 个月内不能再容缺受理。请一次性告知补齐材料后受理。"
    )


def broken_by(session: Session, resident_id: int | None, unit_id: str | None, today: date) -> Sequence[OwedMaterial]:
    """Promises of this person that were broken lately, newest first."""
    if resident_id is None:
        return ()
    months = unit_settings.number(session, unit_id, BROKEN)
    return list(
        session.scalars(
            select(OwedMaterial)
            .where(OwedMaterial.resident_id == resident_id, OwedMaterial.lapsed_on > today - months * MONTH)
            .order_by(OwedMaterial.lapsed_on.desc())
            .limit(20)
        )
    )


@registry.effect("open_ledger")
def open_ledger(step: Step) -> None:
    """One line for each promised paper; the worker looks again the evening each is due."""
    case: Case = step.content
    own = {str(line.get("code") or line.get("material")): line for line in step.inputs.get("owed") or ()}
    way = str(step.inputs.get("supply_way") or "")
    before = {line.material_id: line for line in of_case(step.session, case)}
    for slot in materials.missing(case):
        line = before.get(slot.id)
        if line is not None and is_owed(line):
            # Promised before 补正 came between: that promise stands, and only an extension moves its day.
            continue
        due = own.get(slot.code, {}).get("due") or step.inputs["due"]
        if line is None:
            line = OwedMaterial(
                district=case.district, case_id=case.id, material_id=slot.id, resident_id=case.applicant_id
            )
            step.session.add(line)
        line.state, line.way, line.promised_due, line.due, line.promised_at = "open", way, due, due, step.at
        line.supplied_at = line.supplied_by_id = None
        line.supplied_way = ""
        step.session.flush()
        _watch(step.session, line)
    latest = max((line.due for line in of_case(step.session, case) if is_owed(line)), default=step.inputs["due"])
    kept = (case.fields or {}).get(materials.OWED, {})
    case.fields = {**(case.fields or {}), materials.OWED: {**kept, "due": latest.isoformat()}}


def _watch(session: Session, line: OwedMaterial) -> None:
    end = clock.end_of(line.due)
    outbox.put(
        session,
        LAPSE,
        district=line.district,
        delay=max(end - now(), timedelta()),
        owed_id=line.id,
        due=line.due.isoformat(),
    )


# --- Reading


def of_case(session: Session, case: Case) -> list[OwedMaterial]:
    """The lines of a case in the order of its list."""
    return list(
        session.scalars(
            select(OwedMaterial)
            .join(Material, Material.id == OwedMaterial.material_id)
            .where(OwedMaterial.case_id == case.id)
            .order_by(Material.position)
        )
    )


def due_on(session: Session, case: Case, day: date) -> list[Material]:
    """What is still owed and due on that day."""
    return [one.material for one in of_case(session, case) if one.due == day and is_owed(one)]


def is_owed(line: OwedMaterial) -> bool:
    """Promised and not here, in time or late."""
    return line.state in ("open", "lapsed") and not line.material.provided


def load(session: Session, actor: Actor, uid: str) -> OwedMaterial:
    """A line whose case this actor works on."""
    line = session.scalar(select(OwedMaterial).where(OwedMaterial.uid == uid).with_for_update())
    if line is None or not access.may(actor, access.VIEW_FULL, line.case, session) or actor.resident_id is not None:
        raise NotFound("没有找到这笔容缺。它可能不在您的单位，请从“容缺台账”重新进入。")
    return line


# --- Supplied


def settle(session: Session, case: Case, actor: Actor | None, codes: Iterable[str], way: str) -> list[OwedMaterial]:
    """Closes the lines whose paper has come; a paper that came late stays a broken promise."""
    wanted = set(codes)
    found = []
    for line in of_case(session, case):
        if line.state in ("open", "lapsed") and line.material.code in wanted and line.material.provided:
            line.state, line.supplied_at, line.supplied_way = "supplied", now(), way
            line.supplied_by_id = actor.person_id if actor is not None else None
            found.append(line)
    session.flush()
    return found


def receive(session: Session, actor: Actor, line: OwedMaterial, way: str, *, original: bool, sheets: Any) -> None:
    """The clerk has the paper in hand: from the window, by post or by courier."""
    if way not in WAYS:
        raise InvalidInput("请选补来的方式：" + "、".join(WAYS.values()) + "。", {"way": "请选方式"})
    if not is_owed(line):
        raise NotAvailable(f"“{line.material.name}”已经补来，不用再登记。")
    materials.provide(
        session,
        line.case,
        actor,
        [{"code": line.material.code, "provided": True, "original": original, "sheets": sheets or 1}],
    )
    line.supplied_way = way
    _came_by(line, way)
    session.flush()


def _came_by(line: OwedMaterial, way: str) -> None:
    """The slot says how a paper came that nobody brought to the window."""
    line.material.source = None if way == "window" else way
    line.material.source_words = None if way == "window" else f"容缺补齐：{WAYS[way]}"


# --- Later, once


def extend(session: Session, actor: Actor, line: OwedMaterial, due_text: str, reason_text: str) -> None:
    """One extension for each paper, with a reason, never beyond the day the decision is promised for."""
    case = line.case
    if not any(access.may(actor, permission, case, session) for permission in ("edit", "attach")):
        raise Forbidden("这件现在不由您经手，不能延期。请交给经手人。")
    if not is_owed(line):
        raise NotAvailable(f"“{line.material.name}”已经补来，不用延期。")
    if line.extended_at is not None:
        raise NotAvailable(f"“{line.material.name}”已经延期过一次，不能再延。到期不补的，依法终止办理。")
    errors: dict[str, str] = {}
    today = clock.local_day(now())
    try:
        reason = clean_text(reason_text, 120)
    except ValueError as problem:
        reason, errors["reason"] = "", f"延期原因{problem}。"
    if not reason and "reason" not in errors:
        errors["reason"] = "请写延期的原因。"
    try:
        due = date.fromisoformat(due_text.strip())
    except ValueError:
        due, errors["due"] = today, "新的期限请写成 2026-03-05 的样子，且必须存在。"
    if "due" not in errors and due <= max(line.due, today - timedelta(days=1)):
        errors["due"] = f"新的期限要晚于原来的 {line.due.isoformat()}，也不能早于今天。"
    last = _latest(session, case)
    if "due" not in errors and last is not None and due > last:
        errors["due"] = f"不能晚于承诺办结日期 {last.isoformat()}，请改早一些。"
    elif "due" not in errors and (unknown := materials.without_calendar(session, due)):
        errors["due"] = f"新的期限{unknown}"
    if errors:
        raise InvalidInput("还不能延期：" + "".join(errors.values()), errors)
    line.due, line.extended_at, line.extended_by_id, line.extension_reason = due, now(), actor.person_id, reason
    line.state, line.lapsed_on = "open", None
    kept = (case.fields or {}).get(materials.OWED, {})
    lines = of_case(session, case)
    case.fields = {
        **(case.fields or {}),
        materials.OWED: {**kept, "due": max(one.due for one in lines if is_owed(one)).isoformat()},
    }
    _watch(session, line)
    from services.messages import listening

    listening.remind_before(session, case, due)
    journal.record(
        session,
        "promise:extend",
        actor,
        content=case,
        details={"code": line.material.code, "due": due.isoformat(), "before": line.promised_due.isoformat()},
    )
    session.flush()


def _latest(session: Session, case: Case) -> date | None:
    """The day the decision is promised for; a case whose clock has no date has no such limit."""
    return clock.local_day(case.deadline) if case.deadline is not None else None


# --- Not kept


def lapse(session: Session, args: Mapping[str, Any]) -> bool:
    """The evening of the day: not here, so the promise is broken; told to the resident and to whoever has the case, once."""
    line = session.scalar(select(OwedMaterial).where(OwedMaterial.id == int(args["owed_id"])).with_for_update())
    if line is None or line.state != "open" or line.due.isoformat() != args["due"]:
        return False
    case = line.case
    if case.closed_at is not None:
        line.state = "ended"
        return False
    materials.note_uploads(session, case)
    if line.material.provided:
        settle(session, case, None, [line.material.code], "upload")
        return False
    line.state, line.lapsed_on = "lapsed", line.due
    journal.record(session, "promise:lapse", None, content=case, details={"code": line.material.code})
    holder = notices.holder(session, case)
    if holder is not None:
        notices.notify(
            session,
            case,
            to=holder,
            kind="promise:lapse",
            text=N_("%(number)s 容缺的材料到期没有补，请延期一次或终止办理。"),
            params={"number": case.number or ""},
            once=f"lapse:{line.id}:{line.due.isoformat()}",
            action="promise:lapse_told",
        )
    from services.messages import listening

    listening.lapsed(session, case, line.due)
    session.flush()
    return True


@registry.requirement("promise_lapsed")
def promise_lapsed(step: Step) -> None:
    """Only a promise that was broken for good ends a case."""
    lines = of_case(step.session, step.content)
    if not any(line.state == "lapsed" and is_owed(line) for line in lines):
        raise RequirementUnmet("没有逾期未补的容缺材料，不能据此终止办理。")
    # Approved beforehand: what has a number already is voided by whoever issues, not left behind.
    made = step.session.scalar(
        select(Certificate.number)
        .where(Certificate.case_id == step.content.id, Certificate.state.in_(("numbered", "sealed", "printed")))
        .limit(1)
    )
    if made is not None:
        raise RequirementUnmet(f"证照 {made} 已经编号还没有发出。请发证人员先把它“作废”，再终止办理。")


@registry.effect("end_promises")
def end_promises(step: Step) -> None:
    """The case is over; what was owed is not waited for any more."""
    for line in of_case(step.session, step.content):
        if line.state == "open":
            line.state = "ended"
    step.details["lapsed"] = [line.material.code for line in of_case(step.session, step.content) if line.lapsed_on]
