"""扫码接收 and 送件, clicked through as with a scanner."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from extensions import db
from models.base import now
from models.courier_run import CourierRun
from models.delegation import Delegation
from models.paper import Paper
from models.person import Person
from process.access import Actor, load_actor
from process.clock import local_day
from services import custody
from tests.services.test_delegations import drawn
from tests.services.test_scanning import pile

As = Callable[[str], FlaskClient]


def actor_of(username: str) -> Actor:
    person = db.session.scalars(select(Person.id).where(Person.username == username)).one()
    return load_actor(db.session(), person, local_day(now()))


@pytest.fixture
def numbers(app: Flask) -> list[str]:
    """Three envelopes on their way to the street."""
    with app.app_context():
        tickets = pile(db.session(), actor_of("community.clerk"), 3)
        db.session.commit()
        return [str(one.number) for one in tickets]


def ticket(number: str) -> Delegation:
    return db.session.scalars(select(Delegation).where(Delegation.number == number)).one()


def picked(app: Flask, *numbers: str) -> dict[str, object]:
    with app.app_context():
        found = [ticket(number) for number in numbers]
        data: dict[str, object] = {"pick": [one.uid for one in found], "codes": list(numbers), "receive": "1"}
        for one in found:
            handover = custody.latest(db.session(), one, "send")
            assert handover is not None
            data |= {f"list-{one.uid}": handover.id, f"version-{one.uid}": one.version}
        return data


@pytest.mark.req("S1-09")
def test_a_pile_is_scanned_counted_and_received(app: Flask, client_as: As, numbers: list[str]) -> None:
    window = client_as("window.clerk")
    page = window.get("/delegations/scan").text
    assert "扫码接收" in page and "这一叠还是空的" in page and "jsQR" not in page
    row = window.post("/delegations/scan/look", data={"code": numbers[0]}).text
    assert numbers[0] in row and "本人居民身份证" in row and "清点无误：3 行 6 份都在" in row and "checked" not in row
    # Without a script every code makes the page again, and nothing scanned is lost.
    page = window.post("/delegations/scan", data={"codes": numbers[:2], "code": numbers[2]}).text
    assert all(number in page for number in numbers)
    page = window.post("/delegations/scan", data={"codes": numbers, "code": numbers[0]}).text
    assert "已经在这一叠里了" in page and page.count('name="pick"') == 3
    unticked = window.post("/delegations/scan", data={"codes": numbers, "receive": "1"})
    assert unticked.status_code == 422 and "清点无误" in unticked.text and numbers[1] in unticked.text

    data = picked(app, *numbers[:2]) | {"codes": numbers, "_once": "pressed-once"}
    with app.app_context():
        uid = ticket(numbers[2]).uid
    first = window.post("/delegations/scan", data=data)
    assert first.status_code == 200 and "已接收 2 件" in first.text
    assert f'data-key="{uid}"' in first.text, "what was not ticked stays on the pile"
    again = window.post("/delegations/scan", data=data)
    assert again.text == first.text and again.headers["Idempotency-Replayed"] == "true"
    fresh = window.post("/delegations/scan", data={**data, "_once": "another"})
    assert "已由沈丽娟于" in fresh.text
    colleague = client_as("reviewer").post("/delegations/scan", data={**data, "_once": "hers"})
    assert "2 件没有接收" in colleague.text
    with app.app_context():
        assert [ticket(number).state for number in numbers] == ["received", "received", "sent"]


def test_hostile_codes_are_words_on_a_page(client_as: As) -> None:
    window = client_as("window.clerk")
    for code in (
        "<script>alert(1)</script>",
        '"><img src=x onerror=y>',
        "{{ 7*7 }}",
        "\x00\x08",
        "A" * 100_000,
        "../../etc",
    ):
        answer = window.post("/delegations/scan/look", data={"code": code})
        assert answer.status_code == 200 and len(answer.data) < 4000
        assert "<script>" not in answer.text and "<img" not in answer.text and "49" not in answer.text
        assert "不是代办单的编号或二维码" in answer.text or "没有读到内容" in answer.text
        assert window.post("/delegations/scan", data={"code": code}).status_code == 200
    # A number of somebody's identity card read by mistake is not shown again.
    assert "11010519491231002X" not in window.post("/delegations/scan/look", data={"code": "11010519491231002X"}).text
    for odd in ({"pick": "x" * 5000}, {"pick": "<b>", "list-<b>": "9" * 40, "version-<b>": "-1"}):
        assert window.post("/delegations/scan", data=odd).status_code == 200


def test_other_agencies_learn_nothing(app: Flask, client_as: As, numbers: list[str]) -> None:
    neighbour = client_as("neighbour.clerk")
    row = neighbour.post("/delegations/scan/look", data={"code": numbers[0]}).text
    assert "没有找到" in row and "骆" not in row and "老年" not in row
    refused = neighbour.post("/delegations/scan", data=picked(app, numbers[0])).text
    assert "1 件没有接收" in refused and "老年" not in refused
    with app.app_context():
        assert ticket(numbers[0]).state == "sent"
        code = db.session.scalars(select(Paper.verify_code).where(Paper.content_id == ticket(numbers[0]).id)).one()
    row = neighbour.post("/delegations/scan/look", data={"code": code}).text
    assert "收件单位是东新街道行政服务中心" in row and "老年" not in row
    for name in ("resident", "courier", "supervisor", "admin"):
        assert client_as(name).get("/delegations/scan").status_code == 404
        assert client_as(name).post("/delegations/scan/look", data={"code": code}).status_code == 404


@pytest.mark.req("S1-09")
def test_a_run_by_hand(app: Flask, client_as: As, numbers: list[str]) -> None:
    clerk, window, courier = client_as("community.clerk"), client_as("window.clerk"), client_as("courier")
    form = clerk.get("/delegations/runs/new").text
    assert all(number in form for number in numbers) and "方志远" in form
    refused = clerk.post(
        "/delegations/runs/new", data={"place": "dx-c01", "numbers": numbers[:2], "carrier_kind": "van"}
    )
    assert refused.status_code == 422 and "请写驾驶员或车辆" in refused.text and refused.text.count(" checked") == 3
    made = clerk.post(
        "/delegations/runs/new",
        data={
            "place": "dx-c01",
            "numbers": numbers[:2],
            "carrier_kind": "red_courier",
            "carrier_red_courier": "courier",
        },
    )
    assert made.status_code == 303, made.text[:2000]
    page = made.location
    assert "待交出" in clerk.get(page).text and window.get(page).status_code == 404
    wrong = clerk.post(page, data={"step": "load", "code": "DB-2026-999999"})
    assert wrong.status_code == 422 and "没有找到" in wrong.text
    assert clerk.post(page, data={"step": "hand_over"}).status_code == 422
    for number in numbers[:2]:
        assert clerk.post(page, data={"step": "load", "code": number}).status_code == 303
    assert clerk.post(page, data={"step": "nonsense"}).status_code == 422
    assert clerk.post(page, data={"step": "hand_over", "signature": drawn()}).status_code == 303
    seen = courier.get(page).text
    assert (
        numbers[0] in seen and "骆" not in seen and "老年" not in seen and f"/c/{uid_of(app, numbers[0])}" not in seen
    )
    assert courier.get("/delegations/runs/").text.count("SJ-") >= 1
    assert window.post(page, data={"step": "tick", "code": numbers[0]}).status_code == 303
    assert courier.post(page, data={"step": "tick", "code": numbers[1]}).status_code == 403
    missing = window.post(page, data={"step": "report_missing", "comment": "少一封"})
    assert missing.status_code == 303
    for client in (clerk, window):
        text = client.get(page).text
        assert "有缺件" in text and "少一封" in text
        assert "缺 1" in client.get("/delegations/runs/").text
    assert "1/2" in clerk.get("/delegations/runs/?show=all").text
    assert client_as("neighbour.clerk").get(page).status_code == 404
    assert client_as("resident").get("/delegations/runs/").status_code == 404
    with app.app_context():
        run = db.session.scalars(select(CourierRun)).one()
        assert f"/delegations/runs/{run.uid}" in window.post("/delegations/scan/look", data={"code": run.number}).text
    assert "送件交接单" in clerk.get(f"/c/{page.rsplit('/', 1)[1]}").text


def uid_of(app: Flask, number: str) -> str:
    with app.app_context():
        return ticket(number).uid


def test_every_word_of_the_camera_is_on_the_page(client_as: As) -> None:
    """A refused camera says what to do and leaves the box to type in."""
    page = client_as("window.clerk").get("/delegations/scan").text
    for word in ("denied", "missing", "busy", "insecure", "offline"):
        assert re.search(rf'data-words-{word}="[^"]{{10,}}', page), word
    assert "直接输入 DB- 开头的编号" in page
