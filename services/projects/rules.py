"""代办六统一: what each town has fixed for the six fields, checked by the district; which town lacks which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from catalogue.projects import SixField, six
from models.agency import Agency
from models.base import now
from models.project import DelegationRule
from process import access, clock, journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotFound
from process.words import N_

TOWNS = ("street", "town")
WRITERS = ("project_manager", "head", "system_admin")
CHECKERS = ("approvals_office", "reform_office", "inspection_office", "supervisor")
LONGEST = 2000
MISSING, COMING, UNCHECKED, GOOD, BAD = "missing", "coming", "unchecked", "good", "bad"
WORDS: Mapping[str, str] = {
    MISSING: N_("没有规定"),
    COMING: N_("未到执行日"),
    UNCHECKED: N_("未核对"),
    GOOD: N_("核对合格"),
    BAD: N_("要改"),
}
TONES: Mapping[str, str] = {MISSING: "late", COMING: "waiting", UNCHECKED: "needs", GOOD: "done", BAD: "late"}


@dataclass(frozen=True)
class Cell:
    """One field of one town: the version in force, or the newest coming one, and how it stands."""

    field: SixField
    rule: DelegationRule | None
    state: str


def towns(session: Session, actor: Actor) -> list[Agency]:
    """The streets and towns this actor works in, under or above."""
    paths = sorted({held.path for held in actor.held})
    if not paths or actor.resident_id is not None:
        return []
    today = clock.local_day(now())
    above = {path[: i + 1] for path in paths for i, sign in enumerate(path) if sign == "/" and i}
    found = session.scalars(
        select(Agency)
        .where(
            Agency.kind.in_(TOWNS),
            or_(Agency.path.in_(sorted(above)), *(access.within(Agency.path, path) for path in paths)),
        )
        .order_by(Agency.path)
        .limit(200)
    )
    return [town for town in found if town.exists_on(today)]


def town(session: Session, actor: Actor, town_id: str) -> Agency:
    """A town this actor has to do with; any other is not found."""
    found = next((one for one in towns(session, actor) if one.id == town_id), None)
    if found is None:
        raise NotFound()
    return found


def matrix(session: Session, found: Sequence[Agency]) -> dict[str, list[Cell]]:
    """By town: the six fields in their order."""
    today = clock.local_day(now())
    rows = session.scalars(
        select(DelegationRule)
        .where(DelegationRule.agency_id.in_([one.id for one in found]))
        .options(joinedload(DelegationRule.written_by), joinedload(DelegationRule.checked_by))
        .order_by(DelegationRule.number)
    ).all()
    known: dict[tuple[str, str], list[DelegationRule]] = {}
    for row in rows:
        known.setdefault((row.agency_id, row.field), []).append(row)
    return {one.id: [_cell(spec, known.get((one.id, spec.key), []), today) for spec in six()] for one in found}


def _cell(spec: SixField, versions: Sequence[DelegationRule], today: date) -> Cell:
    holding = [one for one in versions if one.valid_from <= today]
    if not holding:
        return Cell(spec, versions[-1] if versions else None, COMING if versions else MISSING)
    rule = holding[-1]
    return Cell(spec, rule, rule.verdict or UNCHECKED)


def versions(session: Session, found: Agency, key: str) -> Sequence[DelegationRule]:
    """Every version of one field of a town, newest first."""
    return session.scalars(
        select(DelegationRule)
        .where(DelegationRule.agency_id == found.id, DelegationRule.field == key)
        .options(joinedload(DelegationRule.written_by), joinedload(DelegationRule.checked_by))
        .order_by(DelegationRule.number.desc())
        .limit(30)
    ).all()


def may_write(actor: Actor, found: Agency) -> bool:
    return any(actor.holds(role, found.path) for role in WRITERS)


def may_check(actor: Actor, found: Agency) -> bool:
    """Whoever watches over the town or the district above it."""
    return any(actor.holds(role, found.path) for role in CHECKERS)


def field(key: str) -> SixField:
    found = next((one for one in six() if one.key == key), None)
    if found is None:
        raise NotFound()
    return found


def write(session: Session, actor: Actor, found: Agency, key: str, given: Mapping[str, Any]) -> DelegationRule:
    """A new version of one field; earlier ones stay, the new one is to be checked."""
    spec = field(key)
    if not may_write(actor, found):
        raise Forbidden(f"{found.name}的代办规定由本镇街的项目经理或负责人填写。")
    errors: dict[str, str] = {}
    try:
        body = clean_text(str(given.get("body") or ""), LONGEST)
    except ValueError as problem:
        body, errors["body"] = "", str(problem)
    if not body and "body" not in errors:
        errors["body"] = f"请填写“{spec.name}”的内容"
    try:
        since = date.fromisoformat(str(given.get("valid_from") or ""))
    except ValueError:
        since, errors["valid_from"] = date.min, "请填写从哪天起执行，写成 2026-03-05 的样子"
    if since.year < 2000 or since.year > 2100:
        errors.setdefault("valid_from", "执行日期不对，请核对年份")
    if errors:
        raise InvalidInput(f"还不能保存：{'；'.join(errors.values())}。", errors)
    last = session.scalar(
        select(func.max(DelegationRule.number)).where(
            DelegationRule.agency_id == found.id, DelegationRule.field == spec.key
        )
    )
    made = DelegationRule(
        district=found.district,
        agency_id=found.id,
        field=spec.key,
        number=(last or 0) + 1,
        body=body,
        valid_from=since,
        written_at=now(),
        written_by_id=actor.person_id,
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError as error:
        raise InvalidInput(
            f"“{spec.name}”刚由同事写了新的一版。您填的内容还在，请核对后再保存一次。", {"body": "同事刚写了新的一版"}
        ) from error
    journal.record(
        session, "delegation_rule:write", actor, details={"town": found.id, "field": spec.key, "number": made.number}
    )
    return made


def one(session: Session, actor: Actor, uid: str) -> DelegationRule:
    """One version, of a town this actor has to do with."""
    rule = session.scalar(select(DelegationRule).where(DelegationRule.uid == uid))
    if rule is None or rule.agency_id not in {found.id for found in towns(session, actor)}:
        raise NotFound()
    return rule


def check(session: Session, actor: Actor, uid: str, given: Mapping[str, Any]) -> DelegationRule:
    """合格 or 要改, with a remark, by somebody who did not write it."""
    rule = one(session, actor, uid)
    if not may_check(actor, rule.agency):
        raise Forbidden("六统一由区里核对，本镇街不核对自己的规定。")
    if rule.written_by_id in actor.persons:
        raise Forbidden("自己写的规定不能自己核对，请由另一位同事核对。")
    verdict, errors = str(given.get("verdict") or ""), {}
    if verdict not in (GOOD, BAD):
        errors["verdict"] = "请选择合格还是要改"
    try:
        remark = clean_text(str(given.get("remark") or ""), 200)
    except ValueError as problem:
        remark, errors["remark"] = "", str(problem)
    if verdict == BAD and not remark and "remark" not in errors:
        errors["remark"] = "要改的请写明改什么"
    if errors:
        raise InvalidInput(f"还不能登记核对：{'；'.join(errors.values())}。", errors)
    rule.verdict, rule.remark, rule.checked_at, rule.checked_by_id = verdict, remark, now(), actor.person_id
    session.flush()
    journal.record(
        session,
        "delegation_rule:check",
        actor,
        comment=remark or None,
        details={"town": rule.agency_id, "field": rule.field, "number": rule.number, "verdict": verdict},
    )
    return rule
