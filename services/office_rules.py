"""Rules that several processes without Python share: keeping what a step was told, passing things on, bringing them, counting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.content import Content
from models.paper import Document
from process import access, clock, engine, registry
from process.access import Actor
from process.definition import SPECIAL_TOKENS, Input
from process.library import library
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from services import case_routing

# Roles of people who serve or are served one by one: holding one at a place says nothing about a single thing there.
ONE_BY_ONE = frozenset({"red_courier", "express_courier", "enterprise_applicant"})
TO_UNIT = "to_unit"
ENTERPRISE_DAYS, GOVERNMENT_DAYS = 50, 100


# --- What a step was told --------------------------------------------------------------------------------------------
@registry.effect("keep_inputs")
def keep_inputs(step: Step) -> None:
    """What was asked for by a step stays readable on the thing: inputs named like a field of the type are written into it."""
    content, kind = step.content, library.type(step.content.type)
    plain, secret = dict(content.fields or {}), dict(content.private or {})
    for spec in step.transition.inputs:
        declared = kind.field(spec.name)
        if declared is None or step.inputs.get(spec.name) is None:
            continue
        (secret if declared.private else plain)[spec.name] = as_kept(spec, step.inputs[spec.name])
    content.fields, content.private = plain, secret or None


def as_kept(spec: Input, value: Any) -> Any:
    """An input as a field keeps it: dates as text, ticks and lines as the words people read."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if spec.kind == "checks":
        options = dict(spec.options)
        return [options[name].zh for name in value]
    if spec.kind == "lines":
        return material_names(value)
    return value


def material_names(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(line["material"]) for line in lines if line.get("material")]


# --- Who has it ------------------------------------------------------------------------------------------------------
@registry.effect("take_on")
def take_on(step: Step) -> None:
    """Whoever takes the step has it from now on."""
    step.content.assignee_id = step.on_behalf_of.id if step.on_behalf_of else step.actor.person_id


@registry.requirement("unit_known")
def unit_known(step: Step) -> None:
    """The unit something is passed to exists and works today."""
    named = step.inputs.get(TO_UNIT)
    if not named:
        return
    unit = step.session.get(Agency, str(named))
    if unit is None:
        raise InvalidInput("没有找到要转去的单位，请从单位列表中选择。", {TO_UNIT: "没有这个单位"})
    if not unit.exists_on(clock.local_day(step.at)):
        raise InvalidInput(f"{unit.name}已停止办公，请改选现在办理的单位。", {TO_UNIT: "单位已停止办公"})


@registry.effect("pass_to_unit")
def pass_to_unit(step: Step) -> None:
    """The unit named sees it and has it in its inbox; without one it stays where it is."""
    if step.inputs.get(TO_UNIT):
        _open_to(step, step.session.get_one(Agency, str(step.inputs[TO_UNIT])))


@registry.effect("pass_up")
def pass_up(step: Step) -> None:
    """To the unit named, or to the front office of the street above."""
    if step.inputs.get(TO_UNIT):
        pass_to_unit(step)
        return
    street = case_routing.above(step.content.place, "street", "town")
    if street is not None:
        _open_to(step, case_routing.front_office(step.session, street))


def _open_to(step: Step, unit: Agency) -> None:
    engine.add_place(step, step.content, "addressee", unit)
    step.content.unit_id, step.content.assignee_id = unit.id, None
    step.details["unit"] = unit.id


@registry.requirement("units_named")
def units_named(step: Step) -> None:
    """Somebody is asked: without an addressee the thing would go to nobody."""
    if not any(p.relation == "addressee" and p.until is None for p in step.content.places):
        raise RequirementUnmet("还没有写明转给哪些单位。请先编辑，选好单位，再办这一步。")


@registry.predicate("own_or_entrusted", why="这件不是您本人的，也没有交给您送。请由本人或受托送件的人办理。")
def own_or_entrusted(session: Session, content: Content, actor: Actor) -> bool:
    """Couriers and enterprises act only in what is theirs or was given to them by name; staff of the unit may register it."""
    held = access.tokens(content, actor)
    if not held.isdisjoint({"owner", "assignee", "applicant"}):
        return True
    return any("@" not in token and token not in ONE_BY_ONE and token not in SPECIAL_TOKENS for token in held)


# --- What must be there ----------------------------------------------------------------------------------------------
@registry.requirement("photo_uploaded")
def photo_uploaded(step: Step) -> None:
    """拍照上传: without a single photo there is nothing to decide on."""
    count = step.session.scalar(
        select(func.count()).select_from(Document).where(Document.content_id == step.content.id)
    )
    if not count:
        raise RequirementUnmet("还没有上传照片，不能受理。请退回申请人，请其把每份材料拍照上传。")


@registry.requirement("two_on_duty")
def two_on_duty(step: Step) -> None:
    """轮值: two or three people a day, never one alone."""
    names = {str(name).strip() for name in step.content.fields.get("on_duty") or [] if str(name).strip()}
    if len(names) < 2:
        raise RequirementUnmet(f"每班至少 2 人，现在排了 {len(names)} 人。请先编辑值班人员，再公布。")


@registry.requirement("somebody_passed")
def somebody_passed(step: Step) -> None:
    if not step.content.fields.get("passed_count"):
        raise RequirementUnmet("这次考核没有人合格，不能登记资格。请办“重训”。")


# --- Figures ---------------------------------------------------------------------------------------------------------
@registry.requirement("no_volume")
def no_volume(step: Step) -> None:
    volume = step.content.fields.get("volume")
    if volume != 0:
        raise RequirementUnmet(f"统计期内有 {volume} 件办件，不是零办件，不能提调减。")


@registry.requirement("some_volume")
def some_volume(step: Step) -> None:
    if not step.content.fields.get("volume"):
        raise RequirementUnmet("统计期内没有办件，不是高频事项，不能提新增。")


@registry.requirement("as_decided")
def as_decided(step: Step) -> None:
    """What the group decided is done, not the other thing."""
    decision = step.content.fields.get("decision")
    if decision != step.transition.id:
        steps = library.of(step.content, step.session).transitions
        said = steps[str(decision)].title.zh if decision in steps else "未定"
        raise RequirementUnmet(f"审定结论是“{said}”，不能办“{step.transition.title.zh}”。")


@registry.requirement("fewer_than_before")
def fewer_than_before(step: Step) -> None:
    """减材料、减环节、减层级、减时间: at least one is less, none is more."""
    titles = {"materials": "材料", "steps": "环节", "levels": "层级", "days": "时间"}
    change = {name: step.inputs[f"{name}_after"] - step.inputs[f"{name}_before"] for name in titles}
    more = [titles[name] for name, by in change.items() if by > 0]
    if more:
        raise RequirementUnmet(f"{'、'.join(more)}比原来还多，请核对前后数字。")
    if not any(change.values()):
        raise RequirementUnmet("材料、环节、层级、时间都没有减少，还不算少跑措施。请至少减一项。")


@registry.duration("project_days")
def project_days(content: Content) -> tuple[int, int | None]:
    """The days of the chart its list was drawn from; 企业投资项目 50 个工作日，政府投资项目 100 个工作日 without one."""
    drawn = content.fields.get("limit_days")
    if isinstance(drawn, int):
        return drawn, None
    return (GOVERNMENT_DAYS if content.fields.get("funding") == "government" else ENTERPRISE_DAYS), None
