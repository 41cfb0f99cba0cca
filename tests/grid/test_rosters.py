"""村社轮值: half of the staff each working day, fair within one turn, changed and swapped by page, seen at the door."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import combinations

import pytest
from sqlalchemy import select

from models.agency import Agency
from models.base import at_time
from models.ledger import JournalEntry
from models.roster import RosterShift
from models.substitution import Substitution
from process import clock
from process.numbers import CHINA
from process.refusals import InvalidInput
from services import rosters

# A Wednesday at eight: the rest of December is to be planned, with its weekends.
FIRST, LAST = date(2026, 12, 1), date(2026, 12, 31)


@pytest.fixture
def december():
    with at_time(datetime(2026, 12, 2, 8, tzinfo=CHINA)):
        yield


@pytest.fixture
def staff(session, colleague) -> list:
    made = [colleague(f"worker.{n}", "dx-c01", ("all_round_worker", "dx-c01"), name=f"全岗{n}") for n in "ab"]
    session.commit()
    return made


@pytest.fixture
def place(session) -> Agency:
    return session.get_one(Agency, "dx-c01")


@pytest.mark.req("S4-14")
def test_half_of_the_staff_each_working_day_and_fair(session, place, staff, december) -> None:
    people = rosters.staff(session, place, FIRST)
    assert len(people) == 6, "the clerk, three of the station and two all-round workers"
    plan = rosters.propose(session, place, FIRST, LAST)
    calendar = clock.calendar(session)
    assert list(plan) == [d for n in range(30) if calendar.is_working_day(d := date(2026, 12, 2) + timedelta(n))]
    assert {len(names) for names in plan.values()} == {3}
    turns = Counter(i for names in plan.values() for i in names)
    assert max(turns.values()) - min(turns.values()) <= 1 and len(turns) == 6
    met = Counter(frozenset(pair) for names in plan.values() for pair in combinations(names, 2))
    assert len(met) == 15, "everybody sits with everybody, not always the same three"


@pytest.mark.req("S4-14")
def test_a_month_is_planned_changed_and_swapped_by_page(session, client_as, place, staff, december) -> None:
    clerk = client_as("community.clerk")
    assert "还没有排班" in clerk.get("/grid/dx-c01/roster").text
    assert clerk.post("/grid/dx-c01/roster/propose", data={"month": "2026-12"}).status_code == 303
    page = clerk.get("/grid/dx-c01/roster").text
    assert "每天一半，即 3 人" in page and "重新排出今天以后的" in page and "每人次数" in page
    # A holiday by hand: nobody alone, and never as an ordinary day.
    url = "/grid/dx-c01/roster/2026-12-05"
    two = [str(staff[0].id), str(staff[1].id)]
    for form, sentence in (
        ({"shift": "day", "people": two}, "请选“周末值班”"),
        ({"shift": "weekend", "people": two[:1]}, "至少 2 人"),
        ({"shift": "night", "people": two}, "请选班次"),
        ({"shift": "weekend", "people": [*two, "999999"]}, "不在万家星城社区值班"),
    ):
        answer = clerk.post(url, data=form | {"reason": "节日值守"})
        assert answer.status_code == 422 and sentence in answer.text and "节日值守" in answer.text, sentence
    assert clerk.post(url, data={"shift": "weekend", "people": two, "reason": "节日值守"}).status_code == 303
    assert "周末值班" in clerk.get("/grid/dx-c01/roster").text
    assert clerk.post("/grid/dx-c01/roster/2026-12-01", data={"shift": "day", "people": two}).status_code == 422
    # Planning again leaves what was named by hand.
    assert clerk.post("/grid/dx-c01/roster/propose", data={"month": "2026-12"}).status_code == 303
    assert len(session.scalars(select(RosterShift).where(RosterShift.shift == "weekend")).all()) == 2
    # Two people take each other's day.
    shifts = rosters.month(session, place, FIRST, LAST)
    third, fourth = (shifts[date(2026, 12, day)] for day in (3, 4))
    one = next(s for s in third if s.person_id not in {x.person_id for x in fourth})
    other = next(s for s in fourth if s.person_id not in {x.person_id for x in third})
    before = (one.person_id, other.person_id)
    form = {"first": str(one.id), "second": str(other.id), "reason": "孩子家长会"}
    assert clerk.post("/grid/dx-c01/roster/2026-12-03/swap", data=form | {"reason": ""}).status_code == 422
    assert clerk.post("/grid/dx-c01/roster/2026-12-03/swap", data=form | {"second": ""}).status_code == 422
    assert clerk.post("/grid/dx-c01/roster/2026-12-03/swap", data=form).status_code == 303
    session.expire_all()
    assert (other.person_id, one.person_id) == before
    written = session.scalars(select(JournalEntry.action).where(JournalEntry.stream == "roster:dx-c01:2026-12")).all()
    assert list(written) == ["roster:propose", "roster:set", "roster:propose", "roster:swap"]
    assert "孩子家长会" in clerk.get("/grid/dx-c01/roster").text


@pytest.mark.req("S4-14")
@pytest.mark.req("S0-11")
def test_who_is_on_duty_today_stands_on_the_page_of_the_place(
    session, actor, client_as, place, staff, december
) -> None:
    rosters.take_proposal(session, actor("community.clerk"), place, FIRST, LAST)
    session.commit()
    names = [s.person.name for s in rosters.on_duty(session, ["dx-c01"], date(2026, 12, 2))]
    assert len(names) == 3
    for address in ("/places/dx-c01", "/places/dx-c01-station"):
        page = client_as("resident").get(address).text
        assert "今天值班" in page and all(name in page for name in names), address
    # The record of the day is begun from the roster, once.
    clerk = client_as("community.clerk")
    assert "开始今天的值班记录" in clerk.get("/grid/dx-c01/roster").text
    # Whoever only plans is offered no record, and is told who begins it.
    admin = client_as("admin")
    assert "roster/begin" not in admin.get("/grid/dx-c01/roster").text
    refused = admin.post("/grid/dx-c01/roster/begin", follow_redirects=True)
    assert refused.status_code == 200 and "请他们打开这一页开始记录" in refused.text
    answer = clerk.post("/grid/dx-c01/roster/begin")
    assert answer.status_code == 303 and "/c/" in answer.headers["Location"]
    record = clerk.get(answer.headers["Location"]).text
    assert all(name in record for name in names) and "公布" in record
    assert "打开今天的值班记录" in clerk.get("/grid/dx-c01/roster").text
    assert clerk.post("/grid/dx-c01/roster/begin").headers["Location"].endswith("/grid/dx-c01/roster")


@pytest.mark.req("S0-11")
def test_a_grid_has_its_own_roster(session, actor, client_as, member, december) -> None:
    member("worker.one", "grid_worker")
    session.commit()
    clerk = client_as("community.clerk")
    assert clerk.post("/grid/dx-c01-g1/roster/propose", data={"month": "2026-12"}).status_code == 303
    page = client_as("grid.leader").get("/grid/dx-c01-g1/duty").text
    assert "今天没有排班" not in page and page.count("今天值班") >= 3


def test_who_is_away_is_not_planned(session, actor, person, place, staff, december) -> None:
    session.add(
        Substitution(
            principal_id=staff[0].id, substitute_id=staff[1].id, since=date(2026, 12, 7), until=date(2026, 12, 11)
        )
    )
    session.flush()
    plan = rosters.propose(session, place, FIRST, LAST)
    week = [d for d in plan if date(2026, 12, 7) <= d <= date(2026, 12, 11)]
    assert week and all(staff[0].id not in plan[d] for d in week)


def test_what_cannot_be_planned_is_said(session, actor, client_as, place, december) -> None:
    session.get_one(Agency, "dx-c05")
    alone = session.get_one(Agency, "dx-c02-g1")
    for member in rosters.staff(session, alone, FIRST):
        member.active = False
    session.flush()
    with pytest.raises(InvalidInput, match="至少 2 人"):
        rosters.propose(session, alone, FIRST, LAST)
    with pytest.raises(InvalidInput, match="还没有工作日历"):
        rosters.propose(session, place, date(2029, 1, 1), date(2029, 1, 31))
    with pytest.raises(InvalidInput, match="已经过去"):
        rosters.take_proposal(session, actor("community.clerk"), place, date(2026, 11, 1), date(2026, 11, 30))
    for stranger in ("neighbour.clerk", "grid.leader", "supervisor"):
        assert client_as(stranger).post("/grid/dx-c01/roster/propose").status_code == 404, stranger
        assert client_as(stranger).get("/grid/dx-c01/roster/2026-12-05").status_code == 404
    assert client_as("resident").get("/grid/dx-c01/roster").status_code == 404
    assert client_as("community.clerk").get("/grid/dx-c01/roster/nonsense").status_code == 404
    assert client_as("community.clerk").get("/grid/dongxin/roster").status_code == 404
    assert client_as("community.clerk").get("/grid/roster").status_code == 303
