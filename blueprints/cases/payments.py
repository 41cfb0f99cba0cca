"""发放清单: the paying bank's own page. Nobody else opens it, because account numbers stand on it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present, timeline
from blueprints.cases.bp import bp
from blueprints.context import current_actor, db_session
from models.base import now
from models.payment import PaymentList
from process.clock import local_day
from process.refusals import Refusal
from process.words import N_
from services import payments

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
timeline.JOURNAL_WORDS |= {
    "payment:list": N_("列入发放清单"),
    "payment:export": N_("导出发放清单"),
}
# What one level tells the level before it is between offices; the applicant reads what is asked of the applicant.
timeline.BETWEEN_OFFICES |= {
    f"subsidy_three_level:{step}" for step in ("back_to_check", "back_to_review", "back_to_approve")
}


@bp.get("/subsidies/payments", endpoint="payments")
@login_required
def index() -> ResponseReturnValue:
    return _index()


def _index(refusal: Refusal | None = None) -> str:
    session, actor = db_session(), current_actor()
    found = payments.waiting(session, actor)
    chosen = set(request.form.getlist("uid")) if refusal is not None else {p.content.uid for p in found if not p.wrong}
    return render_template(
        "cases/payments.html",
        waiting=[_line(one, one.content.uid in chosen) for one in found],
        lists=[_head(one) for one in payments.lists(session, actor)],
        total=sum(one.amount for one in found if not one.wrong),
        problem=refusal.detail if refusal is not None else "",
    )


def _line(one: payments.Payment, chosen: bool = False) -> Any:
    return SimpleNamespace(
        uid=one.content.uid,
        number=one.content.number,
        url=url_for("content.show", uid=one.content.uid),
        name=one.name,
        # In groups of four, as on the card, so that it can be read aloud.
        account=" ".join(one.account[i : i + 4] for i in range(0, len(one.account), 4)),
        amount=one.amount,
        subsidy=one.content.values.get("subsidy") or one.content.title,
        since=present.day(one.content.entered_at),
        wrong=one.wrong,
        chosen=chosen,
    )


def _head(one: PaymentList) -> Any:
    return SimpleNamespace(
        uid=one.uid,
        number=one.number,
        count=len(one.lines),
        total=sum(line.amount for line in one.lines if line.state != "failed"),
        failed=sum(line.state == "failed" for line in one.lines),
        made=f"{one.made_by.name} {present.moment(one.made_at)}",
        paid=present.day_of(one.paid_on),
    )


@bp.post("/subsidies/payments", endpoint="make_payments")
@login_required
def make() -> ResponseReturnValue:
    session = db_session()
    try:
        with session.begin_nested():
            made = payments.make(session, current_actor(), request.form.getlist("uid"))
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        return _index(refusal), refusal.status
    flash(_("发放清单 %(number)s 已编好，共 %(n)d 笔。", number=made.number, n=len(made.lines)), "success")
    return redirect(url_for("cases.payment_list", uid=made.uid), 303)


@bp.get("/subsidies/payments/<uid>", endpoint="payment_list")
@login_required
def show(uid: str) -> ResponseReturnValue:
    return _page(payments.load(db_session(), current_actor(), uid, lock=False))


def _page(made: PaymentList, refusal: Refusal | None = None) -> str:
    rows = []
    for line in made.lines:
        row = _line(payments.payment(line.content))
        row.amount, row.state, row.reason = line.amount, line.state, line.reason
        row.failed = bool(request.form.get(f"failed-{row.uid}"))
        row.typed = request.form.get(f"reason-{row.uid}", "")
        row.error = (refusal.errors if refusal else {}).get(f"reason-{row.uid}", "")
        rows.append(row)
    return render_template(
        "cases/payment_list.html",
        made=made,
        head=_head(made),
        rows=rows,
        today=request.form.get("paid_on") or local_day(now()).isoformat(),
        problem=refusal.detail if refusal is not None else "",
        errors=refusal.errors if refusal is not None else {},
    )


@bp.post("/subsidies/payments/<uid>/file", endpoint="payment_file")
@login_required
def take_out(uid: str) -> ResponseReturnValue:
    """The file for the bank's program; a press, not a link, because it is written down who took it."""
    session, actor = db_session(), current_actor()
    made = payments.load(session, actor, uid)
    response = Response(payments.file_of(session, actor, made), mimetype=EXCEL)
    response.headers.set("Content-Disposition", "attachment", filename=f"{made.number}.xlsx")
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/subsidies/payments/<uid>", endpoint="settle_payments")
@login_required
def settle(uid: str) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    made = payments.load(session, actor, uid)
    failed = {
        name.removeprefix("failed-"): request.form.get(f"reason-{name.removeprefix('failed-')}", "")
        for name in request.form
        if name.startswith("failed-")
    }
    try:
        with session.begin_nested():
            payments.settle(session, actor, made, request.form.get("paid_on", ""), failed)
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        return _page(payments.load(session, actor, uid, lock=False), refusal), refusal.status
    flash(_("清单 %(number)s 已登记发放。没发成的已退回区残联。", number=made.number), "success")
    return redirect(url_for("cases.payment_list", uid=uid), 303)
