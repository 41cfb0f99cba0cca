"""A service item as JSON and back: what the database keeps is the same record the catalogue ships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from catalogue.reading import record
from catalogue.records import Material, Modes, ServiceItem, Step


def as_spec(item: ServiceItem) -> dict[str, Any]:
    """Plain lists, texts and numbers, ready for a JSON column."""
    plain: dict[str, Any] = _plain(asdict(item))
    return plain


def from_spec(spec: Mapping[str, Any]) -> ServiceItem:
    """The record again; an unknown or missing key is named."""
    where = f"service item {spec.get('id', '?')}"
    full = {
        **spec,
        "materials": [record(Material, entry, where) for entry in spec["materials"]],
        "steps": [record(Step, entry, where) for entry in spec["steps"]],
        "modes": record(Modes, spec["modes"], where),
    }
    for key in ("valid_from", "valid_to"):
        if isinstance(full.get(key), str):
            full[key] = date.fromisoformat(full[key])
    return record(ServiceItem, full, where)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value
