"""What a type says about single fields: hidden, masked or read-only, in which states and for whom.

    fields:
      complainant:
        kind: person_name
        access:
          - {right: hidden, roles: [window_clerk@addressee], states: [forwarded]}
          - {right: masked, except: [complaint_handler]}
          - {right: read_only, states: [decided, closed]}

A rule without `states` holds in every state, one without `roles` for everybody; `except` names whom it spares. Where several
rules meet, the strictest one counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from process.definition import DID, Definition
from process.reading import Reader, nearest
from process.refusals import DefinitionError

OPEN, READ_ONLY, MASKED, HIDDEN = "open", "read_only", "masked", "hidden"
# From the mildest to the strictest.
RIGHTS = (OPEN, READ_ONLY, MASKED, HIDDEN)
KEYS = ("right", "states", "roles", "except")


@dataclass(frozen=True)
class FieldRule:
    """One restriction of one field."""

    right: str
    states: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()


def stricter(one: str, other: str) -> str:
    return max(one, other, key=RIGHTS.index)


def withheld(rules: Iterable[FieldRule]) -> bool:
    """Somebody may not read it: then it rests encrypted, is in no list, and no search finds it."""
    return any(rule.right in (MASKED, HIDDEN) for rule in rules)


def parse(raw: Any, key: str, r: Reader) -> tuple[FieldRule, ...]:
    """The rules of one field; whatever is wrong is named with file and key."""
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise r.fail(key, "must be a list of rules", "- {right: hidden, roles: [window_clerk]}")
    found: list[FieldRule] = []
    for number, one in enumerate(raw):
        at = f"{key}.{number}"
        data = r.mapping(one, at)
        r.only(data, at, KEYS)
        if data.get("right") not in RIGHTS[1:]:
            raise r.fail(f"{at}.right", f"unknown right '{data.get('right')}'", f"one of {', '.join(RIGHTS[1:])}")
        for name in KEYS[1:]:
            if name in data and not data[name]:
                raise r.fail(f"{at}.{name}", "names nobody and nothing", "leave it out where all are meant")
        rule = FieldRule(
            data["right"],
            r.names(data.get("states"), f"{at}.states"),
            r.tokens(data.get("roles"), f"{at}.roles", acting=True),
            r.tokens(data.get("except"), f"{at}.except", acting=True),
        )
        if rule in found:
            raise r.fail(at, "says the same as a rule above it")
        if both := sorted(set(rule.roles) & set(rule.spared)):
            raise r.fail(f"{at}.except", f"'{both[0]}' is both meant and spared")
        found.append(rule)
    return tuple(found)


def check(file: str, fields: Iterable[Any], definition: Definition) -> None:
    """The states of the rules must be states of the process, and the steps of `did:` its steps."""
    for spec in fields:
        for number, rule in enumerate(spec.access):
            at = f"fields.{spec.name}.access.{number}"
            for state in rule.states:
                _known(file, f"{at}.states", state, definition.states, "state")
            for key, tokens in (("roles", rule.roles), ("except", rule.spared)):
                for token in tokens:
                    if token.startswith(DID):
                        _known(file, f"{at}.{key}", token[len(DID) :], definition.transitions, "step")


def _known(file: str, key: str, name: str, known: Iterable[str], what: str) -> None:
    if name not in known:
        raise DefinitionError(file, key, f"unknown {what} '{name}'", nearest(name, known))
