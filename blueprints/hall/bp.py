"""The blueprint itself, and what all its pages ask first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from models.agency import Agency
from process.access import Actor
from process.refusals import NotFound
from services import opening
from services.hall import tables

bp = Blueprint("hall", __name__, url_prefix="/hall")

# Who works in a hall, and who looks at how it goes.
STAFF = frozenset(
    {"lobby_manager", "window_clerk", "filing_guide", "station_head", "head", "duty_leader", "supervisor"}
)
LOBBY = frozenset({"lobby_manager", "window_clerk"})


def hall_for(place_id: str, roles: frozenset[str] = STAFF) -> Agency:
    """A hall in which this actor has one of these roles, or whose settings they keep; others find nothing."""
    agency, actor = tables.agency(db_session(), place_id), current_actor()
    if not any(actor.holds(role, agency.path) for role in roles) and not opening.may_keep(actor, agency):
        raise NotFound()
    return agency


def kept(place_id: str) -> Agency:
    """A hall whose settings this actor keeps."""
    agency = tables.agency(db_session(), place_id)
    if not opening.may_keep(current_actor(), agency):
        raise NotFound()
    return agency


def own_hall(actor: Actor) -> Agency | None:
    """The hall this person works in."""
    unit = db_session().get(Agency, actor.unit_id) if actor.unit_id else None
    return unit if unit is not None and unit.kind in tables.KINDS else None


def tried(act: Any, done: str, back: str) -> ResponseReturnValue:
    """Does it and goes back; a refusal goes back as well and says why."""
    result, refusal = forms.attempt(act)
    if refusal is not None:
        flash(refusal.detail, "error")
    elif done:
        flash(done, "success")
    elif isinstance(result, str):
        flash(result, "success")
    return redirect(back, 303)


def polled(mark: str, draw: Callable[[], str]) -> Response:
    """An empty 304 while the mark is the one the browser has; else the part anew."""
    response = Response(status=304) if request.if_none_match.contains_weak(mark) else make_response(draw())
    response.set_etag(mark, weak=True)
    return response


def desk_url(agency: Agency) -> str:
    return url_for("hall.desk", place_id=agency.id)
