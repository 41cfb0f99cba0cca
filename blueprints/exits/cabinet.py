"""自助取件: at the terminal of the hall whoever has the code types box and code; nobody of the staff has to hear it."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.exits.bp import bp
from blueprints.exits.views import staff_only
from process.refusals import Refusal
from services import exit_cabinet


@bp.route("/cabinet", methods=["GET", "POST"])
@login_required
def cabinet() -> ResponseReturnValue:
    """Says nothing of whom the box is for; a wrong code is counted, whoever typed it."""
    staff_only()
    if request.method == "GET":
        return _page("")
    session, actor = db_session(), current_actor()
    box, code = request.form.get("box", "")[:20], request.form.get("code", "")[:20]
    row = exit_cabinet.at_terminal(session, actor, box)
    if row is None:
        return _page(exit_cabinet.WRONG), 422
    try:
        if not exit_cabinet.fits(session, row, code):
            # Answered as done, or the count would be taken back with the refusal.
            flash(exit_cabinet.wrong_code(row), "error")
            return redirect(url_for("exits.cabinet"), 303)
        with session.begin_nested():
            receipt = exit_cabinet.take(session, actor, row)
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        return _page(refusal.detail), refusal.status
    flash(
        _(
            "%(box)s 号柜已开，请取走 %(n)s 份。签收单 %(number)s。",
            box=row.box,
            n=len(receipt.rows),
            number=receipt.number,
        ),
        "success",
    )
    return redirect(url_for("exits.cabinet"), 303)


def _page(problem: str) -> str:
    # The code is typed anew; the box stays.
    return render_template("exits/cabinet.html", box=request.form.get("box", "")[:20], problem=problem)
