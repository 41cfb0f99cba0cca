"""The lobby manager's desk: who waits, which counters are open, taking numbers by hand, and the figures of the hall."""

from __future__ import annotations

from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints.context import current_actor, db_session, load_or_404
from blueprints.grid import forms
from blueprints.hall.bp import LOBBY, bp, desk_url, hall_for, own_hall, polled, tried
from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.content import Content
from models.hall import HallTicket
from process import access, clock
from process.library import library
from process.numbers import CHINA
from process.refusals import NotFound, Refusal
from services import grid_rights, hall, leaders, opening, rosters, window_rules
from services.hall import fairness, figures, tables, tickets

GROUNDS = ("elderly", "disabled", "expectant", "infant", "veteran", "other")
PILES = ("waiting", "held", "missed", "booked")
MOST = 200


def grounds() -> list[tuple[str, str]]:
    """Why somebody may go first, as the definition names it."""
    spec = next(one for one in library.type(tables.TYPE).fields if one.name == "ground")
    return [(key, title.zh) for key, title in spec.options]


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    """Straight to one's own place in the hall."""
    actor = current_actor()
    if actor.resident_id is not None:
        return redirect(url_for("hall.mine"), 303)
    place = own_hall(actor)
    if place is None:
        raise NotFound()
    if "lobby_manager" not in actor.roles and "window_clerk" in actor.roles:
        return redirect(url_for("hall.strip"), 303)
    return redirect(desk_url(place), 303)


@bp.get("/<place_id>/desk")
@login_required
def desk(place_id: str) -> ResponseReturnValue:
    """The hall at a glance; the part with the numbers follows by itself."""
    agency, session, actor = hall_for(place_id), db_session(), current_actor()
    at = now()
    return render_template(
        "hall/desk.html",
        **_now(agency, at),
        may_take=any(actor.holds(role, agency.path) for role in LOBBY),
        keeper=opening.may_keep(actor, agency),
        hours=opening.in_words(_open_today(agency, at)) or _("今天不开放"),
        duty=[shift.person.name for shift in rosters.on_duty(session, [agency.id], clock.local_day(at))],
        leaders=leaders.on_duty(session, agency, clock.local_day(at)),
        unread=len(window_rules.unread(session, actor, agency)),
        items=items_of(session, agency),
        grounds=grounds(),
        typed=SimpleNamespace(words="", item="", ground=""),
    )


@bp.get("/<place_id>/desk/now")
@login_required
def desk_now(place_id: str) -> ResponseReturnValue:
    """The polled part; nothing changed costs one row and an empty 304."""
    agency, at = hall_for(place_id), now()
    mark = f"{figures.mark(db_session(), agency.id, clock.local_day(at))}-{at:%H%M}-{current_actor().person_id}"
    return polled(mark, lambda: render_template("hall/_desk.html", **_now(agency, at)))


def _now(agency: Agency, at: datetime) -> dict[str, Any]:
    session, actor, day = db_session(), current_actor(), clock.local_day(at)
    statement = (
        select(HallTicket)
        .join(Content, Content.id == HallTicket.content_id)
        .where(
            HallTicket.hall_id == agency.id,
            HallTicket.day == day,
            HallTicket.state.in_(("waiting", "held", "missed", "booked", "called", "serving")),
        )
        .options(joinedload(HallTicket.content))
        .order_by(HallTicket.turn_at, HallTicket.slot, HallTicket.content_id)
        .limit(MOST)
    )
    rows = list(session.scalars(access.visible(statement, actor)).unique())
    piles = {state: [_line(one, at) for one in rows if one.state == state] for state in PILES}
    by_counter = {one.counter_id: one for one in rows if one.counter_id and one.state in ("called", "serving")}
    settings = tables.hall_of(session, agency.id)
    rule = settings.rule if settings else tables.usual("rule")
    return {
        "agency": agency,
        "piles": piles,
        "counters": [
            SimpleNamespace(
                code=c.code,
                name=c.name,
                kind=c.kind,
                takes="、".join(c.takes) or _("全部"),
                person=c.person.name if c.person else "",
                now=_line(by_counter[c.id], at) if c.id in by_counter else None,
            )
            for c in tables.counters(session, agency.id)
        ],
        "rule": _(fairness.RULES[rule]),
        "figures": figures.figures(session, agency.id, day, day, at),
        "poll_url": url_for("hall.desk_now", place_id=agency.id),
        "may_call": any(actor.holds(role, agency.path) for role in LOBBY),
        "lobby": actor.holds("lobby_manager", agency.path),
    }


