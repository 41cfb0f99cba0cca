"""The material slots of a case: what was brought, what the reviewer said, what is still owed, what was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.records import Material as MaterialRecord
from models.base import now
from models.case import Case, Material
from models.paper import Document
from process import access, clock, journal, registry
from process.access import Actor
from process.calendar_days import CalendarMissing, say
from process.inputs import MAX_SHEETS, clean_text
from process.refusals import Forbidden, InvalidInput, RequirementUnmet
from process.registry import Step
from services import at_hand, custody
from services.catalogue_items import record_of

VERDICTS = {"accepted": "合格", "rejected": "不合格"}
NOTICES, OWED, SUPPLIED = "_notices", "_owed", "_supplied"


def add_rows(case: Case, records: Iterable[MaterialRecord]) -> None:
    """One slot per line of the item's list."""
    for position, record in enumerate(records, start=1):
        case.materials.append(
            Material(position=position, code=record.id, name=record.name, critical=record.critical, form=record.form)
        )


def provide(session: Session, case: Case, actor: Actor, lines: Any, at: datetime | None = None) -> list[Material]:
    """Notes what was brought: `{code, provided, original, sheets}` per line. A slot filled anew loses its verdict."""
    if not any(access.may(actor, permission, case, session) for permission in ("edit", "attach")):
        raise Forbidden("这件的材料现在不由您登记，请交给经手人。")
    if actor.resident_id is not None and not access.may(actor, "edit", case, session):
        # Otherwise the applicant could declare owed papers supplied, or withdraw what was already checked.
        raise Forbidden("申报之后的材料由受理窗口登记。您补来的材料请直接上传文件，或送到窗口。")
    at = at or now()
    changed = fill(case, lines, at, counter=actor.unit_id if actor.resident_id is None else None)
    if changed:
        journal.record(
            session, "case:materials", actor, content=case, details={"codes": [m.code for m in changed]}, at=at
        )
        _keep_promise(session, case, actor, [m.code for m in changed if m.provided], "window")
    session.flush()
    return changed


def _keep_promise(session: Session, case: Case, actor: Actor | None, codes: list[str], way: str) -> None:
    """What was owed and has come is struck off the ledger, here and in the other cases of the same bundle."""
    if codes and OWED in (case.fields or {}):
        from services import owed as ledger

        ledger.settle(session, case, actor, codes, way)
    if codes and case.state != "draft":
        from services.one_thing import together

        together.pass_on(session, case, actor, codes, way)


def fill(case: Case, lines: Any, at: datetime, *, counter: str | None) -> list[Material]:
    """Sets the slots named in `lines` and returns those that changed; every wrong line is told at once.

    `counter` is the unit whose staff take the papers in: only they can hold an original."""
    if not isinstance(lines, (list, tuple)):
        raise InvalidInput("材料清单应是若干行，每行写材料代码和是否提供。", {"materials": "应是若干行"})
    slots = {m.code: m for m in case.materials} | {m.name: m for m in case.materials}
    errors: dict[str, str] = {}
    found: list[tuple[Material, bool, bool | None, int]] = []
    for index, line in enumerate(lines):
        field = f"materials[{index}]"
        code = str((line.get("code") or line.get("material") or "") if isinstance(line, Mapping) else line or "")
        slot = slots.get(code)
        if slot is None:
            offered = "、".join(m.code for m in case.materials) or "无"
            errors[field] = f"第 {index + 1} 行：这个事项没有“{code}”这份材料，可填：{offered}。"
            continue
        row: Mapping[str, Any] = line if isinstance(line, Mapping) else {}
        brought = _yes(row.get("provided", True))
        try:
            sheets = int(str(row.get("sheets") or (1 if brought else 0)))
        except ValueError:
            sheets = -1
        if not 0 <= sheets <= MAX_SHEETS:
            errors[f"{field}.sheets"] = f"第 {index + 1} 行“{slot.name}”：份数应是 0 到 {MAX_SHEETS} 之间的整数。"
        elif brought and sheets == 0:
            errors[f"{field}.sheets"] = f"第 {index + 1} 行“{slot.name}”：已提供的材料至少 1 份。"
        original = _yes(row["original"]) and brought if counter and "original" in row else None
        if original is False and slot.original_held and slot.holder_unit_id not in (None, counter):
            errors[f"{field}.original"] = f"“{slot.name}”的原件在{custody.holder(slot)}，请由对方交接，不能在这里改。"
        found.append((slot, brought, original, sheets))
    if errors:
        raise InvalidInput("材料清单有误：" + "".join(errors.values()), errors)
    changed = [slot for slot, brought, original, sheets in found if _set(slot, brought, original, sheets, counter)]
    stamps = {slot.code: at.isoformat() for slot in changed if slot.provided}
    _remember(case, SUPPLIED, {**(case.fields or {}).get(SUPPLIED, {}), **stamps})
    return changed


