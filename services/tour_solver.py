"""Which errands go with whom in which order: our errands and couriers as a problem for the routing library (VROOM), and its answer back."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from types import ModuleType

from process.refusals import RequirementUnmet

# Walking and by bicycle, in streets that do not run straight.
METRES_A_SECOND, DETOUR = 3.0, 1.3
AT_FETCH, AT_DOOR = 180, 300
# What all couriers can do; the library wants a number for it.
ANYBODY = 1
OWN = 1000

Point = tuple[float, float]


@dataclass(frozen=True)
class Runner:
    """A courier who sets out from a point between two moments (seconds), with room for some more errands."""

    id: int
    start: Point
    begin: int
    end: int
    room: int


@dataclass(frozen=True)
class Load:
    """One errand: fetched here (None: already on somebody's back), brought there, until then, by this courier only."""

    id: int
    fetch: Point | None
    deliver: Point
    until: int | None = None
    only: int | None = None


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


def solve(runners: Sequence[Runner], loads: Sequence[Load]) -> Plan:
    """The shortest ways the library finds. What cannot be in time but belongs to somebody goes all the same, marked late."""
    plan = _solve(runners, loads, {load.id for load in loads})
    must = {load.id for load in loads if load.only is not None and load.id in plan.left}
    if must:
        plan = _solve(runners, loads, {load.id for load in loads} - must)
    return plan


def _solve(runners: Sequence[Runner], loads: Sequence[Load], timed: set[int]) -> Plan:
    if not runners or not loads:
        return Plan({one.id: [] for one in runners}, [load.id for load in loads], 0)
    vroom = library()
    numpy = importlib.import_module("numpy")
    points = list(
        dict.fromkeys([*(one.start for one in runners), *(p for one in loads for p in (one.fetch, one.deliver) if p)])
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
                capacity=[100],
                skills={ANYBODY, OWN + runner.id},
                time_window=vroom.TimeWindow(runner.begin, max(runner.end, runner.begin + 1)),
                max_tasks=_tasks(runner, loads),
            )
        )
    begin = min(runner.begin for runner in runners)
    for load in loads:
        skills = {OWN + load.only} if load.only is not None else {ANYBODY}
        windows = (
            [vroom.TimeWindow(begin, load.until)] if load.until and load.until > begin and load.id in timed else []
        )
        there = {"default_service": AT_DOOR, **({"time_windows": windows} if windows else {})}
        if load.fetch is None:
            problem.add_job(
                vroom.Job(load.id, location=place[load.deliver], delivery=vroom.Amount([1]), skills=skills, **there)
            )
        else:
            problem.add_shipment(
                pickup=vroom.ShipmentStep(load.id, location=place[load.fetch], default_service=AT_FETCH),
                delivery=vroom.ShipmentStep(load.id, location=place[load.deliver], **there),
                amount=vroom.Amount([1]),
                skills=skills,
            )
    return _read(problem.solve(exploration_level=5, nb_threads=2), runners, loads)


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
