"""Reads a definition file and validates it as a whole: an error anywhere keeps all of it out of force."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from process.definition import (
    DID,
    INPUT_KINDS,
    JOINS,
    RELATIONS,
    SPECIAL_TOKENS,
    TONES,
    TRIGGERS,
    After,
    Branch,
    Branches,
    Clock,
    Definition,
    Due,
    Guard,
    Input,
    Permission,
    State,
    Transition,
    Worklist,
)
from process.graph import check_graph
from process.reading import UNCHECKED, Reader, Vocabulary, nearest


def parse(data: Any, file: str, vocabulary: Vocabulary = UNCHECKED) -> Definition:
    """Reads one workflow definition; raises DefinitionError with file, key and reason."""
    r = Reader(file, vocabulary)
    body = r.mapping(data, "(top)")
    r.only(
        body,
        "(top)",
        ("id", "title", "initial", "permissions", "states", "transitions", "clocks", "worklists", "notes"),
    )
    for key in ("id", "initial"):
        if not isinstance(body.get(key), str):
            raise r.fail(
                key, "is missing", f"{key}: a name, e.g. the id of {'this process' if key == 'id' else 'a state'}"
            )
    r.identifier(body["id"], "id")
    permissions = r.names(body.get("permissions") or [], "permissions")
    clocks = {cid: _clock(r, cid, spec) for cid, spec in r.named(body.get("clocks") or {}, "clocks").items()}
    states = {
        sid: _state(r, sid, spec, permissions, clocks) for sid, spec in r.named(body.get("states"), "states").items()
    }
    if body["initial"] not in states:
        raise r.fail("initial", f"unknown state '{body['initial']}'", nearest(body["initial"], states))
    transitions = {
        tid: _transition(r, tid, spec, states, permissions)
        for tid, spec in r.named(body.get("transitions"), "transitions").items()
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
        for token in transition.guard.roles:
            if token.startswith(DID):
                r.names([token[len(DID) :]], f"transitions.{transition.id}.guard.roles", transitions, "transition")
    for state in states.values():
        if state.branches:
            _check_joins(r, state, state.branches, transitions)
    worklists = {
        wid: _worklist(r, wid, spec, states, permissions)
        for wid, spec in r.named(body.get("worklists") or {}, "worklists").items()
    }
    check_graph(r, body["initial"], states, transitions)
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


def _check_joins(r: Reader, state: State, branches: Branches, transitions: Mapping[str, Transition]) -> None:
    for name, tid in (("done", branches.done), ("refused", branches.refused)):
        if tid is None:
            continue
        key = f"states.{state.id}.branches.{name}"
        r.names([tid], key, transitions, "transition")
        if transitions[tid].trigger != "automatic" or state.id not in transitions[tid].sources:
            raise r.fail(
                key,
                f"'{tid}' must be an automatic transition that leaves from '{state.id}'",
                f"trigger: automatic, from: [{state.id}]",
            )
        if transitions[tid].guard.predicates:
            raise r.fail(
                f"transitions.{tid}.guard", "the join alone decides, so it takes no predicate", "take the guard away"
            )
    if branches.refused is None:
        leaves = any(t.trigger == "user" and state.id in t.sources and t.to != state.id for t in transitions.values())
        if not leaves:
            raise r.fail(
                f"states.{state.id}.branches",
                "after a refusal nothing would lead on",
                "name a transition under 'refused'",
            )


def _state(r: Reader, sid: str, spec: Any, permissions: tuple[str, ...], clocks: Mapping[str, Clock]) -> State:
    key = f"states.{sid}"
    data = r.mapping(spec, key)
    r.only(data, key, ("title", "tone", "terminal", "permissions", "due", "stage", "usual", "branches"))
    tone = data.get("tone", "running")
    if tone not in TONES:
        raise r.fail(f"{key}.tone", f"unknown tone '{tone}'", f"one of {', '.join(TONES)}")
    granted = {}
    for name, value in r.mapping(data.get("permissions") or {}, f"{key}.permissions").items():
        if name not in permissions:
            raise r.fail(
                f"{key}.permissions.{name}",
                "is not in the list 'permissions' of this definition",
                nearest(name, permissions),
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
        _branches(r, f"{key}.branches", data["branches"]) if data.get("branches") is not None else None,
    )


def _branches(r: Reader, key: str, value: Any) -> Branches:
    data = r.mapping(value, key)
    r.only(data, key, ("join", "done", "refused", "of", "every", "different_people"))
    join: Any = data.get("join", "all")
    share: Any = 1.0
    if isinstance(join, Mapping):
        r.only(join, f"{key}.join", ("ratio",))
        join, share = "ratio", join.get("ratio", 0)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise r.fail(f"{key}.join.ratio", "must be a share above 0 and up to 1", "e.g. 0.5")
    if join not in JOINS:
        raise r.fail(f"{key}.join", f"unknown join '{join}'", "all, any or {ratio: 0.5}")
    if ("of" in data) == ("every" in data):
        raise r.fail(key, "needs either 'of' (named branches) or 'every' (one for each addressee)", "keep one of them")
    named = tuple(
        _branch(r, f"{key}.of.{bid}", bid, spec) for bid, spec in r.named(data.get("of") or {}, f"{key}.of").items()
    )
    if "of" in data and not named:
        raise r.fail(f"{key}.of", "names no branch", "fire: {title: …, roles: […]}")
    if not isinstance(data.get("done"), str):
        raise r.fail(
            f"{key}.done",
            "must name the transition that is taken when the branches are joined",
            "done: an automatic transition",
        )
    refused = data.get("refused")
    if refused is not None and not isinstance(refused, str):
        raise r.fail(
            f"{key}.refused",
            "must name the transition that is taken when the join can no longer be met",
            "refused: an automatic transition",
        )
    every = _branch(r, f"{key}.every", "every", data["every"]) if "every" in data else None
    return Branches(join, data["done"], named, every, float(share), refused, r.flag(data, "different_people", key))


def _branch(r: Reader, key: str, bid: str, spec: Any) -> Branch:
    data = r.mapping(spec, key)
    r.only(data, key, ("title", "roles", "unit", "type", "refused_in", "working_days"))
    roles = r.tokens(data.get("roles"), f"{key}.roles")
    if any("@" in role or role in SPECIAL_TOKENS for role in roles):
        raise r.fail(f"{key}.roles", "must be plain roles, held at the place of the branch", "place it with 'unit'")
    if bool(roles) == ("type" in data):
        raise r.fail(
            key, "needs either roles that answer or the type of the object that is waited for", "roles: […] or type: …"
        )
    for name in ("unit", "type"):
        if name in data and not isinstance(data[name], str):
            raise r.fail(
                f"{key}.{name}", "must be a name", "the id of a field" if name == "unit" else "the id of a type"
            )
    return Branch(
        bid,
        r.title(data.get("title"), f"{key}.title"),
        roles,
        data.get("unit", ""),
        data.get("type", ""),
        r.names(data.get("refused_in"), f"{key}.refused_in"),
        r.whole(data["working_days"], f"{key}.working_days") if data.get("working_days") is not None else None,
    )


def _after(r: Reader, key: str, value: Any) -> After:
    data = r.mapping(value, key)
    r.only(data, key, ("working_days", "hours", "deadline"))
    if len(data) != 1:
        raise r.fail(key, "needs exactly one of working_days, hours, deadline", "e.g. working_days: 3")
    for name in ("working_days", "hours"):
        if name in data:
            r.whole(data[name], f"{key}.{name}")
    if "deadline" in data and data["deadline"] is not True:
        raise r.fail(f"{key}.deadline", "can only be true", "deadline: true")
    return After(**data)


def _due(r: Reader, key: str, value: Any, clocks: Mapping[str, Clock]) -> Due | None:
    if value is None:
        return None
    data = r.mapping(value, key)
    r.only(data, key, ("clock", "working_days", "hours", "field"))
    if len(data) != 1:
        raise r.fail(key, "needs exactly one of clock, working_days, hours, field", "e.g. working_days: 3")
    if "clock" in data and (not isinstance(data["clock"], str) or data["clock"] not in clocks):
        raise r.fail(f"{key}.clock", f"unknown clock '{data['clock']}'", nearest(str(data["clock"]), clocks))
    for name in ("working_days", "hours"):
        if name in data:
            r.whole(data[name], f"{key}.{name}")
    if "field" in data and not isinstance(data["field"], str):
        raise r.fail(f"{key}.field", "must be the name of a field", "e.g. field: visit_on")
    return Due(**data)


def _guard(r: Reader, key: str, value: Any, permissions: tuple[str, ...]) -> Guard:
    data = r.mapping(value or {}, key)
    r.only(data, key, ("roles", "permissions", "groups", "place", "predicate", "predicates", "different_person_than"))
    place = data.get("place")
    if place is not None and place not in RELATIONS:
        raise r.fail(f"{key}.place", f"unknown place '{place}'", f"one of {', '.join(RELATIONS)}")
    predicates = [data["predicate"]] if "predicate" in data else data.get("predicates")
    different = data.get("different_person_than")
    return Guard(
        r.tokens(data.get("roles"), f"{key}.roles", place, acting=True),
        r.names(data.get("permissions"), f"{key}.permissions", permissions, "permission"),
        r.names(data.get("groups"), f"{key}.groups"),
        r.names(predicates, f"{key}.predicate", r.vocabulary.predicates, "predicate"),
        r.names([different] if isinstance(different, str) else different, f"{key}.different_person_than"),
    )


def _transition(
    r: Reader, tid: str, spec: Any, states: Mapping[str, State], permissions: tuple[str, ...]
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
            "back",
            "after",
        ),
    )
    sources = r.names(data.get("from"), f"{key}.from", states, "state")
    if not sources:
        raise r.fail(
            f"{key}.from", "a transition needs at least one state it leaves from", f"from: [{next(iter(states), '…')}]"
        )
    to = data.get("to")
    if to is not None and (not isinstance(to, str) or to not in states):
        raise r.fail(f"{key}.to", f"unknown state '{to}'", nearest(str(to), states))
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
        for name, value in r.named(data.get("inputs") or {}, f"{key}.inputs").items()
    )
    if (trigger == "timer") != (data.get("after") is not None):
        raise r.fail(
            f"{key}.after",
            "a timer needs to know when" if trigger == "timer" else "only a timer waits",
            "trigger: timer and after: {working_days: 3}",
        )
    if trigger != "user" and (guard.roles or guard.permissions or guard.groups or guard.different_person_than):
        raise r.fail(f"{key}.guard", "nobody acts here, so it may ask for predicates only", "or make it trigger: user")
    back = r.flag(data, "back", key)
    if back and not any(i.name == "comment" and i.required for i in inputs):
        raise r.fail(
            f"{key}.inputs.comment",
            "leading back needs a reason",
            "comment: {kind: longtext, required: true, title: …}",
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
        back,
        _after(r, f"{key}.after", data["after"]) if data.get("after") is not None else None,
    )


def _input(r: Reader, key: str, name: str, value: Any) -> Input:
    data = r.mapping(value, key)
    r.only(data, key, ("kind", "title", "required", "options", "help", "max", "asked_when"))
    if data.get("kind") not in INPUT_KINDS:
        raise r.fail(f"{key}.kind", f"unknown kind '{data.get('kind')}'", f"one of {', '.join(INPUT_KINDS)}")
    options = tuple(
        (oid, r.title(title, f"{key}.options.{oid}"))
        for oid, title in r.mapping(data.get("options") or {}, f"{key}.options").items()
    )
    if data["kind"] in ("choice", "checks") and not options:
        raise r.fail(f"{key}.options", "a choice needs options", "options: {yes_please: {zh: …, en: …}}")
    return Input(
        name,
        data["kind"],
        r.title(data.get("title"), f"{key}.title"),
        r.flag(data, "required", key),
        options,
        str(data.get("help", "")),
        r.whole(data["max"], f"{key}.max") if data.get("max") is not None else None,
        r.title(data["asked_when"], f"{key}.asked_when") if data.get("asked_when") is not None else None,
    )


def _clock(r: Reader, cid: str, spec: Any) -> Clock:
    key = f"clocks.{cid}"
    data = r.mapping(spec, key)
    r.only(data, key, ("title", "days", "duration", "start", "pause", "stop"))
    if ("days" in data) == ("duration" in data):
        raise r.fail(key, "needs either days or duration", "e.g. days: 5")
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


def _worklist(r: Reader, wid: str, spec: Any, states: Mapping[str, State], permissions: tuple[str, ...]) -> Worklist:
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
