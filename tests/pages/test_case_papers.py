"""文书和条件: what a clerk, a reviewer and a community do in the browser until the finding sheet and the proof are there."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.base import at_time
from models.case import Case
from models.content import Content
from models.paper import Paper
from process import engine
from services import paper_rules
from tests.services import proofs
from tests.services.fertility import opened
from tests.services.proofs import PROOF, SURVEY, signature


@pytest.mark.req("S0-29", "S0-34")
def test_a_reviewer_compares_with_the_records_and_writes_it_down(session, actor, client_as):
    uid = proofs.accepted(session, actor, PROOF).uid
    session.commit()
    reviewer = client_as("reviewer")
    page = reviewer.get(f"/cases/{uid}/papers").text
    assert "自出具之日起6个月有效" in page and "已与登记记录核对" in page and "还没有与登记记录核对" in page
    answer = reviewer.post(f"/cases/{uid}/records", data={"result": "same", "source": ""})
    assert answer.status_code == 422 and "请写明查了哪里的记录" in answer.text
    assert reviewer.post(f"/cases/{uid}/records", data={"result": "same", "source": "台账"}).status_code == 303
    page = reviewer.get(f"/cases/{uid}/papers").text
    assert "与记录一致" in page and "台账" in page
    # The window sees what came of it and has no form for it; strangers see nothing.
    window = client_as("window.clerk")
    assert "记下核对结果" not in window.get(f"/cases/{uid}/papers").text
    assert window.post(f"/cases/{uid}/records", data={"result": "same", "source": "台账"}).status_code == 403
    assert client_as("neighbour.clerk").get(f"/cases/{uid}/papers").status_code == 404
    assert client_as("resident").get(f"/cases/{uid}/papers").status_code in (403, 404)


@pytest.mark.req("S0-32")
def test_an_inquiry_is_sent_answered_and_taken_over_in_the_browser(session, actor, client_as):
    case = proofs.accepted(session, actor, SURVEY)
    uid = case.uid
    session.commit()
    reviewer = client_as("reviewer")
    assert "只要选向谁查" in reviewer.get(f"/cases/{uid}/papers").text
    refused = reviewer.post(f"/cases/{uid}/inquiry", data={"addressee": ""})
    assert refused.status_code == 422 and "请从列表中选" in refused.text
    sent = reviewer.post(f"/cases/{uid}/inquiry", data={"addressee": "dx-c01", "signature": signature()})
    assert sent.status_code == 303
    inquiry = session.scalars(select(Content).where(Content.type == "record_inquiry")).one()
    assert sent.headers["Location"].endswith(f"/c/{inquiry.uid}")
    assert inquiry.fields["letter_number"] in reviewer.get(f"/cases/{uid}/papers").text
    community = client_as("community.clerk")
    page = community.get(f"/c/{inquiry.uid}").text
    # Names stand masked on the page, in full on the letter itself.
    assert "林*" in page and "林秀兰" not in page and "父母生育记录调查" in page
    answer = {"result": "none", "finding": "查1985至1995年台账，没有登记。", "source": "台账第1至10册"}
    done = community.post(
        f"/c/{inquiry.uid}/do/answer", data={**answer, "signature": signature(), "version": inquiry.version}
    )
    assert done.status_code == 303, done.text
    session.expire_all()
    adopted = reviewer.post(f"/c/{inquiry.uid}/do/adopt", data={"version": inquiry.version})
    assert adopted.status_code == 303
    session.expire_all()
    assert inquiry.state == "adopted"
    sheets = session.scalars(select(Paper).where(Paper.content_id == inquiry.id).order_by(Paper.id)).all()
    assert [one.data["result"] for one in sheets] == ["", "没有记录"] and len({one.number for one in sheets}) == 1


@pytest.mark.req("S2-02", "S0-37")
def test_the_statement_is_printed_from_the_form(session, actor, client_as):
    uid = opened(session, actor("window.clerk")).uid
    session.commit()
    clerk = client_as("window.clerk")
    assert "打印给申请人签名" in clerk.get(f"/cases/{uid}/papers").text
    made = clerk.post(f"/cases/{uid}/papers/signed_statement")
    assert made.status_code == 303 and "/papers/" in made.headers["Location"]
    assert clerk.post(f"/cases/{uid}/papers/acceptance_notice").status_code == 404
    assert client_as("neighbour.clerk").post(f"/cases/{uid}/papers/signed_statement").status_code == 404


@pytest.mark.req("S2-11")
def test_a_promise_is_made_on_the_page_of_the_case(session, actor, client_as):
    from tests.services.fertility import ALL, BOOKLETS

    case = opened(session, actor("window.clerk"), materials=[dict(m) for m in ALL if m["code"] not in BOOKLETS])
    engine.fire(case, "submit", actor("window.clerk"))
    uid, version = case.uid, case.version
    session.commit()
    clerk = client_as("window.clerk")
    assert "容缺受理承诺书" in clerk.get(f"/cases/{uid}/papers").text
    assert clerk.get(f"/c/{uid}/draft/deferral_promise.pdf").mimetype == "application/pdf"
    from services import promises

    due = promises.proposed(session, session.get_one(Case, case.id)).isoformat()
    data = {"due": due, "promise": "1", "supply_way": "post", "reason": "在外地", "signature": signature()}
    assert clerk.post(f"/c/{uid}/do/defer", data={**data, "version": version}).status_code == 303
    session.expire_all()
    made = session.scalars(select(Paper).where(Paper.paper == "deferral_promise")).one()
    assert made.data["ways"] == "邮寄" and made.data["materials"][0]["reason"] == "在外地"


def test_rules_are_settled_by_the_keeper_of_the_catalogue(session, client_as):
    keeper = client_as("catalogue.manager")
    page = keeper.get("/paper-rules").text
    assert "行政复议期限" in page and "建议值：2015-12-31" in page
    whole = {
        key: rule.value.isoformat() if rule.kind == "date" else rule.value for key, rule in paper_rules.RULES.items()
    }
    whole["migrant_proof_open"] = "1"
    refused = keeper.post("/paper-rules", data={**whole, "inquiry_days": "90", "reason": ""})
    assert refused.status_code == 422 and "1 到 60 的整数" in refused.text and 'value="90"' in refused.text
    saved = keeper.post(
        "/paper-rules", data={**whole, "inquiry_days": "7", "reason": "示例文件", "version-inquiry_days": "0"}
    )
    assert saved.status_code == 303 and paper_rules.get(session, "inquiry_days") == 7
    stale = keeper.post(
        "/paper-rules", data={**whole, "inquiry_days": "8", "reason": "示例文件", "version-inquiry_days": "0"}
    )
    assert stale.status_code == 409
    assert client_as("window.clerk").get("/paper-rules").status_code == 403


@pytest.mark.req("S0-39")
def test_minutes_from_filing_to_issue_by_item_and_station(session, actor, client_as):
    from datetime import timedelta

    from models.base import now
    from tests.services.fertility import approved

    start = now()
    for minutes in (4, 25):
        with at_time(start):
            case = approved(session, actor)
        with at_time(start + timedelta(minutes=minutes)):
            engine.fire(case, "issue", actor("issuer"))
    with at_time(start):
        approved(session, actor)
    session.commit()
    statistician = client_as("statistician")
    page = statistician.get("/reports/minutes").text
    assert "14.5 分钟" in page and "1/2（50.0%）" in page and "25 → 5" in page and "生育登记服务卡" in page
    chosen = statistician.get("/reports/minutes?item=fertility_registration_card").text
    assert "来源：25 分钟减到 5 分钟" in chosen and "东新街道" in chosen
    empty = statistician.get("/reports/minutes?period=2015").text
    assert "还没有发证的" in empty
    assert client_as("window.clerk").get("/reports/minutes").status_code == 403
