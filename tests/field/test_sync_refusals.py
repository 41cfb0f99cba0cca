"""What a phone should not send: every no is a sentence, and nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.base import now
from models.field import FieldDevice, FieldOp
from models.grid import GridLog
from tests.field.phone import Phone, log
from tests.field.sync_steps import As, Client, of


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
