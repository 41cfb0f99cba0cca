"""Turns YAML into records, and says file, record and key when something does not fit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from catalogue.records import CatalogueError

FOLDER = Path(__file__).parent
R = TypeVar("R")


def load(name: str) -> Mapping[str, Any]:
    """One catalogue file; a duplicate key is an error, not a silent second thought."""
    try:
        content = yaml.load((FOLDER / name).read_text(encoding="utf-8"), Loader=_Strict)
    except yaml.YAMLError as broken:
        raise CatalogueError(f"{name}: {broken}") from broken
    if not isinstance(content, Mapping):
        raise CatalogueError(f"{name}: expected a mapping at the top")
    return content


def record(kind: type[R], entry: Mapping[str, Any], where: str) -> R:
    """A record from its entry; lists become tuples, unknown and missing keys are named."""
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(entry) - set(known)):
        raise CatalogueError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    required = {n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING}
    if missing := sorted(required - set(entry)):
        raise CatalogueError(f"{where}: missing {', '.join(missing)}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()})


def renamed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """`name_zh` is how lists copied from documents call the name."""
    return {("name" if key == "name_zh" else key): value for key, value in entry.items()}


def unique(ids: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise CatalogueError(f"{where}: {one} stands there twice")
        seen.add(one)


def known(values: Iterable[str], among: Collection[str], where: str) -> None:
    """Every id must exist; the nearest existing one is usually visible in the list."""
    if strange := [value for value in values if value not in among]:
        raise CatalogueError(f"{where}: unknown {', '.join(map(repr, strange))}; known are {', '.join(sorted(among))}")


# libyaml reads ten times faster, and every process reads the catalogue at its start.
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Strict(_Fast):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)
