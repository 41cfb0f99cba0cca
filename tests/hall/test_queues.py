"""A queue is given up, and whoever waits in it goes on elsewhere; opening hours written zone by zone."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.agency import Agency
from models.base import at_time
from models.content import Content
from models.hall import BOOKED, WAITING, HallService, HallTicket
from models.ledger import JournalEntry
from models.opening import OpeningHour
from process.refusals import NotAvailable, RequirementUnmet
from services import hall, opening
from services.hall import setup, tables
from tests.hall.conftest import HALL, at, centre_of

ITEM = "fertility_registration_card"


@pytest.fixture
def queues(session, client_as):
    """Two queues: B takes births, A the rest; counter 1 takes B alone, counter 2 everything."""
    centre = centre_of(session)
    from catalogue import loader as catalogue

    category = catalogue.item(ITEM).category
    setup.add_service(session, centre.admin, HALL, {"letter": "A", "name": "综合"})
    setup.add_service(session, centre.admin, HALL, {"letter": "B", "name": "生育", "categories": [category]})
    centre.staff(2, {1: ["B"]})
    session.commit()
    return centre


@pytest.mark.req("S3-27")
def test_a_queue_is_given_up_and_who_waits_or_has_booked_goes_on_in_another(session, client_as, queues):
    with at_time(at(9)):
        waits = queues.take(matters=[ITEM])
        assert waits.ticket == "B001"
        booked = hall.book(session, queues.lobby, HALL, at(14), matters=[ITEM])
        done = queues.take(matters=[ITEM])
        hall.leave(session, queues.lobby, done.content.uid)
        session.commit()
        address = f"/hall/{HALL}/queue/B/end"
        admin = client_as("admin")
        assert address in admin.get(f"/hall/{HALL}/layout").text
        page = admin.get(address).text
        assert "1 个号在等、1 个预约" in page
        unsaid = admin.post(address, data={})
        assert unsaid.status_code == 422 and "请选等的人改到哪一队" in unsaid.text
        assert client_as("resident").post(address, data={"to": "A"}).status_code in (403, 404)
        session.expire_all()
        assert tables.service_of(session, HALL, "B").ended_on is None
        assert admin.post(address, data={"to": "A"}).status_code == 303
        session.expire_all()
        assert (waits.service, waits.ticket, waits.state) == ("A", "B001", WAITING)
        assert (booked.service, booked.state, done.service) == ("A", BOOKED, "B")
        # The window that took only this queue does not suddenly take everything.
        assert queues.counters[0].takes == ["A"]
        assert hall.call_next(session, queues.clerks[0], queues.counters[0]).content_id == waits.content_id
        assert tables.letter_for(session, HALL, ITEM) == "A"
        rows = session.scalars(select(JournalEntry.content_id).where(JournalEntry.action == "queue_visit:other_queue"))
        assert sorted(rows) == sorted([waits.content_id, booked.content_id])
        with pytest.raises(NotAvailable, match="B 队已经停用"):
            setup.end_service(session, queues.admin, HALL, "B", "A")
        with pytest.raises(RequirementUnmet, match="最后一队"):
            setup.end_service(session, queues.admin, HALL, "A", "B")
        session.rollback()
    assert session.scalar(select(HallTicket.content_id).where(HallTicket.service == "B")) == done.content_id
    assert session.get(Content, waits.content_id) is not None
    assert {one.letter for one in session.scalars(select(HallService).where(HallService.ended_on.is_(None)))} == {"A"}


@pytest.mark.req("S4-11")
def test_a_day_is_shut_as_a_working_day_or_written_out(session, client_as):
    admin = client_as("admin")
    hours = f"/hall/{HALL}/hours"
    page = admin.get(hours).text
    assert page.count("<details") >= 4 and "同工作日" in page and 'name="window_saturday_how"' in page
    given = {
        "window_work": "08:30–17:30",
        "window_saturday_how": "same",
        "window_saturday": "",
        "window_sunday_how": "shut",
        "window_sunday": "09:00–10:00",
        "window_holiday_how": "own",
        "window_holiday": "九点到十点",
        "hall_24h_work": "全天",
        "hall_24h_saturday_how": "same",
    }
    wrong = admin.post(hours, data=given)
    assert wrong.status_code == 422 and "九点到十点" in wrong.text and 'value="same" selected' in wrong.text
    assert session.scalars(select(OpeningHour).where(OpeningHour.place_id == HALL)).all() == []
    assert admin.post(hours, data={**given, "window_holiday": "09:00–10:00"}).status_code == 303
    session.expire_all()
    own = opening.written(session, session.get_one(Agency, HALL))
    said = {day: opening.in_words(own.get(("window", day), ())) for day in opening.DAYS}
    assert said == {"work": "08:30–17:30", "saturday": "08:30–17:30", "sunday": "", "holiday": "09:00–10:00"}
    assert opening.in_words(own[("hall_24h", "saturday")]) == "全天"
    again = admin.get(hours).text
    assert 'name="window_saturday_how"' in again and again.count('value="same" selected') == 2
