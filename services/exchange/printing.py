"""自助打印: what another city has decided, printed at any terminal here for whoever brings the number and the ID card."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.exchange import Envelope
from models.paper import Paper
from process import clock, engine, journal
from process.access import Actor
from process.identity import IdNumber
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound
from services import papers_out
from services.exchange import tickets
from services.papers_out import Occasion, data_for

PAPER = "cross_region_proof"
# Who stands beside a terminal; they see one line and the paper, never the list of others.
ATTENDANTS = frozenset(
    {"window_clerk", "community_clerk", "all_round_worker", "filing_guide", "lobby_manager", "grid_leader"}
)
# How long whoever printed a proof may fetch it again, when the printer was out of paper.
AT_HAND = timedelta(minutes=30)


@data_for(PAPER)
def cross_region_proof(occasion: Occasion) -> dict[str, Any] | None:
    """Everything from the two halves of the ticket; nothing is typed at the terminal."""
    content: Content = occasion.content
    applicant, ticket = content.applicant, tickets.link(occasion.session, content)
    if applicant is None:
        return None
    if ticket is not None and occasion.step is not None and ticket.side == tickets.DECIDES:
        # Printed there; the other city keeps the paper.
        return None
    letter = occasion.session.scalar(
        select(Envelope.uid)
        .where(Envelope.content_id == content.id, Envelope.direction == "in", Envelope.kind == "answer")
        .order_by(Envelope.id.desc())
        .limit(1)
    )
    unit = content.active_place("addressee")
    return {
        "number": content.number or "",
        "applicant_name": applicant.name,
        "applicant_id_number": applicant.id_number,
        "item_title": content.fields.get("matter") or content.title,
        "city": content.fields.get("city") or "",
        "unit": ticket.unit_name if ticket is not None else unit.place.name if unit is not None else "",
        "remote_number": content.fields.get("remote_number") or "",
        "filed_at": content.place.name,
        "filed_on": clock.local_day(content.created_at),
        "result": content.fields.get("decision_text") or "",
        "letter": letter or "",
        "printed_on": clock.local_day(occasion.at),
    }


def print_at_terminal(session: Session, actor: Actor, number: str, id_number: str) -> Paper:
    """Number and the whole ID number open one result; the step is the applicant's, the attendant is written down."""
    if actor.roles.isdisjoint(ATTENDANTS):
        raise Forbidden("自助打印由窗口、代办站的工作人员或导办员操作。")
    errors = {}
    if not number.strip():
        errors["number"] = "请填写通办件编号，例如 KS-2026-000123"
    try:
        given: IdNumber | None = IdNumber.parse(id_number)
    except InvalidInput as refusal:
        given, errors["id_number"] = None, refusal.detail
    if errors or given is None:
        raise InvalidInput("还不能打印：" + "；".join(errors.values()), errors)
    content = session.scalar(
        select(Content).where(Content.type == tickets.TYPE, Content.number == number.strip().upper()[:60])
    )
    wrong = content is None or content.applicant is None or content.applicant.id_number != given.value
    if wrong or content is None:
        raise NotFound("没有找到这个编号和身份证号码对应的通办件。请对照受理单核对编号，并用本人身份证。")
    if content.state == "printed":
        raise NotAvailable("这份结果已经打印过了。遗失的请到申报的窗口补打。")
    if content.state != "decided":
        raise NotAvailable("受理地还没有办结，暂时没有可以打印的结果。办结后会发消息通知。")
    if content.fields.get("want_paper") == "express":
        raise NotAvailable("申请时选的是快递，结果由受理地寄出，不在这里打印。")
    engine.fire_unattended(content, "print", because="terminal")
    paper = session.scalars(
        select(Paper).where(Paper.content_id == content.id, Paper.paper == PAPER).order_by(Paper.id.desc()).limit(1)
    ).one()
    paper.created_by_id = actor.person_id
    journal.record(session, "exchange:print", actor, content=content, details={"paper": paper.uid})
    return paper


def proof(session: Session, actor: Actor, uid: str) -> Paper:
    """The proof somebody has just printed, for the printer beside them; after half an hour it is nobody's here."""
    paper = session.scalar(select(Paper).where(Paper.uid == uid, Paper.paper == PAPER))
    if paper is None or actor.person_id is None or paper.created_by_id != actor.person_id:
        raise NotFound()
    if now() - paper.created_at > AT_HAND:
        raise NotFound()
    return paper


def is_ready(paper: Paper) -> bool:
    return paper.status == papers_out.READY
