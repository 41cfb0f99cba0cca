"""What stays behind of a request: answers kept, errors logged, odd numbers, guesses."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from models.ledger import IdempotencyKey
from services.installation import DEMO_PASSWORD
from tests.services import fertility


def signed_in(app: Flask, username: str):
    client = app.test_client(use_cookies=False)
    token = client.post("/api/v1/session", json={"username": username, "password": DEMO_PASSWORD}).json["token"]
    return client, {"Authorization": f"Bearer {token}"}


def test_the_kept_answer_shows_nobody_in_clear_and_is_given_again(app: Flask) -> None:
    client, bearer = signed_in(app, "window.clerk")
    body = {"type": "case", **fertility.data()}
    first = client.post("/api/v1/contents", json=body, headers={**bearer, "Idempotency-Key": "k"})
    assert first.status_code == 201, first.text
    again = client.post("/api/v1/contents", json=body, headers={**bearer, "Idempotency-Key": "k"})
    assert (again.status_code, again.json["uid"], again.headers["Idempotency-Replayed"]) == (
        201,
        first.json["uid"],
        "true",
    )
    assert again.json["applicant"]["id_number"] == fertility.WIFE["id_number"]
    with app.app_context():
        from extensions import db

        row = db.session.scalars(select(IdempotencyKey)).one()
        for secret in (fertility.WIFE["id_number"], fertility.WIFE["phone"], fertility.WIFE["name"]):
            assert secret not in json.dumps([row.body, row.headers], ensure_ascii=False)


def test_the_same_key_for_another_query_is_another_request(app: Flask) -> None:
    client, bearer = signed_in(app, "window.clerk")
    headers = {**bearer, "Idempotency-Key": "q"}
    body = {"type": "case", **fertility.data()}
    assert client.post("/api/v1/contents?a=1", json=body, headers=headers).status_code == 201
    assert client.post("/api/v1/contents?a=2", json=body, headers=headers).status_code == 422


def test_a_database_error_names_no_values(session: Session) -> None:
    with pytest.raises(StatementError) as caught:
        session.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": "骆水珍"})
    assert "骆水珍" not in str(caught.value)


@pytest.mark.parametrize("number", ["²", "9" * 40, "9" * 5000])
def test_odd_numbers_are_no_fault(app: Flask, client_as, number: str) -> None:
    app.config["PROPAGATE_FAULTS"] = False
    client = client_as("window.clerk")
    for path in (
        "/delegations?after=",
        "/certificates?after=",
        "/cases?after=",
        "/places/dongxin-centre/inbox?after=~",
    ):
        assert client.get(path + number).status_code < 500, path
    with app.app_context():
        from extensions import db
        from models.base import now
        from models.person import Person
        from process.access import load_actor
        from process.clock import local_day

        person = db.session.scalars(select(Person).where(Person.username == "window.clerk")).one()
        case = fertility.opened(db.session(), load_actor(db.session(), person.id, local_day(now())))
        db.session.commit()
        uid = case.uid
    assert client.post(f"/c/{uid}/do/submit", data={"version": number}).status_code < 500
    if len(number) < 1000:
        admin = client_as("admin")
        assert admin.post(f"/admin/outbox/{'9' * 40}/again").status_code < 500


def test_an_unknown_courier_is_no_fault(app: Flask, session: Session, actor) -> None:
    from process import engine
    from process.refusals import RequirementUnmet
    from services.errand_posting import create_errand

    errand = create_errand(
        session,
        actor("community.clerk"),
        {"title": "送补贴申请材料", "purpose": "hand_in", "from_agency": "dx-c01", "to_agency": "dongxin-centre"},
    )
    engine.fire(errand, "post", actor("community.clerk"))
    for name in ("²", "9" * 40):
        with pytest.raises(RequirementUnmet):
            engine.fire(errand, "assign", actor("dispatcher"), inputs={"courier": name})


def test_masked_sight_of_a_case_shows_no_words_of_the_reviewer(app: Flask, session: Session, actor, client_as) -> None:
    from process import engine

    case = fertility.accepted(session, actor)
    engine.fire(
        case,
        "supplement_needed",
        actor("reviewer"),
        inputs={
            "materials": fertility.ticks(case, wife_id_card="号码与林若琳本人不符"),
            "comment": "请林若琳本人重新提交",
        },
    )
    session.commit()
    page = client_as("supervisor").get(f"/c/{case.uid}")
    assert page.status_code == 200 and "号码与林若琳本人不符" not in page.text
    client, bearer = signed_in(app, "supervisor")
    for path in (f"/api/v1/contents/{case.uid}", "/api/v1/contents", f"/api/v1/contents/{case.uid}/history"):
        assert "林若琳" not in client.get(path, headers=bearer).text, path
