"""What waits for whom: the worklists of the definitions, counted."""

from __future__ import annotations

from collections.abc import Iterator

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue

from blueprints.api import bp
from blueprints.api.serialise import words
from blueprints.context import current_actor, db_session
from process import pages
from process.access import Actor
from process.content_types import ContentType
from process.definition import Worklist
from process.library import library
from process.pages import Wanted

# Above this a list says `more`.
COUNT_MOST = 100


@bp.get("/v1/worklists", endpoint="worklists")
def worklists() -> ResponseReturnValue:
    """The lists this actor works on, each with the number of things in it and the address of the list."""
    actor = current_actor()
    mine = list(_mine(actor))
    # One query for all lists; nobody works off more than this, so nobody counts further.
    counts = pages.counts(
        db_session(),
        actor,
        {
            (kind.id, worklist.id): Wanted(
                types=frozenset({kind.id}), states=frozenset(worklist.match.get("state", ()))
            )
            for kind, worklist in mine
        },
        COUNT_MOST,
    )

    return jsonify(
        items=[
            {
                "id": f"{kind.id}.{worklist.id}",
                "title": words(worklist.title),
                "type": kind.id,
                "count": counts[kind.id, worklist.id],
                "more": counts[kind.id, worklist.id] >= COUNT_MOST,
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
