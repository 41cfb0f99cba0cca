"""容缺台账: every owed material with its own date — supplied, extended once, or lapsed; who broke a promise is not trusted at once again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.base import now
from models.case import Case, Material
from models.content import Content
from models.promise import OwedMaterial
from process import access, clock, engine, journal, outbox, registry
from process.access import Actor
from process.calendar_days import say
from process.inputs import clean_text
from process.library import library
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import materials, notices
from services.broken import nothing_numbered
from services.office_rules import material_names

LAPSE = "promises.lapse"
# 容缺: proposal of the source; an office that promises less writes an earlier date.
MOST_DAYS = 10
# 容缺受理 as a record beside a case, or without one: it keeps no slots of its own.
BESIDE = "deferred_acceptance"
NOT_BROKEN = "没有逾期未补的容缺材料，不能据此终止办理。"
# The steps by which a thing without slots learns that everything is there.
SUPPLYING = ("supply", "supply_late")
WAYS = {
    "window": N_("送到窗口"),
    "upload": N_("网上上传"),
    "fax": N_("传真"),
    "post": N_("邮寄"),
    "courier": N_("快递或跑腿工"),
}

STATES = {"open": N_("等补"), "supplied": N_("已补齐"), "lapsed": N_("逾期未补"), "ended": N_("不再等")}


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


@registry.effect("open_ledger")
def open_ledger(step: Step) -> None:
    """One line for each promised paper; the worker looks again the evening each is due."""
    case: Case = step.content
    own = {str(line.get("code") or line.get("material")): line for line in step.inputs.get("owed") or ()}
    way = str(step.inputs.get("supply_way") or "")
    before = {line.material_id: line for line in of_thing(step.session, case)}
    for slot in materials.missing(case):
        line = before.get(slot.id) or OwedMaterial(
            district=case.district, case_id=case.id, material_id=slot.id, resident_id=case.applicant_id
        )
        _open(step, line, own.get(slot.code, {}).get("due") or step.inputs["due"], way)
    _latest_kept(step.session, case, step.inputs["due"])


def open_named(step: Step, thing: Content) -> None:
    """A thing without slots: what the linked case owes already is promised there, one paper has one line."""
    there = {line.paper for line in waited_for(step.session, thing)}
    for name in dict.fromkeys(promised_names(thing, step.inputs)):
        if name not in there:
            line = OwedMaterial(
                district=thing.district, content_id=thing.id, name=name[:120], resident_id=thing.applicant_id
            )
            _open(step, line, step.inputs["supply_by"], "")


def promised_names(thing: Content, inputs: Mapping[str, Any]) -> list[str]:
    """The papers as the item's list calls them; the clerk may have written the name or the code."""
    titles = {m.id: m.name for m in catalogue.item(str(thing.fields.get("item"))).materials}
    return [titles.get(name, name) for name in material_names(inputs["owed"])]


def _open(step: Step, line: OwedMaterial, due: date, way: str) -> None:
    if line.id is not None and is_owed(line):
        # Promised before 补正 came between: that promise stands, and only an extension moves its day.
        return
    step.session.add(line)
    line.state, line.way, line.promised_due, line.due, line.promised_at = "open", way, due, due, step.at
    line.supplied_at = line.supplied_by_id = None
    line.supplied_way = ""
    step.session.flush()
    _watch(step.session, line)


def _latest_kept(session: Session, thing: Content, otherwise: date) -> None:
    """The last day of all that is owed, where lists and deadlines read it."""
    latest = max((line.due for line in of_thing(session, thing) if is_owed(line)), default=otherwise).isoformat()
    fields = thing.fields or {}
    if isinstance(thing, Case):
        thing.fields = {**fields, materials.OWED: {**fields.get(materials.OWED, {}), "due": latest}}
    elif fields.get("supply_by") != latest:
        thing.fields = {**fields, "supply_by": latest}
        clock.advance(session, library.of(thing, session), thing, thing.state, now())


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


def of_thing(session: Session, thing: Content) -> list[OwedMaterial]:
    """The lines of a case in the order of its list, or those of a thing without slots."""
    statement = select(OwedMaterial)
    if isinstance(thing, Case):
        statement = statement.join(Material, Material.id == OwedMaterial.material_id)
        return list(session.scalars(statement.where(OwedMaterial.case_id == thing.id).order_by(Material.position)))
    return list(session.scalars(statement.where(OwedMaterial.content_id == thing.id).order_by(OwedMaterial.id)))


def waited_for(session: Session, thing: Content) -> list[OwedMaterial]:
    """What still has to come before this thing is done; a record beside a case waits for what the case owes, too."""
    found = [line for line in of_thing(session, thing) if is_owed(line)]
    uid = None if isinstance(thing, Case) else (thing.fields or {}).get("case")
    case = session.scalar(select(Case).where(Case.uid == uid)) if uid else None
    return found + (waited_for(session, case) if case is not None else [])


def to_things(ids: Select[int]) -> ColumnElement[bool]:
    """Narrows the ledger to what is owed to these cases and other things."""
    return or_(OwedMaterial.case_id.in_(ids), OwedMaterial.content_id.in_(ids))


