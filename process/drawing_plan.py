"""What a drawing of a process holds, before anybody knows where: boxes, steps of the usual way, and lines beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from process.definition import Definition, State, Transition


@dataclass
class Box:
    """A state with its place on the sheet."""

    state: State
    usual: bool
    x: float = 0.0
    y: float = 0.0
    w: float = 0.0
    h: float = 0.0

    @property
    def cx(self) -> float:
        return self.x + self.w / 2

    @property
    def cy(self) -> float:
        return self.y + self.h / 2


@dataclass
class Bus:
    """A transition that is not a step of the usual way: one line from all its sources to its target, named once."""

    transition: Transition
    sources: tuple[str, ...]
    target: str
    ports: dict[tuple[str, bool], float] = field(default_factory=dict)
    track: int = 0

    def ends(self) -> list[tuple[str, bool]]:
        return [*((s, False) for s in self.sources), (self.target, True)]


@dataclass
class Plan:
    """What is drawn, before anybody knows where."""

    definition: Definition
    boxes: dict[str, Box]
    steps: list[tuple[Transition, str, str]]
    buses: list[Bus]
    loops: dict[str, list[Transition]]
    locale: str
    visited: list[str]
    current: str | None

    @property
    def way(self) -> list[str]:
        return [
            *self.visited,
            *([self.current] if self.current and (not self.visited or self.visited[-1] != self.current) else []),
        ]

    def went(self, source: str, target: str) -> bool:
        return (source, target) in set(pairwise(self.way))

    def title(self, thing: State | Transition) -> str:
        return thing.title.text(self.locale)


def plan_of(definition: Definition, locale: str, visited: Sequence[str], current: State | str | None) -> Plan:
    now = current.id if isinstance(current, State) else current
    boxes = {s.id: Box(s, s.usual) for s in definition.states.values()}
    usual = [s.id for s in definition.states.values() if s.usual]
    steps: list[tuple[Transition, str, str]] = []
    taken: set[tuple[str, str]] = set()
    for source, target in pairwise(usual):
        found = [t for t in definition.transitions.values() if source in t.sources and t.to == target]
        if found:
            best = max(found, key=lambda t: t.primary)
            steps.append((best, source, target))
            taken.add((best.id, source))
    buses: list[Bus] = []
    loops: dict[str, list[Transition]] = {}
    for transition in definition.transitions.values():
        left = tuple(s for s in transition.sources if (transition.id, s) not in taken)
        for state in left:
            if transition.to in (None, state):
                loops.setdefault(state, []).append(transition)
        moving = tuple(s for s in left if transition.to not in (None, s))
        if moving and transition.to is not None:
            buses.append(Bus(transition, moving, transition.to))
    known = [s for s in visited if s in boxes]
    return Plan(definition, boxes, steps, buses, loops, locale, known, now if now in boxes else None)


def anchors_of(plan: Plan) -> dict[str, str]:
    """Each detour stands by the usual state from which it is first reached."""
    anchor = {state: state for state, box in plan.boxes.items() if box.usual}
    waiting = [state for state, box in plan.boxes.items() if not box.usual]
    while waiting:
        moved = False
        for state in list(waiting):
            sources = [s for bus in plan.buses if bus.target == state for s in bus.sources if s in anchor]
            if sources:
                anchor[state] = anchor[
                    max(sources, key=lambda s: list(plan.boxes).index(anchor[s]) * (1 if plan.boxes[s].usual else 0))
                ]
                waiting.remove(state)
                moved = True
        if not moved:
            anchor |= {state: next(iter(plan.boxes)) for state in waiting}
            break
    return anchor


def spread(plan: Plan, *, along: str) -> None:
    """Gives every line its own place on the sides of the boxes, so that no two lines lie on each other."""
    middle = {state: (box.cx if along == "x" else box.cy) for state, box in plan.boxes.items()}
    touching: dict[str, list[tuple[Bus, bool]]] = {state: [] for state in plan.boxes}
    for bus in plan.buses:
        for state, incoming in bus.ends():
            touching[state].append((bus, incoming))

    def elsewhere(bus: Bus, state: str) -> float:
        others = [middle[s] for s, _ in bus.ends() if s != state]
        return sum(others) / len(others) if others else middle[state]

    used: list[float] = []
    for state, ends in touching.items():
        box = plan.boxes[state]
        start, size = (box.x, box.w) if along == "x" else (box.y, box.h)
        for index, (bus, incoming) in enumerate(
            sorted(ends, key=lambda end: (elsewhere(end[0], state), end[1])), start=1
        ):
            place = start + size * index / (len(ends) + 1)
            while along == "x" and any(abs(place - other) < 9 for other in used):
                place += 3
            used.append(place)
            bus.ports[(state, incoming)] = place
    for bus in plan.buses:
        _straighten(plan, bus, used, along)


def _straighten(plan: Plan, bus: Bus, used: list[float], along: str) -> None:
    """A line that nearly runs straight runs straight."""
    if len(bus.sources) > 1:
        return
    start, end = bus.ports[(bus.sources[0], False)], bus.ports[(bus.target, True)]
    box = plan.boxes[bus.target]
    low, size = (box.x, box.w) if along == "x" else (box.y, box.h)
    free = not any(abs(start - other) < 9 for other in used if other not in (start, end))
    if free and 0 < abs(start - end) < 24 and low + 8 < start < low + size - 8:
        bus.ports[(bus.target, True)] = start


def tracks(plan: Plan, reach: dict[int, tuple[float, float]]) -> int:
    """Lines whose stretches do not meet share a track; short ones lie nearest to the usual way."""
    rows: list[list[tuple[float, float]]] = []
    for index in sorted(range(len(plan.buses)), key=lambda i: reach[i][1] - reach[i][0]):
        low, high = reach[index]
        row = next((n for n, taken in enumerate(rows) if all(high + 8 < a or b + 8 < low for a, b in taken)), None)
        if row is None:
            row = len(rows)
            rows.append([])
        rows[row].append((low, high))
        plan.buses[index].track = row
    return len(rows)
