"""What an outside program may expect of the API without a table of its own."""

from __future__ import annotations

import io
from typing import Any

from flask import Flask
from sqlalchemy import select

from models.content import Content
from services.demo.load import load

AGED = {
    "name": "李桂芬",
    "id_number": "11010519491231002X",
    "phone": "13800001234",
    "address": "杭州市下城区东新街道万家星城社区文晖路18幢2单元902室",
}


def visit(**more: Any) -> dict[str, Any]:
    asked = {"type": "home_visit", "item": "senior_card", "applicant": AGED, "condition": "bedridden", "proof": "卧床"}
    return asked | more


def test_a_visit_is_requested_at_a_community(api) -> None:
    asked = api("community.clerk").post("/contents", visit(place="dx-c01"), 201)
    assert asked["place"]["id"] == "dx-c01-g1" and {"schedule", "decline"} <= {a["id"] for a in asked["actions"]}
    assert api("grid.leader").post("/contents", visit(place="dx-c01"), 201)["place"]["id"] == "dx-c01-g1"
    assert api("neighbour.clerk").call("POST", "/contents", visit(place="dx-c01")).status_code in (403, 422)


def test_a_list_says_its_columns_and_lines(api) -> None:
    station, street = api("community.clerk"), api("window.clerk")
    filed = {"type": "case", "item": "senior_card", "place": "dx-c01", "applicant": AGED}
    opened = station.post("/contents", filed, 201)
    ticket = station.post("/contents", {"type": "delegation", "case": opened["uid"], "addressee": "dongxin"}, 201)
    send = next(a for a in ticket["actions"] if a["id"] == "send")
    lines = next(i for i in send["inputs"] if i["name"] == "lines")
    assert [c["name"] for c in lines["columns"]] == ["material", "original", "sheets", "condition"]
    refused = street.call("POST", f"/contents/{ticket['uid']}/actions/receive", {})
    assert refused.status_code == 404, "nobody at the street sees it before it is sent"


def test_a_refused_upload_is_read_to_its_end(app: Flask, api, case: dict[str, Any]) -> None:
    """The server must take in what it refuses, else the sender sees a broken line and no sentence."""
    body = io.BytesIO(b"x" * (30 * 1024 * 1024))
    answer = api("window.clerk").client.post(
        f"/api/v1/contents/{case['uid']}/documents",
        headers=api("window.clerk").headers | {"Content-Type": "multipart/form-data; boundary=X"},
        input_stream=body,
        content_length=30 * 1024 * 1024,
    )
    assert answer.status_code == 413 and "25 MB" in answer.json["detail"]
    assert body.tell() == 30 * 1024 * 1024


def test_refusals_speak_with_full_width_marks(api, case: dict[str, Any]) -> None:
    clerk = api("window.clerk")
    unknown = clerk.act(case["uid"], "fly", 404)["detail"]
    empty = clerk.act(case["uid"], "withdraw", 422)["detail"]
    assert not set(",:;()") & set(unknown.replace("submit", "")), unknown
    assert not set(",:;()") & set(empty), empty


def test_a_fault_has_a_title_shorter_than_its_advice(api) -> None:
    told = api("window.clerk").get("/nothing-here", 404)
    assert told["title"] and told["detail"].startswith(told["title"]) and told["title"] != told["detail"]


def test_no_page_shows_an_internal_id_for_a_number(session, actor, client_as) -> None:
    load(session)
    session.commit()
    for user in ("issuer", "window.clerk"):
        for path in ("/desk/", "/places/inbox", "/certificates"):
            page = client_as(user).get(path, follow_redirects=True).text
            for uid in session.scalars(select(Content.uid).where(Content.number.is_(None))):
                assert f">{uid[:8]}<" not in page.replace(" ", "").replace("\n", ""), (user, path)
