"""核验统计: how often papers of this office were asked about, and what was answered."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.trust.bp import bp
from process.refusals import NotFound
from services.trust import checks, seals


@bp.get("/papers/checks", endpoint="checks")
@login_required
def index() -> ResponseReturnValue:
    if not seals.may_read(current_actor()):
        raise NotFound()
    found = checks.figures(db_session(), current_actor())
    return render_template(
        "trust/checks.html",
        figures=found,
        days=checks.SHOWN_DAYS,
        results=[(result, _(word)) for result, word in checks.WORDS.items() if result != checks.UNKNOWN_STATE],
        total=sum(line.total for line in found.lines),
    )
