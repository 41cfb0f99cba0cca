"""The shipped catalogue: published sums, whole references, and errors that name the record."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from catalogue import items as item_reader
from catalogue import loader, people, reading
from catalogue.records import CatalogueError, Role

ITEMS = loader.items()
HOME = [item for item in ITEMS.values() if item.counted]
TODAY = date(2026, 11, 22)


def test_everything_is_read_and_consistent() -> None:
    loader.check()


@pytest.mark.req("S0-03")
def test_eight_categories_hold_eighty_two_items() -> None:
    counts = Counter(item.category for item in HOME)
    assert sorted(counts.values(), reverse=True) == [42, 17, 7, 5, 5, 3, 2, 1]
    assert counts["human_social_security"] == 42 and counts["disability_service"] == 17
    assert len(HOME) == loader.schemes().total == 82
    assert sum(item.placeholder for item in HOME) == 72


@pytest.mark.req("S0-03")
def test_a_wrong_count_is_refused_with_every_sum_that_fails() -> None:
    without = [item for item in HOME if item.id != "senior_card"]
    with pytest.raises(CatalogueError) as refusal:
        item_reader.check_counts(without, loader.schemes())
    assert "category elderly_service: 4, should be 5" in str(refusal.value)
    assert "first batch: 39, should be 40" in str(refusal.value)


@pytest.mark.req("S0-06")
def test_first_batch_is_accepted_at_two_levels() -> None:
    batch = [item for item in HOME if item.batch == "first"]
    assert Counter(item.accept_level for item in batch) == {"village": 18, "street": 22}


@pytest.mark.req("S0-07")
@pytest.mark.req("S0-08")
@pytest.mark.req("S0-09")
def test_once_only_share_before_and_after() -> None:
    reached = Counter(item.once_only for item in HOME if item.batch == "first")
    before, after = reached["before"], reached["before"] + reached["added"]
    assert (before, reached["added"], after, reached["not_yet"]) == (14, 19, 33, 7)
    assert (before / 40, after / 40) == (0.35, 0.825)


@pytest.mark.req("S0-17")
def test_home_visit_categories_hold_twenty_nine_items() -> None:
    categories = loader.schemes().home_visit_categories
    assert categories == {"elderly_service", "social_assistance", "disability_service"}
    assert sum(item.category in categories for item in HOME) == 29
    named = [item.id for item in HOME if item.modes.home_visit and item.category not in categories]
    assert named == ["social_insurance_eligibility_check"]


@pytest.mark.req("S4-15")
def test_direct_items_are_decided_by_the_community() -> None:
    direct = [item for item in HOME if item.direct]
    assert (len(direct), len(HOME) - len(direct)) == (23, 59)
    assert all(item.accept_level == item.decide_level == "village" for item in direct)


@pytest.mark.req("S0-01")
def test_each_of_four_modes_is_offered_by_some_items() -> None:
    offered = Counter(name for item in HOME for name in item.modes.names)
    assert set(offered) == {"online", "home_visit", "nearby", "instant"}
    assert [loader.lists()["service_modes"]["list"]] == [["网上办", "上门办", "就近办", "马上办"]]


def test_sixty_nine_named_items() -> None:
    assert sum(not item.placeholder and not item.illustrative for item in ITEMS.values()) == 69
    assert ITEMS["fertility_registration"].same_as == "fertility_registration_card"
    assert not ITEMS["fertility_registration"].counted
    assert not ITEMS["accounting_certificate"].in_force(TODAY)
    assert not ITEMS["tax_group"].fileable(TODAY) and ITEMS["senior_card"].fileable(TODAY)


def test_named_items_have_careful_materials() -> None:
    card = loader.item("fertility_registration_card")
    assert {m.id for m in card.materials if m.critical} == {
        "wife_id_card", "husband_id_card", "marriage_certificate", "truth_statement",
    }  # fmt: skip
    assert [m.when for m in card.materials if not m.always] == ["双方户籍都不在杭州市的提供"]
    for item in HOME:
        assert item.materials and item.conditions and item.steps and item.fee
        assert any(m.critical for m in item.materials)
        assert "materials" in item.illustrative_fields or item.illustrative


@pytest.mark.req("S0-37")
def test_form_of_the_card_asks_what_the_card_prints() -> None:
    names = [field.name for field in loader.form("fertility_registration_card").fields]
    assert names == [
        "wife_name", "wife_id_number", "wife_household_address", "husband_name", "husband_id_number",
        "husband_household_address", "present_address", "phone", "marriage_certificate_number",
        "marriage_date", "children_count", "child_order", "expected_date",
    ]  # fmt: skip


def test_personal_answers_are_marked_sensitive() -> None:
    for form in loader.forms().values():
        for field in form.fields:
            assert set(field.title) == {"zh", "en"}
            if field.kind in ("id_number", "phone"):
                assert field.sensitive, f"{form.id}: {field.name}"


@pytest.mark.req("S0-02")
@pytest.mark.req("S0-12")
def test_tree_of_the_street() -> None:
    kinds = Counter(o.kind for o in loader.organisations().values())
    assert (kinds["community"], kinds["community_station"], kinds["errand_point"], kinds["grid"]) == (16, 16, 16, 56)
    grids = [o for o in loader.organisations().values() if o.kind == "grid"]
    assert [grid.number for grid in grids] == list(range(1, 57))
    assert loader.path_of("dx-c01-g1") == "hangzhou/xiacheng/dongxin/dx-c01/dx-c01-g1/"
    assert loader.organisation("dongxin").front_office == "dongxin-centre"
    assert loader.organisation("dx-c01").front_office == "dx-c01"
    for community in loader.children("dongxin", "community"):
        assert sum(g.households or 0 for g in loader.children(community.id, "grid")) == community.households


@pytest.mark.req("S2-23")
def test_every_community_has_a_red_point() -> None:
    assert loader.organisation("dongxin-red-station").parent == "dongxin"
    for community in loader.children("dongxin", "community"):
        assert [o.id for o in loader.children(community.id, "errand_point")] == [f"{community.id}-point"]


def test_invented_phones_lead_nowhere() -> None:
    phones = [o.phone for o in loader.organisations().values() if o.phone]
    assert len(phones) == len(set(phones))
    assert all(phone.startswith("0571-0000") for phone in phones)


@pytest.mark.req("S2-24")
def test_demo_accounts() -> None:
    accounts = loader.demo_accounts()
    assert len(accounts) == 26
    assert accounts["lobby.manager"].roles == ("lobby_manager",)
    assert accounts["remote.officer"].roles == ("remote_authority",)
    assert accounts["community.clerk"].roles[:2] == ("community_clerk", "all_round_worker")
    assert {g.place for a in ("window.clerk", "reviewer", "approver", "issuer") for g in accounts[a].grants} == {
        "dongxin-centre"
    }
    for username in ("courier", "courier2"):
        courier = accounts[username].courier
        assert courier and (courier.point, courier.limit) == ("dx-c01-point", 3) and courier.trained_until > TODAY
    assert accounts["resident"].resident in people.known_residents()
    assert people.known_residents()["resident"].name == accounts["resident"].name
    assert len({a.phone for a in accounts.values()}) == len(accounts)


@pytest.mark.req("S0-40")
def test_service_standards_are_ten() -> None:
    standards = loader.lists()["service_standards"]
    assert len(standards["do"]) == len(standards["never"]) == 5


def test_errors_name_file_record_and_key() -> None:
    with pytest.raises(CatalogueError, match=r"roles\.yaml: x: unknown key colour"):
        reading.record(Role, {"id": "x", "colour": 1}, "roles.yaml: x")
    with pytest.raises(CatalogueError, match="missing name, name_en, side, tier"):
        reading.record(Role, {"id": "x"}, "roles.yaml: x")
    with pytest.raises(CatalogueError, match="unknown 'windw'"):
        reading.known(["windw"], loader.channels(), "service item y: channels")
    with pytest.raises(KeyError, match="no service item 'nothing'"):
        loader.item("nothing")


def test_a_key_given_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FOLDER", tmp_path)
    (tmp_path / "twice.yaml").write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match="'a' stands there twice"):
        reading.load("twice.yaml")


def test_promise_may_not_exceed_the_law() -> None:
    slow = replace(loader.item("senior_card"), promised_days=30)
    with pytest.raises(CatalogueError, match="promised 30 days, but the law allows 20"):
        item_reader.check_item(slow, loader.schemes(), ITEMS, loader.forms(), loader.channels(), loader.roles())
