"""Opening hours by zone and day, noon and weekends included; what a point takes; and the log of leaders at the window."""

from __future__ import annotations

from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.hall.bp import bp, hall_for, kept
from blueprints.hall.desk import _day, items_of
from models.agency import Agency
from process.refusals import NotFound, Refusal
from services import grid_rights, jurisdiction, leaders, opening, point_items
from services.hall import tables


@bp.route("/<place_id>/hours", methods=["GET", "POST"])
@login_required
def hours(place_id: str) -> ResponseReturnValue:
    """综合窗口、帮办区、自助区、24小时大厅: when each is open on which kind of day."""
    agency, session, actor, refusal = kept(place_id), db_session(), current_actor(), None
    back = url_for("places.show", place_id=agency.id)
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: opening.set_hours(session, actor, agency, request.form))
        if refusal is None:
            flash(_("开放时间已保存：%(hours)s。", hours=opening.sentence(session, agency)), "success")
            return redirect(back, 303)
    own = opening.written(session, agency)
    boxes = [
        Box(
            f"{zone}_{day}",
            f"{_(zone_name)} · {_(day_name)}",
            value=opening.in_words(
                own.get((zone, day), opening.USUAL if (zone, day) == ("window", "work") and not own else ())
            ),
            required=(zone, day) == ("window", "work"),
            attrs={"maxlength": 80, "placeholder": "08:30–12:00、13:30–17:30"},
        )
        for zone, zone_name in opening.ZONES.items()
        for day, day_name in opening.DAYS.items()
    ]
    return forms.page(
        _("开放时间"),
        boxes,
        submit=_("保存"),
        back=back,
        crumbs=[(_("机构和网格"), url_for("places.index")), (agency.name, back)],
        refusal=refusal,
        intro=_(
            "不开的留空；整天开的写“全天”。中午不关门就写成一段，例如 08:30–17:30。周末、节假日开门不算工作日，办理期限照旧按工作日算。"
        ),
    )


@bp.route("/<place_id>/takes", methods=["GET", "POST"])
@login_required
def takes(place_id: str) -> ResponseReturnValue:
    """网点的事项清单: what a bank outlet takes, or whose branch station this is."""
    session, actor, refusal = db_session(), current_actor(), None
    agency = session.get(Agency, place_id)
    if agency is None or agency.kind not in point_items.LISTED or not jurisdiction.of(actor).administers(agency.path):
        raise NotFound()
    back = url_for("places.show", place_id=agency.id)
    if request.method == "POST":
        given = request.form
        _done, refusal = forms.attempt(
            lambda: point_items.set_list(session, actor, agency, given.getlist("items"), given.get("department", ""))
        )
        if refusal is None:
            flash(_("%(name)s的事项清单已保存。", name=agency.name), "success")
            return redirect(back, 303)
    details = agency.details or {}
    boxes = [
        Box(
            "department",
            _("是哪个部门的站所"),
            "select",
            details.get(point_items.DEPARTMENT) or "",
            [("", _("不是部门站所")), *point_items.departments(session).items()],
            required=False,
            description=_("选了部门，这个部门的全部事项都在这里受理，全区的人都可以来。"),
        ),
        Box(
            "items",
            _("受理哪些事项"),
            "boxes",
            list(details.get(point_items.ITEMS) or ()),
            items_of(session, agency),
            required=False,
            description=_("银行网点只受理勾了的；件进所在街道的收件箱。"),
        ),
    ]
    return forms.page(
        _("网点的事项清单"),
        boxes,
        submit=_("保存"),
        back=back,
        crumbs=[(_("机构和网格"), url_for("places.index")), (agency.name, back)],
        refusal=refusal,
    )


@bp.get("/<place_id>/leaders")
@login_required
def leader_log(place_id: str) -> ResponseReturnValue:
    """领导驻窗: the roster and the log of matters handled and problems solved."""
    agency, session, actor, today = hall_for(place_id), db_session(), current_actor(), grid_rights.today()
    wrong = ""
    try:
        since, until = _day("since") or today - timedelta(days=30), _day("until") or today + timedelta(days=30)
    except Refusal as refusal:
        wrong, since, until = refusal.detail, today - timedelta(days=30), today + timedelta(days=30)
    found = leaders.log(session, actor, agency, since, until)
    return render_template(
        "hall/leaders.html",
        agency=agency,
        log=found,
        since=request.args.get("since") or since.isoformat(),
        until=request.args.get("until") or until.isoformat(),
        wrong=wrong,
        new_url=url_for("generic.new", type_id=leaders.TYPE),
        is_hall=tables.hall_of(session, agency.id) is not None,
    )
