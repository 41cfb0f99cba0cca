"""登记单位, 换负责人, 注销单位: by the office that has seen the papers."""

from __future__ import annotations

from types import SimpleNamespace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import Asked, show_refusal
from blueprints.work_units.bp import bp
from models.base import now
from models.case import Case
from process import access
from process.clock import local_day
from process.library import library
from process.refusals import Forbidden, Refusal
from services import unit_operators, work_units


class PersonForm(FlaskForm):
    username = StringField(_l("负责人的账号"), [Asked()], description=_l("负责人登录用的用户名，要是本人实名的账号。"))
    person_name = StringField(_l("负责人姓名"), [Asked()])
    seen = BooleanField(_l("营业执照（或任职文件）和负责人身份证已核对"))


class CloseForm(FlaskForm):
    reason = StringField(_l("注销的原因"), [Asked()], description=_l("例如：已办理工商注销，证明编号写在这里。"))
    seen = BooleanField(_l("注销登记的证明和来办的人的身份证已核对"))


class RegisterForm(FlaskForm):
    name = StringField(_l("单位名称"), [Asked()], description=_l("与营业执照一致。"))
    credit_code = StringField(_l("统一社会信用代码"), [Asked()], description=_l("18 位，在营业执照上。"))
    address = StringField(_l("单位地址"), [Asked()])
    username = StringField(_l("负责人的账号"), [Asked()], description=_l("负责人登录用的用户名，要是本人实名的账号。"))
    person_name = StringField(_l("负责人姓名"), [Asked()])
    seen = BooleanField(_l("营业执照（或任职文件）和负责人身份证已核对"))


@bp.route("/new", methods=["GET", "POST"])
@login_required
def new() -> ResponseReturnValue:
    """One sheet: the unit, and who answers for it."""
    session, actor = db_session(), current_actor()
    if not work_units.registers(actor):
        raise Forbidden(_("单位由企业服务人员或窗口登记。请单位负责人带营业执照和身份证到窗口。"))
    form = RegisterForm(meta={"csrf": False})
    if request.method == "POST":
        try:
            with session.begin_nested():
                unit = work_units.register(session, actor, _typed())
        except Refusal as refusal:
            if refusal.status != 422:
                raise
            show_refusal(form, refusal)
            return render_template("work_units/new.html", form=form, unit=None), 422
        flash(_("已登记%(name)s，负责人可以用自己的账号委托经办人了。", name=unit.name), "success")
        return redirect(url_for("work_units.show", uid=unit.uid), 303)
    return render_template("work_units/new.html", form=form, unit=None)


@bp.route("/<uid>/in-charge", methods=["GET", "POST"])
@login_required
def in_charge(uid: str) -> ResponseReturnValue:
    """Somebody else answers for the unit from now on; the delegations stay until the new one ends them."""
    session, actor = db_session(), current_actor()
    unit = work_units.load(session, actor, uid)
    if not work_units.registers(actor, unit.place_path):
        raise Forbidden(_("换负责人由登记单位的窗口办。请新负责人带营业执照、任职文件和身份证到窗口。"))
    form = PersonForm(meta={"csrf": False})
    if request.method == "POST":
        try:
            with session.begin_nested():
                work_units.change_in_charge(session, actor, unit, _typed())
        except Refusal as refusal:
            if refusal.status != 422:
                raise
            show_refusal(form, refusal)
            return render_template("work_units/new.html", form=form, unit=unit), 422
        flash(_("负责人已换成%(name)s，马上生效。", name=unit.in_charge.name), "success")
        return redirect(url_for("work_units.show", uid=unit.uid), 303)
    return render_template("work_units/new.html", form=form, unit=unit)


@bp.route("/<uid>/close", methods=["GET", "POST"])
@login_required
def close(uid: str) -> ResponseReturnValue:
    """注销单位: what still runs for it is shown before, and goes on to its end."""
    session, actor = db_session(), current_actor()
    unit = work_units.load(session, actor, uid)
    if not work_units.registers(actor, unit.place_path):
        raise Forbidden(_("注销单位由登记单位的窗口办。请带注销登记的证明到窗口。"))
    work_units.require_open(unit)
    form, today = CloseForm(meta={"csrf": False}), local_day(now())
    status = 200
    if request.method == "POST":
        given = {name: request.form.get(name, "")[:400] for name in ("reason", "seen")}
        try:
            with session.begin_nested():
                work_units.close(session, actor, unit, given)
        except Refusal as refusal:
            if refusal.status != 422:
                raise
            show_refusal(form, refusal)
            status = 422
        else:
            flash(_("%(name)s已注销，委托同时结束；已申报的件照常办到底。", name=unit.name), "success")
            return redirect(url_for("work_units.show", uid=unit.uid), 303)
    begun = work_units.cases_of(session, unit)
    page = render_template(
        "work_units/close.html",
        form=form,
        unit=unit,
        running=[filing_line(one) for one in begun if one.closed_at is None and one.state != "draft"],
        drafts=sum(one.state == "draft" for one in begun),
        operators=[one.person.name for one in unit.operators if unit_operators.running(one, today)],
    )
    return page, status


def filing_line(case: Case) -> SimpleNamespace:
    """A case filed in the unit's name as the office sees it from outside: what, how far, and nothing of its contents."""
    session = db_session()
    state = present.state_view(library.of(case, session).states[case.state])
    may = access.may(current_actor(), access.VIEW, case)
    url = url_for("content.show", uid=case.uid) if may else ""
    return SimpleNamespace(number=case.number, title=case.title, state=state, url=url)


def _typed() -> dict[str, str]:
    return {name: request.form.get(name, "")[:200] for name in RegisterForm.__dict__ if not name.startswith("_")}
