"""Couriers by page: registered, trained, away, suspended; the statement of a month; and the evening count of a point."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.courier import CourierThanks, PointCheck
from models.errand import Errand
from models.notice import Notice
from models.paper import Paper
from models.person import Person
from process import engine
from process.access import Actor
from process.clock import local_day
from process.numbers import CHINA
from services import accounts, courier_record, dispatch
from services.errand_posting import create_errand
from tests.pages.test_public import counting  # noqa: F401  the fixture that switches the limits on

As = Callable[[str], FlaskClient]


@pytest.fixture
def carried(session: Session, actor: Callable[[str], Actor]) -> Callable[..., Errand]:
    """An errand between two units, brought as far as asked."""

    def make(until: str = "confirm", **fields: object) -> Errand:
        data = {
            "title": "送材料",
            "purpose": "hand_in",
            "from_agency": "dx-c01",
            "to_agency": "dongxin-centre",
            **fields,
        }
        made = create_errand(session, actor("community.clerk"), data)
        for who, step, given in (
            ("community.clerk", "post", {}),
            ("courier", "claim", {}),
            ("courier", "pick_up", {"envelopes": made.envelopes}),
            ("courier", "set_off", {}),
            ("courier", "fail" if until == "fail" else "deliver", {"comment": "窗口关了"} if until == "fail" else {}),
            ("window.clerk", "confirm", {}),
        ):
            engine.fire(made, step, actor(who), inputs=given)
            if step == until:
                break
        session.commit()
        return made

    return make


# --- the register ----------------------------------------------------------------------------------------------------
@pytest.mark.req("S2-24")
def test_a_volunteer_is_registered_with_training_and_carries_once_the_role_is_given(
    client_as: As, session: Session
) -> None:
    session.add(
        Person(username="new.runner", name="皇甫端", password_hash=accounts.NO_PASSWORD, unit_id="dx-c01-point")
    )
    session.commit()
    client = client_as("dispatcher")
    form = {"username": "new.runner", "point": "dx-c01-point", "trained_until": ""}
    for wrong, words in (
        ({"trained_until": "2020-01-01"}, "先参加复训"),
        ({"trained_until": ""}, "没有培训的不能登记"),
        ({"trained_until": "2026-02-30"}, "必须存在"),
        ({"username": "nobody"}, "请写跑腿工的用户名"),
        ({"username": "dispatcher"}, "不能登记自己"),
        ({"username": "courier"}, "已经在跑腿工名册里"),
        ({"point": "dx-c01"}, "红色代办站或代办点"),
    ):
        refused = client.post("/errands/couriers/new", data={**form, **wrong})
        assert refused.status_code == 422 and words in refused.text, wrong
    until = str(local_day(now()) + timedelta(days=365))
    assert client.post("/errands/couriers/new", data={**form, "trained_until": until}).status_code == 303
    page = client.get("/errands/couriers").text
    assert "皇甫端" in page and "还没有授予岗位" in page
    given = client_as("admin").post(
        "/access/new",
        data={"username": "new.runner", "role": "red_courier", "place": "dongxin", "cause": "post", "reason": "招募"},
    )
    assert given.status_code == 303, given.text
    listed = client.get("/errands/couriers").text
    assert "皇甫端" in listed and "还没有授予岗位" not in listed


def test_only_the_dispatcher_and_the_courier_open_the_page(client_as: As) -> None:
    for who, status in (("dispatcher", 200), ("courier", 200), ("courier2", 404), ("window.clerk", 404)):
        assert client_as(who).get("/errands/couriers/courier").status_code == status, who
    assert client_as("courier").get("/errands/me").headers["Location"].endswith("/errands/couriers/courier")
    own = client_as("courier").post("/errands/couriers/courier/station", data={"errand_limit": "9"})
    assert own.status_code == 403, "nobody raises their own limit"


def test_hours_days_away_and_rest_decide_who_is_sent(
    client_as: As, session: Session, carried: Callable[..., Errand], person: Callable
) -> None:
    errand, client = carried("post"), client_as("courier")
    wrong = client.post("/errands/couriers/courier/hours", data={"hours_0": "早上", "area": "nowhere", "skills": "fly"})
    assert wrong.status_code == 422 and "周一的时间请写成" in wrong.text and "早上" in wrong.text
    hours = {f"hours_{day}": "8:00-20:00" for day in range(7)}
    told = client.post(
        "/errands/couriers/courier/hours", data={**hours, "area": ["dx-c01"], "skills": ["elder"], "unlisted": "y"}
    )
    assert told.status_code == 303
    page = client.get("/errands/couriers/courier").text
    assert "周一 08:00-20:00" in page and "会照护老人" in page and "公开的名单上不写名字" in page
    today = local_day(now())
    for data, words in (
        ({"since": ""}, "从哪一天"),
        ({"since": str(today), "until": str(today - timedelta(days=1))}, "不能早于第一天"),
        ({"since": str(today), "until": str(today + timedelta(days=400))}, "一次最多一年"),
    ):
        refused = client.post("/errands/couriers/courier/away", data=data)
        assert refused.status_code == 422 and words in refused.text
    away = {"since": str(today), "until": str(today + timedelta(days=20))}
    assert client.post("/errands/couriers/courier/away", data=away).status_code == 303
    page, last = client.get("/errands/couriers/courier").text, today + timedelta(days=20)
    assert f"至 {last.year}年{last.month}月{last.day}日 不能来" in page and str(last) not in page
    form = client_as("dispatcher").get(f"/errands/{errand.uid}/assign").text
    assert "送达时限内没有空" in form and 'value="courier"' not in form and 'value="courier2"' in form
    session.expire_all()
    assert (best := dispatch.best(session, session.get_one(Errand, errand.id))) and best.courier.username == "courier2"
    assert client.post("/errands/couriers/courier/away/1").status_code == 303
    assert 'value="courier"' in client_as("dispatcher").get(f"/errands/{errand.uid}/assign").text


def test_a_suspended_courier_is_marked_and_let_back_by_the_station_only(client_as: As, session: Session) -> None:
    dispatcher, courier = client_as("dispatcher"), client_as("courier")
    assert courier.post("/errands/couriers/courier/suspend", data={"reason": ""}).status_code == 422
    assert courier.post("/errands/couriers/courier/suspend", data={"reason": "回老家"}).status_code == 303
    assert "暂停接单" in dispatcher.get("/errands/couriers").text
    assert courier.post("/errands/couriers/courier/resume").status_code == 403
    assert dispatcher.post("/errands/couriers/courier/resume").status_code == 303
    assert "暂停接单" not in dispatcher.get("/errands/couriers").text


# --- what was done ---------------------------------------------------------------------------------------------------
def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=CHINA)


def test_time_that_overlaps_counts_once_and_a_forgotten_button_no_night(
    session: Session, carried: Callable[..., Errand], person: Callable
) -> None:
    spans = [(at(5, 9), at(5, 10)), (at(5, 9, 30), at(5, 10, 30)), (at(6, 9), at(7, 9)), (at(9, 9), at(9, 9, 20))]
    for start, end in spans:
        errand = carried()
        errand.picked_up_at, errand.delivered_at, errand.window_end = start, end, at(9, 8)
    session.commit()
    found = courier_record.month_of(session, person("courier").id, at(1, 0).date())
    assert (found.errands, found.days) == (4, 3)
    assert found.minutes == 90 + 8 * 60 + 20 and (found.due, found.on_time) == (4, 3)
    assert found.kinds == (("hand_in", 4, 590),)
    assert courier_record.month_of(session, person("courier").id, at(1, 0).date().replace(month=4)).errands == 0


@pytest.mark.req("S2-24")
def test_a_courier_asks_for_a_statement_and_somebody_else_issues_it(
    client_as: As, session: Session, carried: Callable[..., Errand]
) -> None:
    errand = carried()
    thanked = client_as("window.clerk").post(f"/errands/{errand.uid}/thank", data={"text": "来得很快，谢谢"})
    assert thanked.status_code == 303
    assert client_as("window.clerk").post(f"/errands/{errand.uid}/thank", data={"text": "再谢"}).status_code == 409
    assert client_as("courier").post(f"/errands/{errand.uid}/thank", data={"text": "我真好"}).status_code == 403
    assert session.scalars(select(CourierThanks)).one().text == "来得很快，谢谢"
    month = f"{local_day(now()):%Y-%m}"
    courier, dispatcher = client_as("courier"), client_as("dispatcher")
    assert "申请证明" in courier.get("/errands/couriers/courier").text
    asked = courier.post("/errands/me/statement", data={"month": month})
    assert asked.status_code == 303
    content = session.scalars(select(Content).where(Content.type == "service_statement")).one()
    assert courier.post(f"/c/{content.uid}/do/issue", data={}).status_code in (403, 404)
    issued = dispatcher.post(f"/c/{content.uid}/do/issue", data={"comment": ""})
    assert issued.status_code == 303, issued.text
    session.expire_all()
    assert content.state == "issued" and content.fields["errands"] == 1 and content.fields["thanks"] == 1
    paper = session.scalars(select(Paper).where(Paper.content_id == content.id)).one()
    assert paper.paper == "service_statement" and paper.data["name"] == "方志远" and paper.data["errands"] == 1
    assert "方志远" in courier.get(f"/c/{content.uid}").text and "志愿服务证明" in courier.get(f"/c/{content.uid}").text


@pytest.mark.parametrize("month", ["2019-13", "三月", "2099-01", "2026-01"])
def test_no_statement_of_a_month_without_service(client_as: As, session: Session, month: str) -> None:
    client_as("courier").post("/errands/me/statement", data={"month": month})
    content = session.scalars(select(Content).where(Content.type == "service_statement")).one()
    refused = client_as("dispatcher").post(f"/c/{content.uid}/do/issue", data={})
    assert refused.status_code == 422 and (
        "没有办结的任务" in refused.text or "月份请写成" in refused.text or "还没有到" in refused.text
    )


# --- points in the evening -------------------------------------------------------------------------------------------
@pytest.mark.req("S2-23")
def test_every_envelope_on_the_shelf_is_counted_whoever_posted_it(client_as: As, session: Session, actor) -> None:
    centre = actor("window.clerk")
    data = {
        "title": "取回执",
        "purpose": "hand_in",
        "from_agency": "dx-c01-point",
        "to_agency": "dongxin-centre",
        "envelopes": 3,
    }
    theirs = create_errand(session, centre, data)
    engine.fire(theirs, "post", centre, inputs={})
    session.commit()
    clerk = client_as("community.clerk")
    assert clerk.get(f"/errands/{theirs.uid}").status_code == 404
    page = clerk.get("/errands/points/dx-c01-point").text
    assert theirs.number in page and "内容不在这里显示" in page and "取回执" not in page
    done = clerk.post("/errands/points/dx-c01-point", data={f"count_{theirs.uid}": "3"})
    assert done.status_code == 303 and session.scalars(select(PointCheck)).one().found == 3


@pytest.mark.req("S2-23")
def test_the_evening_count_finds_what_is_missing_and_counts_what_came_back(
    client_as: As, session: Session, carried: Callable[..., Errand], person: Callable
) -> None:
    back, lying, under_way = (
        carried("fail"),
        carried("post", from_agency="dx-c01-point", envelopes=2),
        carried("set_off"),
    )
    clerk = client_as("community.clerk")
    page = clerk.get("/errands/points/dx-c01-point").text
    assert back.number in page and lying.number in page and "送回，还没点" in page
    assert under_way.number in page.split("还在跑腿工手上")[1] and "方志远" in page and "每日" in page
    empty = clerk.post("/errands/points/dx-c01-point", data={f"count_{back.uid}": "x"})
    assert empty.status_code == 422 and "请填实际有几件" in empty.text
    data = {f"count_{back.uid}": "1", f"count_{lying.uid}": "1", "taker": "夜班保安"}
    unsaid = clerk.post("/errands/points/dx-c01-point", data=data)
    assert unsaid.status_code == 422 and "应有 2 件，数到 1 件" in unsaid.text and "夜班保安" in unsaid.text
    done = clerk.post("/errands/points/dx-c01-point", data={**data, f"note_{lying.uid}": "少一个红信封"})
    assert done.status_code == 303
    check = session.scalars(select(PointCheck)).one()
    assert (check.expected, check.found, check.differs, check.taker) == (3, 2, True, "夜班保安")
    assert {one.person_id for one in session.scalars(select(Notice).where(Notice.kind == "point:difference"))} == {
        person("dispatcher").id
    }
    assert "送回，还没点" not in clerk.get("/errands/points/dx-c01-point").text, "what came back was counted with it"
    assert clerk.post(f"/errands/counts/{check.id}/settle", data={"note": "找到了"}).status_code == 403
    dispatcher = client_as("dispatcher")
    assert "对不上" in dispatcher.get("/errands/points").text
    assert dispatcher.post(f"/errands/counts/{check.id}/settle", data={"note": " "}).status_code == 422
    assert dispatcher.post(f"/errands/counts/{check.id}/settle", data={"note": "夹在报纸里，已放回"}).status_code == 303
    assert "夹在报纸里" in clerk.get("/errands/points/dx-c01-point").text


def test_other_communities_do_not_see_the_point(client_as: As) -> None:
    assert client_as("neighbour.clerk").get("/errands/points/dx-c01-point").status_code == 404
    assert client_as("courier").get("/errands/points/dx-c01-point").status_code == 404
    assert client_as("dispatcher").get("/errands/points/dx-c01").status_code == 404


def test_thanks_are_limited_to_twenty_an_hour(
    client_as: As,
    session: Session,
    carried: Callable[..., Errand],
    counting: None,  # noqa: F811
) -> None:
    """Even what is refused counts: nobody tries out hundreds of words."""
    errand, client = carried(), client_as("community.clerk")
    page = f"/errands/{errand.uid}/thank"
    answers = [client.post(page, data={"text": ""}) for _ in range(20)]
    assert {one.status_code for one in answers} == {422} and "请写一句" in answers[0].text
    refused = client.post(page, data={"text": "谢谢方师傅"})
    assert refused.status_code == 429 and "再试" in refused.text
    assert session.query(CourierThanks).count() == 0
    assert client.get(page).status_code == 200, "looking is not limited"
