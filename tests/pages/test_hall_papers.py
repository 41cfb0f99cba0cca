"""Papers and parcels of the hall: queue slip, sheet of a run-along, express to the door, photos of a filing by phone, two licences of one filing."""

from __future__ import annotations

import io

import pikepdf
import pytest
from PIL import Image
from sqlalchemy import select

from models.agency import Agency
from models.content import Content
from models.express import ExpressRecord
from models.paper import Document, Paper
from models.person import Grant
from process import engine
from services import actions, files, papers_out, trips
from tests.pages.test_handbook import text_of, work
from tests.services.fertility import opened, ticks

SHEET = {
    "area": "综合窗口区",
    "matter": "老年卡申领",
    "link": "取号到受理",
    "started_at": "2026-03-05T09:05",
    "ended_at": "2026-03-05T09:41",
    "minutes": "36",
    "course": "等候十八分钟",
    "observed": ["ticketing", "manners"],
    "answers": ["online", "staff"],
    "problem": "复印机在二楼",
    "advice": "窗口配复印机",
}


def granted(session, person, username, *roles, place):
    at = session.get_one(Agency, place)
    for role in roles:
        session.add(Grant(person_id=person(username).id, role=role, place_id=at.id, place_path=at.path))
    session.commit()


def drawn(session, content, paper_id) -> bytes:
    """The newest paper of this kind, as the worker made it."""
    session.commit()
    work(session, papers_out.RENDER)
    session.expire_all()
    wanted = select(Paper).where(Paper.content_id == content.id, Paper.paper == paper_id).order_by(Paper.id.desc())
    paper = session.scalars(wanted).first()
    assert paper is not None and paper.status == papers_out.READY, paper and paper.error
    return files.store().read(paper.storage_key)


@pytest.mark.req("S3-53")
def test_a_ticket_taken_by_phone_is_a_slip_without_a_name(session, actor, client_as):
    resident = actor("resident")
    given = {"matter": "老年卡", "item": "senior_card", "unit": "dongxin-centre", "phone": "13800000015"}
    first, second = (actions.create(session, resident, "queue_visit", given) for _ in range(2))
    session.commit()
    client = client_as("resident")
    for one in (first, second):
        assert client.post(f"/c/{one.uid}/do/take_ticket", data={}).status_code == 303
    content = drawn(session, second, "queue_slip")
    with pikepdf.open(io.BytesIO(content)) as document:
        assert len(document.pages) == 1 and round(float(document.pages[0].mediabox[2]) / 72 * 25.4) == 80
    text = "".join(text_of(content))
    assert "A002" in text and "前面还有1人" in text and "东新街道行政服务中心" in text and "老年卡" in text
    assert "林若琳" not in text and "13800000015" not in text
    assert "前面还有0人" in "".join(text_of(drawn(session, first, "queue_slip")))
    assert "排队小票" in client.get(f"/c/{second.uid}").text


@pytest.mark.req("S3-48")
def test_one_sheet_for_one_run_and_the_follow_up_fills_in(session, actor, person, client_as):
    granted(session, person, "window.clerk", "department_lead", place="dongxin-centre")
    granted(session, person, "reviewer", "approvals_office", place="dongxin-centre")
    ticket = actions.create(session, actor("resident"), "queue_visit", {"matter": "老年卡", "unit": "dongxin-centre"})
    engine.fire(ticket, "take_ticket", actor("resident"))
    run = actions.create(
        session, actor("window.clerk"), "run_along", {"department": "东新街道办事处", "place": "dongxin-centre"}
    )
    session.commit()
    leader, office = client_as("window.clerk"), client_as("reviewer")
    steps = [
        (leader, "draw", {}),
        (leader, "accompany", {}),
        (leader, "record", SHEET),
    ]  # fmt: skip
    for who, step, inputs in steps:
        answer = who.post(f"/c/{run.uid}/do/{step}", data=inputs)
        assert answer.status_code == 303, (step, answer.text[-2000:])
    text = "".join(text_of(drawn(session, run, "run_record")))
    said = "体验办证办事记录单 综合窗口区 取号到受理 09:05至09:41 36分钟 等候十八分钟 复印机在二楼 窗口配复印机 沈丽娟"
    for words in (*said.split(), "东新街道办事处", "排队号QH-", "☑取号叫号", "☐排队等候", "☑服务礼仪与态度", "审批办"):
        assert words in text, words
    assert text.count("☑是") == 2 and text.count("☑否") == 8 and "解决情况" not in text and "林若琳" not in text
    for who, step, inputs in (
        (leader, "list_problems", {"cause": "复印机只有一台"}),
        (office, "assign", {"responsible": "何䶮", "rectify_by": "2026-12-30", "remedy": "每个窗口配一台"}),
        (leader, "rectify", {"solution": "已配齐三台"}),
        (office, "reconcile", {"points": "2"}),
    ):
        answer = who.post(f"/c/{run.uid}/do/{step}", data=inputs)
        assert answer.status_code == 303, (step, answer.text[-2000:])
    text = "".join(text_of(drawn(session, run, "run_record")))
    assert "每个窗口配一台" in text and "已配齐三台" in text and "对账日期" in text


