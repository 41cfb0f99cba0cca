"""One personal value in full, for a reason; and for residents, who has looked at theirs."""

from __future__ import annotations

from datetime import date, datetime

from flask import jsonify
from flask.typing import ResponseReturnValue

from blueprints.api import bp
from blueprints.api.body import json_object, text
from blueprints.api.serialise import agency, person, when, words
from blueprints.context import current_actor, db_session, load_or_404
from models.content import Content
from process import access
from services import personal


@bp.post("/v1/contents/<uid>/fields/<name>/reveal", endpoint="reveal")
def reveal(uid: str, name: str) -> ResponseReturnValue:
    """One field in full; who asked and why is kept, and the person it is about can read it."""
    content = load_or_404(Content, uid, access.VIEW_FULL)
    reason = text(json_object(), "reason", limit=1000) or ""
    found = personal.reveal(db_session(), content, current_actor(), name, reason)
    value = when(found.value) if isinstance(found.value, (date, datetime)) else found.value
    answer = jsonify(name=found.name, title=words(found.title), value=value)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.get("/v1/me/readings", endpoint="readings")
def readings() -> ResponseReturnValue:
    """Who had this resident's data in full before them, newest first."""
    return jsonify(
        items=[
            {
                "at": when(one.entry.at),
                "person": person(one.entry.person),
                "unit": agency(one.entry.unit),
                "type": one.type_id,
                "uid": one.uid,
                "number": one.number,
                "field": (one.entry.details or {}).get("field"),
                "reason": one.entry.comment,
            }
            for one in personal.readings(db_session(), current_actor())
        ],
        next=None,
    )