def _set(slot: Material, brought: bool, original: bool | None, sheets: int, counter: str | None) -> bool:
    """A page posts every line again: what says nothing new keeps its verdict, what was rejected counts as new."""
    held = slot.original_held
    if original is not None and original != bool(held):
        # Somebody has the original from the moment it crosses the counter.
        slot.original_held = original
        slot.holder_unit_id, slot.holder_person_id = (counter, None) if original else (None, None)
    before = slot.provided, slot.sheets or 0, bool(held)
    slot.provided, slot.sheets = brought, sheets if brought else 0
    if before == (slot.provided, slot.sheets, bool(slot.original_held)) and slot.verdict != "rejected":
        return False
    # Brought here after all: it does not lie in another case or on record any more.
    slot.source = slot.source_words = slot.source_material_id = None
    slot.verdict, slot.defect, slot.checked_by_id, slot.checked_at = "", "", None, None
    return True


def tick(session: Session, case: Case, actor: Actor, lines: Iterable[Mapping[str, Any]], at: datetime) -> None:
    """The reviewer's word on each slot: 合格, or 不合格 with what is wrong."""
    slots = {m.code: m for m in case.materials} | {m.name: m for m in case.materials}
    errors: dict[str, str] = {}
    for index, line in enumerate(lines):
        slot = slots.get(str(line.get("code") or line.get("material") or ""))
        verdict, defect = line.get("verdict", ""), str(line.get("defect") or "").strip()
        if slot is None:
            errors[f"materials[{index}]"] = f"第 {index + 1} 行不是这件的材料。"
        elif not verdict:
            continue
        elif verdict not in VERDICTS:
            errors[f"materials[{index}].verdict"] = f"“{slot.name}”请选合格（accepted）或不合格（rejected）。"
        elif verdict == "rejected" and not defect:
            errors[f"materials[{index}].defect"] = f"“{slot.name}”不合格，请写明缺陷和改正办法。"
        elif verdict == "accepted" and not slot.provided:
            errors[f"materials[{index}].verdict"] = f"“{slot.name}”还没有提供，不能核对为合格。"
        else:
            slot.verdict, slot.defect = verdict, clean_text(defect, 200) if verdict == "rejected" else ""
            slot.checked_by_id, slot.checked_at = actor.person_id, at
    if errors:
        raise InvalidInput("逐份核对有误：" + "".join(errors.values()), errors)
    session.flush()


def note_uploads(session: Session, case: Case) -> None:
    """A slot with a file in it counts as filled."""
    filled = set(
        session.scalars(
            select(Document.material_id).where(Document.content_id == case.id, Document.material_id.is_not(None))
        )
    )
    came = [slot for slot in case.materials if slot.id in filled and not slot.provided]
    for slot in came:
        slot.provided, slot.sheets = True, max(slot.sheets, 1)
    _keep_promise(session, case, None, [slot.code for slot in came], "upload")


def missing(case: Case) -> list[Material]:
    """What everybody must bring for this item and was not brought; `when…` lines are left to the clerk's judgement."""
    always = {m.id for m in record_of(case.item).materials if m.always}
    return [m for m in case.materials if not m.provided and m.code in always]


def owed(case: Case) -> list[Material]:
    """Promised for later at a deferred acceptance and still not here."""
    codes = set((case.fields or {}).get(OWED, {}).get("codes", ()))
    return [m for m in case.materials if m.code in codes and not m.provided]


def defects(case: Case) -> list[tuple[Material, str]]:
    """Everything to be mended now, with the words for the notice."""
    promised = {m.code for m in owed(case)}
    found = [(m, "未提供") for m in missing(case) if m.code not in promised]
    return found + [(m, m.defect) for m in case.materials if m.provided and m.verdict == "rejected"]


