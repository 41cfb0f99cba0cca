"""Which errands go with whom in which order: our errands and couriers as a problem for the routing library (VROOM), and its answer back."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import hypot
from types import ModuleType
from typing import Any

from process.refusals import RequirementUnmet

# Walking and by bicycle, in streets that do not run straight.
METRES_A_SECOND, DETOUR = 3.0, 1.3
AT_FETCH, AT_DOOR = 180, 300
PATIENCE = timedelta(seconds=1)
# What all couriers can do; the library wants a number for it.
ANYBODY = 1
OWN = 1000

Point = tuple[float, float]


@dataclass(frozen=True)
class Runner:
    """A courier who sets out from a point between two moments (seconds), with room for some more errands.

    `home`: where the way ends, if it must end somewhere; `carries`: how much at once."""

    id: int
    start: Point
    begin: int
    end: int
    room: int
    home: Point | None = None
    carries: int = 100


@dataclass(frozen=True)
class Load:
    """One errand: fetched here (None: already on somebody's back), brought there, not before and not after, by this courier only."""

    id: int
    fetch: Point | None
    deliver: Point
    until: int | None = None
    only: int | None = None
    since: int | None = None
    # When it can be fetched, how long it takes here and there, how much of what somebody carries it is.
    fetchable: tuple[int, int] | None = None
    at_fetch: int = AT_FETCH
    at_door: int = AT_DOOR
    size: int = 1


@dataclass(frozen=True)
class Stop:
    load: int
    fetches: bool
    at: int
    late: bool = False


@dataclass(frozen=True)
class Plan:
    """The stops of each courier in order, what nobody can take, and the seconds on the way in all."""

    stops: dict[int, list[Stop]]
    left: list[int]
    seconds: int


def seconds_between(one: Point, other: Point) -> int:
    """On foot or by bicycle."""
    return round(hypot(one[0] - other[0], one[1] - other[1]) * DETOUR / METRES_A_SECOND)


def library() -> ModuleType:
    """The routing library; an installation without it plans by hand."""
    try:
        return importlib.import_module("vroom")
    except ImportError as missing:
        raise RequirementUnmet(
            "这台服务器没有装路线规划组件（pyvroom），不能自动排路线。请管理员安装，或在任务板上逐单指派。"
        ) from missing


def solve(runners: Sequence[Runner], loads: Sequence[Load], patience: timedelta | None = PATIENCE) -> Plan:
    """The shortest ways the library finds. What cannot be in time but belongs to somebody goes all the same, marked late.

    `patience`: each search ends then with the best found so far, for somebody waits at the page; None: when it is done."""
    timed = {load.id for load in loads}
    plan = _solve(runners, loads, timed, patience)
    must = {load.id for load in loads if load.only is not None and load.id in plan.left}
    if must:
        timed -= must
        plan = _solve(runners, loads, timed, patience)
    return _fewer(plan, runners, loads, timed, patience)


def _fewer(
    plan: Plan, runners: Sequence[Runner], loads: Sequence[Load], timed: set[int], patience: timedelta | None
) -> Plan:
    """Whoever got nothing stays at home and the rest is planned again: among fewer the library often finds a shorter way."""
    needed = [one for one in runners if plan.stops[one.id]]
    if len(needed) == len(runners) or not needed:
        return plan
    again = _solve(needed, loads, timed, patience)
    if len(again.left) > len(plan.left) or (len(again.left) == len(plan.left) and again.seconds >= plan.seconds):
        return plan
    return Plan({one.id: again.stops.get(one.id, []) for one in runners}, again.left, again.seconds)


def _solve(runners: Sequence[Runner], loads: Sequence[Load], timed: set[int], patience: timedelta | None) -> Plan:
    if not runners or not loads:
        return Plan({one.id: [] for one in runners}, [load.id for load in loads], 0)
    vroom = library()
    numpy = importlib.import_module("numpy")
    points = list(
        dict.fromkeys(
            p
            for p in (
                *(p for one in runners for p in (one.start, one.home)),
                *(p for one in loads for p in (one.fetch, one.deliver)),
            )
            if p is not None
        )
    )
    place = {point: index for index, point in enumerate(points)}
    matrix = [[seconds_between(a, b) for b in points] for a in points]
    problem = vroom.Input()
    problem.set_durations_matrix("car", numpy.array(matrix, dtype="uint32"))
    for runner in runners:
        problem.add_vehicle(
            vroom.Vehicle(
                runner.id,
                start=place[runner.start],
                end=place[runner.home] if runner.home is not None else None,
                capacity=[runner.carries],
                skills={ANYBODY, OWN + runner.id},
                time_window=vroom.TimeWindow(runner.begin, max(runner.end, runner.begin + 1)),
                max_tasks=_tasks(runner, loads),
            )
        )
    begin, finish = min(runner.begin for runner in runners), max(runner.end for runner in runners)
    for load in loads:
        skills = {OWN + load.only} if load.only is not None else {ANYBODY}
        there = {"default_service": load.at_door, **_window(vroom, load, begin, finish, load.id in timed)}
        if load.fetch is None:
            problem.add_job(
                vroom.Job(
                    load.id, location=place[load.deliver], delivery=vroom.Amount([load.size]), skills=skills, **there
                )
            )
        else:
            problem.add_shipment(
                pickup=vroom.ShipmentStep(
                    load.id,
                    location=place[load.fetch],
                    default_service=load.at_fetch,
                    **({"time_windows": [vroom.TimeWindow(*load.fetchable)]} if load.fetchable else {}),
                ),
                delivery=vroom.ShipmentStep(load.id, location=place[load.deliver], **there),
                amount=vroom.Amount([load.size]),
                skills=skills,
            )
    return _read(problem.solve(exploration_level=5, nb_threads=2, timeout=patience), runners, loads)


def _window(vroom: ModuleType, load: Load, begin: int, finish: int, timed: bool) -> dict[str, list[Any]]:
    """Not before, not after; what has no end still ends with the day, what is late already goes when it can."""
    since = max(load.since or begin, begin)
    until = load.until if timed and load.until and load.until > begin else None
    if until is None and (since == begin or since >= finish):
        return {}
    return {"time_windows": [vroom.TimeWindow(min(since, until or since), until or finish)]}


def _tasks(runner: Runner, loads: Sequence[Load]) -> int:
    own = [load for load in loads if load.only == runner.id]
    return 2 * runner.room + sum(1 if load.fetch is None else 2 for load in own)


def _read(solution: object, runners: Sequence[Runner], loads: Sequence[Load]) -> Plan:
    known = {load.id: load for load in loads}
    stops: dict[int, list[Stop]] = {one.id: [] for one in runners}
    found: set[int] = set()
    for row in solution.routes.itertuples():  # type: ignore[attr-defined]
        if row.type not in ("pickup", "delivery", "job"):
            continue
        load, at = known[int(row.id)], int(row.arrival)
        late = row.type != "pickup" and load.until is not None and at > load.until
        stops[int(row.vehicle_id)].append(Stop(load.id, row.type == "pickup", at, late))
        found.add(load.id)
    left = [load.id for load in loads if load.id not in found]
    return Plan(stops, left, int(solution.summary.cost))  # type: ignore[attr-defined]
