"""The list of online functions of a unit, its operators, and filing in its name through the ordinary online filing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import DateField, SelectMultipleField, StringField

from blueprints import present
from blueprints.access.forms import day
from blueprints.catalogue.offers import doubtful, name_of
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import Asked, show_refusal
from blueprints.public import apply
from blueprints.work_units.bp import bp
from blueprints.work_units.registering import filing_line
from catalogue import loader as catalogue
from models.base import now
from models.work_unit import WorkUnit, WorkUnitFiling, WorkUnitOperator
from process.clock import local_day
from process.masking import mask_name
from process.refusals import Refusal
from services import unit_operators, work_units


class NameForm(FlaskForm):
    username = StringField(_l("经办人的账号"), [Asked()], description=_l("经办人登录用的用户名，要是本人实名的账号。"))
    person_name = StringField(_l("经办人姓名"), [Asked()])
    functions = SelectMultipleField(_l("委托办哪些业务"), [Asked()], validate_choice=False)
    since = DateField(_l("从哪一天起"), description=_l("不填就从今天起。"))
    until = DateField(_l("到哪一天止"), description=_l("当天仍有效，最长一年；不填就是一年。随时可以提前结束。"))
    reason = StringField(_l("委托的原因"), [Asked()], description=_l("例如：劳资专员换人。"))


@bp.get("")
@login_required
def index() -> ResponseReturnValue:
    """My units; for the office that registers, those registered here."""
    session, actor = db_session(), current_actor()
    staff = work_units.registers(actor)
    own = work_units.mine(session, actor)
    return render_template(
        "work_units/index.html",
        own=[_line(unit) for unit in own],
        registered=[_line(unit) for unit in work_units.registered(session, actor)] if staff else [],
        staff=staff,
        count=len(work_units.functions(session)),
    )


def _line(unit: WorkUnit) -> Any:
    today = local_day(now())
    actor = current_actor()
    one = unit_operators.of_person(unit, actor.person_id, today)
    part = _("负责人") if work_units.in_charge(actor, unit) else _("经办人") if one is not None else ""
    return SimpleNamespace(
        url=url_for("work_units.show", uid=unit.uid),
        name=unit.name,
        code=unit.credit_code,
        part=part,
        over=bool(part) and one is not None and not unit_operators.running(one, today),
        in_charge=unit.in_charge.name if part else mask_name(unit.in_charge.name),
        operators=sum(unit_operators.running(o, today) for o in unit.operators),
        illustrative=unit.illustrative,
        closed=unit.closed_at is not None,
    )


@bp.get("/<uid>")
@login_required
def show(uid: str) -> ResponseReturnValue:
    return _page(work_units.load(db_session(), current_actor(), uid))


def _page(unit: WorkUnit, problem: str = "", ending: str = "") -> str:
    session, actor = db_session(), current_actor()
    today = local_day(now())
    mine = work_units.in_charge(actor, unit)
    own = None if mine else unit_operators.of_person(unit, actor.person_id, today)
    return render_template(
        "work_units/show.html",
        unit=unit,
        mine=mine,
        own=_operator(own, today) if own is not None else None,
        staff=work_units.registers(actor, unit.place_path),
        functions=[_function(one, unit, mine, own, today) for one in work_units.functions(session)],
        operators=[_operator(one, today) for one in unit.operators] if own is None else [],
        filings=[_filing(one) for one in work_units.filings(session, actor, unit)],
        closed=_("%(day)s 注销：%(why)s", day=present.day_of(local_day(unit.closed_at)), why=unit.close_reason)
        if unit.closed_at
        else "",
        problem=problem,
        ending=ending,
        reason=request.form.get("reason", "")[:200] if ending else "",
    )


def _function(
    one: work_units.Function, unit: WorkUnit, mine: bool, own: WorkUnitOperator | None, today: Any
) -> SimpleNamespace:
    record = catalogue.item(one.code)
    given = own is not None and unit_operators.running(own, today) and own.since <= today and one.code in own.functions
    return SimpleNamespace(
        code=one.code,
        name=name_of(record),
        url=url_for("catalogue.guide", code=one.code),
        fund=one.hall == "provident_fund",
        region=record.region,
        doubtful="、".join(doubtful(record)),
        may=(mine or given) and unit.closed_at is None,
        operators=[
            o.person.name for o in unit.operators if unit_operators.running(o, today) and one.code in o.functions
        ]
        if own is None
        else [],
    )


def _operator(one: WorkUnitOperator, today: Any) -> SimpleNamespace:
    known = catalogue.items()
    if one.ended_at is not None:
        state = (_("已结束"), "done")
    elif one.until is not None and one.until < today:
        state = (_("已到期"), "done")
    elif one.since > today:
        state = (_("还没开始"), "waiting")
    else:
        state = (_("有效"), "running")
    return SimpleNamespace(
        uid=one.uid,
        name=one.person.name,
        account=one.person.username,
        functions=[name_of(known[code]) for code in one.functions if code in known],
        period=present.period(one.since, one.until),
        reason=one.reason,
        state=state,
        running=unit_operators.running(one, today),
        ended=present.day_of(local_day(one.ended_at)) if one.ended_at else "",
        end_reason=one.end_reason,
        url=url_for("work_units.end", uid=one.unit.uid, operator_uid=one.uid),
    )


def _filing(one: WorkUnitFiling) -> SimpleNamespace:
    case = one.case
    # The person in charge sees that it was filed and how far it is; what stands in it, only whoever filed it.
    line = filing_line(case)
    return SimpleNamespace(
        **vars(line),
        who=one.filed_by.name,
        as_what=_("经办人") if one.operator_id is not None else _("负责人"),
        when=present.day_of(local_day(case.filed_at or one.begun_at)),
    )


@bp.route("/<uid>/operators/new", methods=["GET", "POST"])
@login_required
def name(uid: str) -> ResponseReturnValue:
    """委托经办人: whom, for which functions, from when until when, and why."""
    session, actor = db_session(), current_actor()
    unit = work_units.load(session, actor, uid)
    unit_operators.require_in_charge(actor, unit)
    work_units.require_open(unit)
    form = NameForm(meta={"csrf": False})
    form.functions.choices = [(one.code, name_of(catalogue.item(one.code))) for one in work_units.functions(session)]
    if request.method == "GET":
        form.functions.data = []
        return render_template("work_units/name.html", form=form, unit=unit)
    try:
        with session.begin_nested():
            one = unit_operators.name(
                session,
                actor,
                unit,
                username=form.username.data or "",
                person_name=form.person_name.data or "",
                functions=form.functions.data or [],
                since=day(form.since),
                until=day(form.until),
                reason=form.reason.data or "",
            )
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        show_refusal(form, refusal)
        return render_template("work_units/name.html", form=form, unit=unit), 422
    flash(
        _(
            "已委托%(name)s办 %(n)s 项业务，%(period)s。",
            name=one.person.name,
            n=len(one.functions),
            period=present.period(one.since, one.until),
        ),
        "success",
    )
    return redirect(url_for("work_units.show", uid=uid), 303)


@bp.post("/<uid>/operators/<operator_uid>/end")
@login_required
def end(uid: str, operator_uid: str) -> ResponseReturnValue:
    """Ends a delegation at once, with the reason."""
    session, actor = db_session(), current_actor()
    unit = work_units.load(session, actor, uid)
    try:
        with session.begin_nested():
            one = unit_operators.end(session, actor, unit, operator_uid, request.form.get("reason", ""))
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        return _page(unit, refusal.detail, operator_uid), refusal.status
    flash(_("已结束对%(name)s的委托，马上生效；还没申报的草稿不能再申报。", name=one.person.name), "success")
    return redirect(url_for("work_units.show", uid=uid), 303)


@bp.post("/<uid>/file")
@login_required
def file(uid: str) -> ResponseReturnValue:
    """Opens the ordinary online filing in the unit's name."""
    session, actor = db_session(), current_actor()
    unit = work_units.load(session, actor, uid)
    code = request.form.get("item", "")[:80]
    try:
        with session.begin_nested():
            known = next((one.item for one in work_units.functions(session) if one.code == code), None)
            channel = apply.channel_of(known) if known is not None else ""
            case = unit_operators.begin(session, actor, unit, code, channel)
    except Refusal as refusal:
        if refusal.status not in (403, 409, 422):
            raise
        return _page(unit, refusal.detail), refusal.status
    return redirect(apply.first_page(case), 303)
