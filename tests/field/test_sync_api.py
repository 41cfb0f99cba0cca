"""Handing in from a phone: once whatever is repeated, in whatever order; every no is a sentence, and nothing is lost."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.base import now
from models.delegation import Handover, HomeVisit
from models.errand import Errand
from models.field import FieldBlob, FieldChunk, FieldDevice, FieldOp
from models.grid import GridLog
from models.ledger import JournalEntry
from models.paper import Document
from models.resident import CareEntry
from process import engine
from process.access import Actor
from services import actions
from services.field import blobs, devices
from tests.field.phone import Phone, door, log, photograph, signature_bytes
from tests.services.test_visits import OLD_LADY, request_visit, tomorrow

As = Callable[[str], Actor]
Client = Callable[[str], FlaskClient]


@pytest.fixture
def leader(client_as: Client) -> Phone:
    return Phone(client_as("grid.leader"), "grid.leader")


def of(session: Session, uid: str) -> HomeVisit:
    session.expire_all()
    session.rollback()
    return session.scalars(select(HomeVisit).where(HomeVisit.uid == uid)).one()


def chain(phone: Phone, uid: str, base: int, inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """Set off, collect, file: each builds on the one before."""
    first = phone.op("step", uid, "set_off", base=base)
    second = phone.op("step", uid, "collect", inputs=inputs, base=base, after=[first["op_id"]])
    return [first, second, phone.op("step", uid, "file", base=base, after=[second["op_id"]])]


# --- the day ----------------------------------------------------------------------------------------------------------
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


# --- once -------------------------------------------------------------------------------------------------------------
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


# --- photos in pieces -------------------------------------------------------------------------------------------------
def test_a_photo_goes_on_where_the_line_broke(leader: Phone, session: Session) -> None:
    data = photograph(7)
    name = hashlib.sha256(data).hexdigest()
    assert leader.post("blobs", {"sha256": name, "size": len(data)}).json["received"] == 0
    assert leader.piece(name, 0, data[:10_000]).json["received"] == 10_000
    # The answer was lost, the piece is sent again: where we are is said.
    lost = leader.piece(name, 0, data[:10_000])
    assert lost.status_code == 409 and lost.headers["Upload-Offset"] == "10000"
    assert leader.post("blobs", {"sha256": name, "size": len(data)}).json["received"] == 10_000
    assert leader.piece(name, 10_000, data[10_000:]).json["received"] == len(data)
    told = leader.answers(leader.op("create", "grid_log", inputs=log(photo=f"blob:{name}")))[0]
    assert told["outcome"] == "done"
    assert session.scalars(select(GridLog.photo_key)).one()


def test_what_does_not_match_its_hash_begins_anew(leader: Phone) -> None:
    data = photograph(8)
    name = hashlib.sha256(data).hexdigest()
    leader.post("blobs", {"sha256": name, "size": len(data)})
    broken = bytes(len(data))
    assert leader.piece(name, 0, broken).json["received"] == 0
    assert leader.piece(name, 0, data).json["received"] == len(data)


def test_a_thing_waits_for_its_photo(leader: Phone) -> None:
    missing = "0" * 64
    told = leader.answers(leader.op("create", "grid_log", inputs=log(photo=f"blob:{missing}")))[0]
    assert told["outcome"] == "waiting" and told["need"] == [missing]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"sha256": "x", "size": 10}, "校验码"),
        ({"sha256": "0" * 64, "size": 0}, "空的"),
        ({"sha256": "0" * 64, "size": "10"}, "空的"),
        ({"sha256": "0" * 64, "size": blobs.MOST_BYTES + 1}, "太大"),
    ],
)
def test_photos_that_cannot_be(leader: Phone, body: dict[str, Any], words: str) -> None:
    answer = leader.post("blobs", body)
    assert answer.status_code in (413, 422) and words in answer.json["detail"]


def test_pieces_that_cannot_be(leader: Phone) -> None:
    data = photograph(9)
    name = hashlib.sha256(data).hexdigest()
    assert leader.piece(name, 0, b"x").status_code == 404
    leader.post("blobs", {"sha256": name, "size": 100})
    assert leader.piece(name, "weird", b"x").status_code == 422
    assert leader.piece(name, 0, b"").status_code == 413
    assert leader.piece(name, 0, bytes(101)).status_code == 422
    assert leader.piece(name, 0, bytes(blobs.LARGEST_PIECE + 1)).status_code == 413
    assert leader.post("blobs", {"sha256": name, "size": 99}).status_code == 409


# --- refusals ---------------------------------------------------------------------------------------------------------
def test_a_photo_that_is_none_forty_photos_and_an_empty_signature(session: Session, leader: Phone, visit: str) -> None:
    first = leader.op("step", visit, "set_off", base=leader.day()["visits"][0]["version"])
    assert leader.answers(first)[0]["outcome"] == "done"
    none = leader.send(b"<html>no picture</html>" * 10)
    cases = [
        ({"photos": [none]}, "第 1 张"),
        ({"photos": [leader.send(photograph(seed, side=40)) for seed in range(100, 140)]}, "最多 20 张"),
        ({"signature": leader.send(signature_bytes(stroke=False))}, "没有笔迹"),
        ({"signature": ""}, "签名"),
        ({"identity_checked": False}, "身份证"),
        ({"lines": []}, "清单"),
        ({"unheard_of": "1"}, "没有这些项"),
    ]
    for changes, words in cases:
        op = leader.op("step", visit, "collect", inputs=door(leader) | changes, after=[first["op_id"]])
        told = leader.answers(op)[0]
        assert told["outcome"] == "refused" and words in told["sentence"], (changes, told)
        assert leader.answers(op)[0]["sentence"] == told["sentence"]
        assert of(session, visit).state == "visiting"
    # Mended under another name it goes through; the photos did not have to travel again.
    good = leader.op("step", visit, "collect", inputs=door(leader), after=[first["op_id"]])
    assert leader.answers(good)[0]["outcome"] == "done"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"author": "courier"}, "不是现在登录的人"),
        ({"author": None}, "不是现在登录的人"),
        ({"op_id": "short"}, "编号"),
        ({"seq": -1}, "顺序号"),
        ({"seq": True}, "顺序号"),
        ({"base": "7"}, "版本号"),
        ({"kind": "sql"}, "不会办"),
        ({"thing": "../etc"}, "哪一件"),
        ({"inputs": []}, "已收到"),
        ({"inputs": "x"}, "读不懂"),
        ({"after": "x"}, "哪一项"),
        ({"thing": "certificate"}, "只能新记"),
        ({"inputs": {"what": ""}}, "请写做了什么"),
        ({"inputs": {"evil": 1}}, "没有这些项"),
    ],
)
def test_what_phones_should_not_send(leader: Phone, changes: dict[str, Any], words: str) -> None:
    op = {**leader.op("create", "grid_log", inputs=log()), **changes}
    told = leader.answers(op)[0]
    if words == "已收到":
        # An empty list is no inputs at all: everything is missing, and that is said.
        words = "还不能记"
    assert told["outcome"] == "refused" and words in told["sentence"], told


@pytest.mark.parametrize("said", ["1970-01-01T00:00:00.000Z", "2050-06-01T00:00:00.000Z", "gestern", None, 7])
def test_the_phones_clock_decides_nothing(session: Session, leader: Phone, said: Any) -> None:
    first = leader.op("create", "grid_log", inputs=log(what="先"), said_at=said)
    second = leader.op("create", "grid_log", inputs=log(what="后"), said_at="1999-01-01T00:00:00Z")
    assert [one["outcome"] for one in leader.answers(second, first)] == ["done", "done"]
    written = session.scalars(select(GridLog).order_by(GridLog.id)).all()
    assert [one.what for one in written] == ["先", "后"]
    assert all(abs(one.created_at - now()) < timedelta(minutes=5) for one in written)
    kept = session.scalars(select(FieldOp.said_at).order_by(FieldOp.id)).all()
    assert kept[0] == (said if isinstance(said, str) else "")


def test_ten_thousand_items_are_asked_for_in_batches(session: Session, leader: Phone) -> None:
    one = leader.op("create", "grid_log", inputs=log())
    answer = leader.push(*([{"op_id": one["op_id"]}] * 10_000))
    assert answer.status_code == 413 and "分批" in answer.json["detail"]
    many = leader.push(*[leader.op("create", "grid_log", inputs=log()) for _ in range(51)])
    assert many.status_code == 413 and "最多上报 50 项" in many.json["detail"]
    assert leader.post("push", {"shape": 1, "ops": "x"}).status_code == 422
    assert (
        leader.client.post(
            "/field/api/push", data=b"{", headers={**leader.headers(), "Content-Type": "application/json"}
        ).status_code
        == 400
    )
    assert session.scalar(select(func.count(GridLog.id))) == 0


def test_an_old_app_is_told_to_come_up_to_date(leader: Phone) -> None:
    for shape in (0, 2, None, "1", True):
        answer = leader.push(leader.op("create", "grid_log", inputs=log()), shape=shape)
        assert answer.status_code == 409 and "更新" in answer.json["detail"]


def test_a_phone_of_three_weeks_ago_signs_on_first(session: Session, client_as: Client, leader: Phone) -> None:
    op = leader.op("create", "grid_log", inputs=log())
    device = session.scalars(select(FieldDevice)).one()
    device.seen_at = now() - timedelta(days=22)
    session.commit()
    answer = leader.push(op)
    assert answer.status_code == 409 and "22 天" in answer.json["detail"] and "都还在手机上" in answer.json["detail"]
    back = Phone(client_as("grid.leader"), "grid.leader", known=(leader.uid,))
    assert (back.uid, back.secret) == (leader.uid, leader.secret)
    assert back.answers(op)[0]["outcome"] == "done"


# --- phones -----------------------------------------------------------------------------------------------------------
def test_a_phone_signed_out_from_afar_keeps_what_was_typed_for_its_owner(
    session: Session, client_as: Client, leader: Phone
) -> None:
    op = leader.op("create", "grid_log", inputs=log())
    page = client_as("grid.leader")
    assert "测试手机" in page.get("/field/devices").text
    assert page.post(f"/field/devices/{leader.uid}", data={"what": "close"}).status_code == 303
    answer = leader.push(op)
    assert (
        answer.status_code == 403
        and answer.json["type"].endswith("device-closed")
        and "远程退出" in answer.json["detail"]
    )
    assert leader.post("day", {}).status_code == 403
    # The session that is still open does not open the phone again; a sign-in with the password does.
    still = leader.post("device", {"known": [leader.uid]}, device="")
    assert still.status_code == 403 and "重新输入密码" in still.json["detail"]
    back = Phone(client_as("grid.leader"), "grid.leader", known=(leader.uid,))
    assert back.secret == leader.secret and back.answers(op)[0]["outcome"] == "done"


def test_a_lost_phone_can_never_be_read_again(session: Session, client_as: Client, leader: Phone) -> None:
    page = client_as("grid.leader")
    page.post(f"/field/devices/{leader.uid}", data={"what": "lost"})
    answer = leader.push(leader.op("create", "grid_log", inputs=log()))
    assert answer.status_code == 403 and answer.json["type"].endswith("device-lost")
    assert session.scalars(select(FieldDevice.secret)).one() is None
    fresh = Phone(client_as("grid.leader"), "grid.leader", known=(leader.uid,))
    assert fresh.uid != leader.uid and fresh.secret != leader.secret
    assert page.post(f"/field/devices/{leader.uid}", data={"what": "lost"}).status_code == 409


def test_nobody_opens_or_closes_anothers_phone(client_as: Client, leader: Phone) -> None:
    other = client_as("courier")
    theirs = Phone(other, "courier", known=(leader.uid,))
    assert theirs.uid != leader.uid and theirs.secret != leader.secret
    assert theirs.post("push", {"shape": 1, "ops": []}, device=leader.uid).status_code == 409
    assert other.post(f"/field/devices/{leader.uid}", data={"what": "lost"}).status_code == 404
    assert client_as("admin").get("/field/devices").text.count("测试手机") >= 2
    assert other.post(f"/field/devices/{theirs.uid}", data={"what": "nonsense"}).status_code == 422


def test_the_office_says_after_how_long_a_phone_locks(client_as: Client, leader: Phone, session: Session) -> None:
    """The administrator types it where the other numbers of a unit are; the phone hears it at its next word."""
    told = leader.client.get("/field/api/hello", headers=leader.headers()).json["device"]
    assert told["idle_minutes"] == 120
    admin = client_as("admin")
    page = admin.get("/places/dongxin/rules")
    assert "外勤手机几分钟不用就锁上" in page.text
    wrong = admin.post("/places/dongxin/rules", data={"field_idle_minutes": "4"})
    assert wrong.status_code == 422 and "外勤手机几分钟不用就锁上" in wrong.text
    assert admin.post("/places/dongxin/rules", data={"field_idle_minutes": "30"}).status_code == 303
    told = leader.client.get("/field/api/hello", headers=leader.headers()).json["device"]
    assert told["idle_minutes"] == 30
    assert "30 分钟不用就锁上" in leader.client.get("/field/devices").text
    assert client_as("grid.leader").post("/places/dongxin/rules", data={"field_idle_minutes": "60"}).status_code in (
        403,
        404,
    )


def test_there_is_an_end_to_phones(client_as: Client) -> None:
    for _ in range(devices.MOST_DEVICES):
        Phone(client_as("courier"), "courier")
    answer = client_as("courier").post("/field/api/device", json={}, headers={"Accept": "application/json"})
    assert answer.status_code == 409 and "我的手机" in answer.json["detail"]


def test_what_signing_on_does_not_understand(client_as: Client) -> None:
    client = client_as("courier")
    for body in ({"known": "x"}, {"known": [1]}):
        answer = client.post("/field/api/device", json=body, headers={"Accept": "application/json"})
        assert answer.status_code == 422, body


def test_signing_out_on_a_page_locks_the_phone_and_spares_what_waits(leader: Phone, session: Session) -> None:
    answer = leader.client.post("/sign-out")
    assert answer.headers["Location"].endswith("/field/left") and "storage" not in answer.headers["Clear-Site-Data"]
    assert leader.client.get("/field/left").status_code == 200
    assert session.scalars(select(FieldDevice.closed_at)).one() is not None


def test_signing_out_in_the_app_ends_the_session(leader: Phone) -> None:
    assert leader.post("leave", {}).json == {"left": True}
    assert leader.post("day", {}).status_code == 401


# --- two phones -------------------------------------------------------------------------------------------------------
def test_two_phones_at_one_door_the_second_sees_both(
    session: Session, client_as: Client, leader: Phone, visit: str
) -> None:
    other = Phone(client_as("grid.leader"), "grid.leader")
    version = leader.day()["visits"][0]["version"]
    mine, theirs = chain(leader, visit, version, door(leader))[:2], chain(other, visit, version, door(other))[:2]
    assert [one["outcome"] for one in leader.answers(*mine)] == ["done", "done"]
    told = other.answers(*theirs)
    assert [one["outcome"] for one in told] == ["conflict", "waiting"]
    clash = told[0]["conflict"]
    assert clash["state"] == "collected" and clash["who"] and not clash["open"]
    assert any("身份证" in one["value"] for one in clash["theirs"])
    assert session.scalar(select(func.count(Handover.id)).where(Handover.action == "collect")) == 1


def test_a_person_may_decide_to_do_it_on_top(session: Session, actor: As, leader: Phone, visit: str) -> None:
    version = leader.day()["visits"][0]["version"]
    made = of(session, visit)
    engine.touch(made)
    session.commit()
    told = leader.answers(leader.op("step", visit, "set_off", base=version))[0]
    assert told["outcome"] == "conflict" and told["conflict"]["open"]
    again = leader.op("step", visit, "set_off", base=told["conflict"]["version"])
    assert leader.answers(again)[0]["outcome"] == "done"


def test_the_register_is_joined_field_by_field_and_never_overwritten(
    session: Session, client_as: Client, leader: Phone, entry: str
) -> None:
    other = Phone(client_as("grid.leader"), "grid.leader")
    seen = leader.day()["care"][0]["values"]
    assert seen["needs"] == "买菜"
    mine = leader.op("review", entry, "review", inputs={**seen, "needs": "买菜、送药"}, seen=seen)
    joined = other.op("review", entry, "review", inputs={**seen, "contact": "女儿"}, seen=seen)
    assert leader.answers(mine)[0]["outcome"] == "done"
    assert other.answers(joined)[0]["outcome"] == "done"
    kept = session.get_one(CareEntry, int(entry))
    session.refresh(kept)
    assert (kept.needs, kept.contact) == ("买菜、送药", "女儿")

    clash = other.answers(other.op("review", entry, "review", inputs={**seen, "needs": "只送饭"}, seen=seen))[0]
    assert clash["outcome"] == "conflict"
    both = clash["conflict"]["fields"]
    assert [(one["field"], one["seen"], one["mine"], one["theirs"]) for one in both] == [
        ("needs", "买菜", "只送饭", "买菜、送药")
    ]
    session.refresh(kept)
    assert kept.needs == "买菜、送药"
    settled = other.op("review", entry, "review", inputs={**seen, "needs": "只送饭"}, seen=clash["conflict"]["now"])
    assert other.answers(settled)[0]["outcome"] == "done"
    session.refresh(kept)
    assert kept.needs == "只送饭" and kept.contact == "女儿"


@pytest.mark.parametrize(
    ("thing", "inputs", "words"),
    [("999999", {}, "没有找到"), ("abc", {}, "没有这一位"), ("", {}, "哪一件"), ("E", {"evil": "1"}, "没有这些项")],
)
def test_entries_that_cannot_be_looked_at(leader: Phone, entry: str, thing: str, inputs: dict, words: str) -> None:
    op = leader.op("review", entry if thing == "E" else thing, "review", inputs=inputs)
    told = leader.answers(op)[0]
    assert told["outcome"] == "refused" and words in told["sentence"]


# --- couriers ---------------------------------------------------------------------------------------------------------
def posted(session: Session, actor: As) -> Errand:
    made = actions.create(
        session,
        actor("community.clerk"),
        "errand",
        {
            "title": "送材料到街道",
            "purpose": "hand_in",
            "to_agency": "dongxin-centre",
            "envelopes": 2,
            "place": "dx-c01",
        },
    )
    engine.fire(made, "post", actor("community.clerk"))
    session.commit()
    assert isinstance(made, Errand)
    return made


def test_a_courier_carries_without_a_signal_and_a_wrong_code_still_counts(
    session: Session, client_as: Client, actor: As
) -> None:
    made = posted(session, actor)
    phone = Phone(client_as("courier"), "courier")
    day = phone.day()
    assert [one["uid"] for one in day["board"]] == [made.uid] and "contact" not in day["board"][0]
    told = phone.answers(phone.op("step", made.uid, "claim", base=day["board"][0]["version"]))[0]
    assert told["outcome"] == "done", told
    mine = phone.day()["errands"][0]
    first = phone.op("step", made.uid, "pick_up", inputs={"envelopes": 2}, base=mine["version"])
    second = phone.op("step", made.uid, "set_off", after=[first["op_id"]])
    third = phone.op("step", made.uid, "deliver", inputs={"code": "000000"}, after=[second["op_id"]])
    told_all = phone.answers(third, first, second)
    assert [one["outcome"] for one in told_all] == ["refused", "done", "done"], told_all
    session.rollback()
    session.refresh(made)
    assert (made.state, made.code_failures) == ("on_way", 1)
    # Sent again it is the same wrong code, not another try.
    assert phone.answers(third)[0]["again"]
    session.rollback()
    session.refresh(made)
    assert made.code_failures == 1


def test_of_two_couriers_the_second_hears_who_was_faster(session: Session, client_as: Client, actor: As) -> None:
    made = posted(session, actor)
    phones = [Phone(client_as(name), name) for name in ("courier", "courier2")]
    versions = [phone.day()["board"][0]["version"] for phone in phones]
    ops = [phone.op("step", made.uid, "claim", base=version) for phone, version in zip(phones, versions, strict=True)]
    assert phones[0].answers(ops[0])[0]["outcome"] == "done"
    told = phones[1].answers(ops[1])[0]
    assert told["outcome"] == "conflict" and told["conflict"]["who"] and told["conflict"]["did"] == "认领"


# --- codes ------------------------------------------------------------------------------------------------------------
def test_a_code_of_another_station_tells_nothing_but_that(
    session: Session, client_as: Client, actor: As, leader: Phone, visit: str
) -> None:
    number = of(session, visit).number
    assert leader.post("scan", {"code": number}).json["number"] == number
    other = Phone(client_as("courier"), "courier")
    answer = other.post("scan", {"code": number})
    assert answer.status_code == 404 and "别的站点" in answer.json["detail"] and "骆" not in answer.text
    assert other.post("scan", {"code": "SM-2026-999999"}).json["detail"].replace("SM-2026-999999", "#") == answer.json[
        "detail"
    ].replace(str(number), "#")
    assert leader.post("scan", {"code": "http://evil/?"}).status_code == 422
    assert leader.post("scan", {"code": 7}).status_code == 422


def test_the_shell_holds_nothing_of_anybody(client_as: Client) -> None:
    client = client_as("grid.leader")
    for path in ("/field/", "/field/worker.js", "/field/app.webmanifest"):
        answer = client.get(path)
        assert answer.status_code == 200 and "csrf" not in answer.text and "grid.leader" not in answer.text
    assert client.get("/field/app.webmanifest").json["display"] == "standalone"