def _line(one: HallTicket, at: datetime) -> Any:
    since = one.came_at
    return SimpleNamespace(
        uid=one.content.uid,
        url=url_for("content.show", uid=one.content.uid),
        ticket=one.ticket or "",
        number=one.content.number,
        matter=str((one.content.fields or {}).get("matter") or ""),
        priority=one.priority,
        slot=tickets.say_slot(one),
        came=f"{since.astimezone(CHINA):%H:%M}" if since else "",
        minutes=int((at - since).total_seconds() // 60) if since else 0,
        misses=one.misses,
        state=one.state,
    )


def _open_today(agency: Agency, at: datetime) -> list[Any]:
    try:
        return opening.hours(db_session(), agency, "window", clock.local_day(at))
    except Refusal:
        return []


def items_of(session: Any, agency: Agency) -> list[tuple[str, str]]:
    """What people come for: the items of the home catalogue, by category."""
    day = clock.local_day(now())
    found = [one for one in catalogue.items().values() if one.category and one.in_force(day)]
    return [(one.id, one.name) for one in found]


# --- a number by hand -------------------------------------------------------------------------------------------------
@bp.post("/<place_id>/take")
@login_required
def take(place_id: str) -> ResponseReturnValue:
    """A number for somebody at the door, with or without priority."""
    agency, session, actor = hall_for(place_id, LOBBY), db_session(), current_actor()
    made, refusal = forms.attempt(
        lambda: hall.take(
            session,
            actor,
            agency.id,
            matters=[one for one in request.form.getlist("item") if one],
            words=request.form.get("words", ""),
            ground=request.form.get("ground", ""),
            source="lobby",
        )
    )
    if refusal is not None or made is None:
        flash(refusal.detail if refusal else "", "error")
        at = now()
        return (
            render_template(
                "hall/desk.html",
                **_now(agency, at),
                may_take=True,
                keeper=opening.may_keep(actor, agency),
                hours=opening.in_words(_open_today(agency, at)) or _("今天不开放"),
                duty=[],
                leaders=[],
                unread=0,
                items=items_of(session, agency),
                grounds=grounds(),
                typed=SimpleNamespace(
                    words=request.form.get("words", ""),
                    item=request.form.get("item", ""),
                    ground=request.form.get("ground", ""),
                ),
            ),
            refusal.status if refusal else 422,
        )
    flash(_("%(ticket)s：前面还有 %(n)s 人。", ticket=made.ticket, n=hall.ahead(session, made)), "success")
    return redirect(url_for("hall.slip", uid=made.content.uid), 303)


@bp.get("/n/<uid>/slip")
@login_required
def slip(uid: str) -> ResponseReturnValue:
    """The slip on the screen: number, time, how many before one; nothing about the person."""
    content = load_or_404(Content, uid)
    if content.type != tables.TYPE:
        raise NotFound()
    session, actor = db_session(), current_actor()
    one = tables.ticket(session, content)
    agency = tables.hall_agency(content)
    at_machine = request.args.get("at") == "machine"
    staff = any(actor.holds(role, agency.path) for role in LOBBY)
    return render_template(
        "hall/slip.html",
        one=one,
        content=content,
        agency=agency,
        ahead=hall.ahead(session, one),
        matters=hall.matters(session, actor, one),
        stages=[_(stage) for stage in tickets.STAGES],
        slot=tickets.say_slot(one),
        taken=f"{one.came_at.astimezone(CHINA):%H:%M}" if one.came_at else "",
        back=url_for("hall.kiosk", place_id=agency.id)
        if at_machine
        else desk_url(agency)
        if staff
        else url_for("hall.mine"),
        machine=at_machine,
        may_change=one.state == "booked" and not staff,
        may_check_in=one.state == "booked" and one.day == clock.local_day(now()),
        may_leave=one.state in ("booked", "waiting", "missed", "held"),
    )


@bp.post("/n/<uid>/<any(prefer, requeue, leave, check_in):verb>")
@login_required
def number(uid: str, verb: str) -> ResponseReturnValue:
    """What the lobby manager or the resident does with one number."""
    content = load_or_404(Content, uid)
    if content.type != tables.TYPE:
        raise NotFound()
    session, actor, agency = db_session(), current_actor(), tables.hall_agency(content)
    back = request.form.get("back") or url_for("hall.slip", uid=uid)
    if not back.startswith("/hall/"):
        back = url_for("hall.slip", uid=uid)
    words = request.form.get("reason", "").strip()[:60]
    acts: dict[str, Any] = {
        "prefer": lambda: hall.prefer(session, actor, uid, request.form.get("ground") or "other"),
        "requeue": lambda: hall.requeue(session, actor, uid),
        "leave": lambda: hall.leave(session, actor, uid, words),
        "check_in": lambda: hall.check_in(session, actor, content),
    }
    said = {
        "prefer": _("已列为优先。"),
        "requeue": _("已重排。"),
        "leave": _("已取消。"),
        "check_in": _("已取号，请留意叫号和屏幕。"),
    }
    del agency
    return tried(acts[verb], said[verb], back)


@bp.post("/<place_id>/clear")
@login_required
def clear(place_id: str) -> ResponseReturnValue:
    """清场: at the end of the day."""
    agency, session, actor = hall_for(place_id, LOBBY), db_session(), current_actor()
    return tried(
        lambda: _("已清场，%(n)s 个没有办的号记为“不办了”。", n=hall.clear(session, actor, agency.id)),
        "",
        desk_url(agency),
    )


# --- figures ----------------------------------------------------------------------------------------------------------
@bp.get("/<place_id>/figures")
@login_required
def period(place_id: str) -> ResponseReturnValue:
    """Waiting and handling in a period, by counter and by person."""
    agency, session, today = hall_for(place_id), db_session(), grid_rights.today()
    wrong, since, until = "", today, today
    try:
        since = _day("since") or today
        until = _day("until") or today
        found = figures.figures(session, agency.id, since, until, now())
    except Refusal as refusal:
        wrong = refusal.detail
        found = figures.figures(session, agency.id, today, today, now())
    return render_template(
        "hall/figures.html",
        agency=agency,
        figures=found,
        since=request.args.get("since") or since.isoformat(),
        until=request.args.get("until") or until.isoformat(),
        wrong=wrong,
        sources=[(_(tickets.SOURCES.get(name, name)), n) for name, n in sorted(found.by_source.items())],
    )


def _day(name: str) -> date | None:
    return grid_rights.day(request.args.get(name, ""), name)
