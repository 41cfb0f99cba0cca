"""Addresses to knock at, with somebody who gets in."""

from __future__ import annotations

from tests.access import doors as d
from tests.access.doors import Door
from tests.access.evaluator import Somebody, Thing, may
from tests.access.world import World


def somebody_for(world: World, thing: Thing, permission: str) -> Somebody | None:
    return next((who for who in world.everybody[:-1] if may(who, permission, thing)), None)


def knocks(world: World, method_is_safe: bool) -> list[tuple[Door, str, Somebody]]:
    """One address per door with an account that gets in: for doors of things one thing per type."""
    found = []
    for door in d.doors(world.app):
        if (door.method == "GET") != method_is_safe:
            continue
        if "object" not in door.entry:
            who = next(
                (w for w in world.everybody[:-1] if not door.entry.get("roles") or w.roles & set(door.entry["roles"])),
                world.everybody[0],
            )
            found.append((door, d.address(world.app, door), who))
            continue
        kinds: set[str] = set()
        for thing in world.things:
            values = d.values_for(door, thing)
            if values is None or thing.type in kinds or (door.entry.get("of") and thing.type not in door.entry["of"]):
                continue
            someone = somebody_for(world, thing, door.entry["object"][0])
            if someone is not None:
                kinds.add(thing.type)
                found.append((door, d.address(world.app, door, **values), someone))
    return found
