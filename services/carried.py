"""Whoever has the bag has the papers: nobody calls an envelope back on paper while a courier is out with it."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.case import Material
from models.courier_run import LOADED, MISSING, RunLine
from models.delegation import Delegation, Handover
from models.errand import Errand
from process import registry
from process.refusals import RequirementUnmet
from process.registry import Step
from services import at_hand, custody, delegations, errands, run_lines

# From the signature at the pick-up until the receiver has confirmed; what failed lies at the courier's point.
OUT = ("picked_up", "on_way", "delivered", "failed")


def bag(session: Session, ticket: Delegation) -> str:
    """In whose bag the envelope of this ticket is now and what it is carried under; empty: in nobody's."""
    inside = run_lines.under_way(session, ticket)
    if inside is None:
        return ""
    return _on_a_run(session, ticket) or _on_an_errand(session, ticket) or _left_somewhere(session, ticket, inside)


def _on_a_run(session: Session, ticket: Delegation) -> str:
    line = session.scalar(
        select(RunLine)
        .where(RunLine.ticket_id == ticket.id, RunLine.state.in_((LOADED, MISSING)))
        .order_by(RunLine.id.desc())
        .limit(1)
    )
    if line is None or line.run.left_at is None or line.run.closed_at is not None:
        return ""
    if not run_lines.still_travels(session, line):
        return ""
    return f"{run_lines.carrier_of(line.run).label}（送件 {line.run.number}）"


def _on_an_errand(session: Session, ticket: Delegation) -> str:
    errand = session.scalar(
        select(Errand)
        .where(
            Errand.related_id == ticket.id,
            Errand.purpose.in_(errands.CARRYING_PAPERS),
            Errand.closed_at.is_(None),
            or_(Errand.state.in_(OUT), Errand.failures > 0),
        )
        .order_by(Errand.id.desc())
        .limit(1)
    )
    if errand is None:
        return ""
    if errand.state in ("picked_up", "on_way", "delivered") and errand.assignee is not None:
        return f"{errand.assignee.name}（任务 {errand.number}）"
    point = custody.full_name(errand.from_agency) if errand.from_agency is not None else "跑腿工"
    return f"{point}（任务 {errand.number}）"


def _left_somewhere(session: Session, ticket: Delegation, inside: Handover) -> str:
    """What was never found again still stands as the carrier's."""
    ends = [delegations.station(ticket.place), delegations.station(ticket.addressee)]
    for line in inside.lines:
        material = session.get(Material, line.material_id) if line.original and line.material_id else None
        if material is not None and not any(at_hand.at_hand(material, end) for end in ends):
            return custody.holder(material)
    return ""


@registry.requirement("in_nobodys_bag")
def in_nobodys_bag(step: Step) -> None:
    """Called back or sent back, the papers are the sender's again; whoever still carries them has to arrive first."""
    ticket: Delegation = step.content
    where = bag(step.session, ticket)
    if where:
        raise RequirementUnmet(
            f"{ticket.number} 的信封还在{where}手里，现在“{step.transition.title.zh}”，材料就对不上了。"
            "已经送到的，请先核对或确认收到；没送到的，请先请送件人带回来，再办这一步。"
        )
