"""打印台 through the browser: choose, press once, see each result; printers measured, blanks counted, second persons asked."""

from __future__ import annotations

import io
import re

import pikepdf
import pytest
from sqlalchemy import func, select

from models.blank import Blank, BlankMove
from models.correction import Correction
from models.paper import Certificate
from models.print_batch import PrintBatch, PrintLine
from models.print_record import PrintRecord, ReprintRequest
from models.printer import Printer
from process import engine
from services import papers_out
from services.papers import calibration
from services.papers.text import codepoint
from tests.services.fertility import COLLECTED, approved, certificate_of, draw_all
from tests.services.test_batches import UNPRINTABLE, made, several, uids, work
from tests.services.test_certificates import senior_card


def newest(session, model):
    session.rollback()
    session.expire_all()
    return session.scalars(select(model).order_by(model.id.desc())).first()


@pytest.mark.req("S0-34")
def test_an_issuer_makes_and_prints_many_at_the_desk(session, actor, client_as):
    chosen = several(session, actor, 2)
    issuer = client_as("issuer")
    page = issuer.get("/print/?show=make").text
    assert all(uid in page for uid in uids(chosen)) and "编号、用印并生成" in page and "林若琳" not in page
    assert issuer.post("/print/batches", data={"show": "make"}).status_code == 422, "nothing ticked"
    sent = issuer.post("/print/batches", data={"show": "make", "uid": uids(chosen), "reason": "集中制发"})
    assert sent.status_code == 303
    running = issuer.get(sent.location)
    assert running.headers["Refresh"] == "2" and "可以离开这一页" in running.text
    work(session)
    done = issuer.get(sent.location)
    assert "Refresh" not in done.headers and "已用印，可打印" in done.text and "已办完" in done.text
    refused = issuer.post("/print/batches", data={"uid": uids(chosen), "copies": "-3"})
    assert refused.status_code == 422 and "份数请填 1 到 9" in refused.text
    assert all(f'value="{uid}" form="bulk" data-pick="rows"' in refused.text for uid in uids(chosen))
    assert refused.text.count(" checked") >= 2, "what was ticked is still ticked"
    sent = issuer.post("/print/batches", data={"uid": uids(chosen), "copies": "1"})
    work(session)
    page = issuer.get(sent.location).text
    assert "打开打印文件" in page
    pdf = issuer.get(sent.location + "/file.pdf")
    assert pdf.mimetype == "application/pdf" and pdf.data.startswith(b"%PDF-")
    records = issuer.get("/print/records").text
    assert chosen[0].number in records and "从屏幕打开" in records
    assert "还没有批次" not in issuer.get("/print/batches").text
    for other in ("neighbour.clerk", "courier", "resident", "window.clerk", "approver"):
        client = client_as(other)
        assert client.get(sent.location).status_code == 404, other
        assert client.get(sent.location + "/file.pdf").status_code == 404, other
        assert client.get("/print/").status_code == 404, other
        assert client.post("/print/batches", data={"uid": uids(chosen)}).status_code == 404, other


def test_a_double_click_makes_one_batch(session, actor, client_as):
    chosen = several(session, actor, 1)
    issuer = client_as("issuer")
    form = {"show": "make", "uid": uids(chosen), "_once": "the-same-press"}
    first, second = (issuer.post("/print/batches", data=form) for _ in range(2))
    assert (first.status_code, first.location) == (second.status_code, second.location)
    assert session.scalar(select(func.count()).select_from(PrintBatch)) == 1
    assert issuer.post("/print/batches", data={**form, "_once": "another"}).status_code == 409


