"""Lists: what came in to be counted, what came back, what is under way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import Select, false, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.delegations.bp import bp
from models.delegation import Delegation
from process import access, engine, guards
from process.access import Actor
from services import custody

PAGE = 50
RECEIVERS = ("window_clerk", "back_office_reviewer")
# A community counts in what comes for its own people, or for a result to be fetched there.
NEAR = ("community_clerk", "all_round_worker")
SENDERS = ("community_clerk", "all_round_worker", "delegate", "grid_leader")


def _shelves(actor: Actor) -> list[tuple[str, str, Any]]:
    """The parts of the list this person has work in, with the condition of each."""
    shelves: list[tuple[str, str, Any]] = []
    inbox = ("inbox", _("待清点"), (Delegation.state == "sent") & Delegation.addressee_id.in_(_desks(actor)))
    if actor.roles.intersection(RECEIVERS):
        shelves.append(inbox)
    if actor.roles.intersection(SENDERS):
        shelves.append(("back", _("退回和待补"), Delegation.state.in_(("returned", "waiting_material"))))
        shelves.append(("results", _("结果送回"), Delegation.state.in_(("result_sent", "handed_over"))))
        shelves.append(("drafts", _("还没转出"), Delegation.state == "draft"))
    if actor.roles.intersection(NEAR) and inbox not in shelves:
        shelves.append(inbox)
    if actor.roles.intersection((*RECEIVERS, *NEAR)):
        shelves.append(("parts", _("转办和协办"), Delegation.parent_id.is_not(None) & Delegation.closed_at.is_(None)))
    shelves.append(("open", _("办理中"), Delegation.closed_at.is_(None)))
    shelves.append(("all", _("全部"), None))
    return shelves


def _desks(actor: Actor) -> Select[tuple[str]]:
    """Units whose papers this actor counts."""
    from models.agency import Agency

    paths = [held.path for held in actor.held if held.role in (*RECEIVERS, *NEAR)]
    return select(Agency.id).where(or_(false(), *(access.within(Agency.path, path) for path in paths)))


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    shelves = _shelves(actor)
    chosen = request.args.get("show", shelves[0][0])
    condition = next((c for key, _label, c in shelves if key == chosen), shelves[0][2])
    statement = access.visible(select(Delegation), actor, Delegation).options(
        *present.list_options(Delegation),
        joinedload(Delegation.addressee),
        selectinload(Delegation.places),
        selectinload(Delegation.people),
    )
    if condition is not None:
        statement = statement.where(condition)
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
    counted = {
        key: session.scalar(access.visible(select(func.count(Delegation.id)), actor, Delegation).where(c))
        for key, _label, c in shelves
        if key in ("inbox", "back", "results", "parts") and c is not None
    }
    filters = [
        SimpleNamespace(
            label=label, url=url_for("delegations.index", show=key), active=key == chosen, count=counted.get(key)
        )
        for key, label, _c in shelves
    ]
    return render_template(
        "delegations/index.html",
        rows=rows,
        filters=filters,
        chosen=chosen,
        next_url=url_for("delegations.index", show=chosen, after=found[-1].id) if more else None,
    )
