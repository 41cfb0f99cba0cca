"""代办站和代办点: hours, what should lie there, the list for closing time, and the evening count."""

from __future__ import annotations

import io
from types import SimpleNamespace

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.errands.bp import bp
from blueprints.grid.forms import Box, attempt, page
from blueprints.present import moment
from models.base import now
from process import clock
from process.refusals import Refusal
from services import errand_board, places, point_paper, point_stock


@bp.get("/points")
@login_required
def points() -> ResponseReturnValue:
    """Every station and point this person looks after: hours, envelopes, and whether it was counted today."""
    actor, session, today = current_actor(), db_session(), clock.local_day(now())
    street = places.street_of_actor(session, actor)
    mine = (
        [one for one in errand_board.points_of(session, street, today) if point_stock.keeps(actor, one)]
        if street
        else []
    )
    counted = point_stock.counted_on(session, [one.id for one in mine], today)
    return render_template(
        "errands/points.html",
        street=street,
        rows=[
            SimpleNamespace(
                point=one,
                hours=(one.details or {}).get("hours") or _("没有登记"),
                stock=point_stock.stock(session, actor, one),
                counted=counted.get(one.id),
                url=url_for("errands.point", point_id=one.id),
            )
            for one in mine
        ],
    )


@bp.get("/points/<point_id>")
@login_required
def point(point_id: str) -> ResponseReturnValue:
    """One point; printed it is the list that whoever closes and whoever takes over sign."""
    return _shown(point_id)


@bp.post("/points/<point_id>")
@login_required
def count_point(point_id: str) -> ResponseReturnValue:
    """The evening count."""
    actor, session = current_actor(), db_session()
    here = point_stock.load(session, actor, point_id)
    found, refusal = attempt(lambda: point_stock.check(session, actor, here, request.form))
    if refusal is not None or found is None:
        return _shown(point_id, refusal), 422
    if found.differs:
        flash(_("清点记下了，有对不上的，已告诉调度员。"), "warning")
    else:
        flash(_("清点记下了，%(n)s 件都在。", n=found.found), "success")
    return redirect(url_for("errands.point", point_id=point_id), 303)


def _shown(point_id: str, refusal: Refusal | None = None) -> str:
    actor, session, at = current_actor(), db_session(), now()
    here = point_stock.load(session, actor, point_id)
    return render_template(
        "errands/point.html",
        point=here,
        hours=(here.details or {}).get("hours") or _("没有登记"),
        phone=(here.details or {}).get("phone") or "",
        stock=point_stock.stock(session, actor, here),
        checks=[
            SimpleNamespace(
                row=one,
                when=moment(one.at),
                who=one.person.name,
                settle_url=url_for("errands.settle_count", check_id=one.id)
                if one.differs and one.settled_at is None and actor.holds(point_stock.DISPATCHER, here.path)
                else None,
            )
            for one in point_stock.checks(session, here)
        ],
        printed=moment(at),
        refusal=refusal,
        typed=request.form,
        points_url=url_for("errands.points"),
        list_url=url_for("errands.point_list", point_id=point_id),
    )


@bp.get("/points/<point_id>/list.pdf")
@login_required
def point_list(point_id: str) -> ResponseReturnValue:
    """The paper that whoever closes and whoever takes over sign."""
    actor, session = current_actor(), db_session()
    here = point_stock.load(session, actor, point_id)
    answer = send_file(
        io.BytesIO(point_paper.draw(point_paper.fields(session, actor, here))),
        mimetype="application/pdf",
        download_name=f"{here.name}交接清单.pdf",
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.route("/counts/<int:check_id>/settle", methods=["GET", "POST"])
@login_required
def settle_count(check_id: int) -> ResponseReturnValue:
    """What the difference turned out to be."""
    actor, session, refusal = current_actor(), db_session(), None
    asked = point_stock.load_check(session, actor, check_id)
    if request.method == "POST":
        found, refusal = attempt(lambda: point_stock.settle(session, actor, check_id, request.form.get("note", "")))
        if found is not None:
            flash(_("差异已核实登记。"), "success")
            return redirect(url_for("errands.point", point_id=found.point_id), 303)
    return page(
        _("核实清点差异"),
        [Box("note", _("查到了什么、怎么处理"), "textarea")],
        submit=_("登记核实结果"),
        back=url_for("errands.point", point_id=asked.point_id),
        refusal=refusal,
    )
