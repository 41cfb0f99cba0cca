"""What a ticket tells besides itself: its parts with other units, and where its papers are."""

from __future__ import annotations

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from blueprints.api import bp
from blueprints.api.serialise import when
from blueprints.context import current_actor, db_session, load_or_404
from models.case import Case
from models.content import Content
from models.delegation import Delegation
from process import access
from process.refusals import NotFound
from services import custody, sub_tickets
from services import whereabouts as papers_of


@bp.get("/v1/contents/<uid>/parts", endpoint="parts")
def parts(uid: str) -> ResponseReturnValue:
    """转办 and 协办 of a ticket: whom, how far, until when; questions and answers for the staff of both ends."""
    ticket, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    if not isinstance(ticket, Delegation):
        raise NotFound()
    found = sub_tickets.told(session, ticket)
    uids = [part.uid for part in found]
    own = set(session.scalars(access.visible(select(Content.uid).where(Content.uid.in_(uids)), actor))) if uids else ()
    staff = access.may(actor, access.VIEW_FULL, ticket, session) and actor.resident_id != ticket.applicant_id
    items = [
        {
            "number": part.number,
            "unit": part.unit,
            "state": part.state,
            "joint": part.joint,
            "since": when(part.since),
            "reply_by": part.reply_by or None,
            "promised": part.promised or None,
            "question": part.question if staff else None,
            "verdict": (part.verdict or None) if staff else None,
            "answer": (part.answer or None) if staff else None,
            "late": (part.late or None) if staff else None,
            "open": part.open,
            "url": url_for("api.show", uid=part.uid) if part.uid in own else None,
        }
        for part in found
    ]
    return jsonify(items=items, next=None)


@bp.get("/v1/contents/<uid>/whereabouts", endpoint="whereabouts")
def whereabouts(uid: str) -> ResponseReturnValue:
    """Where every paper of a case, a ticket or a part is now, who signed for it, and every hand before."""
    thing, session, actor = load_or_404(Content, uid, access.VIEW_FULL), db_session(), current_actor()
    if not isinstance(thing, (Case, Delegation)):
        raise NotFound()
    case = custody.case_of(thing) if isinstance(thing, Delegation) else thing
    if case is not None and access.may(actor, access.VIEW_FULL, case, session):
        rows = papers_of.where_is(session, case)
    else:
        rows = papers_of.on_lists(session, thing) if isinstance(thing, Delegation) else []
    staff = actor.resident_id is None or actor.resident_id != thing.applicant_id
    items = [
        {
            "name": row.name,
            "original": row.original,
            "sheets": row.sheets,
            "holder": row.holder,
            "since": when(row.since),
            "on_the_way": row.on_the_way,
            "signed_by": row.signed.signed_by if row.signed else None,
            "signed_at": when(row.signed.signed_at) if row.signed else None,
            "hands": [
                {
                    "what": hand.title,
                    "from": hand.handover.from_label,
                    "to": hand.handover.to_label,
                    "at": when(hand.handover.at),
                    "list": hand.number,
                    "listed": hand.line.sheets,
                    "counted": hand.line.counted,
                    "difference": hand.line.difference if staff else "",
                    "sent_back": hand.line.sent_back if staff else None,
                    "signed_by": hand.signed_by or None,
                    "signed_at": when(hand.signed_at),
                }
                for hand in row.chain
            ],
        }
        for row in rows
    ]
    return jsonify(items=items, next=None)
