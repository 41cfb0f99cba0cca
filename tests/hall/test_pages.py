"""The hall as people use it in the browser: machine, lobby manager, clerk, screen, phone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from models.agency import Agency
from models.base import at_time, now
from models.case import Case
from models.content import Content
from models.hall import HallCounter, HallPeriod, HallTicket
from models.ledger import JournalEntry
from models.person import Grant, Person
from process import clock
from process.numbers import CHINA
from services import hall, opening
from services.hall import booking, setup
from tests.hall.conftest import HALL, centre_of


def next_working(session, days: int = 1) -> date:
    day = clock.local_day(now())
    calendar = clock.calendar(session)
    while days:
        day += timedelta(days=1)
        days -= calendar.is_working_day(day)
    return day


@pytest.fixture
def office(session, person, client_as):
    """The demo's clerk and a lobby manager in an open hall with two counters, at ten on a working day."""
    place = session.get_one(Agency, HALL)
    for name, role in (
        ("window.clerk", "window_clerk"),
        ("reviewer", "lobby_manager"),
        ("remote.officer", "window_clerk"),
    ):
        session.add(Grant(person_id=person(name).id, role=role, place_id=place.id, place_path=place.path))
    session.commit()
    centre = centre_of(session)
    for code in ("1", "2"):
        setup.add_counter(session, centre.admin, HALL, {"code": code, "name": f"综合{code}"})
    session.commit()
    moment = datetime.combine(next_working(session), time(10), CHINA)
    with at_time(moment):
        yield centre


def counter(session, code: str) -> HallCounter:
    return session.scalars(select(HallCounter).where(HallCounter.code == code)).one()


def fresh(session, uid: str) -> HallTicket:
    session.expire_all()
    return session.scalars(select(HallTicket).join(Content).where(Content.uid == uid)).one()


@pytest.mark.req("S4-09")
def test_one_number_for_all_matters_from_the_machine_to_the_exit(session, office, client_as, item):
    machine, clerk = client_as("reviewer"), client_as("window.clerk")
    page = machine.get(f"/hall/{HALL}/kiosk").text
    assert "您来办什么" in page and "一个号办全部" in page
    taken = machine.post(f"/hall/{HALL}/kiosk", data={"item": ["senior_card", "fertility_registration"]})
    assert taken.status_code == 303
    slip = machine.get(taken.headers["Location"]).text
    assert "A001" in slip and "前面还有 0 人" in slip and item("senior_card").title in slip
    # The clerk sits down, calls, begins; both matters stand on the one number.
    assert clerk.post("/hall/strip/sit", data={"counter": counter(session, "1").id}).status_code == 303
    assert "请 A001 到1号窗口" in clerk.post("/hall/strip/next", follow_redirects=True).text
    strip = clerk.post("/hall/strip/serve", follow_redirects=True).text
    assert item("senior_card").title in strip and item("fertility_registration").title in strip
    assert all(stage in strip for stage in ("取号", "前台受理", "后台审批", "统一出件"))
    # A case filed at the counter is linked to the number and shows its stage.
    ticket = session.scalars(select(HallTicket)).one()
    from services import actions

    me = session.scalars(select(Person).where(Person.username == "window.clerk")).one()
    from process.access import load_actor

    actor = load_actor(session, me.id, clock.local_day(now()))
    case = actions.create(
        session,
        actor,
        "case",
        {"item": "senior_card", "place": HALL, "applicant": {"name": "骆水珍", "id_number": "330103194303052043"}},
    )
    assert isinstance(case, Case)
    hall.link_case(session, actor, ticket, case)
    session.commit()
    assert hall.cases_of(session, actor, ticket) == [case]
    assert [m.title for m in hall.matters(session, actor, ticket)] == [
        item("senior_card").title,
        item("fertility_registration").title,
    ]
    assert (case.number or "") in clerk.get("/hall/strip").text
    assert "已办结" in clerk.post("/hall/strip/finish", follow_redirects=True).text
    assert fresh(session, ticket.content.uid).state == "done"


