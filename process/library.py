"""The definitions in force: types and workflows from YAML, loaded and checked together, and older versions from the database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content, WorkflowVersion
from process import field_rules, registry, sources
from process.definition import Definition, Title
from process.field_rules import FieldRule
from process.parsing import parse
from process.reading import Reader, Vocabulary
from process.refusals import DefinitionError, NotFound

HERE = Path(__file__).parent
FIELD_KINDS = (
    "text",
    "longtext",
    "date",
    "datetime",
    "choice",
    "bool",
    "number",
    "id_number",
    "phone",
    "person_name",
    "address",
    "agency",
    "item",
    "person",
    "applicant",
    "case",
    "list",
    # Several agencies at once, e.g. everybody who is asked for an opinion.
    "agencies",
)
NO_WORDS = Title("", "")
# These name or locate a person, so they rest encrypted and are masked whether or not the type says `sensitive`.
PERSONAL_KINDS = ("id_number", "phone", "person_name", "address")
# Fields of these names say whose inbox the thing goes to: that place sees it as its addressee.
ADDRESSEE_FIELDS = ("addressee", "addressees", "unit")
# Fields a thing without Python may share with the columns every thing has; any other name of a column would overwrite it.
SHARED_NAMES = ("title", "applicant", "unit")
# Where a process stands on the page of all processes, in this order. Documented in docs/own-processes.md.
GROUPS: Mapping[str, Title] = {
    "intake": Title("受理和办件", "Intake and cases"),
    "delegation": Title("代办和上门", "Delegation and home visits"),
    "field": Title("网格和现场", "Grids and field work"),
    "errand": Title("红色代办", "Red errands"),
    "certificate": Title("证照和文书", "Certificates and papers"),
    "catalogue": Title("事项和目录", "Items and the catalogue"),
    "hotline": Title("热线和诉求", "Hotline and complaints"),
    "supervision": Title("监督和考核", "Supervision and assessment"),
    "enterprise": Title("企业和项目", "Enterprises and projects"),
    "organisation": Title("队伍和管理", "Staff and administration"),
    "other": Title("其他", "Other"),
}


TYPE_KEYS = frozenset(
    {"id", "title", "kind", "workflow", "number", "create", "fields", "papers", "icon", "masked"}
    | {"group", "description", "illustrative", "notes"}
)
FIELD_KEYS = frozenset({"kind", "title", "required", "sensitive", "options", "help", "column", "access"})
# Names with a meaning of their own in API bodies and forms, and those that a form made from the fields has itself.
RESERVED_NAMES = frozenset(
    {"place", "type", "version", "comment", "on_behalf_of", "csrf_token", "actions", "places", "parent"}
    | {"data", "errors", "form_errors", "meta", "process", "validate", "populate_obj", "hidden_tag", "is_submitted"}
    | {"validate_on_submit"}
    | {f"applicant_{part}" for part in ("name", "id_number", "phone", "address", "household_address")}
)
KIND_OF_SHARED: Mapping[str, tuple[str, ...]] = {
    "title": ("text",),
    "applicant": ("applicant",),
    "unit": ("agency",),
    "addressee": ("agency",),
    "addressees": ("agencies",),
}


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    title: Title
    required: bool = False
    sensitive: bool = False
    options: tuple[tuple[str, Title], ...] = ()
    help: str = ""
    # Shown as a column of the list; without any, the first plain fields are.
    column: bool = False
    # Hidden, masked or read-only in some states or for some people; see process/field_rules.py.
    access: tuple[FieldRule, ...] = ()

    @property
    def private(self) -> bool:
        """Rests encrypted, is never listed, and is masked for whoever may not see the contents."""
        return self.sensitive or self.kind in PERSONAL_KINDS or field_rules.withheld(self.access)


@dataclass(frozen=True)
class Series:
    """How a number is made: `prefix` None means the code of the unit (办件 DX-2026-000123)."""

    name: str
    prefix: str | None
    per: str = "district"
    digits: int = 6


@dataclass(frozen=True)
class ContentType:
    id: str
    title: Title
    kind: str
    workflow: str
    series: Series | None
    create: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    papers: tuple[str, ...] = ()
    icon: str = "file"
    # What somebody is told who may see the thing but not its contents (permission view without view_full).
    masked: tuple[str, ...] = ()
    # Where it stands among all processes, what it is in a sentence, and whether the office invented it (示例).
    group: str = "other"
    description: Title = NO_WORDS
    illustrative: bool = False
    # What an administrator should know: which rules of the source are not enforced, and why.
    notes: tuple[str, ...] = ()

    @property
    def generic(self) -> bool:
        """Lives without any Python of its own."""
        return self.kind == "content"

    def field(self, name: str) -> Field | None:
        return next((f for f in self.fields if f.name == name), None)


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
    return _type(sources.read(text, file, from_outside=False), file, names)


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


def _type(data: Any, file: str, names: Vocabulary) -> ContentType:
    if not isinstance(data, dict):
        raise DefinitionError(file, "(top)", "must be a mapping", f"found {type(data).__name__}")

    def title(value: Any, key: str) -> Title:
        if isinstance(value, dict) and {"zh", "en"} <= set(value):
            return Title(value["zh"], value["en"])
        raise DefinitionError(file, key, "a title needs both languages", "{zh: …, en: …}")

    unknown = sorted(set(data) - TYPE_KEYS, key=str)
    if unknown:
        raise DefinitionError(file, str(unknown[0]), "unknown key", f"one of {', '.join(sorted(TYPE_KEYS))}")
    for key in ("id", "workflow"):
        if not isinstance(data.get(key), str):
            raise DefinitionError(file, key, "is missing")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", data["id"]):
        raise DefinitionError(file, "id", f"'{data['id'][:60]}' is no id", "small letters, digits and _, at most 40")
    kind, kinds = data.get("kind", "content"), sorted(Content.__mapper__.polymorphic_map)
    if kind not in kinds:
        raise DefinitionError(file, "kind", f"unknown kind '{kind}'", f"one of {', '.join(kinds)}")
    group = data.get("group", "other")
    if group not in GROUPS:
        raise DefinitionError(file, "group", f"unknown group '{group}'", f"one of {', '.join(GROUPS)}")
    for key in ("illustrative",):
        if not isinstance(data.get(key, False), bool):
            raise DefinitionError(file, key, "must be true or false")
    notes = data.get("notes") or []
    if isinstance(notes, str):
        notes = [notes]
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise DefinitionError(file, "notes", "must be a sentence or a list of sentences")

    def mapping(value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value or {}, dict):
            raise DefinitionError(file, key, "must be a mapping", f"found {type(value).__name__}")
        return dict(value or {})

    def listed(key: str) -> tuple[str, ...]:
        value = data.get(key) or []
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise DefinitionError(file, key, "must be a list of names")
        return tuple(value)

    fields = []
    for name, raw in mapping(data.get("fields"), "fields").items():
        spec = mapping(raw, f"fields.{name}")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(name)):
            raise DefinitionError(file, f"fields.{name}", "is no field name", "small letters, digits and _, at most 40")
        if kind == "content" and (name in RESERVED_NAMES or (name in _columns() and name not in SHARED_NAMES)):
            raise DefinitionError(file, f"fields.{name}", "every thing has something of this name", "another name")
        odd = sorted(set(spec) - FIELD_KEYS, key=str)
        if odd:
            raise DefinitionError(
                file, f"fields.{name}.{odd[0]}", "unknown key", f"one of {', '.join(sorted(FIELD_KEYS))}"
            )
        if spec.get("kind") not in FIELD_KINDS:
            raise DefinitionError(
                file, f"fields.{name}.kind", f"unknown kind '{spec.get('kind')}'", f"one of {', '.join(FIELD_KINDS)}"
            )
        options = tuple(
            (oid, title(t, f"fields.{name}.options.{oid}"))
            for oid, t in mapping(spec.get("options"), f"fields.{name}.options").items()
        )
        if (spec["kind"] == "choice") != bool(options):
            raise DefinitionError(
                file,
                f"fields.{name}.options",
                "a choice needs options" if not options else "only a choice has options",
                "options: {id: {zh: …, en: …}}",
            )
        if kind == "content" and name in KIND_OF_SHARED and spec["kind"] not in KIND_OF_SHARED[name]:
            raise DefinitionError(
                file, f"fields.{name}.kind", f"'{name}' cannot be a {spec['kind']}", " or ".join(KIND_OF_SHARED[name])
            )
        fields.append(
            Field(
                name,
                spec["kind"],
                title(spec.get("title"), f"fields.{name}.title"),
                bool(spec.get("required")),
                bool(spec.get("sensitive")),
                options,
                str(spec.get("help") or ""),
                bool(spec.get("column")),
                field_rules.parse(spec.get("access"), f"fields.{name}.access", Reader(file, names)),
            )
        )
    for paper in listed("papers"):
        if names.papers and paper not in names.papers:
            raise DefinitionError(file, "papers", f"unknown paper '{paper}'")
    for role in listed("create"):
        if names.roles and role not in names.roles and role not in ("anyone", "applicant"):
            raise DefinitionError(file, "create", f"unknown role '{role}'")
    number = mapping(data.get("number"), "number")
    series = (
        Series(data["id"], number.get("prefix"), number.get("per", "district"), number.get("digits", 6))
        if number
        else None
    )
    return ContentType(
        data["id"],
        title(data.get("title"), "title"),
        kind,
        data["workflow"],
        series,
        listed("create"),
        tuple(fields),
        listed("papers"),
        data.get("icon", "file"),
        listed("masked"),
        group,
        title(data["description"], "description") if data.get("description") else NO_WORDS,
        bool(data.get("illustrative")),
        tuple(notes),
    )


def _columns() -> frozenset[str]:
    """What every thing has besides its fields."""
    return frozenset(Content.__mapper__.attrs.keys()) | {"place_id"}
