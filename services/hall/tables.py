"""The rows behind a number: the hall that is locked first, its queues and counters, and the stretches of time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.content import Content
from models.hall import BOOKED, Hall, HallCounter, HallPeriod, HallService, HallTicket
from process import clock
from process.refusals import InvalidInput, NotFound

TYPE = "queue_visit"
ANY = "A"
# Where people wait with a number.
KINDS = (
    "street_centre",
    "sub_centre",
    "community",
    "village",
    "street",
    "town",
    "approvals_office",
    "extended_outlet",
    "bank_outlet",
    "company",
    "community_station",
    "department",
)


def lock(session: Session, agency: Agency) -> Hall:
    """The hall, and nobody else changes a number of it before this transaction ends. A hall without settings gets the usual ones."""
    found = session.scalar(
        select(Hall).where(Hall.agency_id == agency.id).with_for_update().execution_options(populate_existing=True)
    )
    if found is not None:
        return found
    _install(session, agency)
    return session.scalars(select(Hall).where(Hall.agency_id == agency.id).with_for_update()).one()


def _install(session: Session, agency: Agency) -> None:
    insert: Any = pg_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    values = {"agency_id": agency.id, "district": agency.district, "place_path": agency.path}
    usual = {
        column.name: column.default.arg
        for column in Hall.__table__.columns
        if column.default is not None and not column.default.is_callable and column.name not in values
    }
    session.execute(insert(Hall.__table__).values(**usual, **values).on_conflict_do_nothing())
    session.execute(
        insert(HallService.__table__)
        .values(hall_id=agency.id, letter=ANY, name="综合", categories=[], slot_capacity=4)
        .on_conflict_do_nothing()
    )


def usual(name: str) -> Any:
    """What holds in a hall that has decided nothing yet."""
    return Hall.__table__.columns[name].default.arg


def hall_of(session: Session, agency_id: str) -> Hall | None:
    """The settings of a hall as they stand, without locking."""
    return session.get(Hall, agency_id)


def agency(session: Session, agency_id: str) -> Agency:
    """A place where people may wait with a number."""
    found = session.get(Agency, agency_id)
    if found is None or found.kind not in KINDS:
        raise NotFound("没有找到这个大厅。请从“机构和网格”里选一个服务中心或服务站。")
    return found


def services(session: Session, hall_id: str) -> list[HallService]:
    """The queues of a hall that are in use."""
    return list(
        session.scalars(
            select(HallService)
            .where(HallService.hall_id == hall_id, HallService.ended_on.is_(None))
            .order_by(HallService.letter)
        )
    )


def counters(session: Session, hall_id: str) -> list[HallCounter]:
    """The counters of a hall that are in use, the fixed ones first."""
    return list(
        session.scalars(
            select(HallCounter)
            .where(HallCounter.hall_id == hall_id, HallCounter.ended_on.is_(None))
            .order_by(HallCounter.kind != "fixed", HallCounter.id)
        )
    )


def counter_named(session: Session, hall_id: str, code: str) -> HallCounter | None:
    """The counter that is called so on its sign; 3 and 3号窗口 are the same."""
    wanted = str(code or "").strip().removesuffix("窗口").removesuffix("号")
    return session.scalar(select(HallCounter).where(HallCounter.hall_id == hall_id, HallCounter.code == wanted))


def letter_for(session: Session, hall_id: str, item: str) -> str:
    """The queue that takes this matter: the one for its category, else the one for everything."""
    found = services(session, hall_id)
    record = catalogue.items().get(item)
    for service in found:
        if record is not None and record.category in (service.categories or ()):
            return service.letter
    general = next((one for one in found if not one.categories), None)
    return general.letter if general is not None else found[0].letter if found else ANY


def service_of(session: Session, hall_id: str, letter: str) -> HallService | None:
    return session.scalar(select(HallService).where(HallService.hall_id == hall_id, HallService.letter == letter))


def hall_agency(content: Content) -> Agency:
    """The hall a number belongs to."""
    return content.unit or content.place


def ticket(session: Session, content: Content, at: datetime | None = None) -> HallTicket:
    """The row of a number, read anew; numbers from before the halls had rows get one now."""
    found = session.get(HallTicket, content.id, populate_existing=True)
    if found is None:
        hall = hall_agency(content)
        fields = content.fields or {}
        found = HallTicket(
            content_id=content.id,
            district=content.district,
            hall_id=hall.id,
            day=clock.local_day(at or content.created_at),
            service=letter_for(session, hall.id, str(fields.get("item") or "")),
            state=BOOKED,
        )
        session.add(found)
        session.flush()
    return found


def period(
    session: Session,
    one: HallTicket,
    kind: str | None,
    at: datetime,
    *,
    counter_id: int | None = None,
    person_id: int | None = None,
) -> None:
    """Ends the stretch that runs and begins the next, at the same moment, so that they add up. None only ends."""
    running = session.execute(
        select(HallPeriod.id, HallPeriod.began_at).where(
            HallPeriod.ticket_id == one.content_id, HallPeriod.ended_at.is_(None)
        )
    ).first()
    if running is not None:
        at = max(at, running.began_at)
        session.execute(update(HallPeriod).where(HallPeriod.id == running.id).values(ended_at=at))
    if kind is not None:
        session.add(
            HallPeriod(
                district=one.district,
                hall_id=one.hall_id,
                ticket_id=one.content_id,
                kind=kind,
                counter_id=counter_id,
                person_id=person_id,
                began_at=at,
            )
        )
    session.flush()


def turned(session: Session, hall_id: str) -> None:
    """What the screens show has changed."""
    session.execute(update(Hall).where(Hall.agency_id == hall_id).values(turn=Hall.turn + 1))


def counter_of_hall(session: Session, hall_id: str, counter_id: int) -> HallCounter:
    found = session.get(HallCounter, counter_id)
    if found is None or found.hall_id != hall_id:
        raise InvalidInput("没有找到这个窗口，请从名单里选。", {"counter": "没有这个窗口"})
    return found
