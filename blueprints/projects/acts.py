"""What people press on a project: steps, assignment, hand-over, the rows of the list, stopping the clock."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session, for_whom, load_for_step
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.projects.bp import bp, crumbs, page_url, project, tried
from models.content import Content
from process import engine
from process.definition import Input, Transition
from process.library import library
from process.refusals import NotFound
from services import actions
from services.projects import clocks, people, rows, tables

KINDS = {"longtext": "textarea", "date": "date", "number": "number"}


def _project_for(uid: str, transition: str) -> Content:
    content = load_for_step(Content, uid, transition)
    if content.type != tables.TYPE:
        raise NotFound()
    return content


def _warned(content: Content, person_id: int | None) -> str:
    """A word to whoever now carries more than the office thinks good."""
    load = people.load_of(db_session(), content, person_id) if person_id is not None else None
    if load is None or load.projects <= load.limit:
        return ""
    return _(
        "%(name)s现在带 %(n)s 个项目，超过了 %(limit)s 个。", name=load.person.name, n=load.projects, limit=load.limit
    )


@bp.route("/<uid>/step/<transition>", methods=["GET", "POST"])
@login_required
def step(uid: str, transition: str) -> ResponseReturnValue:
    """One step of the process, with what it asks for."""
    session, actor = db_session(), current_actor()
    content = _project_for(uid, transition)
    spec = library.of(content, session).transitions.get(transition)
    if spec is None or transition == "assign":
        raise NotFound()
    refusal = None
    if request.method == "POST":
        _done, refusal = forms.attempt(
            lambda: actions.perform(content, transition, actor, request.form, on_behalf_of=for_whom())
        )
        if refusal is None:
            flash(_("%(number)s：%(step)s，已办。", number=content.number, step=present.title_of(spec)), "success")
            if transition == "claim" and (warning := _warned(content, content.assignee_id)):
                flash(warning, "warning")
            return redirect(page_url(content), 303)
    elif spec not in engine.available(content, actor):
        raise NotFound()
    boxes = [_box(one) for one in spec.inputs]
    return forms.page(
        present.title_of(spec),
        boxes,
        submit=present.title_of(spec),
        back=page_url(content),
        crumbs=crumbs(content),
        refusal=refusal,
        intro=_intro(content, spec),
    )


def _box(one: Input) -> Box:
    return Box(
        one.name,
        present.title_of(one),
        KINDS.get(one.kind, "text"),
        required=one.required,
        description=_(one.help) if one.help else "",
        attrs={"rows": 4} if one.kind == "longtext" else {},
    )


def _intro(content: Content, spec: Transition) -> str:
    actor = current_actor()
    if spec.id == "claim":
        load = people.load_of(db_session(), content, actor.person_id) if actor.person_id else None
        if load is not None and load.full:
            return _(
                "您现在带 %(n)s 个项目，单位定的是最多 %(limit)s 个。仍可认领，请想好。",
                n=load.projects,
                limit=load.limit,
            )
        if load is not None:
            return _("您现在带 %(n)s 个项目。认领后由您一个人经办、协调、联络，一代到底。", n=load.projects)
    if spec.id == "list_items":
        return _("按标准流程图列出全部事项和先后，列好后相关部门看得到这个项目。")
    if spec.id == "file_together":
        return _("不用等别的事项的，同时申报；其余的等前面的办好再申报。")
    return ""


@bp.route("/<uid>/assign", methods=["GET", "POST"])
@login_required
def assign(uid: str) -> ResponseReturnValue:
    """指派: everybody who may carry it with what they carry now, the least loaded first."""
    actor = current_actor()
    content = _project_for(uid, "assign")
    return _chosen(
        content,
        _("指派承办人"),
        lambda: actions.perform(content, "assign", actor, {"carrier": request.form.get("person")}),
        any(one.id == "assign" for one in engine.available(content, actor)),
        handing=False,
    )


@bp.route("/<uid>/hand-over", methods=["GET", "POST"])
@login_required
def hand_over(uid: str) -> ResponseReturnValue:
    """移交: one, two or all three capacities to a colleague, with the reason."""
    session, actor, content = db_session(), current_actor(), project(uid)
    return _chosen(
        content,
        _("移交"),
        lambda: people.hand_over(session, actor, content, request.form),
        people.may_hand_over(content, actor),
        handing=True,
    )


def _chosen(content: Content, title: str, act: object, allowed: bool, *, handing: bool) -> ResponseReturnValue:
    session, refusal = db_session(), None
    if request.method == "POST":
        _done, refusal = forms.attempt(act)  # type: ignore[arg-type]
        if refusal is None:
            flash(_("已交给%(name)s。", name=content.assignee.name) if content.assignee else _("已办。"), "success")
            if warning := _warned(content, content.assignee_id):
                flash(warning, "warning")
            return redirect(page_url(content), 303)
    elif not allowed:
        raise NotFound()
    html = render_template(
        "projects/choose.html",
        title=title,
        crumbs=crumbs(content),
        back=page_url(content),
        loads=people.loads(session, content.place, exact=True),
        chosen=request.form.get("person", ""),
        current=people.current(session, content),
        capacities=[
            (key, _(label), _(people.DESCRIBED[key]), not request.form or key in request.form.getlist("capacity"))
            for key, label in people.CAPACITIES.items()
        ]
        if handing
        else [],
        reason=request.form.get("reason", ""),
        refusal=refusal,
    )
    return (html, refusal.status) if refusal else html


# --- Rows


@bp.route("/<uid>/rows/<row>/<verb>", methods=["GET", "POST"])
@login_required
def row_step(uid: str, row: str, verb: str) -> ResponseReturnValue:
    """One item of the list a step further."""
    session, actor = db_session(), current_actor()
    found = tables.row_of(session, actor, row)
    content = found.content
    if content.uid != uid or verb not in rows.VERBS:
        raise NotFound()
    label, asked = _(rows.VERBS[verb][2]), rows.VERBS[verb][3]
    refusal = None
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: rows.act(session, actor, found, verb, request.form))
        if refusal is None:
            flash(_("“%(title)s”：%(step)s，已记下。", title=found.title, step=label), "success")
            return redirect(page_url(content) + "#list", 303)
        if not asked and verb != "done":
            flash(refusal.detail, "error")
            return redirect(page_url(content) + "#list", 303)
    elif verb not in rows.verbs(content, found, tables.rows(session, content), actor, rows.staffed(session)):
        raise NotFound()
    words = _("理由") if asked else _("批文号、意见")
    boxes = [Box("words", words, "textarea", required=asked, attrs={"rows": 3, "maxlength": 300})]
    if verb == "commit":
        boxes[0].label = _("承诺内容")
        boxes.append(Box("fulfil_by", _("履行期限"), "date"))
    return forms.page(
        f"{label}：{found.title}",
        boxes,
        submit=label,
        back=page_url(content) + "#list",
        crumbs=crumbs(content),
        refusal=refusal,
    )


@bp.route("/<uid>/rows/<row>/link", methods=["GET", "POST"])
@login_required
def row_link(uid: str, row: str) -> ResponseReturnValue:
    """The case or delegation that an item travels on."""
    session, actor = db_session(), current_actor()
    found = tables.row_of(session, actor, row)
    content, refusal = found.content, None
    if content.uid != uid or not tables.works_on(content, actor):
        raise NotFound()
    if request.method == "POST":
        linked, refusal = forms.attempt(lambda: rows.link(session, actor, found, request.form))
        if refusal is None and linked is not None:
            flash(
                _("“%(title)s”关联了 %(number)s，办结时这一项自动办结。", title=found.title, number=linked.number),
                "success",
            )
            return redirect(page_url(content) + "#list", 303)
    return forms.page(
        _("关联办件：%(title)s", title=found.title),
        [
            Box(
                "linked",
                _("办件或代办单编号"),
                attrs={"maxlength": 60},
                description=_("先在受理或代办里建好，再把编号填在这里。"),
            )
        ],
        submit=_("关联"),
        back=page_url(content) + "#list",
        crumbs=crumbs(content),
        refusal=refusal,
        more=[(_("去综合受理"), url_for("cases.new", new=1))] if "window_clerk" in actor.roles else [],
    )


# --- The clock


@bp.route("/<uid>/stop", methods=["GET", "POST"])
@login_required
def stop(uid: str) -> ResponseReturnValue:
    """停表: why the days do not count from now on."""
    session, actor, content, refusal = db_session(), current_actor(), project(uid), None
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: clocks.stop(session, actor, content, request.form))
        if refusal is None:
            flash(_("审批时限已停，等的事办好后请按“继续计时”。"), "success")
            return redirect(page_url(content), 303)
    elif not clocks.may_stop(session, content, actor):
        raise NotFound()
    return forms.page(
        _("停表"),
        [
            Box("ground", _("为什么停"), "radio", choices=[(k, _(v)) for k, v in clocks.GROUNDS.items()]),
            Box("words", _("在等什么"), "textarea", attrs={"rows": 3, "maxlength": 200}),
        ],
        submit=_("停表"),
        back=page_url(content),
        crumbs=crumbs(content),
        refusal=refusal,
        intro=_("只有这几种等候不计入时限。部门自己审查的时间照算。"),
    )


@bp.post("/<uid>/go-on")
@login_required
def go_on(uid: str) -> ResponseReturnValue:
    """继续计时."""
    session, actor, content = db_session(), current_actor(), project(uid)
    return tried(lambda: clocks.go_on(session, actor, content), _("继续计时，停的天数已还给期限。"), page_url(content))
