"""A program that speaks to the API: signs in with a password and sends JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from blueprints.api.openapi import document
from services.installation import DEMO_PASSWORD
from tests.api.schema import problems

# Invented people; the numbers carry the right check character.
LI = {
    "name": "李桂芬",
    "id_number": "11010519491231002X",
    "phone": "13800001234",
    "address": "杭州市下城区东新街道万家星城社区文晖路18幢2单元902室",
}


class Api:
    """One signed-in program; every answer it gets is held against the description of the API."""

    def __init__(self, app: Flask, username: str | None) -> None:
        self.app = app
        self.client = app.test_client(use_cookies=False)
        self.headers: dict[str, str] = {}
        if username is not None:
            answer = self.client.post("/api/v1/session", json={"username": username, "password": DEMO_PASSWORD})
            assert answer.status_code == 200, answer.text
            self.headers["Authorization"] = f"Bearer {answer.json['token']}"

    def call(self, method: str, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        headers = {**self.headers, **kwargs.pop("headers", {})}
        path = path if path.startswith("/api") else f"/api/v1{path}"
        answer = self.client.open(
            path, method=method, headers=headers, **({"json": json} if json is not None else {}), **kwargs
        )
        self._described(answer, method)
        return answer

    def _described(self, answer: TestResponse, method: str) -> None:
        if not answer.is_json or answer.status_code >= 400:
            return
        with self.app.test_request_context():
            described = document()
        endpoint, _ = self.app.url_map.bind("localhost").match(answer.request.path, method=method)
        operation = next(
            o
            for methods in described["paths"].values()
            for o in methods.values()
            if f"api.{o['operationId']}" == endpoint
        )
        content = operation["responses"][str(answer.status_code)]["content"]
        found = problems(described, content[answer.mimetype]["schema"], answer.json)
        assert not found, found[:5]

    def get(self, path: str, status: int = 200, **kwargs: Any) -> Any:
        return self._told(self.call("GET", path, **kwargs), status)

    def post(self, path: str, json: Any = None, status: int = 200, **kwargs: Any) -> Any:
        return self._told(self.call("POST", path, json, **kwargs), status)

    def patch(self, path: str, json: Any, status: int = 200, **kwargs: Any) -> Any:
        return self._told(self.call("PATCH", path, json, **kwargs), status)

    def act(self, uid: str, transition: str, status: int = 200, **inputs: Any) -> Any:
        return self.post(f"/contents/{uid}/actions/{transition}", inputs, status)

    @staticmethod
    def _told(answer: TestResponse, status: int) -> Any:
        assert answer.status_code == status, f"{answer.status_code}: {answer.text[:600]}"
        if status >= 400:
            assert answer.content_type == "application/problem+json"
            assert {"type", "title", "status", "detail", "errors"} == set(answer.json)
            assert answer.json["status"] == status and answer.json["detail"]
        return answer.json


@pytest.fixture
def api(app: Flask) -> Callable[[str | None], Api]:
    return lambda username: Api(app, username)


@pytest.fixture
def errand(api: Callable[[str | None], Api]) -> dict[str, Any]:
    """An errand just written down by the dispatcher."""
    return api("dispatcher").post(
        "/contents",
        {
            "type": "errand",
            "title": "送老年卡到居民家",
            "purpose": "deliver_result",
            "from_agency": "dongxin-centre",
            "to_address": LI["address"],
            "contact": "李桂芬 13800001234",
        },
        201,
    )


@pytest.fixture
def case(api: Callable[[str | None], Api]) -> dict[str, Any]:
    """A case just opened at the street's counter."""
    return api("window.clerk").post(
        "/contents",
        {
            "type": "case",
            "item": "senior_card",
            "place": "dongxin-centre",
            "applicant": LI | {"household_address": "杭州市下城区东新街道万家星城社区"},
        },
        201,
    )
