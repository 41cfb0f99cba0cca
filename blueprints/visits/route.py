"""The day's route on the phone: hour, address, phone, matter, what to bring; one big button for where one stands."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.content.actions import url_of
from blueprints.context import current_actor, db_session
from blueprints.visits.bp import bp
from blueprints.visits.reading import committed
from models.agency import Agency
from models.base import now
from models.delegation import HomeVisit
from models.paper import Paper
from process import access, clock, engine
from process.access import Actor
from process.library import library
from process.refusals import InvalidInput, NotFound
from services import custody, visit_day

# What one does with a home on the way, in this order; the first possible one is the big button.
STEPS = ("set_off", "collect", "schedule", "reschedule")


@bp.get("/route")
@login_required
def route() -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    day = _day(request.args.get("day", ""))
    mine = visit_day.grids(session, actor)
    if not mine:
        raise NotFound()
    grid = _chosen(mine, request.args.get("grid", ""))
    leaders = visit_day.leaders(session, grid)
    wanted = request.args.get("who")
    person = next(
        (p for p in leaders if (p.username == wanted if wanted is not None else p.id == actor.person_id)), None
    )
    stops = visit_day.route(session, actor, grid, day, person)
    _remember(session, actor, stops)
    if stops:
        # Writing the journal row ended the transaction in which they were read.
        stops = visit_day.route(session, actor, grid, day, person)
    here: dict[str, Any] = {"day": day.isoformat(), "grid": grid.id, "who": person.username if person else ""}
    return render_template(
        "visits/route.html",
        day=present.day(clock.end_of(day)),
        today=day == clock.local_day(now()),
        grid=custody.full_name(grid),
        person=person.name if person else "",
        stops=[_view(session, actor, stop) for stop in stops],
        left=sum(stop.stands in ("ahead", "here", "next") for stop in stops),
        results=visit_day.results(session, actor, grid),
        days=[
            SimpleNamespace(
                label=label, url=url_for("visits.route", **{**here, "day": other.isoformat()}), active=False
            )
            for label, other in ((_("前一天"), day - timedelta(days=1)), (_("后一天"), day + timedelta(days=1)))
        ],
        whose=[
            SimpleNamespace(
                label=p.name, url=url_for("visits.route", **{**here, "who": p.username}), active=person is p
            )
            for p in leaders
        ]
        + [
            SimpleNamespace(
                label=_("全网格"), url=url_for("visits.route", **{**here, "who": ""}), active=person is None
            )
        ],
        grids=[
            SimpleNamespace(
                label=custody.full_name(g),
                url=url_for("visits.route", day=day.isoformat(), grid=g.id),
                active=g.id == grid.id,
            )
            for g in mine
        ]
        if len(mine) > 1
        else [],
    )


def _remember(session: Session, actor: Actor, stops: list[visit_day.Stop]) -> None:
    """Address and phone stand on the route in full, so that they were seen is in the journal before the page is sent."""
    unread = [visit.uid for visit in visit_day.unread(session, actor, stops)]
    if not unread:
        return
    known = {stop.visit.uid: stop.visit for stop in stops}
    committed(lambda fresh: visit_day.note_reading(fresh, actor, [known[uid] for uid in unread]))


def _day(text: str) -> date:
    if not text:
        return clock.local_day(now())
    try:
        day = date.fromisoformat(text[:10])
    except ValueError as error:
        raise InvalidInput("日期请写成 2026-03-05 的样子。", {"day": "日期不对"}) from error
    if abs((day - clock.local_day(now())).days) > 366:
        raise InvalidInput("只能看前后一年之内的路线。", {"day": "日期太远"})
    return day


def _chosen(mine: list[Agency], named: str) -> Agency:
    found = next((grid for grid in mine if grid.id == named), None) if named else mine[0]
    if found is None:
        raise NotFound()
    return found


def _view(session: Session, actor: Actor, stop: visit_day.Stop) -> Any:
    visit, definition = stop.visit, library.of(stop.visit, session)
    able = {transition.id: transition for transition in engine.available(visit, actor)}
    first = next((able[step] for step in STEPS if step in able), None)
    missed = able.get("miss")
    person, private = visit.applicant, visit.private or {}
    health = access.may(actor, "view_health", visit, session)
    return SimpleNamespace(
        number=visit.number,
        uid=visit.uid,
        url=url_for("content.show", uid=visit.uid),
        version=visit.version,
        time=f"{visit.slot_start.astimezone(clock.CHINA):%H:%M}" if visit.slot_start else _("未定"),
        who=person.name if person else "",
        address=(person.address or "") if person else "",
        phone=(person.phone or "") if person else "",
        contact=private.get("requested_by", ""),
        contact_phone=private.get("requested_phone", ""),
        item=visit.item.title,
        basis=visit.basis if health else "",
        bring=stop.bring,
        attempts=visit.attempts,
        visitor=visit.assignee.name if visit.assignee else "",
        state=present.state_view(definition.states[visit.state]),
        stands=stop.stands,
        step=SimpleNamespace(
            label=present.title_of(first), url=url_of(visit, first), post=first.id == "set_off", id=first.id
        )
        if first is not None and stop.stands != "over"
        else None,
        missed_url=url_for("content.do", uid=visit.uid, transition="miss") if missed else None,
        sheet_url=_sheet(session, visit),
    )


def _sheet(session: Session, visit: HomeVisit) -> str | None:
    """The sheet of the hour that holds, once it is drawn."""
    uid = session.scalar(
        select(Paper.uid)
        .where(Paper.content_id == visit.id, Paper.paper == "visit_sheet", Paper.status == "ready")
        .order_by(Paper.id.desc())
        .limit(1)
    )
    return url_for("certificates.paper", uid=uid) if uid else None
