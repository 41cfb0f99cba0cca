"""零盲点、零遗漏、零缝隙: buildings without a grid, grids without two leaders, people on the care register nobody has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.content import Content
from models.grid import Building, GridLog
from models.ledger import JournalEntry
from models.resident import CareEntry, Resident
from process.access import Actor
from process.numbers import CHINA
from services import care, grid_rights, places
from services.grid_rights import COUNTERS, READERS
from services.places import Grid

# Proposal until the office decides: how long somebody on the register may wait for the next look.
USUAL_DAYS = 90
LONGEST_DAYS = 731
# The steps of a visit at which somebody stood at the door and was met.
MET = ("home_visit:collect", "home_visit:deliver")
LIMIT = 300


@dataclass(frozen=True)
class Goal:
    """One of the three zeros: how many are left, of how many."""

    missing: int
    base: int


@dataclass(frozen=True)
class Report:
    """The three numbers and what stands behind each."""

    buildings: Goal
    grids: Goal
    people: Goal
    unassigned: Sequence[Building]
    short: Sequence[Grid]


def held(actor: Actor) -> list[str]:
    return grid_rights.paths(actor, READERS | COUNTERS | {"system_admin"})


def report(session: Session, actor: Actor, since: date, until: date) -> Report:
    """Counted anew from the registers, for the places this actor works in or looks after."""
    paths, today = held(actor), grid_rights.today()
    inside = grid_rights.within_any(Building.community_path, paths)
    base = select(func.count()).select_from(Building).where(inside, Building.ended_on.is_(None))
    all_buildings = session.scalar(base) or 0
    unassigned = session.scalar(base.where(Building.grid_id.is_(None))) or 0
    found = [g for g in places.grids(session, actor, today) if any(g.agency.path.startswith(p) for p in paths)]
    short = [g for g in found if g.short_of_leaders]
    people = registered(actor, until)
    registered_people = session.scalar(select(func.count()).select_from(people.subquery())) or 0
    unseen = session.scalar(select(func.count()).select_from(not_seen(people, since, until).subquery())) or 0
    return Report(
        Goal(unassigned, all_buildings),
        Goal(len(short), len(found)),
        Goal(unseen, registered_people),
        buildings_without_grid(session, actor),
        short,
    )


def buildings_without_grid(session: Session, actor: Actor) -> list[Building]:
    """零盲点: what belongs to no grid."""
    return list(
        session.scalars(
            select(Building)
            .where(
                grid_rights.within_any(Building.community_path, held(actor)),
                Building.ended_on.is_(None),
                Building.grid_id.is_(None),
            )
            .order_by(Building.community_path, Building.name)
            .limit(LIMIT)
        )
    )


def registered(actor: Actor, until: date) -> Select[CareEntry]:
    """Everybody on the care register where this actor works or counts; names are shown to its keepers only."""
    return (
        select(CareEntry)
        .join(CareEntry.resident)
        .join(
            Agency,
            or_(Agency.id == Resident.grid_id, and_(Resident.grid_id.is_(None), Agency.id == Resident.community_id)),
        )
        .where(
            grid_rights.within_any(Agency.path, held(actor)),
            CareEntry.opened_on <= until,
            or_(CareEntry.ended_on.is_(None), CareEntry.ended_on > until),
        )
    )


def not_seen(statement: Select[CareEntry], since: date, until: date) -> Select[CareEntry]:
    """零缝隙: neither met on a home visit nor looked after on a walk within the period."""
    begin = datetime.combine(since, time.min, CHINA)
    finish = datetime.combine(until + timedelta(days=1), time.min, CHINA)
    met = exists(
        select(JournalEntry.id)
        .join(Content, Content.id == JournalEntry.content_id)
        .where(
            Content.applicant_id == CareEntry.resident_id,
            Content.type == "home_visit",
            JournalEntry.action.in_(MET),
            JournalEntry.at >= begin,
            JournalEntry.at < finish,
        )
    )
    looked_after = exists(
        select(GridLog.id).where(
            GridLog.care_entry_id == CareEntry.id,
            GridLog.happened_on.between(since, until),
            GridLog.withdrawn_at.is_(None),
        )
    )
    return statement.where(~met, ~looked_after)


def unseen_people(session: Session, actor: Actor, since: date, until: date) -> list[CareEntry]:
    """Whom to visit next, for those who keep the register of their grids."""
    statement = care.visible(actor).where(
        CareEntry.opened_on <= until, or_(CareEntry.ended_on.is_(None), CareEntry.ended_on > until)
    )
    found = not_seen(statement, since, until).order_by(Agency.path, CareEntry.id).limit(LIMIT)
    return list(session.scalars(found).unique())


def unseen_by_grid(session: Session, actor: Actor, since: date, until: date) -> list[tuple[Agency, int]]:
    """The same by grid, without anybody's name."""
    statement = not_seen(registered(actor, until), since, until)
    rows = session.execute(
        statement.with_only_columns(Agency.id, func.count()).group_by(Agency.id).order_by(func.count().desc())
    ).all()
    known = {a.id: a for a in session.scalars(select(Agency).where(Agency.id.in_([row[0] for row in rows])))}
    return [(known[row[0]], row[1]) for row in rows]


def period(since: date | None, until: date | None) -> tuple[date, date]:
    """What was asked for, within reason; the last ninety days where nothing was."""
    last = min(until or grid_rights.today(), grid_rights.today())
    first = since or last - timedelta(days=USUAL_DAYS - 1)
    if first > last:
        first = last
    return max(first, last - timedelta(days=LONGEST_DAYS)), last