def due_on(session: Session, thing: Content, day: date) -> list[str]:
    """What is still owed and due on that day."""
    return [one.paper for one in of_thing(session, thing) if one.due == day and is_owed(one)]


def is_owed(line: OwedMaterial) -> bool:
    """Promised and not here, in time or late."""
    return line.state in ("open", "lapsed") and not (line.material is not None and line.material.provided)


def load(session: Session, actor: Actor, uid: str) -> OwedMaterial:
    """A line whose case this actor works on."""
    line = session.scalar(select(OwedMaterial).where(OwedMaterial.uid == uid).with_for_update())
    if line is None or not access.may(actor, access.VIEW_FULL, line.thing, session) or actor.resident_id is not None:
        raise NotFound("没有找到这笔容缺。它可能不在您的单位，请从“容缺台账”重新进入。")
    return line


# --- Supplied


def settle(session: Session, case: Case, actor: Actor | None, codes: Iterable[str], way: str) -> list[OwedMaterial]:
    """Closes the lines whose paper has come; a paper that came late stays a broken promise."""
    wanted = set(codes)
    found = []
    for line in of_thing(session, case):
        here = line.material is not None and line.material.provided
        if here and line.state in ("open", "lapsed") and line.code in wanted:
            _supplied(line, actor, way)
            found.append(line)
    session.flush()
    return found


def _supplied(line: OwedMaterial, actor: Actor | None, way: str) -> None:
    line.state, line.supplied_at, line.supplied_way = "supplied", now(), way
    line.supplied_by_id = actor.person_id if actor is not None else None


@registry.requirement("everything_supplied")
def everything_supplied(step: Step) -> None:
    """All that is owed is ticked as here; what the linked case owes is noted there."""
    came = set(material_names(step.inputs.get("supplied") or ()))
    waits = waited_for(step.session, step.content)
    elsewhere = [line for line in waits if line.case is not None]
    if elsewhere:
        raise RequirementUnmet(
            f"{'、'.join(line.paper for line in elsewhere)}是办件 {elsewhere[0].thing.number} 欠的，请先在“容缺台账”登记补来。",
            {"supplied": "还没有补齐"},
        )
    lacking = [line.paper for line in waits if line.paper not in came]
    if lacking:
        raise RequirementUnmet(f"还缺{'、'.join(lacking)}。都补齐了才能办这一步。", {"supplied": "还没有补齐"})


def heard(session: Session, thing: Content, event: str, actor: Actor, step: Step | None) -> None:
    """A thing without slots that is supplied or over: told here, so that one begun by an older version of its process counts too."""
    if step is None or thing.type != BESIDE:
        return
    if event in SUPPLYING:
        way = str(step.inputs.get("supply_way") or "")
        for line in of_thing(session, thing):
            if is_owed(line):
                _supplied(line, actor, way if way in WAYS else "window")
    elif event == "expire":
        # The period of the thing is over; the worker who looks at the ledger may come a moment later.
        for line in of_thing(session, thing):
            if line.due < clock.local_day(step.at):
                lapse(session, {"owed_id": line.id, "due": line.due.isoformat()})
    elif event == "terminate":
        end_promises(step)


registry.listeners.append(heard)


@registry.requirement("nothing_promised_open")
def nothing_promised_open(step: Step) -> None:
    """Nothing is sealed or released before every promised material has come, here and on the linked case."""
    lacking = [line.paper for line in waited_for(step.session, step.content)]
    if lacking:
        raise RequirementUnmet(f"承诺后补的{'、'.join(lacking)}还没有补齐，不能出证。")


def receive(session: Session, actor: Actor, line: OwedMaterial, way: str, *, original: bool, sheets: Any) -> None:
    """The clerk has the paper in hand: from the window, by post or by courier."""
    if way not in WAYS:
        raise InvalidInput("请选补来的方式：" + "、".join(WAYS.values()) + "。", {"way": "请选方式"})
    if not is_owed(line):
        raise NotAvailable(f"“{line.paper}”已经补来，不用再登记。")
    if line.case is None or line.material is None:
        _receive_named(session, actor, line, way)
        return
    materials.provide(
        session,
        line.case,
        actor,
        [{"code": line.code, "provided": True, "original": original, "sheets": sheets or 1}],
    )
    line.supplied_way = way
    # The slot says how a paper came that nobody brought to the window.
    line.material.source = None if way == "window" else way
    line.material.source_words = None if way == "window" else f"容缺补齐：{WAYS[way]}"
    session.flush()


def _receive_named(session: Session, actor: Actor, line: OwedMaterial, way: str) -> None:
    """With the last paper the thing itself goes on."""
    thing = line.thing
    step = next((t.id for t in engine.available(thing, actor) if t.id in SUPPLYING), None)
    if step is None:
        raise NotAvailable(f"{thing.number} 现在不能由您登记补来：要先行受理以后、出证以前，由受理的窗口登记。")
    if any(one.id != line.id for one in waited_for(session, thing)):
        _supplied(line, actor, way)
        journal.record(session, "promise:supply", actor, content=thing, details={"code": line.code, "way": way})
    else:
        engine.fire(thing, step, actor, inputs={"supplied": [{"material": line.name}], "supply_way": way})
    session.flush()


