"""The pages of tickets and visits, clicked through by the people who use them."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageDraw
from sqlalchemy import select

from extensions import db
from models.case import Case
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.paper import Document, Paper
from models.person import Person
from models.resident import CareEntry
from process import engine
from process.access import load_actor
from process.numbers import CHINA
from services import actions, papers_out
from tests.services.test_delegations import LETTER as SIGNED
from tests.services.test_delegations import counted, open_case, open_ticket
from tests.services.visiting import tomorrow

As = Callable[[str], FlaskClient]
PERSON = {
    "name": "骆水珍",
    "id_number": "330103194303052043",
    "phone": "13800000018",
    "address": "杭州市下城区东新街道万家星城社区文晖路5幢2单元601室",
}


def drawn() -> str:
    picture = Image.new("RGBA", (300, 120), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line([(20, 90), (120, 30), (260, 80)], fill=(20, 20, 20, 255), width=4)
    target = io.BytesIO()
    picture.save(target, "PNG")
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()


def photo() -> tuple[io.BytesIO, str]:
    target = io.BytesIO()
    Image.new("RGB", (60, 60), "grey").save(target, "JPEG")
    target.seek(0)
    return target, "证件照.jpg"


LETTER = {"powers": ["file", "collect"], "signature": drawn(), "valid_until": ""}


def one(app: Flask, kind: type[Content]) -> Any:
    with app.app_context():
        return db.session.scalars(select(kind).order_by(kind.id.desc())).first()


def do(client: FlaskClient, uid: str, step: str, status: int = 303, **data: Any) -> str:
    answer = client.post(f"/c/{uid}/do/{step}", data=data)
    assert answer.status_code == status, answer.text[:3000]
    return answer.text


def open_visit(app: Flask, client: FlaskClient, **changes: Any) -> HomeVisit:
    data = {
        "item": "senior_card",
        "condition": "age_80",
        "place": "dx-c01-g1",
        **{f"applicant_{k}": v for k, v in PERSON.items()},
        **changes,
    }
    assert client.get("/visits/new").status_code == 200
    answer = client.post("/visits/new", data=data)
    assert answer.status_code == 303, answer.text[:3000]
    return one(app, HomeVisit)


def slot() -> str:
    return tomorrow().strftime("%Y-%m-%dT%H:%M")


@pytest.mark.req("S0-19", "S0-22", "S0-23", "S1-09")
def test_a_visit_and_its_ticket_by_hand(app: Flask, client_as: As) -> None:
    clerk, leader, window = client_as("community.clerk"), client_as("grid.leader"), client_as("window.clerk")
    visit = open_visit(app, clerk)
    assert visit.number in leader.get("/visits/").text and "骆*" in leader.get("/visits/").text
    do(leader, visit.uid, "schedule", slot_start=slot())
    do(leader, visit.uid, "set_off")

    answer = leader.get(f"/visits/{visit.uid}/door")
    assert answer.status_code == 303 and answer.location.endswith("/door/identity")
    page = f"/visits/{visit.uid}/door"
    assert leader.post(f"{page}/identity", data={}).status_code == 422
    assert leader.post(f"{page}/identity", data={"identity_checked": "y"}).location.endswith("/door/papers")
    assert "本人居民身份证" in leader.get(f"{page}/papers").text
    lines = {
        "lines-0-material": "本人居民身份证",
        "lines-0-original": "original",
        "lines-0-sheets": "1000",
        "lines-1-material": "一寸近期免冠彩色照片",
        "lines-1-original": "original",
        "lines-1-sheets": "2",
        "lines-2-material": "居民户口簿本人页",
        "lines-2-original": "copy",
        "lines-2-sheets": "",
    }
    refused = leader.post(f"{page}/papers", data={**lines, "emergency_contact_name": "沈惠珍"})
    assert (
        refused.status_code == 422
        and "0 到 999" in refused.text
        and 'value="沈惠珍"' in refused.text
        and 'value="1000"' in refused.text
    )
    ok = leader.post(
        f"{page}/papers",
        data={**lines, "lines-0-sheets": "1", "lines-2-sheets": "1", "emergency_contact_name": "沈惠珍"},
    )
    assert ok.location.endswith("/door/photos"), ok.text[:2000]
    assert leader.post(
        f"{page}/photos", data={"photos": photo()}, content_type="multipart/form-data"
    ).location.endswith("/door/letter")
    assert 'name="keep"' in leader.get(f"{page}/photos").text
    unsigned = leader.post(f"{page}/letter", data={"powers": ["file"], "fingerprint": "y", "witness_1": "沈秋月"})
    assert unsigned.status_code == 422 and "沈秋月" in unsigned.text
    assert leader.post(f"{page}/letter", data=LETTER).location.endswith("/door/list")
    assert leader.get(f"/visits/{visit.uid}/door").location.endswith("/door/list")
    assert "一寸近期免冠彩色照片" in leader.get(f"{page}/list").text
    assert leader.post(f"{page}/list").location.endswith("/door/done")
    assert "代为申报" in leader.get(f"{page}/done").text
    do(leader, visit.uid, "file")

    ticket, case = one(app, Delegation), one(app, Case)
    with app.app_context():
        assert db.session.get(Case, case.id).values["emergency_contact_name"] == "沈惠珍"
        assert [
            d.purpose
            for d in db.session.scalars(select(Document).where(Document.content_id == visit.id).order_by(Document.id))
        ] == ["photo", "signature"]
    assert ticket.number in window.get("/delegations/").text
    page = f"/delegations/{ticket.uid}/receive"
    assert "本人居民身份证" in window.get(page).text
    count = {
        "lines-0-line": "1",
        "lines-0-counted": "1",
        "lines-1-line": "2",
        "lines-1-counted": "1",
        "lines-2-line": "3",
        "lines-2-counted": "1",
    }
    refused = window.post(page, data=count)
    assert refused.status_code == 422 and "请写明差异" in refused.text and 'value="1"' in refused.text
    assert window.post(page, data={"lines-0-line": "1", "lines-0-counted": "1"}).status_code == 422
    received = window.post(
        page,
        data={
            **count,
            "lines-1-difference": "少一张照片",
            "lines-3-material": "便条",
            "lines-3-counted": "1",
            "lines-3-difference": "清单外",
        },
    )
    assert received.status_code == 303, received.text[:2000]
    assert window.post(page, data=count).status_code == 409
    where = clerk.get(f"/delegations/papers/{case.uid}").text
    assert "沈丽娟" in where and "少一张照片" in where
    do(window, ticket.uid, "start")
    with app.app_context():
        codes = [m.code for m in db.session.get(Case, case.id).materials if m.provided]
    do(
        client_as("reviewer"),
        case.uid,
        "review",
        **{
            f"materials-{i}-{part}": value
            for i, code in enumerate(codes)
            for part, value in (("code", code), ("verdict", "accepted"))
        },
    )
    do(client_as("approver"), case.uid, "approve")
    do(window, ticket.uid, "decide")
    do(client_as("issuer"), case.uid, "issue")
    with app.app_context():
        # What the worker would have done meanwhile.
        for paper in db.session.scalars(select(Paper).where(Paper.status == "waiting")):
            papers_out.keep(paper, b"%PDF-1.7 drawn elsewhere")
        db.session.commit()
    assert "老年卡" in window.get(f"/delegations/{ticket.uid}/result").text
    sent = window.post(
        f"/delegations/{ticket.uid}/result",
        data={
            "lines-0-material": "老年卡",
            "lines-0-original": "original",
            "lines-0-sheets": "1",
            "lines-1-material": "id_card",
            "lines-1-original": "original",
            "lines-1-sheets": "1",
        },
    )
    assert sent.status_code == 303, sent.text[:3000]
    page = f"/delegations/{ticket.uid}/take-over"
    assert clerk.get(page).status_code == 200
    taken = clerk.post(
        page, data={"lines-0-line": "1", "lines-0-counted": "1", "lines-1-line": "2", "lines-1-counted": "1"}
    )
    assert taken.status_code == 303, taken.text[:3000]

    page = f"/visits/{visit.uid}/deliver"
    assert leader.get(page).status_code == 200
    refused = leader.post(page, data={"collector": "女儿 沈惠珍"})
    assert refused.status_code == 422 and "沈惠珍" in refused.text
    signed = leader.post(page, data={"collector": "女儿 沈惠珍", "signature": drawn()})
    assert signed.status_code == 303, re.findall(r"<p>.*|<li>.*", signed.text)
    do(clerk, visit.uid, "close", score="5")
    assert window.get(f"/c/{ticket.uid}").status_code == 404
    do(clerk, visit.uid, "maintain")
    register = leader.get("/visits/care")
    assert register.status_code == 200 and "骆*" in register.text and "80岁以上" in register.text
    with app.app_context():
        entry = db.session.scalars(select(CareEntry)).one().id
    assert leader.get(f"/visits/care/{entry}").status_code == 200
    assert leader.post(f"/visits/care/{entry}/end", data={"reason": ""}).status_code == 422
    assert (
        leader.post(f"/visits/care/{entry}/review", data={"condition": "bedridden", "review_on": "soon"}).status_code
        == 422
    )
    assert leader.post(f"/visits/care/{entry}/end", data={"reason": "已迁出"}).status_code == 303
    assert client_as("neighbour.clerk").get(f"/visits/care/{entry}").status_code == 404


@pytest.mark.req("S1-09")
def test_a_ticket_from_the_station(app: Flask, client_as: As) -> None:
    clerk = client_as("community.clerk")
    with app.app_context():
        actor = load_actor(
            db.session(),
            db.session.scalars(select(Person.id).where(Person.username == "community.clerk")).one(),
            datetime.now(CHINA).date(),
        )
        case = actions.create(
            db.session(),
            actor,
            "case",
            {
                "item": "senior_card",
                "place": "dx-c01",
                "applicant": {**PERSON, "household_address": PERSON["address"]},
                "materials": [{"code": "id_card", "provided": True, "original": True, "sheets": 1}],
            },
        )
        db.session.commit()
        uid = case.uid
    assert f"/delegations/new?case={uid}" in clerk.get(f"/c/{uid}").text
    assert "东新街道行政服务中心" in clerk.get(f"/delegations/new?case={uid}").text
    refused = clerk.post("/delegations/new", data={"case": uid, "addressee": "dx-c01", "message": "请优先办"})
    assert refused.status_code == 422 and "请优先办" in refused.text and "不能转交给本单位" in refused.text
    opened = clerk.post("/delegations/new", data={"case": uid, "addressee": "dongxin-centre", "message": "请优先办"})
    ticket = one(app, Delegation)
    assert opened.location.endswith(f"/delegations/{ticket.uid}/letter")
    assert clerk.post("/delegations/new", data={"case": uid, "addressee": "dongxin-centre"}).location.endswith(
        f"/c/{ticket.uid}"
    )
    assert f"/delegations/{ticket.uid}/letter" in clerk.get(f"/c/{ticket.uid}").text
    assert (
        f"/delegations/new?case={uid}" not in clerk.get(f"/c/{uid}").text
        and f"/delegations/papers/{uid}" in clerk.get(f"/c/{uid}").text
    )
    page = clerk.get(f"/delegations/{ticket.uid}/letter").text
    assert "330***********2043" in page and "330103194303052043" not in page
    assert (
        clerk.post(f"/delegations/{ticket.uid}/letter", data={"powers": ["file"], "witness_1": "沈秋月"}).status_code
        == 422
    )
    send = f"/delegations/{ticket.uid}/send"
    assert "还没有签好的委托书" in clerk.get(send).text
    lines = {"lines-0-material": "本人居民身份证", "lines-0-original": "original", "lines-0-sheets": "1"}
    assert clerk.post(send, data=lines).status_code == 422
    assert clerk.post(f"/delegations/{ticket.uid}/letter", data=LETTER).location.endswith("/send")
    bad = clerk.post(send, data={**lines, "lines-1-material": "", "lines-1-sheets": "3", "comment": "请快"})
    assert bad.status_code == 422 and "第 2 行没有写材料名称" in bad.text and "请快" in bad.text
    assert clerk.post(send, data=lines).status_code == 303
    for name in ("neighbour.clerk", "courier"):
        stranger = client_as(name)
        for path in (
            send,
            f"/delegations/{ticket.uid}/receive",
            f"/delegations/{ticket.uid}/letter",
            f"/delegations/papers/{uid}",
            f"/delegations/new?case={uid}",
        ):
            assert stranger.get(path).status_code == 404, path
        assert ticket.number not in stranger.get("/delegations/?show=all").text


def test_a_visit_that_is_not_possible_says_so(app: Flask, client_as: As) -> None:
    clerk = client_as("community.clerk")
    young = {"applicant_name": "林若琳", "applicant_id_number": "330103199406182046", "applicant_phone": "13800000015"}
    open_visit(app, clerk, **young)
    page = clerk.get("/visits/").text
    assert "未满80周岁" in page or "未满80周岁" in clerk.get(f"/c/{one(app, HomeVisit).uid}").text
    wrong = clerk.post(
        "/visits/new",
        data={
            "item": "senior_card",
            "condition": "age_80",
            "applicant_id_number": "33010319940618204X",
            "applicant_name": "林若琳",
            "proof": "见病历",
        },
    )
    assert wrong.status_code == 422 and "最后一位" in wrong.text and "见病历" in wrong.text
    leader = client_as("grid.leader")
    visit = open_visit(app, clerk)
    assert leader.get(f"/visits/{visit.uid}/door").status_code == 409
    assert client_as("neighbour.clerk").get(f"/visits/{visit.uid}/door").status_code == 404
    assert re.search(r'value="senior_card"', leader.get("/visits/new").text)


@pytest.mark.req("S0-18")
def test_health_notes_stay_with_leaders_and_station(app: Flask, client_as: As) -> None:
    clerk = client_as("community.clerk")
    young = {"applicant_name": "林若琳", "applicant_id_number": "330103199406182046", "applicant_phone": "13800000015"}
    visit = open_visit(app, clerk, **young, condition="bedridden", proof="市中医院出院小结")
    page = f"/c/{visit.uid}"
    assert "市中医院出院小结" in clerk.get(page).text and "卧病在床" in clerk.get(page).text
    for name in ("supervisor", "resident"):
        text = client_as(name).get(page).text
        assert visit.number in text and "市中医院" not in text and "卧病在床" not in text, name
    revealed = client_as("resident").post(f"{page}/reveal", data={"reason": "看看"})
    assert "市中医院" not in revealed.text
    with app.app_context():
        token = (
            app.test_client()
            .post("/api/v1/session", json={"username": "supervisor", "password": "daiban-demo"})
            .json["token"]
        )
    seen = app.test_client().get(f"/api/v1/contents/{visit.uid}", headers={"Authorization": f"Bearer {token}"}).text
    listed = (
        app.test_client().get("/api/v1/contents?type=home_visit", headers={"Authorization": f"Bearer {token}"}).text
    )
    for text in (seen, listed):
        assert visit.number in text and "bedridden" not in text and "市中医院" not in text


def test_a_list_that_was_counted_stands_once_among_the_papers(session: Any, actor: Any, client_as: As) -> None:
    ticket = told_again(session, actor, "received")
    page = client_as("window.clerk").get(f"/c/{ticket.uid}").text
    papers = page[page.index("<h2>文书</h2>") :]
    assert papers.count(f"{ticket.number}-1") == 1


def test_a_case_supplied_again_says_who_has_to_do_what(session: Any, actor: Any, client_as: As) -> None:
    """After 补材料 the reviewer waits for the counter, and both read it on the page."""
    ticket = told_again(session, actor, "supplied")
    for who, path, words in (
        ("reviewer", ticket.case.uid, "由东新街道行政服务中心的窗口在办件"),
        ("window.clerk", ticket.uid, "的窗口在办件"),
        ("window.clerk", ticket.case.uid, "请再点一次“受理”"),
    ):
        page = client_as(who).get(f"/c/{path}").text
        assert "补来的材料等核对" in page and words in page, (who, path)
    engine.fire(ticket.case, "accept", actor("window.clerk"))
    session.commit()
    assert "补来的材料等核对" not in client_as("reviewer").get(f"/c/{ticket.case.uid}").text


def test_a_ticket_says_what_it_waits_for_until_its_case_is_decided(session: Any, actor: Any, client_as: As) -> None:
    window = actor("window.clerk")
    ticket = told_again(session, actor, "received")
    engine.fire(ticket, "start", window)
    session.commit()
    path, case = f"/c/{ticket.uid}", ticket.case
    page = client_as("window.clerk").get(path).text
    assert "等办件的结论" in page and f"办件 {case.number} 现在是“已受理”" in page
    engine.fire(ticket, "request_materials", window, inputs={"comment": "照片背景应为白色"})
    session.commit()
    # Whoever supplies it reads what was asked for where the list is written, and does not send nothing.
    path = f"/delegations/{ticket.uid}/supply"
    assert "照片背景应为白色" in client_as("community.clerk").get(path).text
    empty = client_as("community.clerk").post(path, data={"version": ticket.version})
    assert empty.status_code == 422 and "请写一句补了什么" in empty.text
    session.rollback()
    engine.fire(ticket, "supply", actor("community.clerk"), inputs={"comment": "已换白底照片"})
    engine.fire(case, "accept", window)
    ticks = [{"code": m.code, "verdict": "accepted"} for m in case.materials if m.provided]
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks})
    engine.fire(case, "approve", actor("approver"))
    engine.fire(ticket, "decide", window)
    session.commit()
    page = client_as("window.clerk").get(f"/c/{ticket.uid}").text
    assert "等办件的结论" not in page and "等办件发证" in page


def test_a_count_without_a_number_names_each_line(session: Any, actor: Any, client_as: As) -> None:
    ticket = told_again(session, actor, "sent")
    page = client_as("window.clerk").post(f"/delegations/{ticket.uid}/receive", data={"version": ticket.version})
    assert page.status_code == 422 and page.text.count("还没有清点") >= 3 and "请填写“逐份清点”" not in page.text
    session.rollback()
    assert ticket.state == "sent"


def test_what_is_over_is_in_nobodys_hands(session: Any, actor: Any, client_as: As) -> None:
    ticket = told_again(session, actor, "sent")
    engine.fire(ticket, "withdraw", actor("community.clerk"), inputs={"comment": "办事人改主意"})
    session.commit()
    page = client_as("community.clerk").get(f"/c/{ticket.uid}").text
    assert "现在在谁手里" not in page and "已经办完" in page


def told_again(session: Any, actor: Any, until: str) -> Delegation:
    """A ticket that is sent, counted, or supplied after something was missing."""
    clerk, window = actor("community.clerk"), actor("window.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=SIGNED)
    engine.fire(ticket, "send", clerk)
    if until != "sent":
        engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    if until == "supplied":
        engine.fire(ticket, "start", window)
        engine.fire(ticket, "request_materials", window, inputs={"comment": "照片背景应为白色"})
        engine.fire(ticket, "supply", clerk, inputs={"comment": "已换白底照片"})
    session.commit()
    return ticket
