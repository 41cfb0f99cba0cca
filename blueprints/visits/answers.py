"""The form of the item that a visit is about: only what the office does not know yet."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session

from blueprints.context import current_actor, db_session, load_or_404
from blueprints.dynamic_forms import is_mendable, item_form, posted, show_refusal
from blueprints.visits.bp import bp
from catalogue.records import Form
from models.delegation import HomeVisit
from process import access
from process.access import Actor
from process.refusals import Refusal
from services import case_forms, doorstep


def questions(visit: HomeVisit) -> FlaskForm | None:
    """What the item's form asks and nobody has told yet."""
    form = case_forms.form_of(visit.item)
    known = doorstep.known_answers(visit)
    left = tuple(f for f in form.fields if f.name not in known and f.name not in ("finding", "found_on"))
    if not left:
        return None
    return item_form(Form(form.id, form.title, form.groups, left), defaults=(visit.private or {}).get("form") or {})


@bp.route("/<uid>/answers", methods=["GET", "POST"])
@login_required
def answers(uid: str) -> ResponseReturnValue:
    """The item's form on its own, for what was not asked at the door."""
    session, actor = db_session(), current_actor()
    visit = load_or_404(HomeVisit, uid, "edit")
    form = questions(visit)
    if form is None or visit.state not in doorstep.ASKING:
        return redirect(url_for("content.show", uid=uid), 303)
    if request.method == "POST":
        try:
            with session.begin_nested():
                doorstep.keep_answers(session, visit, actor, posted(form))
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            show_refusal(form, refusal)
            return render_template("visits/answers.html", visit=load_or_404(HomeVisit, uid), form=form), 422
        flash(_("申请表已保存。"), "success")
        return redirect(url_for("content.show", uid=uid), 303)
    return render_template("visits/answers.html", visit=visit, form=form)


def links(session: Session, visit: HomeVisit, actor: Actor) -> list[tuple[str, str]]:
    """The application form can be filled in beside the steps."""
    if visit.state in doorstep.ASKING and access.may(actor, "edit", visit, session) and questions(visit) is not None:
        return [(_("填申请表"), url_for("visits.answers", uid=visit.uid))]
    return []
