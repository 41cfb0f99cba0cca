"""联合会审: call one, write down what was said, make the minute."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.projects.bp import bp, crumbs, page_url, project
from models.content import Content
from models.project import ProjectMeeting
from process.refusals import NotFound
from services.projects import meetings, minute, tables


@bp.route("/<uid>/meetings/new", methods=["GET", "POST"])
@login_required
def meeting_new(uid: str) -> ResponseReturnValue:
    """Which items, where and when."""
    session, actor, content, refusal = db_session(), current_actor(), project(uid), None
    if not tables.works_on(content, actor):
        raise NotFound()
    if request.method == "POST":
        made, refusal = forms.attempt(lambda: meetings.call(session, actor, content, request.form))
        if refusal is None and made is not None:
            flash(_("第 %(n)s 次联合会审已约好，有关部门已通知。", n=made.number), "success")
            return redirect(page_url(content) + "#meetings", 303)
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
            [
                (
                    row.uid,
                    row.title,
                    False,
                    f"{row.agency.name if row.agency else row.department} · {_('%(n)s 天', n=row.working_days)}",
                )
                for row in free
            ],
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
        Box(
            "attendees",
            _("请谁参加"),
            "textarea",
            required=False,
            description=_("一行一位，可开会时再填。"),
            attrs={"rows": 4},
        ),
    ]
    return forms.page(
        _("约联合会审"), boxes, submit=_("约定并通知"), back=page_url(content), crumbs=crumbs(content), refusal=refusal
    )


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
    session, actor, refusal = db_session(), current_actor(), None
    found, content = _carried(meeting)
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: meetings.hold(session, actor, found, request.form))
        if refusal is None:
            flash(_("会审已登记，同意的事项一起办结。可以做会审纪要了。"), "success")
            return redirect(page_url(content) + "#meetings", 303)
    verdicts = [(key, _(label)) for key, label in meetings.VERDICTS.items()]
    boxes = [
        Box(
            "attendees",
            _("参加人"),
            "textarea",
            "\n".join(found.attendees),
            description=_("一行一位：单位、姓名。"),
            attrs={"rows": 4},
        )
    ]
    for row in found.rows:
        unit = row.agency.name if row.agency else row.department
        boxes.append(Box(f"verdict_{row.uid}", f"{row.title}（{unit}）", "radio", "", verdicts, attrs={"side": True}))
        boxes.append(
            Box(
                f"words_{row.uid}",
                _("%(unit)s的说明", unit=unit),
                required=False,
                attrs={"maxlength": 300},
            )
        )
    boxes.append(Box("conclusion", _("结论"), "textarea", attrs={"rows": 4, "maxlength": 2000}))
    return forms.page(
        _("登记会审：%(what)s", what=found.subject),
        boxes,
        submit=_("登记结论"),
        back=page_url(content),
        crumbs=crumbs(content),
        refusal=refusal,
    )


@bp.route("/meetings/<meeting>/cancel", methods=["GET", "POST"])
@login_required
def meeting_cancel(meeting: str) -> ResponseReturnValue:
    """The meeting does not take place."""
    session, actor, refusal = db_session(), current_actor(), None
    found, content = _carried(meeting)
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: meetings.cancel(session, actor, found, request.form))
        if refusal is None:
            flash(_("会审已取消，有关事项照旧逐个办。"), "success")
            return redirect(page_url(content) + "#meetings", 303)
    return forms.page(
        _("取消会审：%(what)s", what=found.subject),
        [Box("words", _("为什么取消"), attrs={"maxlength": 200})],
        submit=_("取消会审"),
        back=page_url(content),
        crumbs=crumbs(content),
        refusal=refusal,
    )


@bp.post("/meetings/<meeting>/minute")
@login_required
def meeting_minute(meeting: str) -> ResponseReturnValue:
    """会审纪要 as a paper."""
    session, actor = db_session(), current_actor()
    found, content = _carried(meeting)
    _made, refusal = forms.attempt(lambda: minute.make(session, actor, found))
    flash(refusal.detail if refusal else _("会审纪要正在生成，几秒后可以打开。"), "error" if refusal else "success")
    return redirect(page_url(content) + "#meetings", 303)


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
