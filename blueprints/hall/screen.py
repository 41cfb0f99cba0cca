"""叫号大屏: numbers and counters, no names. It follows within two seconds, and speaks where the browser can."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from blueprints.context import db_session
from blueprints.hall.bp import bp, polled
from models.agency import Agency
from models.base import now
from process import clock
from process.numbers import CHINA
from services import opening
from services.hall import figures, tables


@bp.get("/<place_id>/screen")
def screen(place_id: str) -> ResponseReturnValue:
    """The page for the big screen; open to everybody, for it hangs on the wall."""
    agency = tables.agency(db_session(), place_id)
    return render_template("hall/screen.html", **_shown(agency), poll_url=url_for("hall.screen_now", place_id=place_id))


@bp.get("/<place_id>/screen/now")
def screen_now(place_id: str) -> ResponseReturnValue:
    """Asked every second: one row read, and an empty 304 while nothing has moved."""
    session, agency = db_session(), tables.agency(db_session(), place_id)
    at = now()
    mark = f"{figures.mark(session, agency.id, clock.local_day(at))}-{at.astimezone(CHINA):%H%M}"
    return polled(mark, lambda: render_template("hall/_screen.html", **_shown(agency)))


def _shown(agency: Agency) -> dict[str, object]:
    at = now()
    return {
        "agency": agency,
        "shown": figures.screen(db_session(), agency.id, clock.local_day(at)),
        "clock": f"{at.astimezone(CHINA):%H:%M}",
        "hours": opening.sentence(db_session(), agency),
    }