def notices(case: Case) -> list[dict[str, Any]]:
    """The one-time notices so far: when, by whom, which slots, in which words."""
    return list((case.fields or {}).get(NOTICES, ()))


@registry.requirement("materials_present")
def materials_present(step: Step) -> None:
    case: Case = step.content
    note_uploads(step.session, case)
    lacking = missing(case)
    if not lacking:
        return
    listed = "、".join(f"{m.name}（{'关键' if m.critical else '非关键'}）" for m in lacking)
    advice = (
        "请一次性告知申请人补齐。"
        if any(m.critical for m in lacking)
        else "缺的都不是关键材料，申请人签承诺书后可以“容缺受理”。"
    )
    raise RequirementUnmet(
        f"还缺 {len(lacking)} 份材料：{listed}。{advice}", {f"materials.{m.code}": f"缺“{m.name}”" for m in lacking}
    )


@registry.requirement("only_non_critical_missing")
def only_non_critical_missing(step: Step) -> None:
    """容缺: the critical ones are here, something else is not, and the promise ends before the decision is due."""
    case: Case = step.content
    note_uploads(step.session, case)
    lacking = missing(case)
    critical = [m for m in lacking if m.critical]
    if critical:
        raise RequirementUnmet(
            f"缺少关键材料，不能容缺受理：{'、'.join(m.name for m in critical)}。请一次性告知申请人补齐。",
            {f"materials.{m.code}": "关键材料不能容缺" for m in critical},
        )
    if not lacking:
        raise RequirementUnmet("材料已经齐全，不需要容缺，请直接“受理”。")
    due, today = step.inputs["due"], clock.local_day(step.at)
    if due < today:
        raise InvalidInput("补齐期限已经过去，请填今天以后的日期。", {"due": "不能早于今天"})
    too_late = why_too_late(step.session, case, due, today)
    if too_late:
        raise InvalidInput(f"补齐期限{too_late}", {"due": too_late})


def why_too_late(session: Session, case: Case, due: date, today: date) -> str:
    """What is wrong with promising a paper for this day: after the decision is due, or in a year nobody can count in yet."""
    last = latest_promise(session, case, today)
    if last is not None and due > last:
        return f"不能晚于承诺办结日期{say(last)}，请改早一些。"
    return without_calendar(session, due)


def without_calendar(session: Session, due: date) -> str:
    """Why this day cannot be promised: its year has no calendar yet; empty where it has one."""
    if due.year in clock.calendar(session).years:
        return ""
    return f"在{due.year}年，{due.year}年工作日历尚未录入。请改到有日历的年份，或请管理员先录入{due.year}年的放假和调休安排。"


def latest_promise(session: Session, case: Case, today: date) -> date | None:
    """The last day a missing paper may be promised for; None where no calendar says."""
    days, _ = registry.durations["item_promise"](case)
    try:
        return clock.calendar(session).add_working_days(today, days)
    except CalendarMissing:
        return None


@registry.effect("note_owed")
def note_owed(step: Step) -> None:
    codes = [m.code for m in missing(step.content)]
    _remember(step.content, OWED, {"due": step.inputs["due"].isoformat(), "codes": codes})
    step.details["owed"] = codes


@registry.requirement("nothing_owed")
def nothing_owed(step: Step) -> None:
    require_nothing_owed(step.session, step.content)


def promised_day(case: Case) -> str:
    """Until when what is owed was promised, in words; nothing while nothing was deferred."""
    due = (case.fields or {}).get(OWED, {}).get("due", "")
    return say(date.fromisoformat(due)) if due else ""


def require_nothing_owed(session: Session, case: Case) -> None:
    """The result stays here until every deferred paper has come."""
    note_uploads(session, case)
    lacking = owed(case)
    if lacking:
        raise RequirementUnmet(
            f"容缺的材料还没有补齐：{'、'.join(m.name for m in lacking)}（承诺{promised_day(case)}前补齐），补齐后才能发证。"
            "请登记补来的材料。"
        )


