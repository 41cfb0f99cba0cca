"""The published reference cases of tours: reading them, driving a set of routes over one, and asking the product for a plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import hypot
from pathlib import Path
from typing import Any

from services import tour_solver
from services.tour_solver import DETOUR, METRES_A_SECOND, Load, Plan, Runner

FOLDER = Path(__file__).parent / "data" / "tours"
# A unit of way of the cases takes one unit of time; a thousand of our seconds, so that rounding to whole seconds is no matter.
SECONDS = 1000
SCALE = SECONDS * METRES_A_SECOND / DETOUR


@dataclass(frozen=True)
class Stop:
    """One line of a case; `partner`: the other end of the errand, `fetches`: whether this end is the pickup."""

    x: int
    y: int
    demand: int
    ready: int
    due: int
    service: int
    partner: int
    fetches: bool


@dataclass(frozen=True)
class Case:
    """One instance with what is published as best."""

    name: str
    capacity: int
    stops: tuple[Stop, ...]
    best: float
    ways: Sequence[Sequence[int]]

    @property
    def errands(self) -> int:
        return sum(stop.fetches for stop in self.stops)


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("l*.txt"))


def read(name: str) -> Case:
    """A case from its file, with its best known routes."""
    lines = [[int(part) for part in line.split()] for line in (FOLDER / f"{name}.txt").read_text().splitlines()]
    (_, capacity, _), *rows = [line for line in lines if line]
    stops = tuple(Stop(r[1], r[2], r[3], r[4], r[5], r[6], r[7] or r[8], r[8] > 0) for r in rows)
    best = json.loads((FOLDER / "best_known.json").read_text(encoding="utf-8"))["best_known"][name]
    return Case(name, capacity, stops, best["distance"], best["ways"])


def drive(case: Case, ways: Sequence[Sequence[int]]) -> float:
    """The distance of these routes; fails where one is late, carries too much, or forgets or turns round an errand."""
    total, seen = 0.0, set()
    for way in ways:
        at, load, here = 0.0, 0, case.stops[0]
        for number in [*way, 0]:
            there = case.stops[number]
            leg = hypot(here.x - there.x, here.y - there.y)
            total, at = total + leg, max(at + leg, there.ready)
            # Seconds are whole numbers in a plan: a hundred stops may be off by a twentieth of a unit.
            assert at <= there.due + 0.05, f"{case.name}: {number} is reached at {at:.2f}, due {there.due}"
            at, load, here = at + there.service, load + there.demand, there
            assert 0 <= load <= case.capacity
            if number:
                assert number not in seen and (there.fetches or there.partner in way[: way.index(number)])
                seen.add(number)
    assert seen == set(range(1, len(case.stops)))
    return total


def plan(case: Case, couriers: int, patience: timedelta | None) -> tuple[Plan, list[list[int]]]:
    """What the product plans for this case within its patience (None: as long as it takes), and the same as numbers of the case."""
    depot = case.stops[0]

    def spot(stop: Stop) -> tuple[float, float]:
        return stop.x * SCALE, stop.y * SCALE

    def window(stop: Stop) -> tuple[int, int]:
        return stop.ready * SECONDS, stop.due * SECONDS

    runners = [
        Runner(n, spot(depot), 0, depot.due * SECONDS, case.errands, spot(depot), case.capacity)
        for n in range(couriers)
    ]
    loads = []
    for number, stop in enumerate(case.stops):
        if stop.fetches:
            door = case.stops[stop.partner]
            more: dict[str, Any] = {
                "at_fetch": stop.service * SECONDS, "at_door": door.service * SECONDS, "size": stop.demand,
            }  # fmt: skip
            since, until = window(door)
            loads.append(Load(number, spot(stop), spot(door), until, None, since, window(stop), **more))
    found = tour_solver.solve(runners, loads, patience)
    ways = [
        [stop.load if stop.fetches else case.stops[stop.load].partner for stop in found.stops[one.id]]
        for one in runners
    ]
    return found, [way for way in ways if way]
