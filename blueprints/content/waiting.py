"""What a thing waits for when the next step is somebody else's and nothing on the page would say so."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from blueprints import present
from models.case import Case
from models.content import Content
from models.delegation import Delegation
from process import access
from process.access import Actor
from process.library import library
from services import delegation_steps, inside


def waiting(session: Session, content: Content, actor: Actor, offered: Iterable[str]) -> list[Any]:
    """Who has to do what before it goes on: lines [label, why] of the status box."""
    case = content if isinstance(content, Case) else getattr(content, "case", None)
    if content is case and isinstance(case, Case):
        back = _given_back(session, case, actor)
        if back:
            return back
    if not isinstance(case, Case):
        return []
    if case.state != "submitted":
        return _for_its_case(session, content, case, actor) if isinstance(content, Delegation) else []
    if isinstance(content, Delegation) and content.state == "processing" and case.accepted_at is None:
        lost = [material.name for material in delegation_steps.lost_on_the_way(session, content)]
        words = _(
            "还没有受理：清点时没有收到%(what)s。请先“一次性告知”，补齐后再在办件上点“受理”。", what="、".join(lost)
        )
        return [_line(_("材料没齐"), words)] if lost else []
    if case.accepted_at is None:
        return []
    if isinstance(content, Delegation) and content.state != "processing":
        return []
    label = _("补来的材料等核对")
    if actor.resident_id is not None and actor.resident_id == case.applicant_id:
        return [_line(label, _("您补的材料已收到，由%(unit)s核对后接着办，不用再来。", unit=_unit(case)))]
    if content is case and "accept" in offered:
        return [_line(label, _("材料补齐了，请再点一次“受理”，这件就回到审核。时限接着原来的算，受理通知书不重发。"))]
    return [
        _line(
            label,
            _(
                "由%(unit)s的窗口在办件 %(number)s 上再点一次“受理”，然后才轮到审核。时限接着原来的算。",
                unit=_unit(case),
                number=case.number or "",
            ),
        )
    ]


def _for_its_case(session: Session, ticket: Delegation, case: Case, actor: Actor) -> list[Any]:
    """A ticket goes on when its case does; until then the page would offer nothing, or a step that is refused."""
    if actor.resident_id is not None:
        return []
    state = present.state_view(library.of(case, session).states[case.state]).label
    if ticket.state == "processing" and case.state not in delegation_steps.DECIDED:
        words = _(
            "办件 %(number)s 现在是“%(state)s”，在那里审核、审批；有了结论，这里才有“审批”。",
            number=case.number or "",
            state=state,
        )
        return [_line(_("等办件的结论"), words)]
    if ticket.state == "decided" and case.state not in delegation_steps.AT_HAND:
        words = _("办件 %(number)s 现在是“%(state)s”，发证以后才能“出件”。", number=case.number or "", state=state)
        return [_line(_("等办件发证"), words)]
    return []


def _given_back(session: Session, case: Case, actor: Actor) -> list[Any]:
    """内部退回: which end has to look again, asked by whom and why; the visitor is told nothing."""
    found = inside.asked(case)
    if found is None or not access.may(actor, "internal", case, session):
        return []
    who, why = inside.reason(session, case)
    label = _("退回审核人复核") if found.end == inside.REVIEW else _("退回受理人核对")
    return [_line(label, _("%(who)s：%(why)s（群众看不到，时限照常走）", who=who, why=why))]


def _unit(case: Case) -> str:
    unit = case.unit or case.place
    return unit.name


def _line(label: str, why: str) -> Any:
    return SimpleNamespace(label=label, why=why)
