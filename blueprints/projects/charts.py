"""标准流程图: what holds, since when, and changing it row by row; each save is a version."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.projects.bp import bp, tabs
from blueprints.projects.lists import staff_only
from catalogue import projects as shipped
from models.agency import Agency
from models.project import ProjectChart
from process.refusals import NotFound
from process.words import N_
from services import field_choices
from services.projects import charts as service
from services.projects import drawing


def _district() -> Agency:
    """The district whose charts this actor reads."""
    found = service.district_of(db_session(), current_actor())
    if found is None:
        raise NotFound()
    return found


@bp.get("/charts")
@login_required
def charts() -> ResponseReturnValue:
    """The kinds of project with days, items and what filing side by side saves."""
    staff_only()
    session, district = db_session(), _district()
    found = [service.in_force(session, district.id, key) for key in shipped.charts()]
    return render_template(
        "projects/charts.html",
        tabs=tabs(current_actor(), "projects.charts"),
        district=district,
        charts=[(one, service.saving(service.approving(one))) for one in found],
        examples=any(one.illustrative for one in found),
    )


@bp.get("/charts/<key>")
@login_required
def chart(key: str) -> ResponseReturnValue:
    """One chart: the drawing, its rows, its versions."""
    staff_only()
    session, actor, district = db_session(), current_actor(), _district()
    found = service.in_force(session, district.id, key)
    stages = [(stage.id, stage.name) for stage in found.stages]
    approving = service.approving(found)
    late = [row for row in found.rows if row not in approving]
    names = {row.key: row.name for row in found.rows}
    units = service.unit_names(session, [row.agency for row in found.rows])
    return render_template(
        "projects/chart.html",
        chart=found,
        district=district,
        keeper=service.keeps(actor, district),
        saving=service.saving(approving),
        pictures=[
            (
                drawing.timeline(rows, stages, limit=limit, title=found.name, words=_),
                drawing.timeline(rows, stages, limit=limit, width=340.0, title=found.name, words=_),
            )
            for rows, limit in ((approving, found.limit), (late, None))
            if rows
        ],
        stages=[(stage, [row for row in found.rows if row.stage == stage.id]) for stage in found.stages],
        names=names,
        units=units,
        versions=[
            (one.number, present.day(one.released_at), one.released_by.name if one.released_by else "", one.change)
            for one in service.versions(session, district.id, key)
        ],
    )


def _back(key: str) -> str:
    return url_for("projects.chart", key=key)


def _kept(key: str) -> tuple[Agency, shipped.Chart]:
    district = _district()
    if not service.keeps(current_actor(), district):
        raise NotFound()
    return district, service.in_force(db_session(), district.id, key)


def _change_boxes(chart: shipped.Chart) -> list[Box]:
    return [
        Box("change", _("这一版改了什么"), attrs={"maxlength": 200}),
        Box("number", "", "hidden", chart.number, required=False),
    ]


FOLLOWED = N_("第 %(n)s 版已执行，以后列清单的项目按它。")


def _changing(
    key: str,
    chart: shipped.Chart,
    act: Callable[[], ProjectChart],
    title: str,
    boxes: Sequence[Box],
    submit: str,
    *,
    intro: str = "",
    said: str = FOLLOWED,
) -> ResponseReturnValue:
    """The boxes and what the new version changes; `said` names it by its number once it is in force."""
    refusal = None
    if request.method == "POST":
        made, refusal = forms.attempt(act)
        if refusal is None and made is not None:
            flash(_(said, n=made.number), "success")
            return redirect(_back(key), 303)
    return forms.page(
        title,
        [*boxes, *_change_boxes(chart)],
        submit=submit,
        back=_back(key),
        crumbs=[(_("标准流程图"), url_for("projects.charts")), (chart.name, _back(key))],
        refusal=refusal,
        intro=intro,
    )


@bp.route("/charts/<key>/limit", methods=["GET", "POST"])
@login_required
def chart_limit(key: str) -> ResponseReturnValue:
    """The days of this kind of project."""
    district, found = _kept(key)
    session, actor = db_session(), current_actor()
    days = Box(
        "limit", _("审批时限（工作日）"), "number", found.limit, cls="field--short", attrs={"min": 1, "max": 200}
    )
    return _changing(
        key,
        found,
        lambda: service.change_limit(session, actor, district, key, request.form),
        _("改时限：%(name)s", name=found.name),
        [days],
        _("发布新版"),
        intro=_("已经列好清单的项目不变。"),
    )


@bp.route("/charts/<key>/own", methods=["GET", "POST"])
@login_required
def chart_own(key: str) -> ResponseReturnValue:
    """去掉“示例”: from now on the chart counts as the office's own."""
    district, found = _kept(key)
    session, actor = db_session(), current_actor()
    sure = Box("sure", _("事项、部门、天数和先后已逐项核对，是本单位的"), "checkbox", False, required=False)
    return _changing(
        key,
        found,
        lambda: service.make_own(session, actor, district, key, request.form),
        _("核实为本单位的：%(name)s", name=found.name),
        [sure],
        _("发布新版，去掉“示例”"),
        intro=_("随系统带的流程图是编的：来源只写了有多少项，没有写名称、天数和先后。请先改成本单位的，再核实。"),
        said=N_("第 %(n)s 版已执行，不再标“示例”。"),
    )


