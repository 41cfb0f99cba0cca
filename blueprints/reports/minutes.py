"""办证时间: how many minutes lie between filing and issue, by item and by station, beside what the source printed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import db_session
from blueprints.reports.bp import bp
from blueprints.reports.words import Figure, over, percent, picked, share
from services.reports import minutes as figures


@bp.get("/minutes")
@login_required
def minutes_report() -> ResponseReturnValue:
    """Mean minutes with their base; a case that is still open has no time yet."""
    chosen = picked(request.args.get("period", ""), request.args.get("place", ""))
    item = request.args.get("item", "")[:80]
    found = figures.minutes(db_session(), chosen.scope, chosen.period, item)
    named = next((one for one in found.items if one.code == item), None)
    total = found.total
    tiles = [
        Figure(
            _("平均办证时间"),
            length(total.mean),
            _("按 %(n)s 件已发证的算", n=total.base) if total.base else _("还没有可算的件"),
            _("来源：%(before)s 分钟减到 %(after)s 分钟", before=named.before, after=named.after)
            if named is not None and named.before is not None
            else "",
        ),
        Figure(
            _("%(n)s 分钟内办好", n=figures.ON_THE_SPOT),
            percent(total.quick, total.base),
            over(total.quick, total.base),
        ),
    ]
    return render_template(
        "reports/minutes.html",
        picked=chosen,
        figures=tiles,
        items=[_row(one, chosen) for one in found.items],
        stations=[_row(one, chosen) for one in found.stations],
        item=named.title if named is not None else "",
        all_url=chosen.link("reports.minutes_report"),
        here="reports.minutes_report",
    )


def _row(one: figures.Spent, chosen: Any) -> Any:
    return SimpleNamespace(
        title=one.title,
        base=one.base,
        mean=length(one.mean),
        quick=share(one.quick, one.base),
        source=f"{one.before} → {one.after}" if one.before is not None else "",
        url=chosen.link("reports.minutes_report", item=one.code),
    )


def length(value: float | None) -> str:
    """4.5 分钟, 3.2 小时, 2.1 天: one figure people can picture."""
    if value is None:
        return "—"
    if value < 90:
        return _("%(n)s 分钟", n=f"{value:.1f}")
    if value < 48 * 60:
        return _("%(n)s 小时", n=f"{value / 60:.1f}")
    return _("%(n)s 天", n=f"{value / 1440:.1f}")
