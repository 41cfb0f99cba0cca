"""Rules of the office: matched when something happens, carried out by the worker, each with a line in its log.

What a rule does sets off no further rule, so that two rules can never chase each other."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.ledger import JournalEntry
from models.rule import Rule, RuleRun
from process import journal, outbox, registry
from process.access import Actor
from process.definition import Definition
from process.inputs import clean_text
from process.library import library
from process.office import VERBS
from process.refusals import InvalidInput, NotFound, Refusal, Stale
from process.registry import Step
from services import rule_parts

JOB = "rules.run"
# Told by the clock when 80 % of the time, or all of it, is over.
ALARMS = ("clock:near", "clock:late")
OPINIONS = ("task:agreed", "task:refused", "task:answered")
log = logging.getLogger("daiban.rules")
LOOK_AGAIN = 3.0
MOST = 10
_inside: ContextVar[bool] = ContextVar("inside a rule", default=False)


@dataclass(frozen=True)
class _Wanted:
    """Which events any active rule of a database waits for, as it stood a moment ago."""

    at: float
    pairs: frozenset[tuple[str, str]]


_wanted: WeakKeyDictionary[Engine, _Wanted] = WeakKeyDictionary()


def heard(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Listens to everything; a row for the worker is put only where some rule waits for this event."""
    if _inside.get() or (content.type, event) not in _pairs(session):
        return
    if actor.person_id is None and _born_of_a_rule(session, content):
        # Its automatic steps come later, by the worker, and are still what the rule has done.
        return
    outbox.put(session, JOB, district=content.district, content_id=content.id, event=event)


def _pairs(session: Session) -> frozenset[tuple[str, str]]:
    engine = session.get_bind().engine
    known = _wanted.get(engine)
    if known is None or time.monotonic() - known.at > LOOK_AGAIN:
        rows = session.execute(select(Rule.type, Rule.event).where(Rule.active.is_(True)).distinct()).all()
        known = _wanted[engine] = _Wanted(time.monotonic(), frozenset((t, e) for t, e in rows))
    return known.pairs


def _born_of_a_rule(session: Session, content: Content) -> bool:
    born = select(JournalEntry.details).where(JournalEntry.content_id == content.id).order_by(JournalEntry.id).limit(1)
    return "rule" in (session.scalar(born) or {})


def forget() -> None:
    """The next event looks the rules up anew."""
    _wanted.clear()


def run(session: Session, content_id: int, event: str) -> list[RuleRun]:
    """The worker's call: every active rule for this event of this thing, in the order they were made."""
    content = session.get(Content, content_id)
    if content is None:
        return []
    found = session.scalars(
        select(Rule).where(Rule.active.is_(True), Rule.type == content.type, Rule.event == event).order_by(Rule.id)
    ).all()
    token = _inside.set(True)
    try:
        return [_run(session, rule, content, event) for rule in found if content.place_path.startswith(rule.place_path)]
    finally:
        _inside.reset(token)


def _run(session: Session, rule: Rule, content: Content, event: str) -> RuleRun:
    made = RuleRun(rule_id=rule.id, rule_version=rule.version, content_id=content.id, event=event, at=now())
    try:
        met = all(rule_parts.holds(session, content, condition) for condition in rule.conditions)
    except Refusal as refusal:
        made.outcome, made.what = "refused", [["", refusal.detail]]
        met = None
    if met is False:
        made.outcome, made.what = "not_met", []
    elif met:
        try:
            # One action that is refused takes the others of its rule with it: half a rule is no rule.
            with session.begin_nested():
                made.what = [[a["kind"], rule_parts.carry_out(session, rule, content, a)] for a in rule.actions]
            made.outcome = "done"
        except Refusal as refusal:
            made.outcome, made.what = "refused", [["", refusal.detail]]
        except (KeyError, ValueError, TypeError) as problem:
            # The type, field or action it was written for has changed since; other rules go on.
            log.exception("rule %s", rule.id)
            made.outcome, made.what = "refused", [["", f"规则与现在的业务类型对不上：{problem}。请打开规则重新保存。"]]
    session.add(made)
    session.flush()
    if made.outcome != "not_met":
        details = {"rule": rule.id, "version": rule.version, "event": event, "outcome": made.outcome, "run": made.id}
        journal.record(session, "rule:run", None, content=content, details=details)
    return made


def events_of(definition: Definition) -> list[str]:
    """What can happen to things of a process, in the order of its definition."""
    return ["create", *definition.transitions, *ALARMS, *(f"office:{v}" for v in VERBS), *OPINIONS]


def save(
    session: Session,
    actor: Actor,
    data: Mapping[str, Any],
    conditions: Sequence[Mapping[str, Any]],
    actions: Sequence[Mapping[str, Any]],
    rule: Rule | None = None,
) -> Rule:
    """Makes or changes a rule. Raises InvalidInput naming every field that is wrong, all at once."""
    errors: dict[str, str] = {}
    title = clean_text(data.get("title") or "", 120)
    if not title:
        errors["title"] = "请给规则起个名字"
    kind = library.types.get(str(data.get("type")))
    if kind is None:
        errors["type"] = "请选业务类型"
    elif data.get("event") not in events_of(library.workflows[kind.workflow]):
        errors["event"] = "请选这种业务会发生的事"
    place = session.get(Agency, str(data.get("place") or ""))
    if place is None:
        errors["place"] = "请选管到哪个单位"
    checked, wrong = rule_parts.check_conditions(kind, conditions[:MOST])
    errors |= wrong
    done, wrong = rule_parts.check_actions(session, kind, actions[:MOST])
    errors |= wrong
    if not done and not errors:
        errors["actions"] = "请至少写一件要做的事"
    if errors:
        raise InvalidInput("规则还没有存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    assert kind is not None and place is not None
    if rule is None:
        rule = Rule(created_by_id=actor.person_id, version=0)
        session.add(rule)
    elif str(data.get("version", rule.version)) != str(rule.version):
        raise Stale("这条规则刚被别人改过，请刷新后再改。")
    rule.title, rule.type, rule.event = title, kind.id, str(data["event"])
    rule.place_id, rule.place_path = place.id, place.path
    rule.conditions, rule.actions = checked, done
    rule.version += 1
    rule.modified_at = now()
    session.flush()
    _note(session, actor, rule, "rule:save")
    return rule


def switch(session: Session, actor: Actor, rule: Rule, active: bool) -> None:
    """Puts a rule in force or lets it rest; it is never deleted, for its log refers to it."""
    rule.active, rule.modified_at = active, now()
    rule.version += 1
    session.flush()
    _note(session, actor, rule, "rule:on" if active else "rule:off")


def _note(session: Session, actor: Actor, rule: Rule, action: str) -> None:
    details = {
        "rule": rule.id,
        "version": rule.version,
        "type": rule.type,
        "event": rule.event,
        "conditions": rule.conditions,
        "actions": [{k: v for k, v in a.items() if k != "text"} for a in rule.actions],
    }
    journal.record(session, action, actor, stream="system", details=details)
    forget()


def one(session: Session, rule_id: int) -> Rule:
    found = session.get(Rule, rule_id)
    if found is None:
        raise NotFound()
    return found


def log_of(session: Session, rule: Rule, limit: int = 100) -> Sequence[RuleRun]:
    """What a rule did, the newest first."""
    return session.scalars(
        select(RuleRun).where(RuleRun.rule_id == rule.id).order_by(RuleRun.id.desc()).limit(limit)
    ).all()


registry.listeners.append(heard)
