"""As much of JSON Schema as our own description uses; an unknown keyword is an error, so that nothing passes unread."""

from __future__ import annotations

from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
READ = {"$ref", "anyOf", "oneOf", "type", "enum", "const", "required", "properties", "additionalProperties", "items"}
NOTES = {"title", "description", "format", "examples", "minimum", "maximum", "maxLength", "contentMediaType"}


def problems(document: dict[str, Any], schema: dict[str, Any], value: Any, path: str = "$") -> list[str]:
    """Everything in `value` that the schema does not allow."""
    unread = set(schema) - READ - NOTES
    assert not unread, f"{path}: the test does not know {unread}"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return problems(document, document["components"]["schemas"][name], value, f"{path}<{name}>")
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            tried = [problems(document, one, value, path) for one in schema[keyword]]
            return [] if any(not found for found in tried) else min(tried, key=len)
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(
        isinstance(value, TYPES[kind]) and not (kind == "integer" and isinstance(value, bool)) for kind in kinds
    ):
        return [f"{path}: {value!r} is not {kinds}"]
    found = (
        [f"{path}: {value!r} is not one of {schema['enum']}"]
        if "enum" in schema and value not in schema["enum"]
        else []
    )
    if "const" in schema and value != schema["const"]:
        found.append(f"{path}: {value!r} is not {schema['const']!r}")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{path}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        if schema.get("additionalProperties") is False:
            found += [f"{path}: {name} is not described" for name in value if name not in known]
        for name, inner in value.items():
            found += problems(document, known[name], inner, f"{path}.{name}") if name in known else []
    if isinstance(value, list) and "items" in schema:
        for index, inner in enumerate(value):
            found += problems(document, schema["items"], inner, f"{path}[{index}]")
    return found
