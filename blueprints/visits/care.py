"""动态管理名册: who is visited at home in my grid, and whom to look at again."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.visits.bp import bp
from models.base import now
from models.resident import CareEntry
from process import clock, eligibility
from process.masking import mask_address, mask_name
from process.refusals import InvalidInput
from services import care

LIMIT = 200


@bp.get("/care")
@login_required
def register() -> ResponseReturnValue:
    session, actor, today = db_session(), current_actor(), clock.local_day(now())
    ended = request.args.get("show") == "ended"
    condition = CareEntry.ended_on.is_not(None) if ended else CareEntry.ended_on.is_(None)
    found = (
        session.scalars(care.visible(actor).where(condition).order_by(CareEntry.review_on, CareEntry.id).limit(LIMIT))
        .unique()
        .all()
    )
    rows = [
        SimpleNamespace(
            id=e.id,
            who=mask_name(e.resident.name),
            where=mask_address(e.resident.address) if e.resident.address else "",
            why=_(eligibility.CONDITIONS.get(e.condition, e.condition)),
            since=e.opened_on.isoformat(),
            review=e.review_on.isoformat() if e.review_on else "",
            late=bool(e.review_on and e.review_on <= today and e.ended_on is None),
            ended=e.ended_on.isoformat() if e.ended_on else "",
            reason=e.end_reason,
        )
        for e in found
    ]
    return render_template("visits/care.html", rows=rows, ended=ended)


@bp.get("/care/<int:entry_id>")
@login_required
def entry(entry_id: int) -> ResponseReturnValue:
    return _entry_page(care.load(db_session(), current_actor(), entry_id))


def _entry_page(found: CareEntry, problem: str = "") -> str:
    words = {
        "care:open": _("列入名册"),
        "care:review": _("复核"),
        "care:end": _("移出名册"),
        "care:reopen": _("重新列入"),
    }
    entries = [
        {
            "when": present.moment(row.at),
            "who": row.person.name if row.person else "",
            "for_whom": "",
            "kind": "move",
            "title": words.get(row.action, row.action),
            "text": (row.details or {}).get("reason", ""),
        }
        for row in reversed(care.history(db_session(), found))
    ]
    return render_template(
        "visits/care_entry.html",
        entry=found,
        why=_(eligibility.CONDITIONS.get(found.condition, found.condition)),
        conditions=eligibility.CONDITIONS,
        entries=entries,
        problem=problem,
    )


@bp.post("/care/<int:entry_id>/<any(review, end):step>")
@login_required
def change(entry_id: int, step: str) -> ResponseReturnValue:
    """A fresh look at an entry, or its end."""
    session, actor = db_session(), current_actor()
    found = care.load(session, actor, entry_id)
    try:
        with session.begin_nested():
            if step == "end":
                care.end(session, actor, found, request.form.get("reason"), now())
            else:
                care.enter(
                    session,
                    actor,
                    found.resident,
                    condition=request.form.get("condition", found.condition),
                    proof=request.form.get("proof", "").strip()[:2000] or None,
                    at=now(),
                    review_on=_day(request.form.get("review_on", "")),
                )
    except InvalidInput as refusal:
        session.expire_all()
        return _entry_page(care.load(session, actor, entry_id), refusal.detail), 422
    flash(_("名册已更新。"), "success")
    return redirect(url_for("visits.register"), 303)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("下次复核日期请写成 2026-03-05 的样子，且必须存在。", {"review_on": "日期不对"}) from error
