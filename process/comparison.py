"""What two versions of a definition differ in, said in rows a person can read: added, removed, changed, and from what to what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from process.access import VIEW, VIEW_FULL, allowed_tokens
from process.definition import Definition, Guard, State, Transition

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
COMPARED = (VIEW, VIEW_FULL, "edit", "attach", "internal", "print")


@dataclass(frozen=True)
class Difference:
    """One thing that differs: `what` is state, transition, clock or worklist, `part` the key below it ('' for all of it)."""

    kind: str
    what: str
    id: str
    part: str = ""
    old: str = ""
    new: str = ""


@dataclass(frozen=True)
class AccessChange:
    """Tokens that hold a permission in a state of the new version and did not before, or the other way round."""

    state: str
    new_state: str
    permission: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]


def differences(old: Definition, new: Definition) -> list[Difference]:
    """Everything that differs, in the order of the new version, the removed last."""
    found = [
        Difference(CHANGED, "definition", new.id, part, before, after)
        for part, before, after in (
            ("title", old.title.zh, new.title.zh),
            ("initial", old.initial, new.initial),
        )
        if before != after
    ]
    for what, before, after, parts in (
        ("state", old.states, new.states, _state_parts),
        ("transition", old.transitions, new.transitions, _transition_parts),
        ("clock", old.clocks, new.clocks, _plain_parts),
        ("worklist", old.worklists, new.worklists, _plain_parts),
    ):
        found += _compared(what, before, after, parts)
    return found


def _compared(
    what: str, old: Mapping[str, Any], new: Mapping[str, Any], parts: Callable[[Any], Mapping[str, str]]
) -> list[Difference]:
    found: list[Difference] = []
    for key, after in new.items():
        if key not in old:
            found.append(Difference(ADDED, what, key, new=_name(after)))
            continue
        was, now = parts(old[key]), parts(after)
        found += [Difference(CHANGED, what, key, part, was[part], now[part]) for part in now if was[part] != now[part]]
    found += [Difference(REMOVED, what, key, old=_name(old[key])) for key in old if key not in new]
    return found


def _name(part: Any) -> str:
    return part.title.zh


def _state_parts(state: State) -> dict[str, str]:
    granted = {
        f"permissions.{name}": ", ".join(entry.roles) + (" + acquire" if entry.acquire else "")
        for name, entry in state.permissions.items()
    }
    return _Parts(
        {
            "title": f"{state.title.zh} / {state.title.en}",
            "terminal": str(state.terminal).lower(),
            "due": _words(state.due),
            "stage": state.stage,
            "branches": _words(state.branches),
            **granted,
        }
    )


def _transition_parts(step: Transition) -> dict[str, str]:
    return _Parts(
        {
            "title": f"{step.title.zh} / {step.title.en}",
            "from": ", ".join(step.sources),
            "to": step.to or "",
            "trigger": step.trigger + (f" {_words(step.after)}" if step.after else ""),
            "guard": guard_words(step.guard),
            "inputs": ", ".join(f"{i.name}{' *' if i.required else ''} ({i.kind})" for i in step.inputs),
            "requires": ", ".join(step.requires),
            "effects": ", ".join(step.effects),
            "papers": ", ".join(step.papers),
            "triggered_by": ", ".join(step.triggered_by),
            "back": str(step.back).lower(),
        }
    )


def _plain_parts(part: Any) -> dict[str, str]:
    return _Parts({"": _words(part)})


class _Parts(dict[str, str]):
    """A part that one of the two does not have is empty in it."""

    def __missing__(self, key: str) -> str:
        return ""


def guard_words(guard: Guard) -> str:
    """A guard in one line."""
    parts = [
        ("roles", guard.roles),
        ("permissions", guard.permissions),
        ("groups", guard.groups),
        ("predicates", guard.predicates),
        ("different_person_than", guard.different_person_than),
    ]
    return "; ".join(f"{name}: {', '.join(values)}" for name, values in parts if values)


def _words(part: Any) -> str:
    return "" if part is None else str(part)


def access_changes(old: Definition, new: Definition, mapping: Mapping[str, str]) -> list[AccessChange]:
    """For every state of the old version that lives on: who holds which permission there now and did not, or does no longer."""
    found = []
    for state in old.states:
        target = mapping.get(state, state)
        if target not in new.states:
            continue
        for permission in COMPARED:
            before, after = allowed_tokens(old, state, permission), allowed_tokens(new, target, permission)
            if before != after:
                found.append(
                    AccessChange(
                        state, target, permission, tuple(sorted(after - before)), tuple(sorted(before - after))
                    )
                )
    return found
