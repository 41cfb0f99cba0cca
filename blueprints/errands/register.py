"""Posting an errand by hand, and the register of couriers by station and point."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import show_refusal
from blueprints.errands.bp import BOARD_ROLES, POSTING_ROLES, bp
from blueprints.errands.forms import ErrandForm
from blueprints.present import full_day
from models.base import now
from process import clock
from process.refusals import Forbidden, InvalidInput, NotFound
from services import actions, errand_board, places


@bp.route("/new", methods=["GET", "POST"])
@login_required
def new() -> ResponseReturnValue:
    """An errand in free words goes straight on the board."""
    actor, session = current_actor(), db_session()
    if not actor.roles & POSTING_ROLES:
        raise Forbidden(_("红色代办任务由代办站调度员、社区和窗口发布。请把要送的东西告诉他们。"))
    street = places.street_of_actor(session, actor)
    if street is None:
        raise NotFound()
    form = ErrandForm(
        places.desks(session, street, clock.local_day(now())),
        related=request.args.get("related", ""),
        from_agency=actor.unit_id,
    )
    if request.method == "GET":
        return render_template("errands/new.html", form=form, back_url=url_for("errands.board"))
    try:
        with session.begin_nested():
            errand = actions.create(session, actor, "errand", form.typed())
            actions.perform(errand, "post", actor)
    except InvalidInput as refusal:
        show_refusal(form, refusal)
        return render_template("errands/new.html", form=form, back_url=url_for("errands.board")), 422
    flash(_("%(number)s 已上任务板，等跑腿工认领。", number=errand.number or ""), "success")
    return redirect(url_for("errands.board"), 303)


@bp.get("/couriers")
@login_required
def couriers() -> ResponseReturnValue:
    """Who carries for which point: training, on hand, what was done. The order is that of the points, no ranking."""
    actor, session = current_actor(), db_session()
    if not actor.roles & BOARD_ROLES:
        raise Forbidden(_("跑腿工名册由代办站、社区和窗口使用。"))
    street = places.street_of_actor(session, actor)
    if street is None:
        raise NotFound()
    today = clock.local_day(now())
    by_point: dict[str, list[Any]] = defaultdict(list)
    found = errand_board.couriers(session, street, today)
    dispatches = actor.holds("errand_dispatcher", street.path)
    for courier in found:
        # Whoever wished it stands on this list without a name, except before the dispatchers and themselves.
        named = dispatches or not courier.unlisted or courier.person_id == actor.person_id
        by_point[courier.point.id].append(courier if named else replace(courier, name=_("不公开姓名"), username=""))
    nodes = [
        SimpleNamespace(
            id=node.id,
            name=node.name,
            kind=_("站") if node.kind == "errand_station" else _("点"),
            illustrative=node.illustrative,
            phone=(node.details or {}).get("phone", ""),
            couriers=by_point.get(node.id, []),
        )
        for node in errand_board.points_of(session, street, today)
    ]
    return render_template(
        "errands/couriers.html",
        street=street,
        nodes=nodes,
        full_day=full_day,
        total=len(found),
        expired=sum(c.expired for c in found),
        may_register=dispatches,
        waiting=errand_board.without_role(session, street, [c.person_id for c in found]),
        board_url=url_for("errands.board"),
    )
