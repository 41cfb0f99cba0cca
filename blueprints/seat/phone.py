"""The resident's own phone: scan, prove who you are, read what will be filed, say yes or no."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from blueprints.context import db_session
from blueprints.seat.bp import bp
from extensions import limiter
from models.seat import SeatConfirmation
from process.refusals import Refusal
from services import seat


@bp.route("/confirm/<token>", methods=["GET", "POST"])
@limiter.limit("60/minute")
def phone(token: str) -> ResponseReturnValue:
    """Nothing of the form is shown before the four digits agree."""
    session = db_session()
    one = seat.by_token(session, token)
    why = seat.stopped(one)
    if request.method == "GET" or why:
        return _page(one, why)
    if not seat.is_person(session, one, request.form.get("last4", "")[:20]):
        # Counted, so it is answered as done: a refusal would take the count back.
        return _page(one, seat.stopped(one), _("身份证号码后四位不对，请看着身份证再输一次。"))
    do = request.form.get("do", "")
    if do not in ("yes", "no"):
        return _page(one, "", "", read=True)
    try:
        with session.begin_nested():
            seat.answer(session, one, yes=do == "yes", words=request.form.get("words", ""))
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        return _page(seat.by_token(session, token), "", refusal.detail, read=True), refusal.status
    return _page(one, seat.stopped(one), done=True)


def _page(one: SeatConfirmation, stopped: str, wrong: str = "", *, read: bool = False, done: bool = False) -> str:
    session, case = db_session(), one.case
    return render_template(
        "seat/phone.html",
        stopped=stopped,
        wrong=wrong,
        done=done,
        read=read,
        title=case.title if read else "",
        name=case.applicant.name if read and case.applicant is not None else "",
        lines=seat.lines(case) if read else [],
        last4=request.form.get("last4", "")[:20] if read else "",
        words=request.form.get("words", "")[:200],
        guide=one.guide.name if read else "",
        unit=seat.unit_of(session, one).name,
    )
