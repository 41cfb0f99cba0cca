"""What tests of letters count and how they read a refusal."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.exchange import Envelope, ExchangeTicket
from models.ledger import JournalEntry


def counted(session: Session) -> tuple[int, int, int]:
    session.rollback()
    return (
        session.scalar(select(func.count()).select_from(ExchangeTicket)) or 0,
        session.scalar(select(func.count()).select_from(Envelope).where(Envelope.direction == "in")) or 0,
        session.scalar(select(func.count()).select_from(JournalEntry)) or 0,
    )


def refused(answer: Any, status: int, slug: str, *words: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body = answer.get_json()
    assert body["type"] == f"/problems/exchange-{slug}", body
    for word in words:
        assert word in body["detail"], body["detail"]
    return str(body["detail"])
