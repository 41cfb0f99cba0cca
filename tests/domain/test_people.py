"""Invented people: repeatable, valid, never twice, and awkward enough."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from catalogue import loader, people
from process.identity import IdNumber, normalise_phone

MANY = tuple(people.residents(7, 3000))


def test_same_seed_same_people() -> None:
    assert tuple(islice(people.residents(7, 10_000), 50)) == MANY[:50]
    assert tuple(people.residents(8, 50)) != MANY[:50]
    assert people.leaders(7) == people.leaders(7)


def test_every_number_is_valid_and_agrees_with_the_person() -> None:
    for one in (*MANY, *people.known_residents().values()):
        number = IdNumber.parse(one.id_number, today=people.REFERENCE_DAY)
        assert (number.birth_date, number.sex, number.sex_zh) == (one.birth_date, one.sex, one.sex_zh)
        assert normalise_phone(one.phone) == one.phone
        assert loader.organisation(one.grid).parent == one.community
        assert loader.organisation(one.community).name in one.address


def test_id_numbers_never_repeat() -> None:
    count = 20_000
    assert len({one.id_number for one in people.residents(1, count)}) == count


def test_register_bears_rare_and_long_names() -> None:
    every = "".join(one.name for one in MANY)
    assert any(ord(character) > 0xFFFF for character in every) and "䶮" in every and "㛃" in every
    assert max(len(one.name) for one in MANY) >= 10
    assert any(one.name.startswith("欧阳") for one in MANY)


def test_who_may_be_visited_is_recorded_with_a_ground() -> None:
    grounds = Counter(one.condition for one in MANY)
    assert set(grounds) == {"", "age_80", "bedridden", "limited_mobility", "severe_disability"}
    for one in MANY:
        age = IdNumber.parse(one.id_number, today=people.REFERENCE_DAY).age_on(people.REFERENCE_DAY)
        assert (one.condition == "age_80") == (age >= 80)
        assert bool(one.proof_note) == (one.condition not in ("", "age_80"))


@pytest.mark.req("S0-13")
def test_two_leaders_in_every_grid() -> None:
    leaders = people.leaders(7)
    assert len(leaders) == 112
    assert set(Counter(leader.unit for leader in leaders).values()) == {2}
    assert leaders[0].key == "dx-c01-g1-leader-a"


def test_staff_of_every_station() -> None:
    staff = people.station_staff(7)
    assert len(staff) == 64
    everybody = [*staff, *people.leaders(7)]
    assert len({one.key for one in everybody}) == len({one.phone for one in everybody}) == len(everybody)
    assert {one.role for one in everybody} <= set(loader.roles())
    assert {one.unit for one in everybody} <= set(loader.organisations())
