"""Lists as inputs of a step: which columns a line has, and the lines as they stand, so that a program needs no form."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from models.case import Case
from models.content import Content
from models.delegation import Delegation, HomeVisit
from process.definition import Transition
from services import custody, delegation_steps
from services.catalogue_items import record_of
from services.materials import VERDICTS

HANDED_OUT = ("material", "original", "sheets", "condition")
COUNTED = ("line", "counted", "difference")
TICKED = ("code", "verdict", "defect")
KINDS = {"original": "bool", "sheets": "number", "counted": "number", "line": "number"}


def told(session: Session, content: Content, transition: Transition) -> dict[str, Any]:
    """`columns` and `rows` of the list a step takes."""
    if isinstance(content, Case):
        here = [m for m in content.materials if m.provided]
        shape = _shape(TICKED, [{"code": m.code, "name": m.name, "verdict": m.verdict} for m in here])
        # Whatever was ticked before need not be sent again; the rest must.
        return shape | ({"required": True} if transition.id == "review" and any(not m.verdict for m in here) else {})
    if isinstance(content, Delegation) and transition.id in ("receive", "take_over"):
        listed = custody.latest(session, content, "send" if transition.id == "receive" else "result")
        return _shape(
            COUNTED,
            [
                {"line": one.position, "material": one.name, "original": one.original, "sheets": one.sheets}
                for one in (listed.lines if listed else ())
            ],
        )
    if isinstance(content, Delegation):
        own = custody.lines_of(content.case) if content.case else []
        lines = own if transition.id == "send" else delegation_steps.result_lines(content)
        return _shape(
            HANDED_OUT,
            [{"material": one.name, "original": one.original, "sheets": one.sheets} for one in lines],
        )
    if isinstance(content, HomeVisit):
        asked = record_of(content.item).materials
        return _shape(HANDED_OUT, [{"material": m.id, "name": m.name, "sheets": m.copies} for m in asked])
    return _shape(HANDED_OUT, [])


def _shape(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "columns": [
            {"name": name, "kind": KINDS.get(name, "choice" if name == "verdict" else "text")}
            | ({"options": [{"id": word, "title": VERDICTS[word]} for word in VERDICTS]} if name == "verdict" else {})
            for name in columns
        ],
        "rows": rows,
    }
