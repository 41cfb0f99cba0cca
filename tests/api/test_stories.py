"""Whole stories through the API alone; every answer is held against openapi.json on the way (see conftest)."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.worker import do
from models.base import now
from models.ledger import JournalEntry, OutboxItem
from process import journal
from tests.services.fertility import COLLECTED, data


def work(session: Session) -> None:
    """What the workers do meanwhile."""
    session.rollback()
    for item_id in list(
        session.scalars(
            select(OutboxItem.id)
            .where(OutboxItem.status == "waiting", OutboxItem.available_at <= now())
            .order_by(OutboxItem.id)
        )
    ):
        assert do(session, item_id) == "done"


def ids(thing: dict[str, Any]) -> set[str]:
    return {a["id"] for a in thing["actions"]}


def picture() -> io.BytesIO:
    made = io.BytesIO()
    Image.new("RGB", (60, 40), "white").save(made, "JPEG")
    made.seek(0)
    return made


def test_an_errand_from_the_board_to_the_door(api, errand: dict[str, Any]) -> None:
    dispatcher, courier, other = api("dispatcher"), api("courier"), api("courier2")
    uid = errand["uid"]
    assert ids(errand) == {"post", "cancel"}
    courier.get(f"/contents/{uid}", 404)
    assert dispatcher.act(uid, "post", version=1)["state"] == "open"
    on_the_board = courier.get("/contents?type=errand&state=open")["items"][0]
    assert "to_address" in courier.get(f"/contents/{uid}")["masked"] and "18幢" not in str(on_the_board)
    board = next(w for w in courier.get("/worklists")["items"] if w["id"] == "errand.board")
    assert board["count"] == 1
    assert courier.get(board["items"])["items"][0]["uid"] == uid

    claimed = courier.act(uid, "claim", version=2)
    assert claimed["assignee"]["username"] == "courier" and "18幢" in claimed["fields"]["to_address"]
    late = other.call("POST", f"/contents/{uid}/actions/claim", {"version": 2})
    assert late.status_code in (404, 409)
    assert courier.get("/contents?assignee=me")["items"][0]["uid"] == uid

    wanted = {i["name"]: i for i in next(a for a in claimed["actions"] if a["id"] == "pick_up")["inputs"]}
    assert wanted["envelopes"]["required"] and wanted["envelopes"]["kind"] == "number"
    assert courier.act(uid, "pick_up", 422)["errors"][0]["field"] == "envelopes"
    assert courier.act(uid, "pick_up", 422, envelopes=1, nonsense=1)["errors"][0]["field"] == "nonsense"
    assert courier.get(f"/contents/{uid}")["state"] == "claimed", "a refused step leaves nothing behind"
    assert courier.act(uid, "pick_up", envelopes=1)["state"] == "picked_up"
    assert courier.act(uid, "set_off")["state"] == "on_way"
    assert courier.act(uid, "deliver", 422)["errors"][0]["field"] == "id_checked"
    assert courier.act(uid, "deliver", id_checked=True)["state"] == "delivered"
    history = courier.get(f"/contents/{uid}/history")["items"]
    assert [e["to"] for e in history if e["from"] != e["to"]] == [
        "posted",
        "open",
        "claimed",
        "picked_up",
        "on_way",
        "delivered",
    ]
    assert courier.act(uid, "claim", 409)["detail"].startswith("现在的状态是")
    courier.act(uid, "fly", 404)
    assert dispatcher.act(uid, "release", 409, comment="x")


def test_a_case_from_the_counter_to_the_card(api, session: Session) -> None:
    clerk = api("window.clerk")
    case = clerk.post("/contents", {"type": "case", **data()}, 201)
    uid = case["uid"]
    path = f"/contents/{uid}"
    assert {q["name"] for q in case["form"]} >= {"marriage_date", "expected_date"}
    clerk.get(f"{path}/papers/acceptance_notice.pdf", 404)
    clerk.act(uid, "submit", version=case["version"])
    assert clerk.act(uid, "accept")["state"] == "accepted"

    waiting = clerk.call("GET", f"{path}/papers/acceptance_notice.pdf")
    assert (
        waiting.status_code == 202
        and waiting.content_type == "application/problem+json"
        and int(waiting.headers["Retry-After"]) > 0
    )
    work(session)
    ready = clerk.call("GET", f"{path}/papers/acceptance_notice.pdf")
    assert (ready.status_code, ready.mimetype, ready.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert clerk.call("GET", f"{path}/papers/acceptance_notice.pdf").data == ready.data, (
        "a reprint serves the same bytes"
    )

    ticks = [{"code": m["code"], "verdict": "accepted"} for m in clerk.get(path)["materials"] if m["provided"]]
    reviewed = api("reviewer").act(uid, "review", materials=ticks, comment="材料齐全")
    assert reviewed["state"] == "reviewed" and "approve" not in ids(reviewed)
    api("reviewer").act(uid, "approve", 403)
    approved = api("approver").act(uid, "approve", comment="同意")
    certificate = next(r for r in approved["related"] if r["type"] == "certificate")
    issuer = api("issuer")
    draft = issuer.call("GET", f"/contents/{certificate['uid']}/papers/fertility_registration_card.pdf?draft=1")
    assert (draft.status_code, draft.data[:5]) == (200, b"%PDF-")
    for step in ("number", "seal"):
        issuer.act(certificate["uid"], step)
    work(session)
    for step in ("print", "issue"):
        issuer.act(certificate["uid"], step)
    work(session)
    issued = issuer.get(f"/contents/{certificate['uid']}")
    assert issued["state"] == "issued" and issued["number"]
    assert issuer.call("GET", f"{path}/papers/fertility_registration_card.pdf").data[:5] == b"%PDF-", (
        "asked for through the case"
    )
    clock = clerk.get(f"{path}/deadline")
    assert clock["clocks"][0]["working_days"] == 3 and "工作日" in clock["sentence"]
    assert clerk.act(uid, "deliver", way="counter", **COLLECTED)["state"] == "delivered"
    session.rollback()
    assert journal.verify(session)[1] is None


def test_documents_are_handed_in_listed_and_fetched(api, case: dict[str, Any], session: Session) -> None:
    clerk = api("window.clerk")
    path = f"/contents/{case['uid']}/documents"
    kept = clerk.post(
        path, status=201, data={"file": (picture(), "身份证 正面.jpg"), "material": "id_card", "purpose": "material"}
    )
    assert (kept["material"], kept["media_type"], kept["purpose"]) == ("id_card", "image/jpeg", "material")
    assert clerk.get(path)["items"] == [kept]
    file = clerk.call("GET", kept["url"])
    assert (
        file.status_code == 200
        and file.headers["Content-Disposition"].startswith("attachment;")
        and file.data[:2] == b"\xff\xd8"
    )
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    api("neighbour.clerk").get(path, 404)
    api("neighbour.clerk").get(kept["url"], 404)
    assert session.scalars(select(JournalEntry).where(JournalEntry.action == "document:add")).one().details == {
        "document": kept["uid"],
        "purpose": "material",
    }


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"file": (io.BytesIO(b"<script>"), "x.jpg")}, 422),
        ({"file": (io.BytesIO(b""), "x.jpg")}, 422),
        ({"purpose": "photo"}, 415),
        ({"file": (io.BytesIO(b"%PDF-1.4"), "x.pdf"), "material": "nothing"}, 422),
        ({"file": (io.BytesIO(b"x"), "x.jpg"), "purpose": "joke"}, 422),
        ({"file": (io.BytesIO(b"x"), "x.jpg"), "owner": "me"}, 422),
    ],
)
def test_what_is_no_document_is_refused(api, case: dict[str, Any], form: dict[str, Any], status: int) -> None:
    clerk = api("window.clerk")
    clerk.post(
        f"/contents/{case['uid']}/documents",
        status=status,
        data={k: ((io.BytesIO(v[0].getvalue()), v[1]) if isinstance(v, tuple) else v) for k, v in form.items()},
    )
    clerk.post(f"/contents/{case['uid']}/documents", {"file": "x"}, 415)
    assert clerk.get(f"/contents/{case['uid']}/documents")["items"] == []


def test_notes_go_to_colleagues_or_to_the_resident(api, case: dict[str, Any]) -> None:
    clerk = api("window.clerk")
    path = f"/contents/{case['uid']}/notes"
    assert clerk.post(path, {"audience": "internal", "text": "照片周三补"}, 201)["author"]["username"] == "window.clerk"
    assert clerk.post(path, {"audience": "resident", "text": "请带照片"}, 201)["audience"] == "resident"
    for wrong in (
        {"audience": "all", "text": "x"},
        {"audience": "internal"},
        {"audience": "internal", "text": "  "},
        {"audience": "internal", "text": "x", "by": 1},
    ):
        assert clerk.post(path, wrong, 422)["errors"]


def test_on_behalf_needs_a_substitution(api, errand: dict[str, Any]) -> None:
    dispatcher = api("dispatcher")
    dispatcher.act(errand["uid"], "post", 404, on_behalf_of="nobody.here")
    dispatcher.act(errand["uid"], "post", 403, on_behalf_of="approver")
    dispatcher.act(errand["uid"], "post", 422, on_behalf_of=5)


def test_unknown_types_and_what_comes_by_itself_cannot_be_registered(api) -> None:
    clerk = api("window.clerk")
    assert clerk.post("/contents", {"type": "spaceship"}, 422)["errors"][0]["field"] == "type"
    clerk.post("/contents", {"type": "certificate"}, 422)
    clerk.post("/contents", {}, 422)
    api("courier").post(
        "/contents",
        {
            "type": "errand",
            "title": "x",
            "purpose": "fetch_papers",
            "from_agency": "dx-c01",
            "to_agency": "dongxin-centre",
        },
        403,
    )
