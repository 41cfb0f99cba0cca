"""The board of a street, a courier's own list, and the register of couriers: what people look at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.content import Content
from models.errand import Errand
from models.person import CourierProfile, Grant, Person
from process import access, calendars, clock, pages
from process.access import Actor
from process.pages import Key, Wanted
from process.shelves import Shelf, shelves
from services.errands import CARRYING, on_hand

# A column holds these states; the key is where a dragged card lands.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "open": ("open", "pairing"),
    "claimed": ("claimed", "assigned"),
    "on_way": ("picked_up", "on_way"),
    "delivered": ("delivered",),
    "confirmed": ("confirmed",),
}
# Not on the way to anywhere: somebody must put them (back) on the board.
STRANDED = ("failed", "posted")
STRANDED_SEEN_BY = frozenset({"errand_dispatcher", "community_clerk", "window_clerk"})
DONE_DAYS = 3
SOON = timedelta(hours=2)
# As many cards as people can look through; the heads of the columns say how many more there are, up to a number nobody counts.
MAX_ACTIVE, MAX_DONE, COUNT_MOST = 500, 20, 600
ERRANDS = frozenset({"errand"})
ACTIVE = tuple(state for key, states in COLUMNS.items() if key != "confirmed" for state in states)


@dataclass(frozen=True)
class Glance:
    """What is on the board in one small query: enough for the column heads and to know whether anything changed."""

    counts: Mapping[str, int]
    mark: str
    active: Sequence[Key] = ()
    done: Sequence[Key] = ()
    # When the next card changes its colour although nobody touched it.
    turns: datetime | None = None

    def head(self, states: Sequence[str]) -> int | str:
        """The number over a column; `100+` where nobody counts any further."""
        total = sum(self.counts.get(state, 0) for state in states)
        capped = any(self.counts.get(s, 0) >= (MAX_DONE if s == "confirmed" else COUNT_MOST) for s in states)
        return f"{total}+" if capped else total


@dataclass(frozen=True)
class Load:
    """How many a courier has on hand, and how many at once are allowed."""

    on_hand: int
    limit: int

    @property
    def full(self) -> bool:
        return self.on_hand >= self.limit


def _seen(session: Session, actor: Actor, at: datetime, known: Sequence[Shelf]) -> tuple[list[Key], list[Key]]:
    """What stands on the board: the most urgent that go on, and the newest of those done in the last days."""
    states = ACTIVE + (STRANDED if actor.roles & STRANDED_SEEN_BY else ())
    active = pages.page(
        session, actor, Wanted(types=ERRANDS, states=frozenset(states), open_only=True), limit=MAX_ACTIVE, known=known
    )
    done = pages.page(
        session,
        actor,
        Wanted(types=ERRANDS, states=frozenset({"confirmed"}), closed_since=at - timedelta(days=DONE_DAYS)),
        pages.NEWEST,
        limit=MAX_DONE,
        known=known,
    )
    return active, done


def glance(session: Session, actor: Actor, at: datetime) -> Glance:
    """How many there are in each column, and a mark that differs whenever the board would."""
    states = ACTIVE + (STRANDED if actor.roles & STRANDED_SEEN_BY else ())
    known = shelves(session)
    heads = {state: Wanted(types=ERRANDS, states=frozenset({state})) for state in states}
    counted = pages.counts(session, actor, heads, COUNT_MOST, known)
    active, done = _seen(session, actor, at, known)
    late, soon = Content.deadline < at, Content.deadline < at + SOON
    rows = session.execute(
        select(Content.id, Content.version, Content.state, Content.modified_at, late, soon, Content.deadline)
        .where(Content.id.in_([key.id for key in (*active, *done)]))
        .order_by(Content.id)
    ).all()
    counts = {**counted, "confirmed": len(done)}
    text = "\n".join([str(sorted(counts.items())), *(" ".join(map(str, row)) for row in rows)])
    turns = [moment for row in rows if row.deadline for moment in (row.deadline, row.deadline - SOON) if moment > at]
    mark = hashlib.sha256(f"{clock.local_day(at)}\n{text}".encode()).hexdigest()[:24]
    return Glance(counts, mark, active, done, min([*turns, calendars.end_of(clock.local_day(at))]))


def board(session: Session, actor: Actor, seen: Glance) -> list[Errand]:
    """The cards, most urgent first and the latest done first; as many statements however many cards there are."""
    cards: list[Errand] = pages.load(session, actor, [*seen.active, *seen.done], _whole(), Errand)
    going_on = [errand for errand in cards if errand.state != "confirmed"]
    over = [errand for errand in cards if errand.state == "confirmed" and errand.closed_at is not None]
    return going_on + sorted(over, key=lambda errand: (errand.closed_at, errand.id), reverse=True)


def _whole() -> tuple:
    return (
        joinedload(Errand.from_agency).joinedload(Agency.parent),
        joinedload(Errand.to_agency).joinedload(Agency.parent),
        joinedload(Errand.place).joinedload(Agency.parent),
        joinedload(Errand.assignee),
        joinedload(Errand.companion),
    )


def mine(session: Session, actor: Actor) -> list[Errand]:
    """What this courier has to do, by deadline; delivered ones wait below for the receiver."""
    statement = access.visible(
        select(Errand).where(
            or_(Errand.assignee_id == actor.person_id, Errand.companion_id == actor.person_id),
            Errand.closed_at.is_(None),
            Errand.state != "open",
        ),
        actor,
        Errand,
    )
    found = session.scalars(
        statement.options(*_whole(), joinedload(Errand.applicant))
        .order_by(Errand.deadline.is_(None), Errand.deadline, Errand.id)
        .limit(MAX_DONE)
    )
    return sorted(found, key=lambda errand: errand.state not in CARRYING)


def done_recently(session: Session, actor: Actor, at: datetime) -> int:
    """How many this courier brought to the end in the last days."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Content)
            .where(
                Content.assignee_id == actor.person_id,
                Content.type == "errand",
                Content.state == "confirmed",
                Content.closed_at >= at - timedelta(days=DONE_DAYS),
            )
        )
        or 0
    )


