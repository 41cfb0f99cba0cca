"""The description of the API, drawn from the routes and the definitions in force, so that it cannot fall behind."""

from __future__ import annotations

import re
from typing import Any

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.routing import Rule

from blueprints.api import bp
from blueprints.api.listing import MAX_LIMIT, SORTS
from blueprints.api.schemas import NULLABLE_TEXT, TEXT, components, ref
from process.definition import Definition
from process.library import library
from process.office import VERBS
from services import papers_out
from services.files import PURPOSES

LIST = {
    "type": "object",
    "required": ["items", "next"],
    "properties": {"items": {"type": "array"}, "next": NULLABLE_TEXT, "next_url": NULLABLE_TEXT},
}


@bp.get("/openapi.json", endpoint="description")
def description() -> ResponseReturnValue:
    """OpenAPI 3.1; open to everybody, it holds no data."""
    return jsonify(document())


def document() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(api_rules(), key=lambda r: r.rule):
        path = re.sub(r"<(?:[^:<>]*:)?([^<>]+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _operation(rule)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "代办 daiban",
            "version": "1",
            "description": "事项、办件、代办、上门代办、证照、红色代办任务。动作和字段来自正在生效的流程定义。",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {"schemas": components(), "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def api_rules() -> list[Rule]:
    return [rule for rule in current_app.url_map.iter_rules() if rule.endpoint.startswith("api.")]


def _operation(rule: Rule) -> dict[str, Any]:
    endpoint = rule.endpoint.partition(".")[2]
    view = current_app.view_functions[rule.endpoint]
    told = OPERATIONS.get(endpoint, {})
    answers = {
        str(status): {"description": text} | ({"content": content} if content else {})
        for status, (text, content) in told.get("answers", {}).items()
    }
    answers["default"] = {
        "description": "RFC 9457 problem",
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }
    operation: dict[str, Any] = {
        "operationId": endpoint,
        "summary": (view.__doc__ or endpoint).strip().splitlines()[0],
        "responses": answers,
    }
    parameters = [_path_parameter(name) for name in sorted(rule.arguments)] + told.get("query", [])
    if set(rule.methods or ()) & {"POST", "PATCH", "DELETE"} and endpoint not in ("sign_in", "sign_out"):
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 200},
                "description": "同一个键和同样的内容得到第一次的答复；内容不同则为 422。",
            }
        )
    if parameters:
        operation["parameters"] = parameters
    if "body" in told:
        operation["requestBody"] = {"required": endpoint not in ("act", "office"), "content": told["body"]()}
    if endpoint in ("sign_in", "description"):
        operation["security"] = []
    if endpoint == "act":
        operation["x-transitions"] = {
            kind.id: _steps(library.workflows[kind.workflow]) for kind in library.types.values()
        }
    return operation


def _path_parameter(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if name == "transition":
        schema["enum"] = sorted({t for definition in library.workflows.values() for t in definition.transitions})
    if name == "verb":
        schema["enum"] = sorted(VERBS)
    if name == "paper":
        schema["enum"] = sorted(papers_out.known_papers())
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _steps(definition: Definition) -> dict[str, Any]:
    return {
        t.id: {
            "from": list(t.sources),
            "to": t.to,
            "title": t.title.zh,
            "title_en": t.title.en,
            "inputs": {i.name: {"kind": i.kind, "required": i.required} for i in t.inputs},
        }
        for t in definition.transitions.values()
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _items(name: str) -> dict[str, Any]:
    return _json({**LIST, "properties": {**LIST["properties"], "items": {"type": "array", "items": ref(name)}}})  # type: ignore[dict-item]


def _query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


def _creation() -> dict[str, Any]:
    return _json({"oneOf": [ref(f"New_{kind.id}") for kind in library.types.values()]})


def _credentials() -> dict[str, Any]:
    return _json(
        {"type": "object", "required": ["username", "password"], "properties": {"username": TEXT, "password": TEXT}}
    )


def _edit() -> dict[str, Any]:
    return _json(
        {
            "type": "object",
            "required": ["version"],
            "properties": {"version": {"type": "integer"}},
            "additionalProperties": True,
        }
    )


def _step() -> dict[str, Any]:
    return _json(
        {
            "type": "object",
            "properties": {"version": {"type": "integer"}, "comment": TEXT, "on_behalf_of": TEXT},
            "additionalProperties": True,
        }
    )


def _opinion() -> dict[str, Any]:
    return _json(
        {
            "type": "object",
            "required": ["agreed"],
            "properties": {"agreed": {"type": "boolean"}, "comment": TEXT, "on_behalf_of": TEXT},
        }
    )


def _upload() -> dict[str, Any]:
    return {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                    "purpose": {"type": "string", "enum": list(PURPOSES)},
                    "material": TEXT,
                },
            }
        }
    }


