"""Nobody decides, pauses or issues by a side door, and what is handed in stands in the history."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.ledger import JournalEntry
from models.person import Grant
from process import engine
from process.access import load_actor
from process.clock import local_day
from process.refusals import Forbidden, RequirementUnmet
from tests.services import fertility
from tests.services.test_delegations import LETTER, counted, open_case, open_ticket


def test_the_station_does_not_stop_the_clock_of_the_street(session: Session, actor) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    engine.fire(ticket, "send", clerk)
    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    engine.fire(ticket, "start", window)
    offered = {t.id for t in engine.available(ticket.case, clerk)}
    assert not offered & {"supplement_needed", "reject_intake", "defer", "accept", "deliver"}
    with pytest.raises(RequirementUnmet, match="不在您手里"):
        engine.fire(ticket.case, "supplement_needed", clerk, inputs={"comment": "再等等"})
    assert "supplement_needed" in {t.id for t in engine.available(ticket.case, actor("reviewer"))}


def test_nobody_approves_the_own_application(session: Session, actor, person) -> None:
    case = fertility.accepted(session, actor)
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": fertility.ticks(case)})
    person("approver").resident_id = case.applicant_id
    session.flush()
    with pytest.raises(Forbidden):
        engine.fire(case, "approve", actor("approver"))


def test_standing_in_for_the_approver_is_no_second_pair_of_eyes_at_the_issue(
    session: Session, actor, person, agency
) -> None:
    case = fertility.approved(session, actor)
    place = agency("dongxin-centre")
    post = {"place_id": place.id, "place_path": place.path, "since": date(2025, 1, 1)}
    helper = person("window.clerk")
    stands_in = {"cause": "substitution", "principal_id": person("approver").id}
    session.add(Grant(person_id=helper.id, role="certificate_issuer", **stands_in, **post))
    session.flush()
    stand_in = load_actor(session, helper.id, local_day(engine.now()))
    card = fertility.certificate_of(session, case)
    for thing, step in ((card, "number"), (case, "issue")):
        for named in (None, person("approver")):
            with pytest.raises(Forbidden):
                engine.fire(thing, step, stand_in, on_behalf_of=named)


def test_a_file_handed_in_by_page_stands_in_the_history(
    session: Session, actor, client_as: Callable[[str], FlaskClient]
) -> None:
    case = fertility.accepted(session, actor)
    session.commit()
    picture = io.BytesIO()
    Image.new("RGB", (40, 40), "white").save(picture, "JPEG")
    picture.seek(0)
    answer = client_as("window.clerk").post(f"/c/{case.uid}/documents", data={"file": (picture, "补充.jpg")})
    assert answer.status_code == 303, answer.text
    found = session.scalars(
        select(JournalEntry).where(JournalEntry.content_id == case.id, JournalEntry.action == "document:add")
    ).all()
    assert len(found) == 1 and "补充" not in str(found[0].details)
