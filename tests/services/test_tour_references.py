"""Published reference cases: what is called best known really is what it says, and the product comes close to it."""

from __future__ import annotations

import pytest

from tests import tour_cases

# The worst five of all, and one of each family; bench/tours plans all 27.
NEAR = ("lc201", "lr201", "lr204", "lr207", "lrc202", "lrc207", "lrc208")
COURIERS, BOUND = 8, 1.1


@pytest.mark.parametrize("name", tour_cases.names())
def test_the_best_known_routes_can_be_driven_and_are_as_long_as_published(name: str) -> None:
    case = tour_cases.read(name)
    assert 50 <= case.errands <= 53
    assert tour_cases.drive(case, case.ways) == pytest.approx(case.best, abs=0.001)


@pytest.mark.parametrize("name", NEAR)
def test_fifty_errands_with_windows_are_planned_close_to_the_best_known(name: str) -> None:
    case = tour_cases.read(name)
    found, ways = tour_cases.plan(case, COURIERS, None)
    assert not found.left
    assert tour_cases.drive(case, ways) <= BOUND * case.best
