"""What kinds of thing there are: a type as its YAML file says it, read field by field, each fault named by file and key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.content import Content
from process import field_rules
from process.definition import Title
from process.field_rules import FieldRule
from process.reading import Reader, Vocabulary
from process.refusals import DefinitionError

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


NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
NAME_HINT = "small letters, digits and _, at most 40"


def read(data: Any, file: str, names: Vocabulary) -> ContentType:
    """The type that this file describes; DefinitionError names the first key that is wrong."""
    if not isinstance(data, dict):
        raise DefinitionError(file, "(top)", "must be a mapping", f"found {type(data).__name__}")
    return _Typed(data, file, names).whole()


class _Typed:
    """One file while it is read."""

    def __init__(self, data: dict[Any, Any], file: str, names: Vocabulary) -> None:
        self.data, self.file, self.names = data, file, names
        self.kind = data.get("kind", "content")

    def wrong(self, key: str, reason: str, hint: str = "") -> DefinitionError:
        return DefinitionError(self.file, key, reason, hint)

    def title(self, value: Any, key: str) -> Title:
        if isinstance(value, dict) and {"zh", "en"} <= set(value):
            return Title(value["zh"], value["en"])
        raise self.wrong(key, "a title needs both languages", "{zh: …, en: …}")

    def mapping(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value or {}, dict):
            raise self.wrong(key, "must be a mapping", f"found {type(value).__name__}")
        return dict(value or {})

    def listed(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key) or []
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise self.wrong(key, "must be a list of names")
        return tuple(value)

    def whole(self) -> ContentType:
        data = self.data
        self._check_keys()
        fields = tuple(
            self._field(name, self.mapping(raw, f"fields.{name}"))
            for name, raw in self.mapping(data.get("fields"), "fields").items()
        )
        self._check_names()
        return ContentType(
            data["id"],
            self.title(data.get("title"), "title"),
            self.kind,
            data["workflow"],
            self._series(),
            self.listed("create"),
            fields,
            self.listed("papers"),
            data.get("icon", "file"),
            self.listed("masked"),
            data.get("group", "other"),
            self.title(data["description"], "description") if data.get("description") else NO_WORDS,
            bool(data.get("illustrative")),
            self._notes(),
        )

    def _check_keys(self) -> None:
        data = self.data
        unknown = sorted(set(data) - TYPE_KEYS, key=str)
        if unknown:
            raise self.wrong(str(unknown[0]), "unknown key", f"one of {', '.join(sorted(TYPE_KEYS))}")
        for key in ("id", "workflow"):
            if not isinstance(data.get(key), str):
                raise self.wrong(key, "is missing")
        if not NAME.fullmatch(data["id"]):
            raise self.wrong("id", f"'{data['id'][:60]}' is no id", NAME_HINT)
        kinds = sorted(Content.__mapper__.polymorphic_map)
        if self.kind not in kinds:
            raise self.wrong("kind", f"unknown kind '{self.kind}'", f"one of {', '.join(kinds)}")
        group = data.get("group", "other")
        if group not in GROUPS:
            raise self.wrong("group", f"unknown group '{group}'", f"one of {', '.join(GROUPS)}")
        if not isinstance(data.get("illustrative", False), bool):
            raise self.wrong("illustrative", "must be true or false")
        self._notes()

    def _check_names(self) -> None:
        """Papers and roles that are named elsewhere."""
        names = self.names
        for paper in self.listed("papers"):
            if names.papers and paper not in names.papers:
                raise self.wrong("papers", f"unknown paper '{paper}'")
        for role in self.listed("create"):
            if names.roles and role not in names.roles and role not in ("anyone", "applicant"):
                raise self.wrong("create", f"unknown role '{role}'")

    def _notes(self) -> tuple[str, ...]:
        notes = self.data.get("notes") or []
        if isinstance(notes, str):
            notes = [notes]
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            raise self.wrong("notes", "must be a sentence or a list of sentences")
        return tuple(notes)

    def _series(self) -> Series | None:
        number = self.mapping(self.data.get("number"), "number")
        if not number:
            return None
        return Series(self.data["id"], number.get("prefix"), number.get("per", "district"), number.get("digits", 6))

    def _field(self, name: Any, spec: dict[str, Any]) -> Field:
        key = f"fields.{name}"
        if not NAME.fullmatch(str(name)):
            raise self.wrong(key, "is no field name", NAME_HINT)
        plain = self.kind == "content"
        if plain and (name in RESERVED_NAMES or (name in _columns() and name not in SHARED_NAMES)):
            raise self.wrong(key, "every thing has something of this name", "another name")
        odd = sorted(set(spec) - FIELD_KEYS, key=str)
        if odd:
            raise self.wrong(f"{key}.{odd[0]}", "unknown key", f"one of {', '.join(sorted(FIELD_KEYS))}")
        kind = spec.get("kind")
        if kind not in FIELD_KINDS:
            raise self.wrong(f"{key}.kind", f"unknown kind '{kind}'", f"one of {', '.join(FIELD_KINDS)}")
        options = tuple(
            (oid, self.title(t, f"{key}.options.{oid}"))
            for oid, t in self.mapping(spec.get("options"), f"{key}.options").items()
        )
        if (kind == "choice") != bool(options):
            reason = "a choice needs options" if not options else "only a choice has options"
            raise self.wrong(f"{key}.options", reason, "options: {id: {zh: …, en: …}}")
        if plain and name in KIND_OF_SHARED and kind not in KIND_OF_SHARED[name]:
            raise self.wrong(f"{key}.kind", f"'{name}' cannot be a {kind}", " or ".join(KIND_OF_SHARED[name]))
        return Field(
            name,
            kind,
            self.title(spec.get("title"), f"{key}.title"),
            bool(spec.get("required")),
            bool(spec.get("sensitive")),
            options,
            str(spec.get("help") or ""),
            bool(spec.get("column")),
            field_rules.parse(spec.get("access"), f"{key}.access", Reader(self.file, self.names)),
        )


def _columns() -> frozenset[str]:
    """What every thing has besides its fields."""
    return frozenset(Content.__mapper__.attrs.keys()) | {"place_id"}