@pytest.mark.req("S3-27")
def test_hold_missed_call_requeue_and_another_counter_without_a_new_number(session, office, client_as):
    lobby, one, two = client_as("reviewer"), client_as("window.clerk"), client_as("remote.officer")
    for words in ("第一位", "第二位", "第三位"):
        assert lobby.post(f"/hall/{HALL}/take", data={"words": words}).status_code == 303
    one.post("/hall/strip/sit", data={"counter": counter(session, "1").id})
    two.post("/hall/strip/sit", data={"counter": counter(session, "2").id})
    # Not come, queued again behind the others.
    one.post("/hall/strip/next")
    first = session.scalars(select(HallTicket).where(HallTicket.ticket == "A001")).one().content.uid
    assert "A001：记为过号" in one.post("/hall/strip/no_show", follow_redirects=True).text
    assert "A001" in one.get("/hall/strip").text
    assert "已重排" in one.post("/hall/strip/requeue", data={"uid": first}, follow_redirects=True).text
    # The next one goes to the other counter with the same number, and is first there.
    one.post("/hall/strip/next")
    assert (
        "已转窗口，号不变"
        in one.post("/hall/strip/move", data={"to_counter": "2", "reason": "那边办"}, follow_redirects=True).text
    )
    assert "请 A002 到2号窗口" in two.post("/hall/strip/next", follow_redirects=True).text
    # On hold the counter is free; it comes back without waiting.
    assert "暂缓" in two.post("/hall/strip/hold", data={"reason": "去复印"}, follow_redirects=True).text
    held = session.scalars(select(HallTicket).where(HallTicket.ticket == "A002")).one().content.uid
    assert "请 A003 到2号窗口" in two.post("/hall/strip/next", follow_redirects=True).text
    full = two.post("/hall/strip/resume", data={"uid": held})
    assert full.status_code == 422 and "2号窗口还有 A003 没有办完" in full.text
    two.post("/hall/strip/finish")
    assert "接着办" in two.post("/hall/strip/resume", data={"uid": held}, follow_redirects=True).text
    kinds = session.scalars(
        select(HallPeriod.kind).join(HallTicket).where(HallTicket.ticket == "A002").order_by(HallPeriod.id)
    ).all()
    assert kinds == ["waiting", "called", "waiting", "called", "held", "called"]


def test_what_was_typed_stays_and_refusals_help(session, office, client_as):
    one, lobby = client_as("window.clerk"), client_as("reviewer")
    nobody = one.post("/hall/strip/next")
    assert nobody.status_code == 422 and "您还没有坐到窗口" in nobody.text
    one.post("/hall/strip/sit", data={"counter": counter(session, "1").id})
    assert "现在没有人等" in one.post("/hall/strip/next", follow_redirects=True).text
    empty = lobby.post(f"/hall/{HALL}/take", data={"words": "", "ground": "elderly"})
    assert empty.status_code == 422 and "请选要办的事" in empty.text and 'value="elderly" selected' in empty.text
    lobby.post(f"/hall/{HALL}/take", data={"words": "办事"})
    one.post("/hall/strip/next")
    again = one.post("/hall/strip/next")
    assert again.status_code == 422 and "A001 没有办完" in again.text
    lost = one.post("/hall/strip/move", data={"to_counter": "9"})
    assert lost.status_code == 422 and "没有“9”这个窗口" in lost.text and "可以转到：1、2" in lost.text
    alone = one.post("/hall/strip/move", data={"to_counter": "2"})
    assert alone.status_code == 422 and "2号窗口现在没有人" in alone.text
    assert "还有 A001 没有办完" in one.post("/hall/strip/stand_up").text


