"""What a program may send, and the sentence it gets when it sends something else."""

from __future__ import annotations

import pytest

JSON = {"Content-Type": "application/json"}
BAD = [
    ("not json", "{'type': 1}", 400, "第 1 行"),
    ("cut short", '{"type": "errand"', 400, "JSON"),
    ("a list", "[1, 2]", 422, "对象"),
    ("a string", '"errand"', 422, "对象"),
    ("null", "null", 422, "对象"),
    ("empty", "", 400, "JSON"),
    ("NaN", '{"type": NaN}', 400, "NaN"),
    ("infinity", '{"type": -Infinity}', 400, "Infinity"),
    ("a huge number", '{"type": 1e999}', 400, "数"),
    ("a number of 5000 digits", '{"type": ' + "9" * 5000 + "}", 400, "数字"),
    ("twice the same key", '{"type": "case", "type": "errand"}', 400, "两遍"),
    ("too deep", '{"type": ' + "[" * 30 + "]" * 30 + "}", 400, "嵌套"),
    ("deep enough to break a parser", "[" * 100_000 + "]" * 100_000, 400, "嵌套"),
    ("half a surrogate", '{"type": "\\ud800"}', 422, "字符"),
    ("a NUL", '{"type": "a\\u0000b"}', 422, "字符"),
    ("not UTF-8", b'{"type": "\xff\xfe"}', 400, "UTF-8"),
    ("more than 1 MB", '{"type": "' + "x" * 1_000_001 + '"}', 413, "1 MB"),
]


@pytest.mark.parametrize(("body", "status", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_body_is_refused_with_a_sentence(api, body: str | bytes, status: int, words: str) -> None:
    answer = api("dispatcher").call("POST", "/contents", data=body, headers=JSON)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert words in answer.json["detail"]


def test_a_form_is_no_json(api) -> None:
    answer = api("dispatcher").call("POST", "/contents", data={"type": "errand"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "path",
    [
        "/contents/nothing",
        "/contents/nothing/history",
        "/contents/nothing/deadline",
        "/contents/nothing/documents",
        "/contents/nothing/documents/x/file",
        "/contents/nothing/papers/handover_list.pdf",
        "/nowhere",
    ],
)
def test_what_is_not_there_is_404_with_a_problem(api, path: str) -> None:
    api("dispatcher").get(path, 404)


def test_a_wrong_method_names_the_right_ones(api) -> None:
    answer = api("dispatcher").call("PUT", "/contents")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    assert answer.content_type == "application/problem+json"


def test_head_and_options_are_sane(api) -> None:
    program = api("dispatcher")
    head = program.client.head("/api/v1/contents", headers=program.headers)
    assert head.status_code == 200 and head.data == b""
    options = program.client.options("/api/v1/contents")
    assert options.status_code == 200 and "GET" in options.headers["Allow"]


def test_a_repeated_request_has_one_effect(api) -> None:
    program = api("dispatcher")
    body = {
        "type": "errand",
        "title": "取材料",
        "purpose": "fetch_papers",
        "from_agency": "dx-c01",
        "to_agency": "dongxin-centre",
    }
    first = program.post("/contents", body, 201, headers={"Idempotency-Key": "k1"})
    again = program.call("POST", "/contents", body, headers={"Idempotency-Key": "k1"})
    assert (
        again.status_code == 201
        and again.json["uid"] == first["uid"]
        and again.headers["Idempotency-Replayed"] == "true"
    )
    program.post("/contents", {**body, "title": "送材料"}, 422, headers={"Idempotency-Key": "k1"})
    assert len(program.get("/contents?type=errand")["items"]) == 1
