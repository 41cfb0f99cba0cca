"""Choosing the hour of a visit: every hour of the two leaders for the next working days, free or taken."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.content.actions import FEATURE_LINKS, FEATURE_PAGES
from blueprints.context import current_actor, db_session, for_whom, load_or_404
from blueprints.dynamic_forms import is_mendable
from blueprints.visits import answers
from blueprints.visits.bp import bp
from models.base import now
from models.delegation import HomeVisit
from process import access, clock, engine
from process.access import Actor
from process.definition import Transition
from process.refusals import NotFound, Refusal
from services import actions, booking, other_ways, slots, visits

SHOWN = 3
# Which step a chosen hour takes, the first that this actor may take.
STEPS = ("schedule", "reschedule", "move")
FEATURE_PAGES.update({("home_visit", step): "visits.slot" for step in STEPS})


def of_mine(uid: str) -> HomeVisit:
    """Whose hours are free is shown to those who may take one, not to everybody who sees that a visit exists."""
    visit, actor = load_or_404(HomeVisit, uid), current_actor()
    if not any(access.may(actor, permission, visit) for permission in ("rebook", "edit")):
        raise NotFound()
    return visit


def step_for(visit: HomeVisit, actor: Actor) -> Transition | None:
    """Whoever may confirm confirms; everybody else asks for the hour or moves it."""
    able = {transition.id: transition for transition in engine.available(visit, actor)}
    return next((able[step] for step in STEPS if step in able), None)


@bp.route("/<uid>/slot", methods=["GET", "POST"])
@login_required
def slot(uid: str) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    visit = of_mine(uid)
    step = step_for(visit, actor)
    if step is None:
        return _closed(visit)
    if request.method == "GET":
        return _page(session, visit, actor, step)
    version = request.form.get("version", "")[:9]
    try:
        with session.begin_nested():
            actions.perform(
                visit,
                step.id,
                actor,
                _given(step),
                expected_version=int(version) if version.isdecimal() else None,
                on_behalf_of=for_whom(),
            )
    except Refusal as refusal:
        if not is_mendable(refusal):
            raise
        session.expire_all()
        visit = of_mine(uid)
        return _page(session, visit, actor, step, problem=refusal.detail), 422
    flash(_said(visit, step, actor), "success")
    return redirect(url_for("content.show", uid=uid), 303)


def _closed(visit: HomeVisit) -> ResponseReturnValue:
    return render_template(
        "content/do.html", content=visit, transition=None, form=None, allowed=False, title=_("选上门时间")
    ), 409


def _given(step: Transition) -> dict[str, Any]:
    """An hour of the table, or one that was agreed otherwise."""
    start, _mark, visitor = request.form.get("slot", "").partition("|")
    if request.form.get("other") == "1":
        start, visitor = request.form.get("slot_start", ""), request.form.get("visitor", "")
    given = {"slot_start": start, "visitor": visitor}
    given |= {name: request.form.get(name, "") for name in ("off_hours", "agreed", "comment")}
    return {name: value for name, value in given.items() if value}


def _said(visit: HomeVisit, step: Transition, actor: Actor) -> str:
    when = present.moment(visit.slot_start)
    who = visit.assignee.name if visit.assignee else ""
    if visit.state == "requested":
        return _("时间已为您留好：%(when)s，%(who)s。网格长确认后不再变动。", when=when, who=who)
    return _("已约好：%(when)s，%(who)s 上门。", when=when, who=who)


def _first(session: Session, visit: HomeVisit) -> date | None:
    """The page asked for, else the day that was wished."""
    try:
        return date.fromisoformat(request.args.get("from", "")[:10])
    except ValueError:
        wish = (visit.fields or {}).get("wish")
        wished = clock.local_day(datetime.fromisoformat(wish)) if wish else None
        return wished if wished and wished > clock.local_day(now()) else None


def _page(session: Session, visit: HomeVisit, actor: Actor, step: Transition, problem: str = "") -> str:
    at = now()
    first = _first(session, visit)
    board = slots.board(session, visit.place, at, visit=visit, first=first, count=SHOWN)
    if not board and first is not None:
        board = slots.board(session, visit.place, at, visit=visit, count=SHOWN)
    full = access.may(actor, access.VIEW_FULL, visit, session)
    answer = visits.assess(visit, at)
    return render_template(
        "visits/slot.html",
        visit=visit,
        who=visit.applicant.name if full and visit.applicant else "",
        step=step,
        label=present.title_of(step),
        board=[_day_view(day, at) for day in board],
        leaders=slots.columns(board),
        visitors=slots.visitors(session, visit.place_id),
        chosen=request.form.get("slot") or _chosen(visit),
        problem=problem,
        # Why somebody is or is not entitled is health data: told to whoever keeps it.
        refused="" if answer.ok else (answer.reason if full else _("这次预约不符合上门条件，请看其他渠道。")),
        missed=booking.missed_sentence(visit) if step.id == "reschedule" else "",
        staff=actor.resident_id is None,
        now_at=present.moment(visit.slot_start) if visit.slot_start else "",
        wish=_wish_words(visit),
        earlier=url_for("visits.slot", uid=visit.uid) if first else None,
        later=_later(visit, board, at),
        ways_url=url_for("visits.ways", uid=visit.uid),
        typed=request.form,
    )


def _chosen(visit: HomeVisit) -> str:
    if visit.slot_start is None or visit.assignee is None:
        return ""
    return f"{visit.slot_start.astimezone(clock.CHINA):%Y-%m-%dT%H:%M}|{visit.assignee.username}"


def _wish_words(visit: HomeVisit) -> str:
    wish = (visit.fields or {}).get("wish")
    return present.moment(datetime.fromisoformat(wish)) if wish else ""


def _day_view(day: slots.Day, at: datetime) -> Any:
    moment = datetime.combine(day.day, datetime.min.time(), clock.CHINA)
    return SimpleNamespace(
        label=_("今天") if day.day == clock.local_day(at) else present.day(moment), free=day.free, rows=day.cells
    )


def _later(visit: HomeVisit, board: list[slots.Day], at: datetime) -> str | None:
    if not board or board[-1].day + timedelta(days=1) > clock.local_day(at + slots.AHEAD):
        return None
    after: dict[str, Any] = {"from": (board[-1].day + timedelta(days=1)).isoformat()}
    return url_for("visits.slot", uid=visit.uid, **after)


@bp.get("/<uid>/ways")
@login_required
def ways(uid: str) -> ResponseReturnValue:
    """Where else one can go with this, each with address, hours and phone."""
    visit = load_or_404(HomeVisit, uid)
    told = other_ways.offered(visit)
    return render_template(
        "visits/ways.html",
        visit=visit,
        ways=told or other_ways.of_visit(visit),
        told=bool(told),
        missed=booking.missed_sentence(visit),
        guide_url=url_for("catalogue.guide", code=visit.item.code),
    )


def links(session: Session, visit: HomeVisit, actor: Actor) -> list[tuple[str, str]]:
    """Beside the steps: the form of the item, and the other ways where nobody comes."""
    found = answers.links(session, visit, actor)
    if visit.state in ("ineligible", "unreached", "missed") or (visit.state == "requested" and visit.eligible is False):
        found.append((_("其他办理渠道"), url_for("visits.ways", uid=visit.uid)))
    if visit.state in ("scheduled", "visiting") and access.may(actor, "edit", visit, session) and visit.slot_start:
        day = clock.local_day(visit.slot_start).isoformat()
        found.append((_("看当天的路线"), url_for("visits.route", day=day, grid=visit.place_id)))
    return found


FEATURE_LINKS["home_visit"] = links
