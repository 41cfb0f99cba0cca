"""转办: asking another unit for a part, and what the page of a ticket says of its parts."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import DateField, SelectField, SelectMultipleField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from blueprints import present
from blueprints.content.matter import PANELS
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.delegations.bp import bp
from blueprints.delegations.links import may_pass_on
from blueprints.dynamic_forms import Asked, is_mendable, posted, show_refusal
from models.content import Content
from models.delegation import Delegation
from process import access
from process.access import Actor
from process.library import library
from process.refusals import Refusal
from services import actions, at_hand, delegations, sub_tickets


def _form(session: Session, ticket: Delegation) -> FlaskForm:
    papers = _papers(ticket)

    class PassOnForm(FlaskForm):
        class Meta:
            csrf = False

        addressee = SelectField(
            _("转办给"),
            [Asked()],
            choices=[
                SelectChoice("", _("请选择")),
                *(SelectChoice(a.id, a.name) for a in sub_tickets.choices(session, ticket)),
            ],
            validate_choice=False,
        )
        question = TextAreaField(
            _("请对方办什么"), [Asked()], description=_("写清要办的事和要什么样的答复，对方看不到原办件。")
        )
        reply_by = DateField(_("请在这天前答复"), [Optional()], description=_("不填就是 5 个工作日。"))
        papers_along = SelectMultipleField(
            _("随单送出的材料"),
            [Optional()],
            choices=[SelectChoice(key, label) for key, label in papers],
            validate_choice=False,
            description=_("只送对方用得着的；送出以后，原件由对方签收保管，随答复交回。"),
        )

    if not papers:
        del PassOnForm.papers_along
    return PassOnForm()


def _papers(ticket: Delegation) -> list[tuple[str, str]]:
    """What lies here and can go along."""
    case = ticket.case
    if case is None:
        return []
    unit = delegations.station(ticket.addressee)
    underway = at_hand.on_the_way(db_session(), case)
    return [
        (m.code, f"{m.name}（{_('原件') if m.original_held else _('复印件')}，{_('%(n)s 份', n=m.sheets or 1)}）")
        for m in case.materials
        if m.provided and m.id not in underway and (not m.original_held or at_hand.at_hand(m, unit))
    ]


@bp.route("/<uid>/pass-on", methods=["GET", "POST"])
@login_required
def pass_on(uid: str) -> ResponseReturnValue:
    """转办给别的单位: one page, and the part is on its way."""
    session, actor = db_session(), current_actor()
    ticket = load_or_404(Delegation, uid, access.VIEW_FULL)
    if not may_pass_on(session, ticket, actor):
        return render_template(
            "content/do.html", content=ticket, transition=None, form=None, allowed=False, title=_("转办给别的单位")
        ), 409
    form = _form(session, ticket)
    if request.method == "POST":
        try:
            with session.begin_nested():
                given = posted(form)
                made = actions.create(
                    session,
                    actor,
                    sub_tickets.TYPE,
                    {**given, "ticket": ticket.uid, "lines": _lines(ticket, given.pop("papers_along", []))},
                )
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            show_refusal(form, refusal)
            return _page(load_or_404(Delegation, uid), form), 422
        flash(_("转办单 %(number)s 已转给%(unit)s。", number=made.number, unit=made.addressee.name), "success")  # type: ignore[attr-defined]
        return redirect(url_for("content.show", uid=uid) + "#parts", 303)
    return _page(ticket, form)


def _lines(ticket: Delegation, codes: list[str]) -> list[dict[str, Any]]:
    known = {m.code: m for m in ticket.case.materials} if ticket.case else {}
    return [
        {"material": code, "original": known[code].original_held, "sheets": known[code].sheets or 1}
        for code in codes
        if code in known
    ]


def _page(ticket: Delegation, form: FlaskForm) -> str:
    return render_template(
        "delegations/pass_on.html",
        ticket=ticket,
        form=form,
        parts=_told(db_session(), ticket, current_actor(), full=True),
        few=not sub_tickets.choices(db_session(), ticket),
    )


def _day(iso: str) -> str:
    return present.day_of(date.fromisoformat(iso)) if iso else ""


def _told(session: Session, ticket: Delegation, actor: Actor, *, full: bool) -> list[Any]:
    """The parts for whoever reads the ticket; answers only for staff who see it in full, the part's own page by its own rights."""
    found = sub_tickets.told(session, ticket)
    uids = [part.uid for part in found]
    own = set(session.scalars(access.visible(select(Content.uid).where(Content.uid.in_(uids)), actor)) if uids else ())
    staff = full and actor.resident_id != ticket.applicant_id
    states = {one.uid: one for one in sub_tickets.parts(session, ticket)}
    return [
        SimpleNamespace(
            number=part.number,
            url=url_for("content.show", uid=part.uid) if part.uid in own else None,
            unit=part.unit,
            joint=part.joint,
            state=present.state_view(library.of(states[part.uid], session).states[states[part.uid].state]),
            since=present.moment(part.since),
            question=part.question if staff else "",
            promised=_day(part.promised),
            reply_by=_day(part.reply_by),
            verdict=_(part.verdict) if staff and part.verdict else "",
            answer=part.answer if staff else "",
            late=part.late if staff else "",
            papers=part.papers if staff else (),
            open=part.open,
        )
        for part in found
    ]


def panel(session: Session, ticket: Delegation, actor: Actor, full: bool) -> Any:
    """转办和协办 on the page of a ticket; nothing while there is none."""
    shown = _told(session, ticket, actor, full=full)
    if not shown:
        return None
    waiting = sum(part.open and part.state.tone != "done" for part in shown)
    return SimpleNamespace(template="delegations/_parts.html", parts=shown, waiting=waiting)


PANELS["delegation"] = panel