@pytest.mark.req("S0-24")
def test_filed_online_sent_by_express_nobody_came(session, actor, client_as):
    resident = actor("resident")
    case = opened(session, resident, channel="online_pc", place="dx-c01")
    engine.fire(case, "submit", resident)
    engine.fire(case, "accept", actor("window.clerk"))
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    engine.fire(case, "issue", actor("issuer"))
    session.commit()
    work(session, papers_out.RENDER)
    issuer, page = client_as("issuer"), f"/c/{case.uid}"
    wrong = issuer.post(f"{page}/do/send_express", data={"express_number": "13800000015"})
    assert wrong.status_code == 422 and "快递单号不对" in wrong.text
    assert issuer.post(f"{page}/do/send_express", data={"express_number": "sf 1234567890123"}).status_code == 303
    shown = client_as("resident").get(page).text
    assert "SF1234567890123" in shown and "还没有签收" in shown
    # A parcel leaves once.
    twice = issuer.post(f"{page}/do/send_express", data={"express_number": "SF999"})
    assert twice.status_code == 422 and "已经交快递了" in twice.text
    given = issuer.post(f"{page}/do/deliver", data={"way": "express"})
    assert given.status_code == 303, given.text
    session.expire_all()
    record = session.scalars(select(ExpressRecord)).one()
    assert record.number == "SF1234567890123" and record.sent_at <= record.signed_at and record.signed_name == "林若琳"
    assert case.state == "delivered" and case.trips == 0
    counted = trips.of_case(session, case)
    assert counted.trips == 0 and {"申报", "交快递", "领取结果"} <= {event.step for event in counted.events}
    assert "零次跑" in client_as("resident").get(page).text


def _photo(colour: int) -> tuple[io.BytesIO, str]:
    kept = io.BytesIO()
    Image.new("RGB", (80, 60), (colour, 90, 90)).save(kept, "JPEG")
    kept.seek(0)
    return kept, "IMG_1.jpg"


