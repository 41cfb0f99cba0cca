"""出件窗口 without the mouse: three results of one visit found by their number, the card typed, handed over with one press."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models.base import now
from models.exit import ExitReceipt
from models.person import Person
from process.access import load_actor
from process.clock import local_day
from tests.browser.test_counter_keys import Hands, hall  # noqa: F401  the fixture
from tests.exits.waiting import three
from tests.services.fertility import WIFE

PASSWORD = "daiban-demo"
# Enter finds them, F9 hands them over; what is typed is data.
MOST_KEYS = 2


@pytest.mark.req("S4-09")
def test_three_results_leave_by_keyboard(app: Flask, browser: Any, hall: str) -> None:  # noqa: F811
    with app.app_context():
        session = db.session()

        def actor(username: str) -> Any:
            person = session.scalars(select(Person).where(Person.username == username)).one()
            return load_actor(session, person.id, local_day(now()))

        client = app.test_client()
        assert client.post("/sign-in", data={"username": "window.clerk", "password": PASSWORD}).status_code == 303
        cases = three(session, actor, client)
        number, title = cases[0].number, cases[2].title
        session.commit()
        db.session.remove()
    hands = Hands(browser, hall, "window.clerk", "/exit")
    assert hands.page.evaluate("document.activeElement.name") == "q"
    hands.type(number)
    hands.go("Enter")
    assert hands.page.locator("input[name=pick]:checked").count() == 3
    assert hands.page.evaluate("document.activeElement.name") == "id_number"
    hands.type(WIFE["id_number"])
    hands.go("F9")
    shown = hands.page.locator("main").inner_text()
    assert "CJ-" in shown and number in shown and title in shown
    assert hands.keys <= MOST_KEYS and not hands.complaints
    with app.app_context():
        receipt = db.session.scalars(select(ExitReceipt)).one()
        assert len(receipt.rows) == 3 and {row.case.state for row in receipt.rows} == {"delivered"}
    # F8 is ready for the next one, and nothing of theirs is left to hand out.
    hands.go("F8")
    assert "没有等人来领的" in hands.page.locator("main").inner_text()
