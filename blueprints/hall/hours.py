"""Opening hours by zone and day, noon and weekends included; what a point takes; and the log of leaders at the window."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.hall.bp import bp, hall_for, kept
from blueprints.hall.desk import _day, items_of
from models.agency import Agency
from process.library import library
from process.refusals import NotFound, Refusal
from services import generic, grid_rights, jurisdiction, leaders, opening, point_items
from services.hall import tables

# How the hours of a day are told: shut, as on a working day, or written out.
SHUT, SAME, OWN = "shut", "same", "own"


@bp.route("/<place_id>/hours", methods=["GET", "POST"])
@login_required
def hours(place_id: str) -> ResponseReturnValue:
    """综合窗口、帮办区、自助区、24小时大厅: when each is open on which kind of day; one zone at a time on a phone."""
    agency, session, actor, refusal = kept(place_id), db_session(), current_actor(), None
    back = url_for("places.show", place_id=agency.id)
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: opening.set_hours(session, actor, agency, _typed_hours()))
        if refusal is None:
            flash(_("开放时间已保存：%(hours)s。", hours=opening.sentence(session, agency)), "success")
            return redirect(back, 303)
    html = render_template(
        "hall/hours.html",
        agency=agency,
        zones=[_zone(session, agency, zone, refusal) for zone in opening.ZONES],
        back=back,
        problem=refusal.detail if refusal else "",
        wrong=[{"field": name, "message": words} for name, words in refusal.errors.items()] if refusal else [],
    )
    return (html, refusal.status) if refusal else html


def _typed_hours() -> dict[str, str]:
    """The hours of every day as they are meant: a day that is like a working day has its words."""
    given = {}
    for zone in opening.ZONES:
        for day in opening.DAYS:
            name = f"{zone}_{day}"
            how = request.form.get(f"{name}_how", OWN)
            words = request.form.get(f"{zone}_work" if how == SAME else name, "")
            given[name] = "" if how == SHUT else words
    return given


def _zone(session: Session, agency: Agency, zone: str, refusal: Refusal | None) -> SimpleNamespace:
    own = opening.written(session, agency)
    usual = opening.USUAL if zone == "window" and not own else ()
    work = own.get((zone, "work"), usual)
    days = []
    for day, title in opening.DAYS.items():
        name, spans = f"{zone}_{day}", own.get((zone, day), usual if day == "work" else ())
        how = OWN if day == "work" else SHUT if not spans else SAME if list(spans) == list(work) else OWN
        days.append(
            SimpleNamespace(
                name=name,
                title=_(title),
                first=day == "work",
                how=request.form.get(f"{name}_how", how),
                words=request.form.get(name, opening.in_words(spans) if how == OWN else ""),
                wrong=refusal.errors.get(name, "") if refusal else "",
            )
        )
    told = "；".join(
        f"{_(title)} {opening.in_words(own[(zone, d)])}" for d, title in opening.DAYS.items() if own.get((zone, d))
    )
    return SimpleNamespace(
        id=zone,
        title=_(opening.ZONES[zone]),
        days=days,
        told=told or (opening.in_words(usual) if usual else _("不开")),
        open=zone == "window" or any(day.wrong for day in days),
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
        new_url=url_for("generic.new", type_id=leaders.TYPE)
        if generic.may_start(actor, library.type(leaders.TYPE))
        else None,
        is_hall=tables.hall_of(session, agency.id) is not None,
    )
