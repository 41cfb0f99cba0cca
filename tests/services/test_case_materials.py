"""The papers of a case: missing, promised, ticked, asked for once, given back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.delegation import Handover
from models.ledger import Counter
from process import clock, engine
from process.refusals import Forbidden, InvalidInput, RequirementUnmet
from services import materials
from tests.services.fertility import (
    ALL,
    CRITICAL,
    accepted,
    certificate_of,
    opened,
    ticks,
)


def test_everything_missing_is_told_at_once(session, actor):
    clerk = actor("window.clerk")
    case = opened(
        session,
        clerk,
        materials=[
            m for m in ALL if m["code"] not in ("marriage_certificate", "truth_statement", "wife_household_booklet")
        ],
    )
    engine.fire(case, "submit", clerk)
    with pytest.raises(RequirementUnmet, match=r"结婚证.*婚育说明|户口簿") as refusal:
        engine.fire(case, "accept", clerk)
    assert set(refusal.value.errors) == {
        "materials.marriage_certificate",
        "materials.truth_statement",
        "materials.wife_household_booklet",
    }


def test_only_non_critical_papers_may_come_later_and_hold_the_card_back(session, actor):
    clerk = actor("window.clerk")
    case = opened(session, clerk, materials=[m for m in ALL if m["code"] in CRITICAL])
    engine.fire(case, "submit", clerk)
    today = clock.local_day(case.filed_at)
    promise = materials.latest_promise(session, case, today)
    for wrong in (today - timedelta(days=1), promise + timedelta(days=1)):
        with pytest.raises(InvalidInput) as refusal:
            engine.fire(case, "defer", clerk, inputs={"due": wrong.isoformat(), "promise": True})
        assert "due" in refusal.value.errors
    with pytest.raises(InvalidInput):
        engine.fire(case, "defer", clerk, inputs={"due": promise.isoformat(), "promise": False})
    engine.fire(case, "defer", clerk, inputs={"due": promise.isoformat(), "promise": True})
    assert case.state == "accepted_deferred" and len(materials.owed(case)) == 2
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    with pytest.raises(RequirementUnmet, match=r"容缺.*户口簿"), session.begin_nested():
        engine.fire(case, "issue", actor("issuer"))
    session.expire_all()
    for material in materials.owed(case):
        material.provided, material.sheets = True, 1
    engine.fire(case, "issue", actor("issuer"))
    assert case.state == "issued" and certificate_of(session, case).state == "issued"


def test_a_critical_paper_cannot_be_promised(session, actor):
    clerk = actor("window.clerk")
    case = opened(session, clerk, materials=[m for m in ALL if m["code"] != "marriage_certificate"])
    engine.fire(case, "submit", clerk)
    with pytest.raises(RequirementUnmet, match=r"关键材料.*结婚证"):
        engine.fire(case, "defer", clerk, inputs={"due": clock.local_day(case.filed_at).isoformat(), "promise": True})


@pytest.mark.req("S0-27")
def test_the_reviewer_ticks_every_paper(session, actor):
    case = accepted(session, actor)
    reviewer = actor("reviewer")
    with pytest.raises(RequirementUnmet, match="还有 6 份材料没有核对"):
        engine.fire(case, "review", reviewer)
    with pytest.raises(InvalidInput, match="写明缺陷"):
        engine.fire(case, "review", reviewer, inputs={"materials": [{"code": "wife_id_card", "verdict": "rejected"}]})
    engine.fire(case, "review", reviewer, inputs={"materials": ticks(case)})
    assert case.state == "reviewed" and {m.checked_by_id for m in case.materials if m.provided} == {reviewer.person_id}


def test_one_notice_binds_the_office(session, actor):
    case = accepted(session, actor)
    reviewer, clerk = actor("reviewer"), actor("window.clerk")
    engine.fire(
        case,
        "supplement_needed",
        reviewer,
        inputs={"comment": "女方身份证照片模糊，请重拍", "materials": ticks(case, wife_id_card="照片模糊")},
    )
    assert case.state == "supplement" and materials.notices(case)[0]["codes"] == ["wife_id_card"]
    materials.provide(session, case, clerk, [{"code": "wife_id_card", "sheets": 1}])
    engine.fire(case, "supplement", clerk)
    assert case.state == "submitted"
    with pytest.raises(RequirementUnmet, match=r"已一次性告知过.*结婚证"), session.begin_nested():
        engine.fire(
            case,
            "supplement_needed",
            clerk,
            inputs={"comment": "结婚证也不清楚", "materials": ticks(case, marriage_certificate="不清楚")},
        )
    session.expire_all()
    with pytest.raises(RequirementUnmet, match="没有核对出新的问题"), session.begin_nested():
        engine.fire(case, "supplement_needed", clerk, inputs={"comment": "再补一点"})
    session.expire_all()
    engine.fire(
        case,
        "supplement_needed",
        clerk,
        inputs={
            "comment": "新拍的身份证缺反面",
            "materials": [
                {"code": "wife_id_card", "verdict": "rejected", "defect": "缺反面"},
                {"code": "marriage_certificate", "verdict": "accepted"},
            ],
        },
    )
    assert case.state == "supplement" and len(materials.notices(case)) == 2
    materials.provide(session, case, clerk, [{"code": "wife_id_card", "sheets": 2}])
    engine.fire(case, "supplement", clerk)
    engine.fire(case, "accept", clerk)
    numbers = session.scalars(select(Counter.value).where(Counter.series == "acceptance_notice")).all()
    assert case.state == "accepted" and list(numbers) == [1], "the first notice of acceptance still stands"


def test_originals_at_this_counter_go_back_and_others_stop_the_step(session, actor, person):
    clerk = actor("window.clerk")
    case = opened(
        session,
        clerk,
        materials=[{"code": "wife_id_card", "original": True}, {"code": "truth_statement", "original": True}],
    )
    engine.fire(case, "submit", clerk)
    card = next(m for m in case.materials if m.code == "wife_id_card")
    assert card.original_held and card.holder_unit_id == "dongxin-centre"
    card.holder_unit_id, card.holder_person_id = "dx-c01", person("community.clerk").id
    session.flush()
    session.expire(card)
    with pytest.raises(RequirementUnmet, match=r"女方居民身份证.*万家星城社区"):
        engine.fire(case, "reject_intake", clerk, inputs={"comment": "不属于本街道受理范围"})
    card.holder_unit_id, card.holder_person_id = "dongxin-centre", None
    session.flush()
    session.expire(card)
    engine.fire(case, "reject_intake", clerk, inputs={"comment": "不属于本街道受理范围"})
    assert not card.original_held and case.state == "rejected"
    handover = session.scalars(select(Handover).where(Handover.case_id == case.id)).one()
    assert [line.name for line in handover.lines] == ["女方居民身份证"], "the signed statement stays in the file"


def test_posting_the_list_again_changes_nothing_that_did_not_change(session, actor, person):
    clerk = actor("window.clerk")
    case = opened(
        session, clerk, materials=[{"code": "wife_id_card", "original": True}, {"code": "marriage_certificate"}]
    )
    card = next(m for m in case.materials if m.code == "wife_id_card")
    materials.tick(session, case, actor("reviewer"), [{"code": "wife_id_card", "verdict": "accepted"}], case.created_at)
    assert (
        materials.provide(
            session, case, clerk, [{"code": "wife_id_card", "sheets": 1}, {"code": "marriage_certificate"}]
        )
        == []
    )
    assert card.verdict == "accepted" and card.original_held, "silence about the original does not give it back"
    card.holder_unit_id = "dx-c01"
    session.flush()
    session.expire(card)
    with pytest.raises(InvalidInput, match="万家星城社区"):
        materials.provide(session, case, clerk, [{"code": "wife_id_card", "original": False}])
    with pytest.raises(Forbidden):
        materials.provide(session, case, actor("neighbour.clerk"), [{"code": "marriage_certificate"}])
