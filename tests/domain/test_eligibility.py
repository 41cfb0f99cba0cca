"""Home visits: who gets one, on what ground, and what everybody else is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue import loader
from process.eligibility import AGE, CATEGORIES, CONDITIONS, check, item_allows_visit
from process.identity import IdNumber

DAY = date(2026, 11, 22)
SENIOR = loader.item("senior_card")
SUBSIDY = loader.item("disability_living_subsidy")
FERTILITY = loader.item("fertility_registration_card")
OLD = IdNumber.parse("330103194303052043", today=DAY)
YOUNG = IdNumber.parse("330103199406182046", today=DAY)


def test_rule_and_catalogue_agree() -> None:
    assert loader.schemes().home_visit_categories == CATEGORIES
    assert {c.id: c.name for c in loader.schemes().home_visit_conditions} == CONDITIONS
    for item in loader.items().values():
        assert item_allows_visit(item) == item.modes.home_visit


@pytest.mark.req("S0-18")
def test_eighty_by_id_number_needs_no_other_proof() -> None:
    answer = check(SENIOR, person=OLD, on_day=DAY)
    assert (answer.ok, answer.basis, answer.age, answer.basis_zh) == (True, AGE, 83, "80岁以上")
    assert answer.reason == "申请人满83周岁，符合“80岁以上”。"


@pytest.mark.req("S0-18")
def test_eightieth_birthday_is_the_first_day() -> None:
    born = date(1946, 11, 23)
    assert not check(SENIOR, person=born, on_day=DAY).ok
    assert check(SENIOR, person=born, on_day=date(2026, 11, 23)).ok


@pytest.mark.req("S0-18")
@pytest.mark.parametrize("condition", ["bedridden", "limited_mobility", "severe_disability"])
def test_other_conditions_need_a_note_of_proof(condition: str) -> None:
    without = check(SENIOR, person=YOUNG, condition=condition, proof_note="  ", on_day=DAY)
    assert not without.ok and "没有写明依据" in without.reason
    noted = check(SENIOR, person=YOUNG, condition=condition, proof_note="社区医生上门核实", on_day=DAY)
    assert (noted.ok, noted.basis) == (True, condition)
    assert "社区医生上门核实" in noted.reason


@pytest.mark.req("S0-17")
def test_item_outside_the_categories_is_refused_with_other_ways() -> None:
    answer = check(FERTILITY, person=OLD, on_day=DAY)
    assert not answer.ok and "不在上门代办范围内" in answer.reason
    assert answer.alternatives == ("online_mobile", "online_pc", "window_community", "window_street", "proxy")
    assert "手机网上申报" in answer.reason


@pytest.mark.req("S0-17")
@pytest.mark.req("S0-20")
def test_item_named_one_by_one_is_open_although_its_category_is_not() -> None:
    check_item = loader.item("social_insurance_eligibility_check")
    assert check_item.category not in CATEGORIES
    assert check(check_item, person=OLD, on_day=DAY).ok


def test_refusals_say_what_is_missing() -> None:
    assert "未满80周岁" in check(SUBSIDY, person=YOUNG, on_day=DAY).reason
    assert "没有身份证号码" in check(SUBSIDY, person=None, on_day=DAY).reason
    assert "没有“tired”这种上门条件" in check(SUBSIDY, person=OLD, condition="tired", on_day=DAY).reason
    assert check(SUBSIDY, person=None, condition="bedridden", proof_note="医嘱", on_day=DAY).ok


@given(
    st.sampled_from(sorted(loader.items())),
    st.dates(date(1900, 1, 1), DAY),
    st.sampled_from([None, *CONDITIONS]),
    st.sampled_from(["", "医嘱"]),
)
def test_yes_only_with_item_and_ground(item_id: str, born: date, condition: str | None, note: str) -> None:
    item = loader.item(item_id)
    answer = check(item, person=born, condition=condition, proof_note=note, on_day=DAY)
    old = (DAY.year - born.year) - ((DAY.month, DAY.day) < (born.month, born.day)) >= 80
    grounded = old or (condition not in (None, AGE) and note != "")
    assert answer.ok == (item.modes.home_visit and grounded)
    assert bool(answer.basis) == answer.ok == (not answer.alternatives)
    assert answer.reason.endswith("。")


def test_delegation_is_not_offered_for_what_one_must_do_in_person() -> None:
    answer = check(replace(FERTILITY, delegable=False), person=OLD, on_day=DAY)
    assert "proxy" not in answer.alternatives and "委托代办" not in answer.reason
