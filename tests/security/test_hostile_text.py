"""Script, direction marks, ten thousand characters, NUL and half surrogates in every text field: shown as text or refused with a sentence."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from models.errand import Errand
from models.ledger import JournalEntry
from process.library import library
from services.installation import DEMO_PASSWORD

SCRIPT = "<script>alert('x')</script><img src=x onerror=alert(1)>{{7*7}}${7*7}';DROP TABLE content;--"
HOSTILE = {
    "script": SCRIPT,
    "direction": "李\u202e\u2066四\u200f",
    "long": "长" * 10_000,
    "nul": "a\0b",
    "controls": "\x1b[31m红\x07",
    "lines": "第一行\r\nSet-Cookie: x=1",
}
ID_NUMBER = "11010519491231002X"
APPLICANT = {
    "name": "李桂芬",
    "id_number": ID_NUMBER,
    "phone": "13800001234",
    "address": "杭州市下城区东新街道万家星城社区文晖路18幢2单元902室",
    "household_address": "杭州市下城区东新街道万家星城社区文晖路18幢2单元902室",
}
ERRAND = {
    "type": "errand",
    "title": "送老年卡到居民家",
    "purpose": "deliver_result",
    "from_agency": "dongxin-centre",
    "to_agency": "dx-c01",
    "from_address": "文晖路1号",
    "to_address": APPLICANT["address"],
    "contact": "李桂芬 13800001234",
}
VISIT = {
    "type": "home_visit",
    "item": "senior_card",
    "place": "dx-c01-g1",
    "applicant": APPLICANT,
    "condition": "age_80",
    "proof": "社区证明",
    "requested_by": "女儿",
    "requested_phone": "13800009999",
}
CASE = {"type": "case", "item": "senior_card", "place": "dongxin-centre", "applicant": APPLICANT}
BODIES = {"dispatcher": ERRAND, "community.clerk": VISIT, "window.clerk": CASE}
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"


class Api:
    """A program signed in as one account."""

    def __init__(self, app: Flask, username: str) -> None:
        self.client = app.test_client(use_cookies=False)
        token = self.client.post("/api/v1/session", json={"username": username, "password": DEMO_PASSWORD}).get_json()[
            "token"
        ]
        self.headers = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, body: Any) -> TestResponse:
        return self.client.post(
            f"/api/v1{path}", data=json.dumps(body), headers={**self.headers, "Content-Type": "application/json"}
        )


def text_fields(body: dict[str, Any], prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, value in body.items():
        if isinstance(value, dict):
            found += text_fields(value, (*prefix, name))
        elif isinstance(value, str):
            found.append((*prefix, name))
    return found


def changed(body: dict[str, Any], field: tuple[str, ...], value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(body))
    inner = copy
    for name in field[:-1]:
        inner = inner[name]
    inner[field[-1]] = value
    return copy


class Tags(HTMLParser):
    """Whether what was typed became part of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (
            (tag == "script" and "src" not in given and given.get("type") != "application/json")
            or "onerror" in given
            or given.get("src") == "x"
        ):
            self.bad.append(tag)


def must_be_harmless(answer: TestResponse) -> None:
    page = Tags()
    page.feed(answer.get_data(as_text=True))
    assert not page.bad
    assert "Set-Cookie: x=1" not in str(answer.headers)


@pytest.mark.parametrize("username", sorted(BODIES))
def test_every_text_field(app: Flask, client_as: Callable[[str], FlaskClient], username: str) -> None:
    body, api, browser = BODIES[username], Api(app, username), client_as(username)
    shown = 0
    for field in text_fields(body):
        for what, value in HOSTILE.items():
            answer = api.post("/contents", changed(body, field, value))
            told = f"{what} in {'.'.join(field)}: {answer.status_code} {answer.get_data(as_text=True)[:200]}"
            assert answer.status_code in (201, 400, 403, 404, 409, 422), told
            if answer.status_code != 201:
                assert re.search("[\u4e00-\u9fff]", answer.get_json()["detail"]), told
                continue
            assert what != "nul" and what != "long", told
            shown += 1
            page = browser.get(f"/c/{answer.get_json()['uid']}")
            assert page.status_code == 200
            must_be_harmless(page)
            assert what != "direction" or not set(page.get_data(as_text=True)) & set("\u202e\u2066"), (
                f"direction marks are obeyed: {field}"
            )
    for path in ("/desk/", "/errands/board", "/cases", "/visits/", f"/desk/search?q={SCRIPT[:50]}"):
        if (page := browser.get(path)).status_code == 200:
            must_be_harmless(page)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type": "errand", "title": "\\ud800"}',
        b'{"type": "errand", "title": NaN}',
        b'{"type": "errand", "type": "case"}',
        b"\xff\xfe{}",
        b"[1, 2]",
        b"{",
        b'{"type": "errand", "window_end": 1e999}',
        b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"type": ' + b"9" * 5000 + b"}",
        b'"text"',
        b"null",
        b'{"type": "errand", "title": {"a": 1}, "envelopes": true}',
        b'{"type": ["errand"]}',
        b'{"type": "errand", "title": "\\u0000"}',
    ],
)
def test_odd_json(app: Flask, raw: bytes) -> None:
    api = Api(app, "dispatcher")
    answer = api.client.post("/api/v1/contents", data=raw, headers={**api.headers, "Content-Type": "application/json"})
    assert answer.status_code in (400, 413, 422), answer.get_data(as_text=True)[:300]
    assert re.search("[\u4e00-\u9fff]", answer.get_json()["detail"])