@pytest.mark.req("S3-27")
def test_the_screen_shows_numbers_and_counters_only_and_follows(session, office, app, client_as):
    lobby, clerk, wall = client_as("reviewer"), client_as("window.clerk"), app.test_client()
    lobby.post(f"/hall/{HALL}/take", data={"words": "帮林若琳办老年卡", "ground": "disabled"})
    clerk.post("/hall/strip/sit", data={"counter": counter(session, "1").id})
    before = wall.get(f"/hall/{HALL}/screen/now")
    assert before.status_code == 200 and "等候 1 人" in before.text
    mark = before.headers["ETag"]
    assert wall.get(f"/hall/{HALL}/screen/now", headers={"If-None-Match": mark}).status_code == 304
    clerk.post("/hall/strip/next")
    after = wall.get(f"/hall/{HALL}/screen/now", headers={"If-None-Match": mark})
    assert after.status_code == 200 and 'data-call="A001-1-1"' in after.text and "请 A 0 0 1 到 1 号窗口" in after.text
    page = wall.get(f"/hall/{HALL}/screen").text
    for secret in ("林若琳", "老年卡", "残疾", "disabled", "优先"):
        assert secret not in page and secret not in after.text
    clerk.post("/hall/strip/again")
    assert 'data-call="A001-1-2"' in wall.get(f"/hall/{HALL}/screen/now").text
    # Asked once a second, the screen is at most two behind: its script says how often.
    script = app.test_client().get("/static/js/hall.js").text
    assert "EVERY_MS = 1000" in script


def test_priority_is_given_by_the_lobby_manager_and_its_ground_rests_encrypted(session, office, client_as):
    lobby, clerk = client_as("reviewer"), client_as("window.clerk")
    for words in ("甲", "乙"):
        lobby.post(f"/hall/{HALL}/take", data={"words": words})
    second = session.scalars(select(HallTicket).where(HallTicket.ticket == "A002")).one().content
    assert lobby.post(f"/hall/n/{second.uid}/prefer", data={"ground": "expectant"}).status_code == 303
    session.expire_all()
    assert second.private == {"ground": "expectant"} and "expectant" not in str(second.fields)
    told = session.scalars(select(JournalEntry).where(JournalEntry.action == "queue_visit:prefer")).one()
    assert "expectant" not in str(told.details)
    clerk.post("/hall/strip/sit", data={"counter": counter(session, "1").id})
    assert "请 A002 到" in clerk.post("/hall/strip/next", follow_redirects=True).text


def test_the_office_chooses_its_rule_and_the_desk_says_which(session, office, client_as):
    admin = client_as("admin")
    wrong = admin.post(f"/hall/{HALL}/rule", data={"rule": "capped", "layout": "shared", "cap": "0"})
    assert wrong.status_code == 422 and "应在 1 到 20 之间" in wrong.text and 'value="0"' in wrong.text
    data = {
        "rule": "alternate",
        "layout": "per_window",
        "cap": "2",
        "weight": "2",
        "max_misses": "1",
        "requeue_after": "0",
        "slot_minutes": "20",
        "ahead_days": "7",
    }
    assert admin.post(f"/hall/{HALL}/rule", data=data).status_code == 303
    page = admin.get(f"/hall/{HALL}/layout").text
    assert "叫一个优先号，再叫几个普通号" in page and "每个窗口各排一队" in page
    assert "叫一个优先号" in client_as("reviewer").get(f"/hall/{HALL}/desk").text


@pytest.mark.req("S3-27")
def test_three_fixed_windows_and_local_ones_each_with_its_own_queue(session, office, client_as):
    admin = client_as("admin")
    assert admin.post(f"/hall/{HALL}/three").status_code == 303
    made = {c.code: c.name for c in session.scalars(select(HallCounter))}
    assert made["3"] == "综合服务"
    assert (
        admin.post(f"/hall/{HALL}/queue", data={"letter": "B", "name": "特色", "slot_capacity": "0"}).status_code == 303
    )
    assert (
        admin.post(
            f"/hall/{HALL}/counter", data={"code": "5号窗口", "name": "外国人服务", "kind": "local", "takes": "B"}
        ).status_code
        == 303
    )
    session.expire_all()
    local = counter(session, "5")
    assert (local.kind, local.takes) == ("local", ["B"])
    twice = admin.post(f"/hall/{HALL}/counter", data={"code": "5", "name": "又一个", "kind": "local"})
    assert twice.status_code == 422 and "5号窗口已经有了" in twice.text and "又一个" in twice.text
    page = admin.get(f"/hall/{HALL}/layout").text
    assert "特色窗口（X）" in page and "固定窗口（3）" in page


