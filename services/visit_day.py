"""One leader's day: the visits in the order of their hours, with what to bring, and who is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.agency import Agency
from models.base import now
from models.care import DoorCall
from models.delegation import HomeVisit
from models.ledger import JournalEntry
from models.person import Person
from process import access, clock, journal
from process.access import Actor
from process.numbers import CHINA
from services import slots
from services.catalogue_items import record_of

WALKERS = ("grid_leader", "grid_service_worker", "community_clerk")
READING = "personal:reveal"
# Whoever walks a route looks at it many times; one row an hour says that they saw the addresses.
SEEN_AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class Stop:
    """One home of the route."""

    visit: HomeVisit
    # ahead, here, next, over
    stands: str
    bring: tuple[str, ...]


def grids(session: Session, actor: Actor) -> list[Agency]:
    """The grids whose routes this actor may open."""
    paths = [held.path for held in actor.held if held.role in WALKERS]
    if not paths:
        return []
    today = clock.local_day(now())
    found = session.scalars(
        select(Agency)
        .where(Agency.kind == "grid", or_(*(access.within(Agency.path, path) for path in paths)))
        .options(joinedload(Agency.parent))
        .order_by(Agency.number, Agency.id)
    )
    return [grid for grid in found if grid.exists_on(today)]


def route(session: Session, actor: Actor, grid: Agency, day: date, person: Person | None = None) -> list[Stop]:
    """The homes of this day in order: what was done, where somebody stands now, who is next."""
    since = datetime.combine(day, time(), CHINA)
    until = since + timedelta(days=1)
    rang = select(DoorCall.visit_id).where(
        DoorCall.grid_id == grid.id, DoorCall.at >= since, DoorCall.at < until, DoorCall.kind != "deliver"
    )
    statement = access.visible(
        select(HomeVisit).where(
            HomeVisit.place_id == grid.id,
            or_(
                (HomeVisit.slot_start >= since)
                & (HomeVisit.slot_start < until)
                & HomeVisit.state.not_in(("cancelled", "ineligible")),
                HomeVisit.id.in_(rang),
            ),
        ),
        actor,
        HomeVisit,
    )
    if person is not None:
        statement = statement.where(HomeVisit.assignee_id == person.id)
    found = list(
        session.scalars(
            statement.options(
                joinedload(HomeVisit.applicant),
                joinedload(HomeVisit.item),
                joinedload(HomeVisit.assignee),
                joinedload(HomeVisit.place),
                selectinload(HomeVisit.places),
                selectinload(HomeVisit.people),
            ).order_by(HomeVisit.slot_start.is_(None), HomeVisit.slot_start, HomeVisit.id)
        ).unique()
    )
    full = [visit for visit in found if access.may(actor, access.VIEW_FULL, visit, session)]
    waiting = [visit for visit in full if visit.state == "scheduled"]
    return [
        Stop(visit, _stands(visit, waiting), tuple(m.name for m in record_of(visit.item).materials)) for visit in full
    ]


def _stands(visit: HomeVisit, waiting: Sequence[HomeVisit]) -> str:
    if visit.state == "visiting":
        return "here"
    if visit.state == "scheduled":
        return "next" if visit is waiting[0] else "ahead"
    return "asked" if visit.state == "requested" else "over"


def results(session: Session, actor: Actor, grid: Agency) -> int:
    """How many results wait to be brought to homes of this grid."""
    statement = access.visible(
        select(func.count(HomeVisit.id)).where(HomeVisit.place_id == grid.id, HomeVisit.state == "result_ready"),
        actor,
        HomeVisit,
    )
    return session.scalar(statement) or 0


def following(session: Session, actor: Actor, visit: HomeVisit) -> HomeVisit | None:
    """The next home of the same person and day, for the button at the end of a visit."""
    today = clock.local_day(now())
    for stop in route(session, actor, visit.place, today, session.get(Person, actor.person_id or 0)):
        if stop.stands in ("next", "ahead") and stop.visit.id != visit.id:
            return stop.visit
    return None


def unread(session: Session, actor: Actor, stops: Sequence[Stop]) -> list[HomeVisit]:
    """The visits of which this actor has not seen address and phone within the hour."""
    ids = [stop.visit.id for stop in stops]
    if not ids or actor.person_id is None:
        return []
    seen = set(
        session.scalars(
            select(JournalEntry.content_id).where(
                JournalEntry.content_id.in_(ids),
                JournalEntry.person_id == actor.person_id,
                JournalEntry.at > now() - SEEN_AGAIN,
            )
        )
    )
    return [stop.visit for stop in stops if stop.visit.id not in seen]


def note_reading(session: Session, actor: Actor, seen: Sequence[HomeVisit]) -> None:
    """Who had the address and the phone before them is in the journal."""
    for visit in seen:
        journal.record(session, READING, actor, content=visit, details={"by": "route"})


def leaders(session: Session, grid: Agency) -> list[Person]:
    return slots.visitors(session, grid.id)
