"""计生证照: each proof from its one form, with its conditions, its two people and its number."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from models.ledger import JournalEntry
from models.paper import Paper
from process import engine
from process.refusals import Forbidden, InvalidInput, NotAvailable, RequirementUnmet
from services import children, paper_conditions, paper_rules, papers_out, record_check, record_inquiries
from services.papers.definition import load, load_all
from services.papers.terms import Validity
from tests.services import proofs
from tests.services.fertility import certificate_of, draw_all, sheet
from tests.services.proofs import MIGRANT, ONLY_CHILD, PROOF, SURVEY


def paper_of(session, case) -> Paper:
    draw_all(session)
    paper = certificate_of(session, case).paper
    assert paper.status == "ready", paper.error
    return paper


# --- 个人婚育证明


@pytest.mark.req("S0-29", "S0-34", "S0-37")
def test_a_proof_of_marriage_and_children_from_one_form(session, actor):
    case = proofs.accepted(session, actor, PROOF)
    with pytest.raises(RequirementUnmet, match="还没有与登记记录核对"), session.begin_nested():
        proofs.decided(session, actor, case)
    proofs.issued(session, actor, proofs.checked(session, actor, case))
    paper = paper_of(session, case)
    assert paper.number == f"HYDX{case.filed_at.year}00001"
    assert paper.data["children"] == [
        {"name": "买买提·小满", "sex": "女", "birth_date": "2020-05-01"},
        {"name": "穆热迪力", "sex": "男", "birth_date": "2023-11-09"},
    ]
    assert (paper.data["marital_status"], paper.data["sex"], paper.data["children_count"]) == ("已婚", "女", "2人")
    issued = date.fromisoformat(paper.data["issued_on"])
    assert date.fromisoformat(paper.data["valid_until"]) == Validity("months", 6).until(issued)
    # Nothing but what the form or the office knew: no field says “not registered”.
    assert papers_out.NOT_KNOWN not in paper.data.values()


def test_a_shorter_use_than_the_paper_holds_is_printed(session, actor):
    soon = date.today().replace(day=28).isoformat()
    case = proofs.accepted(session, actor, PROOF, valid_until=soon)
    proofs.issued(session, actor, proofs.checked(session, actor, case))
    assert paper_of(session, case).data["valid_until"] == soon


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"marital_status": "unmarried"}, "spouse_name", "未婚"),
        ({"children_count": 3}, "children", "写了 2 行"),
        ({"children": "小满 2020-05-01"}, "children", "第 1 行看不懂"),
        ({"children": "小满、女、2020-02-30"}, "children", "不存在"),
        ({"children": "小满、女、2099-01-01"}, "children", "还没有到"),
        ({"spouse_id_number": "330103199406182046"}, "spouse_id_number", "相同"),
        ({"marital_status_date": "2099-01-01"}, "marital_status_date", "还没有到"),
        ({"sex": "male"}, "sex", "性别"),
    ],
)
def test_answers_that_cannot_all_be_true_are_told_at_the_counter(session, actor, changes, field, word):
    with pytest.raises(InvalidInput, match=word) as refused:
        proofs.filed(session, actor, PROOF, **changes)
    assert field in refused.value.errors


def test_what_another_answer_makes_necessary_is_asked_for_before_filing(session, actor):
    with pytest.raises(RequirementUnmet) as refused:
        proofs.filed(session, actor, PROOF, spouse_name="", marital_status_date="", children="")
    assert set(refused.value.errors) == {"spouse_name", "marital_status_date", "children"}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("林小满，女，2020.5.1", [("林小满", "女", date(2020, 5, 1))]),
        ("Anna Smith 女 2020-05-01\n\n阿依·买买提;男;2021年1月2日", [("Anna Smith", "女", date(2020, 5, 1)), ("阿依·买买提", "男", date(2021, 1, 2))]),
    ],
)  # fmt: skip
def test_children_are_read_line_by_line(text, rows):
    assert [tuple(row.values()) for row in children.read(text)] == rows


@pytest.mark.req("S0-29")
def test_the_reviewer_sees_what_the_office_wrote_down_before(session, actor):
    first = proofs.accepted(session, actor, PROOF)
    proofs.issued(session, actor, proofs.checked(session, actor, first))
    second = proofs.accepted(session, actor, PROOF, spouse_name="张三", children_count=0, children="")
    found = {line.question: line for line in record_check.lines(session, second)}
    assert found["婚姻状况"].agrees and not found["配偶"].agrees and not found["子女数"].agrees
    assert first.number in found["子女数"].source and (found["子女数"].then, found["子女数"].now) == ("2", "0")
    record_check.note(session, second, actor("reviewer"), "different", "本街道生育登记台账")
    with pytest.raises(RequirementUnmet, match="与记录不一致"), session.begin_nested():
        proofs.decided(session, actor, second)
    noted = session.scalars(select(JournalEntry).where(JournalEntry.action == "case:records")).all()[-1]
    assert (noted.comment, noted.details) == ("本街道生育登记台账", {"result": "different"})


def test_only_a_reviewer_notes_the_check_and_says_where(session, actor):
    case = proofs.accepted(session, actor, PROOF)
    for who in ("window.clerk", "approver", "resident", "neighbour.clerk"):
        with pytest.raises(Forbidden):
            record_check.note(session, case, actor(who), "same", "台账")
    for result, source, field in (("fine", "台账", "result"), ("same", " ", "source")):
        with pytest.raises(InvalidInput) as refused:
            record_check.note(session, case, actor("reviewer"), result, source)
        assert field in refused.value.errors


# --- 独生子女父母光荣证


@pytest.mark.req("S0-30", "S0-37")
def test_an_honour_certificate_for_the_parents_of_an_only_child(session, actor):
    case = proofs.accepted(session, actor, ONLY_CHILD)
    proofs.issued(session, actor, proofs.checked(session, actor, case))
    paper = paper_of(session, case)
    assert paper.number.startswith("DSDX") and paper.data["mother_name"] == "林若琳"
    assert (paper.data["child_sex"], paper.data["child_birth_date"]) == ("男", "2012-06-18")


@pytest.mark.req("S0-30")
def test_a_child_born_later_is_refused_in_writing_unless_the_rule_changes(session, actor):
    late = {**ONLY_CHILD, "child_id_number": proofs.CHILD_2017}
    case = proofs.filed(session, actor, late)
    with pytest.raises(RequirementUnmet, match="2017年4月12日出生"):
        engine.fire(case, "accept", actor("window.clerk"))
    engine.fire(case, "reject_intake", actor("window.clerk"), inputs={"comment": "子女2017年出生，不在规定期间。"})
    assert sheet(session, case, "intake_refusal").number
    paper_rules.change(session, actor("catalogue.manager"), {"only_child_until": "2017-12-31"}, "示例文件")
    assert proofs.accepted(session, actor, late).state == "accepted"


# --- 流动人口婚育证明


@pytest.mark.req("S0-31", "S0-37")
def test_a_proof_for_the_place_one_moves_to(session, actor):
    case = proofs.accepted(session, actor, MIGRANT)
    proofs.issued(session, actor, proofs.checked(session, actor, case))
    data = paper_of(session, case).data
    assert (data["birth_date"], data["marital_status"], data["children"]) == ("1994-06-18", "未婚", [])
    assert data["destination"] == MIGRANT["destination"]
    assert not any(
        "避孕" in field.label or "节育" in field.label for field in load("migrant_marital_fertility_proof").fields
    )


@pytest.mark.req("S0-31")
def test_the_proof_is_switched_off_and_what_was_begun_is_finished(session, actor):
    begun = proofs.accepted(session, actor, MIGRANT)
    paper_rules.change(session, actor("catalogue.manager"), {"migrant_proof_open": False}, "改由数据核查")
    with pytest.raises(InvalidInput, match="不再出具"):
        proofs.filed(session, actor, MIGRANT)
    proofs.issued(session, actor, proofs.checked(session, actor, begun))
    assert begun.state == "issued"
    paper_rules.change(session, actor("catalogue.manager"), {"migrant_proof_open": True}, "恢复")
    assert proofs.filed(session, actor, MIGRANT).state == "submitted"


def test_a_minor_gets_no_proof_for_moving(session, actor):
    young = {**proofs.WIFE, "name": "林小满", "id_number": proofs.numbered("33010320150618104")}
    case = proofs.filed(session, actor, {**MIGRANT}, applicant=young)
    with pytest.raises(RequirementUnmet, match="未满18周岁"):
        engine.fire(case, "accept", actor("window.clerk"))


# --- 父母生育记录调查


@pytest.mark.req("S0-32")
def test_a_survey_goes_to_the_community_and_comes_back_as_a_finding_sheet(session, actor):
    case = proofs.accepted(session, actor, SURVEY)
    with pytest.raises(RequirementUnmet, match="还没有向保管记录的社区发调查函"), session.begin_nested():
        proofs.decided(session, actor, case)
    inquiry = proofs.asked(session, actor, case)
    letter = sheet(session, inquiry, "parents_birth_record_survey")
    assert letter.number.endswith("号") and "调〔" in letter.number
    assert letter.data["finding"] in (None, "") and letter.data["asker_signature"]
    with pytest.raises(NotAvailable, match="已经有一封"):
        proofs.asked(session, actor, case)
    with pytest.raises(RequirementUnmet, match="还没有答复"), session.begin_nested():
        proofs.decided(session, actor, case)
    with pytest.raises(Forbidden), session.begin_nested():
        engine.fire(
            inquiry, "answer", actor("neighbour.clerk"), inputs={"result": "none", "finding": "x", "source": "y"}
        )
    proofs.answered(session, actor, inquiry)
    assert sheet(session, inquiry, "parents_birth_record_survey").data["result"] == "有记录"
    engine.fire(inquiry, "adopt", actor("reviewer"))
    proofs.issued(session, actor, case)
    paper = paper_of(session, case)
    assert paper.number.startswith("SDDX") and paper.data["letter_number"] == letter.number
    assert paper.data["answering_unit"] == "万家星城社区居民委员会" and "1988年6月" in paper.data["finding"]
    assert paper.data["asker_signature"] and paper.data["answerer_signature"]


@pytest.mark.req("S0-32")
def test_records_kept_elsewhere_are_asked_for_there_and_an_unclear_answer_again(session, actor):
    case = proofs.accepted(session, actor, SURVEY)
    inquiry = proofs.asked(session, actor, case, "dx-c02")
    number = inquiry.fields["letter_number"]
    with pytest.raises(Forbidden), session.begin_nested():
        proofs.answered(session, actor, inquiry)
    engine.fire(inquiry, "misdirect", actor("neighbour.clerk"), inputs={"comment": "1990年前的台账在万家星城社区。"})
    engine.fire(inquiry, "redirect", actor("reviewer"), inputs={"to_unit": "dx-c01"})
    assert inquiry.unit_id == "dx-c01" and inquiry.fields["letter_number"] == number
    proofs.answered(session, actor, inquiry)
    engine.fire(inquiry, "ask_again", actor("reviewer"), inputs={"comment": "请写明册页。"})
    assert sheet(session, inquiry, "parents_birth_record_survey").data["finding"]
    assert record_inquiries.sheet(session, inquiry)["finding"] == ""
    proofs.answered(session, actor, inquiry)
    engine.fire(inquiry, "adopt", actor("reviewer"))
    assert record_inquiries.answered(session, case) is inquiry


def test_a_withdrawn_letter_makes_room_for_another(session, actor):
    case = proofs.accepted(session, actor, SURVEY)
    engine.fire(proofs.asked(session, actor, case), "withdraw", actor("reviewer"), inputs={"comment": "写错了社区"})
    second = proofs.asked(session, actor, case, "dx-c02")
    assert [one.state for one in record_inquiries.of_case(session, case)] == ["sent", "withdrawn"] and second.number
    for unit in ("hangzhou", "nowhere", ""):
        engine.fire(record_inquiries.open_of(session, case), "withdraw", actor("reviewer"), inputs={"comment": "再写"})
        with pytest.raises(InvalidInput, match="保管记录的社区"):
            proofs.asked(session, actor, case, unit)
        proofs.asked(session, actor, case)


# --- Rules and conditions


def test_every_condition_named_by_a_paper_is_known():
    for paper in load_all().values():
        assert paper_conditions.unknown(paper.terms.conditions) == [], paper.id


def test_rules_are_changed_by_whom_they_belong_to_with_a_reason(session, actor):
    with pytest.raises(Forbidden):
        paper_rules.change(session, actor("window.clerk"), {"inquiry_days": "3"}, "x")
    for given, reason, field in (
        ({"inquiry_days": "0"}, "x", "inquiry_days"),
        ({"only_child_until": "2015-02-30"}, "x", "only_child_until"),
        ({"only_child_until": "1970-01-01"}, "x", "only_child_until"),
        ({"nothing": "1"}, "x", "nothing"),
        ({"inquiry_days": "3"}, " ", "reason"),
    ):
        with pytest.raises(InvalidInput) as refused:
            paper_rules.change(session, actor("catalogue.manager"), given, reason)
        assert set(refused.value.errors) == {field}
    assert paper_rules.change(session, actor("catalogue.manager"), {"inquiry_days": "3"}, "试行") == ["inquiry_days"]
    assert paper_rules.get(session, "inquiry_days") == 3
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "paper_rule:change")).one()
    assert entry.details == {"key": "inquiry_days", "from": "5", "to": "3"} and entry.comment == "试行"
