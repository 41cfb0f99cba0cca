"""For the administrator: what waits, what failed for good, and a second try. Accounts and contents are not shown here."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints import present
from blueprints.context import current_actor, db_session
from models.base import now
from models.ledger import OutboxItem
from process import journal, outbox
from process.refusals import NotFound

bp = Blueprint("admin", __name__, url_prefix="/admin")


def _administrator() -> None:
    if "system_admin" not in current_actor().roles:
        raise NotFound()


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    _administrator()
    session = db_session()
    dead = session.scalars(
        select(OutboxItem).where(OutboxItem.status == "dead").order_by(OutboxItem.id.desc()).limit(100)
    ).all()
    return render_template("admin/index.html", status=outbox.status(session), dead=dead, moment=present.moment)


@bp.post("/outbox/<int:item_id>/again")
@login_required
def again(item_id: int) -> ResponseReturnValue:
    """A dead letter gets a new chance after its cause was mended."""
    _administrator()
    session = db_session()
    item = session.get(OutboxItem, item_id)
    if item is None or item.status != "dead":
        raise NotFound()
    item.status, item.attempts, item.available_at, item.rung_at, item.error = "waiting", 0, now(), None, None
    journal.record(
        session, "outbox:again", current_actor(), stream="system", details={"item": item_id, "job": item.job}
    )
    flash(_("已重新排队，通常几秒内办完。"), "success")
    return redirect(url_for("admin.index"), 303)
