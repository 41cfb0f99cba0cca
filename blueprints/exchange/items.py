"""What we decide for partner cities, and what the sources say of partner regions."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints.context import current_actor, db_session
from blueprints.exchange.bp import bp
from blueprints.exchange.partners import administrator
from models.agency import Agency
from models.base import now
from process import clock
from process.refusals import InvalidInput
from services.exchange import items, partners

# A unit that decides is a window, an office or a bureau, not a grid.
DECIDING = ("city", "district", "street", "street_centre", "town", "bureau", "community_station")


@bp.route("/items", methods=["GET", "POST"], endpoint="items")
@login_required
def index() -> ResponseReturnValue:
    administrator()
    session = db_session()
    if request.method == "POST":
        try:
            row = items.offer(session, current_actor(), request.form)
        except InvalidInput as refusal:
            return _page(request.form, refusal), 422
        flash(_("“%(title)s”已加入清单，正在告诉每个伙伴。", title=row.title), "success")
        return redirect(url_for("exchange.items"), 303)
    return _page({})


def _page(values: object, refusal: InvalidInput | None = None) -> str:
    session = db_session()
    today = clock.local_day(now())
    units = session.scalars(select(Agency).where(Agency.kind.in_(DECIDING)).order_by(Agency.path).limit(500))
    offered = items.ours(session)
    known = {row.code for row in offered}
    return render_template(
        "exchange/items.html",
        ours=offered,
        theirs=[(partner, items.theirs(session, partner)) for partner in partners.all_partners(session)],
        examples=[one for one in items.regions()["offers"] if one["code"] not in known],
        regions=items.regions()["regions"],
        units=[unit for unit in units if unit.exists_on(today)],
        values=values,
        refusal=[{"field": n, "message": m} for n, m in refusal.errors.items()] if refusal else None,
    )


@bp.post("/items/<int:item_id>/end", endpoint="end_item")
@login_required
def end(item_id: int) -> ResponseReturnValue:
    administrator()
    row = items.end(db_session(), current_actor(), item_id)
    flash(_("“%(title)s”不再接收新件，在办的照常办完。", title=row.title), "success")
    return redirect(url_for("exchange.items"), 303)
