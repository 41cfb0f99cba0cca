"""The tree of an invented city (one centre, towns, villages, points) with its staff and residents; the same seed gives the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from catalogue import people
from models.agency import Agency
from models.crypto import vault
from models.person import CourierProfile, Grant, Person
from models.resident import Resident
from process import access
from process.identity import check_character
from process.library import library
from process.refusals import InvalidInput
from services.accounts import NO_PASSWORD

CITY, CITY_NAME, CITY_CODE = "haining", "海宁市", "HN"
OFFICE = "dongxin"
# As data/organisations gives them: 1 + 12 + 228 + N, and 3.5 points to a village.
TOWNS, VILLAGES, POINTS = 12, 228, 798
MOST = {"towns": 90, "villages": 9_000, "points": 40_000, "cases": 50_000_000}
SINCE = date(2025, 1, 1)
TOWN_POSTS = (
    ("window_clerk", 3),
    ("back_office_reviewer", 2),
    ("approver", 1),
    ("certificate_issuer", 1),
    ("errand_dispatcher", 1),
    ("supervisor", 1),
    ("red_courier", 6),
)
VILLAGE_POSTS = (("community_clerk", 2), ("all_round_worker", 2))
CITY_POSTS = (("supervisor", 2), ("statistician", 1))
BIRTHS = date(1940, 1, 1)
REGION = "330481"


@dataclass(frozen=True)
class Plan:
    """How large, and from which seed."""

    cases: int
    towns: int = TOWNS
    villages: int = VILLAGES
    points: int = POINTS
    seed: int = 2026

    def check(self) -> None:
        """Numbers that make no city are refused, each with its bounds."""
        for name, least in (("cases", 1), ("towns", 1), ("villages", self.towns), ("points", 0)):
            value = getattr(self, name)
            if not least <= value <= MOST[name]:
                raise InvalidInput(f"--{name} 应在 {least} 到 {MOST[name]} 之间，收到的是 {value}。")


@dataclass
class Spot:
    """Where things are filed: the unit, the window above it, and who works there."""

    id: str
    path: str
    district: str
    # The unit whose code stands in the numbers of its cases, and the window that decides them.
    coded: str
    code: str
    centre: str = ""
    centre_path: str = ""
    clerks: list[int] = field(default_factory=list)
    reviewers: list[int] = field(default_factory=list)
    couriers: list[int] = field(default_factory=list)
    residents: list[int] = field(default_factory=list)
    weight: float = 1.0


@dataclass
class World:
    """Everything things hang on."""

    city: list[Spot]
    office: list[Spot]


def build(session: Session, plan: Plan) -> World:
    """Writes what is missing of the city and reads the demo office; flushes, does not commit."""
    # Things pin today's definitions, so the database must know them.
    library.store(session)
    luck = Random(plan.seed)
    if session.get(Agency, OFFICE) is None:
        raise InvalidInput("库里还没有演示街道。请先运行 bin/flask demo load，再装入规模数据。")
    _agencies(session, plan)
    _staff(session, plan)
    _residents(session, plan, luck)
    city = _spots(session, Agency.path.like(f"/{CITY}/%"), f"/{CITY}/")
    office = session.get_one(Agency, OFFICE)
    return World(
        _weighted(city, luck), _demo_weights(_spots(session, access.within(Agency.path, office.path), office.path))
    )


def _agencies(session: Session, plan: Plan) -> None:
    known = set(session.scalars(select(Agency.id).where(access.within(Agency.path, f"/{CITY}/"))))
    rows: list[dict] = []

    def add(agency_id: str, name: str, kind: str, parent: str | None, path: str, code: str, number: int | None) -> None:
        if agency_id not in known:
            rows.append(
                {
                    "id": agency_id,
                    "name": name,
                    "name_en": "",
                    "kind": kind,
                    "parent_id": parent,
                    "path": path,
                    "district": CITY,
                    "code": code,
                    "paper_name": name,
                    "number": number,
                    "illustrative": True,
                    "details": {},
                }
            )

    add(CITY, CITY_NAME, "city", None, f"/{CITY}/", CITY_CODE, None)
    for town in range(plan.towns):
        add(f"hn-{town:02d}", f"镇{town + 1:02d}", "town", CITY, f"/{CITY}/hn-{town:02d}/", f"HN{town:02d}", town + 1)
    for village in range(plan.villages):
        town = village % plan.towns
        own = f"hn-v{village:04d}"
        add(
            own,
            f"村{village + 1:03d}",
            "village",
            f"hn-{town:02d}",
            f"/{CITY}/hn-{town:02d}/{own}/",
            f"HV{village:04d}",
            village + 1,
        )
    for point in range(plan.points):
        village = point % plan.villages
        town, above, own = village % plan.towns, f"hn-v{village:04d}", f"hn-p{point:05d}"
        add(
            own,
            f"第{point + 1}网格",
            "grid",
            above,
            f"/{CITY}/hn-{town:02d}/{above}/{own}/",
            f"HP{point:05d}"[:10],
            point + 1,
        )
    _in_parts(session, Agency, rows)


def _staff(session: Session, plan: Plan) -> None:
    known = set(session.scalars(select(Person.username).where(Person.username.like("hn%"))))
    wanted: list[tuple[str, str, str, str]] = []
    for role, many in CITY_POSTS:
        wanted += [(f"hn.{role}.{n}", role, CITY, f"/{CITY}/") for n in range(1, many + 1)]
    for town in range(plan.towns):
        own = f"hn-{town:02d}"
        for role, many in TOWN_POSTS:
            wanted += [(f"{own}.{role}.{n}", role, own, f"/{CITY}/{own}/") for n in range(1, many + 1)]
    for village in range(plan.villages):
        own = f"hn-v{village:04d}"
        path = f"/{CITY}/hn-{village % plan.towns:02d}/{own}/"
        for role, many in VILLAGE_POSTS:
            wanted += [(f"{own}.{role}.{n}", role, own, path) for n in range(1, many + 1)]
    new = [one for one in wanted if one[0] not in known]
    luck = Random(plan.seed)
    stock = people.names()
    first = (session.scalar(select(func.max(Person.id))) or 0) + 1
    persons, grants, couriers = [], [], []
    for person_id, (username, role, unit, path) in enumerate(new, first):
        persons.append(
            {
                "id": person_id,
                "username": username,
                "name": luck.choice(stock.surnames) + luck.choice(stock.female if person_id % 2 else stock.male),
                "title": "",
                "password_hash": NO_PASSWORD,
                "unit_id": unit,
                "illustrative": True,
            }
        )
        grants.append(
            {
                "person_id": person_id,
                "role": role,
                "place_id": unit,
                "place_path": path,
                "cause": "post",
                "since": SINCE,
            }
        )
        if role == "red_courier":
            couriers.append(
                {
                    "person_id": person_id,
                    "point_id": unit,
                    "trained_until": date(2027, 6, 30),
                    "errand_limit": 3,
                    "area": [],
                }
            )
    _in_parts(session, Person, persons)
    _in_parts(session, Grant, grants)
    _in_parts(session, CourierProfile, couriers)


def _residents(session: Session, plan: Plan, luck: Random) -> None:
    villages = session.execute(
        select(Agency.id).where(access.within(Agency.path, f"/{CITY}/"), Agency.kind == "village").order_by(Agency.id)
    ).scalars()
    here = list(villages)
    known = session.scalar(select(func.count()).select_from(Resident).where(Resident.community_id.in_(here[:1]))) or 0
    wanted = max(2, min(plan.cases // (20 * len(here)), 200))
    first = (session.scalar(select(func.max(Resident.id))) or 0) + 1
    stock = people.names()
    rows: list[dict[str, Any]] = []
    for place, village in enumerate(here):
        for n in range(known, wanted):
            serial = place * 250 + n
            born = BIRTHS + timedelta(days=serial // 500)
            plain = f"{REGION}{born:%Y%m%d}{serial % 500 * 2 + n % 2:03d}"
            number = plain + check_character(plain)
            rows.append(
                {
                    "id": first + len(rows),
                    "name": luck.choice(stock.surnames) + luck.choice(stock.male if n % 2 else stock.female),
                    "id_number": number,
                    "id_index": vault.fingerprint(number),
                    "sex": "男" if n % 2 else "女",
                    "birth_date": born,
                    "community_id": village,
                }
            )
    _in_parts(session, Resident, rows)


def _spots(session: Session, condition: object, top: str) -> list[Spot]:
    agencies = list(
        session.execute(
            select(Agency.id, Agency.path, Agency.district, Agency.kind, Agency.code)
            .where(condition)  # type: ignore[arg-type]
            .order_by(Agency.path)
        )
    )
    kinds = {a.path: a for a in agencies}
    posts: dict[tuple[str, str], list[int]] = {}
    for person_id, role, path in session.execute(
        select(Grant.person_id, Grant.role, Grant.place_path)
        .where(access.within(Grant.place_path, top), Grant.cause == "post")
        .order_by(Grant.id)
    ):
        posts.setdefault((role, path), []).append(person_id)
    living: dict[str, list[int]] = {}
    for resident_id, community in session.execute(
        select(Resident.id, Resident.community_id).where(Resident.community_id.is_not(None)).order_by(Resident.id)
    ):
        living.setdefault(community or "", []).append(resident_id)
    found = []
    for agency in agencies:
        if agency.kind in ("city", "errand_point", "errand_station"):
            continue
        above = [agency.path[: i + 1] for i, char in enumerate(agency.path) if char == "/" and i]
        street = next((kinds[p] for p in above if p in kinds and kinds[p].kind in ("street", "town")), agency)
        near = next((kinds[p] for p in above if p in kinds and kinds[p].kind in ("community", "village")), street)
        centre = next((a for a in agencies if a.kind == "street_centre" and a.path.startswith(street.path)), street)
        own = [path for path in (*reversed(above), street.path, centre.path)]
        found.append(
            Spot(
                agency.id,
                agency.path,
                agency.district,
                street.id,
                street.code,
                centre.id,
                centre.path,
                next((posts[r, p] for p in own for r in ("community_clerk", "window_clerk") if (r, p) in posts), []),
                next((posts["back_office_reviewer", p] for p in own if ("back_office_reviewer", p) in posts), []),
                next((posts["red_courier", p] for p in own if ("red_courier", p) in posts), []),
                living.get(near.id, []),
            )
        )
    return found


def _weighted(spots: list[Spot], luck: Random) -> list[Spot]:
    """Some villages are ten times as busy as others; a town's own window has what a dozen villages have."""
    for spot in spots:
        spot.weight = luck.paretovariate(1.3) * (12 if spot.path.count("/") == 3 else 0.4 if "-p" in spot.id else 1)
        spot.weight = min(spot.weight, 40)
    return spots


def _demo_weights(spots: list[Spot]) -> list[Spot]:
    """The demo accounts work in the first community and at the street's centre, so most lies there."""
    for spot in spots:
        spot.weight = 30 if spot.id in ("dx-c01", spot.centre) else 2 if spot.path.count("/") == 5 else 0.5
    return spots


def _in_parts(session: Session, model: type, rows: list[dict], size: int = 2000) -> None:
    for start in range(0, len(rows), size):
        session.execute(insert(model), rows[start : start + size])
    session.flush()
    if rows and "id" in rows[0] and isinstance(rows[0]["id"], int) and session.get_bind().dialect.name == "postgresql":
        # Ids given by us: the next one that the database gives must lie beyond them.
        name = model.__tablename__  # type: ignore[attr-defined]
        session.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}"))