# --- Later, once


def extend(session: Session, actor: Actor, line: OwedMaterial, due_text: str, reason_text: str) -> None:
    """One extension for each paper, with a reason, never beyond the day the decision is promised for."""
    thing = line.thing
    if not any(access.may(actor, permission, thing, session) for permission in ("edit", "attach")):
        raise Forbidden("这件现在不由您经手，不能延期。请交给经手人。")
    if not is_owed(line):
        raise NotAvailable(f"“{line.paper}”已经补来，不用延期。")
    if not may_wait(session, line):
        raise NotAvailable(f"{thing.number} 的补齐期限已经过了，不能再延期。请在宽限内补齐，或终止办理。")
    if line.extended_at is not None:
        raise NotAvailable(f"“{line.paper}”已经延期过一次，不能再延。到期不补的，依法终止办理。")
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
        errors["due"] = f"新的期限要晚于原来的 {say(line.due)}，也不能早于今天。"
    last, named = _latest(session, thing, today)
    if "due" not in errors and last is not None and due > last:
        errors["due"] = f"不能晚于{named}{say(last)}，请改早一些。"
    elif "due" not in errors and (unknown := materials.without_calendar(session, due)):
        errors["due"] = f"新的期限{unknown}"
    if errors:
        raise InvalidInput("还不能延期：" + "".join(errors.values()), errors)
    line.due, line.extended_at, line.extended_by_id, line.extension_reason = due, now(), actor.person_id, reason
    line.state, line.lapsed_on = "open", None
    session.flush()
    _latest_kept(session, thing, due)
    _watch(session, line)
    from services.messages import listening

    listening.remind_before(session, thing, due)
    journal.record(
        session,
        "promise:extend",
        actor,
        content=thing,
        details={"code": line.code, "due": due.isoformat(), "before": line.promised_due.isoformat()},
    )
    session.flush()


def may_wait(session: Session, line: OwedMaterial) -> bool:
    """Whether a later day still means anything: a thing without slots has moved on when its day has passed."""
    if isinstance(line.thing, Case):
        return True
    due = library.of(line.thing, session).states[line.thing.state].due
    return due is not None and due.field == "supply_by"


def _latest(session: Session, thing: Content, today: date) -> tuple[date | None, str]:
    """The last day that may be promised, and what it is called; a case whose clock has no date has no such limit."""
    if isinstance(thing, Case):
        return clock.local_day(thing.deadline) if thing.deadline is not None else None, "承诺办结日期"
    last = clock.calendar(session).add_working_days_or_none(today, MOST_DAYS)
    return last, f"从今天起第 {MOST_DAYS} 个工作日"


# --- Not kept


def lapse(session: Session, args: Mapping[str, Any]) -> bool:
    """The evening of the day: not here, so the promise is broken; told to the resident and to whoever has the case, once."""
    line = session.scalar(select(OwedMaterial).where(OwedMaterial.id == int(args["owed_id"])).with_for_update())
    if line is None or line.state != "open" or line.due.isoformat() != args["due"]:
        return False
    thing = line.thing
    if thing.closed_at is not None:
        line.state = "ended"
        return False
    if isinstance(thing, Case):
        materials.note_uploads(session, thing)
        if line.material is not None and line.material.provided:
            settle(session, thing, None, [line.code], "upload")
            return False
    line.state, line.lapsed_on = "lapsed", line.due
    journal.record(session, "promise:lapse", None, content=thing, details={"code": line.code})
    holder = notices.holder(session, thing)
    if holder is not None:
        notices.notify(
            session,
            thing,
            to=holder,
            kind="promise:lapse",
            text=N_("%(number)s 容缺的材料到期没有补，请延期一次或终止办理。"),
            params={"number": thing.number or ""},
            once=f"lapse:{line.id}:{line.due.isoformat()}",
            action="promise:lapse_told",
        )
    from services.messages import listening

    listening.lapsed(session, thing, line.due)
    session.flush()
    return True


@registry.predicate("promise_broken", why=NOT_BROKEN)
def promise_broken(session: Session, case: Case, actor: Actor) -> bool:
    """Whether a promise has lapsed and the paper is still not here; most cases never owed anything, which costs no question."""
    if materials.OWED not in (case.fields or {}):
        return False
    return any(line.state == "lapsed" and is_owed(line) for line in of_thing(session, case))


@registry.requirement("promise_lapsed")
def promise_lapsed(step: Step) -> None:
    """Only a promise that was broken for good ends a case; one begun by an older version of its process asks nothing before."""
    if not promise_broken(step.session, step.content, step.actor):
        raise RequirementUnmet(NOT_BROKEN)
    nothing_numbered(step.session, step.content.id)


@registry.effect("end_promises")
def end_promises(step: Step) -> None:
    """The case is over; what was owed is not waited for any more."""
    lines = of_thing(step.session, step.content)
    for line in lines:
        if line.state == "open":
            line.state = "ended"
    step.details["lapsed"] = [line.code for line in lines if line.lapsed_on]
