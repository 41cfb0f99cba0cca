"""Looking at the care register: whom to look at again, whose proof runs out, and who turns 80 and is not on it yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, and_, false, func, or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.resident import CareEntry, Resident
from process import access, eligibility
from process.access import Actor
from process.words import N_
from services import care, unit_settings

# How long before a date somebody hears of it: a number of the unit (services/unit_settings.py).
SOON = "care_soon_days"
VIEWS = {
    "now": N_("在册"),
    "due": N_("该复核的"),
    "proof": N_("证明快到期的"),
    "soon": N_("快满80周岁的"),
    "missing": N_("满80周岁还没列入的"),
    "ended": N_("已移出的"),
}
# Lists of people who are not on the register.
OUTSIDE = ("soon", "missing")
turns_80 = care.turns_80


@dataclass(frozen=True)
class Wanted:
    """What the page was asked for."""

    view: str = "now"
    condition: str = ""
    grid: str = ""
    soon: timedelta = timedelta(days=30)


def soon(session: Session, actor: Actor) -> timedelta:
    """How far ahead the lists look where this actor sits."""
    return timedelta(days=unit_settings.number(session, actor.unit_id, SOON))


def entries(actor: Actor, wanted: Wanted, today: date) -> Select[CareEntry]:
    """The register as asked for, what is due first."""
    statement = care.visible(actor)
    match wanted.view:
        case "ended":
            statement = statement.where(CareEntry.ended_on.is_not(None))
        case "due":
            statement = statement.where(CareEntry.ended_on.is_(None), CareEntry.review_on <= today + wanted.soon)
        case "proof":
            statement = statement.where(CareEntry.ended_on.is_(None), CareEntry.proof_until <= today + wanted.soon)
        case _:
            statement = statement.where(CareEntry.ended_on.is_(None))
    if wanted.condition in eligibility.CONDITIONS:
        statement = statement.where(CareEntry.condition == wanted.condition)
    if wanted.grid:
        statement = statement.where(Resident.grid_id == wanted.grid)
    first: Any = CareEntry.proof_until if wanted.view == "proof" else CareEntry.review_on
    if wanted.view == "ended":
        first = CareEntry.ended_on.desc()
    return statement.order_by(first, CareEntry.id)


def birthday_limit(day: date) -> date:
    """The latest day of birth of whoever is 80 on this day; on 29 February of a common year nobody loses a day."""
    try:
        return day.replace(year=day.year - eligibility.AGE_LIMIT)
    except ValueError:
        return day.replace(year=day.year - eligibility.AGE_LIMIT, day=28)


def outside(actor: Actor, wanted: Wanted, today: date) -> Select[Resident]:
    """Residents of the actor's own grids who are 80, or soon will be, and stand on no register."""
    paths = care.paths(actor)
    statement = (
        select(Resident)
        .join(Agency, care.homes())
        .outerjoin(CareEntry, CareEntry.resident_id == Resident.id)
        .where(CareEntry.id.is_(None))
    )
    if not paths:
        return statement.where(false())
    statement = statement.where(or_(*(access.within(Agency.path, path) for path in paths)))
    now_80, soon_80 = birthday_limit(today), birthday_limit(today + wanted.soon)
    if wanted.view == "soon":
        statement = statement.where(Resident.birth_date > now_80, Resident.birth_date <= soon_80)
    else:
        statement = statement.where(Resident.birth_date <= now_80)
    if wanted.grid:
        statement = statement.where(Resident.grid_id == wanted.grid)
    return statement.order_by(
        Resident.birth_date.desc() if wanted.view == "missing" else Resident.birth_date, Resident.id
    )


def resident_of(session: Session, actor: Actor, resident_id: int) -> Resident | None:
    """Somebody who lives where this actor keeps the register."""
    paths = care.paths(actor)
    if not paths:
        return None
    return session.scalar(
        select(Resident)
        .join(Agency, care.homes())
        .where(Resident.id == resident_id, or_(*(access.within(Agency.path, path) for path in paths)))
    )


def counts(session: Session, actor: Actor, today: date) -> dict[str, int]:
    """How many stand in each list, for the filters."""
    found, ahead = {}, soon(session, actor)
    for view in VIEWS:
        wanted = Wanted(view, soon=ahead)
        statement: Any = outside(actor, wanted, today) if view in OUTSIDE else entries(actor, wanted, today)
        column = Resident.id if view in OUTSIDE else CareEntry.id
        rows = statement.with_only_columns(column).order_by(None).subquery()
        found[view] = session.scalar(select(func.count()).select_from(rows)) or 0
    return found


def grids(session: Session, actor: Actor) -> Sequence[Agency]:
    """The grids of which this actor keeps the register."""
    paths = care.paths(actor)
    if not paths:
        return []
    return session.scalars(
        select(Agency)
        .where(and_(Agency.kind == "grid", or_(*(access.within(Agency.path, path) for path in paths))))
        .order_by(Agency.number, Agency.id)
    ).all()
