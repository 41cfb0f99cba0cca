"""Who decides beyond street and community, as the product ships it: owners of items, grants of authority, powers of a town."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

from catalogue import loader
from catalogue.reading import known, load, record, unique

FILE = "levels.yaml"


@dataclass(frozen=True, slots=True)
class Owner:
    """The department or company that decides an item."""

    item: str
    owner: str


@dataclass(frozen=True, slots=True)
class ShippedGrant:
    """A department lets an office decide all the items it owns."""

    giver: str
    taker: str
    basis: str


@dataclass(frozen=True, slots=True)
class Power:
    """An item a place decides with the powers of the city (同权)."""

    item: str
    completable: bool


@dataclass(frozen=True)
class Levels:
    """The whole file, checked."""

    owners: tuple[Owner, ...]
    grants: tuple[ShippedGrant, ...]
    grants_since: date
    power_place: str
    power_basis: str
    powers: tuple[Power, ...]
    reference: Mapping[str, Mapping[str, Any]]

    def owned_by(self, agency_id: str) -> tuple[str, ...]:
        return tuple(one.item for one in self.owners if one.owner == agency_id)


@cache
def levels() -> Levels:
    content = load(FILE)
    owners = tuple(record(Owner, e, f"{FILE}: owners") for e in content["owners"])
    grants = tuple(record(ShippedGrant, e, f"{FILE}: grants") for e in content["grants"])
    powers = tuple(record(Power, e, f"{FILE}: powers") for e in content["powers"]["items"])
    unique((one.item for one in owners), f"{FILE}: owners")
    unique((one.item for one in powers), f"{FILE}: powers")
    known([*(o.item for o in owners), *(p.item for p in powers)], loader.items(), f"{FILE}: item")
    places = [*(o.owner for o in owners), *(g.giver for g in grants), *(g.taker for g in grants)]
    known([*places, content["powers"]["place"]], loader.organisations(), f"{FILE}: unit")
    known((g.giver for g in grants), {o.owner for o in owners}, f"{FILE}: grants: giver (owns no item)")
    return Levels(
        owners,
        grants,
        content["grants_since"],
        content["powers"]["place"],
        content["powers"]["basis"],
        powers,
        MappingProxyType(content["reference"]),
    )
