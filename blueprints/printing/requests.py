"""What needs a second person: corrections and one reprint too many; and the history of every print."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import db_session
from blueprints.printing.bp import at_the_desk, bp, tabs
from models.print_record import ReprintRequest
from process.access import Actor
from process.masking import mask_name
from process.refusals import InvalidInput, Refusal
from services import corrections, print_desk, print_records


@bp.get("/requests")
@login_required
def requests() -> ResponseReturnValue:
    return requests_page()


def requests_page(refusal: Refusal | None = None) -> ResponseReturnValue:
    actor, session = at_the_desk(print_desk.SECONDS | print_desk.DESK), db_session()
    html = render_template(
        "printing/requests.html",
        tabs=tabs("printing.requests"),
        corrections=corrections.waiting(session, actor),
        reprints=[(one, _may_answer(actor, one)) for one in print_records.asked(session, actor)],
        me=actor.person_id,
        moment=present.moment,
        masked=lambda name: "、".join(mask_name(one) for one in name.split("、")),
        refusal=refusal,
    )
    return (html, refusal.status) if refusal is not None else html


def _may_answer(actor: Actor, one: ReprintRequest) -> bool:
    return one.asked_by_id != actor.person_id and print_desk.works_at(actor, one.unit_path, print_desk.SECONDS)


@bp.post("/requests/<uid>")
@login_required
def answer(uid: str) -> ResponseReturnValue:
    """The second person's word on a reprint."""
    actor, session = at_the_desk(print_desk.SECONDS), db_session()
    agree = request.form.get("answer") == "agree"
    try:
        with session.begin_nested():
            print_records.answer(session, actor, uid, agree, request.form.get("words"))
    except InvalidInput as refusal:
        session.expire_all()
        return requests_page(refusal)
    flash(_("已同意补打一次。") if agree else _("已答复不同意。"), "success")
    return redirect(url_for("printing.requests"), 303)


@bp.get("/records")
@login_required
def records() -> ResponseReturnValue:
    """Every print with printer, copies and person."""
    actor = at_the_desk(print_desk.LOOKERS)
    before = request.args.get("before", "")
    again = request.args.get("again") == "1"
    found = print_records.history(
        db_session(),
        actor,
        before=int(before) if before.isdecimal() and len(before) < 19 else None,
        again=again,
        limit=51,
    )
    return render_template(
        "printing/records.html",
        tabs=tabs("printing.records"),
        rows=found[:50],
        again=again,
        moment=present.moment,
        next_url=url_for("printing.records", before=found[49].id, again=1 if again else None)
        if len(found) > 50
        else None,
    )
