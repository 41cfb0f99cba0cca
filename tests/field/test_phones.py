"""Phones of the office: signed on, locked, signed out from afar, lost."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.field import FieldDevice
from services.field import devices
from tests.field.phone import Phone, log
from tests.field.sync_steps import Client


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
