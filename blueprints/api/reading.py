"""Reading personal data in full leaves a row in the journal."""

from __future__ import annotations

from datetime import timedelta

from flask import request
from sqlalchemy import select

from blueprints.context import current_actor, db_session
from models.base import now
from models.content import Content
from models.ledger import JournalEntry
from process import access, journal, transactions
from services import drip

# Whoever works on a thing reads it many times an hour; one row in the journal says that they saw it.
SEEN_AGAIN = timedelta(hours=1)


def remember_reading(content: Content) -> None:
    """Who sees personal data in full is in the journal before it is sent; residents looking at their own are not."""
    session, actor = db_session(), current_actor()
    own = actor.resident_id is not None and actor.resident_id == content.applicant_id
    if (
        content.applicant_id is None
        or own
        or request.method != "GET"
        or not access.may(actor, access.VIEW_FULL, content, session)
    ):
        return
    seen = session.scalar(
        select(JournalEntry.id)
        .where(
            JournalEntry.content_id == content.id,
            JournalEntry.person_id == actor.person_id,
            JournalEntry.at > now() - SEEN_AGAIN,
        )
        .limit(1)
    )
    if seen is not None:
        return
    # A reading request has no write transaction: this is the one row it leaves behind.
    session.rollback()
    transactions.set_writing(True)
    try:
        drip.opening(session, actor)
        journal.record(session, "personal:reveal", actor, content=content, details={"by": "api"})
        session.commit()
    finally:
        transactions.set_writing(False)
