"""What a resident may learn without an account, once number and a second fact agree: state, place, phone."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from blueprints import present, timeline
from models.content import Content
from models.crypto import vault
from process.library import library

_FULL_WIDTH = {0xFEE0 + code: chr(code) for code in range(0x21, 0x7F)}
# What somebody outside asks about; certificates have their own page.
KINDS = ("case", "delegation", "home_visit")
OWES = {("case", "supplement"), ("delegation", "waiting_material")}


@dataclass(frozen=True)
class Track:
    """The way of one matter, without a name in it."""

    number: str
    title: str
    kind: str
    state: present.StateView
    unit: str
    phone: str
    since: str
    deadline: present.DeadlineView | None
    steps: list[dict[str, str]]
    owes: bool
    """Something is asked of the resident; what it is stands in the message they got, not on a page without a sign-in."""


def tidy(text: str) -> str:
    return "".join(text.translate(_FULL_WIDTH).split()).upper()


def find(session: Session, number: str, tail: str) -> Track | None:
    """None for a wrong number and for a wrong fact alike, after the same work."""
    rows = session.scalars(
        select(Content)
        .where(Content.number == number, Content.type.in_(KINDS))
        .options(joinedload(Content.applicant), joinedload(Content.unit), joinedload(Content.place))
        .limit(5)
    ).all()
    match: Content | None = None
    candidates: list[Content | None] = [*rows] or [None]
    for content in candidates:
        kept = (
            content.applicant.id_number
            if content is not None and content.applicant is not None
            else vault.decrypt(vault.encrypt(b"-")).decode()
        )
        if hmac.compare_digest(kept[-4:].encode(), tail.encode()) and content is not None:
            match = content
    return _track(session, match) if match is not None else None


def _track(session: Session, content: Content) -> Track:
    definition = library.of(content, session)
    holder = content.unit or content.place
    # Names of clerks are for colleagues; the resident gets the unit and its phone.
    steps = [{**step, "who": ""} for step in timeline.way(session, content, definition)]
    return Track(
        content.number or "",
        content.title,
        present.title_of(library.type(content.type)),
        present.state_view(definition.states[content.state]),
        holder.name,
        str((holder.details or {}).get("phone") or ""),
        present.moment(content.entered_at),
        present.deadline_view(session, content, definition),
        steps,
        (content.type, content.state) in OWES,
    )


def as_json(track: Track) -> dict[str, Any]:
    return {
        "number": track.number,
        "title": track.title,
        "kind": track.kind,
        "state": track.state.label,
        "where": track.unit,
        "phone": track.phone,
        "since": track.since,
        "deadline": track.deadline.label if track.deadline else "",
        "steps": [{"label": s["label"], "when": s["when"], "status": s["status"]} for s in track.steps],
    }
