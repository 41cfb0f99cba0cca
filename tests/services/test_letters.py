"""Letters of a case: told once with everything, promised in writing, refused with the ways of appeal."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from models.ledger import Counter
from models.paper import Paper
from process import clock, engine
from process.refusals import RequirementUnmet
from services import materials, paper_rules, papers_letters, papers_out, promises
from services.papers.definition import load
from tests.services.fertility import ALL, BOOKLETS, CRITICAL, accepted, draw_all, opened, sheet, ticks
from tests.services.proofs import ONLY_CHILD, filed, signature


def drawn(session) -> None:
    draw_all(session)
    assert [p.error for p in session.scalars(select(Paper)) if p.status != "ready"] == []


def without(*codes: str) -> list[dict]:
    return [dict(m) for m in ALL if m["code"] not in codes]


def submitted(session, actor, **changes):
    case = opened(session, actor("window.clerk"), **changes)
    engine.fire(case, "submit", actor("window.clerk"))
    return case


def test_the_notice_names_everything_at_once(session, actor):
    case = accepted(session, actor)
    found = ticks(case, marriage_certificate="缺照片页，请补一份带照片页的复印件。")
    materials.tick(session, case, actor("reviewer"), found, clock.now() if hasattr(clock, "now") else case.filed_at)
    slot = next(m for m in case.materials if m.code == "truth_statement")
    slot.provided = False
    words = papers_letters.notice_text(case, materials.defects(case))
    engine.fire(case, "supplement_needed", actor("reviewer"), inputs={"comment": f"{words}\n男方在外地可以手机上传。"})
    notice = sheet(session, case, "one_time_notice")
    year = case.filed_at.year
    assert notice.number == f"东新补〔{year}〕1号" and notice.paper == "one_time_notice"
    rows = {row["material"]: row for row in notice.data["defects"]}
    assert set(rows) == {"结婚证", "婚育说明（夫妻双方签名）"}
    assert rows["结婚证"]["defect"].startswith("缺照片页") and "重新提交" in rows["结婚证"]["remedy"]
    assert rows["婚育说明（夫妻双方签名）"] | {"basis": ""} == {
        "material": "婚育说明（夫妻双方签名）",
        "defect": "未提供",
        "remedy": "提交原件",
        "basis": "",
    }
    assert "人口与计划生育法" in rows["结婚证"]["basis"]
    # What the table says is not said a second time.
    assert notice.data["remark"] == "男方在外地可以手机上传。"
    day = clock.local_day(notice.created_at)
    assert date.fromisoformat(notice.data["until"]) == clock.calendar(session).add_working_days(day, 10)
    assert "视为放弃" in notice.data["consequence"] and load("one_time_notice").copies == ("申请人一份", "存档一份")
    drawn(session)


def test_a_notice_without_ticks_says_what_the_clerk_wrote(session, actor):
    case = submitted(session, actor)
    engine.fire(case, "supplement_needed", actor("window.clerk"), inputs={"comment": "申请表上的孩次请核对后改正。"})
    notice = sheet(session, case, "one_time_notice")
    assert notice.data["remark"] == "申请表上的孩次请核对后改正。" and len(notice.data["defects"]) == 1
    drawn(session)


@pytest.mark.req("S2-11")
def test_a_promise_is_signed_printed_and_holds_the_release_back(session, actor):
    case = submitted(session, actor, materials=without(*BOOKLETS))
    preview = papers_out.draft_pdf(session, case, "deferral_promise", actor("window.clerk"))
    assert preview.startswith(b"%PDF")
    due = promises.proposed(session, case)
    engine.fire(
        case,
        "defer",
        actor("window.clerk"),
        inputs={
            "due": due.isoformat(),
            "promise": True,
            "supply_way": "upload",
            "reason": "户口簿在父母家",
            "signature": signature(),
        },
    )
    promise = sheet(session, case, "deferral_promise")
    assert promise.number == f"东新容〔{case.filed_at.year}〕1号"
    assert [(row["name"], row["reason"]) for row in promise.data["materials"]] == [
        ("女方居民户口簿（首页、本人页）", "户口簿在父母家"),
        ("男方居民户口簿（首页、本人页）", "户口簿在父母家"),
    ]
    assert (promise.data["due_on"], promise.data["ways"]) == (due.isoformat(), "网上上传")
    assert promise.data["signature"] and promise.data["signed_on"] and promise.data["clerk_name"]
    assert sheet(session, case, "acceptance_notice").number.startswith("东新受")
    drawn(session)
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    with pytest.raises(RequirementUnmet, match="容缺的材料还没有补齐"), session.begin_nested():
        engine.fire(case, "issue", actor("issuer"))
    materials.provide(
        session, case, actor("window.clerk"), [{"code": code, "provided": True, "sheets": 1} for code in BOOKLETS]
    )
    engine.fire(case, "issue", actor("issuer"))
    assert case.state == "issued"


@pytest.mark.req("S2-11")
def test_nothing_critical_is_promised(session, actor):
    case = submitted(session, actor, materials=without(CRITICAL[0]))
    with pytest.raises(RequirementUnmet, match="关键材料"), session.begin_nested():
        engine.fire(case, "defer", actor("window.clerk"), inputs={"due": "2099-01-01", "promise": True})
    assert session.scalar(select(Counter.value).where(Counter.series == "deferral_promise")) is None


def test_a_refusal_at_the_counter_says_why_on_what_ground_and_where_to_appeal(session, actor):
    case = filed(session, actor, ONLY_CHILD)
    engine.fire(
        case,
        "reject_intake",
        actor("window.clerk"),
        inputs={"comment": "不符合条件。\n第二个理由。", "basis": "《浙江省人口与计划生育条例》第十八条"},
    )
    letter = sheet(session, case, "intake_refusal")
    assert letter.number == f"东新不受〔{case.filed_at.year}〕1号"
    assert letter.data["basis"] == "《浙江省人口与计划生育条例》第十八条"
    assert "60日内向杭州市下城区人民政府申请行政复议" in letter.data["appeal"]
    assert "6个月内依法向有管辖权的人民法院" in letter.data["appeal"]
    drawn(session)


def test_a_refusal_after_review_takes_the_published_basis_and_the_bodies_settled(session, actor):
    paper_rules.change(
        session,
        actor("catalogue.manager"),
        {"reconsideration_body": "示例市人民政府行政复议局", "litigation_court": "示例铁路运输法院"},
        "示例公告",
    )
    case = accepted(session, actor)
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "refuse", actor("approver"), inputs={"comment": "已在外地登记。"})
    letter = sheet(session, case, "approval_refusal")
    assert letter.number == f"东新不批〔{case.filed_at.year}〕1号" and "人口与计划生育法" in letter.data["basis"]
    assert "示例市人民政府行政复议局" in letter.data["appeal"] and "示例铁路运输法院" in letter.data["appeal"]
    drawn(session)


def test_each_kind_of_letter_has_its_own_series(session, actor):
    for _ in range(2):
        case = submitted(session, actor)
        engine.fire(case, "reject_intake", actor("window.clerk"), inputs={"comment": "不符合条件。"})
        accepted(session, actor)
    values = {
        row.series: row.value for row in session.scalars(select(Counter)) if row.series in ("intake_refusal", "acceptance_notice")
    }  # fmt: skip
    assert values == {"intake_refusal": 2, "acceptance_notice": 2}
    numbers = [p.number for p in session.scalars(select(Paper).where(Paper.paper == "intake_refusal"))]
    assert [number.rpartition("〕")[2] for number in numbers] == ["1号", "2号"]


@pytest.mark.req("S2-02", "S0-37")
def test_a_second_child_is_registered_in_one_visit_with_the_signed_statement(session, actor):
    case = opened(session, actor("window.clerk"), materials=without("truth_statement"), children_count=1, child_order=2)
    statement = papers_out.print_now(session, case, actor("window.clerk"), "signed_statement")
    assert statement.data["heading"] == "婚育说明"
    facts = {row["label"]: row["value"] for row in statement.data["facts"]}
    assert facts["男方姓名"] == "阿卜杜热西提·买买提" and facts["结婚登记日期"] == "2025年5月20日"
    assert facts["本次生育孩次"] == "2"
    assert {statement.data["signer"], statement.data["other_signer"]} == {"林若琳", "阿卜杜热西提·买买提"}
    drawn(session)
    # Signed at the counter and taken in: the whole registration runs while they wait.
    materials.provide(
        session, case, actor("window.clerk"), [{"code": "truth_statement", "provided": True, "sheets": 1}]
    )
    engine.fire(case, "submit", actor("window.clerk"))
    engine.fire(case, "accept", actor("window.clerk"))
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    engine.fire(case, "issue", actor("issuer"))
    assert case.state == "issued" and case.trips == 1
