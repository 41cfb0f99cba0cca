"""At which level things are closed: where people live (小事不出社区), as the catalogue says, under authority, in trials, by powers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from catalogue import loader as catalogue
from models.agency import Agency
from models.authority import AuthorityGrant, AuthorityUse
from models.case import Case, ServiceItem
from models.content import Content
from models.item_place import ItemPlace, ItemSetting
from models.resident import Resident
from services.authority import DECIDE
from services.reports.scope import (
    IS_CASE,
    Mean,
    Period,
    Scope,
    agencies,
    china_day,
    filed_in,
    working_days,
)

# --- 小事不出社区，大事不出街道


@dataclass
class Home:
    """Delivered cases of the people of one community, by how far they had to go."""

    agency: Agency | None
    base: int = 0
    community: int = 0
    street: int = 0

    @property
    def beyond(self) -> int:
        return self.base - self.community - self.street


@dataclass
class Homes:
    """By community, with the sum; `unknown` have no community on file and are in no base."""

    rows: list[Home] = field(default_factory=list)
    total: Home = field(default_factory=lambda: Home(None))
    unknown: int = 0


def at_home(session: Session, scope: Scope, period: Period) -> Homes:
    """Cases delivered in the period: filed and decided in the community where the applicant lives, in its street, or beyond."""
    statement = (
        select(Content.place_id, Case.deciding_unit_id, Resident.community_id, func.count())
        .select_from(Case)
        .join(Resident, Resident.id == Content.applicant_id)
        .where(
            IS_CASE,
            Content.closed_at.is_not(None),
            Content.closed_at >= period.begin,
            Content.closed_at < period.end,
            Content.state == "delivered",
            scope.within(Content.place_path),
        )
        .group_by(Content.place_id, Case.deciding_unit_id, Resident.community_id)
    )
    rows = session.execute(statement).all()
    tree = agencies(session)
    found, by_home = Homes(), dict[str, Home]()
    for place_id, unit_id, community_id, count in rows:
        home = tree.get(community_id or "")
        if home is None:
            found.unknown += count
            continue
        line = by_home.setdefault(home.id, Home(home))
        # Nobody decided it elsewhere unless it says so.
        paths = [tree[one].path for one in (place_id, unit_id or place_id) if one in tree]
        street = _above(tree, home, ("street", "town"))
        for one in (line, found.total):
            one.base += count
            if all(path.startswith(home.path) for path in paths):
                one.community += count
            elif street is not None and all(path.startswith(street.path) for path in paths):
                one.street += count
    found.rows = sorted(by_home.values(), key=lambda one: one.agency.path if one.agency else "")
    return found


def _above(tree: dict[str, Agency], agency: Agency, kinds: tuple[str, ...]) -> Agency | None:
    here: Agency | None = agency
    while here is not None and here.kind not in kinds:
        here = tree.get(here.parent_id or "")
    return here


# --- 目录里的级别


@dataclass
class Catalogue:
    """What the catalogue says: direct and delegated, levels, and whose the items are beyond the street."""

    total: int
    direct: int
    accept: dict[str, int]
    decide: dict[str, int]
    departments: dict[str, int]
    companies: dict[str, int]


def as_catalogued(session: Session) -> Catalogue:
    """Counted from the items of the catalogue and from their owners."""
    items = [record for record in catalogue.items().values() if record.counted]
    accept: dict[str, int] = defaultdict(int)
    decide: dict[str, int] = defaultdict(int)
    for record in items:
        accept[record.accept_level] += 1
        decide[record.decide_level or ""] += 1
    owned: dict[str, dict[str, int]] = {"department": {}, "company": {}}
    for kind, name, count in session.execute(
        select(Agency.kind, Agency.name, func.count())
        .join(ItemSetting, ItemSetting.owner_id == Agency.id)
        .group_by(Agency.kind, Agency.name)
        .order_by(Agency.name)
    ):
        owned.setdefault(kind, {})[name] = count
    return Catalogue(
        len(items),
        sum(record.direct for record in items),
        dict(accept),
        dict(decide),
        owned["department"],
        owned["company"],
    )


# --- 授权


@dataclass
class Granted:
    """Of one department: cases of its items decided in the period, and how many of them under its authority."""

    agency: Agency
    base: int = 0
    granted: int = 0
    items: int = 0
    items_granted: int = 0


def under_authority(session: Session, scope: Scope, period: Period) -> list[Granted]:
    """Share of decisions taken under grants, by the department whose items they are."""
    owner = aliased(Agency)
    rows = session.execute(
        select(
            ItemSetting.owner_id, func.count(func.distinct(Case.id)), func.count(func.distinct(AuthorityUse.case_id))
        )
        .select_from(Case)
        .join(ItemSetting, ItemSetting.item_id == Case.item_id)
        .join(owner, owner.id == ItemSetting.owner_id)
        .join(AuthorityGrant, and_(AuthorityGrant.from_id == owner.id, AuthorityGrant.power == DECIDE), isouter=True)
        .join(
            AuthorityUse,
            and_(
                AuthorityUse.case_id == Case.id,
                AuthorityUse.grant_id == AuthorityGrant.id,
                AuthorityUse.decided_at.is_not(None),
            ),
            isouter=True,
        )
        .where(
            Case.decided_at >= period.begin,
            Case.decided_at < period.end,
            or_(scope.within(Content.place_path), scope.within(owner.path)),
        )
        .group_by(ItemSetting.owner_id)
    ).all()
    found = {
        agency.id: Granted(agency)
        for agency in session.scalars(
            select(Agency).where(
                Agency.kind == "department", Agency.id.in_(select(ItemSetting.owner_id)), _reach(scope)
            )
        )
    }
    for owner_id, base, granted in rows:
        if owner_id in found:
            found[owner_id].base, found[owner_id].granted = base, granted
    _items(session, found, period)
    return sorted(found.values(), key=lambda one: one.agency.path)


def _reach(scope: Scope) -> ColumnElement[bool]:
    """Departments beside the reader's street decide for it, too: all of the district."""
    districts = {path.strip("/").split("/")[min(1, path.strip("/").count("/"))] for path in scope.paths}
    return or_(Agency.district.in_(sorted(districts)), scope.within(Agency.path))


