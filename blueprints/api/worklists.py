"""What waits for whom: the worklists of the definitions, counted."""

from __future__ import annotations

from collections.abc import Iterator

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select, tuple_

from blueprints.api import bp
from blueprints.api.serialise import words
from blueprints.context import current_actor, db_session
from models.content import Content
from process import access
from process.access import Actor
from process.definition import Worklist
from process.library import ContentType, library


@bp.get("/v1/worklists", endpoint="worklists")
def worklists() -> ResponseReturnValue:
    """The lists this actor works on, each with the number of things in it and the address of the list."""
    actor = current_actor()
    mine = list(_mine(actor))
    counts: dict[tuple[str, str], int] = {}
    if mine:
        wanted = {(kind.id, state) for kind, worklist in mine for state in worklist.match.get("state", ())}
        # One query for all lists: counts per type and state of what this actor sees.
        rows = db_session().execute(
            access.visible(
                select(Content.type, Content.state, func.count())
                .where(tuple_(Content.type, Content.state).in_(sorted(wanted)))
                .group_by(Content.type, Content.state),
                actor,
            )
        )
        counts = {(kind, state): number for kind, state, number in rows}
    return jsonify(
        items=[
            {
                "id": f"{kind.id}.{worklist.id}",
                "title": words(worklist.title),
                "type": kind.id,
                "count": sum(counts.get((kind.id, state), 0) for state in worklist.match.get("state", ())),
                "items": url_for(
                    "api.contents", type=kind.id, state=list(worklist.match.get("state", ())), sort="deadline"
                ),
            }
            for kind, worklist in mine
        ]
    )


def _mine(actor: Actor) -> Iterator[tuple[ContentType, Worklist]]:
    """Whether it is somebody's list is asked of the roles held anywhere; what is in it, of the things themselves."""
    for kind in library.types.values():
        for worklist in library.workflows[kind.workflow].worklists.values():
            roles = {token.partition("@")[0] for token in worklist.guard.roles}
            if "anyone" in roles or not roles.isdisjoint(actor.roles):
                yield kind, worklist
