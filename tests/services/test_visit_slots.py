"""The hours of the two leaders: chosen, moved, given back, and taken by exactly one when two press at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from catalogue import loader as catalogue
from extensions import db
from models.base import Base, now
from models.delegation import HomeVisit
from models.person import Person
from models.resident import Resident
from process import access, clock, engine, transactions
from process.access import Actor
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput, NotAvailable, Refusal, RequirementUnmet
from services import actions, installation, other_ways, slots
from tests.conftest import settings
from tests.servers import postgres
from tests.services.visiting import OLD_LADY, YOUNG, at_the_door, request_visit, tomorrow

MANY_ATTEMPTS = 3

As = Callable[[str], Actor]
NAMES_OF_LEADERS = ("grid.leader", "dx-c01-g1-leader-b")
HUSBAND = {**OLD_LADY, "name": "𠮷䶮㛃", "id_number": "330103193809151511", "phone": "13800000019"}


def no_working_day() -> Any:
    """The next Saturday or Sunday on which nobody works."""
    day = now().astimezone(CHINA).date() + timedelta(days=1)
    while catalogue.work_calendar().is_working_day(day):
        day += timedelta(days=1)
    return tomorrow().replace(year=day.year, month=day.month, day=day.day)


@pytest.mark.req("S0-19")
def test_a_resident_chooses_and_the_leader_confirms(session: Session, actor: As, person: Any) -> None:
    resident, leader = actor("resident"), actor("grid.leader")
    # The demo's resident is young and bedridden in this story.
    own = session.get_one(Resident, resident.resident_id)
    visit = actions.create(
        session,
        resident,
        "home_visit",
        {
            "item": "senior_card",
            "place": "dx-c01-g1",
            "condition": "bedridden",
            "proof": "市中医院出院小结",
            "applicant": {"name": own.name, "id_number": own.id_number, "phone": "13800000015", "address": "文晖路2幢"},
            "slot_start": tomorrow(9, minute=30).isoformat(),
        },
    )
    assert (visit.state, visit.slot_start) == ("requested", tomorrow(9, minute=30))
    held_by = visit.assignee_id
    board = slots.board(session, visit.place, now(), visit=visit)
    hours = next(one for one in board if one.day == tomorrow(9).date()).cells["09:30"]
    states = {c.visitor.username: c.state for c in hours}
    assert sorted(states.values()) == ["free", "mine"]
    # Nobody else gets this hour while the leader has not answered.
    other = request_visit(session, leader)
    mine = next(c.visitor.username for c in hours if c.state == "mine")
    with pytest.raises(RequirementUnmet, match="还空着的有"):
        engine.fire(other, "schedule", leader, inputs={"slot_start": tomorrow(9, minute=30), "visitor": mine})

    engine.fire(visit, "schedule", leader)
    assert (visit.state, visit.slot_start, visit.assignee_id) == ("scheduled", tomorrow(9, minute=30), held_by)
    engine.fire(visit, "move", resident, inputs={"slot_start": tomorrow(14, minute=30)})
    assert (visit.state, visit.slot_start, visit.assignee_id) == ("scheduled", tomorrow(14, minute=30), held_by)
    engine.fire(other, "schedule", leader, inputs={"slot_start": tomorrow(9, minute=30), "visitor": mine})
    with pytest.raises(InvalidInput) as refused:
        engine.fire(visit, "cancel", resident)
    assert "comment" in refused.value.errors
    engine.fire(visit, "cancel", resident, inputs={"comment": "女儿回来陪我去"})
    assert (visit.state, visit.slot_start) == ("cancelled", None)
    with pytest.raises(NotAvailable):
        engine.fire(visit, "move", resident, inputs={"slot_start": tomorrow(14, minute=30)})


@pytest.mark.req("S0-19")
@pytest.mark.parametrize(
    ("start", "words"),
    [
        (lambda: now() - timedelta(minutes=1), "已经过去"),
        (lambda: now() + timedelta(days=61), "60 天以内"),
        (lambda: tomorrow(23), "太早或太晚"),
        (lambda: tomorrow(5), "太早或太晚"),
        (lambda: tomorrow(12), "不在上门服务时间"),
        (lambda: tomorrow(19), "不在上门服务时间"),
        (no_working_day, "不是工作日"),
    ],
)
def test_hours_at_which_nobody_rings(session: Session, actor: As, start: Any, words: str) -> None:
    leader = actor("grid.leader")
    visit = request_visit(session, leader)
    with pytest.raises(InvalidInput, match=words) as refused:
        engine.fire(visit, "schedule", leader, inputs={"slot_start": start()})
    assert "slot_start" in refused.value.errors
    with pytest.raises(InvalidInput, match=words):
        request_visit(session, leader, item="disability_documents", slot_start=start().isoformat())
    assert visit.state == "requested"


def test_outside_the_hours_only_when_the_household_agreed(session: Session, actor: As) -> None:
    leader, resident = actor("grid.leader"), actor("resident")
    visit = request_visit(session, leader)
    engine.fire(visit, "schedule", leader, inputs={"slot_start": no_working_day(), "off_hours": True})
    assert visit.state == "scheduled"
    other = request_visit(session, resident, applicant=HUSBAND, requested_relation="其他亲属")
    # A resident cannot declare a Sunday evening agreed.
    with pytest.raises(InvalidInput, match="不是工作日"):
        engine.fire(other, "move", resident, inputs={"slot_start": no_working_day(), "off_hours": True})


@pytest.mark.req("S0-19")
def test_a_relative_says_who_they_are_and_follows_until_the_end(session: Session, actor: As) -> None:
    resident, clerk, leader = actor("resident"), actor("community.clerk"), actor("grid.leader")
    with pytest.raises(InvalidInput) as refused:
        request_visit(session, resident, requested_by="")
    assert set(refused.value.errors) == {"requested_relation"}
    with pytest.raises(InvalidInput) as refused:
        request_visit(session, resident, requested_relation="子女", requested_phone="12345")
    assert set(refused.value.errors) == {"requested_phone"}
    visit = request_visit(session, resident, requested_by="", requested_relation="孙子女", requested_phone="")
    assert visit.private["requested_by"] == "林若琳" and visit.private["requested_phone"] == "13800000015"
    # Sees how far it is, and nothing of what is in it.
    assert access.may(resident, "view", visit) and not access.may(resident, "view_full", visit)
    assert not access.may(resident, "view_health", visit)
    engine.fire(visit, "move", resident, inputs={"slot_start": tomorrow(8, minute=30)})
    assert visit.state == "requested" and visit.assignee_id is not None
    for step in ("schedule", "decline", "set_off"):
        with pytest.raises((Forbidden, NotAvailable)):
            engine.fire(visit, step, resident, inputs={"comment": "x"})
    engine.fire(visit, "schedule", leader)
    engine.fire(visit, "cancel", clerk, inputs={"comment": "家属来电取消"})
    session.expire_all()
    assert not access.may(resident, "view", visit)


def test_the_same_request_is_not_made_twice(session: Session, actor: As) -> None:
    resident, clerk = actor("resident"), actor("community.clerk")
    wanted = {"item": "senior_card", "condition": "bedridden", "proof": "住院证明"}
    first = actions.create(session, resident, "home_visit", wanted)
    with pytest.raises(InvalidInput, match=str(first.number)):
        actions.create(session, resident, "home_visit", wanted)
    # Staff may have their reasons: two cards of one couple, a paper form that came late.
    assert request_visit(session, clerk).id != request_visit(session, actor("grid.leader")).id


@pytest.mark.req("S0-19")
def test_missed_again_and_again(session: Session, actor: As) -> None:
    leader, clerk = actor("grid.leader"), actor("community.clerk")
    visit = at_the_door(session, leader, clerk)
    for number in range(1, MANY_ATTEMPTS + 1):
        engine.fire(visit, "miss", leader, inputs={"comment": "敲门无人应答"})
        assert (visit.attempts, visit.slot_start) == (number, None)
        if number < MANY_ATTEMPTS:
            with pytest.raises(RequirementUnmet, match="才上门"):
                engine.fire(visit, "give_up", clerk, inputs={"comment": "改渠道"})
            engine.fire(visit, "reschedule", leader, inputs={"slot_start": tomorrow(9, days=number, minute=30)})
            engine.fire(visit, "set_off", leader)
    with pytest.raises(InvalidInput, match=r"已上门 3 次.*改走其他渠道") as refused:
        engine.fire(visit, "reschedule", leader, inputs={"slot_start": tomorrow(9, days=4, minute=30)})
    assert "agreed" in refused.value.errors
    engine.fire(visit, "reschedule", leader, inputs={"slot_start": tomorrow(9, days=4, minute=30), "agreed": True})
    engine.fire(visit, "set_off", leader)
    engine.fire(visit, "miss", leader, inputs={"comment": "仍无人"})
    engine.fire(visit, "give_up", clerk, inputs={"comment": "电话告知到社区站办"})
    assert (visit.state, visit.refused_for) == ("unreached", "missed")
    since, until = now() - timedelta(days=1), now() + timedelta(days=1)
    assert other_ways.counted(session, clerk, since, until).by_reason == {"missed": 1}


@pytest.mark.req("S0-17", "S0-18")
def test_whoever_is_not_visited_is_told_where_to_go(session: Session, actor: As) -> None:
    clerk = actor("community.clerk")
    young = request_visit(session, clerk, applicant=YOUNG)
    engine.fire(young, "decline", clerk, inputs={"comment": "未满80岁，告知到社区站办"})
    assert (young.state, young.refused_for) == ("ineligible", "age")
    ways = {way.channel: way for way in other_ways.offered(young)}
    station = ways["window_community"]
    assert "万家星城社区公共服务站" in station.where and "8:30" in station.hours and station.phone
    assert "电话" in station.say()
    entitled = request_visit(session, clerk)
    with pytest.raises(InvalidInput) as refused:
        engine.fire(entitled, "decline", clerk, inputs={"comment": "人不在本网格"})
    assert "reason" in refused.value.errors
    engine.fire(
        entitled,
        "decline",
        clerk,
        inputs={"comment": "人不在本网格", "reason": "elsewhere", "channels": ["window_street", "proxy"]},
    )
    assert [way.channel for way in other_ways.offered(entitled)] == ["window_street", "proxy"]
    since, until = now() - timedelta(days=1), now() + timedelta(days=1)
    found = other_ways.counted(session, clerk, since, until)
    assert (found.by_reason, found.total, found.base) == ({"age": 1, "elsewhere": 1}, 2, 2)
    assert other_ways.counted(session, actor("neighbour.clerk"), since, until).base == 0


def press_at_once(app: Any, visits: list[tuple[str, str]], start: Any) -> list[str]:
    """Each visit is confirmed by its leader for the same hour, all at the same moment; what each of them is told."""
    ready, answers = threading.Barrier(len(visits)), [""] * len(visits)

    def press(index: int, uid: str, username: str) -> None:
        with app.app_context():
            session = db.session()
            transactions.set_writing(True)
            try:
                who = session.scalars(select(Person.id).where(Person.username == username)).one()
                session.rollback()
                ready.wait(20)
                actor = access.load_actor(session, who, clock.local_day(now()))
                visit = session.scalars(select(HomeVisit).where(HomeVisit.uid == uid)).one()
                engine.fire(visit, "schedule", actor, inputs={"slot_start": start, "visitor": NAMES_OF_LEADERS[0]})
                session.commit()
                answers[index] = "done"
            except Refusal as refusal:
                session.rollback()
                answers[index] = refusal.detail
            finally:
                transactions.set_writing(False)
                db.session.remove()

    threads = [
        threading.Thread(target=press, args=(index, uid, username)) for index, (uid, username) in enumerate(visits)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
        return
    with postgres() as url:
        yield url


@pytest.mark.req("S0-19")
def test_two_who_press_at_once(database_url: str | None, tmp_path: Path) -> None:
    """Two leaders give the same hour of one of them to two homes: one wins, the other is told what is free."""
    app = create_app(settings(tmp_path, database_url))
    with app.app_context():
        Base.metadata.create_all(db.engine)
        installation.install(db.session())
        installation.load_demo_people(db.session())
        db.session.commit()
        session = db.session()
        clerk_id = session.scalars(select(Person.id).where(Person.username == "community.clerk")).one()
        clerk = access.load_actor(session, clerk_id, clock.local_day(now()))
        uids = [request_visit(session, clerk).uid, request_visit(session, clerk, applicant=HUSBAND).uid]
        session.commit()
        db.session.remove()
    answers = press_at_once(app, list(zip(uids, NAMES_OF_LEADERS, strict=True)), tomorrow(9, minute=30))
    assert answers.count("done") == 1, answers
    lost = next(one for one in answers if one != "done")
    assert "已约了别家" in lost and "还空着的有" in lost
    with app.app_context():
        taken = db.session().scalars(select(HomeVisit).where(HomeVisit.slot_start.is_not(None))).all()
        assert [visit.state for visit in taken] == ["scheduled"]
        db.session.remove()
        db.engine.dispose()
