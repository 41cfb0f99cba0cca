"""The demo office as a copied database, everybody signed in once, and requests whose effects are rolled back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy.session import Session as FlaskSession
from werkzeug.test import TestResponse

from app import create_app
from catalogue import loader as catalogue
from extensions import db
from process.clock import forget_calendar
from services import demo
from tests.access.evaluator import ANONYMOUS, Somebody, Thing, people, things
from tests.conftest import PASSWORD, settings

UID = re.compile(r"(?<![\w-])[\w-]{22}(?![\w-])")
# What differs from one answer to the next although it says the same.
CHANGING = re.compile(
    r'(name="(?:_once|csrf_token)"[^>]*value=")[^"]*|(value=")[^"]*("[^>]*name="(?:_once|csrf_token)")'
)


def tell_the_demo(folder: Path, installed: Path) -> Path:
    """The office with its weeks of stories in `folder`; about seven seconds, so once per run."""
    shutil.copy(installed, folder / "daiban.db")
    forget_calendar()
    app = create_app(settings(folder))
    with app.app_context():
        demo.load(db.session())
        db.session.commit()
        db.session.remove()
        with db.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return folder


class World:
    """Asks the application as anybody, without leaving a trace."""

    def __init__(self, folder: Path) -> None:
        forget_calendar()
        self.folder = folder
        self.app: Flask = create_app(settings(folder))
        self.app.config.update(TESTING=True, PROPAGATE_FAULTS=False, WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
        from extensions import limiter

        limiter.enabled = False
        self.everybody: list[Somebody] = [*people(folder / "daiban.db", list(catalogue.demo_accounts())), ANONYMOUS]
        self.things: list[Thing] = things(folder / "daiban.db")
        self.by_uid = {thing.uid: thing for thing in self.things}
        self.cookies: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.asked = 0
        for who in self.everybody[:-1]:
            self._sign_in(who.username)
        self.http = self.app.test_client(use_cookies=False)

    def _sign_in(self, username: str) -> None:
        client = self.app.test_client()
        answer = client.post("/sign-in", data={"username": username, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        cookie = client.get_cookie("session")
        assert cookie is not None
        self.cookies[username] = f"session={cookie.value}"
        answer = client.post("/api/v1/session", json={"username": username, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.tokens[username] = answer.get_json()["token"]

    def who(self, username: str) -> Somebody:
        return next(one for one in self.everybody if one.username == username)

    def ask(self, who: Somebody, method: str, path: str, **kwargs: Any) -> TestResponse:
        """One request as this person; what it wrote is rolled back when the answer is there."""
        headers = dict(kwargs.pop("headers", {}))
        if path.startswith("/api/"):
            if who.username in self.tokens:
                headers.setdefault("Authorization", f"Bearer {self.tokens[who.username]}")
        elif who.username in self.cookies:
            headers.setdefault("Cookie", self.cookies[who.username])
        self.asked += 1
        return self.http.open(path, method=method, headers=headers, **kwargs)

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


def plain(answer: TestResponse, *hidden: str) -> str:
    """The text of an answer without what changes with every request and without the identifiers asked for."""
    text = CHANGING.sub("", answer.get_data(as_text=True))
    for one in hidden:
        text = text.replace(one, "…")
    return text


@contextmanager
def nothing_stays() -> Iterator[None]:
    """Commits only flush meanwhile; the end of each request rolls back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FlaskSession, "commit", lambda self: self.flush(), raising=False)
        yield


def uids_in(text: str) -> set[str]:
    return set(UID.findall(text))
