"""统一出件: several results of one visit leave together against one signature, or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from models.exit import ExitReceipt, Outgoing
from models.paper import Certificate, Paper
from process import engine
from services import trips
from tests.exits.waiting import advance, row_of, three
from tests.pages.test_owed import day, submitted
from tests.services.fertility import BOOKLETS, WIFE, opened, ticks

OWN = {"who": "holder", "id_number": WIFE["id_number"]}


@pytest.mark.req("S4-09")
def test_three_results_of_one_visit_leave_with_one_press(session, actor, client_as):
    window = client_as("window.clerk")
    cases = three(session, actor, window)
    rows = [row_of(session, case) for case in cases]
    assert {(row.state, row.way, row.unit_id) for row in rows} == {("waiting", "counter", "dongxin-centre")}
    page = window.get("/exit").text
    assert "一并交出 3 份" in page and WIFE["name"] not in page
    # The code of a paper, the number of the case, the whole ID number and the name lead to the same person.
    notice = session.scalars(select(Paper).where(Paper.paper == "acceptance_notice")).first()
    for words in (cases[1].number, WIFE["id_number"], "林若琳", f"http://x/verify/{notice.verify_code}"):
        found = window.post("/exit", data={"q": words})
        assert found.status_code == 303 and found.headers["Location"].startswith("/exit/"), words
    person = window.get(found.headers["Location"]).text
    assert person.count("checked") >= 3 and "林若琳" in person and WIFE["id_number"] not in person
    done = window.post(found.headers["Location"], data={"pick": [row.uid for row in rows], **OWN})
    assert done.status_code == 303, done.text[-3000:]
    session.expire_all()
    receipt = session.scalars(select(ExitReceipt)).one()
    assert [row.case_id for row in receipt.rows] == [case.id for case in cases]
    assert {case.state for case in cases} == {"delivered"} and {case.trips for case in cases} == {1}
    assert {row.state for row in rows} == {"gone"}
    papers = list(session.scalars(select(Paper).where(Paper.paper.in_(("exit_receipt", "delivery_receipt")))))
    assert [paper.paper for paper in papers] == ["exit_receipt"], "one receipt for all of them"
    listed = {line["case_number"] for line in papers[0].data["documents"]}
    assert listed == {case.number for case in cases}
    shown = window.get(done.headers["Location"]).text
    assert receipt.number in shown and WIFE["id_number"] not in shown
    assert session.scalar(select(func.count()).select_from(Certificate).where(Certificate.state == "issued")) == 0
    # A second press of the same sheet hands nothing out twice.
    again = window.post(found.headers["Location"], data={"pick": [row.uid for row in rows], **OWN})
    assert again.status_code == 409 and "不能再交" in again.text and "沈丽娟" in again.text
    assert session.scalar(select(func.count()).select_from(ExitReceipt)) == 1


@pytest.mark.req("S1-14")
def test_three_matters_of_one_visit_are_one_trip_to_one_window(session, actor, client_as):
    window = client_as("window.clerk")
    cases = three(session, actor, window)
    rows = [row_of(session, case) for case in cases]
    assert window.post(f"/exit/{rows[0].uid}", data={"pick": [r.uid for r in rows], **OWN}).status_code == 303
    session.expire_all()
    together = trips.together(session, cases)
    assert (together.trips, together.windows) == (1, 1)
    shown = window.get(f"/c/{cases[0].uid}").text
    assert "跑了 1 次" in shown and "到窗口申报" in shown


def test_owed_papers_hold_all_of_them_back_and_the_sentence_says_which(session, actor, client_as):
    window = client_as("window.clerk")
    cases = three(session, actor, window)
    owing = submitted(session, actor)
    dates = {f"due-{code}": day(session, 2).isoformat() for code in BOOKLETS}
    assert window.post(f"/cases/{owing.uid}/defer", data={**dates, "promise": "1"}).status_code == 303
    session.expire_all()
    engine.fire(owing, "review", actor("reviewer"), inputs={"materials": ticks(owing)})
    engine.fire(owing, "approve", actor("approver"))
    session.commit()
    rows = [row_of(session, case) for case in (*cases, owing)]
    assert rows[-1].state == "making"
    page = window.get(f"/exit/{rows[0].uid}").text
    assert f"{owing.number} {owing.title}还欠" in page
    stopped = window.post(f"/exit/{rows[0].uid}", data={"pick": [row.uid for row in rows], **OWN})
    assert stopped.status_code == 409
    assert "一份也没有交出" in stopped.text and owing.number in stopped.text and "户口簿" in stopped.text
    assert WIFE["id_number"] in stopped.text, "what was typed stays"
    session.expire_all()
    assert {case.state for case in cases} == {"issued"}
    assert session.scalar(select(func.count()).select_from(ExitReceipt)) == 0
    fine = window.post(f"/exit/{rows[0].uid}", data={"pick": [row.uid for row in rows[:3]], **OWN})
    assert fine.status_code == 303


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"who": "holder", "id_number": "11010519491231002X"}, "与办件上登记的身份证号码不一致"),
        ({"who": "holder", "id_number": ""}, "身份证号码"),
        ({"who": "", "id_number": WIFE["id_number"]}, "请选领取人是本人，还是代领人"),
        ({"who": "agent", "id_number": "11010519491231002X", "name": "阿卜杜热西提"}, "没有委托书不能交出"),
        ({"who": "agent", "id_number": WIFE["id_number"], "name": "某某", "letter": "1"}, "这是本人自己的身份证号码"),
        ({"who": "agent", "id_number": "11010519491231002X", "letter": "1"}, "请填写代领人的姓名"),
        ({"who": "holder", "id_number": "'; DROP TABLE--"}, "身份证号码"),
        ({"who": "<script>", "id_number": "\x00\u202e"}, "请选领取人"),
    ],
)
def test_nobody_takes_anything_unseen(session, actor, client_as, typed, sentence):
    window = client_as("window.clerk")
    case = opened(session, actor("window.clerk"))
    engine.fire(case, "submit", actor("window.clerk"))
    advance(session, actor, case)
    session.commit()
    row = row_of(session, case)
    answer = window.post(f"/exit/{row.uid}", data={"pick": [row.uid], **typed})
    assert answer.status_code == 422 and sentence in answer.text
    session.expire_all()
    assert case.state == "issued" and row_of(session, case).state == "waiting"


def test_an_agent_with_a_letter_takes_them_and_the_number_is_kept_encrypted(session, actor, client_as):
    window = client_as("window.clerk")
    cases = three(session, actor, window)
    rows = [row_of(session, case) for case in cases]
    typed = {
        "who": "agent",
        "id_number": "330103199209071013",
        "name": "阿卜杜热西提·买买提",
        "relation": "丈夫",
        "letter": "1",
    }
    done = window.post(f"/exit/{rows[0].uid}", data={"pick": [row.uid for row in rows], **typed})
    assert done.status_code == 303, done.text[-2000:]
    session.expire_all()
    receipt = session.scalars(select(ExitReceipt)).one()
    assert receipt.collector["id_number"] == "330103199209071013" and receipt.who == "agent"
    raw = session.connection().exec_driver_sql("SELECT collector FROM exit_receipt").scalar_one()
    assert "330103199209071013" not in str(raw)
    assert "330103199209071013" not in window.get(done.headers["Location"]).text


def test_a_refusal_leaves_here_too_with_the_originals(session, actor, client_as):
    window = client_as("window.clerk")
    case = opened(
        session,
        actor("window.clerk"),
        materials=[
            {"code": code, "provided": True, "original": code == "marriage_certificate", "sheets": 1}
            for code in ("wife_id_card", "husband_id_card", "marriage_certificate", "truth_statement", *BOOKLETS)
        ],
    )
    engine.fire(case, "submit", actor("window.clerk"))
    advance(session, actor, case, "review")
    engine.fire(case, "refuse", actor("approver"), inputs={"comment": "不符合条件", "basis": "示例条例第一条"})
    session.commit()
    row = row_of(session, case)
    assert (row.kind, row.state) == ("refusal", "waiting")
    done = window.post(f"/exit/{row.uid}", data={"pick": [row.uid], **OWN})
    assert done.status_code == 303, done.text[-2000:]
    session.expire_all()
    paper = session.scalars(select(Paper).where(Paper.paper == "exit_receipt")).one()
    assert next(line["name"] for line in paper.data["documents"]) == "不予批准决定书"
    assert not any(m.original_held for m in case.materials) and row_of(session, case).state == "gone"


def test_nobody_else_opens_the_window(session, actor, client_as):
    window = client_as("window.clerk")
    case = opened(session, actor("window.clerk"))
    engine.fire(case, "submit", actor("window.clerk"))
    advance(session, actor, case)
    session.commit()
    row = row_of(session, case)
    for stranger in ("neighbour.clerk", "water.clerk"):
        assert client_as(stranger).get(f"/exit/{row.uid}").status_code == 404
        assert client_as(stranger).post(f"/exit/{row.uid}", data={"pick": [row.uid], **OWN}).status_code == 404
        assert client_as(stranger).post(f"/exit/{row.uid}/move", data={"do": "remind"}).status_code == 404
    for other in ("resident", "approver", "courier", "statistician"):
        assert client_as(other).get("/exit").status_code == 403
        assert client_as(other).get(f"/exit/{row.uid}").status_code in (403, 404)
    # Another point's uid smuggled into one's own sheet.
    mine = client_as("neighbour.clerk").post(f"/exit/{row.uid}", data={"pick": [row.uid, "x" * 500], **OWN})
    assert mine.status_code == 404
    assert window.post(f"/exit/{row.uid}", data={"pick": ["A" * 22, row.uid], **OWN}).status_code == 404
    nothing = window.post(f"/exit/{row.uid}", data=OWN)
    assert nothing.status_code == 422 and "还没有选要交出的结果" in nothing.text
    for words in ("%", "_", "林%", "\x00", "A" * 5000, "DX-9999-999999"):
        answer = window.post("/exit", data={"q": words})
        assert answer.status_code in (200, 303)
        if answer.status_code == 200:
            assert "没有找到要出的件" in answer.text
    session.expire_all()
    assert session.scalars(select(Outgoing).where(Outgoing.state == "gone")).first() is None


def test_two_people_never_share_a_receipt(session, actor, client_as):
    window = client_as("window.clerk")
    first = opened(session, actor("window.clerk"))
    other = opened(
        session,
        actor("window.clerk"),
        applicant={
            "name": "王小明",
            "id_number": "11010519491231002X",
            "phone": "13800000099",
            "address": "某路1号",
            "household_address": "某路1号",
        },
    )
    for case in (first, other):
        engine.fire(case, "submit", actor("window.clerk"))
        advance(session, actor, case)
    session.commit()
    rows = [row_of(session, case) for case in (first, other)]
    answer = window.post(f"/exit/{rows[0].uid}", data={"pick": [row.uid for row in rows], **OWN})
    assert answer.status_code == 422 and "不是同一个人的" in answer.text
