"""The doors of the application with what the policy says about each, and the addresses to knock at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from flask import Flask
from werkzeug.routing import IntegerConverter

from process.library import library
from tests.access.evaluator import Somebody, Thing, is_to, may, step_open, told_who_was_faster

POLICY: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "policy.yaml").read_text(encoding="utf-8"))
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
OPEN, HIDDEN, REFUSED, EITHER = "open", "hidden", "refused", "either"
# A well-formed identifier that names nothing.
NOBODYS = "AAAAAAAAAAAAAAAAAAAAAA"
FIXED = {
    "code": "senior_card",
    "filename": "css/tokens.css",
    "item_id": 1,
    "entry_id": 1,
    "grant_id": 1,
    "migration_id": 1,
    "notice_id": 1,
    "year": 2026,
    "day": "2026-12-07",
    "name": "applicant.id_number",
    "step": "first",
    "place_id": "dx-c01",
    "key": "cases",
    "kind": "care",
    "type_id": "errand",
    "verb": "transfer",
}


@dataclass(frozen=True)
class Door:
    """One method of one endpoint."""

    endpoint: str
    method: str
    rule: Any

    @property
    def entry(self) -> dict[str, Any]:
        line = POLICY[self.endpoint]
        if isinstance(line, dict) and self.method in line:
            line = line[self.method]
        if isinstance(line, str):
            return {line: True}
        if line.get("of") == ["generic"]:
            line = {**line, "of": [kind.id for kind in library.types.values() if kind.generic]}
        return line

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


def doors(app: Flask) -> list[Door]:
    seen: dict[tuple[str, str], Door] = {}
    for rule in app.url_map.iter_rules():
        for method in METHODS:
            if method in (rule.methods or ()):
                seen.setdefault((rule.endpoint, method), Door(rule.endpoint, method, rule))
    return [seen[key] for key in sorted(seen)]


def address(app: Flask, door: Door, **values: Any) -> str:
    """The path of a door; what is not given takes the fixed example."""
    known = {name: values.get(name, FIXED.get(name)) for name in door.rule.arguments} | dict(door.rule.defaults or {})
    for name, converter in door.rule._converters.items():
        if known.get(name) is None and getattr(converter, "items", None):
            known[name] = sorted(converter.items)[0]
        if known.get(name) is None and isinstance(converter, IntegerConverter):
            known[name] = 1
        if known.get(name) is None:
            known[name] = "en" if name == "code" else NOBODYS
    for name, converter in door.rule._converters.items():
        allowed = getattr(converter, "items", None)
        if allowed and str(known[name]) not in allowed:
            known[name] = sorted(allowed)[0]
    return app.url_map.bind("localhost").build(door.endpoint, {k: v for k, v in known.items()}, method=door.method)


def values_for(door: Door, thing: Thing) -> dict[str, Any] | None:
    """What stands in the address of this thing; None when the thing has no such part (a document, a paper)."""
    entry, values = door.entry, {"uid": thing.uid}
    needs = entry.get("needs")
    if needs == "document":
        if not thing.documents:
            return None
        values["document_uid"] = thing.documents[-1][0]
    if needs == "paper":
        if not thing.papers:
            return None
        uid, kind, _status = thing.papers[-1]
        values["paper"] = kind
        if entry.get("by") == "paper":
            values["uid"] = uid
    elif "paper" in door.rule.arguments:
        values["paper"] = "handover_list"
    if needs == "applicant" and thing.applicant_id is None:
        return None
    if "code" in door.rule.arguments and thing.materials:
        values["code"] = thing.item if entry.get("own") else thing.materials[0]
    if "transition" in door.rule.arguments:
        steps = [t for t, spec in thing.definition["transitions"].items() if thing.state in spec["from"]]
        values["transition"] = steps[0] if steps else next(iter(thing.definition["transitions"]))
    return values


def expected(door: Door, who: Somebody, thing: Thing, values: dict[str, Any]) -> str:
    """What the definition and the policy line together say this person gets here."""
    entry = door.entry
    if "oversees" in entry:
        return (
            OPEN if any(r in entry["oversees"] and thing.place_path.startswith(at) for r, at in who.grants) else HIDDEN
        )
    if entry.get("of") and thing.type not in entry["of"]:
        return HIDDEN
    step = values.get("transition") or values.get("step") or next(iter(entry.get("step", ["any"])))
    if not may(who, "view", thing):
        late = "transition" in values or "step" in entry or thing.type == "errand"
        return (
            EITHER
            if late and any(told_who_was_faster(who, s, thing) for s in thing.definition["transitions"])
            else HIDDEN
        )
    if not any(may(who, permission, thing) for permission in entry["object"]):
        return REFUSED
    if entry.get("own") and "applicant" not in is_to(who, thing):
        return REFUSED
    if door.method == "GET" or not entry.get("step"):
        return EITHER if entry.get("maybe") else OPEN
    names = [step] if entry["step"] == ["any"] else entry["step"]
    answers = [step_open(who, name, thing) for name in names]
    if "step" in values:
        answers = [step_open(who, values["step"], thing)]
    if True in answers:
        return OPEN
    return EITHER if None in answers else REFUSED
