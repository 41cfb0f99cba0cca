"""通办 at the counter: file for another city, see both halves of every ticket, and what went to and fro."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from blueprints import present
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.exchange.bp import bp
from blueprints.exchange.partners import letter_view
from models.content import Content
from models.exchange import Envelope, ExchangeTicket
from process import access, engine
from process.library import library
from process.masking import mask_name
from process.refusals import InvalidInput, NotFound
from services import generic
from services.exchange import items, partners, printing, tickets

SHOWN = 60


@bp.get("/", endpoint="index")
@login_required
def index() -> ResponseReturnValue:
    """Both halves side by side: what we pushed, and what was pushed to us."""
    session, actor = db_session(), current_actor()
    side = request.args.get("side") if request.args.get("side") in (tickets.FILED, tickets.DECIDES) else ""
    query = (
        access.visible(select(Content), actor)
        .join(ExchangeTicket, ExchangeTicket.content_id == Content.id)
        .options(joinedload(Content.applicant), joinedload(Content.unit), joinedload(Content.assignee))
        .order_by(Content.closed_at.is_not(None), Content.id.desc())
        .limit(SHOWN)
    )
    if side:
        query = query.where(ExchangeTicket.side == side)
    found = session.scalars(query).unique().all()
    links = {
        link.content_id: link
        for link in session.scalars(
            select(ExchangeTicket)
            .where(ExchangeTicket.content_id.in_([content.id for content in found]))
            .options(joinedload(ExchangeTicket.partner))
        )
    }
    unheard = _without_receipt(session, list(links))
    return render_template(
        "exchange/index.html",
        rows=[_row(session, content, links[content.id], unheard) for content in found],
        side=side,
        may_file=generic.may_start(actor, library.type(tickets.TYPE)) and bool(_offers(session)),
        may_start=generic.may_start(actor, library.type(tickets.TYPE)),
        administrator=partners.is_administrator(session, actor),
        attendant=not actor.roles.isdisjoint(printing.ATTENDANTS),
    )


def _without_receipt(session: Session, ids: list[int]) -> dict[int, Any]:
    """The oldest letter about each of these things that the other side has not signed for."""
    rows = session.execute(
        select(Envelope.content_id, Envelope.sent_at)
        .where(Envelope.content_id.in_(ids), Envelope.direction == "out", Envelope.status == "waiting")
        .order_by(Envelope.sent_at.desc())
    )
    return {row.content_id: row.sent_at for row in rows}


def _row(session: Session, content: Content, link: ExchangeTicket, unheard: dict[int, Any]) -> Any:
    definition = library.of(content, session)
    return SimpleNamespace(
        number=present.number_of(content),
        url=url_for("content.show", uid=content.uid),
        who=mask_name(content.applicant.name) if content.applicant else "",
        what=content.fields.get("matter") or content.title,
        filed_here=link.side == tickets.FILED,
        partner=link.partner.name,
        unit=link.unit_name,
        their_number=link.their_number,
        state=present.state_view(definition.states[content.state]),
        deadline=present.deadline_view(session, content, definition),
        told=present.moment(link.told_at),
        unheard=present.moment(unheard.get(content.id)),
    )


@bp.route("/new", methods=["GET", "POST"], endpoint="new")
@login_required
def new() -> ResponseReturnValue:
    """One page: which city and item, who, how the result comes; pushed at once."""
    session, actor = db_session(), current_actor()
    if not generic.may_start(actor, library.type(tickets.TYPE)):
        raise NotFound()
    values: dict[str, str] = request.form.to_dict() if request.method == "POST" else {}
    if request.method == "POST":
        try:
            content = tickets.file(session, actor, values)
            engine.fire(content, "push", actor)
        except InvalidInput as refusal:
            session.rollback()
            return _form(session, values, refusal), 422
        flash(_("已推送到%(city)s。收到对方回执前，这里会写“等回执”。", city=content.fields["city"]), "success")
        return redirect(url_for("content.show", uid=content.uid), 303)
    return _form(session, values)


def _offers(session: Session) -> list[tuple[Any, list[Any]]]:
    """What may be filed now, by city."""
    found = [(partner, list(items.theirs(session, partner))) for partner in partners.open_partners(session)]
    return [(partner, rows) for partner, rows in found if rows]


def _form(session: Session, values: dict[str, str], refusal: InvalidInput | None = None) -> str:
    errors = []
    for name, message in (refusal.errors if refusal else {}).items():
        field = name.replace("applicant.", "applicant_")
        errors.append({"field": field, "message": message})
    if refusal is not None and not errors:
        errors = [{"field": "", "message": refusal.detail}]
    return render_template(
        "exchange/new.html",
        offers=_offers(session),
        values=values,
        refusal=errors,
        wrong={error["field"]: error["message"] for error in errors},
        own=current_actor().resident_id is not None,
    )


@bp.get("/tickets/<uid>", endpoint="letters")
@login_required
def letters(uid: str) -> ResponseReturnValue:
    """Everything that went to and fro about one ticket, each with its receipt."""
    content = load_or_404(Content, uid, access.VIEW_FULL)
    session = db_session()
    link = tickets.link(session, content)
    if link is None:
        raise NotFound()
    return render_template(
        "exchange/letters.html",
        thing=content,
        number=present.number_of(content),
        link=link,
        partner=link.partner,
        filed_here=link.side == tickets.FILED,
        letters=[letter_view(letter) for letter in tickets.letters_of(session, content)],
        moment=present.moment,
    )


def facts(session: Session, content: Content, full: bool) -> Any:
    """The other half on the page of the thing: with whom, its number and date there, and whether they have heard of it."""
    link = tickets.link(session, content)
    if link is None:
        return None
    partner, unheard = link.partner, _without_receipt(session, [content.id]).get(content.id)
    lines = [
        (_("对方"), f"{partner.name}{' · ' + link.unit_name if link.unit_name else ''}"),
        (_("分工"), _("本地申报，对方办理") if link.side == tickets.FILED else _("对方申报，本地办理")),
        (_("对方的编号"), link.their_number),
        (_("对方的期限"), present.moment(link.their_deadline) if content.closed_at is None else ""),
        (_("对方最近来函"), present.moment(link.told_at)),
        (
            _("回执"),
            _("还没有回执：%(when)s 发出的函件，对方可能还不知道", when=present.moment(unheard))
            if unheard
            else _("对方都已签收"),
        ),
    ]
    if partner.down_since is not None and unheard:
        lines.append((_("线路"), _("从 %(when)s 起连不上对方，正在重试", when=present.moment(partner.down_since))))
    shown = [SimpleNamespace(label=label, value=value, wide=False) for label, value in lines if value]
    if full:
        label, tone = (_("等回执"), "waiting") if unheard else (_("有回执"), "done")
        shown.append(
            SimpleNamespace(
                label=_("往来记录"),
                value=SimpleNamespace(
                    url=url_for("exchange.letters", uid=content.uid),
                    number=_("看函件和回执"),
                    state=present.StateView(label, tone),
                ),
                wide=False,
            )
        )
    return SimpleNamespace(title=_("通办：两边的情况"), facts=shown)


def elsewhere(session: Session, content: Content) -> Any:
    """Who has it now when the other city has it, as the page of a thing says it; None while it lies here."""
    link = tickets.link(session, content)
    if link is None or link.side != tickets.FILED or content.state not in ("pushed", "deciding"):
        return None
    return SimpleNamespace(
        name=link.partner.name,
        unit=link.unit_name,
        phone="",
        since=_("自 %(when)s", when=present.moment(content.entered_at)),
    )
