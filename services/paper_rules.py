"""证照规则: the few rules of papers that every office settles for itself, with the value the product proposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.paper_rule import PaperRule
from process import journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, Stale
from process.words import N_

KEEPERS = frozenset({"catalogue_manager", "system_admin"})
LONGEST = 80


@dataclass(frozen=True)
class Rule:
    """One setting: what it means, what it is unless settled, and what it may be."""

    key: str
    title: str
    help: str
    kind: str  # date, number, bool, text
    value: Any
    least: int = 1
    most: int = 1000


RULES: Mapping[str, Rule] = {
    rule.key: rule
    for rule in (
        Rule(
            "only_child_from",
            N_("独生子女：子女最早出生日期"),
            N_("早于这一天出生的，不发《独生子女父母光荣证》。"),
            "date",
            date(1979, 1, 1),
        ),
        Rule(
            "only_child_until",
            N_("独生子女：子女最晚出生日期"),
            N_("全国自2016年起不再提倡一对夫妻生育一个子女，晚于这一天出生的不发证。"),
            "date",
            date(2015, 12, 31),
        ),
        Rule(
            "migrant_proof_open",
            N_("办理流动人口婚育证明"),
            N_("多数地方已改由数据核查代替；关掉以后不再收件，已受理的照常办完。"),
            "bool",
            True,
        ),
        Rule(
            "reconsideration_days",
            N_("行政复议期限（日）"),
            N_("印在不予受理、不予批准决定书上。"),
            "number",
            60,
        ),
        Rule(
            "reconsideration_body",
            N_("行政复议机关"),
            N_("不填的，印上一级人民政府。"),
            "text",
            "",
        ),
        Rule(
            "litigation_months",
            N_("行政诉讼期限（月）"),
            N_("印在不予受理、不予批准决定书上。"),
            "number",
            6,
        ),
        Rule(
            "litigation_court",
            N_("行政诉讼法院"),
            N_("不填的，印“有管辖权的人民法院”。"),
            "text",
            "",
        ),
        Rule(
            "inquiry_days",
            N_("生育记录调查答复期限（工作日）"),
            N_("发函时印在调查函上，被调查单位逾期未答的会提醒。"),
            "number",
            5,
            1,
            60,
        ),
    )
}


def get(session: Session, key: str) -> Any:
    """The value in force."""
    rule = RULES[key]
    row = session.get(PaperRule, key)
    if row is None:
        return rule.value
    return date.fromisoformat(str(row.value)) if rule.kind == "date" else row.value


def rows(session: Session) -> dict[str, PaperRule]:
    """What this office has settled itself."""
    return {row.key: row for row in session.scalars(select(PaperRule))}


def may_change(actor: Actor) -> bool:
    return bool(actor.roles & KEEPERS)


def change(
    session: Session, actor: Actor, given: Mapping[str, Any], reason: str, *, versions: Mapping[str, int] | None = None
) -> list[str]:
    """Settles what differs from now; every mistake is told at once, every change is in the journal with its reason."""
    if not may_change(actor):
        raise Forbidden("证照规则由事项管理员设定。您可以把建议告诉他们。")
    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for key, raw in given.items():
        rule = RULES.get(key)
        if rule is None:
            errors[key[:60]] = "没有这条规则"
            continue
        try:
            found[key] = _clean(rule, raw)
        except ValueError as problem:
            errors[key] = str(problem)
    first, last = (found.get(name, get(session, name)) for name in ("only_child_from", "only_child_until"))
    if not errors and first > last:
        errors["only_child_until"] = "最晚出生日期不能早于最早出生日期"
    changed = {key: value for key, value in found.items() if value != get(session, key)}
    if changed and not reason.strip():
        errors["reason"] = "请写明改规则的依据，例如哪份文件"
    if errors:
        raise InvalidInput("规则还没有存：" + "；".join(errors.values()) + "。", errors)
    for key, value in changed.items():
        _store(session, actor, key, value, clean_text(reason, 200), (versions or {}).get(key))
    session.flush()
    return list(changed)


def _store(session: Session, actor: Actor, key: str, value: Any, reason: str, version: int | None) -> None:
    before, row = get(session, key), session.get(PaperRule, key, with_for_update=True)
    kept = value.isoformat() if isinstance(value, date) else value
    if version is not None and version != (row.version if row is not None else 0):
        raise Stale(f"“{RULES[key].title}”刚被别人改过，请刷新后再改。")
    if row is None:
        session.add(PaperRule(key=key, value=kept, changed_by_id=actor.person_id, changed_at=now()))
    else:
        row.value, row.version, row.changed_by_id, row.changed_at = kept, row.version + 1, actor.person_id, now()
    journal.record(
        session,
        "paper_rule:change",
        actor,
        stream="catalogue",
        comment=reason,
        details={"key": key, "from": str(before), "to": str(kept)},
    )


def _clean(rule: Rule, raw: Any) -> Any:
    if rule.kind == "bool":
        return raw in (True, 1, "1", "true", "on")
    text = str(raw if raw is not None else "").strip()
    if rule.kind == "text":
        return " ".join(clean_text(text, LONGEST).split())
    if rule.kind == "date":
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"“{rule.title}”请写成 2015-12-31 的样子") from error
    if not text.isascii() or not text.isdigit() or not rule.least <= int(text) <= rule.most:
        raise ValueError(f"“{rule.title}”应是 {rule.least} 到 {rule.most} 的整数")
    return int(text)


def closed_item(session: Session, code: str) -> str | None:
    """Why an item is not taken in any more although the catalogue still has it; None when it is."""
    if code == "migrant_marital_fertility_proof" and not get(session, "migrant_proof_open"):
        return "本地已不再出具流动人口婚育证明，改由现居住地通过数据核查办理。请告知申请人到现居住地直接办理。"
    return None
