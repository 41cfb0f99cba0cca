"""Full names, addresses and health notes on a page: that they were seen is in the journal before the page is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints.context import current_actor, db_session
from models.base import now
from models.ledger import JournalEntry
from models.resident import CareEntry
from process import journal, transactions
from services import care

# Whoever works with an entry opens it many times; one row an hour says that they saw it.
SEEN_AGAIN = timedelta(hours=1)
VIEW = "care:view"


def committed(write: Callable[[Session], None]) -> None:
    """A reading request has no write transaction: these rows are all it leaves behind."""
    session = db_session()
    session.rollback()
    transactions.set_writing(True)
    try:
        write(session)
        session.commit()
    finally:
        transactions.set_writing(False)


def remember_entry(entry: CareEntry) -> None:
    """Who opened somebody's entry of the register, once an hour."""
    actor, session = current_actor(), db_session()
    stream = care.stream(entry)
    seen = session.scalar(
        select(JournalEntry.id)
        .where(
            JournalEntry.stream == stream,
            JournalEntry.person_id == actor.person_id,
            JournalEntry.at > now() - SEEN_AGAIN,
        )
        .limit(1)
    )
    if seen is None:
        committed(lambda fresh: _note(fresh, stream))


def _note(session: Session, stream: str) -> None:
    journal.record(session, VIEW, current_actor(), stream=stream)
