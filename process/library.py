"""The definitions in force: types and workflows from YAML, loaded and checked together, and older versions from the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content, WorkflowVersion
from process import field_rules, registry, sources
from process.content_types import ContentType, read
from process.definition import Definition
from process.parsing import parse
from process.reading import Vocabulary
from process.refusals import DefinitionError, NotFound

HERE = Path(__file__).parent


@dataclass
class Library:
    """All definitions of one installation."""

    types: dict[str, ContentType] = field(default_factory=dict)
    workflows: dict[str, Definition] = field(default_factory=dict)
    # As the files have them; versions released in the database may stand in their place in `workflows`.
    shipped: dict[str, Definition] = field(default_factory=dict)
    policy: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # relation of somebody drawn in by name -> permissions
    participants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Posts held by people who do not belong to the administration.
    outside: frozenset[str] = frozenset()
    # Where they were read from, so that a fresh look reads the same.
    folders: tuple[Path, ...] = ()
    _versions: dict[str, Definition] = field(default_factory=dict)

    def of(self, content: Content, session: Session) -> Definition:
        """The definition this thing began with, which need not be today's."""
        return self.version(content.workflow_version, session)

    def version(self, digest: str, session: Session) -> Definition:
        known = self._versions.get(digest)
        if known is None:
            row = session.get(WorkflowVersion, digest)
            if row is None:
                raise NotFound(f"流程定义 {digest[:12]} 不在本系统中，请管理员检查数据是否完整恢复。")
            known = self._versions[digest] = parse(row.body, f"workflow_version:{digest[:12]}")
        return known

    def remember(self, definition: Definition) -> None:
        """Keeps a version at hand that somebody has just read."""
        self._versions[definition.digest] = definition

    def type(self, type_id: str) -> ContentType:
        known = self.types.get(type_id)
        if known is None:
            raise NotFound(f"没有名为“{type_id}”的业务类型。可用的类型有：{'、'.join(sorted(self.types))}。")
        return known

    def store(self, session: Session) -> None:
        """Writes versions the database does not know yet; called once at start and after tests make tables."""
        known = set(session.scalars(select(WorkflowVersion.digest)))
        for definition in self.workflows.values():
            if definition.digest not in known:
                session.add(
                    WorkflowVersion(digest=definition.digest, workflow=definition.id, body=dict(definition.source))
                )
        session.flush()


# The one library of this process; load() fills it. A failed load leaves the running definitions in force.
library = Library()