def _reason() -> dict[str, Any]:
    return _json({"type": "object", "required": ["reason"], "properties": {"reason": TEXT}})


def _note() -> dict[str, Any]:
    return _json(
        {
            "type": "object",
            "required": ["audience", "text"],
            "properties": {"audience": {"type": "string", "enum": ["internal", "resident", "unit"]}, "text": TEXT},
        }
    )


FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
PDF = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}
OPERATIONS: dict[str, dict[str, Any]] = {
    "description": {"answers": {200: ("this description", _json({"type": "object"}))}},
    "sign_in": {
        "body": _credentials,
        "answers": {
            200: ("a token", _json(ref("Token"))),
            401: ("wrong name or password", None),
            429: ("guessed too often", None),
        },
    },
    "sign_out": {"answers": {204: ("the token is dead", None)}},
    "contents": {
        "query": [
            _query("type", TEXT, "业务类型，可重复或以逗号分开"),
            _query("state", TEXT, "状态，可重复或以逗号分开"),
            _query("place", TEXT, "单位代码，含下级"),
            _query("assignee", {"type": "string", "enum": ["me"]}, "me：我经手的"),
            _query("q", TEXT, "编号、文字，或完整的身份证号码"),
            _query("sort", {"type": "string", "enum": list(SORTS)}, "deadline：最急的在前；-created：最新的在前"),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, "一页几条"),
            _query("after", TEXT, "上一页给出的 next"),
        ],
        "answers": {200: ("a page of what may be seen", _items("Summary"))},
    },
    "worklists": {
        "answers": {
            200: (
                "the lists of this actor",
                _json(
                    {
                        "type": "object",
                        "required": ["items"],
                        "properties": {"items": {"type": "array", "items": ref("Worklist")}},
                    }
                ),
            )
        }
    },
    "create": {"body": _creation, "answers": {201: ("registered", _json(ref("Content")))}},
    "show": {"answers": {200: ("the thing", _json(ref("Content")))}},
    "edit": {
        "body": _edit,
        "answers": {200: ("as it is now", _json(ref("Content"))), 409: ("somebody else was faster", None)},
    },
    "history": {"answers": {200: ("what happened", _items("Event"))}},
    "reveal": {
        "body": _reason,
        "answers": {200: ("one value in full; the reason is kept", _json({"type": "object"}))},
    },
    "readings": {"answers": {200: ("who had this resident's data in full before them", _json({"type": "object"}))}},
    "deadline": {"answers": {200: ("until when and why", _json(ref("Deadline")))}},
    "act": {
        "body": _step,
        "answers": {
            200: ("as it is now", _json({"anyOf": [ref("Content"), ref("Gone")]})),
            409: ("not in this state, or somebody was faster", None),
        },
    },
    "office": {
        "body": _step,
        "answers": {
            200: ("as it is now", _json({"anyOf": [ref("Content"), ref("Gone")]})),
            409: ("not yours to do, or somebody was faster", None),
        },
    },
    "opinion": {
        "body": _opinion,
        "answers": {
            200: ("as it is now", _json({"anyOf": [ref("Content"), ref("Gone")]})),
            409: ("the opinion is there already, or is no longer needed", None),
        },
    },
    "attach": {"body": _upload, "answers": {201: ("kept", _json(ref("Document")))}},
    "documents": {"answers": {200: ("what was handed in", _items("Document"))}},
    "document": {"answers": {200: ("one document", _json(ref("Document")))}},
    "document_file": {"answers": {200: ("the file", FILE)}},
    "notes": {"answers": {200: ("the thread as this actor reads it", _items("Note"))}},
    "parts": {"answers": {200: ("parts passed on to other units", _items("Part"))}},
    "whereabouts": {"answers": {200: ("where every paper is and who signed for it", _items("Paper_at"))}},
    "note": {"body": _note, "answers": {201: ("written", _json(ref("Note")))}},
    "paper": {
        "query": [_query("draft", {"type": "string", "enum": ["1"]}, "1：样张")],
        "answers": {
            200: ("the PDF", PDF),
            202: ("still being drawn, see Retry-After", {"application/problem+json": {"schema": ref("Problem")}}),
        },
    },
}