def test_a_resident_books_by_phone_and_takes_the_number_on_the_day(session, office, client_as):
    phone = client_as("resident")
    assert "您还没有取过号" in phone.get("/hall/mine").text
    assert "到哪里，办什么" in phone.get("/hall/book").text
    day = next_working(session, 3)
    page = phone.get(f"/hall/book?hall={HALL}&words=办老年卡&day={day}").text
    assert "08:30–09:00" in page and "剩 4" in page
    slot = f"{day}T09:00"
    done = phone.post("/hall/book", data={"hall": HALL, "words": "办老年卡", "slot": slot})
    assert done.status_code == 303, done.text[done.text.find("summary") :][:600]
    one = session.scalars(select(HallTicket)).one()
    assert one.slot == datetime.combine(day, time(9), CHINA) and one.state == "booked"
    assert "改约" in phone.get(done.headers["Location"]).text
    twice = phone.post("/hall/book", data={"hall": HALL, "words": "又一件", "slot": f"{day}T10:00"})
    assert twice.status_code == 422 and "已经约了一个号" in twice.text and "又一件" in twice.text
    early = phone.post(f"/hall/n/{one.content.uid}/check_in", follow_redirects=True)
    assert "请到那天再取号" in early.text
    assert phone.post(f"/hall/n/{one.content.uid}/rebook", data={"slot": f"{day}T10:30"}).status_code == 303
    assert fresh(session, one.content.uid).slot == datetime.combine(day, time(10, 30), CHINA)
    with at_time(datetime.combine(day, time(10, 20), CHINA)):
        # Days later one signs in again.
        phone = client_as("resident")
        assert phone.post(f"/hall/n/{one.content.uid}/check_in").status_code == 303
        taken = fresh(session, one.content.uid)
        assert taken.ticket == "A001" and taken.source == "phone"
        assert "A001" in phone.get("/hall/mine").text


def test_a_slot_is_given_only_as_often_as_it_has_places(session, office, client_as, person):
    setup.add_service(session, office.admin, HALL, {"letter": "A", "name": "综合", "slot_capacity": "1"})
    session.commit()
    day = next_working(session, 2)
    from services import actions

    actions.create(
        session,
        office.lobby,
        "queue_visit",
        {"unit": HALL, "place": HALL, "matter": "电话约的", "slot": f"{day}T09:00"},
    )
    session.commit()
    full = client_as("resident").post("/hall/book", data={"hall": HALL, "words": "办老年卡", "slot": f"{day}T09:00"})
    assert full.status_code == 422 and "已经约满" in full.text and "还空着的有" in full.text and "办老年卡" in full.text


@pytest.mark.parametrize(
    ("when", "told"),
    [
        (lambda s: datetime.combine(clock.local_day(now()), time(8, 30), CHINA) - timedelta(days=1), "已经过去"),
        (lambda s: datetime.combine(clock.local_day(now()) + timedelta(days=40), time(9), CHINA), "最多提前 14 天"),
        (lambda s: datetime.combine(next_working(s), time(7), CHINA), "不在开放时间里"),
    ],
    ids=["past", "too_far", "night"],
)
def test_a_time_that_cannot_be_booked_is_explained(session, office, client_as, when, told):
    answer = client_as("resident").post(
        "/hall/book", data={"hall": HALL, "words": "办老年卡", "slot": when(session).isoformat()}
    )
    assert answer.status_code == 422 and told in answer.text and "办老年卡" in answer.text


