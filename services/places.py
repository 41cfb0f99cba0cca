"""The agency tree, its communities and grids, who leads them, and what lies in the inbox of a unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.agency import Agency
from models.case import Case, ServiceItem
from models.content import Content, every_kind
from models.person import GridMembership, Person
from process import access, engine, guards
from process.access import Actor
from process.definition import Transition
from services import town_platforms

LEADERS_PER_GRID = 2
LEADER = "grid_leader"
# A unit and its own desks share one inbox; grids and communities below it have theirs.
DESKS = ("community_station", "errand_point", "street_centre", "errand_station")
# Where somebody can hand something in or fetch it.
STAFFED = ("street", "town", "community", *DESKS)
NOT_WORK = ("service_item",)
# Couriers work from the board, residents from their own page.
NO_INBOX = frozenset({"red_courier", "applicant", "enterprise_applicant", "authorised_agent"})
PAGE = 50


# --- where somebody is -----------------------------------------------------------------------------------------------
def street_of_actor(session: Session, actor: Actor) -> Agency | None:
    """The street this person works in; for people above the streets, their own unit."""
    if not actor.unit_path:
        return None
    return street_above(session, actor.unit_path) or session.get(Agency, actor.unit_id)


def street_above(session: Session, path: str) -> Agency | None:
    """The street a place lies in, found in one query from its path."""
    prefixes = [path[: i + 1] for i, char in enumerate(path) if char == "/" and i]
    return session.scalar(select(Agency).where(Agency.path.in_(prefixes), Agency.kind.in_(("street", "town"))).limit(1))


def desks(session: Session, street: Agency, day: date) -> list[Agency]:
    """Units of a street where papers can be fetched or handed in."""
    found = session.scalars(
        select(Agency).where(access.within(Agency.path, street.path), Agency.kind.in_(STAFFED)).order_by(Agency.path)
    )
    return [agency for agency in found if agency.exists_on(day)]


# --- the tree --------------------------------------------------------------------------------------------------------
@dataclass
class Node:
    """An agency with what is below it."""

    agency: Agency
    exists: bool
    children: list[Node] = field(default_factory=list)


def tree(session: Session, day: date) -> list[Node]:
    """Everything from the city down, in the order of the paths; units that ended stay, marked."""
    nodes: dict[str, Node] = {}
    roots: list[Node] = []
    rows = session.scalars(
        select(Agency).order_by(func.length(Agency.path), Agency.number.is_(None), Agency.number, Agency.path)
    )
    for agency in sorted(rows, key=lambda a: a.path.count("/")):
        node = nodes[agency.id] = Node(agency, agency.exists_on(day))
        parent = nodes.get(agency.parent_id or "")
        (parent.children if parent else roots).append(node)
    return roots


def with_platform(roots: Iterable[Node], platform: str) -> tuple[list[Node], int]:
    """The tree cut down to the units of one town platform and what is above them; and how many units that are."""
    kept, count = [], 0
    for node in roots:
        below, found = with_platform(node.children, platform)
        own = platform in town_platforms.of(node.agency)
        count += found + own
        if below or own:
            kept.append(Node(node.agency, node.exists, below))
    return kept, count


# --- grids -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Grid:
    """One line of the register."""

    agency: Agency
    community: Agency | None
    members: Mapping[str, list[str]]
    open: int

    @property
    def leaders(self) -> list[str]:
        return self.members.get(LEADER, [])

    @property
    def short_of_leaders(self) -> bool:
        """网格长: exactly two active ones per grid."""
        return len(self.leaders) != LEADERS_PER_GRID

    @property
    def households(self) -> int:
        return int((self.agency.details or {}).get("households") or 0)

    @property
    def others(self) -> int:
        return sum(len(names) for capacity, names in self.members.items() if capacity != LEADER)


@dataclass(frozen=True)
class Totals:
    """Counted, never copied from a text."""

    communities: int
    grids: int
    leaders: int
    households: int
    short: int


def grids(session: Session, actor: Actor, day: date, *, within: Agency | None = None) -> list[Grid]:
    """The register: number, households, leaders and members, and how much of their work this actor may see is open."""
    statement = (
        select(Agency)
        .where(Agency.kind == "grid")
        .options(joinedload(Agency.parent))
        .order_by(Agency.number, Agency.path)
    )
    if within is not None:
        statement = statement.where(access.within(Agency.path, within.path))
    found = [agency for agency in session.scalars(statement) if agency.exists_on(day)]
    ids = [agency.id for agency in found]
    members = _members(session, ids, day)
    counted = access.visible(
        select(Content.place_id, func.count()).where(Content.place_id.in_(ids), Content.closed_at.is_(None)), actor
    )
    work: dict[str, int] = {row[0]: row[1] for row in session.execute(counted.group_by(Content.place_id))}
    return [Grid(agency, agency.parent, members.get(agency.id, {}), work.get(agency.id, 0)) for agency in found]


def _members(session: Session, grid_ids: Iterable[str], day: date) -> dict[str, dict[str, list[str]]]:
    """Grid, capacity, names — of those who are members today and still have an account in use."""
    rows = session.execute(
        select(GridMembership.grid_id, GridMembership.capacity, Person.name)
        .join(Person, Person.id == GridMembership.person_id)
        .where(
            GridMembership.grid_id.in_(list(grid_ids)),
            Person.active,
            or_(GridMembership.since.is_(None), GridMembership.since <= day),
            or_(GridMembership.until.is_(None), GridMembership.until >= day),
        )
        .order_by(GridMembership.id)
    ).all()
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for grid_id, capacity, name in rows:
        found[grid_id][capacity].append(name)
    return found


def totals(found: Iterable[Grid]) -> Totals:
    rows = list(found)
    return Totals(
        len({g.agency.parent_id for g in rows}),
        len(rows),
        sum(len(g.leaders) for g in rows),
        sum(g.households for g in rows),
        sum(g.short_of_leaders for g in rows),
    )


# --- one place -------------------------------------------------------------------------------------------------------
def staff(session: Session, agency: Agency) -> list[Person]:
    """Who works here; residents with an account belong to a community without working in it."""
    return list(
        session.scalars(
            select(Person)
            .where(Person.unit_id == agency.id, Person.resident_id.is_(None), Person.active)
            .order_by(Person.id)
        )
    )


def children(session: Session, agency: Agency) -> list[Agency]:
    return list(
        session.scalars(
            select(Agency).where(Agency.parent_id == agency.id).order_by(Agency.kind, Agency.number, Agency.path)
        )
    )


def open_by_type(session: Session, actor: Actor, agency: Agency) -> dict[str, int]:
    """How much is open at this place and below, as far as this actor may see it."""
    statement = select(Content.type, func.count()).where(
        access.within(Content.place_path, agency.path), Content.closed_at.is_(None), Content.type.not_in(NOT_WORK)
    )
    rows = session.execute(access.visible(statement, actor).group_by(Content.type).order_by(Content.type))
    return {row[0]: row[1] for row in rows}


# Nobody has taken it yet; no username looks like this.
FREE = "-"
# Items of district and city stand in none of the eight categories.
UNSORTED = "other"
# The table alone: an item is itself a thing, and joining it as one would join `content` twice.
ITEM = ServiceItem.__table__


# --- the inbox -------------------------------------------------------------------------------------------------------
@dataclass
class InboxPage:
    """A page of an inbox by deadline, and where the next one begins."""

    works: list[tuple[Content, list[Transition]]]
    after: str | None


def belongs(actor: Actor, agency: Agency) -> bool:
    """An inbox is for those who work there or hold a post at or above it."""
    posts = [held for held in actor.held if held.role not in NO_INBOX]
    return bool(posts) and (actor.unit_id == agency.id or any(agency.path.startswith(held.path) for held in posts))


def inbox_units(session: Session, agency: Agency) -> list[str]:
    """The unit and its own desks: a community and its station are one inbox."""
    below = session.scalars(select(Agency.id).where(Agency.parent_id == agency.id, Agency.kind.in_(DESKS)))
    above = [agency.parent_id] if agency.kind == "community_station" and agency.parent_id else []
    return [agency.id, *below, *above]


def inbox_counts(session: Session, actor: Actor, units: list[str]) -> dict[str, int]:
    statement = select(Content.type, func.count()).where(
        Content.unit_id.in_(units), Content.closed_at.is_(None), Content.type.not_in(NOT_WORK)
    )
    rows = session.execute(access.visible(statement, actor).group_by(Content.type).order_by(Content.type))
    return {row[0]: row[1] for row in rows}


def inbox_categories(session: Session, actor: Actor, units: list[str]) -> dict[str, int]:
    """后台分类: how many cases of each category of the catalogue lie here; items without one count together."""
    statement = (
        select(ITEM.c.category, func.count())
        .select_from(Case)
        .join(ITEM, ITEM.c.id == Case.item_id)
        .where(Case.unit_id.in_(units), Case.closed_at.is_(None))
    )
    rows = session.execute(access.visible(statement, actor, Case).group_by(ITEM.c.category)).all()
    return {row[0] or UNSORTED: row[1] for row in rows}


@dataclass(frozen=True)
class Pile:
    """What one colleague has in hand, or (without one) what nobody has taken yet."""

    username: str
    name: str
    count: int


def inbox_piles(session: Session, actor: Actor, units: list[str]) -> list[Pile]:
    """Who has how many, what nobody has first."""
    statement = (
        select(Person.username, Person.name, func.count())
        .select_from(Content)
        .join(Person, Person.id == Content.assignee_id, isouter=True)
        .where(Content.unit_id.in_(units), Content.closed_at.is_(None), Content.type.not_in(NOT_WORK))
    )
    rows = session.execute(access.visible(statement, actor).group_by(Person.username, Person.name)).all()
    piles = [Pile(username or FREE, name or "", count) for username, name, count in rows]
    if not any(pile.username == FREE for pile in piles):
        piles.append(Pile(FREE, "", 0))
    return sorted(piles, key=lambda pile: (pile.username != FREE, -pile.count, pile.username))


def inbox(
    session: Session,
    actor: Actor,
    units: list[str],
    *,
    type_id: str = "",
    holder: str = "",
    category: str = "",
    after: str = "",
    limit: int = PAGE,
) -> InboxPage:
    """What lies with these units, most urgent first; what has no deadline comes last. `holder`: a username, or FREE."""
    entity = every_kind()
    statement = select(entity).where(
        entity.unit_id.in_(units), entity.closed_at.is_(None), entity.type.not_in(NOT_WORK)
    )
    if type_id:
        statement = statement.where(entity.type == type_id)
    if category:
        wanted = ITEM.c.category.is_(None) if category == UNSORTED else ITEM.c.category == category
        of_case = Case.__table__
        statement = statement.where(
            entity.id.in_(select(of_case.c.id).join(ITEM, ITEM.c.id == of_case.c.item_id).where(wanted))
        )
    if holder == FREE:
        statement = statement.where(entity.assignee_id.is_(None))
    elif holder:
        statement = statement.where(entity.assignee_id.in_(select(Person.id).where(Person.username == holder)))
    start = _read_after(after)
    if start is not None:
        deadline, last_id = start
        undated = entity.deadline.is_(None)
        if deadline is None:
            statement = statement.where(undated, entity.id > last_id)
        else:
            statement = statement.where(
                or_(undated, entity.deadline > deadline, and_(entity.deadline == deadline, entity.id > last_id))
            )
    statement = access.visible(statement, actor, entity).options(
        joinedload(entity.applicant),
        joinedload(entity.unit),
        joinedload(entity.assignee),
        joinedload(entity.place),
        selectinload(entity.places),
        selectinload(entity.people),
    )
    found = list(
        session.scalars(
            statement.order_by(entity.deadline.is_(None), entity.deadline, entity.id).limit(limit + 1)
        ).unique()
    )
    shown = found[:limit]
    guards.prefetch(session, shown)
    return InboxPage(
        [(content, engine.available(content, actor)) for content in shown],
        _after(shown[-1]) if len(found) > limit else None,
    )


def _after(content: Content) -> str:
    return f"{content.deadline.isoformat() if content.deadline else ''}~{content.id}"


def _read_after(text: str) -> tuple[datetime | None, int] | None:
    """A mark from a link of ours; anything else begins at the start."""
    moment, _, last_id = text.partition("~")
    if not last_id.isdecimal() or len(last_id) > 18:
        return None
    try:
        deadline = datetime.fromisoformat(moment) if moment else None
    except ValueError:
        return None
    return None if deadline is not None and deadline.tzinfo is None else (deadline, int(last_id))