@given(text=st.text(min_size=1, max_size=60), field=st.sampled_from(["title", "from_address", "to_address", "contact"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text(app: Flask, text: str, field: str) -> None:
    """Whatever Unicode has: kept as it is up to tidying, or refused with a sentence; never a fault."""
    api = app.extensions.setdefault("hostile-api", None) or Api(app, "dispatcher")
    app.extensions["hostile-api"] = api
    answer = api.post("/contents", {**ERRAND, field: text})
    assert answer.status_code in (201, 400, 422), answer.get_data(as_text=True)[:300]
    if answer.status_code != 201:
        assert re.search("[\u4e00-\u9fff]", answer.get_json()["detail"])


def test_pages_take_hostile_forms(app: Flask, client_as: Callable[[str], FlaskClient]) -> None:
    """The forms of the pages with every box filled with the same hostile text: a page to mend, never a fault."""
    doors = {
        "dispatcher": ["/errands/new"],
        "window.clerk": ["/counter", "/counter/look"],
        "community.clerk": ["/visits/new", "/delegations/new", "/counter"],
    }
    for username, paths in doors.items():
        client = client_as(username)
        for path in paths:
            page = client.get(path if path != "/counter/look" else "/counter").get_data(as_text=True)
            names = set(re.findall(r'<(?:input|textarea|select)[^>]*\bname="([^"]+)"', page)) - {"_once", "csrf_token"}
            assert names
            for value in HOSTILE.values():
                answer = client.post(path, data=dict.fromkeys(names, value))
                assert answer.status_code < 500, f"{path}: {answer.status_code}"
                must_be_harmless(answer)
                answer = client.post(path, data={n: b"\xed\xa0\x80" for n in names})
                assert answer.status_code < 500


def test_ten_at_once_are_one(app: Flask, session: Session, client_as: Callable[[str], FlaskClient]) -> None:
    """B3: the same key and body ten times in parallel: one errand, one answer."""
    cookie = client_as("dispatcher").get_cookie("session")
    assert cookie is not None
    form = {
        "title": "送老年卡",
        "purpose": "hand_in",
        "from_agency": "dongxin-centre",
        "to_agency": "dx-c01",
        "envelopes": "1",
        "_once": "pressed-ten-times",
    }
    answers: list[tuple[int, str]] = []
    barrier = threading.Barrier(10)

    def press() -> None:
        client = app.test_client()
        client.set_cookie("session", cookie.value)
        barrier.wait()
        answer = client.post("/errands/new", data=form)
        answers.append((answer.status_code, answer.headers.get("Location", "")))

    threads = [threading.Thread(target=press) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    session.expire_all()
    assert session.scalar(select(func.count()).select_from(Errand)) == 1
    assert len(answers) == 10 and set(answers) == {(303, "/errands/board")}, answers


def test_keys_belong_to_one_person(app: Flask, session: Session, client_as: Callable[[str], FlaskClient]) -> None:
    form = {
        "title": "送老年卡",
        "purpose": "hand_in",
        "from_agency": "dongxin-centre",
        "to_agency": "dx-c01",
        "envelopes": "1",
        "_once": "the-same-key",
    }
    for username in ("dispatcher", "window.clerk"):
        assert client_as(username).post("/errands/new", data=form).status_code == 303
    assert session.scalar(select(func.count()).select_from(Errand)) == 2


def test_no_id_number_in_log_or_journal(
    app: Flask, session: Session, caplog: pytest.LogCaptureFixture, client_as: Callable[[str], FlaskClient]
) -> None:
    """C10: what is logged and journalled names no ID number, whatever page saw it and whatever went wrong."""
    caplog.set_level(logging.DEBUG)
    api, browser = Api(app, "window.clerk"), client_as("window.clerk")
    made = api.post("/contents", CASE).get_json()
    assert made["uid"]
    api.post("/contents", {**CASE, "item": "no-such-item"})
    api.post("/contents", {**CASE, "applicant": {**APPLICANT, "name": "x" * 500}})
    api.post(f"/contents/{made['uid']}/actions/no_such_step", {"comment": ID_NUMBER})
    browser.post("/counter/look", data={"applicant_id_number": ID_NUMBER})
    browser.get(f"/desk/search?q={ID_NUMBER}")
    browser.get(f"/c/{made['uid']}")
    browser.post(f"/c/{made['uid']}/reveal", data={"reason": "电话通知补材料"})
    browser.get(f"/verify/{ID_NUMBER}")
    browser.post("/progress", data={"number": made["number"], "id_last4": ID_NUMBER[-4:]})
    lines = [record.getMessage() for record in caplog.records]
    assert not [line for line in lines if ID_NUMBER in line or ID_NUMBER[:17] in line]
    rows = session.scalars(select(JournalEntry)).all()
    assert rows and not [
        r for r in rows if ID_NUMBER in json.dumps([r.details, r.comment], ensure_ascii=False, default=str)
    ]
    assert library.types
