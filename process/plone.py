"""A Plone workflow as GenericSetup writes it (`definition.xml`): the nouns, and the normal form every definition has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from process.tales import Rule

NOT_IN_AN_IDENTIFIER = re.compile(r"[^a-zA-Z0-9_]")


@lru_cache(maxsize=4096)
def identifier(permission: str) -> str:
    """Under this name Zope keeps a permission at an object; two names that differ only in other letters share it."""
    return NOT_IN_AN_IDENTIFIER.sub("_", permission)


@dataclass(frozen=True)
class PloneGuard:
    """Any of the permissions, any of the roles, any of the groups, and the expression; an empty part asks for nothing."""

    permissions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    expression: str | None = None
    # The expression as something that can be asked; None with an expression means that it cannot be honoured.
    rule: Rule | None = field(default=None, compare=False)

    @property
    def empty(self) -> bool:
        return not (self.permissions or self.roles or self.groups or self.expression)

    @property
    def supported(self) -> bool:
        return self.expression is None or self.rule is not None

    def normal_form(self) -> dict[str, Any]:
        return {
            "permissions": list(self.permissions),
            "roles": list(self.roles),
            "groups": list(self.groups),
            "expression": self.expression,
        }


@dataclass(frozen=True)
class PlonePermission:
    roles: tuple[str, ...]
    acquire: bool


@dataclass(frozen=True)
class PloneState:
    id: str
    title: str
    description: str
    # As written: unknown and repeated ones are kept, and passed over when walking.
    transitions: tuple[str, ...]
    permissions: Mapping[str, PlonePermission]
    group_roles: Mapping[str, tuple[str, ...]]
    variables: Mapping[str, Any]


@dataclass(frozen=True)
class PloneTransition:
    id: str
    title: str
    description: str
    # None: the object stays in its state.
    to: str | None
    trigger: str
    guard: PloneGuard
    variables: Mapping[str, str]
    # False: nobody may take it, because what it asks for cannot be honoured here.
    supported: bool
    before_script: str = ""
    after_script: str = ""


@dataclass(frozen=True)
class PloneVariable:
    id: str
    default: str
    for_catalog: bool
    for_status: bool
    update_always: bool
    guard: PloneGuard


@dataclass(frozen=True)
class PloneWorklist:
    id: str
    title: str
    match: Mapping[str, tuple[str, ...]]
    guard: PloneGuard


@dataclass(frozen=True)
class PloneDefinition:
    """One `definition.xml`, read and checked."""

    id: str
    title: str
    description: str
    initial: str
    state_variable: str
    manager_bypass: bool
    permissions: tuple[str, ...]
    groups: tuple[str, ...]
    states: Mapping[str, PloneState]
    transitions: Mapping[str, PloneTransition]
    variables: Mapping[str, PloneVariable]
    worklists: Mapping[str, PloneWorklist]
    creation_guard: PloneGuard | None = None
    scripts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def exits(self, state: str) -> list[PloneTransition]:
        """The transitions a state lists, in its order, as far as they exist."""
        listed = dict.fromkeys(self.states[state].transitions)
        return [self.transitions[one] for one in listed if one in self.transitions]

    def normal_form(self) -> dict[str, Any]:
        """The outside contract of `process show … --json`."""
        return {
            "id": self.id,
            "title": self.title,
            "initial": self.initial,
            "state_variable": self.state_variable,
            "permissions": list(self.permissions),
            "states": {
                s.id: {
                    "title": s.title,
                    "transitions": list(s.transitions),
                    "permissions": {
                        name: {"roles": list(p.roles), "acquire": p.acquire} for name, p in s.permissions.items()
                    },
                    "group_roles": {group: list(roles) for group, roles in s.group_roles.items()},
                    "variables": dict(s.variables),
                }
                for s in self.states.values()
            },
            "transitions": {
                t.id: {
                    "title": t.title,
                    "to": t.to,
                    "trigger": t.trigger,
                    "guard": t.guard.normal_form(),
                    "variables": dict(t.variables),
                    "supported": t.supported,
                }
                for t in self.transitions.values()
            },
            "variables": {
                v.id: {
                    "default": v.default,
                    "for_catalog": v.for_catalog,
                    "for_status": v.for_status,
                    "update_always": v.update_always,
                }
                for v in self.variables.values()
            },
            "worklists": {
                w.id: {
                    "title": w.title,
                    "match": {name: list(values) for name, values in w.match.items()},
                    "guard": w.guard.normal_form(),
                }
                for w in self.worklists.values()
            },
            "warnings": list(self.warnings),
        }
