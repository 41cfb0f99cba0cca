"""最多跑一次: shares per item, batch and station with their base, and the same as an Excel file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.reports.bp import bp
from blueprints.reports.words import Figure, Picked, over, percent, picked, share
from models.base import now
from services import sheets
from services.reports import trips as figures

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _picked() -> Picked:
    return picked(request.args.get("period", ""), request.args.get("place", ""))


@bp.get("/trips")
@login_required
def trips_report() -> ResponseReturnValue:
    """At most one trip, and none: of delivered cases, by item, batch and station."""
    chosen = _picked()
    found = figures.trips(db_session(), chosen.scope, chosen.period)
    total = found.total
    tiles = [
        Figure(_("最多跑一次"), percent(total.once, total.base), over(total.once, total.base)),
        Figure(_("零次跑"), percent(total.zero, total.base), over(total.zero, total.base)),
        Figure(
            _("平均跑几次"),
            "—" if total.mean is None else str(total.mean),
            _("%(trips)s 次 / %(n)s 件", trips=total.trips, n=total.base) if total.base else _("还没有可算的件"),
        ),
    ]
    return render_template(
        "reports/trips.html",
        picked=chosen,
        figures=tiles,
        items=[_row(one) for one in found.items],
        batches=[_row(one) for one in found.batches],
        stations=[_row(one) for one in found.stations],
        excel_url=chosen.link("reports.trips_excel"),
        here="reports.trips_report",
    )


def _row(one: figures.Trips) -> Any:
    return SimpleNamespace(
        title=one.title,
        base=one.base,
        mean="—" if one.mean is None else one.mean,
        once=share(one.once, one.base),
        zero=share(one.zero, one.base),
        reached=share(one.reached, one.items) if one.items else "",
    )


@bp.get("/trips.xlsx")
@login_required
def trips_excel() -> ResponseReturnValue:
    """The same figures as a file; it holds counts only, nobody's name."""
    chosen = _picked()
    found = figures.trips(db_session(), chosen.scope, chosen.period)
    return file_of(_("最多跑一次"), chosen, figures.HEADINGS, figures.table(found))


def file_of(title: str, chosen: Picked, headings: Any, rows: Any) -> Response:
    """One Excel file of figures, with who took it out, when, for which period and place; counts only, so no journal row."""
    actor, at = current_actor(), now()
    lines = [
        _("期间：%(period)s", period=chosen.title),
        _("范围：%(place)s", place=chosen.scope.place.name if chosen.scope.place else _("我管的全部")),
        _("导出：%(who)s", who=actor.name),
    ]
    content, _count = sheets.made(title, lines, headings, rows, who=actor.name, at=at)
    answer = Response(content, mimetype=EXCEL)
    answer.headers.set("Content-Disposition", "attachment", filename=f"{title}-{chosen.period.key}.xlsx")
    return answer
