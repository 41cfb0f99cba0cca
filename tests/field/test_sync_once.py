"""Handing in from a phone: one's own day goes out, and what comes back has one effect whatever is repeated, in whatever order."""

from __future__ import annotations

import itertools

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.delegation import Handover
from models.field import FieldBlob, FieldChunk
from models.grid import GridLog
from models.ledger import JournalEntry
from models.paper import Document
from process import engine
from tests.field.phone import Phone, door, log
from tests.field.sync_steps import As, Client, chain, of
from tests.services.visiting import OLD_LADY, request_visit, tomorrow


def test_the_day_holds_ones_own_grid_and_nothing_of_others(
    session: Session, actor: As, leader: Phone, visit: str, entry: str
) -> None:
    elsewhere = request_visit(
        session,
        actor("neighbour.clerk"),
        place="dx-c02-g1",
        applicant={**OLD_LADY, "name": "外区人", "id_number": "330103194006015510"},
    )
    session.commit()
    day = leader.day()
    assert [one["uid"] for one in day["visits"]] == [visit]
    found = day["visits"][0]
    assert found["who"] == "骆水珍" and found["phone"] == "13800000018" and "collect" in found["able"]
    assert [one["who"] for one in day["care"]] == ["骆水珍"]
    step = day["flows"][found["flow"]]["steps"]["collect"]
    assert {one["name"] for one in step["inputs"]} >= {"identity_checked", "lines", "photos", "signature"}
    assert "外区人" not in str(day) and elsewhere.uid not in str(day)
    assert leader.post("day", {"version": day["version"]}).json == {"same": True, "version": day["version"]}
    # Whose address went onto a phone is in the journal.
    session.rollback()
    seen = session.scalars(select(JournalEntry.action).where(JournalEntry.stream == visit)).all()
    assert "personal:reveal" in seen


def test_a_clerk_at_a_desk_has_no_phone_and_the_neighbour_sees_nothing(client_as: Client, visit: str) -> None:
    answer = client_as("window.clerk").post("/field/api/device", json={}, headers={"Accept": "application/json"})
    assert answer.status_code == 403 and "外勤" in answer.json["detail"]


def test_without_a_sign_in_there_is_a_sentence_and_no_page(app: Flask) -> None:
    assert app.test_client().get("/field/api/hello").json == {"signed_in": False}
    for path in ("day", "push", "device", "blobs", "scan"):
        answer = app.test_client().post(f"/field/api/{path}", json={})
        assert answer.status_code == 401 and "重新登录" in answer.json["detail"]


@pytest.mark.req("S0-26")
def test_a_visit_done_without_a_signal_arrives_whole(session: Session, leader: Phone, visit: str) -> None:
    day = leader.day()
    ops = chain(leader, visit, day["visits"][0]["version"], door(leader, photos=6))
    told = leader.answers(*ops)
    assert [one["outcome"] for one in told] == ["done"] * 3, told
    made = of(session, visit)
    assert made.state == "filed" and made.letter is not None
    photos = session.scalars(select(Document).where(Document.content_id == made.id, Document.purpose == "photo")).all()
    assert len(photos) == 6
    assert (
        session.scalar(select(func.count(FieldBlob.id)))
        == 0
        == session.scalar(select(func.count()).select_from(FieldChunk))
    )


def test_whatever_is_sent_again_has_one_effect_and_the_same_answer(session: Session, leader: Phone, visit: str) -> None:
    entry = leader.op("create", "grid_log", inputs=log())
    steps = chain(leader, visit, leader.day()["visits"][0]["version"], door(leader))
    first = leader.answers(entry, *steps)
    for _ in range(3):
        again = leader.answers(entry, *steps)
        assert [{**one, "again": True} for one in first] == again
    assert session.scalar(select(func.count(GridLog.id))) == 1
    assert session.scalar(select(func.count(Handover.id)).where(Handover.action == "collect")) == 1
    # Twice in one batch is once as well.
    twice = leader.op("create", "grid_log", inputs=log(what="两遍"))
    assert [one["outcome"] for one in leader.answers(twice, twice)] == ["done", "done"]
    session.rollback()
    assert [one.what for one in session.scalars(select(GridLog).order_by(GridLog.id))] == ["走访独居老人", "两遍"]


def test_the_same_name_with_other_contents_is_refused(session: Session, leader: Phone) -> None:
    op = leader.op("create", "grid_log", inputs=log())
    leader.answers(op)
    told = leader.answers({**op, "inputs": log(what="别的内容")})[0]
    assert told["outcome"] == "refused" and "编号" in told["sentence"]
    assert session.scalar(select(func.count(GridLog.id))) == 1


def test_every_order_of_arrival_ends_the_same(session: Session, actor: As, leader: Phone) -> None:
    """Six orders of three steps that build on each other: one by one, what came too early waits on the phone."""
    for days, order in enumerate(itertools.permutations(range(3)), start=1):
        made = request_visit(session, actor("community.clerk"))
        engine.fire(made, "schedule", actor("grid.leader"), inputs={"slot_start": tomorrow(days=days)})
        session.commit()
        ops = chain(leader, made.uid, made.version, door(leader))
        waiting = [ops[index] for index in order]
        for _ in range(3):
            waiting = [op for op in waiting if leader.answers(op)[0]["outcome"] == "waiting"]
        assert waiting == [] and of(session, made.uid).state == "filed"
        letters = select(func.count(Handover.id)).where(Handover.content_id == made.id, Handover.action == "collect")
        assert session.scalar(letters) == 1
