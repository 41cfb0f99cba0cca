"""授权: who lets whom decide or accept what, from when to when, by which document. Routing follows it on the day.

A grant names a giver (whose decision it is by the catalogue), a taker, and items or a whole category. A taker never grants on:
a unit that decides an item only by a grant does not own it. Ended grants hold for no new case; what became of those under way
is said when it is ended (`running`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.agency import Agency
from models.authority import AuthorityGrant, AuthorityItem, AuthorityUse
from models.base import now
from models.case import Case, ServiceItem
from models.content import Content
from models.ledger import JournalEntry
from process import journal, registry
from process.access import Actor
from process.calendar_days import say
from process.clock import local_day
from process.refusals import RequirementUnmet
from process.registry import Step
from process.words import N_
from services import item_places, jurisdiction

DECIDE, ACCEPT = "decide", "accept"
POWERS = {DECIDE: N_("受理并决定"), ACCEPT: N_("只受理，决定仍归委托单位")}
# What a taker at one of these does, it does for its own ground; an office of the district for everybody.
GROUND = ("street", "town", "community", "village")
STREAM = "authority"


# --- Looking up


def givers_of(session: Session, home: Agency) -> list[str]:
    """The unit that decides, and the body whose front office it is: a street grants, its hall decides."""
    above = home.parent
    is_desk = above is not None and (above.details or {}).get("front_office") == home.id
    return [home.id, above.id] if is_desk and above is not None else [home.id]


def ground_of(agency: Agency) -> str:
    """The part of the world a taker acts for: its street or community, or everything ('' is the whole)."""
    here: Agency | None = agency
    while here is not None and here.kind not in GROUND:
        here = here.parent
    return here.path if here is not None else ""


def covering(
    session: Session, item: ServiceItem, home: Agency, power: str, day: date, path: str
) -> AuthorityGrant | None:
    """The grant under which somebody else does this for the unit that would decide, for a case filed at `path` on that day."""
    rows = session.scalars(
        select(AuthorityGrant)
        .where(
            AuthorityGrant.from_id.in_(givers_of(session, home)),
            AuthorityGrant.power == power,
            _in_force(day),
            _for_item(item),
        )
        .options(joinedload(AuthorityGrant.taker), joinedload(AuthorityGrant.giver))
        .order_by(AuthorityGrant.id)
    ).unique()
    for grant in rows:
        ground = ground_of(grant.taker)
        # An office that closed meanwhile decides nothing, whatever the letter says.
        if (not ground or path.startswith(ground)) and grant.taker.exists_on(day):
            return grant
    return None


def acceptable_at(session: Session, item: ServiceItem, home: Agency, place: Agency, day: date) -> AuthorityGrant | None:
    """The grant by which this place takes the item in for the unit that decides; a power to decide includes it."""
    for power in (ACCEPT, DECIDE):
        grant = covering(session, item, home, power, day, place.path)
        if grant is not None and place.path.startswith(grant.taker.path):
            return grant
    return None


def _in_force(day: date) -> ColumnElement[bool]:
    return and_(
        AuthorityGrant.ended_at.is_(None),
        AuthorityGrant.since <= day,
        or_(AuthorityGrant.until.is_(None), AuthorityGrant.until >= day),
    )


def _for_item(item: ServiceItem) -> ColumnElement[bool]:
    named = exists().where(AuthorityItem.grant_id == AuthorityGrant.id, AuthorityItem.item_id == item.id)
    return or_(named, AuthorityGrant.category == item.category) if item.category else named


def of_item(session: Session, item: ServiceItem, day: date) -> Sequence[AuthorityGrant]:
    """Grants in force or to come that touch this item, for its page."""
    return (
        session.scalars(
            _listed()
            .where(_for_item(item), AuthorityGrant.ended_at.is_(None), _not_over(day))
            .order_by(AuthorityGrant.since, AuthorityGrant.id)
        )
        .unique()
        .all()
    )


def of_place(session: Session, agency: Agency, day: date) -> Sequence[AuthorityGrant]:
    """Grants in force or to come that this place gave or holds."""
    houses = [agency.id, *([agency.parent_id] if (agency.parent and _desk_of(agency.parent) == agency.id) else [])]
    return (
        session.scalars(
            _listed()
            .where(
                or_(AuthorityGrant.from_id.in_(houses), AuthorityGrant.to_id.in_(houses)),
                AuthorityGrant.ended_at.is_(None),
                _not_over(day),
            )
            .order_by(AuthorityGrant.since, AuthorityGrant.id)
        )
        .unique()
        .all()
    )


def _desk_of(agency: Agency) -> str | None:
    return (agency.details or {}).get("front_office")


def _not_over(day: date) -> ColumnElement[bool]:
    return or_(AuthorityGrant.until.is_(None), AuthorityGrant.until >= day)


def _listed() -> Select[Any]:
    return select(AuthorityGrant).options(
        joinedload(AuthorityGrant.giver),
        joinedload(AuthorityGrant.taker),
        selectinload(AuthorityGrant.items).joinedload(AuthorityItem.item),
    )


def listed(session: Session, *, ended: bool = False, limit: int = 200) -> Sequence[AuthorityGrant]:
    """All grants of the installation: those that hold or will, or those that are over. They are public acts."""
    today = local_day(now())
    over = or_(AuthorityGrant.ended_at.is_not(None), AuthorityGrant.until < today)
    return (
        session.scalars(
            _listed()
            .where(over if ended else and_(AuthorityGrant.ended_at.is_(None), _not_over(today)))
            .order_by(AuthorityGrant.id.desc())
            .limit(limit)
        )
        .unique()
        .all()
    )


def running(session: Session, grant: AuthorityGrant) -> Sequence[Case]:
    """Open cases that came by this grant and are not decided yet. Ids and numbers only are shown of them."""
    return session.scalars(
        select(Case)
        .join(AuthorityUse, AuthorityUse.case_id == Case.id)
        .where(
            AuthorityUse.grant_id == grant.id,
            AuthorityUse.ended_at.is_(None),
            AuthorityUse.decided_at.is_(None),
            Case.closed_at.is_(None),
        )
        .order_by(Case.id)
    ).all()


def uses(session: Session, grants: Iterable[AuthorityGrant]) -> dict[int, tuple[int, int]]:
    """For each grant: how many cases came by it, how many were decided under it. One query."""
    ids = [grant.id for grant in grants]
    rows = session.execute(
        select(AuthorityUse.grant_id, func.count(), func.count(AuthorityUse.decided_at))
        .where(AuthorityUse.grant_id.in_(ids))
        .group_by(AuthorityUse.grant_id)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def may_give(actor: Actor, giver: Agency) -> bool:
    """Administrators above the giver, and whoever answers for it."""
    return jurisdiction.of(actor).covers(giver.path)


# --- In a case


def note_route(session: Session, case: Case, grant: AuthorityGrant | None) -> None:
    """Remembers by which grant the case is where it is."""
    if grant is None or session.get(AuthorityUse, (case.id, grant.id)) is not None:
        return
    session.add(AuthorityUse(case_id=case.id, grant_id=grant.id, since=now()))
    session.flush()


def use_of(session: Session, case: Case, power: str) -> AuthorityUse | None:
    """The grant this case lives by, as long as it was not taken back."""
    return session.scalar(
        select(AuthorityUse)
        .join(AuthorityGrant)
        .where(AuthorityUse.case_id == case.id, AuthorityUse.ended_at.is_(None), AuthorityGrant.power == power)
        .options(joinedload(AuthorityUse.grant).joinedload(AuthorityGrant.giver))
        .order_by(AuthorityGrant.id.desc())
        .limit(1)
    )


def words(grant: AuthorityGrant) -> str:
    """What history and papers say: 受…委托（文号）."""
    return f"受{grant.giver.name}委托（{grant.basis}）"


def issuing_line(session: Session, content: Content, name: str) -> str:
    """The name under a paper; when the case is decided for somebody else, it says for whom."""
    case = content if isinstance(content, Case) else getattr(content, "case", None)
    if not isinstance(case, Case) or case.id is None:
        return name
    use = use_of(session, case, DECIDE)
    return f"{name}（受{use.grant.giver.name}委托）" if use is not None else name


@registry.requirement("authority_today")
def authority_today(step: Step) -> None:
    """Whoever decides has the power: as owner, by the powers of the place, or by a grant under which the case came."""
    case: Case = step.content
    owner = item_places.owner_of(step.session, case.item)
    unit = case.deciding_unit
    if owner is None or unit is None or unit.path.startswith(owner.path) or owner.path.startswith(unit.path):
        return
    if item_places.same_power_at(step.session, case.item, unit) is not None:
        return
    use = use_of(step.session, case, DECIDE)
    day = local_day(step.at)
    if use is not None and (use.grant.taker.path == unit.path or unit.path.startswith(use.grant.taker.path)):
        if use.grant.since <= day:
            return
        raise RequirementUnmet(f"{owner.name}的授权从{say(use.grant.since)}起才生效，今天还不能由{unit.name}决定。")
    raise RequirementUnmet(
        f"“{case.item.title}”由{owner.name}决定，{unit.name}今天没有受委托。请开代办单转交{owner.name}，或请对方先办授权。"
    )


@registry.effect("under_authority")
def under_authority(step: Step) -> None:
    """History says under whose authority; the report counts it."""
    case: Case = step.content
    accepting = step.transition.id in ("accept", "defer")
    use = use_of(step.session, case, DECIDE) or (use_of(step.session, case, ACCEPT) if accepting else None)
    if use is None:
        return
    step.details |= {"authority": use.grant_id, "text": words(use.grant)}
    if accepting:
        use.accepted_at = use.accepted_at or step.at
    elif step.transition.id in ("approve", "refuse"):
        use.decided_at = step.at


def journal_rows(session: Session, grant: AuthorityGrant) -> Sequence[JournalEntry]:
    """What was done with this grant, newest first."""
    return session.scalars(
        select(JournalEntry)
        .where(JournalEntry.stream == f"{STREAM}:{grant.id}")
        .options(joinedload(JournalEntry.person))
        .order_by(JournalEntry.seq.desc())
    ).all()


def record(session: Session, action: str, actor: Actor, grant: AuthorityGrant, why: str, **details: Any) -> None:
    """One row in the grant's own stream."""
    journal.record(
        session,
        f"authority:{action}",
        actor,
        stream=f"{STREAM}:{grant.id}",
        details={"from": grant.from_id, "to": grant.to_id, "power": grant.power, **details},
        comment=why,
    )