def test_a_printer_is_measured_and_its_file_is_moved(session, actor, client_as):
    issuer = client_as("issuer")
    assert "还没有登记打印机" in issuer.get("/print/printers").text
    new = {"name": "二楼证照机", "unit": "dongxin-centre", "paper": "A5 landscape", "duplex": "no"}
    assert issuer.post("/print/printers", data=new | {"name": ""}).status_code == 422
    assert issuer.post("/print/printers", data=new | {"unit": "chaohui"}).status_code == 404
    page = issuer.post("/print/printers", data=new).location
    assert issuer.post("/print/printers", data=new).status_code == 409, "one name, one printer"
    assert issuer.get(page + "/calibration.pdf").data.startswith(b"%PDF-")
    told = [int(number) for number in re.findall(r"应是 (\d+) 毫米", issuer.get(page).text)]
    assert told == [*calibration.marks(newest(session, Printer).paper).values()], "what each cross should measure"
    assert client_as("neighbour.clerk").get(page).status_code == 404
    for wrong in ({"left": "1015"}, {"left": "abc"}, {"right": "nan"}, {"left": "-3"}, {"right": "15"}, {}):
        right = {"left": "16.5", "top": "14", "right": "196.5", "bottom": "132"}
        answer = issuer.post(page, data={"what": "measure", **(right | wrong if wrong else {})})
        assert answer.status_code == 422 and "原来的校准不变" in answer.text, wrong
    assert newest(session, Printer).measured_at is None
    assert issuer.post(page, data={"what": "measure", **right}).status_code == 303
    printer = newest(session, Printer)
    # Printed 1.5 mm too far right and 1 mm too high, and stretched neither way.
    assert (printer.offset_x, printer.scale_x, printer.offset_y, printer.scale_y) == (-1500, 10_000, 1000, 10_000)
    assert issuer.get(page + "/calibration.pdf?check=1").data.startswith(b"%PDF-")
    chosen = made(session, actor, 1)
    sent = issuer.post("/print/batches", data={"uid": uids(chosen), "printer": printer.uid})
    work(session)
    pdf = issuer.get(sent.location + "/file.pdf").data
    with pikepdf.open(io.BytesIO(pdf)) as document:
        content = pikepdf.unparse_content_stream(pikepdf.parse_content_stream(document.pages[0]))
    assert b"-4.252" in content and b"-2.8346" in content, "1.5 mm to the left, 1 mm down"
    assert newest(session, PrintRecord).printer == "二楼证照机"
    issuer.post(page, data=new | {"paper": "A4", "version": str(printer.version)})
    assert newest(session, Printer).measured_at is None, "another paper is fed elsewhere"


def overprinted(session, actor, count: int) -> list[Certificate]:
    from services import batches

    found = [certificate_of(session, senior_card(session, actor)) for _ in range(count)]
    session.commit()
    batches.start_make(session, actor("issuer"), uids(found))
    session.commit()
    work(session)
    session.expire_all()
    return found


STOCK = {"verb": "receive", "unit": "dongxin-centre", "kind": "senior_card", "reason": "区局发放"}


