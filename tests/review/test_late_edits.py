"""What may no longer change once others have relied on it, and lists that ask no more for more rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from extensions import db
from models.base import now
from process import engine
from process.clock import local_day
from process.refusals import Forbidden, InvalidInput
from services import editing, materials
from tests.services import fertility
from tests.services.test_delegations import open_case
from tests.services.visiting import request_visit, tomorrow


def test_an_applicant_does_not_declare_owed_papers_supplied(session: Session, actor, person) -> None:
    window = actor("window.clerk")
    brought = [m for m in fertility.ALL if m["code"] in fertility.CRITICAL]
    case = fertility.opened(session, window, materials=brought)
    engine.fire(case, "submit", window)
    due = local_day(now()) + timedelta(days=1)
    engine.fire(case, "defer", window, inputs={"due": due.isoformat(), "promise": True})
    person("resident").resident_id = case.applicant_id
    session.flush()
    with pytest.raises(Forbidden):
        materials.provide(session, case, actor("resident"), [{"code": fertility.BOOKLETS[0], "provided": True}])
    assert len(materials.owed(case)) == 2


def test_the_ground_of_a_visit_stands_once_it_is_booked(session: Session, actor) -> None:
    leader = actor("grid.leader")
    visit = request_visit(session, actor("community.clerk"))
    editing.edit(session, visit, leader, {"proof": "户口簿"}, expected_version=visit.version)
    engine.fire(visit, "schedule", leader, inputs={"slot_start": tomorrow()})
    for change in ({"condition": "severe_disability"}, {"proof": "残疾证"}):
        with pytest.raises(InvalidInput, match="排期时"):
            editing.edit(session, visit, leader, change, expected_version=visit.version)
    assert visit.condition == "age_80"


@pytest.mark.parametrize(
    ("username", "path"),
    [
        ("window.clerk", "/desk/"),
        ("window.clerk", "/desk/search?q=登记"),
        ("window.clerk", "/cases"),
        ("reviewer", "/desk/"),
        ("community.clerk", "/desk/"),
        ("community.clerk", "/api/v1/contents"),
    ],
)
def test_a_longer_list_asks_no_more_questions(
    app: Flask, session: Session, actor, client_as: Callable[[str], FlaskClient], username: str, path: str
) -> None:
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda _c, _cur, statement, *_rest: asked.append(statement))
    client = client_as(username)
    headers = {}
    if path.startswith("/api/"):
        from services.installation import DEMO_PASSWORD

        token = client.post("/api/v1/session", json={"username": username, "password": DEMO_PASSWORD}).json["token"]
        headers = {"Authorization": f"Bearer {token}"}

    def more(number: int) -> int:
        for _ in range(number):
            fertility.accepted(session, actor)
            engine.fire(open_case(session, actor("community.clerk")), "submit", actor("community.clerk"))
        session.commit()
        client.get(path, headers=headers)
        asked.clear()
        assert client.get(path, headers=headers).status_code == 200
        return len(asked)

    few = more(2)
    before = Counter(asked)
    many = more(6)
    # One question for each further row would be six more; a section that shows itself for the first time may ask its own.
    assert many < few + 6, (few, many, Counter(asked) - before)
