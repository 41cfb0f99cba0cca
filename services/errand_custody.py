"""Where the envelopes of errands are: every change of hands of one, and what should lie at a point."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.delegation import Handover
from models.errand import Errand

CHAIN = ("carry", "return", "arrive")


def chain(session: Session, errand: Errand) -> list[Handover]:
    """Every change of hands of this errand's envelopes, in the order it happened."""
    return list(
        session.scalars(
            select(Handover)
            .where(Handover.content_id == errand.id, Handover.action.in_(CHAIN))
            .options(selectinload(Handover.lines))
            .order_by(Handover.id)
        )
    )
