"""单位网上业务 in figures: the share of registered units that use it, and each function."""

from __future__ import annotations

from types import SimpleNamespace

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.catalogue.offers import name_of
from blueprints.context import db_session
from blueprints.reports.bp import bp
from blueprints.reports.words import Figure, over, percent, picked, share
from catalogue import loader as catalogue
from services.reports import work_units as figures


@bp.get("/units")
@login_required
def units_report() -> ResponseReturnValue:
    """Counts only; which unit filed what is the unit's own affair."""
    chosen = picked(request.args.get("period", ""), request.args.get("place", ""))
    found = figures.use(db_session(), chosen.scope, chosen.period)
    fund = [line for line in found.lines if line.hall == "provident_fund"]
    return render_template(
        "reports/units.html",
        picked=chosen,
        figures=[
            Figure(
                _("用网上业务的单位"),
                percent(found.using, found.registered),
                over(found.using, found.registered),
                _("来源：近 70%%（宁波市公积金，%(n)s 项功能）", n=12),
            ),
            Figure(_("以单位名义申报的件"), str(found.cases)),
            Figure(
                _("用到的业务"),
                f"{sum(line.units > 0 for line in found.lines)}/{len(found.lines)}",
                _("其中公积金网上大厅 %(share)s", share=f"{sum(line.units > 0 for line in fund)}/{len(fund)}"),
            ),
        ],
        rows=[
            SimpleNamespace(
                name=name_of(catalogue.item(line.code)),
                fund=line.hall == "provident_fund",
                share=share(line.units, found.registered),
                cases=line.cases,
            )
            for line in found.lines
        ],
        registered=found.registered,
        here="reports.units_report",
    )
