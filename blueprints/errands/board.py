"""The board of the street: cards in columns, polled with an ETag, claimed by button, key or hand."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from flask import Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session, load_for_step
from blueprints.errands import cards, views
from blueprints.errands.bp import BOARD_ROLES, POSTING_ROLES, bp
from blueprints.errands.views import View
from blueprints.errands.watch import Unchanged
from blueprints.present import title_of
from models.base import now
from models.errand import Errand
from process.access import Actor
from process.refusals import Forbidden, RequirementUnmet
from services import actions, errand_board, places
from services.errand_board import Glance, Load


@bp.get("/board")
@login_required
def board() -> ResponseReturnValue:
    actor, at, view = _visitor(), now(), views.read()
    scope = places.street_of_actor(db_session(), actor)
    load = errand_board.load_of(db_session(), actor)
    return render_template(
        "errands/board.html",
        place_name=scope.name if scope else actor.unit_name,
        hall=view.hall,
        **_cards(actor, errand_board.glance(db_session(), actor, at), load, at, view),
        poll_url=url_for("errands.cards", **view.arguments),
        tools=views.tools(db_session(), scope, view),
        hall_url=url_for("errands.board", screen="hall"),
        board_url=url_for("errands.board"),
        mine_url=url_for("errands.mine") if load else None,
        couriers_url=url_for("errands.couriers"),
        tours_url=url_for("errands.all_tours") if "errand_dispatcher" in actor.roles else None,
        points_url=url_for("errands.points") if actor.roles & POSTING_ROLES else None,
        list_url=url_for("generic.listed", type_id="errand") if actor.roles - {"red_courier"} else None,
        post_url=url_for("errands.new") if actor.roles & POSTING_ROLES else None,
        my_open=load.on_hand if load else None,
        my_limit=load.limit if load else None,
    )


@bp.get("/board/cards", endpoint="cards")
@login_required
def board_cards() -> ResponseReturnValue:
    """The polled part. Nothing changed costs a few small queries and an empty 304."""
    actor, at, view = _visitor(), now(), views.read()
    watched: Unchanged = current_app.extensions["board_watch"]
    begun = watched.before()
    glance, load = errand_board.glance(db_session(), actor, at), errand_board.load_of(db_session(), actor)
    etag = _etag(glance, actor, load, view)
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    else:
        poll_url = url_for("errands.cards", **view.arguments)
        response = make_response(
            render_template(
                "errands/_board.html", hall=view.hall, poll_url=poll_url, **_cards(actor, glance, load, at, view)
            )
        )
    response.set_etag(etag, weak=True)
    if glance.turns is not None:
        watched.keep(request.environ, f'W/"{etag}"', begun, (glance.turns - at).total_seconds())
    return response


def _cards(actor: Actor, glance: Glance, load: Load | None, at: datetime, view: View) -> dict[str, Any]:
    session = db_session()
    shown = views.chosen(errand_board.board(session, actor, glance), view, actor, at)
    limits = errand_board.limits_of(session, shown) if view.by == "courier" else {}
    nameless = errand_board.unlisted(session, shown) if view.hall else frozenset()
    drawn = cards.columns(session, actor, shown, glance, load, at, view=view, limits=limits, nameless=nameless)
    return {"columns": drawn}


def _etag(glance: Glance, actor: Actor, load: Load | None, view: View) -> str:
    text = f"{glance.mark} {actor.person_id} {actor.epoch} {load} {view.arguments} {get_locale()}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _visitor() -> Actor:
    actor = current_actor()
    if not actor.roles & BOARD_ROLES:
        raise Forbidden(_("任务板由跑腿工、调度员和各单位窗口使用。您的办件进度请在“我的工作台”里看。"))
    return actor


@bp.post("/<uid>/press/<any(claim, claim_first, join, set_off, start, post, reopen, confirm):step>")
@login_required
def press(uid: str, step: str) -> ResponseReturnValue:
    """A step that asks nothing: the button, the key and the drag all end here."""
    errand, actor = load_for_step(Errand, uid, step), current_actor()
    try:
        done = actions.perform(errand, step, actor)
    except RequirementUnmet as unmet:
        # Nothing was typed here, so there are no boxes to mend: only the sentence is said.
        raise RequirementUnmet(unmet.detail) from unmet
    flash(_("%(number)s：%(what)s，已办好。", number=errand.number or "", what=title_of(done.transition)), "success")
    if request.form.get("from") == "phone":
        return redirect(url_for("errands.mine"), 303)
    return redirect(url_for("errands.board"), 303)