def test_blanks_are_counted_from_the_box_to_the_card(session, actor, client_as):
    issuer = client_as("issuer")
    assert "还没有登记空白证件" in issuer.get("/print/blanks").text
    for first, last, word in (
        ("A0001", "A0000", "止号比起号小"),
        ("A0001", "B0002", "不是同一种编号"),
        ("A0001", "A00002", "不是同一种编号"),
        ("证0001", "证0002", "照空白证件上的样子"),
        ("A00001", "A10001", "一次最多 10000 张"),
        ("-5", "5", "照空白证件上的样子"),
    ):
        answer = issuer.post("/print/blanks", data=STOCK | {"first": first, "last": last})
        assert answer.status_code == 422 and word in answer.text, (first, last)
        assert f'value="{first}"' in answer.text, "what was typed is still there"
    assert issuer.post("/print/blanks", data=STOCK | {"first": "a 0001", "last": "Ａ0006"}).status_code == 303
    overlap = issuer.post("/print/blanks", data=STOCK | {"first": "A0006", "last": "A0009"})
    assert overlap.status_code == 409 and "已经登记过" in overlap.text
    assert session.scalar(select(func.count()).select_from(Blank)) == 6
    assert (
        issuer.post("/print/blanks", data=STOCK | {"verb": "spoil", "first": "A0002", "reason": "受潮"}).status_code
        == 303
    )
    unsaid = issuer.post("/print/blanks", data=STOCK | {"verb": "spoil", "first": "A0003", "reason": ""})
    session.rollback()
    assert unsaid.status_code == 422 and "请写明" in unsaid.text
    assert "（领入、作废、退回时必填）" in unsaid.text and "（发放时必填）" in unsaid.text, (
        "the page says when it is needed"
    )
    assert client_as("neighbour.clerk").post("/print/blanks", data=STOCK | {"first": "B1"}).status_code == 404
    chosen = overprinted(session, actor, 2)
    few = issuer.post("/print/batches", data={"uid": uids(chosen), "fields_only": "1", "first_serial": "A0006"})
    assert few.status_code == 422 and "只有 1 张" in few.text
    sent = issuer.post("/print/batches", data={"uid": uids(chosen), "fields_only": "1", "first_serial": "A0001"})
    work(session)
    page = issuer.get(sent.location).text
    assert "A0001" in page and "A0003" in page, "the spoiled one is left out"
    with pikepdf.open(io.BytesIO(issuer.get(sent.location + "/file.pdf").data)) as document:
        assert len(document.pages) == 4
    lines = session.scalars(select(PrintLine).where(PrintLine.blank_id.is_not(None))).all()
    used = session.scalars(select(Blank).where(Blank.status == "used").order_by(Blank.serial)).all()
    assert [(one.serial, one.number) for one in used] == [("A0001", chosen[0].number), ("A0003", chosen[1].number)]
    uid = sent.location.rsplit("/", 1)[1]
    assert issuer.post(f"/print/batches/{uid}/lines/1/spoil", data={"reason": ""}).status_code == 422
    assert issuer.post(f"/print/batches/{uid}/lines/1/spoil", data={"reason": "卡纸"}).status_code == 303
    assert issuer.post(f"/print/batches/{uid}/lines/1/spoil", data={"reason": "卡纸"}).status_code == 409
    session.expire_all()
    counts = dict(session.execute(select(Blank.status, func.count()).group_by(Blank.status)).all())
    assert counts == {"stock": 3, "used": 1, "spoiled": 2} and len(lines) == 2
    ledger = issuer.get("/print/blanks").text
    assert "受潮" in ledger and "卡纸" in ledger and "下一张" in ledger
    assert chosen[0].number in issuer.get("/print/blanks?q=a0001").text
    assert session.scalar(select(func.count()).where(BlankMove.verb == "use")) == 1
    give = STOCK | {"verb": "give", "first": "A0004", "last": "A0006", "to": "dx-c01"}
    assert issuer.post("/print/blanks", data=give).status_code == 303
    again = issuer.post("/print/blanks", data=give)
    assert again.status_code == 422 and "只有 0 张" in again.text


def printed(session, actor) -> Certificate:
    case = approved(session, actor)
    engine.fire(case, "issue", actor("issuer"))
    draw_all(session)
    certificate = certificate_of(session, case)
    engine.fire(case, "deliver", actor("window.clerk"), inputs=COLLECTED)
    session.commit()
    return certificate


