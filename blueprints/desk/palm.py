"""掌上: what a phone shows first, in three sections — 审批 (what waits for me), 服务 (what I can begin), 互动 (who wrote to me)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.desk.views import bp
from models.case import Case
from process import access
from process.access import Actor
from process.definition import Transition
from process.library import library
from process.words import N_
from services import generic
from services.desk import desk as read_desk
from services.messages import inbox

SECTIONS = {"approve": N_("掌上审批"), "serve": N_("掌上服务"), "talk": N_("掌上互动")}
ROWS = 20
# Steps by which somebody decides; everything else of the desk belongs to the whole desk.
DECIDING = frozenset(
    {
        *("accept", "review", "review_again", "approve", "issue", "first_check", "circulate", "complete", "confirm"),
        *("precheck", "return_finding", "answer_inside", "decide", "defer"),
    }
)
# What can be begun from the phone, by type; residents and enterprises file, staff open what they are asked for outside.
BEGIN = {
    "micro_approval": N_("拍照申报（微审批）"),
    "mobile_precheck": N_("网上预审，窗口核准或快递"),
    "survey_instant": N_("掌上申报，现场勘查"),
    "subsidy_three_level": N_("申请残疾人生活补助"),
    "hotline_consult": N_("咨询、求助"),
    "complaint": N_("投诉举报"),
    "queue_visit": N_("取号、预约"),
}
TALKING = ("hotline_consult", "complaint")


@bp.get("/phone", endpoint="palm")
@login_required
def palm() -> ResponseReturnValue:
    """One section at a time; the three stand on top of the page, within the thumb's reach below."""
    session, actor = db_session(), current_actor()
    chosen = request.args.get("show", "approve")
    chosen = chosen if chosen in SECTIONS else "approve"
    own = actor.resident_id is not None
    rows: list[Any] = []
    doors: list[Any] = []
    told: list[Any] = []
    if chosen == "approve":
        rows = _own_cases(session, actor) if own else _to_decide(session, actor)
    elif chosen == "serve":
        doors = _doors(session, actor, own)
    else:
        told = _told(session, actor) if own else []
        doors = [d for d in _doors(session, actor, own) if d.kind in (*TALKING, "messages")]
    return render_template(
        "desk/palm.html",
        sections=[
            SimpleNamespace(label=_(word), url=url_for("desk.palm", show=key), active=key == chosen, icon=icon, key=key)
            for (key, word), icon in zip(SECTIONS.items(), ("check", "menu", "message"), strict=True)
        ],
        chosen=chosen,
        rows=rows,
        doors=doors,
        told=told,
        own=own,
    )


def _to_decide(session: Session, actor: Actor) -> list[present.Row]:
    """What waits for this person's word, the most urgent first: the same guard as at the desk decides what is here."""
    found = read_desk(session, actor)
    works = [
        (work.content, _first(work.transitions))
        for work in [*found.late, *found.today, *found.week]
        if _first(work.transitions) is not None
    ]
    return [present.row(session, content, actor, [step]) for content, step in works[:ROWS] if step is not None]


def _told(session: Session, actor: Actor) -> list[Any]:
    """What one was told lately, newest first."""
    return [
        SimpleNamespace(text=message.text, when=present.moment(message.created_at))
        for message in inbox.listed(session, actor)[:ROWS]
    ]


def _first(transitions: list[Transition]) -> Transition | None:
    return next((one for one in transitions if one.primary and one.id in DECIDING), None)


def _own_cases(session: Session, actor: Actor) -> list[present.Row]:
    """How far one's own matters are, newest first."""
    statement = (
        access.visible(select(Case), actor, Case)
        .where(Case.applicant_id == actor.resident_id)
        .options(*present.list_options(Case))
        .order_by(Case.id.desc())
        .limit(ROWS)
    )
    return [present.row(session, one, actor) for one in session.scalars(statement).unique()]


def _doors(session: Session, actor: Actor, own: bool) -> list[Any]:
    found = [_door("catalogue", _("办事指南，找事项申报"), url_for("catalogue.index"), "catalogue")] if own else []
    if not own and actor.roles & {"community_clerk", "window_clerk", "all_round_worker"}:
        found.append(_door("counter", _("综合受理，收新件"), url_for("cases.new"), "counter"))
    for type_id, words in BEGIN.items():
        kind = library.types.get(type_id)
        if kind is not None and generic.may_start(actor, kind):
            found.append(_door(type_id, _(words), url_for("generic.new", type_id=type_id), kind.icon or "menu"))
    found.append(_door("cases", _("我的办件") if own else _("办件"), url_for("cases.index"), "case"))
    found.append(
        _door("messages", _("消息"), url_for("messages.inbox") if own else url_for("notices.index"), "message")
    )
    return found


def _door(kind: str, label: str, url: str, icon: str) -> Any:
    return SimpleNamespace(kind=kind, label=label, url=url, icon=icon)
