"""Opinions and the verbs of the office, by page and by program, on a type without Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.generic.conftest import SMALL


@pytest.fixture
def taken(api: Any) -> dict[str, Any]:
    made = api("community.clerk").post("/contents", SMALL, 201)
    return api("window.clerk").act(made["uid"], "take", plan="水电班")


def test_a_signer_is_asked_answers_and_is_shown(
    api: Any, client_as: Callable[[str], FlaskClient], taken: dict[str, Any]
) -> None:
    uid, window = taken["uid"], api("window.clerk")
    offered = {verb["id"]: verb for verb in taken["office"]}
    assert {"transfer", "consult", "add_signer", "copy"} <= set(offered) and taken["tasks"] == []
    assert [i["name"] for i in offered["add_signer"]["inputs"]] == ["person", "comment"]
    asked = window.post(f"/contents/{uid}/office/add_signer", {"person": "reviewer", "comment": "请看费用"})
    task = asked["tasks"][0]
    assert (task["kind"], task["state"], task["mine"], task["question"]) == ("signer", "open", False, "请看费用")
    assert [a["id"] for a in taken["actions"]] == ["finish"] and asked["actions"] == [], "the signer is heard first"

    reviewer, page = client_as("reviewer"), client_as("reviewer").get(f"/c/{uid}").text
    assert "请看费用" in page and "您的意见" in page and "不同意" in page
    desk = reviewer.get("/desk/").text
    assert "等我的意见" in desk and "长椅断了" in desk
    assert 'data-pick-all="opinions"' not in desk, "opinions are given one by one"
    refused = reviewer.post(f"/c/{uid}/tasks/{task['uid']}", data={"verdict": "refuse", "comment": ""})
    assert refused.status_code == 422 and "请填写意见" in refused.text
    assert (
        reviewer.post(f"/c/{uid}/tasks/{task['uid']}", data={"verdict": "agree", "comment": "可以修"}).status_code
        == 303
    )
    page = client_as("window.clerk").get(f"/c/{uid}").text
    assert "可以修" in page and "陆文斌" in page and "同意" in page
    seen = window.get(f"/contents/{uid}")
    assert seen["tasks"][0]["answer"] == "可以修" and [a["id"] for a in seen["actions"]] == ["finish"]
    assert "等我的意见" not in reviewer.get("/desk/").text
    api("reviewer").post(f"/contents/{uid}/tasks/{task['uid']}", {"agreed": True}, 409)


def test_each_verb_has_its_form_and_its_refusals(
    client_as: Callable[[str], FlaskClient], taken: dict[str, Any]
) -> None:
    uid, window = taken["uid"], client_as("window.clerk")
    menu = window.get(f"/c/{uid}").text
    assert "转派" in menu and f"/c/{uid}/office/transfer" in menu
    form = window.get(f"/c/{uid}/office/transfer")
    assert form.status_code == 200 and "转给同事" in form.text and "沈丽娟（" not in form.text.partition("<main")[2]
    wrong = window.post(f"/c/{uid}/office/transfer", data={"comment": "请接着办<b>"})
    assert wrong.status_code == 422 and "请在同事和单位中选一个" in wrong.text and "请接着办&lt;b&gt;" in wrong.text
    empty = window.post(f"/c/{uid}/office/consult", data={})
    assert empty.status_code == 422 and empty.text.count("field--wrong") == 2
    assert window.post(f"/c/{uid}/office/copy", data={"person": "supervisor", "_once": "k"}).status_code == 303
    assert window.post(f"/c/{uid}/office/copy", data={"person": "supervisor", "_once": "k"}).status_code == 303
    assert "裘振华" in window.get(f"/c/{uid}").text
    assert window.post(f"/c/{uid}/office/take_back").status_code == 303
    assert "抄送给" not in window.get(f"/c/{uid}").text
    history = window.get(f"/c/{uid}/history").text
    assert "抄送" in history and "收回" in history and "office:" not in history and "notice:" not in history
    clerk = client_as("community.clerk")
    assert clerk.post(f"/c/{uid}/office/urge", data={"comment": "快下雨了"}).status_code == 303
    again = clerk.post(f"/c/{uid}/office/urge", data={"comment": "再催"})
    assert again.status_code == 429 and "可以再催" in again.text and "再催" in again.text
    assert clerk.get(f"/c/{uid}/office/transfer").status_code == 409
    assert clerk.post(f"/c/{uid}/office/transfer", data={"person": "reviewer", "comment": "x"}).status_code == 403
    neighbour = client_as("neighbour.clerk")
    for path in (f"/c/{uid}/office/urge", f"/c/{uid}/office/nothing"):
        assert neighbour.get(path).status_code == neighbour.post(path).status_code == 404
    assert window.get(f"/c/{uid}/office/nothing").status_code == 404


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("transfer", {}, 422),
        ("transfer", {"person": "nobody", "comment": "x"}, 422),
        ("transfer", {"unit": "nowhere", "comment": "x"}, 422),
        ("consult", {"person": "window.clerk", "comment": "x"}, 422),
        ("copy", {"person": ["a"]}, 422),
        ("copy", {"person": "reviewer", "colour": "red"}, 422),
        ("remove_signer", {"task": "x" * 22, "comment": "x"}, 403),
        ("urge", {}, 409),
        ("take_back", {}, 409),
        ("nothing", {}, 404),
    ],
)
def test_programs_are_refused_in_words(
    api: Any, taken: dict[str, Any], verb: str, body: dict[str, Any], status: int
) -> None:
    answer = api("window.clerk").post(f"/contents/{taken['uid']}/office/{verb}", body, status)
    assert answer["detail"]


def test_an_opinion_needs_a_yes_or_no(api: Any, taken: dict[str, Any]) -> None:
    uid, window = taken["uid"], api("window.clerk")
    task = window.post(f"/contents/{uid}/office/consult", {"person": "reviewer", "comment": "怎么修好"})["tasks"][0]
    reviewer = api("reviewer")
    for body in ({}, {"agreed": "yes"}, {"agreed": True, "comment": 7}, {"agreed": True, "comment": "长" * 2001}):
        reviewer.post(f"/contents/{uid}/tasks/{task['uid']}", body, 422)
    api("courier").post(f"/contents/{uid}/tasks/{task['uid']}", {"agreed": True}, 404)
    api("community.clerk").post(f"/contents/{uid}/tasks/{task['uid']}", {"agreed": True, "comment": "x"}, 403)
    reviewer.post(f"/contents/{uid}/tasks/{'A' * 22}", {"agreed": True}, 404)
    done = reviewer.post(f"/contents/{uid}/tasks/{task['uid']}", {"agreed": True, "comment": "换新的"})
    assert done["tasks"][0]["state"] == "answered"
    assert window.get(f"/contents/{uid}")["tasks"][0]["answer"] == "换新的"
