"""联合会审: call one, write down what was said, have it signed by the departments, make the minute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.projects.bp import bp, crumbs, page_url, project
from models.content import Content
from models.project import ProjectMeeting, ProjectRow
from process.refusals import NotFound
from services.projects import meetings, minute, signing, tables


@bp.route("/<uid>/meetings/new", methods=["GET", "POST"])
@login_required
def meeting_new(uid: str) -> ResponseReturnValue:
    """Which items, where and when."""
    session, actor, content = db_session(), current_actor(), project(uid)
    if not tables.works_on(content, actor):
        raise NotFound()
    everything = tables.rows(session, content)
    proposed = {row.uid for row in next(iter(meetings.proposals(content, everything)), [])}
    free = [row for row in everything if meetings.can_be_heard(content, row, everything)]
    subject = "、".join(row.title for row in free if row.uid in proposed)
    boxes = [
        Box(
            "rows",
            _("一起审哪几项"),
            "boxes",
            sorted(proposed),
            [(row.uid, row.title, False, f"{_unit(row)} · {_('%(n)s 天', n=row.working_days)}") for row in free],
            description=_("流程图建议合并的已勾好。未申报的，约好即申报。"),
        ),
        Box(
            "subject",
            _("会审内容"),
            value=_("%(what)s联合会审", what=subject)[:120] if subject else "",
            attrs={"maxlength": 120},
        ),
        Box("held_on", _("日期"), "date", meetings.usual_day(session).isoformat()),
        Box(
            "venue",
            _("地点和时间"),
            attrs={"maxlength": 120},
            description=_("例：区行政服务中心三楼 2 号会议室，上午 9 点"),
        ),
        _attendees(_("请谁参加"), [], _("一行一位，可开会时再填。"), required=False),
    ]
    return _form(
        content,
        _("约联合会审"),
        boxes,
        _("约定并通知"),
        lambda: meetings.call(session, actor, content, request.form),
        lambda made: _("第 %(n)s 次联合会审已约好，有关部门已通知。", n=made.number),
    )


def _form(
    content: Content,
    title: str,
    boxes: list[Box],
    submit: str,
    act: Callable[[], Any],
    done: Callable[[Any], str],
    intro: str = "",
) -> ResponseReturnValue:
    """Every form about a meeting: asked, tried, and back to the meetings of the project."""
    refusal = None
    if request.method == "POST":
        made, refusal = forms.attempt(act)
        if refusal is None:
            flash(done(made), "success")
            return redirect(page_url(content) + "#meetings", 303)
    return forms.page(
        title,
        boxes,
        submit=submit,
        back=page_url(content) + "#meetings",
        crumbs=crumbs(content),
        refusal=refusal,
        intro=intro,
    )


def _attendees(label: str, names: list[str], hint: str, *, required: bool = True) -> Box:
    return Box("attendees", label, "textarea", "\n".join(names), required=required, description=hint, attrs={"rows": 4})


def _unit(row: ProjectRow) -> str:
    return row.agency.name if row.agency else row.department


def _carried(uid: str) -> tuple[ProjectMeeting, Content]:
    session, actor = db_session(), current_actor()
    meeting = tables.meeting_of(session, actor, uid)
    content = tables.project_of(session, meeting)
    if not tables.works_on(content, actor):
        raise NotFound()
    return meeting, content


@bp.route("/meetings/<meeting>/hold", methods=["GET", "POST"])
@login_required
def meeting_hold(meeting: str) -> ResponseReturnValue:
    """What each department said, and the conclusion; the items agreed to are closed together."""
    found, content = _carried(meeting)
    verdicts = [(key, _(label)) for key, label in meetings.VERDICTS.items()]
    boxes = [_attendees(_("参加人"), found.attendees, _("一行一位：单位、姓名。"))]
    for row in found.rows:
        label = f"{row.title}（{_unit(row)}）"
        boxes.append(Box(f"verdict_{row.uid}", label, "radio", "", verdicts, attrs={"side": True}))
        boxes.append(_words(found, row))
    boxes.append(Box("conclusion", _("结论"), "textarea", attrs={"rows": 4, "maxlength": 2000}))
    return _form(
        content,
        _("登记会审：%(what)s", what=found.subject),
        boxes,
        _("登记结论"),
        lambda: meetings.hold(db_session(), current_actor(), found, request.form),
        lambda _made: _("会审已登记，同意的事项一起办结。参会部门已收到签认纪要的通知。"),
    )


def _words(meeting: ProjectMeeting, row: ProjectRow) -> Box:
    said = (meeting.opinions.get(row.uid) or {}).get("words") or ""
    label = _("%(unit)s的说明", unit=_unit(row))
    return Box(f"words_{row.uid}", label, value=said, required=False, attrs={"maxlength": 300})


@bp.route("/meetings/<meeting>/cancel", methods=["GET", "POST"])
@login_required
def meeting_cancel(meeting: str) -> ResponseReturnValue:
    """The meeting does not take place."""
    found, content = _carried(meeting)
    return _form(
        content,
        _("取消会审：%(what)s", what=found.subject),
        [Box("words", _("为什么取消"), attrs={"maxlength": 200})],
        _("取消会审"),
        lambda: meetings.cancel(db_session(), current_actor(), found, request.form),
        lambda _made: _("会审已取消，有关部门已通知，事项照旧逐个办。"),
    )


# --- The minute


@bp.route("/meetings/<meeting>/sign", methods=["GET", "POST"])
@login_required
def meeting_sign(meeting: str) -> ResponseReturnValue:
    """签认: the department reads what was written down and confirms it, or says what is wrong."""
    session, actor = db_session(), current_actor()
    found = tables.meeting_of(session, actor, meeting)
    content = tables.project_of(session, found)
    own = signing.mine(session, found, actor)
    if request.method == "GET" and not own:
        raise NotFound()
    boxes = []
    if len(own) > 1:
        boxes.append(
            Box("agency", _("替哪个部门签"), "radio", choices=[(one.agency.id, one.name) for one in own if one.agency])
        )
    choices = [(key, _(label)) for key, label in signing.ANSWERS.items()]
    boxes.append(Box("answer", _("纪要与会上说的"), "radio", "", choices, attrs={"side": True}))
    boxes.append(
        Box("reason", _("有异议的，哪里不一样"), "textarea", required=False, attrs={"rows": 3, "maxlength": 300})
    )
    verdicts = "；".join(_said(found, row) for row in found.rows)
    return _form(
        content,
        _("签认会审纪要：%(what)s", what=found.subject),
        boxes,
        _("签认"),
        lambda: signing.sign(session, actor, found, request.form),
        lambda side: (
            _("%(unit)s已确认会审纪要。", unit=side.name)
            if request.form.get("answer") == signing.CONFIRMED
            else _("%(unit)s的异议已记入纪要，承办人已收到通知。", unit=side.name)
        ),
        intro=_("会上记下的：%(verdicts)s。结论：%(conclusion)s", verdicts=verdicts, conclusion=found.conclusion),
    )


def _said(meeting: ProjectMeeting, row: ProjectRow) -> str:
    said = meeting.opinions.get(row.uid) or {}
    verdict = meetings.VERDICTS.get(said.get("verdict") or "")
    words = f"（{said['words']}）" if said.get("words") else ""
    return f"{row.title}（{_unit(row)}）{_(verdict) if verdict else ''}{words}"


@bp.route("/meetings/<meeting>/correct", methods=["GET", "POST"])
@login_required
def meeting_correct(meeting: str) -> ResponseReturnValue:
    """更正: what a department objected to is put right, and everybody signs anew."""
    found, content = _carried(meeting)
    boxes = [_attendees(_("参加人"), found.attendees, _("一行一位：单位、姓名。"))]
    boxes += [_words(found, row) for row in found.rows]
    boxes.append(Box("conclusion", _("结论"), "textarea", found.conclusion, attrs={"rows": 4, "maxlength": 2000}))
    return _form(
        content,
        _("更正纪要：%(what)s", what=found.subject),
        boxes,
        _("更正并请重新签认"),
        lambda: signing.correct(db_session(), current_actor(), found, request.form),
        lambda _made: _("纪要已更正，参会部门已收到通知，请等重新签认。"),
        intro=_("已签的要重新签。各部门同意不同意不在这里改，事项已经按它办了。"),
    )


@bp.route("/meetings/<meeting>/minute", methods=["GET", "POST"])
@login_required
def meeting_minute(meeting: str) -> ResponseReturnValue:
    """会审纪要 as a paper; while somebody has not signed, only with a tick."""
    session, actor = db_session(), current_actor()
    found, content = _carried(meeting)
    lacking = minute.unsigned(session, found)
    return _form(
        content,
        _("做会审纪要：%(what)s", what=found.subject),
        [Box("anyway", _("没签的在纸上手签"), "tick", required=False)] if lacking else [],
        _("做会审纪要"),
        lambda: minute.make(session, actor, found, anyway=bool(request.form.get("anyway"))),
        lambda _made: _("会审纪要正在生成，几秒后可以打开。"),
        intro=_("还没有签认的：%(names)s。", names="、".join(lacking)) if lacking else "",
    )


@bp.get("/meetings/<meeting>/paper")
@login_required
def meeting_paper(meeting: str) -> ResponseReturnValue:
    """The minute itself, or a word that it is still being drawn."""
    session = db_session()
    found = tables.meeting_of(session, current_actor(), meeting)
    paper = minute.of(session, found)
    if paper is None:
        raise NotFound()
    if paper.status == "ready":
        return redirect(url_for("certificates.paper", uid=paper.uid))
    return render_template(
        "projects/drawing.html", content=tables.project_of(session, found), failed=paper.status == "failed"
    )
