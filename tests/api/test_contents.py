"""Lists, filters, pages, masks, edits."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from extensions import db
from models.ledger import JournalEntry
from tests.api.conftest import LI, Api

SECRETS = (LI["id_number"], LI["phone"], LI["name"], "18幢2单元902室")


def many(program: Api, count: int) -> list[str]:
    return [
        program.post(
            "/contents",
            {
                "type": "errand",
                "title": f"第 {n} 趟",
                "purpose": "fetch_papers",
                "from_agency": "dx-c01",
                "to_agency": "dongxin-centre",
            }
            | ({"window_end": f"2026-12-{1 + n % 5:02}T10:00:00+08:00"} if n % 3 else {}),
            201,
        )["uid"]
        for n in range(count)
    ]


@pytest.mark.parametrize("sort", ["-created", "deadline"])
def test_pages_show_every_thing_once_and_in_order(api, sort: str) -> None:
    program = api("dispatcher")
    made = many(program, 11)
    seen: list[dict[str, Any]] = []
    after, pages = "", 0
    while True:
        answer = program.get(f"/contents?type=errand&sort={sort}&limit=4" + (f"&after={after}" if after else ""))
        seen += answer["items"]
        pages += 1
        if answer["next"] is None:
            break
        after = answer["next"]
    assert pages == 3
    assert sorted(item["uid"] for item in seen) == sorted(made)
    if sort == "-created":
        assert [item["uid"] for item in seen] == made[::-1]
    else:
        dates = [item["deadline"] or "9999" for item in seen]
        assert dates == sorted(dates)


def test_things_without_a_deadline_come_last_and_page_too(api) -> None:
    program = api("catalogue.manager")
    uids, path, pages = [], "/api/v1/contents?type=service_item&sort=deadline&limit=60", 0
    while path is not None:
        answer = program.get(path)
        uids += [item["uid"] for item in answer["items"]]
        path, pages = answer["next_url"], pages + 1
    assert len(uids) == len(set(uids)) > 60 and pages > 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("type=nonsense", "type"),
        ("state=nonsense", "state"),
        ("place=nowhere", "place"),
        ("assignee=approver", "assignee"),
        ("sort=title", "sort"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("after=garbage", "after"),
        ("after=%00", "after"),
        ("q=a%00b", "q"),
        ("owner=me", "owner"),
        ("after=WyJkZWFkbGluZSIsIG51bGwsIDFd", "after"),
        ("after=W1tbW1tb", "after"),
    ],
)
def test_a_wrong_filter_is_named(api, query: str, field: str) -> None:
    assert api("dispatcher").get(f"/contents?{query}", 422)["errors"][0]["field"] == field


def test_filters_narrow(api, case: dict[str, Any], errand: dict[str, Any]) -> None:
    clerk = api("window.clerk")
    assert [item["uid"] for item in clerk.get("/contents?type=case")["items"]] == [case["uid"]]
    assert clerk.get("/contents?type=case&state=submitted")["items"] == []
    assert (
        clerk.get("/contents?type=case,errand&state=draft&state=posted&place=dongxin-centre")["items"][0]["uid"]
        == case["uid"]
    )
    assert clerk.get("/contents?type=case&place=dx-c01")["items"] == []
    assert clerk.get("/contents?type=case&assignee=me")["items"] == []
    assert clerk.get(f"/contents?q={case['number']}")["items"][0]["uid"] == case["uid"]
    # A whole ID number goes on in no address: the next page's has what stands for it.
    second = clerk.post(
        "/contents",
        {"type": "case", "item": "fertility_registration", "place": "dongxin-centre", "applicant": LI},
        201,
    )
    first = clerk.get(f"/contents?limit=1&q={LI['id_number']}")
    there = first["next_url"]
    assert LI["id_number"] not in str(first) and "limit=1" in there
    following = clerk.get(there.partition("/api/v1")[2])["items"]
    assert {first["items"][0]["uid"], following[0]["uid"]} == {case["uid"], second["uid"]}
    assert clerk.get(f"/contents?type=case&q={LI['id_number'][:10]}")["items"] == []
    assert clerk.get("/contents?type=case&q=%25")["items"] == []


def test_lists_are_masked_for_everybody(api, case: dict[str, Any], errand: dict[str, Any]) -> None:
    for name in ("window.clerk", "dispatcher", "supervisor", "admin", "approver"):
        text = json.dumps(api(name).get("/contents?limit=100"), ensure_ascii=False)
        assert not [secret for secret in SECRETS if secret in text], name
    row = api("window.clerk").get("/contents?type=case")["items"][0]
    assert row["applicant"] == {
        "name": "李*",
        "id_number": "110***********002X",
        "phone": "138****1234",
        "address": "杭州市下城区东新街道万家星城社区***",
    }
    assert datetime.fromisoformat(row["created"]).utcoffset().total_seconds() == 8 * 3600


def test_inside_the_thing_whoever_works_on_it_sees_it_in_full_and_the_journal_says_so(
    api, case: dict[str, Any], session: Session
) -> None:
    clerk = api("window.clerk")
    assert clerk.get(f"/contents/{case['uid']}")["applicant"] == {
        k: LI[k] for k in ("name", "id_number", "phone", "address")
    }
    clerk.get(f"/contents/{case['uid']}")
    assert len(session.scalars(select(JournalEntry).where(JournalEntry.action == "personal:reveal")).all()) <= 1
    clerk.act(case["uid"], "submit", version=case["version"])
    reviewer = api("supervisor").get(f"/contents/{case['uid']}")
    text = json.dumps(reviewer, ensure_ascii=False)
    assert not [secret for secret in SECRETS if secret in text]
    assert reviewer["actions"] == [] and reviewer["materials"] == []
    api("supervisor").get(f"/contents/{case['uid']}/documents", 404)


def test_reading_in_full_leaves_a_row(api, case: dict[str, Any], session: Session) -> None:
    # The clerk of the counter made it; somebody else of the same counter only reads.
    api("window.clerk").act(case["uid"], "submit", version=case["version"])
    api("reviewer").get("/contents?type=case")
    seen = api("reviewer").call("GET", f"/contents/{case['uid']}")
    rows = session.scalars(select(JournalEntry).where(JournalEntry.action == "personal:reveal")).all()
    assert (seen.status_code, len(rows)) in ((200, 1), (404, 0))


def test_another_community_sees_nothing(api, case: dict[str, Any], errand: dict[str, Any]) -> None:
    neighbour = api("neighbour.clerk")
    assert [i for i in neighbour.get("/contents?limit=100")["items"] if i["type"] != "service_item"] == []
    for path in ("", "/history", "/deadline", "/documents"):
        assert neighbour.get(f"/contents/{case['uid']}{path}", 404) == {**neighbour.get("/contents/nothing", 404)}
    neighbour.act(case["uid"], "submit", 404)
    neighbour.patch(f"/contents/{case['uid']}", {"version": 1}, 404)
    neighbour.post(f"/contents/{case['uid']}/notes", {"audience": "internal", "text": "x"}, 404)


def test_edit_changes_fields_and_nothing_else(api, errand: dict[str, Any]) -> None:
    program = api("dispatcher")
    path = f"/contents/{errand['uid']}"
    changed = program.patch(
        path, {"version": 1, "envelopes": 3, "window_end": "2026-12-01T10:00:00+08:00", "to_agency": "dx-c01"}
    )
    assert (changed["version"], changed["state"], changed["fields"]["envelopes"], changed["fields"]["to_agency"]) == (
        2,
        "posted",
        3,
        "dx-c01",
    )
    assert changed["deadline"] == "2026-12-01T10:00:00+08:00"
    assert program.get(path)["fields"]["envelopes"] == 3
    assert program.patch(path, {"version": 1, "envelopes": 4}, 409)["type"] == "/problems/stale"
    assert [e["action"] for e in program.get(f"{path}/history")["items"]] == ["errand:create", "content:edit"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"envelopes": 3}, "version"),
        ({"version": "1"}, "version"),
        ({"version": True}, "version"),
        ({"version": 1, "state": "open"}, "state"),
        ({"version": 1, "nonsense": 1}, "nonsense"),
        ({"version": 1, "acl_id": 1}, "acl_id"),
        ({"version": 1, "envelopes": "three"}, "envelopes"),
        ({"version": 1, "purpose": "theft"}, "purpose"),
        ({"version": 1, "to_agency": "nowhere"}, "to_agency"),
        ({"version": 1, "window_end": "tomorrow"}, "window_end"),
        ({"version": 1, "title": ""}, "title"),
        ({"version": 1, "title": "x" * 300}, "title"),
    ],
)
def test_a_wrong_edit_names_the_field_and_changes_nothing(
    api, errand: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    program = api("dispatcher")
    assert field in [e["field"] for e in program.patch(f"/contents/{errand['uid']}", body, 422)["errors"]]
    assert program.get(f"/contents/{errand['uid']}")["version"] == 1


def test_a_case_takes_answers_to_its_form(api, case: dict[str, Any]) -> None:
    clerk = api("window.clerk")
    path = f"/contents/{case['uid']}"
    changed = clerk.patch(path, {"version": case["version"], "phone": "13900005678"})
    assert changed["fields"]["phone"] == "13900005678" and changed["version"] == case["version"] + 1
    assert clerk.patch(path, {"version": changed["version"], "nonsense": 1, "item": "x"}, 422)["errors"]
    api("courier").patch(path, {"version": changed["version"]}, 404)


def test_the_number_of_queries_does_not_grow_with_the_rows(api) -> None:
    program = api("dispatcher")
    counts = []
    for more in (2, 18):
        many(program, more)
        counts.append(queries(program, "/contents?type=errand&limit=50"))
    assert counts[0] == counts[1] <= 12


def queries(program: Api, path: str) -> int:
    statements: list[str] = []
    with program.app.app_context():
        engine = db.engine

    def note(*args: Any) -> None:
        statements.append(args[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        program.get(path)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len([s for s in statements if not s.startswith(("BEGIN", "COMMIT"))])
