"""材料在哪里: one booklet, the hands it is in, who signed for it, and every hand before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.delegations.bp import bp
from models.agency import Agency
from models.case import Case
from models.content import Content
from models.delegation import Delegation
from process import access
from process.access import Actor
from process.masking import mask_name
from process.refusals import NotFound
from services import custody, places, search
from services import whereabouts as papers_of
from services.whereabouts import Hand, Whereabouts

LONGEST = 60


@bp.get("/papers/<uid>")
@login_required
def whereabouts(uid: str) -> ResponseReturnValue:
    """Where every paper of a case, a ticket or a part is now, and every hand it went through."""
    session, actor = db_session(), current_actor()
    thing = load_or_404(Content, uid, access.VIEW_FULL)
    if not isinstance(thing, (Case, Delegation)):
        raise NotFound()
    case = custody.case_of(thing) if isinstance(thing, Delegation) else thing
    whole = case is not None and access.may(actor, access.VIEW_FULL, case, session)
    rows = (
        papers_of.where_is(session, case)
        if whole and case is not None
        else papers_of.on_lists(session, thing)
        if isinstance(thing, Delegation)
        else []
    )
    hands = [hand for row in rows for hand in row.chain]
    own = actor.resident_id is not None and actor.resident_id == thing.applicant_id
    sight = _Sight(session, actor, hands)
    return render_template(
        "delegations/whereabouts.html",
        thing=thing,
        number=present.number_of(thing),
        rows=[_row(row, sight, own) for row in rows],
        own=own,
        out=len(custody.originals_out(case)) if whole and case is not None else 0,
        partly=not whole and isinstance(thing, Delegation),
    )


class _Sight:
    """Lists and signatures of the hands shown, each with its way to it for whoever may open it."""

    def __init__(self, session: Session, actor: Actor, hands: list[Hand]) -> None:
        self.papers = papers_of.receipts(session, hands)
        self.signatures = papers_of.signatures(session, hands)
        ids = {hand.handover.content_id for hand in hands}
        seen = access.visible(select(Content).where(Content.id.in_(sorted(ids))), actor)
        self.things = {
            one.id: one for one in session.scalars(seen) if access.may(actor, access.VIEW_FULL, one, session)
        }

    def receipt(self, hand: Hand) -> str | None:
        paper = self.papers.get(hand.number)
        if paper is None or paper.status != "ready" or paper.content_id not in self.things:
            return None
        return url_for("certificates.paper", uid=paper.uid)

    def signature(self, hand: Hand) -> str | None:
        drawn = self.signatures.get(hand.handover.to_signature_id or 0)
        thing = self.things.get(drawn.content_id) if drawn is not None else None
        if drawn is None or thing is None:
            return None
        return url_for("content.document", uid=thing.uid, document_uid=drawn.uid)


def _row(one: Whereabouts, sight: _Sight, own: bool) -> Any:
    """`own`: residents read where their papers are and who signed for them, not what the offices noted at the count."""
    return SimpleNamespace(
        name=one.name,
        original=one.original,
        sheets=one.sheets,
        holder=_(one.holder) if one.holder else "",
        since=present.moment(one.since),
        underway=one.on_the_way,
        signed_by=one.signed.signed_by if one.signed else "",
        signed_at=present.moment(one.signed.signed_at) if one.signed else "",
        receipt=sight.receipt(one.signed) if one.signed else None,
        signature=sight.signature(one.signed) if one.signed else None,
        hands=[
            SimpleNamespace(
                title=_(hand.title),
                giver=hand.handover.from_label,
                taker=hand.handover.to_label,
                when=present.moment(hand.handover.at),
                number=hand.number,
                receipt=sight.receipt(hand),
                signed_by=hand.signed_by,
                signed_at=present.moment(hand.signed_at),
                signature=sight.signature(hand),
                counted=hand.counted,
                listed=hand.line.sheets,
                found=hand.line.counted,
                difference="" if own else hand.line.difference,
                sent_back="" if own else hand.line.sent_back,
                condition=hand.line.condition,
            )
            for hand in one.chain
        ],
    )


@bp.route("/papers", methods=["GET", "POST"])
@login_required
def find_papers() -> ResponseReturnValue:
    """找材料: by name, applicant, number or whole ID number; without words, the originals my unit has."""
    session, actor = db_session(), current_actor()
    if actor.resident_id is not None or actor.unit_id is None:
        raise NotFound()
    if request.method == "POST":
        words = " ".join(request.form.get("q", "").split())[:LONGEST]
        # A whole ID number stands in no address.
        return redirect(url_for("delegations.find_papers", q=search.for_address(words) or None), 303)
    words = " ".join(request.args.get("q", "").split())[:100]
    unit = session.get(Agency, actor.unit_id)
    units = places.inbox_units(session, unit) if unit is not None else []
    found = papers_of.find(session, actor, words, units)
    return render_template(
        "delegations/find_papers.html",
        words="" if search.is_token(words) else words,
        asked=bool(words),
        unit=actor.unit_name,
        rows=[
            SimpleNamespace(
                name=one.material.name,
                original=one.material.original_held,
                holder=_(one.holder) if one.holder else "",
                who=mask_name(one.through.applicant.name) if one.through.applicant else "",
                number=present.number_of(one.through),
                url=url_for("delegations.whereabouts", uid=one.through.uid),
            )
            for one in found
        ],
    )
