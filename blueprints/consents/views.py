"""同意再用材料: the resident sees what they agreed to and takes it back; a clerk does it for whoever stands at the counter."""

from __future__ import annotations

from types import SimpleNamespace

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from models.resident import Resident
from process.refusals import Forbidden, Refusal
from services import consents

bp = Blueprint("consents", __name__)


@bp.route("/my/consents", methods=["GET", "POST"])
@login_required
def mine() -> ResponseReturnValue:
    """Mine, and mine to take back."""
    session, actor = db_session(), current_actor()
    resident = consents.own(session, actor)
    if request.method == "POST":
        try:
            with session.begin_nested():
                consents.withdraw(session, actor, resident)
        except Refusal as refusal:
            if refusal.status not in (409, 422):
                raise
            return _page(resident, own=True, refusal=refusal), refusal.status
        flash(_("已撤回。从现在起，以前交过的材料不再用于新的办件，要用时会重新问您。"), "success")
        return redirect(url_for("consents.mine"), 303)
    return _page(resident, own=True)


@bp.route("/consents", methods=["GET", "POST"])
@login_required
def index() -> ResponseReturnValue:
    """At the counter: whose card lies here, what they agreed to, and taking it back for them."""
    session, actor = db_session(), current_actor()
    if not actor.roles & consents.COUNTER:
        raise Forbidden(_("替本人查看和撤回同意由窗口的工作人员办。您自己的，在“同意再用材料”里撤回。"))
    if request.method == "GET":
        return _page(None)
    resident = None
    try:
        with session.begin_nested():
            resident = consents.asked_at_counter(session, actor, request.form.get("id_number", "")[:40])
            if request.form.get("do") == "withdraw":
                consents.withdraw(session, actor, resident, card_seen=bool(request.form.get("card_seen")))
                flash(_("已替本人撤回，从现在起不再用以前交过的材料。"), "success")
    except Refusal as refusal:
        if refusal.status not in (404, 409, 422):
            raise
        return _page(resident, refusal=refusal), refusal.status
    return _page(resident)


def _page(resident: Resident | None, *, own: bool = False, refusal: Refusal | None = None) -> str:
    session = db_session()
    found = consents.listed(session, resident) if resident is not None else []
    return render_template(
        "consents/index.html",
        own=own,
        found=resident is not None,
        name=resident.name if resident is not None else "",
        id_number="" if own else request.form.get("id_number", "")[:40],
        rows=[
            SimpleNamespace(
                since=present.day_of(one.given_on),
                until=present.day_of(one.until),
                ended=present.day_of(one.ended_on) if one.ended_on else "",
                by=one.taken_by.name,
                holds=consents.in_force(one),
            )
            for one in found
        ],
        holds=any(consents.in_force(one) for one in found),
        uses=[
            SimpleNamespace(
                name=use.name, number=use.number, day=present.day_of(use.day) if use.day else "", words=use.words
            )
            for use in (consents.uses(session, resident) if resident is not None else [])
        ],
        problem=refusal.detail if refusal is not None else "",
    )
