"""How names are read: initials for names whose characters have several readings."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.lists.bp import bp
from process.refusals import NotFound, Refusal
from services import name_readings


def _keeper() -> None:
    if not name_readings.may_edit(current_actor()):
        raise NotFound()


@bp.route("/readings", methods=["GET", "POST"])
@login_required
def readings() -> ResponseReturnValue:
    """姓名拼音首字母: where the usual reading is wrong, the office writes its own."""
    _keeper()
    session, wrong = db_session(), None
    if request.method == "POST":
        try:
            with session.begin_nested():
                kept = name_readings.keep(
                    session, current_actor(), request.form.get("name"), request.form.get("initials")
                )
        except Refusal as refusal:
            wrong = refusal
        else:
            flash(
                _("已记下：%(name)s 可用 %(letters)s 查找。", name=kept.name, letters=kept.initials.upper())
                if kept is not None
                else _("已恢复通常的读音。"),
                "success",
            )
            return redirect(url_for("lists.readings"), 303)
    page = render_template(
        "lists/readings.html",
        rows=name_readings.listed(session),
        name=request.form.get("name", ""),
        initials=request.form.get("initials", ""),
        wrong=wrong,
    )
    return page, wrong.status if wrong is not None else 200
