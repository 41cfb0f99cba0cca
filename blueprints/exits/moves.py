"""换一种出法: express, the door, the cabinet, another station, back to the window; and the reminder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.exits.bp import bp
from blueprints.exits.views import person_page, staff_only
from models.exit import Outgoing
from process.refusals import InvalidInput, Refusal
from services import exit_cabinet, exit_moves, exit_reminders, outgoing

Verb = Callable[[Outgoing], str]


@bp.post("/<uid>/move")
@login_required
def move(uid: str) -> ResponseReturnValue:
    """One of the other ways out; a refusal comes back to the same page with what was typed."""
    staff_only()
    session, actor = db_session(), current_actor()
    # The cabinet locks everything in the box in one order; a row locked before it would be out of that order.
    row = outgoing.load(session, actor, uid, lock=request.form.get("do") != "code")
    try:
        verb = _VERBS.get(request.form.get("do", ""))
        if verb is None:
            raise InvalidInput(_("请选一种出法：快递、送上门、取件柜、别的站点，或提醒本人。"), {"do": _("请选出法")})
        if request.form.get("do") == "code" and not exit_cabinet.fits(session, row, _typed("code")):
            # A wrong code is counted: answered as done, or the count would be taken back with the refusal.
            flash(exit_cabinet.wrong_code(row), "error")
            return redirect(url_for("exits.hand", uid=uid), 303)
        with session.begin_nested():
            words = verb(row)
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        return person_page(uid, request.form, refusal, about=uid), refusal.status
    flash(words, "success")
    if row.state == outgoing.GONE and row.receipt is not None:
        return redirect(url_for("exits.receipt", uid=row.receipt.uid), 303)
    return redirect(url_for("exits.hand", uid=uid), 303)


def _typed(name: str) -> str:
    return " ".join(request.form.get(name, "").split())[:200]


def _express(row: Outgoing) -> str:
    exit_moves.send_by_express(db_session(), current_actor(), row, _typed("express_number"))
    return _("%(number)s 已交快递，单号已告诉本人。", number=row.case.number)


def _signed(row: Outgoing) -> str:
    exit_moves.signed_for(db_session(), current_actor(), row, _typed("name")[:60])
    return _("%(number)s 快递已签收。", number=row.case.number)


def _door(row: Outgoing) -> str:
    errand = exit_moves.send_by_errand(db_session(), current_actor(), row)
    return _("已在任务板上发布 %(number)s，跑腿工认领后来取。", number=errand.number)


def _cabinet(row: Outgoing) -> str:
    exit_cabinet.put(db_session(), current_actor(), [row], _typed("box"))
    return _("已放进 %(box)s 号柜，取件码已发给本人。", box=row.box)


def _code(row: Outgoing) -> str:
    receipt = exit_cabinet.take(db_session(), current_actor(), row)
    return _("取件码正确，柜里 %(n)s 份已交出，签收单 %(number)s。", n=len(receipt.rows), number=receipt.number)


def _station(row: Outgoing) -> str:
    exit_moves.send_to_station(db_session(), current_actor(), row, _typed("unit"))
    return _("已转往%(unit)s，由对方清点接收；接收前仍由本窗口负责。", unit=row.moved_to.name if row.moved_to else "")


def _back(row: Outgoing) -> str:
    exit_moves.take_back(db_session(), current_actor(), row, _typed("words"))
    return _("%(number)s 已收回窗口。", number=row.case.number)


def _remind(row: Outgoing) -> str:
    step = exit_reminders.by_hand(db_session(), current_actor(), row)
    return _("已提醒本人，这是第 %(n)d 次。", n=step)


_VERBS: dict[str, Verb] = {
    "express": _express,
    "signed": _signed,
    "door": _door,
    "cabinet": _cabinet,
    "code": _code,
    "station": _station,
    "back": _back,
    "remind": _remind,
}


@bp.post("/<uid>/arrive")
@login_required
def arrive(uid: str) -> ResponseReturnValue:
    """The other station counts what is in the envelope."""
    staff_only()
    session, actor = db_session(), current_actor()
    row = outgoing.load(session, actor, uid, arriving=True)
    counted: dict[int, Any] = {}
    for name, value in request.form.items():
        position = name.removeprefix("line-")
        if name.startswith("line-") and position.isdecimal() and value.strip().isdecimal() and len(value.strip()) < 5:
            counted[int(position)] = int(value)
    try:
        with session.begin_nested():
            exit_moves.arrive(session, actor, row, counted)
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        return person_page(uid, request.form, refusal, about=uid), refusal.status
    flash(_("%(number)s 已清点接收，在本站等人来领，已告诉本人。", number=row.case.number), "success")
    return redirect(url_for("exits.hand", uid=uid), 303)
