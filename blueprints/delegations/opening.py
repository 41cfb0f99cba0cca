"""Opening a ticket for a case, and the letter without which it does not leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import BooleanField, DateField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from blueprints import present
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.delegations.bp import bp
from blueprints.dynamic_forms import Asked, SignatureField, is_mendable, posted, show_refusal
from models.agency import Agency
from models.base import now
from models.case import Case
from models.delegation import Delegation
from process import access, clock
from process.masking import mask_id_number
from process.refusals import InvalidInput, NotFound, Refusal
from services import actions, address_routing, case_routing, delegations, letters, sub_tickets

ADDRESSEES = ("street_centre", "street", "district", "approvals_office", "department", "company", "community")
LETTER_FIELDS = ("powers", "valid_until", "fingerprint", "witness_1", "witness_2", "signature")


class _Plain(FlaskForm):
    """The application checks the token of every POST; forms here carry none of their own."""

    class Meta:
        csrf = False


def _opening_form(session: Session, case: Case) -> FlaskForm:
    class OpeningForm(_Plain):
        addressee = SelectField(_("转交给"), [Asked()], choices=_units(session, case), validate_choice=False)
        co_addressees = SelectMultipleField(
            _("协办单位"),
            [Optional()],
            choices=_joint(session, case),
            validate_choice=False,
            description=_("材料只送主送单位；协办单位各得一张转办单，只答复、不收材料。"),
        )
        result_point = SelectField(
            _("结果领取点"),
            [Optional()],
            choices=[SelectChoice("", _("就在本站领取")), *_points(session, case)],
            validate_choice=False,
            description=_("办事人想在别的社区或街道领结果的，在这里选。"),
        )
        message = TextAreaField(_("给对方的话"), [Optional()], description=_("例如老人急用、电话下午才有人接。"))

    try:
        usual = delegations.default_addressee(session, case.item, case.place).id
    except InvalidInput:
        usual = ""
    elsewhere = address_routing.suggestion(session, case)
    street = case_routing.above(case.place, "street", "town")
    if elsewhere is not None and street is not None and usual == case_routing.front_office(session, street).id:
        # What the street decides is decided by the street of the address.
        usual = elsewhere[1].id
    return OpeningForm(data={"addressee": usual})


def _units(session: Session, case: Case) -> list[SelectChoice]:
    """Units that exist today and are not this station, the street's own front office first."""
    today = clock.local_day(now())
    found = [
        agency
        for agency in session.scalars(select(Agency).where(Agency.kind.in_(ADDRESSEES)).order_by(Agency.path))
        if agency.exists_on(today)
        and case_routing.front_office(session, agency).id == agency.id
        and not agency.holds(case.place_path)
    ]
    found.sort(key=lambda agency: ADDRESSEES.index(agency.kind))
    return [SelectChoice(agency.id, agency.name) for agency in found]


def _joint(session: Session, case: Case) -> list[SelectChoice]:
    """Units that can be asked to join in: somebody there counts papers in, and it is not this station."""
    today = clock.local_day(now())
    return [
        choice
        for choice in _units(session, case)
        if sub_tickets.has_receivers(session, session.get_one(Agency, str(choice.value)), today)
    ]


def _points(session: Session, case: Case) -> list[SelectChoice]:
    today = clock.local_day(now())
    return [
        SelectChoice(agency.id, agency.name)
        for agency in session.scalars(
            select(Agency).where(Agency.kind.in_(("community", "village", "street_centre"))).order_by(Agency.path)
        )
        if agency.exists_on(today) and not delegations.same_unit(agency, case.place)
    ]


@bp.route("/new", methods=["GET", "POST"])
@login_required
def new() -> ResponseReturnValue:
    """转交代办: the ticket, with the letter as the next page."""
    session, actor = db_session(), current_actor()
    case = load_or_404(Case, request.values.get("case", ""), access.VIEW_FULL)
    standing = delegations.open_of(session, case)
    if standing is not None and access.may(actor, access.VIEW, standing):
        flash(_("这个办件已有在办的代办单，已为您打开。"), "info")
        return redirect(url_for("content.show", uid=standing.uid), 303)
    form = _opening_form(session, case)
    if request.method == "POST":
        try:
            with session.begin_nested():
                ticket = actions.create(session, actor, "delegation", {"case": case.uid, **posted(form)})
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            show_refusal(form, refusal)
            return _opening_page(case, form), 422
        flash(_("已开代办单 %(number)s，请让委托人签委托书。", number=ticket.number), "success")
        return redirect(url_for("delegations.letter", uid=ticket.uid), 303)
    return _opening_page(case, form)


def _opening_page(case: Case, form: FlaskForm) -> str:
    found = address_routing.suggestion(db_session(), case)
    told = (
        _(
            "办事人住在%(home)s，建议转交%(office)s；%(home)s已收到通知。",
            home=found[0].name,
            office=found[1].name,
        )
        if found is not None
        else ""
    )
    return render_template("delegations/new.html", case=case, form=form, suggestion=told)


def letter_form(data: dict[str, Any] | None = None) -> FlaskForm:
    """The boxes of a letter, for the station and for the door."""
    usual = {"powers": list(letters.POWERS), "valid_until": clock.local_day(now()) + timedelta(days=letters.USUAL_DAYS)}

    class LetterForm(_Plain):
        powers = SelectMultipleField(
            _("委托权限"),
            [Asked()],
            choices=[SelectChoice(key, _(title)) for key, title in letters.POWERS.items()],
            validate_choice=False,
        )
        valid_until = DateField(_("委托有效期至"), [Asked()], description=_("最长一年。"))
        fingerprint = BooleanField(
            _("本人不能书写，以指印代替签名"), [Optional()], description=_("要有两名见证人在场，受托人不能作见证。")
        )
        witness_1 = StringField(_("见证人一"), [Optional()])
        witness_2 = StringField(_("见证人二"), [Optional()])
        signature = SignatureField(_("委托人签名或指印"), [Asked()])

    return LetterForm(data={**usual, **(data or {})})


@bp.route("/<uid>/letter", methods=["GET", "POST"])
@login_required
def letter(uid: str) -> ResponseReturnValue:
    """The resident reads, ticks and signs, in front of the clerk who becomes the agent."""
    session, actor = db_session(), current_actor()
    ticket = load_or_404(Delegation, uid, access.VIEW_FULL)
    if ticket.parent_id is not None:
        # A part is between offices: the resident's letter stands on the ticket above it.
        raise NotFound()
    form = letter_form()
    if request.method == "POST":
        try:
            with session.begin_nested():
                delegations.sign_letter(session, ticket, actor, posted(form))
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            show_refusal(form, refusal)
            return _letter_page(load_or_404(Delegation, uid), form), 422
        flash(_("委托书已签好，现在可以列清单转交。"), "success")
        return redirect(url_for("delegations.send", uid=uid), 303)
    return _letter_page(ticket, form)


def _letter_page(ticket: Delegation, form: FlaskForm) -> str:
    principal = ticket.applicant
    item = ticket.case.item if ticket.case else (ticket.home_visit.item if ticket.home_visit else None)
    return render_template(
        "delegations/letter.html",
        ticket=ticket,
        form=form,
        matter=item.title if item else ticket.title,
        agent=current_actor(),
        principal=principal,
        principal_number=mask_id_number(principal.id_number) if principal else "",
        signed=ticket.letter,
        signed_until=present.full_day(ticket.letter.valid_until) if ticket.letter else "",
    )
