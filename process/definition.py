"""What a definition says, as records: states, transitions, guards, clocks, branches, worklists. `parsing.py` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

TRIGGERS = ("user", "automatic", "timer")
TONES = ("waiting", "running", "needs", "late", "done")
INPUT_KINDS = (
    "text",
    "longtext",
    "choice",
    "bool",
    "number",
    "date",
    "datetime",
    "person",
    "agency",
    "lines",
    "signature",
    "photos",
    "code",
    "checks",
)
SPECIAL_TOKENS = ("owner", "assignee", "applicant", "anyone")
RELATIONS = ("origin", "addressee")
# Who may act, found at the moment of acting and not by a fixed role: the head of the unit that has the thing, the leader of
# the applicant's grid, and `did:STEP`, whoever did that step last. For guards only: lists cannot be narrowed by them.
MOMENTARY_TOKENS = ("head", "grid_leader_of_applicant")
DID = "did:"
JOINS = ("all", "any", "ratio")


@dataclass(frozen=True)
class Title:
    zh: str
    en: str

    def text(self, locale: str = "zh_Hans_CN") -> str:
        return self.en if locale.startswith("en") and self.en else self.zh


@dataclass(frozen=True)
class Permission:
    roles: tuple[str, ...]
    acquire: bool = False


@dataclass(frozen=True)
class Due:
    """When a thing in this state is late: a clock, working days from entry, hours from entry, or a column of the thing."""

    clock: str | None = None
    working_days: int | None = None
    hours: int | None = None
    field: str | None = None


@dataclass(frozen=True)
class Branch:
    """One of the things that go on side by side in a state: an opinion to give, or an object of its own to be finished."""

    id: str
    title: Title
    roles: tuple[str, ...] = ()
    # A field of the thing that names the agency where the roles must be held; without it the thing's own place.
    unit: str = ""
    # The type of the object that is made and waited for; without it somebody of the roles agrees or refuses.
    type: str = ""
    # Terminal states of that object that count as a refusal.
    refused_in: tuple[str, ...] = ()
    working_days: int | None = None


@dataclass(frozen=True)
class Branches:
    """Side by side: opened on entering the state, joined by all, any or a share of them. A refused one stops no other."""

    join: str
    done: str
    of: tuple[Branch, ...] = ()
    # `addressees`: one branch for each addressee of the thing, with the roles of `every`.
    every: Branch | None = None
    share: float = 1.0
    refused: str | None = None
    different_people: bool = False


@dataclass(frozen=True)
class After:
    """When a timer rings: working days or hours after the state was entered, or when the deadline of the state is over."""

    working_days: int | None = None
    hours: int | None = None
    deadline: bool = False


@dataclass(frozen=True)
class State:
    id: str
    title: Title
    tone: str
    terminal: bool
    permissions: Mapping[str, Permission]
    due: Due | None = None
    stage: str = ""
    # On the usual way from the first state to the last; the others are detours.
    usual: bool = True
    branches: Branches | None = None


@dataclass(frozen=True)
class Guard:
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    predicates: tuple[str, ...] = ()
    different_person_than: tuple[str, ...] = ()


@dataclass(frozen=True)
class Input:
    name: str
    kind: str
    title: Title
    required: bool = False
    options: tuple[tuple[str, Title], ...] = ()
    help: str = ""
    maximum: int | None = None
    # When a requirement asks for it although it is not required: said beside its name.
    asked_when: Title | None = None


@dataclass(frozen=True)
class Transition:
    id: str
    title: Title
    sources: tuple[str, ...]
    to: str | None
    guard: Guard
    trigger: str = "user"
    inputs: tuple[Input, ...] = ()
    requires: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()
    # `delegation:receive` — may also be fired by that step of another thing, without a guard of its own.
    triggered_by: tuple[str, ...] = ()
    primary: bool = False
    dangerous: bool = False
    # Leads back to an earlier step: needs a reason, and the thing returns to whoever had it there.
    back: bool = False
    after: After | None = None


@dataclass(frozen=True)
class Clock:
    id: str
    title: Title
    days: int | None
    duration: str | None
    start: tuple[str, ...]
    pause: tuple[str, ...]
    stop: tuple[str, ...]


@dataclass(frozen=True)
class Worklist:
    id: str
    title: Title
    match: Mapping[str, tuple[str, ...]]
    guard: Guard


@dataclass(frozen=True)
class Definition:
    id: str
    title: Title
    initial: str
    permissions: tuple[str, ...]
    states: Mapping[str, State]
    transitions: Mapping[str, Transition]
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    worklists: Mapping[str, Worklist] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict, compare=False)
    digest: str = ""

    def exits(self, state: str) -> list[Transition]:
        return self._exits[state]

    @cached_property
    def _exits(self) -> dict[str, list[Transition]]:
        return {sid: [t for t in self.transitions.values() if sid in t.sources] for sid in self.states}

    @cached_property
    def joined(self) -> frozenset[str]:
        """Transitions that a join fires, and nobody else."""
        branches = [state.branches for state in self.states.values() if state.branches]
        return frozenset(t for b in branches for t in (b.done, b.refused) if t)

    def normal_form(self, locale: str = "zh_Hans_CN") -> dict[str, Any]:
        """The outside contract of `process show … --json`."""

        def guard(g: Guard) -> dict[str, Any]:
            named = [*g.predicates, *(f"different_person_than:{step}" for step in g.different_person_than)]
            return {
                "permissions": list(g.permissions),
                "roles": list(g.roles),
                "groups": list(g.groups),
                "expression": " and ".join(named) or None,
            }

        return {
            "id": self.id,
            "title": self.title.text(locale),
            "initial": self.initial,
            "state_variable": "state",
            "permissions": list(self.permissions),
            "states": {
                s.id: {
                    "title": s.title.text(locale),
                    "transitions": [t.id for t in self.exits(s.id)],
                    "permissions": {
                        name: {"roles": list(p.roles), "acquire": p.acquire} for name, p in s.permissions.items()
                    },
                    "group_roles": {},
                    "variables": {},
                }
                for s in self.states.values()
            },
            "transitions": {
                t.id: {
                    "title": t.title.text(locale),
                    "to": t.to,
                    "trigger": t.trigger,
                    "guard": guard(t.guard),
                    "variables": {},
                    "supported": True,
                }
                for t in self.transitions.values()
            },
            "variables": {},
            "worklists": {
                w.id: {
                    "title": w.title.text(locale),
                    "match": {k: list(v) for k, v in w.match.items()},
                    "guard": guard(w.guard),
                }
                for w in self.worklists.values()
            },
            "warnings": [],
        }
