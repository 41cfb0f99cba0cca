"""The shapes of what the API answers."""

from __future__ import annotations

from typing import Any

from process.content_types import ContentType, Field
from process.definition import INPUT_KINDS, TONES
from process.library import library
from services import town_platforms

TEXT: dict[str, Any] = {"type": "string"}
NULLABLE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}
NULLABLE_MOMENT: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
NUMBER: dict[str, Any] = {"type": "integer"}
BOOL: dict[str, Any] = {"type": "boolean"}
OPTIONS: dict[str, Any] = {"type": "array", "items": {"type": "object", "required": ["id", "title"]}}
KINDS: dict[str, dict[str, Any]] = {
    "date": {"type": "string", "format": "date"},
    "datetime": MOMENT,
    "bool": BOOL,
    "number": NUMBER,
    "list": {"type": "array"},
    "applicant": {
        "type": "object",
        "properties": {"name": TEXT, "id_number": TEXT, "phone": TEXT, "address": TEXT, "household_address": TEXT},
    },
}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(name: str) -> dict[str, Any]:
    return {"anyOf": [ref(name), {"type": "null"}]}


def shape(
    required: dict[str, dict[str, Any]], optional: dict[str, dict[str, Any]] | None = None, *, closed: bool = True
) -> dict[str, Any]:
    return {
        "type": "object",
        "required": sorted(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": not closed,
    }


def many(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def components() -> dict[str, Any]:
    """Every named shape; those of the types come from the definitions in force."""
    states = sorted({state for definition in library.workflows.values() for state in definition.states})
    head = {
        "uid": TEXT,
        "number": NULLABLE_TEXT,
        "type": {"type": "string", "enum": sorted(library.types)},
        "title": TEXT,
        "state": {"type": "string", "examples": states},
        "state_title": TEXT,
        "tone": {"type": "string", "enum": list(TONES)},
        "version": NUMBER,
        "place": maybe("Agency"),
        "unit": maybe("Agency"),
        "assignee": maybe("Person"),
        "deadline": NULLABLE_MOMENT,
        "created": MOMENT,
        "modified": MOMENT,
        "closed": NULLABLE_MOMENT,
        "url": TEXT,
        "applicant": maybe("Applicant"),
        "fields": {"type": "object"},
    }
    return {
        "Problem": shape(
            {
                "type": TEXT,
                "title": TEXT,
                "status": NUMBER,
                "detail": TEXT,
                "errors": many(shape({"field": TEXT, "message": TEXT})),
            }
        ),
        "Token": shape({"token": TEXT, "token_type": TEXT, "expires_in": NUMBER, "person": ref("Person")}),
        "Agency": shape(
            {"id": TEXT, "name": TEXT, "platforms": many({"type": "string", "enum": list(town_platforms.PLATFORMS)})}
        ),
        "Person": shape({"username": TEXT, "name": TEXT}),
        "Applicant": shape(
            {"name": NULLABLE_TEXT, "id_number": NULLABLE_TEXT, "phone": NULLABLE_TEXT, "address": NULLABLE_TEXT}
        ),
        "Input": shape(
            {"name": TEXT, "kind": {"type": "string", "enum": list(INPUT_KINDS)}, "required": BOOL, "title": TEXT},
            {
                "help": TEXT,
                "max": NUMBER,
                "asked_when": TEXT,
                "options": OPTIONS,
                "columns": many(ref("Column")),
                "rows": many({"type": "object"}),
            },
        ),
        "Column": shape({"name": TEXT, "kind": TEXT}, {"options": OPTIONS}),
        "Action": shape(
            {
                "id": TEXT,
                "title": TEXT,
                "to": NULLABLE_TEXT,
                "primary": BOOL,
                "dangerous": BOOL,
                "inputs": many(ref("Input")),
            }
        ),
        "Verb": shape({"id": TEXT, "title": TEXT, "inputs": many(ref("Input"))}),
        "Task": shape(
            {
                "uid": TEXT,
                "kind": {"type": "string", "enum": ["branch", "signer", "consult"]},
                "title": TEXT,
                "state": {"type": "string", "enum": ["open", "agreed", "refused", "answered", "cancelled"]},
                "in_state": TEXT,
                "round": NUMBER,
                "deadline": NULLABLE_MOMENT,
                "closed": NULLABLE_MOMENT,
                "closed_by": maybe("Person"),
                "question": NULLABLE_TEXT,
                "answer": NULLABLE_TEXT,
                "mine": BOOL,
            }
        ),
        "Summary": shape(head),
        "Content": shape(
            {
                **head,
                "masked": many(TEXT),
                "owner": maybe("Person"),
                "permissions": many(TEXT),
                "actions": many(ref("Action")),
                "office": many(ref("Verb")),
                "tasks": many(ref("Task")),
                "materials": many(ref("Material")),
                "papers": many(ref("Paper")),
                "related": many(ref("Related")),
                "form": many(ref("Question")),
                "places": many(shape({"relation": TEXT, "place": maybe("Agency")})),
            }
        ),
        "Material": shape(
            {
                "code": TEXT,
                "name": TEXT,
                "critical": BOOL,
                "form": TEXT,
                "provided": BOOL,
                "original_held": BOOL,
                "sheets": NUMBER,
                "verdict": TEXT,
                "defect": TEXT,
            }
        ),
        "Paper": shape(
            {
                "paper": TEXT,
                "title": TEXT,
                "number": NULLABLE_TEXT,
                "status": {"type": "string", "enum": ["waiting", "ready", "failed"]},
                "error": NULLABLE_TEXT,
                "url": TEXT,
            }
        ),
        "Related": shape({"uid": TEXT, "type": TEXT, "number": NULLABLE_TEXT, "state": TEXT, "url": TEXT}),
        "Question": shape(
            {"name": TEXT, "kind": TEXT, "required": BOOL, "title": TEXT},
            {"options": many(shape({"id": TEXT, "title": TEXT}))},
        ),
        "Gone": shape({"uid": TEXT, "type": TEXT, "state": TEXT, "version": NUMBER, "actions": many(ref("Action"))}),
        "Event": shape(
            {
                "at": MOMENT,
                "action": TEXT,
                "title": TEXT,
                "from": NULLABLE_TEXT,
                "to": NULLABLE_TEXT,
                "from_title": NULLABLE_TEXT,
                "to_title": NULLABLE_TEXT,
                "person": maybe("Person"),
                "unit": maybe("Agency"),
                "on_behalf_of": maybe("Person"),
                "comment": NULLABLE_TEXT,
                "because": NULLABLE_TEXT,
            }
        ),
        "Deadline": shape(
            {
                "deadline": NULLABLE_MOMENT,
                "sentence": TEXT,
                "sentences": many(TEXT),
                "clocks": many({"type": "object"}),
                "moves": many({"type": "object"}),
                "hops": {"type": "object"},
            }
        ),
        "Document": shape(
            {
                "uid": TEXT,
                "filename": TEXT,
                "purpose": TEXT,
                "media_type": TEXT,
                "size": NUMBER,
                "sha256": TEXT,
                "material": NULLABLE_TEXT,
                "uploaded_by": maybe("Person"),
                "created": MOMENT,
                "url": TEXT,
            }
        ),
        "Part": shape(
            {
                "number": TEXT,
                "unit": TEXT,
                "state": TEXT,
                "joint": BOOL,
                "since": NULLABLE_MOMENT,
                "reply_by": NULLABLE_TEXT,
                "promised": NULLABLE_TEXT,
                "question": NULLABLE_TEXT,
                "verdict": NULLABLE_TEXT,
                "answer": NULLABLE_TEXT,
                "late": NULLABLE_TEXT,
                "open": BOOL,
                "url": NULLABLE_TEXT,
            }
        ),
        "Paper_at": shape(
            {
                "name": TEXT,
                "original": BOOL,
                "sheets": NUMBER,
                "holder": TEXT,
                "since": NULLABLE_MOMENT,
                "on_the_way": TEXT,
                "signed_by": NULLABLE_TEXT,
                "signed_at": NULLABLE_MOMENT,
                "hands": many({"type": "object"}),
            }
        ),
        "Note": shape({"audience": TEXT, "text": TEXT, "author": maybe("Person"), "at": MOMENT}),
        "Worklist": shape({"id": TEXT, "title": TEXT, "type": TEXT, "count": NUMBER, "more": BOOL, "items": TEXT}),
        **{f"New_{kind.id}": _creation(kind) for kind in library.types.values()},
    }


def _creation(kind: ContentType) -> dict[str, Any]:
    required = {"type": {"type": "string", "const": kind.id}} | {f.name: _field(f) for f in kind.fields if f.required}
    optional = {"place": TEXT} | {f.name: _field(f) for f in kind.fields if not f.required}
    # A case also takes the answers to the form of its item, which the catalogue knows.
    return shape(required, optional, closed=False)


def _field(spec: Field) -> dict[str, Any]:
    known = dict(KINDS.get(spec.kind, TEXT)) | {"title": spec.title.zh}
    return known | ({"enum": [option for option, _ in spec.options]} if spec.options else {})