def test_holidays_and_years_without_a_calendar_are_not_booked(session, office, client_as):
    phone = client_as("resident")
    with at_time(datetime(2026, 9, 28, 10, tzinfo=CHINA)):
        shut = phone.post("/hall/book", data={"hall": HALL, "words": "办老年卡", "slot": "2026-10-01T09:00"})
        assert shut.status_code == 422 and "10月1日（国庆" in shut.text and "不开放" in shut.text
    known = clock.calendar(session).years
    year = max(known) + 1
    with at_time(datetime(max(known), 12, 28, 10, tzinfo=CHINA)):
        none = client_as("resident").post(
            "/hall/book", data={"hall": HALL, "words": "办老年卡", "slot": f"{year}-01-05T09:00"}
        )
        assert none.status_code == 422 and f"{year}年的放假安排还没有录入" in none.text and "办老年卡" in none.text


def test_the_day_ends_with_nobody_forgotten_and_the_figures_add_up(session, office, client_as):
    lobby, clerk = client_as("reviewer"), client_as("window.clerk")
    for words in ("甲", "乙", "丙"):
        lobby.post(f"/hall/{HALL}/take", data={"words": words})
    clerk.post("/hall/strip/sit", data={"counter": counter(session, "1").id})
    clerk.post("/hall/strip/next")
    clerk.post("/hall/strip/finish")
    assert "2 个没有办的号" in lobby.post(f"/hall/{HALL}/clear", follow_redirects=True).text
    session.expire_all()
    assert sorted(session.scalars(select(HallTicket.state))) == ["done", "left", "left"]
    page = lobby.get(f"/hall/{HALL}/figures").text
    assert "1/3" in page and "1号 综合1" in page and "沈丽娟" in page
    wrong = lobby.get(f"/hall/{HALL}/figures?since=2026-05-02&until=2026-05-01")
    assert "截止日期早于开始日期" in wrong.text


def test_a_hall_is_nothing_to_whoever_works_elsewhere(session, office, client_as):
    stranger = client_as("neighbour.clerk")
    for path in ("desk", "kiosk", "figures", "layout", "hours", "rules", "leaders"):
        assert stranger.get(f"/hall/{HALL}/{path}").status_code == 404, path
    assert client_as("window.clerk").post(f"/hall/{HALL}/three").status_code == 404
    assert client_as("window.clerk").get("/hall/book").status_code == 404


@pytest.mark.req("S2-13", "S4-11")
def test_zones_noon_and_weekend_hours_and_the_working_days_stay(session, office, client_as, agency):
    admin, place = client_as("admin"), agency(HALL)
    wrong = admin.post(f"/hall/{HALL}/hours", data={"window_work": "八点半到五点"})
    assert wrong.status_code == 422 and "看不懂" in wrong.text and "八点半到五点" in wrong.text
    saturday = next(
        d
        for d in (clock.local_day(now()) + timedelta(days=n) for n in range(1, 40))
        if d.weekday() == 5 and opening.kind_of(session, d) == "saturday"
    )
    before = clock.add_working_days(session, saturday - timedelta(days=1), 5)
    given = {
        "window_work": "08:30–17:30",
        "window_saturday": "09:00–16:00",
        "window_sunday": "09:00-16:00",
        "assisted_work": "08:30–12:00、13:30–17:30",
        "self_work": "08:30–20:00",
        **{f"hall_24h_{day}": "全天" for day in opening.DAYS},
    }
    assert admin.post(f"/hall/{HALL}/hours", data=given).status_code == 303
    session.expire_all()
    assert opening.noon(session, place) and opening.weekend(session, place)
    assert opening.zones(session, place) == ["window", "assisted", "self", "hall_24h"]
    assert opening.in_words(opening.hours(session, place, "hall_24h", saturday)) == "全天"
    assert opening.hours(session, place, "assisted", saturday) == []
    assert clock.add_working_days(session, saturday - timedelta(days=1), 5) == before
    shown = admin.get(f"/places/{HALL}").text
    assert "帮办区" in shown and "24小时自助大厅" in shown and "星期六 09:00–16:00" in shown
    with at_time(datetime.combine(saturday - timedelta(days=2), time(10), CHINA)):
        assert saturday in booking.days(session, place, now())
        done = client_as("resident").post(
            "/hall/book", data={"hall": HALL, "words": "周六来", "slot": f"{saturday}T12:30"}
        )
        assert done.status_code == 303 or "不在开放时间里" not in done.text
