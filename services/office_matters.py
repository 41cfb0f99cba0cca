"""Rules of single processes without Python: promises of materials, complaints, the visitor drawn, the case filed side by side."""

from __future__ import annotations

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.case import Case
from models.content import Content
from process import access, clock, engine, registry
from process.access import Actor
from process.calendar_days import say
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from services import owed
from services.office_rules import material_names

CASE_OVER = ("issued", "delivered", "refused", "rejected", "withdrawn")


# --- 容缺受理 ---------------------------------------------------------------------------------------------------------
@registry.requirement("deferral_allowed")
def deferral_allowed(step: Step) -> None:
    """Only what the item itself marks as non-critical may come later, and not after ten working days."""
    record = catalogue.item(str(step.content.fields.get("item")))
    named = material_names(step.inputs["owed"])
    if not named:
        raise InvalidInput("请逐项写明承诺后补哪些材料。", {"owed": "请写明材料"})
    if not record.deferrable:
        raise RequirementUnmet(f"“{record.name}”没有可以后补的材料，不能容缺受理。请一次性告知补齐。")
    critical = {m.name for m in record.materials if m.critical} | {m.id for m in record.materials if m.critical}
    wrong = [name for name in named if name in critical]
    if wrong:
        raise RequirementUnmet(f"{'、'.join(wrong)}是关键材料，不能容缺。请办“缺关键材料”。", {"owed": "含关键材料"})
    known = {m.name for m in record.deferrable} | {m.id for m in record.deferrable}
    unknown = [name for name in named if name not in known]
    if unknown:
        raise InvalidInput(
            f"“{record.name}”的材料清单里没有{'、'.join(unknown)}。可以后补的有：{'、'.join(m.name for m in record.deferrable)}。",
            {"owed": "不在材料清单里"},
        )
    due, today = step.inputs["supply_by"], clock.local_day(step.at)
    last = clock.calendar(step.session).add_working_days_or_none(today, owed.MOST_DAYS)
    if due < today or (last is not None and due > last):
        until = f"，最晚{say(last)}" if last else ""
        raise InvalidInput(
            f"补齐期限应在今天以后、{owed.MOST_DAYS} 个工作日以内{until}。",
            {"supply_by": f"请在 {owed.MOST_DAYS} 个工作日以内"},
        )


# --- 窗口陪跑网上申报 ---------------------------------------------------------------------------------------------------
@registry.requirement("filed_online")
def filed_online(step: Step) -> None:
    """The number written down is a case that was really filed, and this visitor's own."""
    number = str(step.inputs["case"]).strip().upper()
    case = step.session.scalar(
        select(Case).where(Case.number == number, Case.applicant_id == step.content.applicant_id)
    )
    if case is None or case.state == "draft":
        raise RequirementUnmet(
            "没有找到这位办事人的这个办件，请核对网上申报成功后显示的编号。", {"case": "不是本人已申报的办件"}
        )
    step.inputs["case"] = case.number


@registry.requirement("linked_case_over")
def linked_case_over(step: Step) -> None:
    """From the filing on it is the case that is handled; the visitor is done when the case is."""
    number = step.content.fields.get("case")
    case = step.session.scalar(select(Case).where(Case.number == number))
    if case is None or case.state not in CASE_OVER:
        raise RequirementUnmet(
            f"网上申报的办件 {number} 还没有办结发证，不能“{step.transition.title.zh}”。请先办完办件。"
        )


# --- 投诉举报 --------------------------------------------------------------------------------------------------------
@registry.predicate(
    "not_of_unit_complained", why="您是被投诉单位的人，不能处理这件投诉。请交给其他单位的处理人员或上级。"
)
def not_of_unit_complained(session: Session, content: Content, actor: Actor) -> bool:
    """Nobody handles a complaint about the unit they belong to."""
    about = session.get(Agency, str(content.fields.get("about") or ""))
    return about is None or not actor.unit_path.startswith(about.path)


@registry.requirement("facts_for_unit")
def facts_for_unit(step: Step) -> None:
    """The unit complained about is told facts in words of their own, so that the complaint itself need not be shown."""
    if step.inputs.get("ask_unit") and not step.inputs.get("facts"):
        raise RequirementUnmet("请写明给被投诉单位看的事实，不写投诉人是谁。", {"facts": "请写明事实"})


@registry.effect("ask_unit_complained")
def ask_unit_complained(step: Step) -> None:
    """The unit complained about sees the facts, masked, and can add what it has to say."""
    about = step.session.get(Agency, str(step.content.fields.get("about") or ""))
    if step.inputs.get("ask_unit") and about is not None:
        engine.add_place(step, step.content, "addressee", about)
        step.details["asked"] = about.id


# --- 助跑体验 --------------------------------------------------------------------------------------------------------
@registry.requirement("somebody_waits")
def somebody_waits(step: Step) -> None:
    if not _waiting(step):
        raise RequirementUnmet("现在没有正在等候的排队号，无法随机抽取。请等大厅有人取号后再抽。")


@registry.effect("draw_visitor", writes=("drawn_ticket", "drawn_from"))
def draw_visitor(step: Step) -> None:
    """Drawn, not chosen: one of all tickets that wait here now, and from how many is on record."""
    waiting = _waiting(step)
    drawn = secrets.choice(waiting)
    step.content.fields = {**(step.content.fields or {}), "drawn_ticket": drawn, "drawn_from": len(waiting)}
    step.details |= {"drawn": drawn, "from": len(waiting)}


def _waiting(step: Step) -> list[str]:
    """Numbers of the tickets that wait in the halls of the thing's place."""
    return list(
        step.session.scalars(
            select(Content.number)
            .join(Agency, Agency.id == Content.unit_id)
            .where(
                Content.type == "queue_visit",
                Content.state == "ticketed",
                Content.number.is_not(None),
                access.within(Agency.path, step.content.place_path),
            )
            .order_by(Content.id)
        )
    )
