"""A second reading of the workflow files, written from their comments and not from the kernel: who is what to a thing, and what that opens.

It shares no code with process/access.py on purpose. Where both are wrong in the same way the YAML itself is wrong."""

from __future__ import annotations

import functools
import sqlite3
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

PROCESS = Path(__file__).resolve().parents[2] / "process"
NEVER_BY_GRANT = {"owner", "assignee", "applicant", "anyone"}


@functools.cache
def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load((PROCESS / "workflows" / f"{name}.yaml").read_text(encoding="utf-8"))


@functools.cache
def acquired() -> dict[str, list[str]]:
    return yaml.safe_load((PROCESS / "policy.yaml").read_text(encoding="utf-8"))["permissions"]


@dataclass(frozen=True)
class Somebody:
    """An account as its rows in the database say."""

    username: str
    person_id: int | None = None
    resident_id: int | None = None
    grants: tuple[tuple[str, str], ...] = ()
    unit_path: str = ""

    @property
    def roles(self) -> set[str]:
        return {role for role, _path in self.grants}


ANONYMOUS = Somebody("anonymous")


@dataclass
class Thing:
    """A row of content with everything that decides about access."""

    id: int
    uid: str
    type: str
    workflow: str
    state: str
    version: int
    place_id: str
    place_path: str
    owner_id: int | None
    assignee_id: int | None
    applicant_id: int | None
    number: str | None
    title: str
    second: list[tuple[str, str]] = field(default_factory=list)
    did: dict[str, set[int]] = field(default_factory=dict)
    came_from: str | None = None
    documents: list[tuple[str, bool]] = field(default_factory=list)
    papers: list[tuple[str, str, str]] = field(default_factory=list)
    materials: list[str] = field(default_factory=list)
    item: str = ""

    @property
    def definition(self) -> dict[str, Any]:
        return workflow(self.workflow)


def people(database: Path, usernames: list[str]) -> list[Somebody]:
    today = date.today().isoformat()
    found = []
    with sqlite3.connect(database) as rows:
        for username in usernames:
            person, resident, unit = rows.execute(
                "SELECT p.id, p.resident_id, a.path FROM person p LEFT JOIN agency a ON a.id = p.unit_id WHERE username = ?",
                (username,),
            ).fetchone()
            grants = rows.execute(
                'SELECT role, place_path FROM "grant" WHERE person_id = ? AND (since IS NULL OR since <= ?) AND (until IS NULL OR until >= ?)',
                (person, today, today),
            ).fetchall()
            found.append(Somebody(username, person, resident, tuple(grants), unit or ""))
    return found


def things(database: Path) -> list[Thing]:
    with sqlite3.connect(database) as rows:
        made = {
            row[0]: Thing(*row)
            for row in rows.execute(
                "SELECT id, uid, type, workflow, state, version, place_id, place_path, owner_id, assignee_id, applicant_id, number, title"
                " FROM content ORDER BY id"
            )
        }
        for content_id, relation, path in rows.execute(
            "SELECT content_id, relation, place_path FROM content_place WHERE until IS NULL"
        ):
            made[content_id].second.append((relation, path))
        for content_id, action, from_state, person, principal in rows.execute(
            "SELECT content_id, action, from_state, person_id, substitute_for_id FROM journal WHERE content_id IS NOT NULL AND to_state IS NOT NULL ORDER BY id"
        ):
            made[content_id].did[action.partition(":")[2]] = {p for p in (person, principal) if p is not None}
            made[content_id].came_from = from_state
        for content_id, uid, thumbnail in rows.execute(
            "SELECT content_id, uid, thumbnail_key IS NOT NULL FROM document ORDER BY id"
        ):
            made[content_id].documents.append((uid, bool(thumbnail)))
        for content_id, uid, paper, status in rows.execute(
            "SELECT content_id, uid, paper, status FROM paper ORDER BY id"
        ):
            made[content_id].papers.append((uid, paper, status))
        for content_id, code in rows.execute("SELECT case_id, code FROM material ORDER BY id"):
            made[content_id].materials.append(code)
        for content_id, code in rows.execute(
            "SELECT c.id, i.code FROM case_file c JOIN service_item i ON i.id = c.item_id"
        ):
            made[content_id].item = code
    return list(made.values())


def care_entries(database: Path) -> list[tuple[int, str]]:
    """Every entry of the care register with the path of the grid (or community) in which its person lives."""
    with sqlite3.connect(database) as rows:
        return rows.execute(
            "SELECT e.id, a.path FROM care_entry e JOIN resident r ON r.id = e.resident_id "
            "JOIN agency a ON a.id = coalesce(r.grid_id, r.community_id) ORDER BY e.id"
        ).fetchall()


def is_to(who: Somebody, thing: Thing) -> set[str]:
    """What somebody is to a thing: owner, assignee, applicant, and their roles at its places."""
    names = {"anyone"}
    if who.person_id is not None:
        names |= {"owner"} if thing.owner_id == who.person_id else set()
        names |= {"assignee"} if thing.assignee_id == who.person_id else set()
    if who.resident_id is not None and thing.applicant_id == who.resident_id:
        names.add("applicant")
    for role, granted_at in who.grants:
        if role in NEVER_BY_GRANT:
            continue
        for relation, path in [("origin", thing.place_path), *thing.second]:
            if path.startswith(granted_at):
                names |= {role, f"{role}@{relation}"}
    return names


def opened_to(thing: Thing, permission: str, state: str | None = None) -> set[str]:
    entry = (thing.definition["states"][state or thing.state].get("permissions") or {}).get(permission)
    if entry is None:
        return set(acquired().get(permission, ()))
    if isinstance(entry, list):
        return set(entry)
    return set(entry.get("roles") or ()) | (set(acquired().get(permission, ())) if entry.get("acquire") else set())


def may(who: Somebody, permission: str, thing: Thing) -> bool:
    return bool(is_to(who, thing) & opened_to(thing, permission))


def step_open(who: Somebody, step: str, thing: Thing) -> bool | None:
    """May this person take the step now? None where a predicate in Python has the last word."""
    transition = thing.definition["transitions"].get(step)
    if transition is None or thing.state not in transition["from"] or transition.get("trigger", "user") != "user":
        return False
    guard = transition.get("guard") or {}
    place = guard.get("place")
    roles = {
        f"{r}@{place}" if place and "@" not in r and r not in NEVER_BY_GRANT else r for r in guard.get("roles") or ()
    }
    if not roles and not guard.get("permissions"):
        return False
    if roles and not roles & is_to(who, thing):
        return False
    if guard.get("permissions") and not any(may(who, p, thing) for p in guard["permissions"]):
        return False
    others = guard.get("different_person_than") or []
    if any(who.person_id in thing.did.get(other, set()) for other in ([others] if isinstance(others, str) else others)):
        return False
    return None if guard.get("predicate") or guard.get("predicates") else True


def told_who_was_faster(who: Somebody, step: str, thing: Thing) -> bool:
    """A colleague took the thing out of sight by the very last step: whoever could have taken `step` before hears so (409)."""
    transition = thing.definition["transitions"].get(step)
    if transition is None or thing.came_from not in transition["from"] or thing.state in transition["from"]:
        return False
    return bool(is_to(who, thing) & set((transition.get("guard") or {}).get("roles") or ())) and bool(
        is_to(who, thing) & opened_to(thing, "view", thing.came_from)
    )