def _items(session: Session, found: dict[str, Granted], period: Period) -> None:
    settings = session.execute(
        select(ItemSetting.owner_id, ItemSetting.item_id, ServiceItem.category).join(ServiceItem)
    )
    grants = session.scalars(
        select(AuthorityGrant)
        .where(
            AuthorityGrant.power == DECIDE,
            AuthorityGrant.ended_at.is_(None),
            AuthorityGrant.since <= period.last,
            or_(AuthorityGrant.until.is_(None), AuthorityGrant.until >= period.first),
        )
        .options(joinedload(AuthorityGrant.items))
    ).unique()
    named: dict[str, set[int]] = defaultdict(set)
    whole: dict[str, set[str]] = defaultdict(set)
    for grant in grants:
        named[grant.from_id] |= {one.item_id for one in grant.items}
        if grant.category:
            whole[grant.from_id].add(grant.category)
    for owner_id, item_id, category in settings:
        if owner_id in found:
            found[owner_id].items += 1
            found[owner_id].items_granted += item_id in named[owner_id] or (category or "") in whole[owner_id]


# --- 试点


@dataclass
class Side:
    """One side of the comparison, each figure over its own base."""

    communities: int = 0
    filed: int = 0
    delivered: int = 0
    once: int = 0
    zero: int = 0
    mean: Mean = field(default_factory=Mean)


@dataclass
class Trial:
    """One item on trial: where it is tried against where it is not."""

    item: ServiceItem
    places: list[Agency]
    pilot: Side
    others: Side


