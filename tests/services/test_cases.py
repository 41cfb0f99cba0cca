"""生育登记 from the counter to the card in the hand, with four people, and every no on the way."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.case import Case
from models.content import Content
from models.ledger import JournalEntry
from models.resident import Resident
from process import clock, engine
from process.refusals import Forbidden, InvalidInput, NotAvailable, RequirementUnmet
from services import case_routing, cases, materials, residents
from tests.services.fertility import (
    ALL,
    COLLECTED,
    FORM,
    WIFE,
    accepted,
    approved,
    certificate_of,
    data,
    draw_all,
    opened,
    sheet,
    ticks,
)


@pytest.mark.req("S0-28", "S0-34", "S1-08")
def test_a_couple_walks_from_the_counter_to_the_card(session, actor, person):
    clerk, reviewer, approver, issuer = (actor(name) for name in ("window.clerk", "reviewer", "approver", "issuer"))
    case = opened(session, clerk)
    assert case.title == "生育登记服务卡" and case.number.startswith("DX-") and case.number.endswith("-000001")
    assert (case.state, case.place_id, case.trips, case.channel) == ("draft", "dongxin-centre", 0, "window_street")

    engine.fire(case, "submit", clerk)
    assert (case.trips, case.first_contact_id, case.unit_id, case.deciding_unit_id) == (
        1,
        clerk.person_id,
        "dongxin-centre",
        "dongxin-centre",
    )
    engine.fire(case, "accept", clerk)
    run = clock.current(session, case, "handle")
    assert run is not None and (run.working_days, run.legal_days) == (3, 20) and case.deadline is not None
    engine.fire(case, "review", reviewer, inputs={"materials": ticks(case)})
    engine.fire(case, "approve", approver)
    assert (case.reviewer_id, case.approver_id) == (reviewer.person_id, approver.person_id)

    certificate = certificate_of(session, case)
    assert (certificate.state, certificate.number, certificate.place_id) == ("drafted", None, "dongxin-centre")
    engine.fire(certificate, "number", issuer)
    engine.fire(certificate, "seal", issuer)
    draw_all(session)
    engine.fire(certificate, "print", issuer)
    engine.fire(certificate, "issue", issuer)
    year = clock.local_day(case.filed_at).year
    assert certificate.number == f"SYDX{year}00001"
    assert (certificate.state, case.state) == ("issued", "issued")

    engine.fire(case, "deliver", clerk, inputs={"way": "counter", **COLLECTED})
    assert (certificate.state, case.state, case.closed_at is not None) == ("delivered", "delivered", True)
    assert case.trips == 1, "collecting on the day of filing is the same trip"
    draw_all(session)
    assert sheet(session, case, "delivery_receipt").status == "ready"
    acts = {
        row.action: row.person_id
        for row in session.scalars(select(JournalEntry).where(JournalEntry.content_id == case.id))
    }
    assert len({acts[f"case:{step}"] for step in ("accept", "review", "approve", "issue")}) == 4
    assert {"case:create", "case:submit", "case:deliver"} <= set(acts)


@pytest.mark.req("S1-08")
def test_the_four_stages_stand_on_the_way(session, actor):
    case = accepted(session, actor)
    definition = engine.library.of(case, session)
    usual = [s.stage for s in definition.states.values() if s.usual and s.stage]
    assert list(dict.fromkeys(usual)) == ["前台综合受理", "后台分类审批", "业务内部流转", "统一窗口出件"]


@pytest.mark.req("S0-06", "S4-15")
def test_a_street_item_is_not_accepted_by_the_community_but_carried(session, actor, item):
    street = next(i for i in cases.items_on_offer(session) if i.accept_level == "street" and i.decide_level == "street")
    clerk = actor("community.clerk")
    case = opened(session, clerk, item=street.code, place="dx-c01", materials=[])
    materials.provide(session, case, clerk, [{"code": m.code} for m in case.materials])
    engine.fire(case, "submit", clerk)
    assert case.active_place("addressee") is None and case.unit_id == "dx-c01"
    with pytest.raises(RequirementUnmet, match=r"代办单.*东新街道行政服务中心"):
        engine.fire(case, "accept", clerk)
    assert case.state == "submitted"


@pytest.mark.req("S0-06", "S4-15")
def test_a_direct_item_is_closed_at_the_village(session, actor):
    direct = next(
        i for i in cases.items_on_offer(session) if i.accept_level == "village" and i.decide_level == "village"
    )
    clerk = actor("community.clerk")
    case = opened(session, clerk, item=direct.code, place="dx-c01", materials=[])
    materials.provide(session, case, clerk, [{"code": m.code} for m in case.materials])
    engine.fire(case, "submit", clerk)
    assert case.deciding_unit_id == "dx-c01" and case.active_place("addressee").place_id == "dx-c01"
    engine.fire(case, "accept", clerk)
    engine.fire(case, "review", clerk, inputs={"materials": ticks(case)})
    with pytest.raises(Forbidden, match="另一个人"):
        engine.fire(case, "approve", clerk)


@pytest.mark.req("S0-06")
def test_a_village_item_decided_by_the_street_is_accepted_near_and_waits_for_a_delegation(session, actor):
    clerk = actor("community.clerk")
    case = opened(session, clerk, place="dx-c01")
    engine.fire(case, "submit", clerk)
    engine.fire(case, "accept", clerk)
    assert (case.state, case.active_place("addressee"), case.deciding_unit_id, case.unit_id) == (
        "accepted",
        None,
        "dongxin-centre",
        "dx-c01",
    )
    with pytest.raises(Forbidden):
        engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})


@pytest.mark.req("S1-07")
def test_a_resident_files_online_for_herself_and_the_street_has_it_at_once(session, actor):
    me = actor("resident")
    case = opened(session, me, place="dx-c01", applicant=None)
    assert case.channel == "online_pc" and case.applicant_id == me.resident_id
    engine.fire(case, "submit", me)
    assert (
        case.active_place("addressee").place_id == "dongxin-centre"
        and case.trips == 0
        and case.first_contact_id is None
    )
    with pytest.raises(Forbidden, match="只能为本人"):
        opened(session, me, place="dx-c01", applicant={"name": "骆水珍", "id_number": "330103194303052043"})


@pytest.mark.req("S0-37")
def test_what_is_known_is_not_asked_for_again(session, actor):
    case = opened(session, actor("window.clerk"))
    values = case.values
    assert (
        values["wife_name"] == WIFE["name"]
        and values["wife_id_number"] == WIFE["id_number"]
        and values["phone"] == WIFE["phone"]
    )
    assert values["present_address"] == WIFE["address"]
    assert "wife_id_number" not in case.fields and "wife_id_number" in case.private and "wife_name" in case.fields


def test_every_mistake_of_the_form_is_told_at_once_by_field(session, actor):
    with pytest.raises(InvalidInput) as refusal:
        opened(
            session,
            actor("window.clerk"),
            husband_id_number="330103199209071014",
            marriage_date="2025-02-30",
            children_count=-1,
            applicant={"name": "", "id_number": "110105194912310021", "phone": "123"},
        )
    assert set(refusal.value.errors) == {
        "husband_id_number",
        "marriage_date",
        "children_count",
        "applicant.name",
        "applicant.id_number",
        "applicant.phone",
    }


def test_the_couple_are_two_people_of_the_right_sex(session, actor):
    with pytest.raises(InvalidInput) as refusal:
        opened(session, actor("window.clerk"), husband_id_number=WIFE["id_number"])
    assert "husband_id_number" in refusal.value.errors


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"item": "no_such_item"}, "item"),
        ({"item": None}, "item"),
        ({"place": "moon"}, "place"),
        ({"place": "xiacheng"}, "place"),
        ({"channel": "pigeon"}, "channel"),
        ({"applicant": "林若琳"}, "applicant"),
        ({"materials": [{"code": "sandwich"}]}, "materials[0]"),
        ({"materials": [{"code": "wife_id_card", "sheets": 5000}]}, "materials[0].sheets"),
        ({"materials": [{"code": "wife_id_card", "sheets": "zwei"}]}, "materials[0].sheets"),
    ],
)
def test_bad_input_names_its_field(session, actor, changes, field):
    with pytest.raises(InvalidInput) as refusal:
        opened(session, actor("window.clerk"), **changes)
    assert field in refusal.value.errors and refusal.value.detail


def test_a_clerk_files_only_where_the_clerk_sits(session, actor):
    with pytest.raises(Forbidden):
        opened(session, actor("community.clerk"), place="dx-c02")
    with pytest.raises(Forbidden):
        opened(session, actor("reviewer"))


def test_another_name_for_a_known_id_number_is_refused_without_telling_the_name(session, actor):
    opened(session, actor("window.clerk"))
    with pytest.raises(InvalidInput) as refusal:
        residents.find_or_create(session, {**WIFE, "name": "林若林"})
    assert "林*" in refusal.value.detail and "林若琳" not in refusal.value.detail
    assert residents.find_by_id_number(session, " 330103 19940618 2046 ").name == "林若琳"
    with pytest.raises(InvalidInput):
        residents.find_by_id_number(session, "19940618")
    assert session.scalar(select(Resident).where(Resident.id_index == "330103199406182046")) is None


def test_an_unfinished_form_is_kept_as_a_draft_and_submit_lists_what_is_missing(session, actor):
    clerk = actor("window.clerk")
    case = opened(session, clerk, husband_name=None, marriage_date="")
    with pytest.raises(RequirementUnmet) as refusal:
        engine.fire(case, "submit", clerk)
    assert set(refusal.value.errors) == {"husband_name", "marriage_date"}
    assert case.state == "draft" and case.values["marriage_certificate_number"] == FORM["marriage_certificate_number"]
    cases.update(
        session,
        case,
        clerk,
        {"husband_name": FORM["husband_name"], "marriage_date": "2025-05-20"},
        expected_version=case.version,
    )
    engine.fire(case, "submit", clerk)
    assert case.state == "submitted"


@pytest.mark.req("S0-34")
def test_who_reviewed_may_not_approve(session, actor, person):
    from models.person import Grant

    case = accepted(session, actor)
    two_hats = person("reviewer")
    session.add(Grant(person_id=two_hats.id, role="approver", place_id="dongxin-centre", place_path=case.place_path))
    session.flush()
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    with pytest.raises(Forbidden, match="审核"):
        engine.fire(case, "approve", actor("reviewer"))
    engine.fire(case, "approve", actor("approver"))
    assert case.state == "approved"


def test_a_refused_step_keeps_the_data_of_the_draft(session, actor):
    clerk = actor("window.clerk")
    case = opened(session, clerk)
    session.commit()
    with pytest.raises(NotAvailable):
        engine.fire(case, "accept", clerk)
    session.rollback()
    kept = session.scalars(select(Case).where(Case.uid == case.uid)).one()
    assert kept.values["husband_name"] == FORM["husband_name"] and sum(m.provided for m in kept.materials) == len(ALL)


def test_refused_creations_leave_no_gap_in_the_numbers(session, actor):
    clerk = actor("window.clerk")
    first = opened(session, clerk).number
    session.commit()
    for _ in range(3):
        opened(session, clerk)
        session.rollback()
    second = opened(session, clerk).number
    assert int(second[-6:]) == int(first[-6:]) + 1


def test_the_applicant_alone_rates_and_only_once(session, actor):
    case = approved(session, actor)
    engine.fire(case, "issue", actor("issuer"))
    draw_all(session)
    engine.fire(case, "deliver", actor("window.clerk"), inputs={"collector": "林若琳", **COLLECTED})
    with pytest.raises(Forbidden):
        engine.fire(case, "rate", actor("window.clerk"), inputs={"score": "5"})
    engine.fire(case, "rate", actor("resident"), inputs={"score": "4", "comment": "很快"})
    assert case.rating == 4 and case.state == "delivered"
    with pytest.raises(Forbidden):
        engine.fire(case, "rate", actor("resident"), inputs={"score": "1"})


def test_a_street_is_normalised_to_its_front_office(session, agency):
    assert case_routing.filing_place(session, "dongxin").id == "dongxin-centre"
    assert case_routing.filing_place(session, "dx-c01").id == "dx-c01"


def test_other_stations_see_nothing_of_it(session, actor):
    from process import access

    case = opened(session, actor("community.clerk"), place="dx-c01")
    engine.fire(case, "submit", actor("community.clerk"))
    for name, sees in (
        ("community.clerk", True),
        ("neighbour.clerk", False),
        ("window.clerk", False),
        ("resident", True),
    ):
        seen = session.scalars(access.visible(select(Content).where(Content.id == case.id), actor(name))).all()
        assert bool(seen) is sees, name
    assert data()["item"] == case.item.code
