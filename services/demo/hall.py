"""The hall of the street on an ordinary day: counters, queues and hours, what was done yesterday, and who waits just now. All invented."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import select

from models.agency import Agency
from models.hall import HallCounter, HallTicket
from models.promise import OwedMaterial
from process import clock
from process.numbers import CHINA
from services import hall, opening, owed
from services.demo import stories
from services.demo.office import Office
from services.hall import booking, setup

CENTRE = "dongxin-centre"
HOURS = {
    "window_work": "08:30–17:30",
    "window_saturday": "09:00–12:00",
    "assisted_work": "08:30–17:30",
    "hall_24h_work": "全天",
    "hall_24h_saturday": "全天",
    "hall_24h_sunday": "全天",
    "hall_24h_holiday": "全天",
}
QUEUES = (
    {"letter": "B", "name": "社会保障", "categories": ["human_social_security", "social_assistance"]},
    {"letter": "C", "name": "老人和残疾人", "categories": ["elderly_service", "disability_service"]},
)
# Who sits where: the first counter is left for whoever tries out the demo as `window.clerk`.
SEATS = (("1", "window.clerk"), ("2", "office-window-2"), ("3", "office-window-3"))
BUSY = SEATS[1:]
# What people come for: items of the catalogue or words, and the ground for going first.
WANTED = (
    (("senior_card",), "", "elderly"),
    (("fertility_registration_card",), "", ""),
    ((), "问居住证签注要带什么", ""),
    (("fertility_registration_card", "senior_card"), "", ""),
    ((), "社保参保证明", ""),
    (("senior_card",), "", "disabled"),
    ((), "独生子女光荣证补领", ""),
    (("fertility_registration_card",), "", "expectant"),
)


def tell(office: Office) -> None:
    """Once: whoever has counters has heard it."""
    session = office.session
    if session.scalar(select(HallCounter.id).where(HallCounter.hall_id == CENTRE).limit(1)) is None:
        _furnish(office)
        _yesterday(office)
        _now(office)
        _booked(office)
    if session.scalar(select(OwedMaterial.id).where(OwedMaterial.case_id.is_not(None)).limit(1)) is None:
        _promises(office)
    session.flush()


def _furnish(office: Office) -> None:
    session, lobby = office.session, office.actor("lobby.manager")
    with office.at(office.ago(40, 9)):
        setup.three_plus_x(session, lobby, CENTRE)
        for queue in QUEUES:
            setup.add_service(session, lobby, CENTRE, queue)
        given = {"code": "4", "name": "为老助残", "kind": "local", "takes": ["C"]}
        setup.add_counter(session, lobby, CENTRE, given)
        opening.set_hours(session, lobby, session.get_one(Agency, CENTRE), HOURS)
    counters = {one.code: one for one in session.scalars(select(HallCounter).where(HallCounter.hall_id == CENTRE))}
    with office.at(office.ago(1, 8, 45)):
        for code, who in SEATS:
            hall.sit(session, office.actor(who), counters[code].id)


def _take(office: Office, at: datetime, number: int) -> HallTicket:
    items, words, ground = WANTED[number % len(WANTED)]
    with office.at(at):
        return hall.take(
            office.session,
            office.actor("lobby.manager"),
            CENTRE,
            matters=items,
            words=words,
            ground=ground,
            source="lobby",
        )


def _serve(office: Office, who: str, called: datetime, minutes: int) -> None:
    """One number from the call to the end."""
    session, clerk = office.session, office.actor(who)
    counter = hall.my_counter(session, clerk)
    assert counter is not None
    with office.at(called):
        if hall.call_next(session, clerk, counter) is None:
            return
    with office.at(called + timedelta(seconds=40)):
        hall.serve(session, clerk)
    with office.at(called + timedelta(minutes=minutes)):
        hall.finish(session, clerk)


def _yesterday(office: Office) -> None:
    """A morning that is over, for the figures."""
    start = office.ago(1, 9)
    for number in range(8):
        _take(office, start + timedelta(minutes=4 * number), number)
    for number in range(8):
        _, who = SEATS[number % 3]
        _serve(
            office,
            who,
            start + timedelta(minutes=5 + 11 * (number // 3) + 2 * (number % 3), seconds=30 + 130),
            4 + number % 5,
        )
    with office.at(start + timedelta(hours=8)):
        hall.clear(office.session, office.actor("lobby.manager"), CENTRE)


def _now(office: Office) -> None:
    """Who came within the last hour: two are served, one is called, one is on hold, one did not come, the others wait."""
    session, lobby = office.session, office.actor("lobby.manager")
    midnight = datetime.combine(clock.local_day(office.today), time(0, 1), CHINA)
    span = min(timedelta(minutes=66), max(office.today - midnight, timedelta(minutes=1)))

    def at(share: float) -> datetime:
        return office.today - span * (1 - share)

    for number in range(12):
        _take(office, at(0.02 + 0.07 * number), number)
    plan = ((0.30, "hold"), (0.44, "miss"), (0.58, "done"), (0.72, "done"), (0.88, "serve"), (0.90, "serve"))
    for turn, (share, what) in enumerate(plan):
        _, who = BUSY[turn % 2]
        clerk = office.actor(who)
        counter = hall.my_counter(session, clerk)
        assert counter is not None
        with office.at(at(share)):
            hall.call_next(session, clerk, counter)
        with office.at(at(share + 0.04)):
            if what == "miss":
                hall.no_show(session, clerk)
                continue
            hall.serve(session, clerk)
        with office.at(at(share + 0.08)):
            if what == "hold":
                hall.hold(session, clerk, "去复印户口簿")
            elif what == "done":
                hall.finish(session, clerk)
    with office.at(at(0.99)):
        hall.sit(session, office.actor(SEATS[0][1]), _counter(office, SEATS[0][0]).id)
    assert lobby.person_id is not None


def _counter(office: Office, code: str) -> HallCounter:
    return office.session.scalars(
        select(HallCounter).where(HallCounter.hall_id == CENTRE, HallCounter.code == code)
    ).one()


def _booked(office: Office) -> None:
    """The resident of the demo has booked a time by phone, if the calendar goes that far."""
    session, centre = office.session, office.session.get_one(Agency, CENTRE)
    for day in booking.days(session, centre, office.today)[1:]:
        free = [slot for slot in booking.slots(session, centre, "A", day, office.today) if slot.free]
        if free:
            with office.at(office.today - timedelta(minutes=1)):
                hall.book(
                    session,
                    office.actor("resident"),
                    CENTRE,
                    free[len(free) // 2].start,
                    matters=["fertility_registration_card"],
                    words="生育登记",
                )
            return


def _promises(office: Office) -> None:
    """Two promises of 容缺: one that is due soon, one that was broken."""
    session = office.session
    calendar = clock.calendar(session)
    for days, later in ((1, 3), (6, 2)):
        filed = clock.local_day(office.ago(days))
        due = calendar.add_working_days(filed, later)
        case = stories.fertility(office, days, "deferred", owes=due)
        if due < clock.local_day(office.today):
            line = session.scalars(select(OwedMaterial).where(OwedMaterial.case_id == case.id)).one()
            with office.at(clock.end_of(due)):
                owed.lapse(session, {"owed_id": line.id, "due": due.isoformat()})
