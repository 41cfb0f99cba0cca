"""自助打印 at a terminal: number and ID card in, the proof out; decided in another city, printed on the spot."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.exchange.bp import bp
from extensions import limiter
from process.refusals import InvalidInput, NotFound, Refusal
from services import files
from services.exchange import printing


@bp.route("/print", methods=["GET", "POST"], endpoint="terminal")
@login_required
@limiter.limit("20 per minute", methods=["POST"])
def terminal() -> ResponseReturnValue:
    """Nothing is listed here: without the card in hand nobody finds anybody."""
    actor = current_actor()
    if actor.roles.isdisjoint(printing.ATTENDANTS):
        raise NotFound()
    if request.method == "GET":
        return render_template("exchange/terminal.html", values={}, refusal=None)
    try:
        paper = printing.print_at_terminal(
            db_session(), actor, request.form.get("number", ""), request.form.get("id_number", "")
        )
    except Refusal as refusal:
        errors = (
            [{"field": name, "message": message} for name, message in refusal.errors.items()]
            if isinstance(refusal, InvalidInput) and refusal.errors
            else [{"field": "number", "message": refusal.detail}]
        )
        # The number may stay on the screen; an ID number never does.
        values = {"number": request.form.get("number", "")}
        return render_template("exchange/terminal.html", values=values, refusal=errors), refusal.status
    return redirect(url_for("exchange.printed", uid=paper.uid), 303)


@bp.get("/print/<uid>", endpoint="printed")
@login_required
def printed(uid: str) -> ResponseReturnValue:
    """Waits for the drawing, then offers the paper to the printer."""
    paper = printing.proof(db_session(), current_actor(), uid)
    return render_template(
        "exchange/printed.html",
        paper=paper,
        ready=printing.is_ready(paper),
        failed=paper.status == "failed",
        url=url_for("exchange.proof", uid=paper.uid),
    )


@bp.get("/print/<uid>.pdf", endpoint="proof")
@login_required
def proof(uid: str) -> ResponseReturnValue:
    paper = printing.proof(db_session(), current_actor(), uid)
    if paper.storage_key is None:
        raise NotFound(_("证明还在生成，请过几秒再取。"))
    answer = Response(files.store().read(paper.storage_key), content_type="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{paper.number or paper.uid}.pdf"'
    return answer
