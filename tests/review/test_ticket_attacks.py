"""Tickets and parts under attack: other units' ids, hostile text, two at once, empty forms, people copied in."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from extensions import db
from models.delegation import Delegation
from models.ledger import JournalEntry
from process import engine, office
from process.access import Actor
from process.refusals import Forbidden, NotAvailable, NotFound, Refusal
from tests.pages.test_sub_ticket_pages import lines, made, part
from tests.services.test_delegations import LETTER, counted, open_case, open_ticket, sees
from tests.services.test_sub_tickets import YES, pass_on

As = Callable[[str], FlaskClient]
HOSTILE = "<script>alert(1)</script>\u202e'; DROP TABLE content;--{{7*7}}"


def test_doors_of_other_units(app: Flask, client_as: As) -> None:
    uid = made(app, "receive", "start")
    window = client_as("window.clerk")
    data = {"addressee": "xc-approvals", "question": HOSTILE}
    assert window.post(f"/delegations/{uid}/pass-on", data=data).status_code == 303
    sub = part(app)
    page = window.get(f"/c/{uid}").text + client_as("approvals.clerk").get(f"/c/{sub.uid}").text
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "\u202e" not in page and "{{7*7}}" in page
    for name in ("neighbour.clerk", "water.clerk", "courier", "resident", "admin"):
        client = client_as(name)
        for door in ("receive", "answer", "hand-back", "count-further"):
            assert client.get(f"/delegations/{sub.uid}/{door}").status_code == 404, (name, door)
            assert client.post(f"/delegations/{sub.uid}/{door}", data=lines({"counted": "1"})).status_code == 404
        for door in ("pass-on", "supply", "count-further", "receive"):
            assert client.post(f"/delegations/{uid}/{door}", data={}).status_code == 404, (name, door)
        assert client.post(f"/c/{sub.uid}/do/withdraw", data={"comment": "x"}).status_code == 404
    # The supervisor sees that there is one, and can do nothing with it.
    supervisor = client_as("supervisor")
    assert supervisor.get(f"/delegations/papers/{uid}").status_code == 404
    page = supervisor.get(f"/c/{uid}").text
    assert sub.number in page and "DROP TABLE" not in page
    # A part has neither letter nor case: the ticket's own pages are not found for it.
    asked = client_as("approvals.clerk")
    for door in ("letter", "take-over", "result", "supply", "pass-on"):
        assert asked.get(f"/delegations/{sub.uid}/{door}").status_code in (404, 409), door
    assert asked.post(f"/delegations/{sub.uid}/letter", data={"powers": ["file"]}).status_code in (403, 404, 409, 422)
    assert asked.post(f"/delegations/{sub.uid}/pass-on", data=data).status_code in (404, 409, 422)


def test_empty_and_broken_forms(app: Flask, client_as: As) -> None:
    uid = made(app)
    window = client_as("window.clerk")
    for data in (
        {},
        {"lines-0-counted": ""},
        {"lines-0-line": "999", "lines-0-counted": "1"},
        {"lines-x-counted": "1"},
    ):
        assert window.post(f"/delegations/{uid}/receive", data=data).status_code == 422
    for counted_as in ("-1", "10000", "三", "1e3", " ", "9" * 400):
        rows = lines({"counted": counted_as}, {"counted": "2"}, {"counted": "3"})
        assert window.post(f"/delegations/{uid}/receive", data=rows).status_code == 422, counted_as
    twice = {**lines({"counted": "1"}, {"counted": "2"}, {"counted": "3"}), "lines-3-line": "1", "lines-3-counted": "1"}
    assert window.post(f"/delegations/{uid}/receive", data=twice).status_code == 422
    odd = lines({"counted": "1", "verdict": "burn"}, {"counted": "2"}, {"counted": "3"})
    assert window.post(f"/delegations/{uid}/receive", data=odd).status_code == 422
    blot = {**lines({"counted": "1"}, {"counted": "2"}, {"counted": "3"}), "signature": "data:image/png;base64,AAAA"}
    assert window.post(f"/delegations/{uid}/receive", data=blot).status_code == 422
    with app.app_context():
        assert db.session.scalars(select(Delegation.state).where(Delegation.uid == uid)).one() == "sent"


def test_two_count_at_once(app: Flask, client_as: As) -> None:
    uid = made(app)
    clients = [client_as("window.clerk"), client_as("reviewer")]
    answers: list[Any] = []
    barrier = threading.Barrier(2)

    def press(client: FlaskClient) -> None:
        barrier.wait()
        rows = lines({"counted": "1"}, {"counted": "2"}, {"counted": "3"})
        answers.append(client.post(f"/delegations/{uid}/receive", data=rows))

    threads = [threading.Thread(target=press, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    with app.app_context():
        rows = db.session.scalars(select(JournalEntry).where(JournalEntry.action == "delegation:receive")).all()
        assert len(rows) == 1


def test_somebody_copied_in_is_out_with_the_ticket(session: Session, actor: Callable[[str], Actor]) -> None:
    clerk, window, asked = actor("community.clerk"), actor("window.clerk"), actor("approvals.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    engine.fire(ticket, "send", clerk)
    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    engine.fire(ticket, "start", window)
    sub = pass_on(session, window, ticket)
    engine.fire(sub, "receive", asked)
    office.do(sub, "copy", asked, {"person": "approvals.approver"})
    office.do(ticket, "copy", window, {"person": "issuer"})
    copied, colleague = actor("approvals.approver"), actor("issuer")
    assert sees(session, copied, sub) and sees(session, colleague, ticket)
    engine.fire(sub, "answer", asked, inputs=YES)
    engine.fire(sub, "take_back", window)
    assert not sees(session, copied, sub)
    ticket.state = "delivered"
    for material in ticket.case.materials:
        material.original_held = False
    session.flush()
    engine.fire(ticket, "close", clerk)
    assert not sees(session, colleague, ticket) and not sees(session, colleague, ticket.case)


@pytest.mark.parametrize(
    "step", ["send", "receive", "promise", "answer", "take_back", "hand_back", "withdraw", "return"]
)
def test_steps_of_a_part_belong_to_one_end(session: Session, actor: Callable[[str], Actor], step: str) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    engine.fire(ticket, "send", clerk)
    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    sub = pass_on(session, window, ticket)
    inputs = {"comment": "x", "verdict": "yes", "date": "2099-01-01"}
    for name in ("community.clerk", "neighbour.clerk", "water.clerk", "courier", "resident", "supervisor", "admin"):
        with pytest.raises((Forbidden, NotAvailable, NotFound)), session.begin_nested():
            engine.fire(sub, step, actor(name), inputs=inputs)
    wrong_end = actor("approvals.clerk") if step in ("send", "take_back", "withdraw") else window
    with pytest.raises(Refusal), session.begin_nested():
        engine.fire(sub, step, wrong_end, inputs=inputs)
    assert sub.state == "sent" and re.fullmatch(r"ZB-\d{4}-\d{6}", sub.number or "")
