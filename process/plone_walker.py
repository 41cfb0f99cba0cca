"""Walking through a Plone definition as Products.DCWorkflow would lead an object, without Zope and without a database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from process.plone import PloneDefinition, PloneGuard, PlonePermission, PloneTransition, identifier

SIGNED_IN, ANONYMOUS, MANAGER = "Authenticated", "Anonymous", "Manager"


class PloneWalker:
    """An actor with global roles and groups, and one object that this actor has just made.

    The place above the object grants every permission to Manager, and to this actor what the walk names; it knows every
    role the definition speaks of, so the roles a state gives to groups come and go with the state.
    """

    def __init__(
        self,
        definition: PloneDefinition,
        roles: Collection[str],
        permissions: Collection[str] = (),
        groups: Collection[str] = (),
    ) -> None:
        self.definition = definition
        self.roles = tuple(sorted({*roles, SIGNED_IN}))
        self.groups = tuple(sorted(set(groups)))
        self.granted = frozenset(identifier(name) for name in permissions)
        self.managed = frozenset(definition.groups)
        self.state: str | None = None
        self.map: dict[str, PlonePermission] = {}
        self.local: tuple[str, ...] = ()
        self.refused = ""
        self._enter(definition.initial)
        if not self._settle():
            # DCWorkflow would raise while the object is made: there is none.
            self._enter(None)

    # What an expression may ask (process.tales.Asked)

    def roles_everywhere(self) -> tuple[str, ...]:
        return self.roles

    def roles_here(self) -> tuple[str, ...]:
        return self.roles + self.local

    def groups_of(self) -> tuple[str, ...]:
        return self.groups

    def holds(self, permission: str) -> bool:
        """The state's map decides; what it leaves or acquires is the place's."""
        name, here = identifier(permission), frozenset(self.roles_here())
        from_place = name in self.granted or MANAGER in here
        entry = self.map.get(name)
        if entry is None:
            return from_place
        return not here.isdisjoint(entry.roles) or ANONYMOUS in entry.roles or (entry.acquire and from_place)

    # The walk

    def available(self) -> list[PloneTransition]:
        if self.state is None:
            return []
        return [t for t in self.definition.exits(self.state) if t.trigger == "user" and self._open(t)]

    def step(self, transition_id: str) -> bool:
        """A step that ends in an error leaves the object where it was, as the rolled-back request would."""
        found = next((t for t in self.available() if t.id == transition_id), None)
        if found is None:
            return False
        before = self.state
        if self._take(found) and self._settle():
            return True
        self._enter(before)
        return False

    def report(self) -> dict[str, Any]:
        known = self.definition.permissions if self.state is not None else ()
        answer: dict[str, Any] = {
            "state": self.state,
            "available": sorted({t.id for t in self.available()}),
            "permissions": sorted({name for name in known if self.holds(name)}),
        }
        if self.state is None:
            answer["refused"] = self.refused
        return answer

    def _open(self, transition: PloneTransition) -> bool:
        return transition.supported and self._passes(transition.guard)

    def _passes(self, guard: PloneGuard) -> bool:
        here = self.roles_here()
        if guard.empty or (self.definition.manager_bypass and MANAGER in here):
            return True
        if guard.permissions and not any(self.holds(name) for name in guard.permissions):
            return False
        if guard.roles and frozenset(guard.roles).isdisjoint(here):
            return False
        if guard.groups and frozenset(guard.groups).isdisjoint(self.groups):
            return False
        if guard.rule is None:
            return True
        try:
            return bool(guard.rule(self))
        except (TypeError, ValueError, AttributeError, RecursionError):
            # Zope would show an error page: nobody gets through.
            return False

    def _take(self, transition: PloneTransition) -> bool:
        if transition.to is not None:
            if transition.to not in self.definition.states:
                self.refused = transition.id
                return False
            self._enter(transition.to)
        return True

    def _settle(self) -> bool:
        """Automatic transitions, one after the other; coming back to a state means that it would never end."""
        seen = {self.state}
        while self.state is not None:
            exits = self.definition.exits(self.state)
            found = next((t for t in exits if t.trigger == "automatic" and self._open(t)), None)
            if found is None:
                return True
            if not self._take(found):
                return False
            if self.state in seen:
                self.refused = found.id
                return False
            seen.add(self.state)
        return True

    def _enter(self, state: str | None) -> None:
        """The object's permission map and the roles of groups become those of the state."""
        self.state, self.map, self.local = state, {}, ()
        if state is None:
            return
        found = self.definition.states[state]
        for name in sorted(self.definition.permissions):
            entry = found.permissions.get(name)
            if entry is None or (entry.acquire and not entry.roles):
                self.map.pop(identifier(name), None)
            else:
                self.map[identifier(name)] = entry
        self.local = tuple(
            dict.fromkeys(
                role for group in self.groups if group in self.managed for role in found.group_roles.get(group, ())
            )
        )
