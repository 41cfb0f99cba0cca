"""通办伙伴: who exchanges with us, how each line is, keys read aloud, what waits, what was turned away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.exchange.bp import bp
from extensions import db
from models.base import now
from models.exchange import Envelope, ExchangeRefusal, Partner
from process.refusals import InvalidInput, NotFound
from process.words import N_
from services.exchange import envelopes, items, keys, partners

KINDS = {
    "ticket": N_("通办件"),
    "state": N_("办理步骤"),
    "answer": N_("办理结果"),
    "message": N_("留言"),
    "document": N_("附件"),
    "items": N_("事项清单"),
}
STATUS = {"waiting": (N_("等回执"), "waiting"), "done": (N_("有回执"), "done"), "refused": (N_("收下但没办成"), "late")}
SHOWN = 20


def administrator() -> None:
    if not partners.is_administrator(db_session(), current_actor()):
        raise NotFound()


@bp.get("/partners", endpoint="partners")
@login_required
def index() -> ResponseReturnValue:
    administrator()
    session = db_session()
    counts, own = items.counts(session), keys.ring()
    return render_template(
        "exchange/partners.html",
        rows=[_row(session, partner, counts.get(partner.id, {})) for partner in partners.all_partners(session)],
        own=own.card,
        since=present.moment(own.since),
        refused=_turned_away(session, "-"),
        moment=present.moment,
    )


def _row(session: Session, partner: Partner, counted: dict[str, int]) -> Any:
    waits, oldest = _waits(session, partner)
    label, tone = line_state(partner, oldest)
    return SimpleNamespace(
        partner=partner,
        url=url_for("exchange.partner", partner_id=partner.id),
        state=present.StateView(label, tone),
        waits=waits,
        oldest=present.moment(oldest) if oldest else "",
        counts=counted,
    )


def _waits(session: Session, partner: Partner) -> tuple[int, Any]:
    row = session.execute(
        select(func.count(), func.min(Envelope.sent_at)).where(
            Envelope.partner_id == partner.id, Envelope.direction == "out", Envelope.status == "waiting"
        )
    ).one()
    return row[0], row[1]


def line_state(partner: Partner, oldest: Any) -> tuple[str, str]:
    """One word for how it stands with a partner."""
    if partner.stopped_at is not None:
        return _("已停用"), "waiting"
    if partners.key_of(partner) is None:
        return _("密钥待核对"), "needs"
    if oldest is not None and now() - oldest > partners.RECEIPT_WITHIN:
        return _("4 小时没有回执"), "late"
    if partner.down_since is not None:
        return _("连不上"), "late"
    return _("正常"), "done"


@bp.route("/partners/new", methods=["GET", "POST"], endpoint="new_partner")
@login_required
def new() -> ResponseReturnValue:
    administrator()
    if request.method == "GET":
        return render_template("exchange/partner_new.html", values={}, refusal=None, own=keys.ring().card)
    try:
        partner = partners.enter(db_session(), current_actor(), request.form)
    except InvalidInput as refusal:
        page = render_template(
            "exchange/partner_new.html", values=request.form, refusal=_errors(refusal), own=keys.ring().card
        )
        return page, 422
    flash(_("已登记“%(name)s”。请打电话与对方互相念读数字，两边都核对后才开始交换。", name=partner.name), "success")
    return redirect(url_for("exchange.partner", partner_id=partner.id), 303)


def _errors(refusal: InvalidInput) -> list[dict[str, str]]:
    return [{"field": name, "message": message} for name, message in refusal.errors.items()]


@bp.get("/partners/<int:partner_id>", endpoint="partner")
@login_required
def show(partner_id: int) -> ResponseReturnValue:
    administrator()
    return _page(partners.one(db_session(), partner_id))


def _page(partner: Partner, refusal: InvalidInput | None = None, heard: str = "") -> str:
    session = db_session()
    waits, oldest = _waits(session, partner)
    label, tone = line_state(partner, oldest)
    letters = session.scalars(
        select(Envelope).where(Envelope.partner_id == partner.id).order_by(Envelope.id.desc()).limit(SHOWN)
    ).all()
    return render_template(
        "exchange/partner.html",
        partner=partner,
        open=partners.key_of(partner) is not None,
        state=present.StateView(label, tone),
        waits=waits,
        oldest=present.moment(oldest) if oldest else "",
        late=oldest is not None and now() - oldest > partners.RECEIPT_WITHIN,
        queue=[letter_view(letter) for letter in partners.waiting(session, partner, SHOWN)],
        letters=[letter_view(letter) for letter in letters],
        keys=[SimpleNamespace(row=key, card=partners.card_of(key)) for key in reversed(partner.keys)],
        own=keys.ring().card,
        items=items.theirs(session, partner),
        refused=_turned_away(session, partner.installation),
        refusal=_errors(refusal) if refusal else None,
        heard=heard,
        moment=present.moment,
    )


def letter_view(letter: Envelope) -> Any:
    """One letter as a line: direction, what, when, receipt."""
    label, tone = STATUS[letter.status]
    return SimpleNamespace(
        seq=letter.seq,
        out=letter.direction == "out",
        kind=_(KINDS.get(letter.kind, letter.kind)),
        sent=present.moment(letter.sent_at),
        state=present.StateView(_(label), tone),
        receipted=present.moment(letter.receipted_at),
        tries=letter.tries,
        said=letter.outcome or letter.error,
        late=letter.status == "waiting" and now() - letter.sent_at > partners.RECEIPT_WITHIN,
        digest=letter.digest[:12],
    )


def _turned_away(session: Session, sender: str) -> Any:
    return session.scalars(
        select(ExchangeRefusal)
        .where(ExchangeRefusal.sender == sender)
        .order_by(ExchangeRefusal.last_at.desc())
        .limit(SHOWN)
    ).all()


def _back(partner: Partner) -> ResponseReturnValue:
    return redirect(url_for("exchange.partner", partner_id=partner.id), 303)


@bp.post("/partners/<int:partner_id>/confirm", endpoint="confirm")
@login_required
def confirm(partner_id: int) -> ResponseReturnValue:
    administrator()
    partner = partners.one(db_session(), partner_id)
    heard = request.form.get("heard", "")[:100]
    try:
        partners.confirm(db_session(), current_actor(), partner, request.form.get("key", ""), heard)
    except InvalidInput as refusal:
        db.session.rollback()
        return _page(partners.one(db_session(), partner_id), refusal, heard), 422
    flash(_("已核对。对方那边也核对后，就可以互相推送。"), "success")
    return _back(partner)


@bp.post("/partners/<int:partner_id>/key", endpoint="add_key")
@login_required
def add_key(partner_id: int) -> ResponseReturnValue:
    """The partner has changed its key and handed over the new card."""
    administrator()
    partner = partners.one(db_session(), partner_id)
    try:
        partners.add_key(db_session(), current_actor(), partner, request.form)
    except InvalidInput as refusal:
        return _page(partner, refusal), 422
    flash(_("新密钥卡已登记，请与对方念读核对。核对前仍用旧密钥。"), "success")
    return _back(partner)


@bp.post("/partners/<int:partner_id>/revoke", endpoint="revoke")
@login_required
def revoke(partner_id: int) -> ResponseReturnValue:
    administrator()
    partner = partners.one(db_session(), partner_id)
    partners.revoke(db_session(), current_actor(), partner, request.form.get("key", ""), request.form.get("reason", ""))
    flash(_("密钥已作废，用它签的函件不再收。"), "success")
    return _back(partner)


@bp.post("/partners/<int:partner_id>/line", endpoint="line")
@login_required
def line(partner_id: int) -> ResponseReturnValue:
    """Retry now, stop, resume, or correct name and address."""
    administrator()
    session, actor, form = db_session(), current_actor(), request.form
    partner = partners.one(session, partner_id)
    what = form.get("do", "")
    if what == "retry":
        partners.retry(session, actor, partner)
        flash(_("已重新排队，几秒内再试。请刷新看结果。"), "success")
    elif what == "stop":
        partners.stop(session, actor, partner, form.get("reason", ""))
        flash(_("已停用。没有发出的函件都留着。"), "success")
    elif what == "resume":
        partners.resume(session, actor, partner)
        flash(_("已恢复，留着的函件正在补发。"), "success")
    elif what == "items":
        partners.require_open(partner)
        items.send_list(session, partner)
        flash(_("事项清单已排队发送。"), "success")
    elif what == "move":
        try:
            partners.move(session, actor, partner, form)
        except InvalidInput as refusal:
            return _page(partner, refusal), 422
        flash(_("名称和地址已更新。"), "success")
    else:
        raise NotFound()
    return _back(partner)


@bp.post("/partners/rotate", endpoint="rotate")
@login_required
def rotate() -> ResponseReturnValue:
    """Our own key changes: every partner must read it aloud again; until then their old letters still open."""
    administrator()
    partners.rotate(db_session(), current_actor(), sure=request.form.get("sure") == "y")
    flash(_("本系统已换新密钥。请把新密钥卡交给每个伙伴，并互相念读核对。"), "success")
    return redirect(url_for("exchange.partners"), 303)


__all__ = ["administrator", "envelopes", "letter_view"]
