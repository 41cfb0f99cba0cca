"""路线: the dispatcher bundles errands into tours; couriers and dispatcher see stops in order on a drawn map."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.errands.bp import bp
from blueprints.grid.forms import attempt
from blueprints.present import moment
from models.agency import Agency
from models.base import now
from models.courier import CourierStop, CourierTour
from process import access, clock
from process.access import Actor
from process.numbers import CHINA
from process.refusals import Forbidden, Refusal
from services import errand_board, errand_kinds, places, tours

WIDE = 720
# The papers of a stop are fetched, or brought, once the errand stands here.
BROUGHT = ("delivered", "confirmed")
FETCHED = ("picked_up", "on_way", *BROUGHT)


@bp.get("/tours")
@login_required
def all_tours() -> ResponseReturnValue:
    """What could go on a tour, who could take it, and the tours of these days."""
    return _shown()


@bp.post("/tours")
@login_required
def plan_tours() -> ResponseReturnValue:
    """Plans and gives out in one step."""
    made, refusal = attempt(lambda: tours.plan(db_session(), current_actor(), request.form))
    if refusal is not None or made is None:
        return _shown(refusal), 422
    found, left = made
    if not found:
        flash(_("这些任务在时限里没有人能送到，请改时限或多选几位跑腿工。"), "warning")
    elif left:
        flash(_("排好 %(n)s 趟，已指派并通知跑腿工；还有 %(left)s 单没排进去。", n=len(found), left=left), "success")
    else:
        flash(_("排好 %(n)s 趟，已指派并通知跑腿工；全都排进去了。", n=len(found)), "success")
    return redirect(url_for("errands.all_tours"), 303)


def _shown(refusal: Refusal | None = None) -> str:
    actor, session = current_actor(), db_session()
    street = places.street_of_actor(session, actor)
    if street is None or not actor.holds(tours.DISPATCHER, street.path):
        raise Forbidden(_("路线由红色代办站的调度员安排。"))
    known = errand_board.couriers(session, street, clock.local_day(now()))
    return render_template(
        "errands/tours.html",
        street=street,
        waiting=tours.open_errands(session, actor, street),
        couriers=errand_board.assignable(known),
        tours=[
            SimpleNamespace(tour=one, when=moment(one.planned_at), url=url_for("errands.tour", uid=one.uid))
            for one in tours.listed(session, street)
        ],
        refusal=refusal,
        typed=request.form,
    )


@bp.get("/tours/<uid>")
@login_required
def tour(uid: str) -> ResponseReturnValue:
    """The stops in order, and the way drawn over communities and grids."""
    actor, session = current_actor(), db_session()
    found = tours.load(session, actor, uid)
    return render_template(
        "errands/tour.html",
        tour=found,
        own=found.person_id == actor.person_id,
        minutes=round(found.seconds / 60),
        kilometres=f"{found.metres / 1000:.1f}",
        stops=[
            SimpleNamespace(
                position=stop.position,
                fetches=stop.kind == "fetch",
                place=stop.place.name,
                number=stop.errand.number,
                title=stop.errand.title,
                needs=[_(errand_kinds.NEEDS[one]) for one in stop.errand.needs or () if one in errand_kinds.NEEDS],
                address=_address(stop, actor),
                when=f"{stop.due_at.astimezone(CHINA):%H:%M}",
                late=stop.late,
                done=stop.errand.state in (FETCHED if stop.kind == "fetch" else BROUGHT),
                url=url_for("errands.task", uid=stop.errand.uid),
            )
            for stop in found.stops
        ],
        drawing=_drawing(found),
        planned=moment(found.planned_at),
    )


def _address(stop: CourierStop, actor: Actor) -> str:
    """The door itself, for whoever carries or answers for the errand."""
    address = stop.errand.from_address if stop.kind == "fetch" else stop.errand.to_address
    return address if address and access.may(actor, access.VIEW_FULL, stop.errand) else ""


def _drawing(found: CourierTour) -> Any:
    """Squares for communities, dots for grids, the way as a line with numbered stops; all in whole pixels."""
    session = db_session()
    board = tours.map_of(session, session.get_one(Agency, found.street_id))
    spots = [board.spot(session.get(Agency, found.start_id)), *(board.spot(stop.place) for stop in found.stops)]

    scale = WIDE / board.width

    def px(value: float) -> int:
        return round(value * scale) + 10

    numbered: dict[tuple[int, int], list[str]] = {}
    for number, spot in enumerate(spots):
        numbered.setdefault((px(spot.x), px(spot.y)), []).append(str(number) if number else _("起"))
    return SimpleNamespace(
        width=px(board.width) + 10,
        height=px(board.height) + 10,
        invented=any(spot.invented for spot in spots),
        cells=[
            SimpleNamespace(
                x=px(cell.x) + 2,
                y=px(cell.y) + 2,
                side=max(round(cell.side * scale) - 4, 8),
                name=cell.agency.name,
                grids=[(px(x), px(y)) for x, y in cell.grids],
            )
            for cell in board.cells()
        ],
        line=" ".join(f"{px(spot.x)},{px(spot.y)}" for spot in spots),
        marks=[SimpleNamespace(x=x, y=y, text="、".join(texts[:4])) for (x, y), texts in numbered.items()],
    )
