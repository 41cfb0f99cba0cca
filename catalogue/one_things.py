"""一件事: the themes, their members in order, and what the sources say about saving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from catalogue.reading import known, load, record, unique
from catalogue.records import CatalogueError

FILE = "one_things.yaml"


@dataclass(frozen=True, slots=True)
class Member:
    """One matter of a bundle. Without an item it is not filed here; `elsewhere` says who does it."""

    name: str
    department: str
    stage: int
    after: tuple[str, ...] = ()
    service_item: str | None = None
    when: str = ""
    elsewhere: str = ""
    illustrative: bool = False


@dataclass(frozen=True, slots=True)
class OneThing:
    """One need of a person or an enterprise, over several items of several departments."""

    id: str
    name: str
    name_en: str
    subject: str
    leads: tuple[str, ...]
    cooperating: tuple[str, ...]
    members: tuple[Member, ...]
    outputs: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    illustrative_fields: tuple[str, ...] = ()

    @property
    def departments(self) -> tuple[str, ...]:
        """Every department that decides something of it, once."""
        named = (part.strip() for member in self.members for part in member.department.split(","))
        return tuple(dict.fromkeys(named))

    @property
    def situation(self) -> str:
        """Which of the three situations of the source it is: departments and items, one or several."""
        if len(self.departments) == 1:
            return "one_many"
        return "many_many" if len(self.members) > 1 else "many_one"


@cache
def one_things() -> Mapping[str, OneThing]:
    """The themes by id, in the order of the file."""
    # Read late: the loader checks this file together with everything else.
    from catalogue import loader

    entries = load(FILE)["one_things"]
    unique((entry["id"] for entry in entries), FILE)
    return MappingProxyType({entry["id"]: _read(entry, loader.items()) for entry in entries})


def one_thing(id_: str) -> OneThing:
    return one_things()[id_]


@cache
def reference() -> Mapping[str, Any]:
    """The figures that the sources print."""
    return MappingProxyType(dict(load(FILE)["reference"]))


def _read(entry: Mapping[str, Any], items: Mapping[str, Any]) -> OneThing:
    where = f"{FILE}: {entry.get('id', '?')}"
    members = tuple(record(Member, one, f"{where}: members") for one in entry["members"])
    names = [member.name for member in members]
    unique(names, f"{where}: members")
    for place, member in enumerate(members):
        known(member.after, names[:place], f"{where}: {member.name}: after (must stand above)")
        known([member.service_item] if member.service_item else [], items, f"{where}: {member.name}: service_item")
        if not member.service_item and not member.elsewhere:
            raise CatalogueError(f"{where}: {member.name}: without service_item it must say `elsewhere`")
    if not any(member.service_item for member in members):
        raise CatalogueError(f"{where}: nothing of it can be filed here")
    return record(OneThing, {**entry, "members": members}, where)
