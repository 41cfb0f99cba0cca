"""通办 in figures: filed here, decided here, both; each ticket once."""

from __future__ import annotations

from datetime import date, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.exchange.bp import bp
from process.refusals import InvalidInput, NotFound
from services.exchange import items, statistics
from services.listing import begin_of


@bp.get("/statistics", endpoint="statistics")
@login_required
def index() -> ResponseReturnValue:
    actor = current_actor()
    if actor.roles.isdisjoint(statistics.READERS):
        raise NotFound()
    since, until = _day("since"), _day("until")
    found = statistics.figures(
        db_session(),
        actor,
        begin_of(since) if since else None,
        begin_of(until + timedelta(days=1)) if until else None,
    )
    return render_template(
        "exchange/statistics.html",
        figures=found,
        apart=statistics.apart(db_session()),
        regions=items.regions(),
        since=since,
        until=until,
    )


def _day(name: str) -> date | None:
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("日期请写成 2026-03-05 的样子，且必须存在。", {name: "日期不对"}) from error
