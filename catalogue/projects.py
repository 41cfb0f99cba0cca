"""标准审批流程图 as shipped: kinds of project with their limit, and the rows each goes through; the same check serves edited charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from catalogue.reading import known, load, record, unique
from catalogue.records import CatalogueError

FILE = "project_charts.yaml"


@dataclass(frozen=True, slots=True)
class Stage:
    """A column of the chart; `after_works` ones lie outside the clock of the approvals."""

    id: str
    name: str
    after_works: bool = False


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One item: whose it is, how many working days it takes, what it waits for."""

    key: str
    name: str
    department: str
    stage: str
    days: int
    agency: str = ""
    after: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    joint: str = ""
    commit: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One kind of project. `number` 0 is the shipped version."""

    key: str
    name: str
    limit: int
    stages: tuple[Stage, ...] = ()
    rows: tuple[ChartRow, ...] = ()
    number: int = 0
    illustrative: bool = True


@dataclass(frozen=True, slots=True)
class SixField:
    """One of the six things that a town's rules of delegation must fix."""

    key: str
    name: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Head:
    key: str
    name: str
    limit: int
    only: tuple[str, ...] = field(default=())


@cache
def charts() -> Mapping[str, Chart]:
    """The shipped charts by key."""
    content = load(FILE)
    stages = tuple(record(Stage, entry, f"{FILE}: stages") for entry in content["stages"])
    rows = tuple(record(ChartRow, entry, f"{FILE}: {entry.get('key')}") for entry in content["rows"])
    found: dict[str, Chart] = {}
    for entry in content["charts"]:
        head = record(_Head, entry, f"{FILE}: {entry.get('key')}")
        known(head.only, [row.key for row in rows], f"{FILE}: {head.key}: only")
        made = Chart(head.key, head.name, head.limit, stages, _only(rows, head.only))
        check(made, f"{FILE}: {head.key}")
        found[head.key] = made
    return MappingProxyType(found)


@cache
def six() -> tuple[SixField, ...]:
    """The six fields of 代办六统一."""
    found = tuple(record(SixField, entry, f"{FILE}: six") for entry in load(FILE)["six"])
    unique((one.key for one in found), f"{FILE}: six")
    return found


def _only(rows: Sequence[ChartRow], kept: Sequence[str]) -> tuple[ChartRow, ...]:
    """Some of the rows; what waited for one left out waits for what that one waited for."""
    if not kept:
        return tuple(rows)
    waits = {row.key: row.after for row in rows}

    def before(key: str) -> list[str]:
        return [found for one in waits[key] for found in ([one] if one in kept else before(one))]

    return tuple(replace(row, after=tuple(dict.fromkeys(before(row.key)))) for row in rows if row.key in kept)


def check(chart: Chart, where: str) -> None:
    """Raises unless every row is there once, in a known stage, and nothing waits for itself in a circle."""
    unique((row.key for row in chart.rows), where)
    known((row.stage for row in chart.rows), [stage.id for stage in chart.stages], f"{where}: stage")
    keys = {row.key for row in chart.rows}
    for row in chart.rows:
        known(row.after, keys, f"{where}: {row.key}: after")
    if order(chart.rows) is None:
        raise CatalogueError(f"{where}: rows wait for each other in a circle")


def order(rows: Sequence[Any]) -> list[str] | None:
    """The keys so that each follows what it waits for; None when some wait for each other."""
    waits = {row.key: {key for key in row.after} for row in rows}
    found: list[str] = []
    while waits:
        free = [key for key, after in waits.items() if after <= set(found)]
        if not free:
            return None
        found += free
        for key in free:
            del waits[key]
    return found


def as_body(chart: Chart) -> dict[str, Any]:
    """The chart as it rests in a version of the office."""
    return {
        "name": chart.name,
        "limit": chart.limit,
        "illustrative": chart.illustrative,
        "stages": [asdict(stage) for stage in chart.stages],
        "rows": [asdict(row) for row in chart.rows],
    }


def from_body(key: str, number: int, body: Mapping[str, Any]) -> Chart:
    """The chart of a version of the office."""
    where = f"{key} {number}"
    return Chart(
        key,
        body["name"],
        body["limit"],
        tuple(record(Stage, entry, where) for entry in body["stages"]),
        tuple(record(ChartRow, entry, where) for entry in body["rows"]),
        number,
        bool(body.get("illustrative")),
    )
