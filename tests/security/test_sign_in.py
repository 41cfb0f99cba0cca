"""Sessions begin anew at sign-in, die at sign-out and with every loss of rights; guessing is slowed, nobody is locked out by strangers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import at_time, now
from models.person import Grant, LoginSession, Person
from services import accounts
from tests.conftest import PASSWORD


def try_password(client: FlaskClient, username: str, password: str, address: str = "10.0.0.1"):  # type: ignore[no-untyped-def]
    return client.post(
        "/sign-in", data={"username": username, "password": password}, environ_overrides={"REMOTE_ADDR": address}
    )


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def with_cookie(app: Flask, cookie: str) -> FlaskClient:
    client = app.test_client()
    client.set_cookie("session", cookie)
    return client


def test_every_sign_in_is_a_new_session(app: Flask, session: Session, client_as: Callable[[str], FlaskClient]) -> None:
    """Fixation: what stood in the browser before is worth nothing afterwards, and two sign-ins are two sessions."""
    client = app.test_client()
    client.get("/sign-in")
    with client.session_transaction() as kept:
        kept["_user_id"] = "planted-by-somebody"
    answer = try_password(client, "window.clerk", PASSWORD)
    assert answer.status_code == 303
    first = cookie_of(client)
    with client.session_transaction() as kept:
        assert kept["_user_id"] != "planted-by-somebody"
    second = cookie_of(client_as("window.clerk"))
    assert first != second
    assert session.query(LoginSession).count() == 2


def test_a_planted_token_opens_nothing(app: Flask) -> None:
    client = app.test_client()
    with client.session_transaction() as kept:
        kept["_user_id"] = "1"
    assert client.get("/desk/").status_code == 303


def test_only_the_hash_of_the_token_is_stored(
    app: Flask, session: Session, client_as: Callable[[str], FlaskClient]
) -> None:
    client = client_as("reviewer")
    with client.session_transaction() as kept:
        token = kept["_user_id"]
    stored = session.scalars(select(LoginSession.token_hash)).all()
    assert token not in stored and accounts.token_hash(token) in stored


def test_a_copied_cookie_dies_at_sign_out(app: Flask, client_as: Callable[[str], FlaskClient]) -> None:
    client = client_as("window.clerk")
    copy = with_cookie(app, cookie_of(client))
    assert copy.get("/desk/").status_code == 200
    gone = client.post("/sign-out")
    assert gone.status_code == 303 and "storage" in gone.headers["Clear-Site-Data"]
    assert client.get("/desk/").status_code == 303
    assert copy.get("/desk/").status_code == 303


def test_a_bearer_token_dies_at_sign_out(app: Flask) -> None:
    client = app.test_client(use_cookies=False)
    token = client.post("/api/v1/session", json={"username": "reviewer", "password": PASSWORD}).get_json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/worklists", headers=bearer).status_code == 200
    assert client.delete("/api/v1/session", headers=bearer).status_code in (200, 204)
    assert client.get("/api/v1/worklists", headers=bearer).status_code == 401


def test_each_kind_of_session_opens_only_its_door(app: Flask, client_as: Callable[[str], FlaskClient]) -> None:
    """A browser's token is no bearer, a program's token no cookie."""
    client = client_as("reviewer")
    with client.session_transaction() as kept:
        token = kept["_user_id"]
    plain = app.test_client(use_cookies=False)
    assert plain.get("/api/v1/worklists", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert client.get("/api/v1/worklists").status_code == 401
    api = plain.post("/api/v1/session", json={"username": "reviewer", "password": PASSWORD}).get_json()["token"]
    other = app.test_client()
    with other.session_transaction() as kept:
        kept["_user_id"], kept["_fresh"] = api, True
    assert other.get("/desk/").status_code == 303


def test_a_disabled_person_is_out_at_once(
    app: Flask, session: Session, person: Callable[[str], Person], client_as: Callable[[str], FlaskClient]
) -> None:
    client = client_as("window.clerk")
    person("window.clerk").active = False
    session.commit()
    assert client.get("/desk/").status_code == 303
    refused = try_password(app.test_client(), "window.clerk", PASSWORD)
    unknown = try_password(app.test_client(), "nobody.here", PASSWORD)
    assert refused.status_code == unknown.status_code != 303


def test_a_removed_role_works_no_longer(
    app: Flask, session: Session, person: Callable[[str], Person], client_as: Callable[[str], FlaskClient]
) -> None:
    """The next request is already refused: the epoch rose, the cached rights are dead."""
    client = client_as("admin")
    assert client.get("/admin/").status_code == 200
    for grant in session.scalars(select(Grant).where(Grant.person_id == person("admin").id)):
        session.delete(grant)
    accounts.raise_epoch(person("admin"))
    session.commit()
    assert client.get("/admin/").status_code == 404


def test_a_session_ends_by_itself(app: Flask, client_as: Callable[[str], FlaskClient]) -> None:
    client = client_as("reviewer")
    with at_time(now() + timedelta(hours=12, minutes=1)):
        assert client.get("/desk/").status_code == 303


def test_guessing_is_slowed_and_the_real_person_gets_in(app: Flask) -> None:
    stranger = app.test_client()
    codes = [try_password(stranger, "approver", f"guess-{n}", "203.0.113.7").status_code for n in range(8)]
    assert 429 in codes and 303 not in codes
    slowed = try_password(stranger, "approver", PASSWORD, "203.0.113.7")
    assert slowed.status_code == 429 and 0 < int(slowed.headers["Retry-After"]) <= 31
    assert try_password(app.test_client(), "approver", PASSWORD, "10.0.0.9").status_code == 303
    with at_time(now() + timedelta(seconds=40)):
        assert try_password(stranger, "approver", PASSWORD, "203.0.113.7").status_code == 303


def test_guessing_at_many_accounts_is_slowed_too(app: Flask) -> None:
    """One address that tries one password on account after account."""
    client, codes = app.test_client(), []
    for n in range(60):
        codes.append(try_password(client, f"official-{n}", "123456", "203.0.113.8").status_code)
        if codes[-1] == 429:
            break
    assert 429 in codes


def test_the_api_is_slowed_as_well(app: Flask) -> None:
    client = app.test_client(use_cookies=False)
    answers = [client.post("/api/v1/session", json={"username": "issuer", "password": "wrong"}) for _ in range(8)]
    slowed = [a for a in answers if a.status_code == 429]
    assert slowed and int(slowed[0].headers["Retry-After"]) > 0
    assert {a.status_code for a in answers} <= {401, 422, 429}


def test_known_and_unknown_names_hear_the_same(app: Flask) -> None:
    known = try_password(app.test_client(), "reviewer", "wrong", "10.0.1.1")
    unknown = try_password(app.test_client(), "no.such.person", "wrong", "10.0.1.2")
    assert known.status_code == unknown.status_code
    assert accounts.WRONG in known.text and accounts.WRONG in unknown.text


def test_an_account_without_password_lets_nobody_in(app: Flask, session: Session) -> None:
    locked = session.scalars(select(Person).where(Person.password_hash == accounts.NO_PASSWORD)).first()
    assert locked is not None
    for guess in ("", "!", PASSWORD):
        assert try_password(app.test_client(), locked.username, guess, "10.0.2.1").status_code != 303


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "/\r\n/evil.example",
        "javascript:alert(1)",
        "%2f%2fevil.example",
        "/%0d%0aSet-Cookie:x=1",
        "http:evil.example",
        " //evil.example",
        "/\x0b/evil.example",
    ],
)
@pytest.mark.parametrize("door", ["sign-in", "locale"])
def test_no_redirect_leaves_the_house(app: Flask, target: str, door: str) -> None:
    client = app.test_client()
    if door == "sign-in":
        answer = client.post("/sign-in", data={"username": "reviewer", "password": PASSWORD, "next": target})
    else:
        answer = client.post("/locale/en", data={"back": target})
    assert answer.status_code == 303
    # A browser drops tabs and line ends from an address and reads a backslash as a slash.
    location = answer.headers["Location"].translate({9: None, 10: None, 13: None}).replace("\\", "/").strip()
    assert location.startswith("/") and not location.startswith("//")
    assert "x" not in {c.partition("=")[0] for c in answer.headers.getlist("Set-Cookie")}


def test_the_cookie_is_closed_to_scripts(app: Flask) -> None:
    answer = app.test_client().post("/sign-in", data={"username": "reviewer", "password": PASSWORD})
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("session="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
