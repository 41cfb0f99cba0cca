"""Training lists, points of service with their share, the rules of the village, and the opinion box."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints.context import current_actor, db_session
from blueprints.grid import forms, words
from blueprints.grid.bp import bp
from blueprints.grid.forms import Box
from blueprints.grid.period import asked_period
from blueprints.grid.rosters import own_place
from models.agency import Agency
from process.access import Actor
from process.refusals import NotFound, Refusal
from services import grid_rights, jurisdiction, points, town_platforms, trainings, village_rules
from services.trainings import AUDIENCES, TRAINERS

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


# --- 培训四类人员 -------------------------------------------------------------------------------------------------------
def _trainer() -> Actor:
    actor = current_actor()
    if actor.roles.isdisjoint(TRAINERS):
        raise NotFound()
    return actor


@bp.route("/training", methods=["GET", "POST"])
@login_required
def training() -> ResponseReturnValue:
    """One of the four lists at a place: who, trained or not, and writing down who was there."""
    session, actor = db_session(), _trainer()
    audience = request.args.get("audience", "heads")
    at = trainings.place(session, actor, request.args.get("place", ""))
    refusal: Refusal | None = None
    if request.method == "POST":
        people = [int(i) for i in request.form.getlist("people") if i.isdecimal() and len(i) < 10]

        def write() -> int:
            return trainings.mark(
                session,
                actor,
                audience,
                at,
                people,
                trained_on=grid_rights.day(request.form.get("trained_on", ""), "trained_on"),
                subject=request.form.get("subject", ""),
            )

        made, refusal = forms.attempt(write)
        if refusal is None:
            flash(_("已登记 %(n)s 人。", n=made), "success")
            return redirect(url_for("grid.training", audience=audience, place=at.id), 303)
        at = trainings.place(session, actor, request.args.get("place", ""))
    lines = trainings.listed(session, audience, at)
    html = render_template(
        "grid/training.html",
        audiences=[(key, _(title)) for key, title in AUDIENCES.items()],
        audience=audience,
        title=_(AUDIENCES[audience]),
        place=at,
        units=trainings.places_of(session, actor),
        rows=[_line(line) for line in lines],
        share=words.share(sum(line.last is not None for line in lines), len(lines)),
        today=grid_rights.today().isoformat(),
        problem=refusal.detail if refusal else "",
        typed=request.form,
        chosen=request.form.getlist("people"),
    )
    return (html, refusal.status) if refusal else html


def _line(line: trainings.Line) -> Any:
    return SimpleNamespace(
        id=str(line.person.id),
        name=line.person.name,
        title=line.person.title,
        roles="、".join(words.role(r) for r in line.roles),
        places="、".join(line.places[:3]) + ("…" if len(line.places) > 3 else ""),
        trained=line.last is not None,
        day=line.last.trained_on.isoformat() if line.last else "",
        subject=line.last.subject if line.last else "",
        invented=line.person.illustrative,
    )


@bp.post("/training.xlsx")
@login_required
def training_export() -> ResponseReturnValue:
    """The same list as an Excel file; that it was taken is on record."""
    session, actor = db_session(), _trainer()
    audience = request.form.get("audience", "")
    at = trainings.place(session, actor, request.form.get("place", ""))
    lines = trainings.listed(session, audience, at)
    title = f"{at.name}{AUDIENCES[audience]}培训名单"
    trainings.export_noted(session, actor, audience, at, len(lines))
    answer = send_file(
        io.BytesIO(trainings.export(lines, title)), mimetype=XLSX, as_attachment=True, download_name=f"{title}.xlsx"
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


# --- 分中心、延伸网点 ---------------------------------------------------------------------------------------------------
@bp.get("/points")
@login_required
def service_points() -> ResponseReturnValue:
    """Sub-centres and outlets with what they have, and the share of cases taken in at outlets."""
    session, actor = db_session(), current_actor()
    if not grid_rights.works_in_office(actor):
        raise NotFound()
    since, until, wrong = asked_period()
    share = points.share(session, actor, since, until)
    counts = {line.agency.id: line.cases for line in share.lines}
    return render_template(
        "grid/points.html",
        rows=[
            SimpleNamespace(
                agency=a,
                kind=_(points.KINDS[a.kind]),
                platforms=[_(town_platforms.PLATFORMS[one]) for one in town_platforms.of(a)],
                parent=a.parent.name if a.parent else "",
                details=a.details or {},
                cases=counts.get(a.id),
                share=words.share(counts[a.id], share.all) if a.id in counts else "",
                may_edit=jurisdiction.of(actor).administers(a.path),
            )
            for a in points.listed(session)
        ],
        outlets=len(share.lines),
        counters=share.counters,
        share=words.share(share.at_outlets, share.all),
        since=since.isoformat(),
        until=until.isoformat(),
        wrong=wrong,
        may_open=points.may_open(actor),
    )


@bp.route("/points/new", methods=["GET", "POST"])
@login_required
def point_new() -> ResponseReturnValue:
    """A new point of service; administrators only."""
    session, actor = db_session(), current_actor()
    if not points.may_open(actor):
        raise NotFound()
    refusal = None
    if request.method == "POST":
        made, refusal = forms.attempt(lambda: points.open_point(session, actor, request.form))
        if made is not None:
            flash(_("已设立%(name)s。给柜员的岗位请到“权限和代班”授予。", name=made.name), "success")
            return redirect(url_for("places.show", place_id=made.id), 303)
    reach = jurisdiction.of(actor)
    parents = session.scalars(
        select(Agency).where(reach.condition(Agency.path), Agency.kind.in_(points.PARENTS)).order_by(Agency.path)
    )
    back = url_for("grid.service_points")
    return forms.page(
        _("设立服务点"),
        [
            Box("kind", _("是什么"), "radio", "", [(k, _(t)) for k, t in points.KINDS.items()]),
            Box("name", _("名称"), attrs={"maxlength": 80}),
            Box(
                "code",
                _("代码"),
                description=_("编号里要用，例如 HHFZX；以后不能改。"),
                cls="field--short",
                attrs={"maxlength": 10},
            ),
            Box("parent", _("属于"), "select", "", [("", ""), *((a.id, a.name) for a in parents)]),
            *_detail_boxes({}),
        ],
        submit=_("设立"),
        back=back,
        crumbs=[(_("服务点"), back)],
        refusal=refusal,
    )


@bp.route("/<place_id>/details", methods=["GET", "POST"])
@login_required
def point_details(place_id: str) -> ResponseReturnValue:
    """What is known of a unit, kept by the administrator."""
    session, actor = db_session(), current_actor()
    agency = points.load(session, actor, place_id)
    back, name, refusal = url_for("places.show", place_id=place_id), agency.name, None
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: points.describe(session, actor, agency, request.form))
        if refusal is None:
            flash(_("%(name)s 的基本情况已保存。", name=name), "success")
            return redirect(back, 303)
        agency = points.load(session, actor, place_id)
    return forms.page(
        _("改基本情况"),
        [*_detail_boxes(agency.details or {}), *_circle(agency)],
        submit=_("保存"),
        back=back,
        crumbs=[(_("机构和网格"), url_for("places.index")), (name, back)],
        refusal=refusal,
        intro=_("名称不在这里改：单位改名按停办旧单位、设立新单位办理，旧文书保留旧名。"),
    )


def _circle(agency: Agency) -> list[Box]:
    """Which communities lie within the circle is the office's to say."""
    if agency.kind not in points.KINDS:
        return []
    return [
        Box(
            "serves",
            _("服务圈内的社区"),
            "boxes",
            list((agency.details or {}).get("serves") or ()),
            [(a.id, a.name) for a in points.around(db_session(), agency)],
            required=False,
            attrs={"side": True},
        )
    ]


