"""Lines in the thread of a thing."""

from __future__ import annotations

from flask import jsonify
from flask.typing import ResponseReturnValue

from blueprints.api import bp
from blueprints.api.body import json_object, text
from blueprints.api.serialise import person, when
from blueprints.context import current_actor, db_session, load_or_404
from models.content import Content
from process.refusals import InvalidInput
from services import notes

AUDIENCES = ("internal", "resident")


@bp.post("/v1/contents/<uid>/notes", endpoint="note")
def note(uid: str) -> ResponseReturnValue:
    """Writes to colleagues (internal) or to the resident."""
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
    answer = jsonify(audience=written.audience, text=written.text, author=person(written.author), at=when(written.at))
    answer.status_code = 201
    return answer
