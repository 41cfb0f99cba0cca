"""What must be true at the end of every month."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Case, Material
from models.content import Content
from models.ledger import OutboxItem
from process import journal_verify
from process.library import library
from services import custody
from tests.browser.month_office import Month


def require_good_books(month: Month) -> None:
    """The journal verifies, no original is lost, no work died, and every open thing is in somebody's hands."""
    with month.inside() as session:
        rows, finding = journal_verify.verify(session)
        assert finding is None, finding
        assert rows > 50
        assert _left(session) == []
        assert _lost(session) == []
        assert _nobodys(session) == []


def _left(session: Session) -> list[Any]:
    """Rows of the outbox that ended in failure."""
    return list(session.execute(select(OutboxItem.job, OutboxItem.error).where(OutboxItem.status == "dead")))


def _lost(session: Session) -> list[str]:
    """Originals nobody has, and originals still out when the matter is over."""
    nobody = [
        f"{m.case_id} {m.name}"
        for m in session.scalars(select(Material).where(Material.original_held))
        if m.holder_unit_id is None and m.holder_person_id is None
    ]
    kept = [
        f"{case.number} {m.name}"
        for case in session.scalars(select(Case))
        if _over(session, case)
        for m in custody.originals_out(case)
    ]
    return nobody + kept


def _over(session: Session, content: Content) -> bool:
    return library.of(content, session).states[content.state].terminal


def _nobodys(session: Session) -> list[str]:
    """Open things without a holder."""
    return [
        f"{content.number} {content.state}"
        for content in session.scalars(select(Content))
        if not _over(session, content) and content.assignee_id is None and content.unit_id is None
    ]
