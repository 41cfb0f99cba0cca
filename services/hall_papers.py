"""Papers of the hall: the slip that the ticket machine prints, and the sheet of a run-along."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from catalogue import loader as catalogue
from models.content import Content
from models.ledger import JournalEntry
from process import clock
from process.library import library
from process.numbers import CHINA
from services import office
from services.papers_out import Occasion, data_for


@data_for("queue_slip")
def queue_slip(occasion: Occasion) -> dict[str, Any] | None:
    """Number, time and how many are before one; whose it is stands nowhere."""
    content, session = occasion.content, occasion.session
    fields = content.fields or {}
    number = str(fields.get("ticket_number") or "")
    if not number:
        return None
    hall = content.unit or content.place
    before = (
        session.scalar(
            select(func.count())
            .select_from(Content)
            .where(
                Content.type == content.type,
                Content.state == "ticketed",
                Content.id != content.id,
                func.coalesce(Content.unit_id, Content.place_id) == hall.id,
                Content.entered_at <= occasion.at,
            )
        )
        or 0
    )
    code = str(fields.get("item") or "")
    return {
        "ticket": number,
        "hall": hall.name,
        "matter": catalogue.items()[code].name if code in catalogue.items() else str(fields.get("matter") or ""),
        "taken_at": occasion.at,
        "ahead": before,
        "hours": str((hall.details or {}).get("hours") or ""),
        "phone": office.phone(hall),
    }


@data_for("run_record")
def run_record(occasion: Occasion) -> dict[str, Any] | None:
    """体验办证办事记录单: one sheet for one run; the follow-up fills itself in when the problem is reconciled."""
    content, session = occasion.content, occasion.session
    fields = content.fields or {}
    if not fields.get("link"):
        return None
    leader = content.assignee or content.owner
    good, yes = set(fields.get("observed") or []), set(fields.get("answers") or [])
    begun = session.scalar(
        select(JournalEntry.at)
        .where(JournalEntry.content_id == content.id, JournalEntry.to_state == "drawn")
        .order_by(JournalEntry.id.desc())
        .limit(1)
    )
    start, end = fields.get("started_at") or begun, fields.get("ended_at")
    return {
        "number": content.number,
        "unit": content.place.name,
        "run_on": clock.local_day(begun or occasion.at),
        "visitor_ticket": str(fields.get("drawn_ticket") or ""),
        "drawn_from": fields.get("drawn_from"),
        "matter": str(fields.get("matter") or ""),
        "area": str(fields.get("area") or ""),
        "link": str(fields.get("link") or ""),
        "started_at": _clock(start),
        "ended_at": _clock(end),
        "minutes": _whole(fields.get("minutes")),
        "course": str(fields.get("course") or ""),
        "observations": [{"name": title, "good": title in good} for title in _asked(occasion, "observed")],
        "questions": [{"name": title, "yes": title in yes} for title in _asked(occasion, "answers")],
        "problem": str(fields.get("problem") or ""),
        "advice": str(fields.get("advice") or ""),
        "leader": leader.name if leader is not None else "",
        "department": str(fields.get("department") or ""),
        "cause": str(fields.get("cause") or ""),
        "responsible": str(fields.get("responsible") or ""),
        "rectify_by": fields.get("rectify_by"),
        "remedy": str(fields.get("remedy") or ""),
        "solution": str(fields.get("solution") or ""),
        "reconciled_on": clock.local_day(occasion.at) if content.state == "reconciled" else None,
    }


def _asked(occasion: Occasion, name: str) -> list[str]:
    """七项观察 and 十问 in the order of the definition, so that sheet and form ask the same."""
    steps = library.of(occasion.content, occasion.session).transitions
    spec = next(one for one in steps["record"].inputs if one.name == name)
    return [title.zh for _key, title in spec.options]


def _clock(value: Any) -> str:
    """14:05, from a moment of the log or from what was typed."""
    if not value:
        return ""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return f"{moment.astimezone(CHINA):%H:%M}"


def _whole(value: Any) -> int | None:
    return round(float(value)) if value not in (None, "") else None
