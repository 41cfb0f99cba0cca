"""How many were filed here and decided here. Both cities count a ticket; whoever adds up counts its global id once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from models.content import Content
from models.exchange import ExchangeTicket, Partner
from process.access import Actor
from process.refusals import Forbidden
from services.exchange.tickets import DECIDES, FILED, TYPE

READERS = frozenset({"system_admin", "statistician", "supervisor", "head"})
OVER = ("printed", "mailed", "refused")
DECIDED = ("decided", "printed", "mailed")


@dataclass(frozen=True)
class Row:
    """One line: with whom, how many, and how many of them are decided or were sent back."""

    name: str
    filed: int = 0
    filed_decided: int = 0
    filed_refused: int = 0
    decides: int = 0
    decides_decided: int = 0
    decides_refused: int = 0


@dataclass(frozen=True)
class Figures:
    """`filed_here` + `decided_here` − `both` = `total`: a ticket is one, however many places touch it."""

    filed_here: int
    decided_here: int
    both: int
    rows: list[Row] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.filed_here + self.decided_here - self.both


def figures(session: Session, actor: Actor, since: datetime | None = None, until: datetime | None = None) -> Figures:
    """Counts only, no names and no matters."""
    if actor.roles.isdisjoint(READERS):
        raise Forbidden("通办统计由统计员、督查员和管理员查看。")
    period = [Content.type == TYPE]
    if since is not None:
        period.append(Content.created_at >= since)
    if until is not None:
        period.append(Content.created_at < until)
    found = session.execute(
        select(
            ExchangeTicket.partner_id,
            ExchangeTicket.side,
            func.count(),
            func.sum(case((Content.state.in_(DECIDED), 1), else_=0)),
            func.sum(case((Content.state == "refused", 1), else_=0)),
        )
        .select_from(Content)
        .outerjoin(ExchangeTicket, ExchangeTicket.content_id == Content.id)
        .where(*period)
        .group_by(ExchangeTicket.partner_id, ExchangeTicket.side)
    ).all()
    names = {partner.id: partner.name for partner in session.scalars(select(Partner))}
    local = sum(row[2] for row in found if row[0] is None)
    by: dict[int, dict[str, tuple[int, int, int]]] = {}
    for partner_id, side, count, decided, refused in found:
        if partner_id is not None:
            by.setdefault(partner_id, {})[side] = (count, int(decided or 0), int(refused or 0))
    none = (0, 0, 0)
    rows = [
        Row(names[partner_id], *sides.get(FILED, none), *sides.get(DECIDES, none))
        for partner_id, sides in sorted(by.items(), key=lambda pair: names[pair[0]])
    ]
    return Figures(
        filed_here=local + sum(row.filed for row in rows),
        decided_here=local + sum(row.decides for row in rows),
        both=local,
        rows=rows,
    )


def apart(session: Session, limit: int = 50) -> list[ExchangeTicket]:
    """Tickets whose two halves do not say the same although nothing is under way: somebody must look."""
    return list(
        session.scalars(
            select(ExchangeTicket)
            .join(Content, Content.id == ExchangeTicket.content_id)
            .where(
                ExchangeTicket.their_state != "",
                ExchangeTicket.their_state != Content.state,
                Content.state.in_(OVER),
                ExchangeTicket.their_state.in_(OVER),
            )
            .order_by(ExchangeTicket.content_id.desc())
            .limit(limit)
        )
    )
