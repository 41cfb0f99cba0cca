"""Walking through a definition without a database: who could go where, step by step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from process.definition import DID, Definition, Guard, Transition
from process.plone import PloneDefinition
from process.plone_walker import PloneWalker

# Everybody, signed in or not; the special token of our own definitions and Plone's name for it.
EVERYBODY = frozenset({"anyone", "Anonymous"})
PLACE_ROLE = "Manager"
MAX_AUTOMATIC = 100


class Walks(Protocol):
    """One imagined thing on its way, whatever kind of definition leads it."""

    def step(self, transition_id: str) -> bool: ...
    def report(self) -> dict[str, Any]: ...


class Walker:
    """Somebody with certain roles and one imagined thing in the initial state."""

    def __init__(
        self,
        definition: Definition,
        roles: Collection[str],
        permissions: Collection[str] = (),
        groups: Collection[str] = (),
    ) -> None:
        self.definition = definition
        self.roles = frozenset(roles) | {"Authenticated"}
        self.place_permissions = frozenset(permissions)
        self.groups = frozenset(groups)
        self.state = definition.initial
        self.taken: set[str] = set()
        self._settle()

    def holds(self, permission: str) -> bool:
        """The state's map decides; what it leaves or acquires is the place's: Manager alone, and what was granted."""
        entry = self.definition.states[self.state].permissions.get(permission)
        from_place = permission in self.place_permissions or PLACE_ROLE in self.roles
        if entry is None:
            return from_place
        named = {token.partition("@")[0] for token in entry.roles}
        return not named.isdisjoint(self.roles | EVERYBODY) or (entry.acquire and from_place)

    def passes(self, guard: Guard) -> bool:
        """Any of the roles, any of the permissions, any of the groups; an empty part asks for nothing."""
        named = {token.partition("@")[0] for token in guard.roles}
        # One actor takes every step of a walk, so whoever did one of them is this actor.
        if named and named.isdisjoint(self.roles | {"anyone"} | {f"{DID}{step}" for step in self.taken}):
            return False
        if guard.permissions and not any(self.holds(name) for name in guard.permissions):
            return False
        if guard.groups and self.groups.isdisjoint(guard.groups):
            return False
        return self.taken.isdisjoint(guard.different_person_than)

    def available(self) -> list[Transition]:
        # A step that only follows from another thing has no guard of its own and is no button.
        return [
            t
            for t in self.definition.exits(self.state)
            if t.trigger == "user" and (t.guard.roles or t.guard.permissions or t.guard.groups) and self.passes(t.guard)
        ]

    def step(self, transition_id: str) -> bool:
        found = next((t for t in self.available() if t.id == transition_id), None)
        if found is None:
            return False
        self._take(found)
        self._settle()
        return True

    def report(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "available": sorted(t.id for t in self.available()),
            "permissions": sorted(name for name in self.definition.permissions if self.holds(name)),
        }

    def _take(self, transition: Transition) -> None:
        self.state = transition.to or self.state
        self.taken.add(transition.id)

    def _settle(self) -> None:
        for _ in range(MAX_AUTOMATIC):
            found = next(
                (t for t in self.definition.exits(self.state) if t.trigger == "automatic" and self.passes(t.guard)),
                None,
            )
            if found is None:
                return
            self._take(found)


def begin(
    definition: Definition | PloneDefinition,
    roles: Collection[str],
    permissions: Collection[str] = (),
    groups: Collection[str] = (),
) -> Walks:
    """A new thing in the initial state, led by our own rules or by Plone's."""
    if isinstance(definition, PloneDefinition):
        return PloneWalker(definition, roles, permissions, groups)
    return Walker(definition, roles, permissions, groups)


def walk(
    definition: Definition | PloneDefinition,
    roles: Sequence[str],
    permissions: Sequence[str] = (),
    groups: Sequence[str] = (),
    steps: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """A report for the start and after each step; one that is not available ends the walk with `refused`."""
    walker = begin(definition, roles, permissions, groups)
    reports = [walker.report()]
    if "refused" in reports[0]:
        return reports
    for step in steps:
        if not walker.step(step):
            reports.append({**walker.report(), "refused": step})
            break
        reports.append(walker.report())
    return reports
