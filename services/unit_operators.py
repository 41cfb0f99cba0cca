"""经办人: who may file what in a unit's name, from when until when. Ended at once, never passed on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.base import now
from models.case import Case
from models.content import Content
from models.paper import Document
from models.person import Person
from models.work_unit import WorkUnit, WorkUnitFiling, WorkUnitOperator
from process import clock, registry
from process.access import Actor
from process.calendar_days import say
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound
from process.registry import Step
from services import actions, case_routing, files, work_units

# A proposal: a letter of a unit holds a year at most, then it is looked at again.
LONGEST_DAYS, USUAL = 366, timedelta(days=365)
# What an operator may still do after the delegation: say how the service was.
STILL_OPEN = frozenset({"rate"})


def name(
    session: Session,
    actor: Actor,
    unit: WorkUnit,
    *,
    username: str,
    person_name: str,
    functions: Sequence[str],
    since: date | None,
    until: date | None,
    reason: str,
) -> WorkUnitOperator:
    """The person in charge lets somebody file the ticked functions."""
    require_in_charge(actor, unit)
    session.get(WorkUnit, unit.id, with_for_update=True, populate_existing=True)
    work_units.require_open(unit)
    today = clock.local_day(now())
    errors: dict[str, str] = {}
    person: Person | None = None
    try:
        person = work_units.account(session, username, person_name)
    except InvalidInput as refusal:
        errors |= refusal.errors
    offered = {one.code for one in work_units.functions(session)}
    wanted = [code for code in dict.fromkeys(functions) if code]
    if not wanted:
        errors["functions"] = "请至少勾选一项委托的业务"
    elif any(code not in offered for code in wanted):
        errors["functions"] = "有的业务现在不能网上办，请从名单里选"
    since = since or today
    if since < today:
        errors["since"] = "开始日期不能早于今天，委托不能倒签"
    if until is not None and until < since:
        errors["until"] = "结束日期早于开始日期"
    elif until is not None and (until - since).days > LONGEST_DAYS:
        errors["until"] = "一次委托最长一年，到期再委托"
    # Nobody names for ever by leaving a box empty.
    until = until or since + USUAL
    words = ""
    try:
        words = clean_text(reason, 200)
    except ValueError as problem:
        errors["reason"] = f"委托的原因{problem}"
    if not words and "reason" not in errors:
        errors["reason"] = "请写明委托的原因，例如劳资专员换人"
    if person is not None and person.id == unit.in_charge_id:
        errors["username"] = "您是负责人，本来就能办，不用委托给自己"
    elif person is not None and any(one.person_id == person.id and running(one, today) for one in unit.operators):
        errors["username"] = f"{person.name}已经是经办人；要改业务或期限，请先结束现在的委托，再重新委托"
    if errors or person is None:
        raise InvalidInput("还不能委托：" + "；".join(errors.values()) + "。", errors)
    assert actor.person_id is not None
    one = WorkUnitOperator(
        district=unit.district,
        unit=unit,
        person_id=person.id,
        functions=wanted,
        since=since,
        until=until,
        reason=words,
        named_by_id=actor.person_id,
        named_at=now(),
    )
    session.add(one)
    session.flush()
    session.expire(unit, ["operators"])
    work_units.record(
        session, actor, unit, "name", {"operator": one.uid, "person": person.id, "functions": wanted, "reason": words}
    )
    return one


def end(session: Session, actor: Actor, unit: WorkUnit, uid: str, reason: str) -> WorkUnitOperator:
    """Ended at once: what is still a draft cannot be filed any more."""
    require_in_charge(actor, unit)
    one = session.scalar(
        select(WorkUnitOperator)
        .where(WorkUnitOperator.uid == uid, WorkUnitOperator.unit_id == unit.id)
        .with_for_update()
    )
    if one is None:
        raise NotFound("没有找到这份委托，请刷新后再看。")
    if one.ended_at is not None:
        raise NotAvailable(f"这份委托已于{say(clock.local_day(one.ended_at))}结束，不用再结束。")
    try:
        words = clean_text(reason, 200)
    except ValueError as problem:
        raise InvalidInput(f"结束的原因{problem}。", {"reason": str(problem)}) from problem
    if not words:
        raise InvalidInput("请写明结束委托的原因，例如离职。", {"reason": "请写明原因"})
    one.ended_at, one.ended_by_id, one.end_reason = now(), actor.person_id, words
    session.flush()
    work_units.record(session, actor, unit, "end", {"operator": one.uid, "person": one.person_id, "reason": words})
    return one


def require_in_charge(actor: Actor, unit: WorkUnit) -> None:
    """Only the person in charge names and ends; an operator passes nothing on."""
    if work_units.in_charge(actor, unit):
        return
    if any(one.person_id == actor.person_id for one in unit.operators):
        raise Forbidden(
            f"您是{unit.name}的经办人，委托不能再转给别人，也不能由您结束。请负责人{unit.in_charge.name}办。"
        )
    raise Forbidden(f"经办人由{unit.name}的负责人{unit.in_charge.name}用自己的账号委托和结束，不由您办。")


def running(one: WorkUnitOperator, day: date) -> bool:
    """Holds on this day or will hold later."""
    return one.ended_at is None and (one.until is None or day <= one.until)


def of_person(unit: WorkUnit, person_id: int | None, day: date) -> WorkUnitOperator | None:
    """What this person may do now: the running delegation, else the last one, so that its end can be told."""
    own = [one for one in unit.operators if one.person_id == person_id and person_id is not None]
    return next((one for one in own if running(one, day)), own[0] if own else None)


def require(unit: WorkUnit, actor: Actor, code: str) -> WorkUnitOperator | None:
    """May this person file this function for the unit today? Says why not, and who can change it. None: in charge."""
    work_units.require_open(unit)
    if work_units.in_charge(actor, unit):
        return None
    day = clock.local_day(now())
    who = f"负责人{unit.in_charge.name}"
    one = of_person(unit, actor.person_id, day)
    if one is None or actor.acting_for is not None:
        raise Forbidden(f"您不是{unit.name}的经办人，不能以它的名义办业务。请{who}先在“单位网上业务”里委托您。")
    if one.ended_at is not None:
        ended = say(clock.local_day(one.ended_at))
        raise Forbidden(
            f"{unit.name}对您的委托已于{ended}结束（{one.end_reason}），不能再以它的名义办。请{who}重新委托。"
        )
    if one.until is not None and one.until < day:
        raise Forbidden(f"{unit.name}对您的委托已于{say(one.until)}到期，不能再以它的名义办。请{who}重新委托。")
    if day < one.since:
        raise Forbidden(f"{unit.name}对您的委托从{say(one.since)}起才有效，请到时再办。")
    if code not in one.functions:
        known = catalogue.items()
        what = "、".join(known[c].name for c in one.functions if c in known)
        title = known[code].name if code in known else code
        raise Forbidden(f"{unit.name}没有把“{title}”委托给您，您可以办的有：{what}。请{who}加上这一项。")
    return one


def begin(session: Session, actor: Actor, unit: WorkUnit, code: str, channel: str) -> Case:
    """Opens the ordinary online filing with the unit's own data in it, or goes on with the draft begun before."""
    if code not in {one.code for one in work_units.functions(session)}:
        raise InvalidInput("这项业务现在不能网上办，请从名单里选，或到办事指南看办理地点。", {"item": "不能网上办"})
    operator = require(unit, actor, code)
    if actor.resident_id is None or actor.person_id is None:
        raise Forbidden("以单位名义申报要用本人实名的居民账号。请用自己的账号登录后再办。")
    begun = session.scalar(
        select(WorkUnitFiling)
        .join(Case, Case.id == WorkUnitFiling.case_id)
        .where(
            WorkUnitFiling.unit_id == unit.id,
            WorkUnitFiling.filed_by_id == actor.person_id,
            Case.state == "draft",
            Case.item.has(code=code),
        )
        .limit(1)
    )
    if begun is not None:
        begun.operator_id = operator.id if operator is not None else None
        return begun.case
    case = actions.create(
        session,
        actor,
        "case",
        {
            "item": code,
            "channel": channel,
            "place": unit.place_id,
            "unit_name": unit.name,
            "credit_code": unit.credit_code,
            "unit_address": unit.address,
        },
    )
    assert isinstance(case, Case)
    session.add(
        WorkUnitFiling(
            case_id=case.id,
            district=unit.district,
            unit_id=unit.id,
            operator_id=operator.id if operator is not None else None,
            filed_by_id=actor.person_id,
            begun_at=now(),
        )
    )
    session.flush()
    work_units.record(
        session, actor, unit, "begin", {"case": case.uid, "item": code, "operator": operator.uid if operator else None}
    )
    return case


