"""Tours: several errands of one courier as one way, given out together, and planned anew when one drops out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.agency import Agency
from models.base import now
from models.content import Content
from models.courier import CourierStop, CourierTour
from models.errand import Errand
from models.person import CourierProfile, Person
from process import access, clock, engine, journal, registry
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotFound
from process.registry import Step
from process.words import N_
from services import address_routing, couriers, errand_board, notices, places, street_map, tour_solver
from services.errands import CARRYING, DISPATCHER
from services.street_map import StreetMap

LONGEST = timedelta(hours=10)
MOST = 80
PLANNED = N_("给您排了一趟 %(stops)s 站的路线，请到“我的任务”里看。")
CHANGED = N_("您的路线重排了，现在 %(stops)s 站，请看新的顺序。")
# A step after which an errand no longer belongs on the way of whoever had it.
LEAVES = ("release", "leave", "fail", "recover", "cancel")


def plan(session: Session, actor: Actor, given: Mapping[str, Any]) -> tuple[list[CourierTour], int]:
    """Gives the open errands of the street to the couriers named, each with an order of stops; answers the tours and how many are left."""
    street = places.street_of_actor(session, actor)
    if street is None or not actor.holds(DISPATCHER, street.path):
        raise Forbidden("路线由红色代办站的调度员安排。")
    at, day = now(), clock.local_day(now())
    known = {one.username: one for one in errand_board.couriers(session, street, day)}
    named = [name for name in _several(given, "couriers") if name in known]
    wanted = set(_several(given, "errands"))
    waiting = [one for one in open_errands(session, actor, street) if not wanted or one.uid in wanted]
    errors = {}
    if not named:
        errors["couriers"] = "请至少选一位跑腿工"
    if not waiting:
        errors["errands"] = "没有可以排进路线的任务；要两人同去的请单独指派"
    if errors:
        raise InvalidInput("还不能排路线：" + "；".join(errors.values()) + "。", errors)
    board = map_of(session, street)
    runners, own = [], []
    away = couriers.absences(session, [known[name].person_id for name in named], day)
    for name in named:
        courier = known[name]
        profile = session.get_one(CourierProfile, courier.person_id)
        free = couriers.free_between(profile, away.get(courier.person_id, ()), at, at + LONGEST)
        if free is None or courier.expired or courier.suspended:
            continue
        runners.append(_runner(board, courier.person_id, profile.point, free, at, courier.limit - courier.open))
        own += [_load(session, board, one, at, courier.person_id) for one in carried_by(session, courier.person_id)]
    found = tour_solver.solve(runners, [*own, *(_load(session, board, one, at, None) for one in waiting)])
    by_id = {one.id: one for one in waiting}
    made = []
    for runner in runners:
        stops = found.stops[runner.id]
        fresh = dict.fromkeys(stop.load for stop in stops if stop.load in by_id)
        if not fresh:
            continue
        person = session.get_one(Person, runner.id)
        for errand_id in fresh:
            engine.fire(by_id[errand_id], "assign", actor, inputs={"courier": person.username})
        made.append(_keep(session, actor, street, person, board, stops, at))
    return made, len([one for one in found.left if one in by_id])


def open_errands(session: Session, actor: Actor, street: Agency) -> list[Errand]:
    """What may go on a tour: open, for one person, most urgent first."""
    found = session.scalars(
        access.visible(
            select(Errand).where(access.within(Errand.place_path, street.path), Errand.state == "open"), actor, Errand
        )
        .options(joinedload(Errand.from_agency), joinedload(Errand.to_agency))
        .order_by(Errand.deadline.is_(None), Errand.deadline, Errand.id)
        .limit(MOST * 2)
    )
    return [one for one in found if "two_people" not in (one.needs or ())][:MOST]


def carried_by(session: Session, person_id: int) -> list[Errand]:
    """What a courier has on hand already: it lies on the same way."""
    return list(
        session.scalars(
            select(Errand)
            .where(Errand.assignee_id == person_id, Errand.closed_at.is_(None), Errand.state.in_(CARRYING))
            .order_by(Errand.id)
        )
    )


def map_of(session: Session, street: Agency) -> StreetMap:
    """The drawing of a street."""
    below = session.scalars(
        select(Agency).where(access.within(Agency.path, street.path)).options(joinedload(Agency.parent))
    ).all()
    return street_map.StreetMap(street, below)


def _runner(
    board: StreetMap, person_id: int, start: Agency, free: tuple[datetime, datetime], at: datetime, room: int
) -> tour_solver.Runner:
    spot = board.spot(start)
    return tour_solver.Runner(person_id, (spot.x, spot.y), _seconds(free[0], at), _seconds(free[1], at), max(room, 0))


def _place(session: Session, street: Agency, errand: Errand, fetches: bool) -> Agency:
    """The unit at one end of an errand; for a home, the community of this street that its address names."""
    unit, address = (errand.from_agency, errand.from_address) if fetches else (errand.to_agency, errand.to_address)
    if unit is not None:
        return unit
    home = address_routing.named_in(session, address or "")
    return home if home is not None and street.holds(home.path) else errand.place


def _load(session: Session, board: StreetMap, errand: Errand, at: datetime, only: int | None) -> tour_solver.Load:
    start = board.spot(_place(session, board.street, errand, True))
    end = board.spot(_place(session, board.street, errand, False))
    fetched = errand.state in ("picked_up", "on_way")
    until = _seconds(errand.window_end, at) if errand.window_end is not None else None
    since = _seconds(errand.window_start, at) if errand.window_start is not None else None
    return tour_solver.Load(
        errand.id,
        None if fetched else (start.x, start.y),
        (end.x, end.y),
        until or None,
        only,
        since or None,
    )


def _seconds(moment: datetime, at: datetime) -> int:
    return max(0, int((moment - at).total_seconds()))


def _keep(
    session: Session,
    actor: Actor,
    street: Agency,
    person: Person,
    board: StreetMap,
    stops: Sequence[tour_solver.Stop],
    at: datetime,
) -> CourierTour:
    """Writes the tour down; an older one of the same courier is over."""
    for older in session.scalars(
        select(CourierTour).where(CourierTour.person_id == person.id, CourierTour.state == "planned")
    ):
        older.state, older.reason = "dropped", "排了新的路线"
    profile = session.get_one(CourierProfile, person.id)
    tour = CourierTour(
        district=street.district,
        person_id=person.id,
        street_id=street.id,
        start_id=profile.point_id,
        day=clock.local_day(at),
        starts_at=at,
        planned_by_id=actor.person_id,
        planned_at=at,
    )
    session.add(tour)
    session.flush()
    _write(session, tour, board, stops, at)
    details = {"tour": tour.id, "person": person.id, "stops": len(stops)}
    journal.record(session, "tour:plan", actor, stream=f"agency:{street.id}", details=details)
    notices.notify(
        session,
        None,
        to=person,
        kind="tour:planned",
        text=PLANNED,
        params={"stops": len(stops)},
        once=f"tour:{tour.id}",
    )
    return tour


def _write(
    session: Session, tour: CourierTour, board: StreetMap, stops: Sequence[tour_solver.Stop], at: datetime
) -> None:
    tour.stops.clear()
    session.flush()
    point = board.spot(session.get(Agency, tour.start_id))
    here, seconds, metres = (point.x, point.y), 0, 0.0
    for position, stop in enumerate(stops, start=1):
        errand = session.get_one(Errand, stop.load)
        place = _place(session, board.street, errand, stop.fetches)
        spot = board.spot(place)
        there = (spot.x, spot.y)
        leg = tour_solver.seconds_between(here, there)
        seconds, metres, here = seconds + leg, metres + leg * tour_solver.METRES_A_SECOND, there
        tour.stops.append(
            CourierStop(
                errand_id=errand.id,
                position=position,
                kind="fetch" if stop.fetches else "deliver",
                place_id=place.id,
                due_at=at + timedelta(seconds=stop.at),
                late=stop.late,
            )
        )
    tour.seconds, tour.metres = seconds, round(metres)
    session.flush()
    session.expire(tour, ["stops"])


# --- one drops out ---------------------------------------------------------------------------------------------------
def replan(session: Session, tour: CourierTour, why: str, at: datetime) -> None:
    """The same courier, what is still on hand, in a new order from where the day stands."""
    street = session.get_one(Agency, tour.street_id)
    board, profile = map_of(session, street), session.get_one(CourierProfile, tour.person_id)
    rest = carried_by(session, tour.person_id)
    tour.revision, tour.reason = tour.revision + 1, why[:200]
    if not rest:
        tour.stops.clear()
        tour.state, tour.seconds, tour.metres = "dropped", 0, 0
        session.flush()
        return
    runner = _runner(board, tour.person_id, profile.point, (at, at + LONGEST), at, len(rest))
    found = tour_solver.solve([runner], [_load(session, board, one, at, tour.person_id) for one in rest])
    _write(session, tour, board, found.stops[runner.id], at)
    person = session.get_one(Person, tour.person_id)
    once = f"tour:{tour.id}:{tour.revision}"
    params = {"stops": len(found.stops[runner.id])}
    notices.notify(session, None, to=person, kind="tour:changed", text=CHANGED, params=params, once=once)


def dropped_out(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """An errand that is given back, failed or cancelled leaves the tour, and the rest is put in order again."""
    if step is None or content.type != "errand":
        return
    if event == "confirm":
        _finish(session, content)
    if event not in LEAVES:
        return
    tour = session.scalar(
        select(CourierTour)
        .join(CourierStop, CourierStop.tour_id == CourierTour.id)
        .where(CourierStop.errand_id == content.id, CourierTour.state == "planned")
        .limit(1)
    )
    if tour is not None:
        replan(session, tour, f"{content.number} 不送了", step.at)


def _finish(session: Session, content: Content) -> None:
    """With its last errand confirmed a tour is done."""
    tours = session.scalars(
        select(CourierTour)
        .join(CourierStop, CourierStop.tour_id == CourierTour.id)
        .where(CourierStop.errand_id == content.id, CourierTour.state == "planned")
        .options(selectinload(CourierTour.stops).joinedload(CourierStop.errand))
    ).unique()
    for tour in tours:
        if all(stop.errand.closed_at is not None for stop in tour.stops):
            tour.state = "done"


registry.listeners.append(dropped_out)


# --- looking ---------------------------------------------------------------------------------------------------------
def load(session: Session, actor: Actor, uid: str) -> CourierTour:
    """A tour of one's own, or of the street one dispatches for."""
    tour = session.scalar(
        select(CourierTour)
        .where(CourierTour.uid == uid)
        .options(selectinload(CourierTour.stops).joinedload(CourierStop.errand), joinedload(CourierTour.person))
    )
    if tour is None or not may_see(session, actor, tour):
        raise NotFound()
    return tour


def may_see(session: Session, actor: Actor, tour: CourierTour) -> bool:
    street = session.get_one(Agency, tour.street_id)
    return tour.person_id == actor.person_id or actor.holds(DISPATCHER, street.path)


def listed(session: Session, street: Agency, limit: int = 40) -> list[CourierTour]:
    """The tours of a street, newest first."""
    return list(
        session.scalars(
            select(CourierTour)
            .where(CourierTour.street_id == street.id)
            .options(joinedload(CourierTour.person), selectinload(CourierTour.stops))
            .order_by(CourierTour.id.desc())
            .limit(limit)
        ).unique()
    )


def current(session: Session, person_id: int | None) -> CourierTour | None:
    """The tour a courier is on."""
    return session.scalar(
        select(CourierTour)
        .where(CourierTour.person_id == person_id, CourierTour.state == "planned")
        .order_by(CourierTour.id.desc())
        .limit(1)
    )


def _several(given: Mapping[str, Any], name: str) -> Iterable[str]:
    found = given.getlist(name) if hasattr(given, "getlist") else given.get(name) or []
    return [str(one) for one in ([found] if isinstance(found, str) else found)]
