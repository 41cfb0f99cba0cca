"""办件: the list with its filters, every row masked, the number of queries fixed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.cases.bp import bp
from blueprints.catalogue.offers import INTAKE_ROLES, name_of
from blueprints.context import current_actor, db_session
from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.case import Case
from process import access
from process.access import Actor
from process.library import library
from services import cases
from services.search import matching

PAGE = 50
# What people call a group of states; a single state may be chosen as well.
OPEN, LATE = "open", "late"
PLACE_KINDS = ("street", "street_centre", "community", "community_station")


@bp.get("/cases")
@login_required
def index() -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    chosen = {name: request.args.get(name, "")[:80] for name in ("state", "item", "place")}
    words = " ".join(request.args.get("q", "").split())[:100]
    statement = access.visible(select(Case), actor, Case).options(*present.list_options(Case))
    statement = _narrowed(session, actor, statement, chosen, words)
    after = request.args.get("after", "")
    if after.isdecimal() and len(after) < 19:
        statement = statement.where(Case.id < int(after))
    found = list(session.scalars(statement.order_by(Case.id.desc()).limit(PAGE + 1)).unique())
    shown = found[:PAGE]
    further: dict[str, Any] = {**chosen, "q": words, "after": shown[-1].id if shown else ""}
    next_url = url_for("cases.index", **{k: v for k, v in further.items() if v}) if len(found) > PAGE else None
    definition = library.workflows["case"]
    states = [
        (OPEN, _("没办结的")),
        (LATE, _("已超期的")),
        *((s.id, present.title_of(s)) for s in definition.states.values()),
    ]
    items = [(i.code, name_of(catalogue.item(i.code))) for i in cases.items_on_offer(session)]
    return render_template(
        "cases/index.html",
        rows=[present.row(session, c, actor) for c in shown],
        next_url=next_url,
        chosen=chosen,
        q=words,
        filters=[
            SimpleNamespace(name="state", label=_("状态"), options=states),
            SimpleNamespace(name="item", label=_("事项"), options=items),
            SimpleNamespace(name="place", label=_("收件单位"), options=_places(session, actor)),
        ],
        filtered=bool(words or any(chosen.values())),
        may_file=bool(actor.roles & INTAKE_ROLES),
        may_apply=actor.resident_id is not None,
    )


def _narrowed(
    session: Session, actor: Actor, statement: Select[Any], chosen: dict[str, str], words: str
) -> Select[Any]:
    if chosen["state"] == OPEN:
        statement = statement.where(Case.closed_at.is_(None))
    elif chosen["state"] == LATE:
        statement = statement.where(Case.closed_at.is_(None), Case.deadline < now())
    elif chosen["state"]:
        statement = statement.where(Case.state == chosen["state"])
    if chosen["item"]:
        statement = statement.where(Case.item.has(code=chosen["item"]))
    if chosen["place"]:
        place = session.get(Agency, chosen["place"])
        statement = (
            statement.where(access.within(Case.place_path, place.path)) if place else statement.where(Case.id == -1)
        )
    return statement.where(matching(session, actor, words, Case)) if words else statement


def _places(session: Session, actor: Actor) -> list[tuple[str, str]]:
    """The units below this actor's posts that take cases in."""
    paths = {h.path for h in actor.held if h.role != "applicant"}
    if not paths:
        return []
    rows = session.execute(
        select(Agency.id, Agency.name)
        .where(Agency.kind.in_(PLACE_KINDS), or_(*(access.within(Agency.path, p) for p in sorted(paths))))
        .order_by(Agency.path)
        .limit(200)
    )
    return [(agency_id, name) for agency_id, name in rows]
