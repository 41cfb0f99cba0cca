"""转办, partial receipt and 材料在哪里 as people click through them; and the doors that close when a ticket ends."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select

from extensions import db
from models.base import now
from models.delegation import Delegation
from models.paper import Document, Paper
from models.person import Person
from process import engine
from process.access import Actor, load_actor
from process.clock import local_day
from services import sub_tickets
from tests.services.fertility import draw_all
from tests.services.test_delegations import LETTER, counted, drawn, open_case, open_ticket, opened

As = Callable[[str], FlaskClient]


def who(username: str) -> Actor:
    person = db.session.scalars(select(Person).where(Person.username == username)).one()
    return load_actor(db.session(), person.id, local_day(now()))


def made(app: Flask, *steps: str, **data: Any) -> str:
    """A ticket of the community for the street, as far as these steps lead; answers its uid."""
    with app.app_context():
        session, clerk, window = db.session(), who("community.clerk"), who("window.clerk")
        ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER, **data)
        for step in ("send", *steps):
            inputs = {"lines": counted(session, ticket)} if step == "receive" else {}
            engine.fire(ticket, step, clerk if step == "send" else window, inputs=inputs)
        uid = ticket.uid
        session.commit()
    return uid


def part(app: Flask) -> Delegation:
    with app.app_context():
        return db.session.scalars(select(Delegation).where(Delegation.parent_id.is_not(None))).one()


def lines(*rows: dict[str, Any]) -> dict[str, Any]:
    return {
        f"lines-{index}-{name}": str(value)
        for index, row in enumerate(rows)
        for name, value in {"line": index + 1, **row}.items()
    }


@pytest.mark.req("S2-22")
def test_a_part_from_the_button_to_the_answer(app: Flask, client_as: As) -> None:
    uid = made(app, "receive", "start")
    clerk, window, asked = client_as("community.clerk"), client_as("window.clerk"), client_as("approvals.clerk")
    page = window.get(f"/c/{uid}").text
    assert "转办给别的单位" in page and "转办给别的单位" not in clerk.get(f"/c/{uid}").text
    form = window.get(f"/delegations/{uid}/pass-on").text
    assert "下城区审批管理办公室" in form and "示例燃气公司" not in form and "本人居民身份证（原件，1 份）" in form
    assert clerk.get(f"/delegations/{uid}/pass-on").status_code == 409
    assert asked.get(f"/delegations/{uid}/pass-on").status_code == 404

    empty = window.post(f"/delegations/{uid}/pass-on", data={"question": "请核对档案", "reply_by": "2026-02-30"})
    assert empty.status_code == 422 and "请核对档案" in empty.text
    given = {"addressee": "xc-approvals", "question": "请核对<b>档案</b>", "papers_along": ["id_card"], "_once": "one"}
    for _ in range(2):
        answer = window.post(f"/delegations/{uid}/pass-on", data=given)
        assert answer.status_code == 303, answer.text[:2000]
    sub = part(app)
    again = window.post(f"/delegations/{uid}/pass-on", data={**given, "_once": "two"})
    assert again.status_code == 422 and sub.number in again.text

    page = window.get(f"/c/{uid}").text
    assert "转办和协办" in page and f"/c/{sub.uid}" in page and "&lt;b&gt;档案" in page
    seen = clerk.get(f"/c/{uid}").text
    assert sub.number in seen and "已转出" in seen and f"/c/{sub.uid}" not in seen
    assert clerk.get(f"/c/{sub.uid}").status_code == 404

    assert sub.number in asked.get("/delegations/").text
    assert sub.number in asked.get("/places/inbox", follow_redirects=True).text
    page = asked.get(f"/c/{sub.uid}").text
    assert "请核对&lt;b&gt;档案" in page and "发给群众" not in page and uid not in page
    page = asked.get(f"/delegations/{sub.uid}/receive").text
    assert "本人居民身份证" in page and "退回这一份" in page
    short = asked.post(f"/delegations/{sub.uid}/receive", data=lines({"counted": "0"}))
    assert short.status_code == 422 and "请写明差异再签收" in short.text
    signed = asked.post(f"/delegations/{sub.uid}/receive", data={**lines({"counted": "1"}), "signature": drawn()})
    assert signed.status_code == 303
    where = asked.get(f"/delegations/papers/{sub.uid}").text
    assert "贺敏之" in where and "签收人的手写签名" in where and "居民户口簿本人页" not in where
    assert asked.get(f"/delegations/papers/{uid}").status_code == 404
    assert "贺敏之" in clerk.get(f"/delegations/papers/{uid}").text
    assert "本人居民身份证" in asked.get("/delegations/papers").text
    assert "本人居民身份证" in asked.get("/delegations/papers?q=身份证").text

    wrong = asked.post(f"/delegations/{sub.uid}/answer", data={"verdict": "maybe", "comment": "一致"})
    assert wrong.status_code == 422 and "一致" in wrong.text
    back = {"lines-0-material": "本人居民身份证", "lines-0-original": "original", "lines-0-sheets": "1"}
    answer = asked.post(f"/delegations/{sub.uid}/answer", data={"verdict": "yes", "comment": "档案一致", **back})
    assert answer.status_code == 303, answer.text[:3000]
    page = window.get(f"/c/{uid}").text
    assert "档案一致" in page and "同意" in page
    refused = window.post(f"/c/{sub.uid}/do/take_back")
    assert refused.status_code == 422 and "材料还没有收回" in refused.text
    assert window.post(f"/delegations/{sub.uid}/count-further", data=lines({"counted": "1"})).status_code == 303
    assert window.post(f"/c/{sub.uid}/do/take_back").status_code == 303
    assert asked.get(f"/c/{sub.uid}").status_code == 404
    assert asked.get(f"/delegations/papers/{sub.uid}").status_code == 404
    assert "没有原件" in asked.get("/delegations/papers").text


def test_a_single_line_is_sent_back_and_counted_again(app: Flask, client_as: As) -> None:
    uid = made(app)
    clerk, window = client_as("community.clerk"), client_as("window.clerk")
    ok = {"counted": "1"}, {"counted": "2"}, {"counted": "3"}
    unsaid = window.post(f"/delegations/{uid}/receive", data=lines(ok[0], {**ok[1], "verdict": "send_back"}, ok[2]))
    assert unsaid.status_code == 422 and "请写明为什么退回" in unsaid.text
    everything = [{**row, "verdict": "send_back", "defect": "都不对"} for row in ok]
    whole = window.post(f"/delegations/{uid}/receive", data=lines(*everything))
    assert whole.status_code == 422 and "退回并说明" in whole.text
    back = {**ok[1], "verdict": "send_back", "defect": "照片模糊，请重拍"}
    assert window.post(f"/delegations/{uid}/receive", data=lines(ok[0], back, ok[2])).status_code == 303
    page = clerk.get(f"/delegations/papers/{uid}").text
    assert "退回原因：照片模糊，请重拍" in page and "已交出，待万家星城社区清点" in page
    assert "清点补送或退回的材料" in clerk.get(f"/c/{uid}").text
    assert "清点补送或退回的材料" not in window.get(f"/c/{uid}").text
    assert clerk.post(f"/delegations/{uid}/count-further", data=lines({"counted": "2"})).status_code == 303
    page = clerk.get(f"/delegations/papers/{uid}").text
    assert "章晓㛃" in page
    with app.app_context():
        numbers = db.session.scalars(select(Paper.number).where(Paper.paper == "handover_list")).all()
        ticket = db.session.scalars(select(Delegation).where(Delegation.uid == uid)).one()
        assert {f"{ticket.number}-1", f"{ticket.number}-2"} == set(numbers)
        photo = ticket.case.materials[1]
        assert photo.holder_unit_id == "dx-c01"


def test_materials_supplied_are_counted_at_the_street(app: Flask, client_as: As) -> None:
    uid = made(app, "receive", "start")
    clerk, window = client_as("community.clerk"), client_as("window.clerk")
    assert window.post(f"/c/{uid}/do/request_materials", data={"comment": "缺结婚证"}).status_code == 303
    page = f"/delegations/{uid}/supply"
    assert "随单补送的材料" in clerk.get(page).text
    many = {"lines-0-material": "结婚证", "lines-0-sheets": "10000"}
    assert "0 到 999" in clerk.post(page, data=many).text
    answer = clerk.post(page, data={**many, "lines-0-sheets": "1", "comment": "已补"})
    assert answer.status_code == 303, answer.text[:2000]
    assert "结婚证" in window.get(f"/delegations/{uid}/count-further").text
    assert window.post(f"/delegations/{uid}/count-further", data=lines({"counted": "1"})).status_code == 303


@pytest.mark.parametrize("ending", ["closed", "withdrawn", "revised"])
def test_the_addressee_is_out_when_the_ticket_is_over(app: Flask, client_as: As, ending: str) -> None:
    """Pages, papers, documents, lists, search and API: the former addressee finds nothing of it."""
    clerk, window, asked = client_as("community.clerk"), client_as("window.clerk"), client_as("approvals.clerk")
    uid = made(app, co_addressees=["xc-approvals"])
    sub = part(app)
    picture = io.BytesIO()
    Image.new("RGB", (40, 40), "grey").save(picture, "PNG")
    picture.seek(0)
    files = {"file": (picture, "附件.png")}
    assert clerk.post(f"/c/{uid}/documents", data=files, content_type="multipart/form-data").status_code == 303
    with app.app_context():
        session = db.session()
        ticket = session.scalars(select(Delegation).where(Delegation.uid == uid)).one()
        case_uid, number = ticket.case.uid, ticket.number
        document = session.scalars(select(Document).where(Document.filename == "附件.png")).one().uid
        draw_all(session)
        session.commit()
        paper = session.scalars(select(Paper).where(Paper.content_id == ticket.id)).first().uid
    doors = [f"/c/{uid}", f"/c/{uid}/history", f"/c/{uid}/documents/{document}", f"/papers/{paper}"]
    doors += [f"/delegations/papers/{uid}", f"/c/{case_uid}", f"/delegations/papers/{case_uid}"]
    known = [door for door in doors if window.get(door).status_code == 200]
    assert {f"/c/{uid}", f"/c/{case_uid}", f"/c/{uid}/documents/{document}"} <= set(known)
    assert asked.get(f"/c/{sub.uid}").status_code == 200

    with app.app_context():
        session, station, street = db.session(), who("community.clerk"), who("window.clerk")
        ticket = session.scalars(select(Delegation).where(Delegation.uid == uid)).one()
        if ending == "closed":
            ticket.state = "delivered"
            session.flush()
            for material in ticket.case.materials:
                material.original_held = False
            for one in sub_tickets.parts(session, ticket):
                engine.fire(one, "withdraw", street, inputs={"comment": "不用了"})
            engine.fire(ticket, "close", station)
        elif ending == "withdrawn":
            engine.fire(ticket, "withdraw", station, inputs={"comment": "不办了"})
        else:
            engine.fire(ticket, "return", street, inputs={"comment": "选错了"})
            opened(session, ticket, station)
            engine.fire(ticket, "revise", station)
        session.commit()
    for door in known:
        assert window.get(door).status_code == 404, door
    for door in (f"/c/{sub.uid}", f"/c/{sub.uid}/history", f"/delegations/papers/{sub.uid}"):
        assert asked.get(door).status_code == 404, door
    for listed in ("/delegations/?show=all", f"/search?q={number}", "/places/inbox", "/delegations/papers?q=身份证"):
        found = window.get(listed, follow_redirects=True).text
        assert f"/c/{uid}" not in found, listed
    for door in (f"/c/{uid}", f"/delegations/papers/{uid}"):
        assert clerk.get(door).status_code == 200, door


def test_the_resident_reads_what_is_meant_for_them(app: Flask, client_as: As) -> None:
    uid = made(app, "receive", "start", message="对方请注意：此人难缠")
    clerk, window = client_as("community.clerk"), client_as("window.clerk")
    window.post(f"/c/{uid}/notes", data={"text": "只给街道看的话", "kind": "unit"})
    window.post(f"/c/{uid}/notes", data={"text": "两边都看的话", "kind": "note"})
    window.post(f"/c/{uid}/notes", data={"text": "请等三天", "kind": "message"})
    window.post(f"/delegations/{uid}/pass-on", data={"addressee": "xc-approvals", "question": "查一下有没有前科"})
    with app.app_context():
        ticket = db.session.scalars(select(Delegation).where(Delegation.uid == uid)).one()
        resident = db.session.scalars(select(Person).where(Person.username == "resident")).one()
        resident.resident_id = ticket.applicant_id
        db.session.commit()
    own = client_as("resident")
    page = own.get(f"/c/{uid}")
    assert page.status_code == 200
    assert "请等三天" in page.text and "下城区审批管理办公室" in page.text
    for words in ("只给街道看的话", "两边都看的话", "查一下有没有前科", "此人难缠"):
        assert words not in page.text, words
    assert own.get(f"/delegations/papers/{uid}").status_code == 200
    assert own.get("/delegations/papers").status_code == 404
    page = clerk.get(f"/c/{uid}").text
    assert "两边都看的话" in page and "只给街道看的话" not in page
    assert "只给街道看的话" in client_as("reviewer").get(f"/c/{uid}").text
