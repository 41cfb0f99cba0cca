"""Tickets, parts, thread and whereabouts by the API: the same verbs, the same refusals."""

from __future__ import annotations

from typing import Any

from flask import Flask

from tests.api.conftest import Api
from tests.pages.test_sub_ticket_pages import made


def test_a_part_by_program(app: Flask) -> None:
    uid = made(app, "receive", "start")
    clerk, window, asked = (Api(app, name) for name in ("community.clerk", "window.clerk", "approvals.clerk"))
    given: dict[str, Any] = {
        "type": "sub_delegation",
        "ticket": uid,
        "addressee": "xc-approvals",
        "question": "请核对档案",
        "lines": [{"material": "id_card", "original": True, "sheets": 1}],
    }
    for change, status in (({"question": ""}, 422), ({"addressee": "xc-gas"}, 422), ({"ticket": "x"}, 422)):
        refused = window.call("POST", "/contents", {**given, **change})
        assert refused.status_code == status and refused.json["detail"]
    assert clerk.call("POST", "/contents", given).status_code == 403
    key = {"Idempotency-Key": "once"}
    made_part = window.call("POST", "/contents", given, headers=key)
    assert made_part.status_code == 201 and made_part.json["state"] == "sent", made_part.text
    assert window.call("POST", "/contents", given, headers=key).json["uid"] == made_part.json["uid"]
    part = made_part.json["uid"]
    assert asked.call("GET", f"/contents/{uid}").status_code == 404
    assert asked.call("GET", f"/contents/{uid}/parts").status_code == 404
    told = clerk.call("GET", f"/contents/{uid}/parts").json["items"]
    assert [(one["unit"], one["state"], one["url"]) for one in told] == [("下城区审批管理办公室", "已转出", None)]
    assert window.call("GET", f"/contents/{uid}/parts").json["items"][0]["url"].endswith(part)

    whole = asked.call("GET", f"/contents/{part}").json
    receive = next(action for action in whole["actions"] if action["id"] == "receive")
    lines = next(one for one in receive["inputs"] if one["name"] == "lines")
    assert lines["rows"] == [{"line": 1, "material": "本人居民身份证", "original": True, "sheets": 1}]
    assert {column["name"] for column in lines["columns"]} == {"line", "counted", "difference", "verdict", "defect"}
    bad = asked.call("POST", f"/contents/{part}/actions/receive", {"lines": [{"line": 1, "counted": -1}]})
    assert bad.status_code == 422 and "0 到 999" in bad.json["detail"]
    good = {"lines": [{"line": 1, "counted": 1}]}
    assert asked.call("POST", f"/contents/{part}/actions/receive", good).status_code == 200
    assert asked.call("POST", f"/contents/{part}/actions/receive", good).status_code == 409
    where = clerk.call("GET", f"/contents/{uid}/whereabouts").json["items"][0]
    assert "贺敏之" in where["holder"] and "贺敏之" in where["signed_by"] and len(where["hands"]) == 2
    assert [one["name"] for one in asked.call("GET", f"/contents/{part}/whereabouts").json["items"]] == [
        "本人居民身份证"
    ]
    for door in ("parts", "whereabouts", "notes"):
        assert Api(app, "neighbour.clerk").call("GET", f"/contents/{uid}/{door}").status_code == 404

    window.call("POST", f"/contents/{uid}/notes", {"audience": "unit", "text": "只给街道"})
    window.call("POST", f"/contents/{uid}/notes", {"audience": "internal", "text": "给两边"})
    assert [n["text"] for n in clerk.call("GET", f"/contents/{uid}/notes").json["items"]] == ["给两边"]
    assert [n["audience"] for n in window.call("GET", f"/contents/{uid}/notes").json["items"]] == ["unit", "internal"]
