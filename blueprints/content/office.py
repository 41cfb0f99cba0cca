"""The verbs of the office and the opinions waited for, on the page of a thing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.content.bp import bp
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.dynamic_forms import is_mendable, posted, show_refusal, transition_form
from extensions import db
from models.content import Content
from models.task import AGREED, ANSWERED, BRANCH, CANCELLED, CONSULT, OPEN, REFUSED, SIGNER, Task
from process import access, office
from process.access import Actor
from process.library import library
from process.refusals import NotFound, Refusal, TooMany
from process.words import N_
from services import side_by_side

KINDS = {BRANCH: N_("会签"), SIGNER: N_("加签"), CONSULT: N_("委派")}
STATES = {
    OPEN: (N_("等意见"), "needs"),
    AGREED: (N_("同意"), "done"),
    REFUSED: (N_("不同意"), "late"),
    ANSWERED: (N_("已答复"), "done"),
    CANCELLED: (N_("不再需要"), "waiting"),
}
ICONS = {
    "transfer": "arrow",
    "claim": "tick",
    "hand_in": "inbox",
    "consult": "people",
    "add_signer": "pen",
    "remove_signer": "minus",
    "copy": "document",
    "end_copy": "close",
    "urge": "bell",
    "take_back": "left",
}


def verbs(content: Content, actor: Actor) -> list[Any]:
    """The menu 其他办法: a page with a small form each, or one press where nothing is asked."""
    return [
        SimpleNamespace(
            id=verb.id,
            label=present.title_of(verb),
            icon=ICONS.get(verb.id, "right"),
            url=url_for("content.office", uid=content.uid, verb=verb.id),
            method="get" if verb.inputs else "post",
        )
        for verb in office.available(content, actor)
    ]


def opinions(session: Session, content: Content, actor: Actor, full: bool) -> list[Any]:
    """Who is heard, in which state, with what word; the words themselves only for whoever sees the contents."""
    if not side_by_side.may_have_some(session, content) and not content.people:
        return []
    definition = library.of(content, session)
    found = []
    for task in side_by_side.of(session, content):
        label, tone = STATES[task.state]
        state = definition.states.get(task.in_state)
        found.append(
            SimpleNamespace(
                uid=task.uid,
                who=task.title,
                kind=_(KINDS[task.kind]),
                stage=present.title_of(state) if state else "",
                round=task.round,
                state=present.StateView(_(label), tone),
                by=task.closed_by.name if task.closed_by and task.state != CANCELLED else "",
                when=present.moment(task.closed_at) if task.closed_at else "",
                due=present.moment(task.deadline) if task.deadline and task.state == OPEN else "",
                question=task.question if full else "",
                answer=task.answer if full else "",
                sub=_sub(session, task, actor),
                asks=side_by_side.answerable(session, task, actor),
                consult=task.kind == CONSULT,
                url=url_for("content.opinion", uid=content.uid, task_uid=task.uid),
            )
        )
    return found


def _sub(session: Session, task: Task, actor: Actor) -> Any:
    """The object that is waited for, with the way to it for whoever may see it."""
    if task.sub_content_id is None:
        return None
    row = session.execute(
        access.visible(
            select(Content.uid, Content.number, Content.title, Content.state, Content.workflow_version).where(
                Content.id == task.sub_content_id
            ),
            actor,
        )
    ).first()
    if row is None:
        return None
    state = library.version(row.workflow_version, session).states[row.state]
    return SimpleNamespace(
        label=row.number or row.title, url=url_for("content.show", uid=row.uid), state=present.state_view(state)
    )


def told(content: Content) -> list[str]:
    return [row.person.name for row in side_by_side.copied(content)]


def _version() -> int | None:
    value = request.form.get("version", "")
    return int(value) if value.isdecimal() and len(value) < 10 else None


@bp.route("/<uid>/office/<verb>", methods=["GET", "POST"], endpoint="office")
@login_required
def verb_page(uid: str, verb: str) -> ResponseReturnValue:
    """转派、委派、加签、减签、抄送、催办、收回: the small form of one verb, and doing it."""
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    known = office.VERBS.get(verb)
    if known is None:
        raise NotFound()
    allowed = known in office.available(content, actor)
    form = transition_form(known, choices=side_by_side.choices(session, content, actor, known) if allowed else {})
    if "person" in form:
        # The hint is for programs; here there is a list to choose from.
        form.person.description = ""
    problem = None
    if request.method == "POST":
        try:
            with session.begin_nested():
                office.do(content, verb, actor, posted(form), expected_version=_version())
        except Refusal as refusal:
            if not (is_mendable(refusal) or isinstance(refusal, TooMany)):
                raise
            session.expire_all()
            content = load_or_404(Content, uid)
            show_refusal(form, refusal)
            problem = refusal
        else:
            flash(_("已%(what)s。", what=present.title_of(known)), "success")
            return _after(session, content, actor)
    elif allowed and not known.inputs:
        return redirect(url_for("content.show", uid=uid) + "#office", 303)
    return render_template(
        "content/office.html",
        content=content,
        verb=known,
        form=form,
        allowed=allowed,
        number=present.number_of(content),
        title=present.title_of(known),
        what=WHAT_IT_DOES.get(verb, ""),
    ), problem.status if problem else 200 if allowed else 409


@bp.post("/<uid>/tasks/<task_uid>", endpoint="opinion")
@login_required
def opinion(uid: str, task_uid: str) -> ResponseReturnValue:
    """同意、不同意 or an answer, with the words that belong to it."""
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    task = side_by_side.one(session, content, task_uid)
    agreed = request.form.get("verdict") != "refuse"
    comment = request.form.get("comment", "")
    try:
        with session.begin_nested():
            office.respond(task, actor, agreed=agreed, comment=comment)
    except Refusal as refusal:
        if not is_mendable(refusal):
            raise
        session.expire_all()
        from blueprints.content.page import page_of

        return page_of(load_or_404(Content, uid), opinion=(task_uid, comment, refusal))
    flash(_("意见已记下。"), "success")
    return _after(session, content, actor)


def _after(session: Session, content: Content, actor: Actor) -> ResponseReturnValue:
    """Whoever just gave the thing away may no longer see it."""
    session.flush()
    if db.session.scalar(access.visible(select(Content.id).where(Content.id == content.id), actor)) is None:
        return redirect(url_for("desk.index"), 303)
    return redirect(url_for("content.show", uid=content.uid), 303)


WHAT_IT_DOES = {
    "transfer": N_("交给别的同事或单位继续办，自己不再经手。"),
    "claim": N_("从单位收件里接到自己手上办。"),
    "hand_in": N_("放回单位收件，同事都可以接手。"),
    "consult": N_("请一位同事先出意见，答复后自动回到您手上。"),
    "add_signer": N_("再请一位同事会签，其意见到了才能往下办。"),
    "remove_signer": N_("不再等这一位的意见。"),
    "copy": N_("让同事看得到这一件，不用其办理。"),
    "end_copy": N_("这位同事不再看得到这一件。"),
    "urge": N_("提醒现在经手的人，二十小时内只能催一次。"),
}
