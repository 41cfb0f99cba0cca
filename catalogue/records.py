"""What the catalogue consists of: plain frozen records, the same for pages, papers and tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Literal

Level = Literal["village", "street", "district", "city"]
MaterialForm = Literal["original", "copy", "either"]
OnceOnly = Literal["before", "added", "not_yet"]


class CatalogueError(ValueError):
    """A catalogue file is wrong; the text names file, record and what would be right."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """A unit or place of the agency tree. Numbers use `code`, letters `paper_name`."""

    id: str
    name: str
    name_en: str
    kind: str
    parent: str | None
    code: str
    paper_name: str
    front_office: str
    valid_from: date | None = None
    valid_to: date | None = None
    number: int | None = None
    households: int | None = None
    address: str = ""
    phone: str = ""
    hours: str = ""
    zones: tuple[str, ...] = ()
    # Which of the four town platforms it serves.
    platforms: tuple[str, ...] = ()
    illustrative: bool = False
    illustrative_fields: tuple[str, ...] = ()

    def exists_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Role:
    """A part somebody plays; `tier` is the level at which it is normally given."""

    id: str
    name: str
    name_en: str
    side: Literal["public", "staff"]
    tier: str
    duties: tuple[str, ...] = ()
    illustrative: bool = False
    illustrative_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Channel:
    """A way in, a way out, or a way to be told."""

    id: str
    name: str
    name_en: str
    group: str
    use: str
    reference: Mapping[str, Any] = field(default_factory=dict)
    illustrative: bool = False
    illustrative_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Category:
    """One of the eight classes of the handbook, with the number of items it must hold."""

    id: str
    name: str
    name_en: str
    target_count: int
    home_visit: bool


@dataclass(frozen=True, slots=True)
class Term:
    """An id with its Chinese name: service types, levels, home-visit conditions."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class MaterialKind:
    """What a paper is wherever it is asked for, so that one on file is not asked for again."""

    id: str
    name: str
    who_issues: str
    reusable: bool


@dataclass(frozen=True, slots=True)
class Material:
    """One line of an item's list of what to bring. Only a non-critical one may come later."""

    id: str
    kind: str
    name: str
    critical: bool
    form: MaterialForm
    copies: int
    who_issues: str
    reusable: bool
    when: str = ""
    illustrative: bool = False

    @property
    def always(self) -> bool:
        return not self.when


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an item's procedure as residents read it."""

    number: int
    name: str
    actor: str


@dataclass(frozen=True, slots=True)
class Modes:
    """The four mode flags: online, at home, nearby, at once."""

    online: bool
    home_visit: bool
    nearby: bool
    instant: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in MODE_NAMES if getattr(self, name))


MODE_NAMES: Mapping[str, str] = MappingProxyType(
    {"online": "网上办", "home_visit": "上门办", "nearby": "就近办", "instant": "马上办"}
)


@dataclass(frozen=True, slots=True)
class ServiceItem:
    """A kind of matter one can apply for."""

    id: str
    name: str
    name_en: str
    kind: str
    subject: Literal["person", "enterprise", "both"]
    category: str | None
    service_type: str
    accept_level: Level
    decide_level: Level | None
    channels: tuple[str, ...]
    modes: Modes
    delegable: bool
    delegation_named: bool
    direct: bool
    home_visit: bool | None
    promised_days: int | None
    legal_days: int | None
    materials: tuple[Material, ...]
    conditions: tuple[str, ...]
    steps: tuple[Step, ...]
    fee: str
    basis: tuple[str, ...]
    outputs: tuple[str, ...]
    paper: str | None
    number_series: str | None
    form: str
    region: str
    batch: str | None = None
    once_only: OnceOnly | None = None
    pilot: tuple[str, ...] = ()
    same_as: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    placeholder: bool = False
    illustrative: bool = False
    illustrative_fields: tuple[str, ...] = ()
    reference: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def counted(self) -> bool:
        """Belongs to the eight categories of the home catalogue."""
        return self.category is not None

    @property
    def deferrable(self) -> tuple[Material, ...]:
        """What may be brought later on a signed promise."""
        return tuple(material for material in self.materials if not material.critical)

    def in_force(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)

    def fileable(self, day: date) -> bool:
        """A group stands for many items nobody has listed, so nothing can be filed for it."""
        return self.kind != "group" and self.in_force(day)


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a field."""

    id: str
    title: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One question of a form. A sensitive answer is masked outside the case."""

    name: str
    title: Mapping[str, str]
    kind: str
    required: bool
    group: str
    sensitive: bool = False
    options: tuple[Option, ...] = ()
    help: str = ""
    max: int | None = None


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Questions that stand together on one step."""

    id: str
    title: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """The questions of an item; papers take their values by the same names."""

    id: str
    title: Mapping[str, str]
    groups: tuple[FieldGroup, ...]
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        found = next((field for field in self.fields if field.name == name), None)
        if found is None:
            raise KeyError(f"form {self.id} has no field {name}")
        return found


@dataclass(frozen=True, slots=True)
class Grant:
    """A role held at a place."""

    role: str
    place: str


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Somebody to sign in as when the demo is loaded."""

    username: str
    name: str
    title: str
    unit: str
    grants: tuple[Grant, ...]
    first: str
    phone: str
    courier: DemoCourier | None = None
    resident: str | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(grant.role for grant in self.grants)


@dataclass(frozen=True, slots=True)
class DemoCourier:
    """Home point, training and limit of a courier account."""

    point: str
    trained_until: date
    limit: int
    area: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstBatch:
    """The published sums of the first forty items."""

    total: int
    village: int
    street: int
    before: int
    added: int
    not_yet: int


@dataclass(frozen=True)
class Schemes:
    """The sorting schemes around the items."""

    categories: tuple[Category, ...]
    service_types: tuple[Term, ...]
    levels: tuple[Term, ...]
    home_visit_conditions: tuple[Term, ...]
    material_kinds: Mapping[str, MaterialKind]
    first_batch: FirstBatch
    direct_total: int
    by_id: Mapping[str, Category] = field(default_factory=dict)

    @property
    def home_visit_categories(self) -> frozenset[str]:
        return frozenset(category.id for category in self.categories if category.home_visit)

    @property
    def total(self) -> int:
        return sum(category.target_count for category in self.categories)
