"""Reading a YAML mapping key by key, and saying exactly where something is wrong and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from process.definition import DID, MOMENTARY_TOKENS, RELATIONS, SPECIAL_TOKENS, Title
from process.refusals import DefinitionError


@dataclass(frozen=True)
class Vocabulary:
    """The names a definition may use. Empty sets mean: not checked here."""

    roles: frozenset[str] = frozenset()
    predicates: frozenset[str] = frozenset()
    requirements: frozenset[str] = frozenset()
    effects: frozenset[str] = frozenset()
    durations: frozenset[str] = frozenset()
    papers: frozenset[str] = frozenset()


UNCHECKED = Vocabulary()
# Days, hours, lengths: more than anybody means, and still a date.
MOST = 1_000_000
LONGEST_TITLE = 120
SHOWN = 12


class Reader:
    """Walks a YAML mapping and says exactly where something is wrong."""

    def __init__(self, file: str, vocabulary: Vocabulary) -> None:
        self.file, self.vocabulary = file, vocabulary

    def fail(self, key: str, reason: str, hint: str = "") -> DefinitionError:
        return DefinitionError(self.file, key, reason, hint)

    def mapping(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(key, "must be a mapping", f"lines of 'name: value', found {_kind(value)}")
        return {str(k): v for k, v in value.items()}

    def named(self, value: Any, key: str) -> dict[str, Any]:
        """A mapping whose keys become ids: in the database, in addresses, in the journal."""
        data = self.mapping(value, key)
        for name in data:
            self.identifier(name, f"{key}.{name[:60]}")
        return data

    def identifier(self, name: str, key: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name):
            raise self.fail(key, "is no id", "a letter, then letters, digits, _ or -, at most 40")
        return name

    def only(self, data: Mapping[str, Any], key: str, allowed: Iterable[str]) -> None:
        unknown = sorted(set(data) - set(allowed))
        if unknown:
            raise self.fail(f"{key}.{unknown[0]}", "unknown key", f"allowed: {', '.join(allowed)}")

    def names(self, value: Any, key: str, known: Iterable[str] | None = None, kind: str = "name") -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(key, "must be a list of names", f"[one, another], found {_kind(value)}")
        if known is not None and (allowed := set(known)):
            for name in value:
                if name not in allowed:
                    raise self.fail(key, f"unknown {kind} '{name}'", nearest(name, allowed))
        return tuple(value)

    def flag(self, data: Mapping[str, Any], name: str, key: str, default: bool = False) -> bool:
        value = data.get(name, default)
        if not isinstance(value, bool):
            raise self.fail(f"{key}.{name}", "must be true or false", f"found {value!r}")
        return value

    def whole(self, value: Any, key: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
            raise self.fail(key, f"must be a whole number from 1 to {MOST}", f"e.g. 5, found {str(value)[:20]}")
        return value

    def title(self, value: Any, key: str) -> Title:
        if isinstance(value, dict) and isinstance(value.get("zh"), str) and isinstance(value.get("en"), str):
            if not value["zh"].strip() or max(len(value["zh"]), len(value["en"])) > LONGEST_TITLE:
                raise self.fail(key, f"a title has 1 to {LONGEST_TITLE} characters", "a few words")
            return Title(value["zh"], value["en"])
        raise self.fail(key, "a title needs both languages", "{zh: …, en: …}")

    def tokens(self, value: Any, key: str, place: str | None = None, *, acting: bool = False) -> tuple[str, ...]:
        """Tokens of a permission map, or (`acting`) of a guard, which may also name people found at the moment of acting."""
        result = []
        for token in self.names(value, key):
            role, _, relation = token.partition("@")
            if role in MOMENTARY_TOKENS or role.startswith(DID):
                if not acting:
                    raise self.fail(key, f"'{token}' is known only at the moment of acting", "use it in a guard")
                result.append(token)
                continue
            if role not in SPECIAL_TOKENS and self.vocabulary.roles and role not in self.vocabulary.roles:
                raise self.fail(key, f"unknown role '{role}'", nearest(role, self.vocabulary.roles))
            if relation and relation not in (*RELATIONS, *(("unit",) if acting else ())):
                raise self.fail(key, f"unknown place '{relation}'", f"one of {', '.join(RELATIONS)}")
            result.append(f"{token}@{place}" if place and not relation and role not in SPECIAL_TOKENS else token)
        return tuple(result)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name: the one that was probably meant, else what there is."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"did you mean '{close[0]}'?"
    listed = ", ".join(sorted(names)[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    return f"one of {listed}" if names else "there is none to name here"


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__
