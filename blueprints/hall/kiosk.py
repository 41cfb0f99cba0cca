"""取号机: big buttons for what people come for, several at once on one number. It asks for nothing about the person."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.hall.bp import LOBBY, bp, hall_for
from blueprints.hall.desk import grounds, items_of
from catalogue import loader as catalogue
from models.base import now
from services import hall, opening
from services.hall import tickets


@bp.route("/<place_id>/kiosk", methods=["GET", "POST"])
@login_required
def kiosk(place_id: str) -> ResponseReturnValue:
    """The machine at the door, signed in by the lobby manager in the morning."""
    agency, session, actor = hall_for(place_id, LOBBY), db_session(), current_actor()
    chosen = [one for one in request.form.getlist("item") if one]
    refusal = None
    if request.method == "POST":
        made, refusal = forms.attempt(
            lambda: hall.take(
                session,
                actor,
                agency.id,
                matters=chosen,
                words=request.form.get("words", ""),
                ground=request.form.get("ground", ""),
                source="machine",
            )
        )
        if refusal is None and made is not None:
            return redirect(url_for("hall.slip", uid=made.content.uid, at="machine"), 303)
        if refusal is not None:
            flash(refusal.detail, "error")
    names = dict(items_of(session, agency))
    english = str(get_locale()) == "en"
    groups = [
        (
            category.name_en if english else category.name,
            [
                (one.id, names[one.id])
                for one in catalogue.items().values()
                if one.category == category.id and one.id in names
            ],
        )
        for category in catalogue.schemes().categories
    ]
    html = render_template(
        "hall/kiosk.html",
        agency=agency,
        groups=[group for group in groups if group[1]],
        chosen=chosen,
        words=request.form.get("words", ""),
        ground=request.form.get("ground", ""),
        grounds=grounds(),
        shut="" if opening.is_open(session, agency, "window", now()) else tickets.closed(session, agency.id, now()),
    )
    return (html, refusal.status) if refusal is not None else html