def test_one_reprint_too_many_needs_a_second_person(session, actor, client_as):
    certificate = printed(session, actor)
    stored = papers_out.pdf(certificate.paper)
    page = f"/c/{certificate.uid}/reprint"
    issuer = client_as("issuer")
    assert issuer.post(page, data={"comment": ""}).status_code == 422
    assert issuer.post(page, data={"comment": "卡纸", "copies": "-1"}).status_code == 422
    for _ in range(2):
        sent = issuer.post(page, data={"comment": "打印模糊", "copies": "1", "printer": "二楼证照机"})
        assert issuer.get(sent.location).data == stored, "the stored bytes, nothing else"
    third = issuer.post(page, data={"comment": "又卡纸"})
    assert third.status_code == 422 and "要另一个人同意" in third.text
    assert issuer.post(page, data={"what": "ask", "comment": "又卡纸"}).status_code == 303
    assert issuer.post(page, data={"what": "ask", "comment": "又卡纸"}).status_code == 409
    request = newest(session, ReprintRequest)
    assert issuer.post(f"/print/requests/{request.uid}", data={"answer": "agree"}).status_code == 403, "one's own"
    assert "又卡纸" in issuer.get("/print/requests").text
    for other in ("neighbour.clerk", "courier", "window.clerk"):
        assert client_as(other).post(f"/print/requests/{request.uid}", data={"answer": "agree"}).status_code == 404
    approver = client_as("approver")
    assert approver.post(f"/print/requests/{request.uid}", data={"answer": "refuse"}).status_code == 422, "why not"
    assert approver.post(f"/print/requests/{request.uid}", data={"answer": "agree"}).status_code == 303
    assert issuer.post(page, data={"comment": "又卡纸"}).status_code == 303
    last = newest(session, PrintRecord)
    assert (last.again, last.reason, last.agreed_by.username) == (True, "又卡纸", "approver")
    assert issuer.post(page, data={"comment": "再来一次"}).status_code == 422, "good for one print"
    history = issuer.get(page).text
    assert "打印模糊" in history and "二楼证照机" in history


def test_how_many_reprints_are_free_is_set_by_the_head(session, actor, client_as):
    assert client_as("issuer").post("/print/rule", data={"unit": "dongxin-centre"}).status_code == 404
    admin = client_as("admin")
    assert admin.post("/print/rule", data={"unit": "dongxin-centre", "free_reprints": "-1"}).status_code == 422
    assert admin.post("/print/rule", data={"unit": "dongxin-centre", "free_reprints": "0"}).status_code == 303
    certificate = printed(session, actor)
    answer = client_as("issuer").post(f"/c/{certificate.uid}/reprint", data={"comment": "卡纸"})
    assert answer.status_code == 422 and "超过 0 次" in answer.text


@pytest.mark.req("S0-28")
def test_a_wrong_certificate_is_corrected_by_two(session, actor, client_as):
    old = printed(session, actor)
    resident, approver, issuer = client_as("resident"), client_as("approver"), client_as("issuer")
    page = f"/c/{old.uid}/correct"
    assert "应改为" in resident.get(page).text
    assert resident.post(page, data={"reason": "写错了"}).status_code == 422, "nothing said to be wrong"
    bad = resident.post(page, data={"new_husband_id_number": "330103199209071014", "reason": "与身份证不符"})
    assert bad.status_code == 422 and "最后一位" in bad.text and 'value="330103199209071014"' in bad.text
    rare = resident.post(page, data={"new_husband_name": f"王{UNPRINTABLE}", "reason": "与身份证不符"})
    assert rare.status_code == 422 and codepoint(UNPRINTABLE) in rare.text
    given = {"new_husband_name": "阿不都热西提·买买提", "reason": "与身份证不符", "new_number": "SY1"}
    assert resident.post(page, data=given).status_code == 303
    assert resident.post(page, data=given).status_code == 409, "one request at a time"
    correction = newest(session, Correction)
    assert [one["field"] for one in correction.changes] == ["husband_name"], "a number is never corrected"
    answer = f"/c/{old.uid}/correction"
    assert client_as("neighbour.clerk").get(answer).status_code == 404
    assert issuer.post(answer, data={"answer": "agree", "comment": "同意"}).status_code == 403
    assert "阿不都热西提" in approver.get(answer).text
    assert old.number in approver.get("/print/requests").text
    assert approver.post(answer, data={"answer": "agree", "comment": ""}).status_code == 422
    sent = approver.post(answer, data={"answer": "agree", "comment": "与户口簿一致，同意"})
    assert sent.status_code == 303
    new = newest(session, Certificate)
    assert sent.location.endswith(new.uid) and new.replaces_id == old.id and new.state == "drafted"
    assert papers_out.verify(session, old.paper.verify_code).state == "replaced"
    session.rollback()
    for step in ("number", "seal", "issue"):
        engine.fire(session.get(Certificate, new.id), step, actor("issuer"))
    draw_all(session)
    session.commit()
    session.expire_all()
    assert new.paper.data["husband_name"] == "阿不都热西提·买买提" and "阿不都热西提·买买提" in new.holder_name
    assert old.paper.data["husband_name"] == "阿卜杜热西提·买买提", "the old one stays as it was issued"
    assert old.number in issuer.get(f"/c/{new.uid}").text
    # Lost later: the next card bears what was corrected, not what stands in the file.
    engine.fire(new, "deliver", actor("window.clerk"), inputs=COLLECTED)
    engine.fire(new, "replace", actor("issuer"), inputs={"comment": "遗失"})
    third = session.scalars(select(Certificate).order_by(Certificate.id.desc())).first()
    engine.fire(third, "number", actor("issuer"))
    assert third.paper.data["husband_name"] == "阿不都热西提·买买提"


