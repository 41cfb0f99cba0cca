"""Things: list, register, look, mend; their history and their deadline."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints import timeline
from blueprints.api import bp
from blueprints.api.body import json_object, text, whole_number
from blueprints.api.listing import page
from blueprints.api.reading import remember_reading
from blueprints.api.serialise import agency, person, summary, when, whole, words
from blueprints.context import current_actor, db_session, load_or_404
from models.content import Content
from models.ledger import JournalEntry
from process import access, clock
from process.library import library
from process.refusals import InvalidInput
from services import actions as verbs
from services import editing, search

MAX_HISTORY = 500


@bp.get("/v1/contents", endpoint="contents")
def contents() -> ResponseReturnValue:
    """What this actor may see, filtered and in order, a page at a time."""
    session, actor = db_session(), current_actor()
    rows, after = page(session, actor)
    asked = {**request.args.to_dict(flat=False), "after": after}
    if words := request.args.get("q", "").strip():
        # As on the web: a whole ID or phone number goes on in no address; what stands for it does.
        asked["q"] = search.for_address(words)
    following = url_for("api.contents", **asked) if after else None
    return jsonify(items=[summary(session, content) for content in rows], next=after, next_url=following)


@bp.post("/v1/contents", endpoint="create")
def create() -> ResponseReturnValue:
    """Registers a new thing of a type."""
    body = json_object()
    type_id = text(body, "type", required=True, limit=40)
    if type_id not in library.types:
        raise InvalidInput(
            f"没有名为“{type_id}”的业务类型。可用的有：{'、'.join(sorted(library.types))}。", {"type": "没有这个类型"}
        )
    session, actor = db_session(), current_actor()
    content = verbs.create(session, actor, type_id, {name: value for name, value in body.items() if name != "type"})
    session.flush()
    answer = jsonify(whole(session, content, actor))
    answer.status_code = 201
    answer.headers["Location"] = url_for("api.show", uid=content.uid)
    return answer


@bp.get("/v1/contents/<uid>", endpoint="show")
def show(uid: str) -> ResponseReturnValue:
    """One thing with its fields and what may be done with it."""
    content = load_or_404(Content, uid)
    remember_reading(content)
    return jsonify(whole(db_session(), content, current_actor()))


@bp.patch("/v1/contents/<uid>", endpoint="edit")
def edit(uid: str) -> ResponseReturnValue:
    """Changes fields of the type; the state stays as it is."""
    content = load_or_404(Content, uid)
    body = json_object()
    version = whole_number(body, "version", required=True)
    assert version is not None
    changes = body.pop("fields", {}) if isinstance(body.get("fields"), dict) else {}
    changes = {**{name: value for name, value in body.items() if name != "version"}, **changes}
    editing.edit(db_session(), content, current_actor(), changes, expected_version=version)
    return jsonify(whole(db_session(), content, current_actor()))


@bp.get("/v1/contents/<uid>/history", endpoint="history")
def history(uid: str) -> ResponseReturnValue:
    """What happened to it, oldest first; words people wrote only for whoever sees it in full."""
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    definition = library.of(content, session)
    full = access.may(actor, access.VIEW_FULL, content, session)
    insider = access.may(actor, "internal", content, session)
    rows = session.scalars(
        select(JournalEntry)
        .where(JournalEntry.content_id == content.id)
        .options(
            joinedload(JournalEntry.person), joinedload(JournalEntry.substitute_for), joinedload(JournalEntry.unit)
        )
        .order_by(JournalEntry.id.desc())
        .limit(MAX_HISTORY)
    ).all()

    def state(name: str | None) -> str | None:
        return words(definition.states[name].title) if name in definition.states else None

    items: list[dict[str, Any]] = [
        {
            "at": when(row.at),
            "action": row.action,
            "title": timeline.entry_title(content, definition, row.action),
            "from": row.from_state,
            "to": row.to_state,
            "from_title": state(row.from_state),
            "to_title": state(row.to_state),
            "person": person(row.person),
            "unit": agency(row.unit),
            "on_behalf_of": person(row.substitute_for),
            "comment": row.comment if full and (insider or row.action not in timeline.BETWEEN_OFFICES) else None,
            "because": (row.details or {}).get("because"),
        }
        for row in reversed(rows)
        if insider or (row.action != "personal:reveal" and row.action not in timeline.INSIDE)
    ]
    return jsonify(items=items, next=None)


@bp.get("/v1/contents/<uid>/deadline", endpoint="deadline")
def deadline(uid: str) -> ResponseReturnValue:
    """Until when, and why: working days, holidays, make-up days, pauses; and which level has used the time."""
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    full = access.may(actor, access.VIEW_FULL, content, session)
    told = clock.explain(session, content, library.of(content, session), locale=str(get_locale()), full=full)
    return jsonify(**told, hops=clock.hops(session, content).as_data())
