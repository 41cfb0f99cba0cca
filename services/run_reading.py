"""What is read about courier runs: what waits to be carried, who may carry it, and how the runs went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from models.agency import Agency
from models.courier_run import ARRIVED, BACK, DROPPED, LOADED, MISSING, TRAVELLING, CourierRun, RunLine
from models.delegation import Delegation, Handover
from models.errand import Errand
from models.person import CourierProfile, Grant, Person
from process import access
from process.access import Actor
from services import case_routing, custody, errands, run_lines

MAX_WAITING = 100


@dataclass(frozen=True)
class Waiting:
    """Papers that wait for somebody to carry them: number, way and count, nothing about whom they concern."""

    number: str
    way: str
    to_label: str
    sheets: int
    since: datetime


def starts(session: Session, actor: Actor) -> list[Agency]:
    """The units from which this actor may send a run: the own one, and for a dispatcher those of the street."""
    found: dict[str, Agency] = {}
    own = session.get(Agency, actor.unit_id) if actor.unit_id else None
    if own is not None:
        desk = case_routing.front_office(session, own)
        found[desk.id] = desk
    for path in [held.path for held in actor.held if held.role == "errand_dispatcher"]:
        kinds = ("street_centre", "community", "errand_station")
        for unit in session.scalars(
            select(Agency).where(access.within(Agency.path, path), Agency.kind.in_(kinds)).order_by(Agency.path)
        ):
            found.setdefault(unit.id, unit)
    return list(found.values())


def waiting(session: Session, actor: Actor, start: Agency) -> list[Waiting]:
    """What lies at this unit, listed and signed out, and is in no run and on no courier's board."""
    newer = aliased(Handover)
    statement = (
        select(Delegation, Handover)
        .join(Handover, Handover.content_id == Delegation.id)
        .where(
            or_(
                *(
                    (Handover.action == action)
                    & (Delegation.state == state if state else Delegation.closed_at.is_(None))
                    for action, state in run_lines.UNDER_WAY.items()
                )
            ),
            # A ticket that was sent, returned and sent again has an older list, which lies in no envelope any more.
            ~exists().where(
                newer.content_id == Delegation.id,
                newer.action.in_(run_lines.UNDER_WAY),
                newer.id > Handover.id,
            ),
            Handover.to_person_id.is_(None),
            Handover.from_unit_id.in_(select(Agency.id).where(access.within(Agency.path, start.path))),
            ~exists().where(RunLine.handover_id == Handover.id, RunLine.state.in_((*TRAVELLING, ARRIVED))),
            ~exists().where(
                Errand.related_id == Delegation.id,
                Errand.purpose.in_(errands.CARRYING_PAPERS),
                Errand.closed_at.is_(None),
            ),
        )
        .options(selectinload(Handover.lines))
        .order_by(Handover.to_label, Handover.id)
        .limit(MAX_WAITING)
    )
    if not actor.holds("errand_dispatcher", start.path):
        statement = access.visible(statement, actor, Delegation)
    return [
        Waiting(
            ticket.number or "",
            f"{handover.from_label} → {handover.to_label}",
            handover.to_label,
            sum(line.sheets for line in handover.lines),
            handover.at,
        )
        for ticket, handover in session.execute(statement)
    ]


def carriers(session: Session, start: Agency) -> dict[str, list[Person]]:
    """Who may carry from here: trained couriers of the street, those of one's own point first, and the staff of the unit."""
    street = case_routing.above(start, "street", "town") or start
    near = case_routing.above(start, "community") or start
    couriers = session.scalars(
        select(Person)
        .join(CourierProfile, CourierProfile.person_id == Person.id)
        .join(Agency, Agency.id == CourierProfile.point_id)
        .where(Person.active, access.within(Agency.path, street.path))
        .order_by(
            case((access.within(Agency.path, near.path), 0), (Agency.kind == "errand_station", 1), else_=2),
            Agency.path,
            Person.name,
            Person.id,
        )
    ).unique()
    staff = session.scalars(
        select(Person)
        .where(
            Person.active,
            Person.resident_id.is_(None),
            Person.id.in_(select(Grant.person_id).where(access.within(Grant.place_path, start.path))),
            Person.unit_id.in_(select(Agency.id).where(access.within(Agency.path, start.path))),
        )
        .order_by(Person.name, Person.id)
        .limit(200)
    ).unique()
    return {"red_courier": list(couriers), "staff": list(staff)}


def runs(
    session: Session, actor: Actor, states: Sequence[str], *, before: int | None = None, limit: int = 50
) -> list[CourierRun]:
    """Runs this actor sees, the newest first."""
    statement = access.visible(select(CourierRun), actor, CourierRun).options(
        selectinload(CourierRun.lines), joinedload(CourierRun.place), joinedload(CourierRun.assignee)
    )
    if states:
        statement = statement.where(CourierRun.state.in_(states))
    if before is not None:
        statement = statement.where(CourierRun.id < before)
    return list(session.scalars(statement.order_by(CourierRun.id.desc()).limit(limit)).unique())


@dataclass(frozen=True)
class Figures:
    """How the runs of a period went; every share stands with its base."""

    runs: int
    ended: int
    envelopes: int
    arrived: int
    missing: int
    back: int
    minutes: float | None


def figures(session: Session, actor: Actor, since: datetime) -> Figures:
    """Of the runs this actor sees that left since then."""
    mine = access.visible(select(CourierRun.id, CourierRun.left_at, CourierRun.ended_at), actor, CourierRun).where(
        CourierRun.left_at >= since
    )
    rows = session.execute(mine).all()
    ids = [row[0] for row in rows]
    spans = [(ended - left).total_seconds() / 60 for _id, left, ended in rows if left and ended]

    def summed(*states: str) -> Any:
        return func.coalesce(func.sum(case((RunLine.state.in_(states), RunLine.envelopes), else_=0)), 0)

    row = session.execute(
        select(summed(LOADED, ARRIVED, MISSING, BACK), summed(ARRIVED), summed(MISSING), summed(BACK)).where(
            RunLine.run_id.in_(
                access.visible(select(CourierRun.id), actor, CourierRun).where(CourierRun.left_at >= since)
            ),
            RunLine.state != DROPPED,
        )
    ).one()
    total, arrived, missing, back = (int(count) for count in row)
    return Figures(len(ids), len(spans), total, arrived, missing, back, sum(spans) / len(spans) if spans else None)


def ends(run: CourierRun) -> list[tuple[str, int, int]]:
    """Where a run goes: unit, envelopes there, of them ticked off."""
    found: dict[str, tuple[int, int]] = {}
    for line in run.lines:
        if line.state != DROPPED:
            all_of, ticked = found.get(line.to_label, (0, 0))
            found[line.to_label] = (all_of + line.envelopes, ticked + (line.envelopes if line.state == ARRIVED else 0))
    return [(label, all_of, ticked) for label, (all_of, ticked) in found.items()]


def start_name(run: CourierRun) -> str:
    return custody.full_name(run.place)
