"""The list of visits, today first, and asking for one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload
from wtforms import DateTimeLocalField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import Asked, is_mendable, posted, show_refusal
from blueprints.visits.bp import bp
from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.delegation import HomeVisit
from models.resident import Resident
from process import access, clock, eligibility, engine, guards
from process.access import Actor
from process.refusals import InvalidInput, Refusal
from process.words import N_
from services import actions, care, custody, visit_counts, visit_day, visits

LIMIT = 200
GROUPS = (
    ("today", N_("今天")),
    ("next", N_("以后几天")),
    ("plan", N_("待排期")),
    ("bring", N_("结果要送上门")),
    ("others", N_("其他在办")),
)


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    statement = visits.today_first(actor).options(
        *present.list_options(HomeVisit),
        joinedload(HomeVisit.item),
        selectinload(HomeVisit.places),
        selectinload(HomeVisit.people),
    )
    finished = request.args.get("show") == "all"
    if not finished:
        statement = statement.where(HomeVisit.closed_at.is_(None))
    found = list(session.scalars(statement.limit(LIMIT)).unique())
    guards.prefetch(session, found)
    today = clock.local_day(now())
    groups: dict[str, list[Any]] = {key: [] for key, _label in GROUPS}
    for visit in found:
        row = present.row(session, visit, actor, engine.available(visit, actor))
        slot = (
            present.moment(visit.slot_start)
            if visit.slot_start
            else (_("希望：%(wish)s", wish=_wish(visit)) if _wish(visit) else "")
        )
        groups[_group(visit, today)].append(SimpleNamespace(row=row, slot=slot, attempts=visit.attempts))
    shown = [
        SimpleNamespace(key=key, title=_(label), rows=groups[key])
        for key, label in GROUPS
        if groups[key] or key == "today"
    ]
    return render_template(
        "visits/index.html",
        groups=shown,
        finished=finished,
        today=present.day(now()),
        new_url=url_for("visits.new"),
        care_url=url_for("visits.register") if actor.roles.intersection(care.KEEPERS) else None,
        route_url=url_for("visits.route") if actor.roles.intersection(visit_day.WALKERS) else None,
        counts_url=url_for("visits.counts") if visit_counts.scope(actor) else None,
        may_ask=actor.resident_id is not None or bool(actor.roles.intersection(ASKING)),
    )


# Who may register a request (process/types/home_visit.yaml says the same of each place).
ASKING = ("grid_leader", "community_clerk", "all_round_worker")


def _group(visit: HomeVisit, today: Any) -> str:
    if visit.state == "result_ready":
        return "bring"
    if visit.state in visits.BUSY and visit.slot_start is not None:
        return "today" if clock.local_day(visit.slot_start) <= today else "next"
    return "plan" if visit.state in ("requested", "missed") else "others"


def _wish(visit: HomeVisit) -> str:
    from datetime import datetime

    wish = (visit.fields or {}).get("wish")
    return present.moment(datetime.fromisoformat(wish)) if wish else ""


class _Plain(FlaskForm):
    """The application checks the token of every POST; forms here carry none of their own."""

    class Meta:
        csrf = False


def _request_form(session: Session, actor: Actor, data: dict[str, Any]) -> FlaskForm:
    staff = actor.resident_id is None
    needed: list[Any] = [Asked()] if staff else [Optional()]

    class RequestForm(_Plain):
        item = SelectField(_("要办的事"), [Asked()], choices=_items(), validate_choice=False)
        applicant_name = StringField(_("老人或服务对象姓名"), needed)
        applicant_id_number = StringField(
            _("身份证号码"), needed, description=_("年龄由号码算出，80周岁以上不用另外证明。")
        )
        applicant_phone = StringField(_("联系电话"), needed)
        applicant_address = StringField(_("上门地址"), needed)
        applicant_household_address = StringField(_("户籍地址"), [Optional()], description=_("与上门地址相同可不填。"))
        place = SelectField(
            _("所在网格"),
            [Optional()],
            choices=_grids(session, actor),
            validate_choice=False,
            description=_("不选就按登记的住址找。"),
        )
        condition = RadioField(
            _("上门条件"),
            [Asked()],
            choices=[SelectChoice(key, _(title)) for key, title in eligibility.CONDITIONS.items()],
            validate_choice=False,
        )
        proof = TextAreaField(
            _("依据说明"),
            [Optional()],
            description=_("未满80周岁的必填：看到的证件、病历，或由谁核实。只有本网格网格长和社区服务站看得到。"),
        )
        wish = DateTimeLocalField(_("希望的时间"), [Optional()], format="%Y-%m-%dT%H:%M")
        insurer_region = StringField(
            _("待遇发放地"), [Optional()], description=_("只有待遇资格认证要填，例如“成都市”。认证结果转给那里。")
        )
        requested_by = StringField(_("预约人"), [Optional()], description=_("本人预约的不填；家属代为预约的写姓名。"))
        requested_relation = SelectField(
            _("与服务对象的关系"),
            [Optional()],
            choices=[SelectChoice("", _("请选择")), *(SelectChoice(one, _(one)) for one in visits.RELATIONS)],
            validate_choice=False,
        )
        requested_phone = StringField(
            _("预约人电话"), [Optional()], description=_("写手机号的，上门时间和结果也发短信告诉预约人。")
        )

    return RequestForm(data=data)


def _items() -> list[SelectChoice]:
    today = clock.local_day(now())
    return [
        SelectChoice("", _("请选择")),
        *(
            SelectChoice(record.id, record.name)
            for record in catalogue.items().values()
            if record.fileable(today) and eligibility.item_allows_visit(record)
        ),
    ]


def _grids(session: Session, actor: Actor) -> list[SelectChoice]:
    """Grids the actor works in, or every grid for a resident."""
    grids = session.scalars(
        select(Agency).where(Agency.kind == "grid").options(joinedload(Agency.parent)).order_by(Agency.number)
    ).unique()
    paths = [held.path for held in actor.held if held.role in ("grid_leader", "community_clerk", "all_round_worker")]
    mine = [g for g in grids if actor.resident_id is not None or any(g.path.startswith(path) for path in paths)]
    return [SelectChoice("", _("按住址找")), *(SelectChoice(g.id, custody.full_name(g)) for g in mine)]


@bp.route("/new", methods=["GET", "POST"])
@login_required
def new() -> ResponseReturnValue:
    """Asking for a visit: a resident, a relative, or the station for either."""
    session, actor = db_session(), current_actor()
    form = _request_form(
        session,
        actor,
        {
            "item": request.args.get("item", ""),
            "condition": eligibility.AGE,
            **_own(session, actor),
            **_of_register(session, actor, request.args.get("entry", "")),
        },
    )
    if request.method == "POST":
        data = posted(form)
        try:
            with session.begin_nested():
                visit = actions.create(session, actor, "home_visit", data)
                assert isinstance(visit, HomeVisit)
                answer = visits.assess(visit, now())
                if not answer.ok and visit.condition != eligibility.AGE and not data.get("proof"):
                    # Somebody forgot to write it down: mended here, while the caller is still on the line.
                    raise InvalidInput(answer.reason, {"proof": answer.reason})
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            refusal.errors = {
                name.replace("applicant.", "applicant_"): message for name, message in refusal.errors.items()
            }
            show_refusal(form, refusal)
            return render_template("visits/new.html", form=form), 422
        seen = session.scalar(access.visible(select(HomeVisit.id).where(HomeVisit.id == visit.id), actor, HomeVisit))
        if answer.ok:
            flash(_("已预约 %(number)s。请接着选上门时间，选好就为您留着。", number=visit.number), "success")
            if seen:
                return redirect(url_for("visits.slot", uid=visit.uid), 303)
        elif seen:
            flash(_("已登记 %(number)s，但不符合上门条件：%(why)s", number=visit.number, why=answer.reason), "warning")
            return redirect(url_for("visits.ways", uid=visit.uid), 303)
        else:
            flash(_("已登记 %(number)s，但不符合上门条件：%(why)s", number=visit.number, why=answer.reason), "warning")
        return redirect(url_for("desk.index"), 303)
    return render_template("visits/new.html", form=form)


def _of_register(session: Session, actor: Actor, number: str) -> dict[str, Any]:
    """Somebody on the register is not asked again for what stands there."""
    if not number.isdecimal() or len(number) > 15:
        return {}
    entry = care.load(session, actor, int(number))
    person = entry.resident
    return {
        "applicant_name": person.name,
        "applicant_id_number": person.id_number,
        "applicant_phone": person.phone or entry.contact_phone,
        "applicant_address": person.address,
        "place": person.grid_id,
        "condition": entry.condition,
        "proof": entry.proof,
        "requested_by": entry.contact,
        "requested_phone": entry.contact_phone,
    }


def _own(session: Session, actor: Actor) -> dict[str, Any]:
    person = session.get(Resident, actor.resident_id) if actor.resident_id is not None else None
    if person is None:
        return {}
    return {
        "applicant_name": person.name,
        "applicant_id_number": person.id_number,
        "applicant_phone": person.phone,
        "applicant_address": person.address,
    }
