"""A Plone definition as something the drawing knows: its usual way is the longest one without a return."""

from __future__ import annotations

from process.definition import Definition, State, Title, Transition
from process.definition import Guard as OurGuard
from process.plone import PloneDefinition
from process.refusals import DefinitionError

MOST_STATES = 300
SEARCHED = 2000


def drawable(plone: PloneDefinition) -> Definition:
    """For pictures only: nothing is fired by it."""
    if len(plone.states) > MOST_STATES:
        raise DefinitionError(plone.id, "states", f"{len(plone.states)} states are too many for one picture")
    usual = _usual_way(plone)
    rest = [state for state in plone.states if state not in usual]
    sources: dict[str, list[str]] = {tid: [] for tid in plone.transitions}
    for state in plone.states:
        for transition in plone.exits(state):
            sources[transition.id].append(state)
    states = {
        sid: State(
            id=sid,
            title=_title(plone.states[sid].title, sid),
            tone="running" if plone.exits(sid) else "done",
            terminal=not plone.exits(sid),
            permissions={},
            usual=sid in usual,
        )
        for sid in (*usual, *rest)
    }
    transitions = {
        t.id: Transition(
            id=t.id,
            title=_title(t.title, t.id),
            sources=tuple(sources[t.id]),
            to=t.to if t.to in plone.states else None,
            guard=OurGuard(),
            trigger=t.trigger,
        )
        for t in plone.transitions.values()
        if sources[t.id]
    }
    return Definition(
        id=plone.id,
        title=_title(plone.title, plone.id),
        initial=plone.initial,
        permissions=plone.permissions,
        states=states,
        transitions=transitions,
    )


def _title(text: str, fallback: str) -> Title:
    return Title(text or fallback, text or fallback)


def _usual_way(plone: PloneDefinition) -> list[str]:
    """The longest way without a return, as far as a short search finds it; the other states stand beside it."""
    best, waiting = [plone.initial], [[plone.initial]]
    for _ in range(SEARCHED):
        if not waiting:
            break
        way = waiting.pop()
        if len(way) > len(best):
            best = way
        after = dict.fromkeys(t.to for t in plone.exits(way[-1]) if t.to in plone.states and t.to not in way)
        waiting.extend([*way, state] for state in reversed(after) if state is not None)
    return best
