"""Whom the state of a line concerns: administrators of today, not those whose post has ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.person import Grant, Person
from process.clock import local_day
from services.exchange import partners


def test_an_ended_post_hears_no_more(session: Session, person: Callable[[str], Person]) -> None:
    admin = person("admin")
    assert admin in partners.administrators(session)
    for grant in session.scalars(select(Grant).where(Grant.person_id == admin.id, Grant.role == "system_admin")):
        grant.since, grant.until = None, local_day(now()) - timedelta(days=1)
    session.flush()
    assert admin not in partners.administrators(session)
