"""零盲点、零遗漏、零缝隙 and the register of buildings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.grid import forms, words
from blueprints.grid.bp import bp
from blueprints.grid.forms import Box
from models.agency import Agency
from models.grid import Building
from process.masking import mask_name
from process.refusals import InvalidInput, NotFound, Refusal
from services import buildings, coverage, grid_rights, places
from services.care import KEEPERS


@bp.get("/coverage")
@login_required
def coverage_report() -> ResponseReturnValue:
    """Three numbers with their base; each opens its list below."""
    session, actor = db_session(), current_actor()
    if actor.roles.isdisjoint(coverage.READERS | coverage.COUNTERS | {"system_admin"}):
        raise NotFound()
    wrong = ""
    try:
        asked = [grid_rights.day(request.args.get(name, ""), name) for name in ("since", "until")]
    except InvalidInput as refusal:
        asked, wrong = [None, None], refusal.detail
    since, until = coverage.period(asked[0], asked[1])
    found = coverage.report(session, actor, since, until)
    named = not actor.roles.isdisjoint(KEEPERS)
    return render_template(
        "grid/coverage.html",
        goals=[
            SimpleNamespace(key="buildings", title=_("零盲点"), text=_("没有划进网格的楼栋"), goal=found.buildings),
            SimpleNamespace(key="grids", title=_("零遗漏"), text=_("网格长不是 2 人的网格"), goal=found.grids),
            SimpleNamespace(key="people", title=_("零缝隙"), text=_("这段时间没有看望的服务对象"), goal=found.people),
        ],
        share=words.share,
        buildings=found.unassigned,
        short=found.short,
        people=[
            SimpleNamespace(
                who=mask_name(e.resident.name),
                grid=e.resident.grid.name if e.resident.grid else _("还没有划网格"),
                since=present.full_day(e.opened_on),
                url=url_for("visits.entry", entry_id=e.id),
            )
            for e in coverage.unseen_people(session, actor, since, until)
        ]
        if named
        else [],
        by_grid=coverage.unseen_by_grid(session, actor, since, until) if not named else [],
        named=named,
        since=since.isoformat(),
        until=until.isoformat(),
        from_to=(present.full_day(since), present.full_day(until)),
        wrong=wrong,
        wanted=places.LEADERS_PER_GRID,
    )


@bp.get("/<place_id>/buildings")
@login_required
def buildings_of(place_id: str) -> ResponseReturnValue:
    """The buildings of a community, by grid."""
    session, actor = db_session(), current_actor()
    if not grid_rights.works_in_office(actor):
        raise NotFound()
    community = buildings.community_of(session, place_id)
    rows = buildings.listed(session, community)
    households = sum(b.households for b in rows)
    return render_template(
        "grid/buildings.html",
        community=community,
        rows=rows,
        households=households,
        said=int((community.details or {}).get("households") or 0),
        unassigned=sum(b.grid_id is None for b in rows),
        keeper=grid_rights.keeps(actor, community),
    )


@bp.route("/<place_id>/buildings/new", methods=["GET", "POST"])
@login_required
def building_new(place_id: str) -> ResponseReturnValue:
    """A building that was not on the register."""
    session = db_session()
    community = _kept(buildings.community_of(session, place_id))
    refusal = None
    if request.method == "POST":
        made, refusal = forms.attempt(lambda: buildings.add(session, current_actor(), community, request.form))
        if made is not None:
            flash(_("已登记%(name)s。", name=made.name), "success")
            return redirect(url_for("grid.buildings_of", place_id=community.id), 303)
    return _form(community, None, refusal)


@bp.route("/buildings/<int:entry_id>", methods=["GET", "POST"])
@login_required
def building(entry_id: int) -> ResponseReturnValue:
    """Another name, address, number of households or grid."""
    session = db_session()
    found = buildings.load(session, entry_id)
    community, refusal = _kept(found.community), None
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: buildings.change(session, current_actor(), found, request.form))
        if refusal is None:
            flash(_("%(name)s 已保存。", name=found.name), "success")
            return redirect(url_for("grid.buildings_of", place_id=community.id), 303)
    return _form(community, found, refusal)


@bp.route("/buildings/<int:entry_id>/end", methods=["GET", "POST"])
@login_required
def building_end(entry_id: int) -> ResponseReturnValue:
    """It leaves the register with a reason."""
    session = db_session()
    found = buildings.load(session, entry_id)
    community, refusal = _kept(found.community), None
    back, name = url_for("grid.buildings_of", place_id=community.id), found.name
    if request.method == "POST":
        _done, refusal = forms.attempt(
            lambda: buildings.end(session, current_actor(), found, request.form.get("reason", ""))
        )
        if refusal is None:
            flash(_("%(name)s 已注销，原来的记录都在。", name=name), "success")
            return redirect(back, 303)
    return forms.page(
        _("注销 %(name)s", name=name),
        [Box("reason", _("原因"), description=_("例如拆除、划给别的社区。"), attrs={"maxlength": 200})],
        submit=_("注销"),
        back=back,
        crumbs=[(_("楼栋"), back)],
        refusal=refusal,
    )


def _kept(community: Agency) -> Agency:
    if not grid_rights.keeps(current_actor(), community):
        raise NotFound()
    return community


def _form(community: Agency, found: Building | None, refusal: Refusal | None) -> ResponseReturnValue:
    grids = [a for a in places.children(db_session(), community) if a.kind == "grid"]
    back = url_for("grid.buildings_of", place_id=community.id)
    choices: list[Any] = [("", _("还没有划进网格")), *((g.id, g.name) for g in grids)]
    return forms.page(
        _("改 %(name)s", name=found.name) if found else _("登记楼栋"),
        [
            Box("name", _("楼名"), value=found.name if found else "", attrs={"maxlength": 80}),
            Box("address", _("地址"), value=found.address if found else "", required=False, attrs={"maxlength": 160}),
            Box(
                "households",
                _("户数"),
                "number",
                found.households if found else "",
                cls="field--short",
                attrs={"min": 0, "max": buildings.MOST_HOUSEHOLDS},
            ),
            Box(
                "grid",
                _("网格"),
                "select",
                (found.grid_id or "") if found else request.args.get("grid", ""),
                choices,
                required=False,
            ),
        ],
        submit=_("保存") if found else _("登记"),
        back=back,
        crumbs=[(community.name, url_for("places.show", place_id=community.id)), (_("楼栋"), back)],
        refusal=refusal,
    )
