"""A type without Python through the API: everything a written type has."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from tests.generic.conftest import LI, SMALL, WHOLE


def test_every_field_is_kept_as_its_kind(api, repair: dict[str, Any], session: Session) -> None:
    assert repair["number"].startswith("BX-") and repair["title"] == "小区东门路灯不亮"
    assert repair["state"] == "reported" and repair["deadline"] is not None
    assert (
        repair["fields"]
        | {
            "contact_phone": "13900004321",
            "informed": ["dx-c02"],
            "pieces": 2,
            "urgent": True,
            "parts": ["灯泡", "灯罩"],
            "addressee": "dongxin-centre",
            "item": "senior_card",
            "handler": "window.clerk",
            "found_on": "2026-11-20",
        }
        == repair["fields"]
    )
    assert repair["applicant"]["name"] == LI["name"]
    assert {(p["relation"], p["place"]["id"]) for p in repair["places"]} == {("addressee", "dongxin-centre")}
    content = session.scalars(select(Content).where(Content.uid == repair["uid"])).one()
    assert set(content.private or {}) == {"spot", "contact", "contact_phone", "contact_number", "secret_note"}
    assert not {"spot", "contact", "title"} & set(content.fields)
    assert LI["name"] in content.search_text and "王秀英" not in content.search_text


def test_the_whole_way_by_program(api, repair: dict[str, Any]) -> None:
    uid, clerk, window = repair["uid"], api("community.clerk"), api("window.clerk")
    assert [a["id"] for a in repair["actions"]] == []
    seen = window.get(f"/contents/{uid}")
    assert [a["id"] for a in seen["actions"]] == ["take", "refuse"]
    assert window.act(uid, "take", 422)["errors"] == [{"field": "plan", "message": "请填写“派谁去”"}]
    assert window.act(uid, "take", plan="水电班老周", day="2026-11-24")["state"] == "repairing"
    assert window.act(uid, "finish", result="换了灯泡")["state"] == "repaired"
    assert clerk.act(uid, "redo", comment="还有一盏不亮")["state"] == "repairing"
    window.act(uid, "finish", result="都换了")
    done = clerk.act(uid, "confirm")
    assert done["state"] == "closed" and done["closed"] and done["actions"] == []
    events = [event["action"].partition(":")[2] for event in clerk.get(f"/contents/{uid}/history")["items"]]
    assert [e for e in events if e != "reveal"] == ["create", "take", "finish", "redo", "finish", "confirm"]
    assert clerk.get(f"/contents/{uid}/deadline")["clocks"][0]["title"] == "修理期限"


def test_lists_worklists_and_files(api, repair: dict[str, Any]) -> None:
    window = api("window.clerk")
    assert [one["uid"] for one in window.get("/contents?type=repair_request&state=reported")["items"]] == [
        repair["uid"]
    ]
    line = window.get("/contents?type=repair_request")["items"][0]
    assert line["applicant"]["name"] != LI["name"] and "王秀英" not in str(line) and "902" not in str(line)
    lists = {one["id"]: one for one in window.get("/worklists")["items"]}
    assert lists["repair_request.to_take"]["count"] == 1
    assert window.get(lists["repair_request.to_take"]["items"])["items"][0]["uid"] == repair["uid"]
    assert window.get(f"/contents/{repair['uid']}/documents")["items"] == []


def test_drafts_are_mended_with_their_version(api, repair: dict[str, Any]) -> None:
    uid, clerk = repair["uid"], api("community.clerk")
    edited = clerk.patch(f"/contents/{uid}", {"version": repair["version"], "title": "东门两盏路灯不亮", "pieces": 3})
    assert edited["title"] == "东门两盏路灯不亮" and edited["fields"]["pieces"] == 3
    assert edited["version"] == repair["version"] + 1
    clerk.patch(f"/contents/{uid}", {"version": repair["version"], "pieces": 4}, 409)
    # Another addressee: the first one no longer sees it, the second does.
    moved = clerk.patch(f"/contents/{uid}", {"version": edited["version"], "addressee": "dx-c02"})
    assert [p["place"]["id"] for p in moved["places"]] == ["dx-c02"]
    api("window.clerk").get(f"/contents/{uid}", 404)
    neighbour = api("neighbour.clerk")
    assert [a["id"] for a in neighbour.get(f"/contents/{uid}")["actions"]] == ["take", "refuse"]
    neighbour.patch(f"/contents/{uid}", {"version": moved["version"], "pieces": 9}, 403)
    wrong = clerk.patch(f"/contents/{uid}", {"version": moved["version"], "applicant": LI, "colour": 1}, 422)
    assert {e["field"] for e in wrong["errors"]} == {"applicant", "colour"}
    taken = neighbour.act(uid, "take", plan="社区工程队")
    assert clerk.patch(f"/contents/{uid}", {"version": taken["version"], "story": None})["fields"]["story"] is None


def test_wrong_roles_and_other_places(api, repair: dict[str, Any]) -> None:
    for username in ("window.clerk", "reviewer", "dispatcher", "admin"):
        refused = api(username).post("/contents", SMALL, 403)
        assert "没有新建“便民设施报修”的权限" in refused["detail"]
    for username in ("neighbour.clerk", "courier", "reviewer", "resident", "admin"):
        program = api(username)
        program.get(f"/contents/{repair['uid']}", 404)
        program.patch(f"/contents/{repair['uid']}", {"version": 1, "pieces": 1}, 404)
        program.act(repair["uid"], "take", 404, plan="我")
        assert program.get("/contents?type=repair_request")["items"] == []
    # A supervisor sees that it exists, when and where it stands, and nothing that anybody wrote.
    masked = api("supervisor").get(f"/contents/{repair['uid']}")
    assert "王秀英" not in str(masked) and "老人摔倒" not in str(masked) and "902" not in str(masked)
    assert masked["actions"] == []
    api("community.clerk").post("/contents", SMALL | {"place": "dx-c02"}, 403)
    own = api("resident").post("/contents", SMALL, 201)
    assert own["applicant"]["name"] == "林若琳" and own["place"]["id"] == "dx-c01"
    api("resident").post("/contents", SMALL | {"applicant": LI}, 422)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "\u200b\u202e"}, "title"),
        ({"title": "长" * 201}, "title"),
        ({"title": 7}, "title"),
        ({"title": ["a"]}, "title"),
        ({"facility": "swing"}, "facility"),
        ({"facility": ["lamp"]}, "facility"),
        ({"facility": None}, "facility"),
        ({"found_on": "2026-02-30"}, "found_on"),
        ({"found_on": "昨天"}, "found_on"),
        ({"found_on": "0001-01-01"}, "found_on"),
        ({"found_on": 20261120}, "found_on"),
        ({"wish": "9999-12-31T23:59:59+08:00"}, "wish"),
        ({"wish": "soon"}, "wish"),
        ({"pieces": -1}, "pieces"),
        ({"pieces": 1.5}, "pieces"),
        ({"pieces": "2"}, "pieces"),
        ({"pieces": True}, "pieces"),
        ({"pieces": 10**12}, "pieces"),
        ({"urgent": "yes"}, "urgent"),
        ({"story": "长" * 2001}, "story"),
        ({"parts": "灯泡"}, "parts"),
        ({"parts": ["x"] * 201}, "parts"),
        ({"parts": ["好", {"a": 1}]}, "parts"),
        ({"parts": ["长" * 201]}, "parts"),
        ({"spot": "长" * 91}, "spot"),
        ({"contact": "长" * 61}, "contact"),
        ({"contact_phone": "123"}, "contact_phone"),
        ({"contact_phone": []}, None),
        ({"contact_phone": {"a": 1}}, "contact_phone"),
        ({"contact_number": "330103199406182047"}, "contact_number"),
        ({"contact_number": True}, "contact_number"),
        ({"addressee": "nowhere"}, "addressee"),
        ({"addressee": ["dongxin-centre"]}, "addressee"),
        ({"addressee": None}, "addressee"),
        ({"informed": "dx-c02"}, "informed"),
        ({"informed": ["dx-c02", "nowhere"]}, "informed"),
        ({"item": "no_such_item"}, "item"),
        ({"handler": "resident"}, "handler"),
        ({"handler": "nobody"}, "handler"),
        ({"case": "DX-2026-999999"}, "case"),
        ({"case": "A" * 5000}, "case"),
        ({"applicant": "李桂芬"}, "applicant"),
        ({"applicant": {"name": "李桂芬"}}, "applicant.id_number"),
        ({"applicant": LI | {"id_number": "110105194912310021"}}, "applicant.id_number"),
        ({"applicant": LI | {"phone": "12"}}, "applicant.phone"),
        ({"applicant": {"name": ["a"]}}, "applicant.name"),
        ({"applicant": LI | {"colour": "red"}}, "applicant.colour"),
        ({"colour": "red"}, "colour"),
        ({"state": "closed"}, "state"),
        ({"number": "BX-1"}, "number"),
        ({"place": "nowhere"}, "place"),
        ({"place": ["dx-c01"]}, "place"),
        ({"fields": [1]}, "fields"),
    ],
)
def test_each_mistake_is_named_at_its_field(api, change: dict[str, Any], field: str | None) -> None:
    program = api("community.clerk")
    if field is None:
        program.post("/contents", WHOLE | change, 201)
        return
    answer = program.post("/contents", WHOLE | change, 422)
    assert field in {error["field"] for error in answer["errors"]}, answer
    assert all(error["message"] for error in answer["errors"])
    assert program.get("/contents?type=repair_request")["items"] == [], "nothing of it was kept"


def test_every_mistake_at_once(api) -> None:
    answer = api("community.clerk").post(
        "/contents", WHOLE | {"title": "", "pieces": -1, "contact_phone": "1", "applicant": {"name": "甲"}}, 422
    )
    assert {e["field"] for e in answer["errors"]} == {"title", "pieces", "contact_phone", "applicant.id_number"}
    assert "报修内容：请填写“报修内容”" in answer["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "'; DROP TABLE content; --",
        "{{ 7*7 }} ${7*7} %(x)s",
        "𠮷野家㛃䶮　全角　空格",
        "👩‍👩‍👧 émoji ‮反写",
        "a\tb\r\nc",
    ],
)
def test_hostile_and_rare_text_stays_text(api, text: str) -> None:
    program = api("community.clerk")
    made = program.post(
        "/contents", WHOLE | {"title": text, "story": text, "spot": text, "contact": text[:20], "parts": [text]}, 201
    )
    again = program.get(f"/contents/{made['uid']}")
    assert again["fields"]["story"].strip() and again["title"].strip()
    assert "\u202e" not in str(again)
    assert "\n" not in again["title"] and "\n" not in again["fields"]["spot"]


def test_the_same_key_makes_one_thing(api) -> None:
    program = api("community.clerk")
    first = program.post("/contents", SMALL, 201, headers={"Idempotency-Key": "once-and-only"})
    second = program.post("/contents", SMALL, 201, headers={"Idempotency-Key": "once-and-only"})
    assert first["uid"] == second["uid"]
    assert len(program.get("/contents?type=repair_request")["items"]) == 1


def test_a_case_of_ones_own_can_be_named_and_another_cannot(api) -> None:
    case = api("window.clerk").post(
        "/contents",
        {
            "type": "case",
            "item": "senior_card",
            "place": "dongxin-centre",
            "applicant": LI | {"household_address": LI["address"]},
        },
        201,
    )
    refused = api("community.clerk").post("/contents", SMALL | {"case": case["number"]}, 422)
    assert refused["errors"][0]["field"] == "case"
    own = api("community.clerk").post(
        "/contents",
        {"type": "case", "item": "senior_card", "applicant": LI | {"household_address": LI["address"]}},
        201,
    )
    made = api("community.clerk").post("/contents", SMALL | {"case": own["number"]}, 201)
    assert made["fields"]["case"] == own["uid"]
