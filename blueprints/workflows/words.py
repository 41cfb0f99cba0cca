"""Definitions in words and tables: state × transition × who, differences, and what changes for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _

from blueprints import present
from catalogue.records import Role
from process.comparison import ADDED, REMOVED, Difference
from process.definition import DID, Definition, Guard, State, Transition
from process.words import N_
from services.process_trial import DryRun

SPECIAL = {
    "owner": N_("登记人"),
    "assignee": N_("经办人"),
    "applicant": N_("申请人"),
    "anyone": N_("任何人"),
    "head": N_("单位负责人"),
    "grid_leader_of_applicant": N_("申请人所在网格的网格长"),
}
PLACES = {"origin": N_("登记地"), "addressee": N_("承办单位"), "unit": N_("现在的单位")}
KINDS = {
    "definition": N_("流程"),
    "state": N_("状态"),
    "transition": N_("步骤"),
    "clock": N_("时限"),
    "worklist": N_("工作清单"),
}
PARTS = {
    "title": N_("名称"),
    "initial": N_("初始状态"),
    "terminal": N_("终点"),
    "due": N_("期限"),
    "stage": N_("阶段"),
    "branches": N_("并行分支"),
    "from": N_("从"),
    "to": N_("到"),
    "trigger": N_("怎样触发"),
    "guard": N_("谁可以办"),
    "inputs": N_("要填的内容"),
    "requires": N_("条件"),
    "effects": N_("结果"),
    "papers": N_("文书"),
    "triggered_by": N_("随哪一步发生"),
    "back": N_("退回"),
}
CHANGES = {ADDED: N_("增加"), REMOVED: N_("去掉"), "changed": N_("改动")}


def token(name: str, roles: Mapping[str, Role], definition: Definition | None = None) -> str:
    """A token as people say it: 窗口人员（承办单位）."""
    if name.startswith(DID):
        step = definition.transitions.get(name[len(DID) :]) if definition else None
        return _("办过“%(step)s”的人", step=present.title_of(step) if step else name[len(DID) :])
    role, _at, relation = name.partition("@")
    words = _(SPECIAL[role]) if role in SPECIAL else _role(role, roles)
    return _("%(who)s（%(where)s）", who=words, where=_(PLACES[relation])) if relation else words


def _role(role: str, roles: Mapping[str, Role]) -> str:
    entry = roles.get(role)
    if entry is None:
        return role
    return entry.name_en if str(get_locale()) == "en" else entry.name


def who(guard: Guard, roles: Mapping[str, Role], definition: Definition) -> list[str]:
    """Everybody a guard lets pass, and what it asks besides."""
    lines = [token(name, roles, definition) for name in guard.roles]
    lines += [_("有“%(name)s”权限的人", name=name) for name in guard.permissions]
    if guard.different_person_than:
        steps = _("、").join(present.title_of(definition.transitions[s]) for s in guard.different_person_than)
        lines.append(_("不能是办过“%(steps)s”的人", steps=steps))
    return lines


def matrix(definition: Definition, roles: Mapping[str, Role]) -> list[dict[str, Any]]:
    """One row for each state with its steps: name, where to, who, how."""
    return [
        {
            "state": state,
            "branches": _side_by_side(state, roles),
            "rows": [
                {
                    "step": step,
                    "to": definition.states[step.to] if step.to else state,
                    "who": who(step.guard, roles, definition),
                    "how": _how(definition, step),
                }
                for step in definition.exits(state.id)
            ],
        }
        for state in definition.states.values()
    ]


def _side_by_side(state: State, roles: Mapping[str, Role]) -> list[str]:
    """What goes on in parallel in a state, and when it is joined."""
    branches = state.branches
    if branches is None:
        return []
    joined = {
        "all": _("全部同意才往下走"),
        "any": _("一家同意就往下走"),
        "ratio": _("同意达到 %(n)s%% 就往下走", n=round(branches.share * 100)),
    }[branches.join]
    if branches.every is not None:
        return [_("每个承办单位：%(who)s", who=_("、").join(token(r, roles) for r in branches.every.roles)), joined]
    lines = [
        _(
            "%(what)s：%(who)s",
            what=present.title_of(b),
            who=_("、").join(token(r, roles) for r in b.roles) if b.roles else _("另开一件，办完为止"),
        )
        for b in branches.of
    ]
    return [*lines, joined]


def _how(definition: Definition, step: Transition) -> str:
    if step.id in definition.joined:
        return _("分支齐了自动办")
    if step.trigger == "automatic":
        return _("自动")
    if step.after is not None:
        if step.after.deadline:
            return _("期限一过自动办")
        if step.after.hours:
            return _("%(n)s 小时后自动办", n=step.after.hours)
        return _("%(n)s 个工作日后自动办", n=step.after.working_days)
    if step.triggered_by and not step.guard.roles and not step.guard.permissions:
        return _("随别的办件发生")
    return ""


def rows(found: Sequence[Difference]) -> list[dict[str, str]]:
    """Differences for a table."""
    return [
        {
            "change": _(CHANGES[d.kind]),
            "kind": d.kind,
            "what": _(KINDS[d.what]),
            "id": d.id,
            "part": _part(d.part),
            "old": d.old,
            "new": d.new,
        }
        for d in found
    ]


def _part(part: str) -> str:
    if part.startswith("permissions."):
        return _("权限 %(name)s", name=part.partition(".")[2])
    return _(PARTS[part]) if part in PARTS else part


def access_rows(tried: DryRun, roles: Mapping[str, Role]) -> list[dict[str, Any]]:
    """Who gains or loses what, in words."""
    return [
        {
            "state": change.state,
            "permission": change.permission,
            "count": count,
            "gained": [token(name, roles) for name in change.gained],
            "lost": [token(name, roles) for name in change.lost],
            "gaining": gaining,
            "losing": losing,
        }
        for change, count, gaining, losing in tried.access
    ]


def notes(definition: Definition) -> list[str]:
    """What the file says to its readers, in their language: which parts are examples, which rule lies behind a step."""
    said = definition.source.get("notes")
    parts = said.values() if isinstance(said, Mapping) else said if isinstance(said, list) else [said]
    english = str(get_locale()).startswith("en")
    found = []
    for part in parts:
        if isinstance(part, Mapping):
            part = part.get("en" if english else "zh") or part.get("zh")
        if isinstance(part, str) and part.strip():
            found.append(part)
    return found