def test_a_refused_correction_changes_nothing(session, actor, client_as):
    old = printed(session, actor)
    clerk, approver = client_as("window.clerk"), client_as("approver")
    page = f"/c/{old.uid}/correct"
    assert clerk.post(page, data={"new_wife_phone": "13800000000", "reason": "电话变了"}).status_code == 303
    assert approver.post(f"/c/{old.uid}/correction", data={"answer": "refuse", "comment": ""}).status_code == 422
    assert (
        approver.post(f"/c/{old.uid}/correction", data={"answer": "refuse", "comment": "电话不在证上"}).status_code
        == 303
    )
    session.rollback()
    session.expire_all()
    assert old.state == "delivered" and newest(session, Correction).status == "refused"
    assert clerk.get(page).status_code == 200, "another request may follow"


def test_a_certificate_is_handed_out_to_somebody_known(session, actor, client_as):
    case = approved(session, actor)
    engine.fire(case, "issue", actor("issuer"))
    draw_all(session)
    certificate = certificate_of(session, case)
    session.commit()
    clerk, page = client_as("window.clerk"), f"/c/{certificate.uid}/do/deliver"
    other = "11010519491231002X"
    for given, word in (
        ({}, "请选领取人"),
        ({"who": "holder", "collector_id_number": "330103199406182045"}, "最后一位"),
        ({"who": "holder", "collector_id_number": other}, "不一致"),
        ({"who": "agent", "collector_id_number": other, "letter": "y"}, "代领人的姓名"),
        ({"who": "agent", "collector_id_number": other, "collector": "章晓"}, "委托书"),
        (
            {
                "who": "agent",
                "collector_id_number": COLLECTED["collector_id_number"],
                "collector": "章晓",
                "letter": "y",
            },
            "持证人自己",
        ),
    ):
        answer = clerk.post(page, data=given)
        assert answer.status_code == 422 and word in answer.text, given
    given = {"who": "agent", "collector_id_number": "1101 0519 4912 31002x", "collector": "章晓", "letter": "y"}
    assert clerk.post(page, data=given).status_code == 303
    shown = clerk.get(f"/c/{certificate.uid}").text
    assert "章晓 · 代领人 · 110***********002X" in shown and other not in shown
    session.rollback()
    draw_all(session)
    session.expire_all()
    from models.paper import Paper

    receipt = session.scalars(select(Paper).where(Paper.paper == "delivery_receipt")).one()
    assert receipt.data["recipient_id_number"] == "110***********002X" and receipt.status == "ready", receipt.error
    assert receipt.data["recipient_relation"].startswith("代领人")
