"""收件: what lies with a unit and nobody has yet; taken by one, handed back, and only once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from models.agency import Agency
from models.delegation import Delegation
from process import engine, office
from process.access import Actor
from process.refusals import Forbidden, NotAvailable, NotFound, Stale
from services import places
from tests.pages.test_sub_ticket_pages import made
from tests.services.test_delegations import LETTER, open_case, open_ticket

As = Callable[[str], Actor]


@pytest.fixture
def sent(session: Session, actor: As) -> Delegation:
    clerk = actor("community.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    engine.fire(ticket, "send", clerk)
    return ticket


def verbs(content: Delegation, who: Actor) -> set[str]:
    return {verb.id for verb in office.available(content, who)}


def test_a_thing_is_taken_from_the_unit_and_handed_back(
    session: Session, actor: As, sent: Delegation, agency: Callable[[str], Agency]
) -> None:
    window, reviewer, clerk = actor("window.clerk"), actor("reviewer"), actor("community.clerk")
    units = places.inbox_units(session, agency("dongxin-centre"))
    assert [(p.username, p.count) for p in places.inbox_piles(session, window, units)] == [(places.FREE, 2)]
    assert "claim" in verbs(sent, window) and "claim" in verbs(sent, reviewer)
    # It lies at the street: the station that sent it cannot lay it on its own desk.
    assert "claim" not in verbs(sent, clerk)
    with pytest.raises(Forbidden):
        office.do(sent, "claim", clerk)
    with pytest.raises(NotFound):
        office.do(sent, "claim", actor("neighbour.clerk"))
    version = sent.version
    office.do(sent, "claim", window, expected_version=version)
    assert sent.assignee_id == window.person_id and sent.state == "sent"
    assert [(p.name, p.count) for p in places.inbox_piles(session, window, units)] == [("", 1), ("沈丽娟", 1)]
    # The second one to press is told who has it.
    with pytest.raises(NotAvailable, match="已由沈丽娟接手"):
        office.do(sent, "claim", reviewer)
    with pytest.raises((NotAvailable, Stale)):
        office.do(sent, "claim", reviewer, expected_version=version)
    assert "hand_in" in verbs(sent, window) and "hand_in" not in verbs(sent, reviewer)
    with pytest.raises(Forbidden):
        office.do(sent, "hand_in", reviewer)
    office.do(sent, "hand_in", window, {"comment": "下午不在"})
    assert sent.assignee_id is None and sent.unit_id == "dongxin-centre"
    office.do(sent, "claim", reviewer)


def test_the_page_shows_who_has_what(app: Flask, client_as: Callable[[str], FlaskClient]) -> None:
    uid = made(app)
    window, reviewer = client_as("window.clerk"), client_as("reviewer")
    page = window.get("/places/dongxin-centre/inbox").text
    assert "没人接手 2 件" in page and "认领" in page
    version = re.search(rf'/c/{uid}/office/claim.*?name="version" value="(\d+)"', page, re.S)
    assert version is not None
    data = {"version": version[1]}
    assert window.post(f"/c/{uid}/office/claim", data=data).status_code == 303
    late = reviewer.post(f"/c/{uid}/office/claim", data=data)
    assert late.status_code == 409 and "沈丽娟" in late.text
    assert uid not in window.get("/places/dongxin-centre/inbox?who=-").text
    assert uid in window.get("/places/dongxin-centre/inbox?who=window.clerk").text
    assert "沈丽娟在办" in reviewer.get("/places/dongxin-centre/inbox").text
    assert window.get("/places/dongxin-centre/inbox?who=' or 1=1&type=x&after=~").status_code == 200
    assert client_as("community.clerk").get("/places/dongxin-centre/inbox").status_code == 404