def load_of(session: Session, actor: Actor) -> Load | None:
    """None for whoever is no courier."""
    if actor.person_id is None or "red_courier" not in actor.roles:
        return None
    limit = session.scalar(select(CourierProfile.errand_limit).where(CourierProfile.person_id == actor.person_id))
    return None if limit is None else Load(on_hand(session, actor.person_id), limit)


def unlisted(session: Session, errands: Sequence[Errand]) -> frozenset[int]:
    """Those on these cards whose name is not to hang in public."""
    ids = {one.assignee_id for one in errands if one.assignee_id is not None}
    found = select(CourierProfile.person_id).where(CourierProfile.person_id.in_(ids), CourierProfile.unlisted.is_(True))
    return frozenset(session.scalars(found))


def limits_of(session: Session, errands: Sequence[Errand]) -> dict[int, int]:
    """How many at once each courier on these cards may have."""
    ids = {one.assignee_id for one in errands if one.assignee_id is not None}
    rows = session.execute(
        select(CourierProfile.person_id, CourierProfile.errand_limit).where(CourierProfile.person_id.in_(ids))
    )
    return {row[0]: row[1] for row in rows}


# --- the register ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Courier:
    """One line of the register."""

    person_id: int
    username: str
    name: str
    point: Agency
    trained_until: date | None
    expired: bool
    open: int
    limit: int
    done: int
    suspended: bool = False
    # Their name hangs on no list but the dispatchers'.
    unlisted: bool = False

    @property
    def full(self) -> bool:
        return self.open >= self.limit


def without_role(session: Session, street: Agency, couriers: Sequence[int]) -> list[CourierProfile]:
    """Registered and trained at a point of the street, but the role was not given, or has ended."""
    return list(
        session.scalars(
            select(CourierProfile)
            .join(Agency, Agency.id == CourierProfile.point_id)
            .join(Person, Person.id == CourierProfile.person_id)
            .where(Person.active, access.within(Agency.path, street.path), CourierProfile.person_id.not_in(couriers))
            .options(joinedload(CourierProfile.person), joinedload(CourierProfile.point))
            .order_by(Person.name, Person.id)
            .limit(MAX_ACTIVE)
        )
    )


def couriers(session: Session, street: Agency, day: date) -> list[Courier]:
    """The couriers of a street by station and point; in the order of the points, not of anybody's numbers."""
    rows = session.execute(
        select(CourierProfile, Person, Agency)
        .join(Person, Person.id == CourierProfile.person_id)
        .join(Agency, Agency.id == CourierProfile.point_id)
        .where(Person.active, access.within(Agency.path, street.path))
        .order_by(Agency.kind != "errand_station", Agency.path, Person.name, Person.id)
    ).all()
    ids = [profile.person_id for profile, _, _ in rows]
    trained = set(
        session.scalars(
            select(Grant.person_id).where(
                Grant.person_id.in_(ids),
                Grant.role == "red_courier",
                or_(Grant.since.is_(None), Grant.since <= day),
                or_(Grant.until.is_(None), Grant.until >= day),
            )
        )
    )
    counted = session.execute(
        select(
            Content.assignee_id,
            func.sum(case((Content.state.in_(CARRYING), 1), else_=0)),
            func.sum(case((Content.state == "confirmed", 1), else_=0)),
        )
        .where(Content.type == "errand", Content.assignee_id.in_(ids))
        .group_by(Content.assignee_id)
    ).all()
    sums = {person_id: (int(open_ or 0), int(done or 0)) for person_id, open_, done in counted}
    along = session.execute(
        select(Errand.companion_id, func.count())
        .where(Errand.companion_id.in_(ids), Errand.closed_at.is_(None), Errand.state.in_(CARRYING))
        .group_by(Errand.companion_id)
    ).all()
    for person_id, count in along:
        open_, done = sums.get(person_id, (0, 0))
        sums[person_id] = (open_ + count, done)
    return [
        Courier(
            person.id,
            person.username,
            person.name,
            point,
            profile.trained_until,
            profile.trained_until is None or profile.trained_until < day,
            *_sums(sums, person.id, profile.errand_limit),
            suspended=profile.suspended_on is not None,
            unlisted=bool(profile.unlisted),
        )
        for profile, person, point in rows
        if person.id in trained
    ]


def _sums(sums: Mapping[int, tuple[int, int]], person_id: int, limit: int) -> tuple[int, int, int]:
    open_, done = sums.get(person_id, (0, 0))
    return open_, limit, done


def assignable(found: Sequence[Courier], start: Agency | None = None) -> list[Courier]:
    """Whom the dispatcher may give an errand now; those whose point lies where it starts come first."""
    free = [courier for courier in found if not courier.expired and not courier.full and not courier.suspended]
    return sorted(free, key=lambda courier: start is None or not courier.point.path.startswith(start.path))


def points_of(session: Session, street: Agency, day: date) -> list[Agency]:
    """Station and points of a street: the nodes of its board."""
    found = session.scalars(
        select(Agency)
        .where(access.within(Agency.path, street.path), Agency.kind.in_(("errand_station", "errand_point")))
        .options(joinedload(Agency.parent))
        .order_by(Agency.kind != "errand_station", Agency.path)
    )
    return [agency for agency in found if agency.exists_on(day)]