def _listening(session: Session, content: Any, event: str, actor: Actor, step: Step | None) -> None:
    """At every step taken as the applicant: the delegation holds now, and the papers name the unit it is for."""
    if step is None or not isinstance(content, Case) or event in STILL_OPEN:
        return
    if actor.person_id is None or actor.resident_id is None or actor.resident_id != content.applicant_id:
        return
    filing = session.get(WorkUnitFiling, content.id)
    if filing is None:
        if event == "submit" and case_routing.is_online(content):
            _not_past_the_unit(session, content)
        return
    if event == "withdraw" and filing.unit.closed_at is not None and work_units.in_charge(actor, filing.unit):
        # The unit is gone; whoever was in charge may still take back what nobody wants any more.
        return
    require(filing.unit, actor, content.item.code)
    if event == "submit":
        _names_its_unit(content, filing.unit)


def still_acts(session: Session, content: Content, actor: Actor) -> None:
    """Nor are the answers and papers of a unit's case changed by somebody whose delegation is over."""
    if actor.person_id is None or actor.resident_id is None or actor.resident_id != content.applicant_id:
        return
    filing = session.get(WorkUnitFiling, content.id) if isinstance(content, Case) else None
    if filing is not None:
        require(filing.unit, actor, filing.case.item.code)


def _papers(session: Session, content: Content, document: Document, actor: Actor) -> None:
    still_acts(session, content, actor)


def _not_past_the_unit(session: Session, case: Case) -> None:
    """Nobody files for a registered unit by typing its number: that way its person in charge would not know."""
    code = "".join(str(case.values.get("credit_code") or "").split()).upper()
    unit = session.scalar(select(WorkUnit).where(WorkUnit.credit_code == code)) if code else None
    if unit is not None:
        raise Forbidden(
            f"{unit.name}已登记单位网上业务，它的事项由负责人或受委托的经办人从“单位网上业务”里申报，不能在这里直接申报。"
        )


def _names_its_unit(case: Case, unit: WorkUnit) -> None:
    errors = {}
    if "".join(str(case.values.get("credit_code") or "").split()).upper() != unit.credit_code:
        errors["credit_code"] = f"统一社会信用代码应为{unit.credit_code}"
    if str(case.values.get("unit_name") or "") != unit.name:
        errors["unit_name"] = f"单位名称应为“{unit.name}”"
    if errors:
        raise InvalidInput(
            f"这件以{unit.name}的名义申报，{'；'.join(errors.values())}。要为别的单位办，请从那个单位的页面开始。",
            errors,
        )


registry.listeners.append(_listening)
registry.editing.append(still_acts)
files.listeners.append(_papers)
