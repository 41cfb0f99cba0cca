"""移交, 接收回执 and 到期销毁: what the archive has signed for, and what may go after its time by the word of two."""

from __future__ import annotations

from types import SimpleNamespace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.archive.bp import EVERYBODY, KEEPERS, bp, keeper, row, tabs
from blueprints.context import db_session
from process.refusals import NotFound, Refusal
from process.words import N_
from services.archive import disposal, shelf

STATES = {
    disposal.PROPOSED: (N_("等另一个人同意"), "needs"),
    disposal.AGREED: (N_("已同意，正在销毁"), "running"),
    disposal.REFUSED: (N_("不同意"), "late"),
    disposal.DONE: (N_("已销毁"), "done"),
}


@bp.get("/receipts", endpoint="receipts")
@login_required
def receipts() -> ResponseReturnValue:
    return receipts_page()


def receipts_page(refusal: Refusal | None = None) -> ResponseReturnValue:
    """What waits to be handed over, the form of the receipt, and what was received."""
    actor, session = keeper(), db_session()
    html = render_template(
        "archive/receipts.html",
        tabs=tabs("archive.receipts"),
        waiting=[row(one) for one in shelf.entries(session, actor, (shelf.BUILT,), shelf.MOST)],
        received=[row(one) for one in shelf.entries(session, actor, (shelf.RECEIVED, shelf.DESTROYED), 50)],
        chosen=frozenset(request.form.getlist("uid")),
        refusal=refusal,
        values=request.form,
    )
    return (html, refusal.status) if refusal is not None else html


@bp.post("/receipts")
@login_required
def receive() -> ResponseReturnValue:
    actor, session = keeper(), db_session()
    try:
        with session.begin_nested():
            made = shelf.receive(session, actor, request.form.getlist("uid"), request.form)
    except NotFound:
        raise
    except Refusal as refusal:
        session.expire_all()
        return receipts_page(refusal)
    flash(_("回执 %(n)s 已登记，%(unit)s 已接收。", n=made.number, unit=made.receiver_unit), "success")
    return redirect(url_for("archive.receipts"), 303)


@bp.get("/disposals", endpoint="disposals")
@login_required
def disposals() -> ResponseReturnValue:
    return disposals_page()


def disposals_page(refusal: Refusal | None = None) -> ResponseReturnValue:
    """What is over, what was proposed, and the answers."""
    actor, session = keeper(EVERYBODY), db_session()
    lists = []
    for one in disposal.listed(session, actor):
        label, tone = STATES[one.status]
        lists.append(
            SimpleNamespace(
                uid=one.uid,
                unit=one.unit.name,
                reason=one.reason,
                label=_(label),
                tone=tone,
                who=one.proposed_by.name,
                at=present.moment(one.proposed_at),
                answer=one.words,
                by=one.decided_by.name if one.decided_by else "",
                numbers=[entry.number for entry in one.entries],
                may=disposal.may_decide(actor, one),
                own=one.status == disposal.PROPOSED and one.proposed_by_id == actor.person_id,
            )
        )
    html = render_template(
        "archive/disposals.html",
        tabs=tabs("archive.disposals"),
        proposes=not KEEPERS.isdisjoint(actor.roles),
        over=[row(one) for one in disposal.over(session, actor)],
        lists=lists,
        chosen=frozenset(request.form.getlist("uid")),
        refusal=refusal,
        values=request.form,
    )
    return (html, refusal.status) if refusal is not None else html


@bp.post("/disposals")
@login_required
def propose() -> ResponseReturnValue:
    actor, session = keeper(), db_session()
    try:
        with session.begin_nested():
            disposal.propose(session, actor, request.form.getlist("uid"), request.form.get("reason"))
    except NotFound:
        raise
    except Refusal as refusal:
        session.expire_all()
        return disposals_page(refusal)
    flash(_("销毁清册已提出，等另一个人同意。"), "success")
    return redirect(url_for("archive.disposals"), 303)


@bp.post("/disposals/<uid>")
@login_required
def decide(uid: str) -> ResponseReturnValue:
    actor, session = keeper(EVERYBODY), db_session()
    agree = request.form.get("answer") == "agree"
    try:
        with session.begin_nested():
            disposal.decide(session, actor, uid, agree=agree, words=request.form.get("words"))
    except NotFound:
        raise
    except Refusal as refusal:
        session.expire_all()
        return disposals_page(refusal)
    flash(_("已同意，存储的内容正在销毁，经过保留。") if agree else _("已答复不同意。"), "success")
    return redirect(url_for("archive.disposals"), 303)