def vocabulary(roles: frozenset[str] = frozenset(), papers: frozenset[str] = frozenset()) -> Vocabulary:
    return Vocabulary(
        roles,
        frozenset(registry.predicates),
        frozenset(registry.requirements),
        frozenset(registry.effects),
        frozenset(registry.durations),
        papers,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DefinitionError(path.name, f"byte {error.start}", "is not UTF-8", "save it as UTF-8") from error


def read_yaml(path: Path, *, from_outside: bool = True) -> Any:
    return sources.read(_text(path), path.name, from_outside=from_outside)


# A file whose text was read before says the same: whoever makes a second application need not take it apart again.
@lru_cache(maxsize=256)
def _definition(text: str, file: str, names: Vocabulary) -> Definition:
    return parse(sources.read(text, file, from_outside=False), file, names)


@lru_cache(maxsize=256)
def _content_type(text: str, file: str, names: Vocabulary) -> ContentType:
    return read(sources.read(text, file, from_outside=False), file, names)


def load(names: Vocabulary, folders: tuple[Path, ...] = (HERE,)) -> Library:
    """Reads and checks every definition of the folders; only a load without any error replaces what is in force."""
    workflows: dict[str, Definition] = {}
    types: dict[str, ContentType] = {}
    policy: dict[str, tuple[str, ...]] = {}
    participants: dict[str, tuple[str, ...]] = {}
    outside: frozenset[str] = frozenset()
    for folder in folders:
        for path in sorted((folder / "workflows").glob("*.yaml")):
            definition = _definition(_text(path), path.name, names)
            if definition.id in workflows:
                raise DefinitionError(
                    path.name,
                    "id",
                    f"'{definition.id}' is already taken by another file",
                    "give one of the two another id",
                )
            workflows[definition.id] = definition
        for path in sorted((folder / "types").glob("*.yaml")):
            content_type = _content_type(_text(path), path.name, names)
            if content_type.id in types:
                raise DefinitionError(
                    path.name,
                    "id",
                    f"'{content_type.id}' is already taken by another file",
                    "give one of the two another id",
                )
            types[content_type.id] = content_type
        if (folder / "policy.yaml").exists():
            given = read_yaml(folder / "policy.yaml", from_outside=False)
            policy |= _granted(given, "permissions", "roles for each permission")
            participants |= _granted(given, "participants", "permissions for each relation")
            outside |= _posts(given, names)
    check_together(types, workflows)
    library.types, library.workflows, library.shipped = types, workflows, dict(workflows)
    library.policy, library.participants, library.outside = policy, participants, outside
    library.folders = folders
    library._versions |= {d.digest: d for d in workflows.values()}
    return library


def check_together(types: Mapping[str, ContentType], workflows: Mapping[str, Definition]) -> None:
    """What no file can be checked for alone: types name workflows, steps name steps of other things, branches name types."""
    for content_type in types.values():
        if content_type.workflow not in workflows:
            raise DefinitionError(
                f"{content_type.id}.yaml",
                "workflow",
                f"unknown workflow '{content_type.workflow}'",
                f"one of {', '.join(sorted(workflows))}",
            )
        field_rules.check(f"{content_type.id}.yaml", content_type.fields, workflows[content_type.workflow])
    for definition in workflows.values():
        _check_branches(definition, types, workflows)
        for transition in definition.transitions.values():
            for trigger in transition.triggered_by:
                kind, _, step = trigger.partition(":")
                owner = types.get(kind)
                if owner is None or step not in workflows[owner.workflow].transitions:
                    raise DefinitionError(
                        f"{definition.id}.yaml",
                        f"transitions.{transition.id}.triggered_by",
                        f"no step '{trigger}' anywhere",
                        "type:transition, e.g. delegation:receive",
                    )


def _check_branches(
    definition: Definition, types: Mapping[str, ContentType], workflows: Mapping[str, Definition]
) -> None:
    """What a branch waits for must be a type that the kernel can make by itself, and end where the branch says."""
    for state in definition.states.values():
        for branch in (*state.branches.of, *filter(None, [state.branches.every])) if state.branches else ():
            if not branch.type:
                continue
            key, file = f"states.{state.id}.branches.of.{branch.id}", f"{definition.id}.yaml"
            owner = types.get(branch.type)
            if owner is None or owner.kind != "content":
                possible = ", ".join(sorted(t.id for t in types.values() if t.kind == "content"))
                raise DefinitionError(
                    file, f"{key}.type", f"no type '{branch.type}' of kind content", f"one of {possible}"
                )
            for name in branch.refused_in:
                known = workflows[owner.workflow].states
                if name not in known or not known[name].terminal:
                    ends = ", ".join(s.id for s in known.values() if s.terminal)
                    raise DefinitionError(
                        file, f"{key}.refused_in", f"'{name}' is no end of {owner.id}", f"one of {ends}"
                    )


def _granted(data: Any, part: str, what: str) -> dict[str, tuple[str, ...]]:
    granted = data.get(part) if isinstance(data, dict) else None
    if not isinstance(granted, dict) or not all(isinstance(names, list) for names in granted.values()):
        raise DefinitionError("policy.yaml", part, f"must name a list of {what}")
    return {name: tuple(names) for name, names in granted.items()}


def _posts(data: Any, names: Vocabulary) -> frozenset[str]:
    given = data.get("outside", [])
    wrong = [one for one in given if names.roles and one not in names.roles] if isinstance(given, list) else [given]
    if wrong:
        raise DefinitionError(
            "policy.yaml", "outside", f"no such role: {', '.join(map(str, wrong))}", "a list of roles"
        )
    return frozenset(given)
