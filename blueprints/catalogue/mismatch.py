"""和窗口说的不一样: a resident tells the catalogue manager where guide and window differ."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField, TextAreaField

from blueprints import present
from blueprints.catalogue import offers
from blueprints.catalogue.bp import bp
from blueprints.catalogue.places import loaded
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import Asked, posted, show_refusal
from catalogue import loader as catalogue
from process.content_types import Field
from process.library import library
from process.refusals import Forbidden, NotFound, Refusal
from services import actions

TYPE = "guide_mismatch"


class MismatchForm(FlaskForm):
    part = RadioField(_l("哪里不一样"), [Asked()], validate_choice=False)
    said = TextAreaField(_l("窗口怎么说的"), [Asked()], description=_l("例如：指南说带 1 份复印件，窗口要 2 份。"))
    window = StringField(_l("哪个窗口"), description=_l("大厅、窗口号或社区名称，记得的话写上。"))


def _part() -> Field:
    """The field whose options the page offers."""
    found = library.type(TYPE).field("part")
    assert found is not None, "the type names what can differ"
    return found


@bp.route("/<code>/mismatch", methods=["GET", "POST"])
@login_required
def mismatch(code: str) -> ResponseReturnValue:
    """The form, and the task it becomes."""
    session, actor, item = db_session(), current_actor(), loaded(code)
    if item.state != "published":
        raise NotFound(_("没有找到这个事项，可能已改名或停用。请到事项目录按类别或名称再找。"))
    if actor.resident_id is None:
        raise Forbidden(_("这里由办事的群众反映。工作人员发现不一致，请直接告诉目录管理员。"))
    form = MismatchForm(meta={"csrf": False})
    form.part.choices = [(name, title.text("en" if offers.english() else "zh")) for name, title in _part().options]
    problem, status = None, 200
    if request.method == "POST":
        try:
            with session.begin_nested():
                made = actions.create(session, actor, TYPE, {"item": code, **posted(form)})
        except Refusal as refusal:
            if refusal.status != 422:
                raise
            show_refusal(form, refusal)
            problem, status = refusal.detail, 422
        else:
            flash(
                _("已告诉目录管理员，编号 %(number)s。核对后在这里答复您。", number=present.number_of(made)), "success"
            )
            return redirect(url_for("content.show", uid=made.uid), 303)
    return render_template(
        "catalogue/mismatch.html",
        item=item,
        name=offers.name_of(catalogue.item(code)),
        form=form,
        problem=problem,
    ), status
