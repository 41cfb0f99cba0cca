"""The one place to ask for reference data. Read once, checked as a whole, never changed afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from catalogue.calendars import work_calendar
from catalogue.items import read_items, read_schemes
from catalogue.messages import messages
from catalogue.reading import FOLDER, known, load, record, renamed, unique
from catalogue.records import (
    CatalogueError,
    Channel,
    DemoAccount,
    DemoCourier,
    Field,
    FieldGroup,
    Form,
    Grant,
    Option,
    Organisation,
    Role,
    Schemes,
    ServiceItem,
)

__all__ = [
    "channels", "check", "children", "demo_accounts", "form", "forms", "item", "items", "lists",
    "organisation", "organisations", "path_of", "roles", "schemes", "work_calendar",
]  # fmt: skip

ORGANISATION_KINDS = (
    "city", "district", "street", "street_centre", "errand_station",
    "community", "community_station", "errand_point", "grid",
    "department", "approvals_office", "company",
)  # fmt: skip
FIELD_KINDS = (
    "text", "longtext", "date", "choice", "id_number", "phone", "person_name", "address", "number", "bool",
)  # fmt: skip


@cache
def organisations() -> Mapping[str, Organisation]:
    """The agency tree by id, parents before children."""
    file = "organisations.yaml"
    content = load(file)
    hours = content["hours"]
    found: dict[str, Organisation] = {}
    entries = [*content["organisations"], *load("departments.yaml")["organisations"]]
    unique((entry["id"] for entry in entries), file)
    for entry in entries:
        where = f"{file}: {entry['id']}"
        known([entry["kind"]], ORGANISATION_KINDS, f"{where}: kind")
        known([entry["parent"]] if entry["parent"] else [], found, f"{where}: parent (must stand above)")
        known([entry["hours"]] if "hours" in entry else [], hours, f"{where}: hours")
        full = {"front_office": entry["id"], "paper_name": entry["name"], **entry}
        full["hours"] = hours.get(entry.get("hours"), "")
        found[entry["id"]] = record(Organisation, full, where)
    known((o.front_office for o in found.values()), found, f"{file}: front_office")
    unique((o.code for o in found.values()), f"{file}: code")
    for kind, name in (("community", "communities"), ("grid", "grids")):
        have, want = sum(o.kind == kind for o in found.values()), content["totals"][name]
        if have != want:
            raise CatalogueError(f"{file}: {have} of kind {kind}, should be {want}")
    return MappingProxyType(found)


def organisation(id_: str) -> Organisation:
    return _one(organisations(), id_, "organisation")


def children(id_: str, kind: str | None = None) -> tuple[Organisation, ...]:
    """The units directly below, in the order of the file."""
    return tuple(o for o in organisations().values() if o.parent == id_ and kind in (None, o.kind))


def path_of(id_: str) -> str:
    """The materialised path: 'hangzhou/xiacheng/dongxin/'. An ancestor's path is a prefix."""
    parent = organisation(id_).parent
    return (path_of(parent) if parent else "") + id_ + "/"


@cache
def roles() -> Mapping[str, Role]:
    return _by_id(Role, "roles.yaml", "roles")


@cache
def channels() -> Mapping[str, Channel]:
    return _by_id(Channel, "channels.yaml", "channels")


@cache
def lists() -> Mapping[str, Any]:
    """The short closed lists, by name; most have their values under `list`."""
    content = load("reference_lists.yaml")
    return MappingProxyType({name: value for name, value in content.items() if name != "version"})


@cache
def schemes() -> Schemes:
    return read_schemes()


@cache
def items() -> Mapping[str, ServiceItem]:
    """Every service item by id; the 82 of the home catalogue are those with a category."""
    found = read_items(schemes(), forms=forms(), channels=channels(), roles=roles())
    for one in found.values():
        known(one.pilot, organisations(), f"service item {one.id}: pilot")
    return MappingProxyType(found)


def item(id_: str) -> ServiceItem:
    return _one(items(), id_, "service item")


@cache
def forms() -> Mapping[str, Form]:
    found = {}
    for path in sorted((FOLDER / "forms").glob("*.yaml")):
        found[path.stem] = _read_form(f"forms/{path.name}", path.stem)
    return MappingProxyType(found)


def form(id_: str) -> Form:
    return _one(forms(), id_, "form")


@cache
def demo_accounts() -> Mapping[str, DemoAccount]:
    """The accounts of the demo by user name."""
    file = "demo_accounts.yaml"
    entries = load(file)["accounts"]
    unique((entry["username"] for entry in entries), file)
    found = {}
    for entry in entries:
        where = f"{file}: {entry['username']}"
        grants = tuple(record(Grant, grant, where) for grant in entry["grants"])
        known((grant.role for grant in grants), roles(), f"{where}: role")
        known([*(grant.place for grant in grants), entry["unit"]], organisations(), f"{where}: place")
        courier = entry.get("courier")
        if courier is not None:
            known([courier["point"], *courier.get("area", ())], organisations(), f"{where}: courier")
            courier = record(DemoCourier, courier, where)
        full = {**entry, "grants": grants, "courier": courier}
        found[entry["username"]] = record(DemoAccount, full, where)
    return MappingProxyType(found)


def check() -> None:
    """Read everything now, so that a wrong file stops the start instead of a clerk."""
    from catalogue.one_things import one_things

    for read in (organisations, roles, channels, lists, schemes, forms, items, demo_accounts, work_calendar, messages):
        read()
    one_things()


def _read_form(file: str, stem: str) -> Form:
    content = load(file)
    if content["id"] != stem:
        raise CatalogueError(f"{file}: id is {content['id']}, the file name says {stem}")
    groups = tuple(record(FieldGroup, entry, f"{file}: groups") for entry in content["groups"])
    fields = []
    for entry in content["fields"]:
        where = f"{file}: {entry['name']}"
        known([entry["kind"]], FIELD_KINDS, f"{where}: kind")
        known([entry["group"]], [group.id for group in groups], f"{where}: group")
        if (entry["kind"] == "choice") != ("options" in entry):
            raise CatalogueError(f"{where}: a choice has options, and nothing else has")
        options = tuple(Option(o["id"], {"zh": o["zh"], "en": o["en"]}) for o in entry.get("options", ()))
        fields.append(record(Field, {**entry, "options": options}, where))
    unique((field.name for field in fields), file)
    return Form(content["id"], content["title"], groups, tuple(fields))


def _by_id(kind: type, file: str, key: str) -> Mapping[str, Any]:
    entries = load(file)[key]
    unique((entry["id"] for entry in entries), file)
    return MappingProxyType({entry["id"]: record(kind, renamed(entry), f"{file}: {entry['id']}") for entry in entries})


def _one(found: Mapping[str, Any], id_: str, what: str) -> Any:
    try:
        return found[id_]
    except KeyError:
        raise KeyError(f"no {what} {id_!r} in the catalogue") from None
