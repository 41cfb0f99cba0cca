"""The clerk's strip: my counter, the number at it, and every key of the queue."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.hall.bp import bp, polled
from models.base import now
from models.content import Content
from models.hall import HallCounter, HallTicket
from process import access, clock
from process.numbers import CHINA
from process.refusals import NotFound, RequirementUnmet
from services import hall, window_rules
from services.hall import figures, queue, tables, tickets


@bp.get("/strip")
@login_required
def strip() -> ResponseReturnValue:
    """Where a clerk of a hall calls, holds, moves and finishes."""
    session, actor = db_session(), current_actor()
    known = hall.counters_of(session, actor)
    if not known and hall.my_counter(session, actor) is None and "window_clerk" not in actor.roles:
        raise NotFound()
    return render_template("hall/strip.html", **_now(), poll_url=url_for("hall.strip_now"))


@bp.get("/strip/now")
@login_required
def strip_now() -> ResponseReturnValue:
    """The polled part."""
    session, actor = db_session(), current_actor()
    counter = hall.my_counter(session, actor)
    if counter is None and "window_clerk" not in actor.roles:
        raise NotFound()
    at = now()
    hall_id = counter.hall_id if counter is not None else actor.unit_id or ""
    mark = f"{figures.mark(session, hall_id, clock.local_day(at))}-{at:%H%M}-{actor.person_id}"
    return polled(mark, lambda: render_template("hall/_strip.html", **_now()))


def _now() -> dict[str, Any]:
    session, actor, at = db_session(), current_actor(), now()
    counter = hall.my_counter(session, actor)
    one = hall.current(session, actor)
    settings = tables.hall_of(session, counter.hall_id) if counter is not None else None
    waiting = queue.waiting(session, settings, counter, at) if settings is not None else []
    return {
        "counter": counter,
        "agency": tables.agency(session, counter.hall_id) if counter is not None else None,
        "one": one,
        "matters": hall.matters(session, actor, one) if one is not None else [],
        "stages": [_(stage) for stage in tickets.STAGES],
        "matter": str((one.content.fields or {}).get("matter") or "") if one is not None else "",
        "since": f"{one.called_at.astimezone(CHINA):%H:%M}" if one is not None and one.called_at else "",
        "waiting": len(waiting),
        "longest": max((int((at - w.came_at).total_seconds() // 60) for w in waiting), default=0),
        "aside": _aside(counter),
        "counters": hall.counters_of(session, actor),
        "others": [c for c in tables.counters(session, counter.hall_id) if c.open and c.id != counter.id]
        if counter is not None
        else [],
        "unread": window_rules.unread(session, actor, tables.agency(session, counter.hall_id))
        if counter is not None
        else [],
        "counter_url": url_for("cases.counter") if _has("cases.counter") else "",
    }


def _has(endpoint: str) -> bool:
    from flask import current_app

    return endpoint in current_app.view_functions


def _aside(counter: HallCounter | None) -> list[HallTicket]:
    """Numbers on hold and missed in this hall today: what the clerk may take up again."""
    if counter is None:
        return []
    statement = (
        select(HallTicket)
        .join(Content, Content.id == HallTicket.content_id)
        .where(
            HallTicket.hall_id == counter.hall_id,
            HallTicket.day == clock.local_day(now()),
            HallTicket.state.in_(("held", "missed")),
        )
        .options(joinedload(HallTicket.content))
        .order_by(HallTicket.state, HallTicket.called_at)
        .limit(50)
    )
    return list(db_session().scalars(access.visible(statement, current_actor())).unique())


VERBS = "sit, stand_up, next, again, serve, finish, no_show, hold, move, resume, requeue, matter"


@bp.post(f"/strip/<any({VERBS}):verb>")
@login_required
def press(verb: str) -> ResponseReturnValue:
    """Every key of the strip ends here; a refusal says what is in the way and what was typed stays."""
    session, actor, given = db_session(), current_actor(), request.form
    uid = given.get("uid", "")
    acts: dict[str, Any] = {
        "sit": lambda: _sat(hall.sit(session, actor, queue.require_number(given.get("counter", "")))),
        "stand_up": lambda: _said(hall.stand_up(session, actor), _("已离开窗口。")),
        "next": _next,
        "again": lambda: _of(hall.call_again(session, actor), _("又叫了一次")),
        "serve": lambda: _of(hall.serve(session, actor), _("开始受理")),
        "finish": lambda: _of(hall.finish(session, actor), _("已办结")),
        "no_show": lambda: _of(hall.no_show(session, actor), _("记为过号")),
        "hold": lambda: _of(hall.hold(session, actor, given.get("reason", "")), _("已暂缓，窗口空出来了")),
        "move": lambda: _of(
            hall.move(session, actor, given.get("to_counter", ""), given.get("reason", "")), _("已转窗口，号不变")
        ),
        "resume": lambda: _of(hall.resume(session, actor, uid), _("接着办")),
        "requeue": lambda: _of(hall.requeue(session, actor, uid), _("已重排")),
        "matter": _matter,
    }
    said, refusal = forms.attempt(acts[verb])
    if refusal is not None:
        flash(refusal.detail, "error")
        known = hall.counters_of(session, actor)
        if not known and "window_clerk" not in actor.roles:
            raise NotFound()
        page = render_template(
            "hall/strip.html",
            **_now(),
            poll_url=url_for("hall.strip_now"),
            typed={"reason": given.get("reason", ""), "to_counter": given.get("to_counter", ""), "verb": verb},
        )
        return page, refusal.status
    flash(str(said), "success")
    back = given.get("back", "")
    return redirect(back if back.startswith("/") and not back.startswith("//") else url_for("hall.strip"), 303)


def _next() -> str:
    session, actor = db_session(), current_actor()
    counter = hall.my_counter(session, actor)
    if counter is None:
        raise RequirementUnmet(_("您还没有坐到窗口。请先选您今天的窗口。"))
    one = hall.call_next(session, actor, counter)
    if one is None:
        return _("现在没有人等。")
    return _("请 %(ticket)s 到%(counter)s号窗口。", ticket=one.ticket, counter=counter.code)


def _matter() -> str:
    session, actor = db_session(), current_actor()
    one = hall.current(session, actor)
    if one is None:
        raise RequirementUnmet(_("您的窗口现在没有叫到的号。"))
    return _("已加上：%(what)s。", what=hall.add_matter(session, one, title=request.form.get("words", "")).title)


def _sat(counter: HallCounter) -> str:
    return _("您现在在%(code)s号窗口。", code=counter.code)


def _of(one: HallTicket, what: str) -> str:
    return f"{one.ticket}：{what}。"


def _said(_done: None, words: str) -> str:
    return words
