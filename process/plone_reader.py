"""Reads a GenericSetup `definition.xml` the way Products.DCWorkflow imports it, and says what it could not honour.

Where DCWorkflow itself could not import or begin with a definition, it is refused with file, line and what would be right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from process import plone_xml, tales
from process.plone import (
    PloneDefinition,
    PloneGuard,
    PlonePermission,
    PloneState,
    PloneTransition,
    PloneVariable,
    PloneWorklist,
    identifier,
)
from process.plone_xml import Element
from process.refusals import DefinitionError

ROOT = "dc-workflow"
TRUE = ("true", "yes", "1")
TRIGGERS = {"AUTOMATIC": "automatic", "USER": "user"}
# Older versions knew a third kind, fired by a call of a method; nobody can press it.
BY_METHOD = ("METHOD", "WORKFLOW_METHOD")
VALUES: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": lambda text: _finite(text),
    "bool": lambda text: text.lower() in TRUE,
    "none": lambda text: None,
}
BETWEEN_VALUES = re.compile(r";[ ]*")


Part = TypeVar("Part", PloneTransition, PloneVariable, PloneWorklist)


def read(data: bytes, file: str) -> PloneDefinition:
    """One definition, or a DefinitionError with file, line, reason and hint."""
    return _Reader(file).read(plone_xml.parse(data, file))


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.state_variable = ""
        # In the order of the source, each once.
        self.warnings: dict[str, None] = {}

    def fail(self, element: Element, reason: str, hint: str = "") -> DefinitionError:
        return DefinitionError(self.file, f"line {element.line}", reason, hint)

    def warn(self, text: str) -> None:
        self.warnings.setdefault(text)

    def read(self, top: Element) -> PloneDefinition:
        root = top if top.tag == ROOT else next(top.find(ROOT), None)
        if root is None:
            raise self.fail(
                top, f"the root element is <{top.tag[:40]}>", f"a workflow definition begins with <{ROOT} …>"
            )
        self.state_variable = self.must(root, "state_variable")
        permissions = tuple(self.text(one) for one in root.find("permission"))
        groups = tuple(self.text(one) for one in root.find("group"))
        states: dict[str, PloneState] = {}
        for element in root.find("state"):
            state = self.state(element, states)
            states[state.id] = state
        transitions = self.by_id(root, "transition", self.transition)
        definition = PloneDefinition(
            id=self.must(root, "workflow_id"),
            title=self.attribute(root, "title"),
            description=root.attributes.get("description", ""),
            initial=self.must(root, "initial_state"),
            state_variable=self.state_variable,
            manager_bypass=self.flag(root, "manager_bypass"),
            permissions=permissions,
            groups=groups,
            states=states,
            transitions=transitions,
            variables=self.by_id(root, "variable", self.variable),
            worklists=self.by_id(root, "worklist", self.worklist),
            creation_guard=self.creation_guard(root),
            scripts=tuple(self.must(one, "script_id") for one in root.find("script")),
        )
        self.check(root, definition)
        return replace(definition, warnings=tuple(self.warnings))

    # The parts

    def state(self, element: Element, known: dict[str, PloneState]) -> PloneState:
        sid = self.must(element, "state_id")
        permissions = dict(known[sid].permissions) if sid in known else {}
        if sid in known:
            self.warn(f"state '{sid}' is written twice: the later one holds, permissions of the earlier one stay")
        for entry in element.find("permission-map"):
            roles = tuple(self.text(role) for role in entry.find("permission-role"))
            permissions[self.must(entry, "name", empty=True)] = PlonePermission(roles, self.flag(entry, "acquired"))
        return PloneState(
            sid,
            self.attribute(element, "title"),
            self.description(element),
            tuple(self.must(one, "transition_id", empty=True) for one in element.find("exit-transition")),
            permissions,
            {
                self.must(one, "name", empty=True): tuple(self.text(role) for role in one.find("group-role"))
                for one in element.find("group-map")
            },
            {self.must(one, "name", empty=True): self.value(one) for one in element.find("assignment")},
        )

    def transition(self, element: Element) -> PloneTransition:
        tid = self.must(element, "transition_id")
        written = self.must(element, "trigger")
        if written not in TRIGGERS and written not in BY_METHOD:
            raise self.fail(element, f"transition '{tid}': unknown trigger '{written[:40]}'", "AUTOMATIC or USER")
        guard = self.guard(element, f"transition '{tid}'", "it is closed")
        if written in BY_METHOD:
            self.warn(f"transition '{tid}' is triggered by a method call ({written}); it is closed")
        for hook in ("before_script", "after_script"):
            if element.attributes.get(hook):
                self.warn(f"transition '{tid}': {hook} '{element.attributes[hook]}' is not run")
        return PloneTransition(
            tid,
            self.attribute(element, "title"),
            self.description(element),
            self.must(element, "new_state", empty=True) or None,
            TRIGGERS.get(written, "user"),
            guard,
            {self.must(one, "name", empty=True): self.text(one) for one in element.find("assignment")},
            guard.supported and written in TRIGGERS,
            element.attributes.get("before_script", ""),
            element.attributes.get("after_script", ""),
        )

    def variable(self, element: Element) -> PloneVariable:
        vid = self.must(element, "variable_id")
        default = next(element.find("default"), None)
        expression = next(default.find("expression"), None) if default else None
        value = next(default.find("value"), None) if default else None
        return PloneVariable(
            vid,
            (self.text(expression) if expression else "") or (self.text(value) if value else ""),
            self.flag(element, "for_catalog"),
            self.flag(element, "for_status"),
            self.flag(element, "update_always"),
            self.guard(element, f"variable '{vid}'", "its value is shown to nobody"),
        )

    def worklist(self, element: Element) -> PloneWorklist:
        wid = self.must(element, "worklist_id")
        return PloneWorklist(
            wid,
            self.attribute(element, "title"),
            {
                self.must(one, "name", empty=True): tuple(BETWEEN_VALUES.split(self.must(one, "values", empty=True)))
                for one in element.find("match")
            },
            self.guard(element, f"worklist '{wid}'", "it is shown to nobody"),
        )

    def creation_guard(self, root: Element) -> PloneGuard | None:
        found = self.only_one(root, "instance-creation-conditions")
        if found is None:
            return None
        guard = self.guard(found, "instance-creation-conditions", "nobody may create")
        if not guard.empty:
            self.warn(
                "instance-creation-conditions are asked of the place before there is an object; a walk begins after"
            )
        return guard

    def guard(self, parent: Element, whose: str, consequence: str) -> PloneGuard:
        element = self.only_one(parent, "guard")
        if element is None:
            if parent.tag == "transition":
                self.warn(f"{whose} has no <guard>, which Plone would ask for; it stands open to everybody")
            return PloneGuard()
        written = self.only_one(element, "guard-expression")
        expression = self.text(written) if written else ""
        rule = None
        if expression:
            try:
                rule = tales.read(expression, self.state_variable)
            except tales.Unsupported as error:
                self.warn(f"{whose}: the expression “{expression}” cannot be honoured, {consequence}: {error}")
        return PloneGuard(
            self.names(element, "guard-permission"),
            self.names(element, "guard-role"),
            self.names(element, "guard-group"),
            expression or None,
            rule,
        )

    def names(self, element: Element, tag: str) -> tuple[str, ...]:
        """Several elements and several names in one, separated by semicolons, mean the same."""
        joined = ";".join(self.text(one) for one in element.find(tag))
        return tuple(name.strip() for name in joined.split(";")) if joined else ()

    # Attributes and text

    def must(self, element: Element, name: str, empty: bool = False) -> str:
        value = element.attributes.get(name)
        if value is None:
            raise self.fail(element, f"<{element.tag}> has no attribute {name}", f'write {name}="…"')
        if not value and not empty:
            raise self.fail(element, f"<{element.tag}>: {name} is empty", f'write {name}="…"')
        return value

    def attribute(self, element: Element, name: str) -> str:
        if name not in element.attributes:
            self.warn(f"line {element.line}: <{element.tag}> has no {name}; Plone would ask for one")
        return element.attributes.get(name, "")

    def flag(self, element: Element, name: str) -> bool:
        return element.attributes.get(name, "").lower() in TRUE

    def text(self, element: Element) -> str:
        if ignored := "".join(element.ignored).strip():
            self.warn(f"line {element.line}: Plone does not read CDATA sections, “{ignored}” counts as not written")
        return element.text()

    def description(self, element: Element) -> str:
        found = next(element.find("description"), None)
        return found.text() if found else ""

    def value(self, element: Element) -> Any:
        kind, text = element.attributes.get("type", "string"), self.text(element)
        try:
            return VALUES.get(kind, str)(text)
        except ValueError as error:
            raise self.fail(element, f"the value '{text[:40]}' is no {kind}", "mend the value or its type") from error

    def only_one(self, parent: Element, tag: str) -> Element | None:
        found = list(parent.find(tag))
        if len(found) > 1:
            raise self.fail(found[1], f"<{parent.tag}> holds <{tag}> twice", "one is allowed; join them")
        return found[0] if found else None

    def by_id(self, root: Element, tag: str, make: Callable[[Element], Part]) -> dict[str, Part]:
        """The later of two with one id holds, at the place of the earlier."""
        result: dict[str, Part] = {}
        for element in root.find(tag):
            made = make(element)
            if made.id in result:
                self.warn(f"{tag} '{made.id}' is written twice: the later one holds")
            result[made.id] = made
        return result

    # The whole

    def check(self, root: Element, definition: PloneDefinition) -> None:
        """What hangs together wrongly: refused where DCWorkflow could not begin, otherwise told."""
        if definition.initial not in definition.states:
            known = ", ".join(list(definition.states)[:8]) or "none"
            raise self.fail(root, f"initial_state '{definition.initial[:80]}' is not a state", f"states: {known}")
        permissions, groups = frozenset(definition.permissions), frozenset(definition.groups)
        for state in definition.states.values():
            for one in _missing(state.transitions, definition.transitions):
                self.warn(f"state '{state.id}': exit-transition '{one}' does not exist and is passed over")
            for name in _missing(state.permissions, permissions):
                self.warn(
                    f"state '{state.id}': permission '{name}' is not declared by <permission>, its map has no effect"
                )
            for group in _missing(state.group_roles, groups):
                self.warn(f"state '{state.id}': group '{group}' is not declared by <group>, its map has no effect")
        for transition in definition.transitions.values():
            if transition.to is not None and transition.to not in definition.states:
                self.warn(
                    f"transition '{transition.id}' leads to '{transition.to}', which is no state: taking it fails"
                )
        shared: dict[str, str] = {}
        for name in definition.permissions:
            first = shared.setdefault(identifier(name), name)
            if first != name:
                self.warn(f"permissions '{first}' and '{name}' are one and the same to Zope (only a-z, 0-9 count)")
        loop = _endless(definition)
        if loop:
            raise self.fail(
                root,
                f"automatic transitions without a condition lead round for ever: {' → '.join(loop[:8])}",
                "give one of them a guard, or make it USER",
            )


def _finite(text: str) -> float:
    """JSON has no word for infinity."""
    if not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _missing(names: Iterable[str], known: Container[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name not in known]


def _endless(definition: PloneDefinition) -> list[str]:
    """States that unconditionally pass an object on to each other; with a guard it depends on who acts."""
    follows: dict[str, str] = {}
    for state in definition.states:
        automatic = next((t for t in definition.exits(state) if t.trigger == "automatic"), None)
        if automatic and automatic.guard.empty:
            follows[state] = automatic.to or state
    done: set[str] = set()
    for start in follows:
        way: dict[str, None] = {}
        here: str | None = start
        while here is not None and here not in done and here not in way:
            way[here] = None
            here = follows.get(here)
        if here is not None and here in way:
            around = list(way)
            return [*around[around.index(here) :], here]
        done.update(way)
    return []