@registry.requirement("materials_ticked")
def materials_ticked(step: Step) -> None:
    case: Case = step.content
    note_uploads(step.session, case)
    tick(step.session, case, step.actor, step.inputs.get("materials", ()), step.at)
    open_ones = [m for m in case.materials if m.provided and not m.verdict]
    if open_ones:
        raise RequirementUnmet(
            f"还有 {len(open_ones)} 份材料没有核对：{'、'.join(m.name for m in open_ones)}。"
            "请逐份核对为合格或不合格，再审核。",
            {f"materials.{m.code}": f"“{m.name}”还没有核对" for m in open_ones},
        )
    step.details["rejected"] = [m.code for m in case.materials if m.verdict == "rejected"]


@registry.requirement("told_once")
def told_once(step: Step) -> None:
    """一次性告知: after the first notice only what was supplied anew may be found wanting."""
    case: Case = step.content
    note_uploads(step.session, case)
    tick(step.session, case, step.actor, step.inputs.get("materials", ()), step.at)
    earlier = notices(case)
    if not earlier:
        return
    since = datetime.fromisoformat(earlier[-1]["at"])
    fresh = _supplied_since(step.session, case, since)
    old = [m for m, _ in defects(case) if m.code not in fresh]
    day = since.astimezone(clock.CHINA)
    if old:
        raise RequirementUnmet(
            f"{day.month}月{day.day}日已一次性告知过，同样的问题不得第二次要求补正：{'、'.join(m.name for m in old)}。"
            "请按现有材料审核，或依法作出不予批准的决定。"
        )
    if not any(m.code in fresh for m, _ in defects(case)):
        raise RequirementUnmet(
            f"{day.month}月{day.day}日已一次性告知过，此后补来的材料没有核对出新的问题，不得再次要求补正。"
            "如新补的材料有缺陷，请先核对为不合格并写明缺陷。"
        )


@registry.effect("remember_notice")
def remember_notice(step: Step) -> None:
    case: Case = step.content
    codes = [m.code for m, _ in defects(case)]
    entry = {
        "at": step.at.isoformat(),
        "by": step.actor.person_id,
        "codes": codes,
        "text": step.inputs.get("comment", ""),
    }
    _remember(case, NOTICES, [*notices(case), entry])
    step.details["defects"] = codes


@registry.requirement("originals_back")
def originals_back(step: Step) -> None:
    """Originals at this very counter go back with this step; any that are elsewhere or in an envelope stop it."""
    underway = at_hand.on_the_way(step.session, step.content)
    out = custody.originals_out(step.content)
    away = [m for m in out if m.id in underway or not _at_this_counter(m, step.actor)]
    if away:
        named = "、".join(f"{m.name}（{at_hand.whereabouts_of(m, underway)}）" for m in away)
        raise RequirementUnmet(f"还有原件没有归还申请人：{named}。请先取回并归还，再“{step.transition.title.zh}”。")


@registry.predicate("originals_wait")
def originals_wait(session: Session, case: Case, actor: Actor) -> bool:
    """Somebody still has originals of the applicant."""
    return bool(custody.originals_out(case))


@registry.effect("return_originals")
def return_originals(step: Step) -> None:
    """Hands the originals at this counter back and writes the list of it."""
    case: Case = step.content
    out = custody.originals_out(case)
    if out:
        handed = custody.give_back(
            step, case, custody.Party(step.actor.unit_name or step.actor.name, step.actor.unit_id, step.actor.person_id)
        )
        step.details["originals_returned"] = [m.code for m in out]
        assert handed is not None


def _at_this_counter(material: Material, actor: Actor) -> bool:
    if actor.resident_id is not None:
        return False
    if material.holder_person_id is not None and material.holder_person_id == actor.person_id:
        return True
    unit = material.holder_unit
    return (
        unit is not None
        and material.holder_person_id in (None, actor.person_id)
        and (unit.id == actor.unit_id or any(unit.path.startswith(held.path) for held in actor.held))
    )


def _supplied_since(session: Session, case: Case, since: datetime) -> set[str]:
    stamps = (case.fields or {}).get(SUPPLIED, {})
    fresh = {code for code, stamp in stamps.items() if datetime.fromisoformat(stamp) > since}
    uploaded = set(
        session.scalars(select(Document.material_id).where(Document.content_id == case.id, Document.created_at > since))
    )
    return fresh | {m.code for m in case.materials if m.id in uploaded}


def _remember(case: Case, key: str, value: Any) -> None:
    case.fields = {**(case.fields or {}), key: value}


def _yes(value: Any) -> bool:
    return value in (True, 1, "1", "true", "on", "y")
