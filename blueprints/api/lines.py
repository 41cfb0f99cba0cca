"""Lists as inputs of a step: which columns a line has, and the lines as they stand, so that a program needs no form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from models.case import Case
from models.content import Content
from models.delegation import Delegation, HomeVisit
from process.definition import Transition
from services import counting, custody, delegation_steps, further, sub_tickets
from services.catalogue_items import record_of
from services.materials import VERDICTS

HANDED_OUT = ("material", "original", "sheets", "condition")
COUNTED = ("line", "counted", "difference")
# Where single lines may go back: `verdict` send_back, `defect` why.
PARTIAL = (*COUNTED, "verdict", "defect")
TICKED = ("code", "verdict", "defect")
KINDS = {"original": "bool", "sheets": "number", "counted": "number", "line": "number"}


def told(session: Session, content: Content, transition: Transition) -> dict[str, Any]:
    """`columns` and `rows` of the list a step takes."""
    if isinstance(content, Case):
        here = [m for m in content.materials if m.provided]
        shape = _shape(TICKED, [{"code": m.code, "name": m.name, "verdict": m.verdict} for m in here])
        # Whatever was ticked before need not be sent again; the rest must.
        return shape | ({"required": True} if transition.id == "review" and any(not m.verdict for m in here) else {})
    if isinstance(content, Delegation):
        return _of_ticket(session, content, transition.id)
    if isinstance(content, HomeVisit):
        asked = record_of(content.item).materials
        return _shape(HANDED_OUT, [{"material": m.id, "name": m.name, "sheets": m.copies} for m in asked])
    return _shape(HANDED_OUT, [])


def _of_ticket(session: Session, ticket: Delegation, step: str) -> dict[str, Any]:
    """What is counted stands on a list; what is handed out is proposed from what lies here."""
    if step in ("receive", "take_over", "count_further"):
        listed = (
            further.waiting(session, ticket)
            if step == "count_further"
            else custody.latest(session, ticket, *(("result",) if step == "take_over" else ("send", "pass_on")))
        )
        return _shape(
            PARTIAL if step == "receive" else COUNTED,
            [
                {"line": one.position, "material": one.name, "original": one.original, "sheets": one.sheets}
                for one in (listed.lines if listed else ())
            ],
            counting.VERDICTS,
        )
    if step == "send":
        lines = custody.lines_of(ticket.case) if ticket.case else []
    elif ticket.parent_id is not None:
        there = sub_tickets.papers_there(session, ticket)
        lines = [custody.Line(m.name, m.sheets or 1, True, "", m) for m in there]
    else:
        lines = delegation_steps.result_lines(ticket) if step == "send_result" else []
    return _shape(HANDED_OUT, [{"material": one.name, "original": one.original, "sheets": one.sheets} for one in lines])


def _shape(
    columns: tuple[str, ...], rows: list[dict[str, Any]], verdicts: Mapping[str, str] = VERDICTS
) -> dict[str, Any]:
    return {
        "columns": [
            {"name": name, "kind": KINDS.get(name, "choice" if name == "verdict" else "text")}
            | ({"options": [{"id": word, "title": verdicts[word]} for word in verdicts]} if name == "verdict" else {})
            for name in columns
        ],
        "rows": rows,
    }
