"""网上指导代办: staff open a filing for somebody beside them, who sees it through with their own account."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import StringField

from blueprints.catalogue import offers
from blueprints.catalogue.bp import bp
from blueprints.catalogue.places import loaded
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import Asked, posted, show_refusal
from catalogue import loader as catalogue
from models.base import now
from process import journal
from process.clock import local_day
from process.refusals import Forbidden, NotFound, Refusal
from services import actions, item_channels, seat


class AssistForm(FlaskForm):
    applicant_id_number = StringField(_l("身份证号码"), [Asked()])
    applicant_name = StringField(_l("姓名"), [Asked()])
    applicant_phone = StringField(_l("手机或电话"), [Asked()])
    applicant_address = StringField(_l("现居住地址"), [Asked()])


@bp.route("/<code>/assist", methods=["GET", "POST"])
@login_required
def assist(code: str) -> ResponseReturnValue:
    """The draft is begun here and finished by the resident; case and report say who guided it."""
    session, actor = db_session(), current_actor()
    if not actor.roles & seat.ROLES:
        raise Forbidden(_("指导网上申报由窗口和社区服务站的工作人员办。您自己申报，请在办事指南点“网上申报”。"))
    item = loaded(code)
    if item.state != "published" or not catalogue.item(code).fileable(local_day(now())):
        raise NotFound(_("这个事项现在不能申报，请到事项目录再找。"))
    form = AssistForm(meta={"csrf": False})
    if request.method == "GET":
        return render_template("catalogue/assist.html", item=item, name=offers.name_of(catalogue.item(code)), form=form)
    try:
        with session.begin_nested():
            case = actions.create(
                session, actor, "case", {"item": code, "channel": item_channels.ASSISTED, **posted(form)}
            )
            journal.record(session, "item:assist", actor, content=case)
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        session.expire_all()
        for name, message in refusal.errors.items():
            head, _dot, rest = name.partition(".")
            if head == "applicant" and f"applicant_{rest}" in form:
                form[f"applicant_{rest}"].errors = [message]
        show_refusal(form, refusal)
        return render_template(
            "catalogue/assist.html",
            item=loaded(code),
            name=offers.name_of(catalogue.item(code)),
            form=form,
            problem=refusal.detail,
        ), 422
    flash(
        _(
            "已建好草稿 %(number)s。一起填好后请本人确认，确认了才能申报；有账号的也可以自己接着填。",
            number=case.number,
        ),
        "success",
    )
    return redirect(url_for("seat.show", uid=case.uid), 303)
