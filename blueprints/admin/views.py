"""For the administrator: how the work behind the scenes goes. Accounts and contents are not shown here."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from config import Settings
from process import outbox
from process.heads import Book, HeadsError
from process.refusals import NotFound

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    if "system_admin" not in current_actor().roles:
        raise NotFound()
    settings: Settings = current_app.config["SETTINGS"]
    book = Book(settings.journal_heads, settings.journal_key)
    try:
        last = book.last()
        signed = last[0] if last else None
        alarm = book.alarm.exists()
    except HeadsError:
        signed, alarm = None, True
    return render_template(
        "admin/index.html", status=outbox.status(db_session()), signed=signed, alarm=alarm, moment=present.moment
    )
