"""A clerk who also supervises a larger place sees the larger place masked, and finds nobody there by name."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.person import Grant
from process import access
from process.access import load_actor
from process.clock import local_day
from process.engine import now
from services.search import matching
from tests.services import fertility
from tests.services.test_delegations import APPLICANT, open_case


def test_a_supervising_clerk_confirms_no_name_elsewhere(session: Session, actor, person, agency) -> None:
    neighbour, street = person("neighbour.clerk"), agency("dongxin")
    post = {"place_id": street.id, "place_path": street.path, "since": date(2025, 1, 1), "cause": "post"}
    session.add(Grant(person_id=neighbour.id, role="supervisor", **post))
    session.flush()
    both = load_actor(session, neighbour.id, local_day(now()))
    case = open_case(session, actor("community.clerk"))
    from process import engine

    engine.fire(case, "submit", actor("community.clerk"))
    assert access.may(both, access.VIEW, case) and not access.may(both, access.VIEW_FULL, case)
    for words in (APPLICANT["name"], APPLICANT["id_number"]):
        found = session.scalars(
            access.visible(select(Content).where(matching(session, both, words)), both, Content)
        ).all()
        assert case not in found, words
    mine = fertility.opened(session, actor("window.clerk"))
    found = session.scalars(
        access.visible(
            select(Content).where(matching(session, actor("window.clerk"), "林若琳")), actor("window.clerk"), Content
        )
    ).all()
    assert mine in found
