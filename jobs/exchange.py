"""Letters to partner cities: carried in order, and asked about when no receipt comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import handles
from services.exchange import partners, sending


@handles(partners.SEND)
def carry_letters(session: Session, args: Mapping[str, Any]) -> None:
    """Takes what waits for a partner to it; the network is waited for while no transaction is open."""
    sending.carry(session, int(args["partner_id"]))


@handles(partners.OVERDUE)
def receipt_overdue(session: Session, args: Mapping[str, Any]) -> None:
    """Says aloud that a letter still has no receipt."""
    sending.overdue(session, int(args["envelope_id"]))
