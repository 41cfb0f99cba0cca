"""窗口运行管理制度: the rules of a window with their versions, and who has read which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.opening import WindowRule, WindowRuleReading, WindowRuleVersion
from models.person import Person
from process import journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotFound, RequirementUnmet
from services import grid_rights, opening, rosters

LONGEST = 20_000
READERS = (*rosters.AT_WINDOW, "filing_guide")


def listed(session: Session, place: Agency) -> list[WindowRule]:
    """The documents in force at a place, those for all windows first."""
    return list(
        session.scalars(
            select(WindowRule)
            .where(WindowRule.place_id == place.id, WindowRule.ended_on.is_(None))
            .options(joinedload(WindowRule.versions).joinedload(WindowRuleVersion.readings))
            .order_by(WindowRule.window, WindowRule.title)
        ).unique()
    )


def load(session: Session, rule_id: int) -> WindowRule:
    found = session.get(WindowRule, rule_id)
    if found is None:
        raise NotFound()
    return found


def in_force(rule: WindowRule, day: date) -> WindowRuleVersion | None:
    """The version that holds on a day: the latest whose day has come."""
    return next((version for version in rule.versions if version.valid_from <= day), None)


def publish(session: Session, actor: Actor, place: Agency, given: Mapping[str, Any]) -> WindowRuleVersion:
    """A new document, or the next version of one with the same title and window. What was published is never changed."""
    opening.require_keeper(actor, place)
    errors: dict[str, str] = {}
    title = _text(given, "title", 80, errors, ask="请写制度名称，例如 窗口工作纪律")
    window = _text(given, "window", 20, errors).removesuffix("窗口").removesuffix("号")
    body = _text(given, "body", LONGEST, errors, ask="请写制度正文", lines=True)
    change = _text(given, "change", 200, errors)
    valid_from = grid_rights.today()
    try:
        valid_from = grid_rights.day(given.get("valid_from", ""), "valid_from") or valid_from
    except InvalidInput as refusal:
        errors |= refusal.errors
    if valid_from < grid_rights.today():
        errors["valid_from"] = "不能早于今天，制度不倒改"
    if errors:
        raise InvalidInput("制度还不能发布：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    rule = session.scalar(
        select(WindowRule).where(
            WindowRule.place_id == place.id, WindowRule.window == window, WindowRule.title == title
        )
    )
    if rule is None:
        rule = WindowRule(district=place.district, place_id=place.id, place_path=place.path, window=window, title=title)
        session.add(rule)
        session.flush()
    last = session.scalar(select(func.max(WindowRuleVersion.number)).where(WindowRuleVersion.rule_id == rule.id)) or 0
    newest = next((v for v in rule.versions if v.number == last), None) if last else None
    if newest is not None and newest.body == body:
        raise RequirementUnmet(f"正文和第 {last} 版一样，没有要发布的。")
    if newest is not None and not change:
        raise InvalidInput("请写这一版改了什么，大家好对照。", {"change": "请写改了什么"})
    rule.ended_on = None
    made = WindowRuleVersion(
        rule_id=rule.id,
        number=last + 1,
        body=body,
        change=change,
        valid_from=valid_from,
        published_by_id=actor.person_id,
    )
    session.add(made)
    session.flush()
    session.expire(rule, ["versions"])
    details = {"rule": rule.id, "version": made.number, "window": window, "title": title}
    journal.record(session, "hall:rule", actor, stream=f"hall:{place.id}", details=details)
    return made


def read(session: Session, actor: Actor, version_id: int) -> WindowRuleVersion:
    """已读: whoever works at a window of the place says so, once for each version."""
    version = session.get(WindowRuleVersion, version_id)
    if version is None:
        raise NotFound()
    if not may_read(actor, version.rule.place):
        raise Forbidden(f"这份制度由{version.rule.place.name}的窗口人员签收。")
    if session.get(WindowRuleReading, (version_id, actor.person_id)) is None:
        session.add(WindowRuleReading(version_id=version_id, person_id=actor.person_id, read_at=now()))
        session.flush()
        session.expire(version, ["readings"])
        details = {"rule": version.rule_id, "version": version.number}
        journal.record(session, "hall:rule_read", actor, stream=f"hall:{version.rule.place_id}", details=details)
    return version


def may_read(actor: Actor, place: Agency) -> bool:
    return any(actor.holds(role, place.path) for role in READERS)


def unread(session: Session, actor: Actor, place: Agency) -> list[WindowRuleVersion]:
    """What is in force and this person has not yet said to have read."""
    if not may_read(actor, place):
        return []
    today = grid_rights.today()
    versions = [v for rule in listed(session, place) if (v := in_force(rule, today)) is not None]
    return [v for v in versions if all(r.person_id != actor.person_id for r in v.readings)]


def receipts(session: Session, version: WindowRuleVersion) -> tuple[list[WindowRuleReading], list[Person]]:
    """Who has read this version, and who of the staff has not."""
    done = sorted(version.readings, key=lambda one: one.read_at)
    known = {one.person_id for one in done}
    place = version.rule.place
    return done, [one for one in rosters.staff(session, place, grid_rights.today()) if one.id not in known]


def _text(
    given: Mapping[str, Any], name: str, limit: int, errors: dict[str, str], *, ask: str = "", lines: bool = False
) -> str:
    try:
        words: str = clean_text(str(given.get(name) or ""), limit)
    except ValueError as problem:
        errors[name] = str(problem)
        return ""
    words = words.strip() if lines else " ".join(words.split())
    if not words and ask:
        errors[name] = ask
    return words


def titles(rules: Sequence[WindowRule]) -> list[str]:
    return [rule.title for rule in rules]