def _detail_boxes(details: Any) -> list[Box]:
    found = [
        Box(name, _(label), value=details.get(name) or "", required=False, attrs={"maxlength": limit})
        for name, label, limit in points.TEXTS
    ]
    found += [
        Box(
            name,
            _(label),
            "number",
            "" if details.get(name) is None else details[name],
            required=False,
            cls="field--short",
            attrs={"min": low, "max": high, "inputmode": "numeric"},
        )
        for name, label, low, high in points.NUMBERS
    ]
    found.append(
        Box(
            town_platforms.KEY,
            _("四个平台"),
            "boxes",
            list(details.get(town_platforms.KEY) or ()),
            [(one, _(label)) for one, label in town_platforms.PLATFORMS.items()],
            required=False,
            description=_("承担乡镇（街道）哪个平台的工作就勾哪个；转办选单位时可以按平台筛选。"),
            attrs={"side": True},
        )
    )
    return found


# --- 8大机制、5项制度 ---------------------------------------------------------------------------------------------------
@bp.get("/rules")
@login_required
def rules() -> ResponseReturnValue:
    """The register of rules with where the system keeps each."""
    if not grid_rights.works_in_office(current_actor()):
        raise NotFound()
    return render_template(
        "grid/rules.html",
        groups=[
            (_("村级八大机制"), village_rules.mechanisms()),
            (_("五项家门口制度"), village_rules.home_gate_rules()),
        ],
        sees_processes=not current_actor().roles.isdisjoint({"system_admin", "supervisor", "catalogue_manager"}),
        at_work=own_place() is not None,
    )
