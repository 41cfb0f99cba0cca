"""What a paper says, once more for machines: the XML that lies inside the PDF beside the printed page."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from .dates import parse_date, parse_datetime
from .definition import Field, Paper
from .text import normalise

NAME = "data.xml"
NAMESPACE = "urn:daiban:paper:1"
RELATIONSHIP = "Data"
# Stands where no date is known; a file must not carry the day on which it happened to be made.
UNDATED = datetime(2000, 1, 1)


def xml(paper: Paper, data: dict[str, Any], *, draft: bool = False, code: str = "") -> bytes:
    """Exactly the fields of the paper as they were given: dates as ISO 8601, choices by their key, pictures as a hash."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<paper xmlns={quoteattr(NAMESPACE)} id={quoteattr(paper.id)} title={quoteattr(paper.title_zh)} "
        f"version={quoteattr(paper.version)} draft={quoteattr('yes' if draft else 'no')} code={quoteattr(code)}>",
    ]
    for field in paper.fields:
        value = data.get(field.name)
        if draft and field.name == "number":
            value = None
        lines += _field(field, value, "  ")
    lines.append("</paper>\n")
    return "\n".join(lines).encode()


def dated(data: dict[str, Any]) -> datetime:
    """The day that the attachment carries: that of the issue."""
    day = data.get("issued_on")
    if not day:
        return UNDATED
    found = parse_date(day)
    return datetime(found.year, found.month, found.day)


def _field(field: Field, value: Any, indent: str) -> list[str]:
    if value is None or value == "" or value == []:
        return []
    head = f"{indent}<field name={quoteattr(field.name)} label={quoteattr(field.label)} kind={quoteattr(field.kind)}"
    if field.kind == "table":
        rows = [f"{head}>"]
        for row in value:
            rows.append(f"{indent}  <row>")
            for column in field.columns:
                rows += _field(column, row.get(column.name), indent + "    ")
            rows.append(f"{indent}  </row>")
        return [*rows, f"{indent}</field>"]
    return [f"{head}>{escape(_plain(field, value))}</field>"]


def _plain(field: Field, value: Any) -> str:
    match field.kind:
        case "image":
            return "sha256:" + hashlib.sha256(value).hexdigest()
        case "date":
            return parse_date(value).isoformat()
        case "datetime":
            return parse_datetime(value).isoformat()
        case "bool":
            return "true" if value is True else "false"
        case "choices":
            return " ".join(map(str, value))
        case _:
            return value.isoformat() if isinstance(value, date) else normalise(value)
