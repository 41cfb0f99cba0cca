"""What a definition file says, validated as a whole: an error anywhere keeps all of it out of force."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from process.refusals import DefinitionError

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
        return [t for t in self.transitions.values() if state in t.sources]

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


@dataclass(frozen=True)
class Vocabulary:
    """The names a definition may use. Empty sets mean: not checked here."""

    roles: frozenset[str] = frozenset()
    predicates: frozenset[str] = frozenset()
    requirements: frozenset[str] = frozenset()
    effects: frozenset[str] = frozenset()
    durations: frozenset[str] = frozenset()
    papers: frozenset[str] = frozenset()


class _Reader:
    """Walks a YAML mapping and says exactly where something is wrong."""

    def __init__(self, file: str, vocabulary: Vocabulary) -> None:
        self.file, self.vocabulary = file, vocabulary

    def fail(self, key: str, reason: str, hint: str = "") -> DefinitionError:
        return DefinitionError(self.file, key, reason, hint)

    def mapping(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(key, "must be a mapping", f"found {type(value).__name__}")
        return {str(k): v for k, v in value.items()}

    def only(self, data: Mapping[str, Any], key: str, allowed: Iterable[str]) -> None:
        unknown = sorted(set(data) - set(allowed))
        if unknown:
            raise self.fail(f"{key}.{unknown[0]}", "unknown key", f"allowed: {', '.join(allowed)}")

    def names(self, value: Any, key: str, known: Iterable[str] | None = None, kind: str = "name") -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(key, "must be a list of names")
        if known is not None and (allowed := set(known)):
            for name in value:
                if name not in allowed:
                    raise self.fail(key, f"unknown {kind} '{name}'", _nearest(name, allowed))
        return tuple(value)

    def flag(self, data: Mapping[str, Any], name: str, key: str, default: bool = False) -> bool:
        value = data.get(name, default)
        if not isinstance(value, bool):
            raise self.fail(f"{key}.{name}", "must be true or false", f"found {value!r}")
        return value

    def whole(self, value: Any, key: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.fail(key, "must be a whole number from 1")
        return value

    def title(self, value: Any, key: str) -> Title:
        if isinstance(value, dict) and isinstance(value.get("zh"), str) and isinstance(value.get("en"), str):
            return Title(value["zh"], value["en"])
        raise self.fail(key, "a title needs both languages", "{zh: …, en: …}")

    def tokens(self, value: Any, key: str, place: str | None = None) -> tuple[str, ...]:
        tokens = self.names(value, key)
        result = []
        for token in tokens:
            role, _, relation = token.partition("@")
            if role not in SPECIAL_TOKENS and self.vocabulary.roles and role not in self.vocabulary.roles:
                raise self.fail(key, f"unknown role '{role}'", _nearest(role, self.vocabulary.roles))
            if relation and relation not in RELATIONS:
                raise self.fail(key, f"unknown place '{relation}'", f"one of {', '.join(RELATIONS)}")
            result.append(f"{token}@{place}" if place and not relation and role not in SPECIAL_TOKENS else token)
        return tuple(result)


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean '{close[0]}'?" if close else ""


def parse(data: Any, file: str, vocabulary: Vocabulary = Vocabulary()) -> Definition:
    """Reads one workflow definition; raises DefinitionError with file, key and reason."""
    r = _Reader(file, vocabulary)
    body = r.mapping(data, "(top)")
    r.only(
        body,
        "(top)",
        ("id", "title", "initial", "permissions", "states", "transitions", "clocks", "worklists", "notes"),
    )
    for key in ("id", "initial"):
        if not isinstance(body.get(key), str):
            raise r.fail(key, "is missing")
    permissions = r.names(body.get("permissions") or [], "permissions")
    clocks = {cid: _clock(r, cid, spec) for cid, spec in r.mapping(body.get("clocks") or {}, "clocks").items()}
    states = {
        sid: _state(r, sid, spec, permissions, clocks) for sid, spec in r.mapping(body.get("states"), "states").items()
    }
    if body["initial"] not in states:
        raise r.fail("initial", f"unknown state '{body['initial']}'", _nearest(body["initial"], states))
    transitions = {
        tid: _transition(r, tid, spec, states, permissions)
        for tid, spec in r.mapping(body.get("transitions"), "transitions").items()
    }
    for clock in clocks.values():
        r.names([*clock.start, *clock.pause, *clock.stop], f"clocks.{clock.id}", states, "state")
    for transition in transitions.values():
        r.names(
            list(transition.guard.different_person_than),
            f"transitions.{transition.id}.different_person_than",
            transitions,
            "transition",
        )
    worklists = {
        wid: _worklist(r, wid, spec, states, permissions)
        for wid, spec in r.mapping(body.get("worklists") or {}, "worklists").items()
    }
    _check_graph(r, body["initial"], states, transitions)
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()
    return Definition(
        body["id"],
        r.title(body.get("title"), "title"),
        body["initial"],
        permissions,
        states,
        transitions,
        clocks,
        worklists,
        body,
        digest,
    )


def _state(r: _Reader, sid: str, spec: Any, permissions: tuple[str, ...], clocks: Mapping[str, Clock]) -> State:
    key = f"states.{sid}"
    data = r.mapping(spec, key)
    r.only(data, key, ("title", "tone", "terminal", "permissions", "due", "stage", "usual"))
    tone = data.get("tone", "running")
    if tone not in TONES:
        raise r.fail(f"{key}.tone", f"unknown tone '{tone}'", f"one of {', '.join(TONES)}")
    granted = {}
    for name, value in r.mapping(data.get("permissions") or {}, f"{key}.permissions").items():
        if name not in permissions:
            raise r.fail(
                f"{key}.permissions.{name}",
                "is not in the list 'permissions' of this definition",
                _nearest(name, permissions),
            )
        if isinstance(value, list):
            value = {"roles": value}
        value = r.mapping(value, f"{key}.permissions.{name}")
        r.only(value, f"{key}.permissions.{name}", ("roles", "acquire"))
        granted[name] = Permission(
            r.tokens(value.get("roles") or [], f"{key}.permissions.{name}"),
            r.flag(value, "acquire", f"{key}.permissions.{name}"),
        )
    return State(
        sid,
        r.title(data.get("title"), f"{key}.title"),
        tone,
        r.flag(data, "terminal", key),
        granted,
        _due(r, f"{key}.due", data.get("due"), clocks),
        str(data.get("stage", "")),
        r.flag(data, "usual", key, True),
    )


def _due(r: _Reader, key: str, value: Any, clocks: Mapping[str, Clock]) -> Due | None:
    if value is None:
        return None
    data = r.mapping(value, key)
    r.only(data, key, ("clock", "working_days", "hours", "field"))
    if len(data) != 1:
        raise r.fail(key, "needs exactly one of clock, working_days, hours, field")
    if "clock" in data and str(data["clock"]) not in clocks:
        raise r.fail(f"{key}.clock", f"unknown clock '{data['clock']}'", _nearest(str(data["clock"]), clocks))
    for name in ("working_days", "hours"):
        if name in data:
            r.whole(data[name], f"{key}.{name}")
    if "field" in data and not isinstance(data["field"], str):
        raise r.fail(f"{key}.field", "must be the name of a field")
    return Due(**data)


def _guard(r: _Reader, key: str, value: Any, permissions: tuple[str, ...]) -> Guard:
    data = r.mapping(value or {}, key)
    r.only(data, key, ("roles", "permissions", "groups", "place", "predicate", "predicates", "different_person_than"))
    place = data.get("place")
    if place is not None and place not in RELATIONS:
        raise r.fail(f"{key}.place", f"unknown place '{place}'", f"one of {', '.join(RELATIONS)}")
    predicates = [data["predicate"]] if "predicate" in data else data.get("predicates")
    different = data.get("different_person_than")
    return Guard(
        r.tokens(data.get("roles"), f"{key}.roles", place),
        r.names(data.get("permissions"), f"{key}.permissions", permissions, "permission"),
        r.names(data.get("groups"), f"{key}.groups"),
        r.names(predicates, f"{key}.predicate", r.vocabulary.predicates, "predicate"),
        r.names([different] if isinstance(different, str) else different, f"{key}.different_person_than"),
    )


def _transition(
    r: _Reader, tid: str, spec: Any, states: Mapping[str, State], permissions: tuple[str, ...]
) -> Transition:
    key = f"transitions.{tid}"
    data = r.mapping(spec, key)
    r.only(
        data,
        key,
        (
            "title",
            "from",
            "to",
            "guard",
            "trigger",
            "inputs",
            "requires",
            "effects",
            "papers",
            "triggered_by",
            "primary",
            "dangerous",
        ),
    )
    sources = r.names(data.get("from"), f"{key}.from", states, "state")
    if not sources:
        raise r.fail(f"{key}.from", "a transition needs at least one state it leaves from")
    to = data.get("to")
    if to is not None and str(to) not in states:
        raise r.fail(f"{key}.to", f"unknown state '{to}'", _nearest(str(to), states))
    trigger = data.get("trigger", "user")
    if trigger not in TRIGGERS:
        raise r.fail(f"{key}.trigger", f"unknown trigger '{trigger}'", f"one of {', '.join(TRIGGERS)}")
    guard = _guard(r, f"{key}.guard", data.get("guard"), permissions)
    triggered_by = r.names(data.get("triggered_by"), f"{key}.triggered_by")
    if trigger == "user" and not triggered_by and not (guard.roles or guard.permissions or guard.groups):
        raise r.fail(
            f"{key}.guard",
            "nobody could pass it: it names no role, permission or group",
            "say 'anyone' if that is meant",
        )
    inputs = tuple(
        _input(r, f"{key}.inputs.{name}", name, value)
        for name, value in r.mapping(data.get("inputs") or {}, f"{key}.inputs").items()
    )
    return Transition(
        tid,
        r.title(data.get("title"), f"{key}.title"),
        sources,
        to,
        guard,
        trigger,
        inputs,
        r.names(data.get("requires"), f"{key}.requires", r.vocabulary.requirements, "requirement"),
        r.names(data.get("effects"), f"{key}.effects", r.vocabulary.effects, "effect"),
        r.names(data.get("papers"), f"{key}.papers", r.vocabulary.papers, "paper"),
        triggered_by,
        r.flag(data, "primary", key),
        r.flag(data, "dangerous", key),
    )


def _input(r: _Reader, key: str, name: str, value: Any) -> Input:
    data = r.mapping(value, key)
    r.only(data, key, ("kind", "title", "required", "options", "help", "max"))
    if data.get("kind") not in INPUT_KINDS:
        raise r.fail(f"{key}.kind", f"unknown kind '{data.get('kind')}'", f"one of {', '.join(INPUT_KINDS)}")
    options = tuple(
        (oid, r.title(title, f"{key}.options.{oid}"))
        for oid, title in r.mapping(data.get("options") or {}, f"{key}.options").items()
    )
    if data["kind"] in ("choice", "checks") and not options:
        raise r.fail(f"{key}.options", "a choice needs options")
    return Input(
        name,
        data["kind"],
        r.title(data.get("title"), f"{key}.title"),
        r.flag(data, "required", key),
        options,
        str(data.get("help", "")),
        r.whole(data["max"], f"{key}.max") if data.get("max") is not None else None,
    )


def _clock(r: _Reader, cid: str, spec: Any) -> Clock:
    key = f"clocks.{cid}"
    data = r.mapping(spec, key)
    r.only(data, key, ("title", "days", "duration", "start", "pause", "stop"))
    if ("days" in data) == ("duration" in data):
        raise r.fail(key, "needs either days or duration")
    if "days" in data:
        r.whole(data["days"], f"{key}.days")
    if "duration" in data:
        r.names([data["duration"]], f"{key}.duration", r.vocabulary.durations, "duration")
    return Clock(
        cid,
        r.title(data.get("title"), f"{key}.title"),
        data.get("days"),
        data.get("duration"),
        r.names(data.get("start"), f"{key}.start"),
        r.names(data.get("pause"), f"{key}.pause"),
        r.names(data.get("stop"), f"{key}.stop"),
    )


def _worklist(r: _Reader, wid: str, spec: Any, states: Mapping[str, State], permissions: tuple[str, ...]) -> Worklist:
    key = f"worklists.{wid}"
    data = r.mapping(spec, key)
    r.only(data, key, ("title", "match", "guard"))
    match = {
        k: r.names(v if isinstance(v, list) else [v], f"{key}.match.{k}")
        for k, v in r.mapping(data.get("match") or {}, f"{key}.match").items()
    }
    r.names(list(match.get("state", ())), f"{key}.match.state", states, "state")
    return Worklist(
        wid,
        r.title(data.get("title"), f"{key}.title"),
        match,
        _guard(r, f"{key}.guard", data.get("guard"), permissions),
    )


def _check_graph(r: _Reader, initial: str, states: Mapping[str, State], transitions: Mapping[str, Transition]) -> None:
    reached, queue = {initial}, [initial]
    while queue:
        here = queue.pop()
        for transition in transitions.values():
            if here in transition.sources and transition.to and transition.to not in reached:
                reached.add(transition.to)
                queue.append(transition.to)
    for state in states.values():
        if state.id not in reached:
            raise r.fail(f"states.{state.id}", "is unreachable from the initial state")
        leaves = any(state.id in t.sources and t.to not in (None, state.id) for t in transitions.values())
        if not leaves and not state.terminal:
            raise r.fail(f"states.{state.id}", "is a dead end", "mark it terminal: true, or draw a way out")
    for transition in transitions.values():
        if transition.trigger == "automatic" and transition.to in transition.sources:
            raise r.fail(
                f"transitions.{transition.id}", "an automatic transition may not lead back to where it leaves from"
            )
