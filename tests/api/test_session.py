"""Tokens: who gets one, what slows guessing down, and that nothing but a token counts."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from extensions import db
from models.person import LoginFailure, LoginSession, Person
from services import accounts
from services.installation import DEMO_PASSWORD


def test_a_token_opens_the_api_until_sign_out(api) -> None:
    program = api("dispatcher")
    assert program.get("/worklists")["items"]
    assert program.call("DELETE", "/session").status_code == 204
    assert "令牌" in program.get("/worklists", 401)["detail"]


@pytest.mark.parametrize(
    "body", [{"username": "dispatcher", "password": "wrong"}, {"username": "nobody.here", "password": DEMO_PASSWORD}]
)
def test_wrong_name_and_wrong_password_look_the_same(api, body: dict[str, str]) -> None:
    answer = api(None).call("POST", "/session", body)
    assert answer.status_code == 401
    assert answer.json["detail"] == accounts.WRONG
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_guessing_is_slowed_and_the_slowing_survives_the_refusal(api, app: Flask) -> None:
    stranger = api(None)
    codes = [
        stranger.call("POST", "/session", {"username": "approver", "password": f"guess-{n}"}).status_code
        for n in range(accounts.FREE_TRIES + 2)
    ]
    assert codes[0] == 401 and codes[-1] == 429
    blocked = stranger.call("POST", "/session", {"username": "approver", "password": DEMO_PASSWORD})
    assert blocked.status_code == 429
    assert 1 <= int(blocked.headers["Retry-After"]) <= 31
    with app.app_context():
        assert db.session.scalars(select(LoginFailure)).all(), "the count was rolled back with the refusal"
    # Somebody else at the same desk can still work.
    assert api("dispatcher").get("/worklists")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "dispatcher"},
        {"username": "dispatcher", "password": ""},
        {"username": 5, "password": "x"},
        {"username": "dispatcher", "password": ["x"]},
    ],
)
def test_incomplete_sign_in_names_the_field(api, body: dict[str, object]) -> None:
    assert api(None).post("/session", body, 422)["errors"]


def test_a_cookie_opens_nothing_here(client_as) -> None:
    browser = client_as("dispatcher")
    assert browser.get("/api/v1/worklists").status_code == 401
    assert browser.post("/api/v1/contents", json={"type": "errand", "title": "x"}).status_code == 401


def test_a_cookie_does_not_replace_the_token_s_person(api, client_as) -> None:
    browser = client_as("neighbour.clerk")
    program = api("dispatcher")
    answer = browser.get("/api/v1/worklists", headers=program.headers)
    assert {item["type"] for item in answer.json["items"]} == {"errand", "service_statement"}


def test_the_token_of_a_browser_is_no_bearer(app: Flask, session: Session) -> None:
    token, _ = accounts.sign_in(session, "dispatcher", DEMO_PASSWORD, address="127.0.0.1", device="test", kind="web")
    session.commit()
    assert app.test_client().get("/api/v1/worklists", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer x", "Basic ZGlzcGF0Y2hlcjp4", "bearer\u00a0x"])
def test_no_or_wrong_token_is_401(app: Flask, header: str) -> None:
    answer = app.test_client().get("/api/v1/contents", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"


def test_a_person_who_left_is_out_at_once(api, session: Session) -> None:
    program = api("courier2")
    session.scalars(select(Person).where(Person.username == "courier2")).one().active = False
    session.commit()
    program.get("/worklists", 401)


def test_the_token_itself_is_not_stored(api, session: Session) -> None:
    token = api("dispatcher").headers["Authorization"].removeprefix("Bearer ")
    assert session.get(LoginSession, accounts.token_hash(token)) is not None
    assert session.get(LoginSession, token) is None