def trials(session: Session, scope: Scope, period: Period) -> list[Trial]:
    """Items on trial some day of the period, with the figures of pilot communities beside those of all others."""
    entries = session.scalars(
        select(ItemPlace)
        .where(
            ItemPlace.pilot_since.is_not(None),
            ItemPlace.pilot_since <= period.last,
            or_(ItemPlace.pilot_until.is_(None), ItemPlace.pilot_until >= period.first),
        )
        .options(joinedload(ItemPlace.place), joinedload(ItemPlace.item))
        .order_by(ItemPlace.item_id, ItemPlace.place_path)
    ).all()
    by_item: dict[int, list[ItemPlace]] = defaultdict(list)
    for entry in entries:
        if scope.holds(entry.place_path) or any(path.startswith(entry.place_path) for path in scope.paths):
            by_item[entry.item_id].append(entry)
    if not by_item:
        return []
    first, last = china_day(session, Case.accepted_at), china_day(session, Case.decided_at)
    rows = session.execute(
        select(
            Case.item_id,
            Content.place_path,
            first.label("first_day"),
            last.label("last_day"),
            func.count(),
            func.count().filter(Content.state == "delivered"),
            func.count().filter(Content.state == "delivered", Case.trips <= 1),
            func.count().filter(Content.state == "delivered", Case.trips == 0),
        )
        .where(filed_in(scope, period), Case.item_id.in_(by_item))
        .group_by(Case.item_id, Content.place_path, first, last)
    ).all()
    communities = [
        agency
        for agency in agencies(session).values()
        if agency.kind in ("community", "village") and scope.holds(agency.path)
    ]
    found = []
    for item_id, places in by_item.items():
        paths = tuple(entry.place_path for entry in places)
        spans: dict[bool, list[tuple[str | None, str | None, int]]] = {True: [], False: []}
        sides = {True: Side(), False: Side()}
        for row in rows:
            if row[0] != item_id:
                continue
            tried = row[1].startswith(paths)
            side = sides[tried]
            side.filed, side.delivered = side.filed + row[4], side.delivered + row[5]
            side.once, side.zero = side.once + row[6], side.zero + row[7]
            spans[tried].append((row[2], row[3], row[4]))
        for tried, side in sides.items():
            side.mean = working_days(session, spans[tried])
            side.communities = sum(agency.path.startswith(paths) is tried for agency in communities)
        found.append(Trial(places[0].item, [entry.place for entry in places], sides[True], sides[False]))
    return found


# --- 同权


def sum_of(means: list[Mean]) -> Mean:
    """One mean over several, each with its weight."""
    return Mean(sum(m.days for m in means), sum(m.base for m in means), sum(m.missing for m in means))


@dataclass
class Powers:
    """Items a place decides with the powers of the city: how many, how many can be done there to the end, how long it takes."""

    place: Agency
    items: list[ItemPlace]
    completable: int
    settled: int
    filed: int
    mean: Mean


def powers(session: Session, scope: Scope, period: Period) -> list[Powers]:
    """By place; the mean is of cases decided there in the period, from acceptance to decision in working days."""
    entries = session.scalars(
        select(ItemPlace)
        .where(ItemPlace.same_power)
        .options(joinedload(ItemPlace.place), joinedload(ItemPlace.item))
        .order_by(ItemPlace.place_path, ItemPlace.id)
    ).all()
    by_place: dict[str, list[ItemPlace]] = defaultdict(list)
    for entry in entries:
        if scope.holds(entry.place_path):
            by_place[entry.place_id].append(entry)
    if not by_place:
        return []
    first, last = china_day(session, Case.accepted_at), china_day(session, Case.decided_at)
    rows = session.execute(
        select(Case.item_id, Content.place_path, first.label("first_day"), last.label("last_day"), func.count())
        .where(
            Case.decided_at >= period.begin,
            Case.decided_at < period.end,
            scope.within(Content.place_path),
            Case.item_id.in_({entry.item_id for entry in entries}),
        )
        .group_by(Case.item_id, Content.place_path, first, last)
    ).all()
    found = []
    for own in by_place.values():
        place, ids = own[0].place, {entry.item_id for entry in own}
        mine = [row for row in rows if row[0] in ids and row[1].startswith(place.path)]
        found.append(
            Powers(
                place,
                own,
                sum(entry.completable is True for entry in own),
                sum(entry.completable is not None for entry in own),
                sum(row[4] for row in mine),
                working_days(session, [(row[2], row[3], row[4]) for row in mine]),
            )
        )
    return found
