"""自助取件柜: one box, one code that the product makes; told to the resident alone, checked against the box, locked after five wrong ones."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from models.exit import ExitReceipt
from models.message import Message
from services import exit_cabinet
from tests.exits.waiting import row_of, three


def told(session) -> list[Message]:
    return list(session.scalars(select(Message).where(Message.occasion == "result_in_cabinet").order_by(Message.id)))


def boxed(session, actor, client_as, box: str = "A12"):
    """Three results of one person, each put into the same box."""
    window = client_as("window.clerk")
    rows = [row_of(session, case) for case in three(session, actor, window)]
    for row in rows:
        answer = window.post(f"/exit/{row.uid}/move", data={"do": "cabinet", "box": box})
        assert answer.status_code == 303, answer.text[-1500:]
    # What was said of the steps so far has been read.
    window.get("/exit")
    session.expire_all()
    return window, rows


def test_one_code_opens_the_box_and_one_receipt_stands_for_all_of_it(session, actor, client_as):
    window, rows = boxed(session, actor, client_as)
    codes = {row.code for row in rows}
    assert len(codes) == 1 and re.fullmatch(r"\d{6}", codes.copy().pop()), (
        "what is added later opens with the same code"
    )
    [code] = codes
    messages = told(session)
    assert len(messages) == 3 and all(code in message.text for message in messages)
    assert {message.resident_id for message in messages} == {rows[0].resident_id}
    terminal = window.get("/exit/cabinet").text
    assert "6 位数字" in terminal and rows[0].case.number not in terminal and code not in terminal
    opened = window.post("/exit/cabinet", data={"box": "a12", "code": f" {code[:3]} {code[3:]} "})
    assert opened.status_code == 303
    said = window.get("/exit/cabinet").text
    assert "A12 号柜已开，请取走 3 份" in said
    session.expire_all()
    receipt = session.scalars(select(ExitReceipt)).one()
    assert receipt.who == "code" and {row.receipt_id for row in rows} == {receipt.id}
    assert {row.case.state for row in rows} == {"delivered"} and {row.code for row in rows} == {None}
    assert "凭取件码领取，不用签名" in window.get(f"/exit/receipts/{receipt.uid}").text
    again = window.post("/exit/cabinet", data={"box": "A12", "code": code})
    assert again.status_code == 422 and "柜号或取件码不对" in again.text


def test_five_wrong_codes_lock_the_box_for_everybody_who_tries(session, actor, client_as):
    window, rows = boxed(session, actor, client_as)
    code = rows[0].code
    wrong = "000000" if code != "000000" else "111111"
    for left in (4, 3, 2, 1):
        window.post("/exit/cabinet", data={"box": "A12", "code": wrong})
        assert f"还可以试 {left} 次" in window.get("/exit/cabinet").text
    # The fifth through the page of one of them: it is the same box.
    window.post(f"/exit/{rows[1].uid}/move", data={"do": "code", "code": wrong})
    locked = window.post("/exit/cabinet", data={"box": "A12", "code": code})
    assert locked.status_code == 409 and "已锁住" in locked.text
    other = window.post(f"/exit/{rows[2].uid}/move", data={"do": "code", "code": code})
    assert other.status_code == 409 and "已锁住" in other.text
    session.expire_all()
    assert {row.state for row in rows} == {"underway"}
    assert session.scalar(select(func.count()).select_from(ExitReceipt)) == 0
    # Back at the window it gets another code; the old one opens nothing.
    assert window.post(f"/exit/{rows[0].uid}/move", data={"do": "back", "words": "锁住了"}).status_code == 303
    assert window.post(f"/exit/{rows[0].uid}/move", data={"do": "cabinet", "box": "A12"}).status_code == 409
    assert window.post(f"/exit/{rows[0].uid}/move", data={"do": "cabinet", "box": "A13"}).status_code == 303
    session.expire_all()
    assert rows[0].code_failures == 0 and rows[0].code is not None


def test_codes_are_not_guessed_from_one_another():
    made = [exit_cabinet._new_code() for _ in range(300)]
    assert all(re.fullmatch(r"\d{6}", code) for code in made)
    assert len(set(made)) > 280 and any(code.startswith("0") for code in made)


@pytest.mark.parametrize("who", ["resident", "courier", "admin"])
def test_the_terminal_is_the_offices_own(client_as, who):
    assert client_as(who).get("/exit/cabinet").status_code == 403
    assert client_as(who).post("/exit/cabinet", data={"box": "A12", "code": "123456"}).status_code == 403


def test_another_hall_opens_nothing_of_ours(session, actor, client_as):
    _window, rows = boxed(session, actor, client_as)
    neighbour = client_as("neighbour.clerk")
    answer = neighbour.post("/exit/cabinet", data={"box": "A12", "code": rows[0].code})
    assert answer.status_code == 422 and "柜号或取件码不对" in answer.text
    session.expire_all()
    assert rows[0].state == "underway" and rows[0].code_failures == 0
