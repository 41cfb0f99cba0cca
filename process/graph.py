"""Whether a definition can be walked: no state out of reach, no dead end, no guard nobody passes, no loop without a person."""

from __future__ import annotations

from collections.abc import Mapping

from process.definition import State, Transition
from process.reading import Reader


def check_graph(
    r: Reader,
    initial: str,
    states: Mapping[str, State],
    transitions: Mapping[str, Transition],
) -> None:
    """Raises DefinitionError at the first state or transition that cannot be lived with."""
    reached, queue = {initial}, [initial]
    while queue:
        here = queue.pop()
        for transition in transitions.values():
            if here in transition.sources and transition.to and transition.to not in reached:
                reached.add(transition.to)
                queue.append(transition.to)
    for state in states.values():
        if state.id not in reached:
            raise r.fail(f"states.{state.id}", "is unreachable from the initial state", "draw a transition to it")
        leaves = any(state.id in t.sources and t.to not in (None, state.id) for t in transitions.values())
        if not leaves and not state.terminal:
            raise r.fail(f"states.{state.id}", "is a dead end", "mark it terminal: true, or draw a way out")
    for transition in transitions.values():
        _check_passable(r, transition, states)
    _check_automatic(r, states, transitions)


def _check_passable(r: Reader, transition: Transition, states: Mapping[str, State]) -> None:
    """A guard by permission that no state it leaves from gives to anybody is passed by nobody."""
    asked = transition.guard.permissions
    if transition.trigger != "user" or not asked:
        return
    for source in transition.sources:
        given = [states[source].permissions.get(name) for name in asked]
        # What a state does not map is the place's to give.
        if all(entry is not None and not entry.roles and not entry.acquire for entry in given):
            raise r.fail(
                f"transitions.{transition.id}.guard.permissions",
                f"nobody could pass it: in state '{source}' no role holds {' or '.join(asked)}",
                f"give it to a role under states.{source}.permissions",
            )


def _check_automatic(r: Reader, states: Mapping[str, State], transitions: Mapping[str, Transition]) -> None:
    """Automatic steps that lead round in a circle would never come to rest."""
    joined = {t for s in states.values() if s.branches for t in (s.branches.done, s.branches.refused)}
    leads = {
        sid: [t for t in transitions.values() if t.trigger == "automatic" and sid in t.sources and t.id not in joined]
        for sid in states
    }
    done: set[str] = set()

    def walk(here: str, trail: tuple[str, ...]) -> None:
        for transition in leads[here]:
            to = transition.to or here
            if to in trail:
                circle = " → ".join([*trail[trail.index(to) :], to])
                raise r.fail(
                    f"transitions.{transition.id}",
                    f"automatic transitions lead round in a circle: {circle}",
                    "let a person or a timer take one of them",
                )
            if to not in done:
                walk(to, (*trail, to))
        done.add(here)

    for sid in states:
        if sid not in done:
            walk(sid, (sid,))
