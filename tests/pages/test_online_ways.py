"""网上预审、零临窗快递 and the road occupation by phone: the whole path through the pages, counted in trips."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from catalogue import loader as catalogue
from models.base import now
from models.content import Content
from models.express import ExpressRecord
from process import clock
from services import actions
from tests.pages.test_hall_papers import _photo
from tests.pages.test_subsidy import post


def step(client, thing: Content, name: str, **inputs):
    return client.post(f"/c/{thing.uid}/do/{name}", data=inputs)


def filed(session, client, kind: str, **data) -> Content:
    """Begun on the form that every type has, by whoever is signed in."""
    answer = client.post(f"/t/{kind}/new", data=data)
    assert answer.status_code == 303, answer.text[-2500:]
    uid = answer.headers["Location"].rsplit("/", 1)[-1]
    session.expire_all()
    return session.scalars(select(Content).where(Content.uid == uid)).one()


def again(session, thing: Content) -> Content:
    session.expire_all()
    return session.get_one(Content, thing.id)


def photographed(client, thing: Content, *materials: str) -> None:
    for number, material in enumerate(materials):
        sent = client.post(
            f"/c/{thing.uid}/photos/{material}", data={"photo": _photo(number)}, content_type="multipart/form-data"
        )
        assert sent.status_code == 303, sent.text


@pytest.mark.req("S3-55")
def test_road_occupation_is_uploaded_surveyed_and_closed_in_one_trip(session, actor, client_as):
    """Before: at least two trips and two days. Now: upload, pre-check, survey while open, papers once, closed at once."""
    post(session, "road.enterprise", "enterprise_applicant", "dongxin-centre")
    post(session, "road.surveyor", "site_surveyor", "dongxin-centre")
    record = catalogue.item("temporary_road_occupation")
    assert record.reference["trips_before"] == 2 and record.reference["trips_after"] == 1
    company, clerk = client_as("road.enterprise"), client_as("window.clerk")
    thing = filed(
        session,
        company,
        "survey_instant",
        matter="临时占用城市道路",
        unit="dongxin-centre",
        site="东新路示例9号门前",
        enterprise="示例市政工程公司",
        contact="罗学文",
        phone="13800000021",
    )
    page = f"/c/{thing.uid}"
    # Nothing uploaded, nothing accepted.
    none = step(clerk, thing, "accept")
    assert none.status_code == 422 and "还没有上传照片" in none.text
    sent = company.post(f"{page}/documents", data={"file": _photo(5)}, content_type="multipart/form-data")
    assert sent.status_code == 303
    assert thing.number in clerk.get("/desk/").text
    assert step(clerk, thing, "accept", comment="材料齐").status_code == 303
    surveyor = client_as("road.surveyor")
    assert step(surveyor, thing, "return_finding", finding="x").status_code == 409, "nobody asked yet"
    assert step(clerk, thing, "request_survey", question="占道长度和围挡位置").status_code == 303
    paused = clock.current(session, again(session, thing), "handle")
    assert paused is not None and [p.ended_on for p in paused.pauses] == [None], "the clock stands still"
    assert thing.number in surveyor.get("/desk/").text
    early = step(clerk, thing, "review")
    assert early.status_code == 409, "not before the finding"
    found = surveyor.post(
        f"{page}/do/return_finding",
        data={"finding": "长 12 米，不影响盲道", "photos": _photo(9)},
        content_type="multipart/form-data",
    )
    assert found.status_code == 303, found.text[-1500:]
    assert "不影响盲道" in clerk.get(page).text
    assert step(clerk, thing, "review", comment="同意").status_code == 303
    # The one trip: with the papers.
    assert step(company, thing, "hand_in").status_code == 303
    bad = step(clerk, thing, "complete")
    assert bad.status_code == 422 and "纸质材料和上传的一致" in bad.text
    assert step(surveyor, thing, "complete", papers_match="1").status_code in (403, 404)
    assert step(clerk, thing, "complete", papers_match="1").status_code == 303
    done = again(session, thing)
    assert done.state == "completed" and done.fields["trips"] == record.reference["trips_after"]
    assert done.closed_at is not None and clock.local_day(done.closed_at) == clock.local_day(done.created_at)
    assert step(clerk, thing, "complete", papers_match="1").status_code == 409
    shown = company.get(page).text
    assert "即时办结" in shown and "跑的次数" in shown
    assert client_as("neighbour.clerk").get(page).status_code == 404


@pytest.mark.req("S3-55")
def test_whoever_surveyed_does_not_close(session, client_as):
    post(session, "both", "site_surveyor", "dongxin-centre")
    post(session, "both", "window_clerk", "dongxin-centre")
    clerk, both = client_as("window.clerk"), client_as("both")
    given = {
        "matter": "临时占用城市道路",
        "unit": "dongxin-centre",
        "site": "东新路示例9号门前",
        "place": "dongxin-centre",
    }
    thing = filed(session, clerk, "survey_instant", **given)
    clerk.post(f"/c/{thing.uid}/documents", data={"file": _photo(5)}, content_type="multipart/form-data")
    for who, name, inputs in (
        (clerk, "accept", {}),
        (clerk, "request_survey", {"question": "x"}),
        (both, "return_finding", {"finding": "y"}),
        (clerk, "review", {}),
        (clerk, "hand_in", {}),
    ):
        assert step(who, thing, name, **inputs).status_code == 303, name
    refused = step(both, thing, "complete", papers_match="1")
    assert refused.status_code == 403 and "必须由另一个人办" in refused.text
    assert step(clerk, thing, "complete", papers_match="1").status_code == 303


ONLINE = {"matter": "老年卡", "item": "senior_card", "unit": "dongxin-centre", "phone": "13800000015"}


@pytest.mark.req("S3-56")
def test_checked_online_confirmed_once_at_the_window(session, client_as):
    resident, reviewer, clerk = (client_as(n) for n in ("resident", "reviewer", "window.clerk"))
    thing = filed(session, resident, "mobile_precheck", **ONLINE, way="window")
    page = f"/c/{thing.uid}"
    lacking = step(reviewer, thing, "precheck", precheck_result="可以")
    assert lacking.status_code == 422 and "还缺照片" in lacking.text and "可以" in lacking.text
    photographed(resident, thing, "id_card", "photo")
    assert reviewer.post(f"{page}/photos", data={"bad-id_card": "反光"}).status_code == 303
    assert step(reviewer, thing, "send_back", comment="身份证反光，请重拍").status_code == 303
    assert "要重拍：反光" in resident.get(page).text
    assert "还没有重拍" in step(resident, thing, "file_again").text
    photographed(resident, thing, "id_card")
    assert step(resident, thing, "file_again").status_code == 303
    assert step(reviewer, thing, "precheck", precheck_result="材料齐全，带原件来核对").status_code == 303
    assert again(session, thing).fields["trips"] == 0
    # The applicant chose the window: nothing is posted.
    post_it = step(clerk, thing, "mail", express_number="SF1234567890123")
    assert post_it.status_code == 422 and "窗口核准取件" in post_it.text
    assert step(reviewer, thing, "confirm", originals_seen="1").status_code == 403
    assert step(clerk, thing, "confirm").status_code == 422
    assert step(clerk, thing, "confirm", originals_seen="1").status_code == 303
    assert step(clerk, thing, "collect", collector="林若琳").status_code == 303
    done = again(session, thing)
    assert done.state == "collected" and done.fields["trips"] == 1
    assert "窗口核准取件" in resident.get(page).text


@pytest.mark.req("S3-56")
def test_checked_online_and_posted_nobody_came(session, client_as):
    resident, reviewer, clerk = (client_as(n) for n in ("resident", "reviewer", "window.clerk"))
    thing = filed(session, resident, "mobile_precheck", **ONLINE, way="express")
    page = f"/c/{thing.uid}"
    photographed(resident, thing, "id_card", "photo")
    assert step(clerk, thing, "mail", express_number="SF1234567890123").status_code == 409, "only after the pre-check"
    assert step(reviewer, thing, "precheck", precheck_result="材料齐全").status_code == 303
    window = step(clerk, thing, "confirm", originals_seen="1")
    assert window.status_code == 422 and "零临窗快递" in window.text
    wrong = step(clerk, thing, "mail", express_number="13800000015")
    assert wrong.status_code == 422 and "快递单号不对" in wrong.text
    assert step(clerk, thing, "mail", express_number="sf 1234567890123").status_code == 303
    done = again(session, thing)
    assert done.state == "mailed" and done.fields["trips"] == 0
    assert session.scalars(select(ExpressRecord.number)).one() == "SF1234567890123"
    assert "SF1234567890123" in resident.get(page).text
    assert client_as("courier").get(page).status_code == 404


@pytest.mark.req("S3-56")
def test_an_abolished_item_is_not_checked_and_its_kind_is_known(session, actor, client_as):
    """会计证 ended in 2017; 护照 and 港澳通行证 go by express."""
    for code in ("passport", "hk_macau_permit"):
        assert "express_delivery" in catalogue.item(code).channels
    today = clock.local_day(now())
    assert not catalogue.item("accounting_certificate").fileable(today)
    thing = actions.create(
        session, actor("resident"), "mobile_precheck", {"matter": "会计证", "unit": "dongxin-centre", "way": "express"}
    )
    thing.fields = {**thing.fields, "item": "accounting_certificate"}
    session.commit()
    refused = step(client_as("reviewer"), thing, "precheck", precheck_result="可以")
    assert refused.status_code == 422 and "现在不受理了" in refused.text
