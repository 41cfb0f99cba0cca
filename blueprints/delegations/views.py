"""Lists: what came in to be counted, what came back, what is under way."""

from __future__ import annotations

from types import SimpleNamespace

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.delegations.bp import bp
from models.delegation import Delegation
from process import access, engine, guards
from services import custody, delegation_shelves

PAGE = 50
# Who takes papers in at a station and hands them on.
CARRIERS = {"community_clerk", "all_round_worker"}


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    chosen = delegation_shelves.chosen(actor, request.args.get("show"))
    statement = access.visible(select(Delegation), actor, Delegation).options(
        *present.list_options(Delegation),
        joinedload(Delegation.addressee),
        selectinload(Delegation.places),
        selectinload(Delegation.people),
    )
    statement = statement.where(chosen.condition)
    after = request.args.get("after", "")
    if after.isdecimal() and len(after) < 19:
        statement = statement.where(Delegation.id < int(after))
    found = list(session.scalars(statement.order_by(Delegation.id.desc()).limit(PAGE + 1)).unique())
    more, found = found[PAGE:], found[:PAGE]
    guards.prefetch(session, found)
    rows = []
    for ticket in found:
        row = present.row(session, ticket, actor, engine.available(ticket, actor))
        rows.append(SimpleNamespace(row=row, way=f"{custody.full_name(ticket.place)} → {ticket.addressee.name}"))
    filters = []
    for shelf in delegation_shelves.shelves(actor):
        mine = access.visible(select(func.count(Delegation.id)), actor, Delegation).where(shelf.condition)
        filters.append(
            SimpleNamespace(
                label=_(shelf.title),
                url=url_for("delegations.index", show=shelf.key),
                active=shelf.key == chosen.key,
                count=session.scalar(mine) if shelf.counted else None,
            )
        )
    return render_template(
        "delegations/index.html",
        rows=rows,
        filters=filters,
        chosen=chosen.key,
        at_office=actor.resident_id is None,
        counter_url=None if actor.roles.isdisjoint(CARRIERS) else url_for("cases.new"),
        next_url=url_for("delegations.index", show=chosen.key, after=found[-1].id) if more else None,
    )