@bp.route("/charts/<key>/row", methods=["GET", "POST"], defaults={"row": ""})
@bp.route("/charts/<key>/row/<row>", methods=["GET", "POST"])
@login_required
def chart_row(key: str, row: str) -> ResponseReturnValue:
    """One row: new, changed."""
    district, found = _kept(key)
    session, actor = db_session(), current_actor()
    old = next((one for one in found.rows if one.key == row), None)
    if row and old is None:
        raise NotFound()
    units = [("", _("不是本系统的单位")), *field_choices.agencies(session, actor)]
    boxes = [
        Box("name", _("事项"), value=old.name if old else "", attrs={"maxlength": 60}),
        Box("stage", _("阶段"), "select", old.stage if old else "", [(s.id, s.name) for s in found.stages]),
        Box(
            "agency",
            _("审批单位"),
            "select",
            old.agency if old else "",
            units,
            description=_("选了单位，单位的人看得到项目，由其办结。"),
        ),
        Box("department", _("部门叫法"), value=old.department if old else "", required=False, attrs={"maxlength": 30}),
        Box("days", _("工作日"), "number", old.days if old else 5, cls="field--short", attrs={"min": 1, "max": 200}),
        Box(
            "after",
            _("要等哪几项办好"),
            "boxes",
            list(old.after) if old else [],
            [(one.key, one.name) for one in found.rows if one.key != row],
            required=False,
            description=_("都不勾就是一开始就能申报。"),
        ),
        Box(
            "materials",
            _("材料"),
            "textarea",
            "\n".join(old.materials) if old else "",
            required=False,
            description=_("一行一份。"),
        ),
        Box(
            "joint",
            _("合并会审的组"),
            value=old.joint if old else "",
            required=False,
            cls="field--short",
            description=_("组名相同的几项建议开一次会。"),
            attrs={"maxlength": 20},
        ),
        Box("commit", _("业主承诺备案可以代替"), "checkbox", old.commit if old else False, required=False),
    ]
    return _changing(
        key,
        found,
        lambda: service.save_row(session, actor, district, key, row, request.form),
        _("改事项：%(name)s", name=old.name) if old else _("加事项"),
        boxes,
        _("发布新版"),
    )


@bp.route("/charts/<key>/row/<row>/remove", methods=["GET", "POST"])
@login_required
def chart_remove(key: str, row: str) -> ResponseReturnValue:
    """One row taken out."""
    district, found = _kept(key)
    session, actor = db_session(), current_actor()
    old = next((one for one in found.rows if one.key == row), None)
    if old is None:
        raise NotFound()
    return _changing(
        key,
        found,
        lambda: service.remove_row(session, actor, district, key, row, request.form),
        _("去掉事项：%(name)s", name=old.name),
        [],
        _("去掉并发布新版"),
        intro=_("等它的事项改为等它前面的事项。"),
    )
