"""Setting up an office: agencies, calendar, catalogue and, in a demo, its people. Every part may run again and adds only what is missing."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from catalogue import people
from catalogue.people import InventedStaff
from catalogue.records import DemoAccount
from models.agency import Agency
from models.clock import CalendarDay
from models.person import CourierProfile, Grant, GridMembership, Person
from process.access import Actor, Held
from process.library import library
from process.relations import HEAD
from services import accounts, care_reminders, town_platforms
from services.catalogue_items import load_items
from services.residents import find_or_create
from services.shipped_levels import load_example_powers
from services.trust import keystore

DEMO_PASSWORD = "daiban-demo"
SEED = 2026
# The installation itself publishes the catalogue that ships with the product.
SYSTEM = Actor(
    None, name="系统", held=(Held("catalogue_manager", "/", "installation"),), roles=frozenset({"catalogue_manager"})
)


def install(session: Session) -> None:
    """What every installation needs before the first sign-in."""
    library.store(session)
    _agencies(session)
    _calendar(session)
    load_items(session, SYSTEM)
    # The office's own keys for papers, made once and kept outside the database.
    keystore.ensure()
    # The first morning of the reminders; from then on each puts the next.
    care_reminders.arm(session)


def _agencies(session: Session) -> None:
    known = set(session.scalars(select(Agency.id)))
    paths: dict[str, str] = {}
    for organisation in catalogue.organisations().values():
        parent_path = paths[organisation.parent] if organisation.parent else "/"
        path = paths[organisation.id] = f"{parent_path}{organisation.id}/"
        if organisation.id in known:
            continue
        session.add(
            Agency(
                id=organisation.id,
                name=organisation.name,
                name_en=organisation.name_en,
                kind=organisation.kind,
                parent_id=organisation.parent,
                path=path,
                district=_district(organisation.id),
                code=organisation.code,
                paper_name=organisation.paper_name,
                number=organisation.number,
                valid_from=organisation.valid_from,
                valid_to=organisation.valid_to,
                illustrative=organisation.illustrative,
                details={
                    "front_office": organisation.front_office,
                    "households": organisation.households,
                    "address": organisation.address,
                    "phone": organisation.phone,
                    "hours": organisation.hours,
                    "zones": list(organisation.zones),
                    town_platforms.KEY: list(organisation.platforms),
                    "illustrative_fields": list(organisation.illustrative_fields),
                },
            )
        )
        session.flush()


def _district(agency_id: str) -> str:
    here = catalogue.organisation(agency_id)
    while here.kind not in ("district", "city") and here.parent:
        here = catalogue.organisation(here.parent)
    return here.id


def _calendar(session: Session) -> None:
    shipped = catalogue.work_calendar()
    known = {day.year for day in session.scalars(select(CalendarDay.day))}
    for year in sorted(set(shipped.years) - known):
        day = date(year, 1, 1)
        while day.year == year:
            session.add(CalendarDay(day=day, working=shipped.is_working_day(day), name=shipped.names.get(day, "")))
            day += timedelta(days=1)
    session.flush()


def load_demo_people(session: Session) -> None:
    """The accounts of the demo, the grid leaders and the stations' staff, only the known accounts with a password; and example letters of authority."""
    known = set(session.scalars(select(Person.username)))
    password = accounts.hash_password(DEMO_PASSWORD)
    for account in catalogue.demo_accounts().values():
        if account.username in known:
            continue
        person = _invented(account.username, account, password)
        if account.resident:
            person.resident_id = _known_resident(session, account.resident)
        session.add(person)
        session.flush()
        if account.username in HEADS:
            _grant(session, person, HEAD, HEADS[account.username])
        for grant in account.grants:
            _grant(session, person, grant.role, grant.place)
            if grant.role == "grid_leader":
                session.add(
                    GridMembership(
                        grid_id=grant.place, person_id=person.id, capacity="grid_leader", since=date(2025, 1, 1)
                    )
                )
        if account.courier:
            courier = account.courier
            session.add(
                CourierProfile(
                    person_id=person.id,
                    point_id=courier.point,
                    trained_until=courier.trained_until,
                    errand_limit=courier.limit,
                    area=list(courier.area),
                )
            )
        session.flush()
    _staff(session, known)
    load_example_powers(session)


# The demo's units have somebody who answers for them: the centre's approver, and the head of every station.
HEADS = {"approver": "dongxin-centre"}


def _staff(session: Session, known: set[str]) -> None:
    # The demo account grid.leader is one of the two leaders of the first grid; the invented ones fill the other posts.
    taken = {"dx-c01-g1-leader-a"}
    for one in (*people.leaders(SEED), *people.station_staff(SEED)):
        if one.key in known or one.key in taken:
            continue
        person = _invented(one.key, one, accounts.NO_PASSWORD)
        session.add(person)
        session.flush()
        role = {"station_head": "community_clerk", "red_courier": "red_courier"}.get(one.role, one.role)
        if one.role == "station_head":
            _grant(session, person, HEAD, one.unit)
        if role == "red_courier":
            _grant(session, person, role, "dongxin")
            session.add(
                CourierProfile(
                    person_id=person.id, point_id=one.unit, trained_until=date(2027, 6, 30), errand_limit=3, area=[]
                )
            )
        else:
            _grant(session, person, role, one.unit)
        if role == "grid_leader":
            session.add(
                GridMembership(grid_id=one.unit, person_id=person.id, capacity="grid_leader", since=date(2025, 1, 1))
            )
    session.flush()


def _invented(username: str, one: DemoAccount | InventedStaff, password_hash: str) -> Person:
    return Person(
        username=username,
        name=one.name,
        title=one.title,
        unit_id=one.unit,
        phone=one.phone,
        password_hash=password_hash,
        illustrative=True,
    )


def _grant(session: Session, person: Person, role: str, place_id: str) -> None:
    place = session.get(Agency, place_id)
    assert place is not None
    session.add(
        Grant(
            person_id=person.id,
            role=role,
            place_id=place.id,
            place_path=place.path,
            cause="post",
            since=date(2025, 1, 1),
        )
    )


def _known_resident(session: Session, key: str) -> int:
    one = people.known_residents()[key]
    found = find_or_create(
        session,
        {
            "name": one.name,
            "id_number": one.id_number,
            "phone": one.phone,
            "address": one.address,
            "household_address": one.household_address,
        },
        community=one.community,
        grid=one.grid,
    )
    return found.id
