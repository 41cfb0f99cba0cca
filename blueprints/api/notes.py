"""Lines in the thread of a thing."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from blueprints.api import bp
from blueprints.api.body import json_object, text
from blueprints.api.serialise import person, when
from blueprints.context import current_actor, db_session, load_or_404
from models.content import Content
from models.paper import Note
from process.refusals import InvalidInput
from services import notes


@bp.get("/v1/contents/<uid>/notes", endpoint="notes")
def thread(uid: str) -> ResponseReturnValue:
    """The lines of the thread that this actor reads: both ends of a ticket read one thread, the resident what is meant for them."""
    content = load_or_404(Content, uid)
    found = notes.thread(db_session(), content, current_actor())
    return jsonify(items=[_line(note) for note in found], next=None)


def _line(note: Note) -> dict[str, Any]:
    return {
        "audience": "unit" if note.unit_id else note.audience,
        "text": note.text,
        "author": person(note.author),
        "at": when(note.at),
    }


@bp.post("/v1/contents/<uid>/notes", endpoint="note")
def note(uid: str) -> ResponseReturnValue:
    """Writes to the colleagues of both ends (internal), of one's own unit (unit), or to the resident."""
    content = load_or_404(Content, uid)
    body = json_object()
    unknown = sorted(set(body) - {"audience", "text"})
    if unknown:
        raise InvalidInput(
            f"不认识的字段“{unknown[0][:40]}”。可用的有：audience、text。", {unknown[0][:40]: "没有这个字段"}
        )
    written = notes.add(
        db_session(),
        content,
        current_actor(),
        audience=text(body, "audience", required=True),
        text=text(body, "text", required=True, limit=5000),
    )
    db_session().flush()
    answer = jsonify(_line(written))
    answer.status_code = 201
    return answer
