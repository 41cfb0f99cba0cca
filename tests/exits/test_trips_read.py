"""跑了几次, read off the journal: the seat counts whoever pressed the button, and a list asks no more than one case."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import event, select

from models.base import at_time, now
from models.case import ServiceItem
from models.item_place import ItemChannel
from models.resident import Resident
from process import clock, engine
from services import outgoing, seat, trips
from services.reports import scope, spread
from tests.exits.waiting import advance, three
from tests.services.fertility import WIFE, opened, ticks
from tests.services.test_delegations import LETTER, counted, open_case, open_ticket


def statements(session, act) -> int:
    """How many questions the database was asked."""
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        asked.append(statement)

    bind = session.get_bind()
    event.listen(bind, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(bind, "before_cursor_execute", note)
    return len(asked)


def test_whoever_sat_at_the_seat_came_also_when_they_filed_it_themselves(session, actor):
    guide, resident = actor("window.clerk"), actor("resident")
    own = session.get_one(Resident, resident.resident_id)
    with at_time(now() - timedelta(days=2)):
        case = opened(
            session,
            guide,
            applicant={**WIFE, "name": own.name, "id_number": own.id_number},
            channel="filing_zone",
        )
    with at_time(now() - timedelta(days=1)):
        engine.fire(case, "submit", resident)
    counted = trips.of_case(session, case)
    assert counted.trips == 1 and case.trips == 1, [e for e in counted.events]
    (came,) = [one for one in counted.events if one.came]
    assert came.unit_id == guide.unit_id
    assert clock.local_day(came.at) == clock.local_day(now() - timedelta(days=2)), "the day at the seat"


def test_a_window_that_nobody_noted_is_not_another_one():
    def at(unit: str, window: str) -> trips.Event:
        return trips.Event(now(), "x", "", True, unit, unit, window, unit)

    assert trips.Counted((at("street", "3"), at("street", ""))).windows == 1, "filed at window 3 and given out there"
    assert trips.Counted((at("street", "3"), at("street", "4"))).windows == 2
    assert trips.Counted((at("street", "3"), at("community", ""))).windows == 2
    assert trips.Counted((at("street", ""),)).windows == 1 and not trips.Counted(()).windows


def test_many_cases_are_counted_with_the_questions_of_one(session, actor, client_as):
    cases = three(session, actor, client_as("window.clerk"))
    session.expire_all()
    for case in cases:
        session.refresh(case)
    one = statements(session, lambda: trips.of_cases(session, cases[:1]))
    assert statements(session, lambda: trips.of_cases(session, cases)) == one


def test_what_a_community_measured_is_not_what_the_street_is_compared_with(session, actor, agency):
    reader = actor("statistician")
    street, community = agency("dongxin"), agency("dx-c01")
    typed = {"item": "fertility_registration_card", "before": "25", "target": "5", "words": "实测"}
    spread.set_baseline(session, reader, street, typed)
    spread.set_baseline(session, reader, community, {**typed, "before": "60"})
    whole = spread.baselines(session, scope.scope_of(session, reader, street.id))
    part = spread.baselines(session, scope.scope_of(session, reader, community.id))
    assert [whole[code].before_minutes for code in whole] == [25]
    assert [part[code].before_minutes for code in part] == [60]


def test_what_will_come_is_looked_for_where_it_is_fetched(session, actor):
    """Decided by the street: what was filed at a community's seat comes back there, what came from home stays with the street."""
    clerk = actor("community.clerk")
    card = session.scalars(select(ServiceItem).where(ServiceItem.code == "senior_card")).one()
    session.add(ItemChannel(item_id=card.id, channel="filing_zone", open=True))
    session.flush()
    case = open_case(session, clerk, channel="filing_zone")
    seat.answer(session, seat.ask(session, clerk, case), yes=True)
    engine.fire(case, "submit", clerk)
    assert case.unit_id != case.place_id
    advance(session, actor, case, "approve")
    row = outgoing.of_case(session, case)
    assert row.unit_id == case.place_id
    case.channel = "online_pc"
    outgoing.MADE_BY["approve"](session, case, None)
    assert row.unit_id == case.deciding_unit_id != case.place_id
    engine.fire(case, "issue", actor("issuer"))
    assert row.unit_id == case.deciding_unit_id


def test_what_is_not_made_yet_travels_on_no_ticket(session, actor):
    """A ticket that changes hands before the certificate is there carries nothing of the exit's."""
    clerk, window = actor("community.clerk"), actor("window.clerk")
    case = open_case(session, clerk)
    ticket = open_ticket(session, clerk, case, letter=LETTER)
    engine.fire(ticket, "send", clerk)
    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    engine.fire(ticket, "start", window)
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    outgoing.hear(session, ticket, "succeed", window, None)
    row = outgoing.of_case(session, case)
    assert (row.state, row.way, row.ready_at, row.unit_id) == ("making", "counter", None, case.place_id)