@pytest.mark.req("S3-28")
def test_a_photo_for_each_material_a_bad_one_comes_back_with_its_reason(session, actor, client_as):
    given = {"matter": "老年卡", "item": "senior_card", "unit": "dongxin-centre", "phone": "13800000015"}
    filing = actions.create(session, actor("resident"), "micro_approval", given)
    session.commit()
    resident, clerk, page = client_as("resident"), client_as("reviewer"), f"/c/{filing.uid}"
    shown = resident.get(page).text
    assert "已拍 0 / 4 份" in shown and 'capture="environment"' in shown and "本人居民身份证" in shown
    lacking = clerk.post(f"{page}/do/accept", data={})
    assert lacking.status_code == 422 and "还没有上传照片" in lacking.text
    for number, material in enumerate(("id_card", "photo")):
        sent = resident.post(
            f"{page}/photos/{material}", data={"photo": _photo(number)}, content_type="multipart/form-data"
        )
        assert sent.status_code == 303, sent.text
    assert "已拍 2 / 4 份" in clerk.get(page).text
    assert clerk.post(f"{page}/photos", data={"bad-id_card": "反光，看不清号码"}).status_code == 303
    assert "标了不清楚" in clerk.post(f"{page}/do/accept", data={}).text
    back = clerk.post(f"{page}/do/send_back", data={"comment": "身份证反光，请重拍"})
    assert back.status_code == 303
    shown = resident.get(page).text
    assert "要重拍：反光，看不清号码" in shown
    assert "还没有重拍" in resident.post(f"{page}/do/upload_again", data={}).text
    for wrong in ({}, {"photo": (io.BytesIO(b"no picture"), "x.jpg")}):
        assert (
            resident.post(f"{page}/photos/id_card", data=wrong, content_type="multipart/form-data").status_code == 422
        )
    assert (
        resident.post(
            f"{page}/photos/no_such", data={"photo": _photo(7)}, content_type="multipart/form-data"
        ).status_code
        == 404
    )
    assert (
        resident.post(
            f"{page}/photos/id_card", data={"photo": _photo(9)}, content_type="multipart/form-data"
        ).status_code
        == 303
    )
    assert resident.post(f"{page}/do/upload_again", data={}).status_code == 303
    assert clerk.post(f"{page}/do/accept", data={}).status_code == 303
    assert (
        resident.post(
            f"{page}/photos/id_card", data={"photo": _photo(1)}, content_type="multipart/form-data"
        ).status_code
        == 409
    )
    assert (
        client_as("approver").post(f"{page}/do/approve", data={"licence_number": "浙杭字第0001号"}).status_code == 303
    )
    assert client_as("issuer").post(f"{page}/do/mail", data={"express_number": "SF0000000000001"}).status_code == 303
    assert "SF0000000000001" in resident.get(page).text
    assert client_as("issuer").post(f"{page}/do/deliver", data={"collector": "林若琳"}).status_code == 303
    session.expire_all()
    assert session.scalars(select(Content).where(Content.id == filing.id)).one().state == "received"
    assert session.scalars(select(ExpressRecord)).one().signed_at is not None
    # Every photo that was ever taken stays in the file, the returned one too.
    assert len(session.scalars(select(Document).where(Document.content_id == filing.id)).all()) == 3


@pytest.mark.req("S3-37")
def test_one_filing_two_licences_by_courier(session, actor, person, client_as):
    """印刷经营企业审批: the culture bureau leads, the market bureau decides beside it, one parcel holds both licences."""
    district = session.get_one(Agency, "xiacheng")
    for key, name in (("sgj", "市文广局"), ("scj", "市场监管局")):
        path = f"{district.path}{key}/"
        bureau = Agency(id=key, name=name, kind="bureau", parent_id="xiacheng", path=path, code=key.upper())
        bureau.district = district.district
        session.add(bureau)
    session.flush()
    granted(session, person, "approvals.clerk", "lead_department", place="sgj")
    granted(session, person, "water.clerk", "cooperating_department", place="scj")
    clerk = actor("window.clerk")
    thing = actions.create(session, clerk, "one_thing_joint", {
        "theme": "enterprise", "need": "开一家印刷厂", "item": "printing_enterprise", "unit": "sgj", "addressees": ["scj"],
        "applicant": {"name": "林若琳", "id_number": "330103199406182046", "phone": "13800000015", "address": "文晖路2幢"},
        "place": "dongxin-centre",
    })  # fmt: skip
    engine.fire(thing, "take_in", clerk, inputs={"materials": "营业执照申请书、场地证明"})
    thing.state = "collected"
    session.commit()
    lead, window, page = client_as("approvals.clerk"), client_as("window.clerk"), f"/c/{thing.uid}"
    assert "市文广局" in lead.get(page).text
    one = lead.post(f"{page}/do/issue", data={"issued_papers": "营业执照 91330103MA0000001X"})
    assert one.status_code == 422 and "还缺印刷经营许可证" in one.text
    both = "营业执照 91330103MA0000001X\n印刷经营许可证 浙新出印证字0001号"
    assert lead.post(f"{page}/do/issue", data={"issued_papers": both}).status_code == 303
    assert window.post(f"{page}/do/send_express", data={"express_number": "SF0000000000002"}).status_code == 303
    shown = window.get(page).text
    assert "SF0000000000002" in shown and "印刷经营许可证" in shown
    assert window.post(f"{page}/do/deliver", data={"way": "express", "collector": "林若琳"}).status_code == 303
    session.expire_all()
    record = session.scalars(select(ExpressRecord)).one()
    assert record.signed_at is not None and "营业执照" in record.holds and "印刷经营许可证" in record.holds
    # Over is over: nothing more is sent.
    assert window.post(f"{page}/do/send_express", data={"express_number": "SF3"}).status_code in (409, 422)
