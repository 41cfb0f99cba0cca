"""一件事成效: in total and by theme, beside what the sources printed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import db_session
from blueprints.one_things.bp import bp
from blueprints.reports.words import Figure, over, percent, picked, share
from catalogue.one_things import reference
from services.one_thing import figures
from services.one_thing.figures import Sum


@bp.get("/report")
@login_required
def report() -> ResponseReturnValue:
    """Every share with its numerator and base; the sources' own numbers stand beside them, marked as theirs."""
    chosen = picked(request.args.get("period", ""), request.args.get("place", ""))
    total, themes = figures.total(db_session(), chosen.scope, chosen.period)
    return render_template(
        "one_things/report.html",
        picked=chosen,
        figures=_tiles(total),
        rows=[_row(one) for one in themes],
        here="one_things.report",
    )


def _tiles(one: Sum) -> list[Figure]:
    printed = reference()
    papers, days = one.papers_single - one.papers_joint, one.days_single - one.days_joint
    return [
        Figure(
            _("一件事"),
            str(one.bundles),
            _("%(n)s 个部门，%(m)s 件办件", n=len(one.departments), m=one.members),
            _("来源：%(n)s 项、%(d)s 个部门", n=printed["bundles"], d=printed["departments"]),
        ),
        Figure(_("已办完"), str(one.closed), over(one.closed, one.bundles), _("来源：%(n)s 件", n=printed["handled"])),
        Figure(
            _("材料少交（示例）") if one.example else _("材料少交"),
            percent(papers, one.papers_single),
            over(papers, one.papers_single),
            _("来源：%(n)s%% 以上", n=printed["materials_saved_min_pct"]),
        ),
        Figure(
            _("时间缩短（示例）") if one.example else _("时间缩短"),
            percent(days, one.days_single),
            over(days, one.days_single),
            _("来源：%(n)s%% 以上", n=printed["faster_min_pct"]),
        ),
        Figure(_("只跑一次、只进一窗"), percent(one.once, one.closed), over(one.once, one.closed)),
        Figure(
            _("评价"),
            f"{one.points / one.rated:.1f}" if one.rated else "—",
            _("按 %(n)s 次评价算", n=one.rated) if one.rated else _("还没有评价"),
        ),
    ]


def _row(one: Sum) -> Any:
    return SimpleNamespace(
        title=one.title,
        example=one.example,
        values=[
            one.bundles,
            one.closed,
            one.members,
            one.refused,
            share(one.papers_single - one.papers_joint, one.papers_single),
            share(one.days_single - one.days_joint, one.days_single),
            share(one.once, one.closed),
        ],
    )
