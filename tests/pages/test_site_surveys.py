"""A survey within a case, through the pages: the clock stands still or runs on as the item says; the surveyor sees place and question."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.content import Content
from models.item_place import ItemSetting
from process import clock
from tests.pages.test_hall_papers import _photo
from tests.pages.test_subsidy import post
from tests.services.fertility import accepted

ASKED = {"site": "文晖路2幢1单元1102室", "question": "请看是否有人居住、门牌是否一致"}


@pytest.fixture
def surveyor(session) -> None:
    post(session, "surveyor", "site_surveyor", "dongxin-centre")


def runs(session, on: bool) -> None:
    item = session.scalars(select(ServiceItem).where(ServiceItem.code == "fertility_registration_card")).one()
    setting = session.get(ItemSetting, item.id) or ItemSetting(item_id=item.id)
    setting.survey_runs = on
    session.add(setting)
    session.commit()


@pytest.mark.parametrize("on", [False, True], ids=["stands-still", "runs-on"])
def test_the_clock_does_what_the_item_says(session, actor, client_as, surveyor, on):
    runs(session, on)
    case = accepted(session, actor)
    session.commit()
    uid, reviewer = case.uid, client_as("reviewer")
    step, other = ("survey_running", "survey") if on else ("survey", "survey_running")
    shown = reviewer.get(f"/c/{uid}").text
    assert ("请现场勘查（照常计时）" in shown) == on and ("勘查期间不计时）" in shown) != on
    assert reviewer.post(f"/c/{uid}/do/{other}", data=ASKED).status_code == 403
    assert reviewer.post(f"/c/{uid}/do/{step}", data={"site": "", "question": ""}).status_code == 422
    assert reviewer.post(f"/c/{uid}/do/{step}", data=ASKED).status_code == 303
    session.expire_all()
    case = session.scalars(select(Case).where(Case.uid == uid)).one()
    run = clock.current(session, case, "handle")
    assert run is not None and (all(p.ended_on for p in run.pauses)) == on
    trips = case.trips
    survey = session.scalars(select(Content).where(Content.type == "site_survey")).one()
    out, page = client_as("surveyor"), f"/c/{survey.uid}"
    assert survey.number in out.get("/desk/").text
    seen = out.get(page).text
    assert ASKED["question"] in seen
    # Place and question, neither the person nor the case.
    assert "林若琳" not in seen and case.number not in seen and "330103" not in seen
    assert out.get(f"/c/{uid}").status_code == 404 and out.get(f"/cases/{uid}/materials").status_code == 404
    assert reviewer.post(f"/c/{uid}/do/review", data={}).status_code == 409
    assert out.post(f"{page}/do/return_finding", data={"finding": " "}).status_code == 422
    data = {"finding": "有人居住，门牌一致", "photos": _photo(40)}
    done = out.post(f"{page}/do/return_finding", data=data, content_type="multipart/form-data")
    assert done.status_code == 303, done.text[-800:]
    session.expire_all()
    case = session.scalars(select(Case).where(Case.uid == uid)).one()
    run = clock.current(session, case, "handle")
    assert case.state == "accepted" and case.trips == trips and run is not None and all(p.ended_on for p in run.pauses)
    assert out.post(f"{page}/do/return_finding", data={"finding": "再交一次"}).status_code in (404, 409)
    # The reviewer reads finding and photo from the case's page and decides on it.
    assert page in reviewer.get(f"/c/{uid}").text and "有人居住，门牌一致" in reviewer.get(page).text
    for stranger in ("neighbour.clerk", "courier", "resident"):
        assert client_as(stranger).get(page).status_code == 404, stranger


def test_a_survey_nobody_waits_for_is_called_back(session, actor, client_as, surveyor):
    runs(session, False)
    case = accepted(session, actor)
    session.commit()
    reviewer = client_as("reviewer")
    assert reviewer.post(f"/c/{case.uid}/do/survey", data=ASKED).status_code == 303
    assert client_as("resident").post(f"/c/{case.uid}/do/end_survey", data={}).status_code in (403, 404)
    assert reviewer.post(f"/c/{case.uid}/do/end_survey", data={"comment": "申请人送来了照片"}).status_code == 303
    session.expire_all()
    survey = session.scalars(select(Content).where(Content.type == "site_survey")).one()
    assert survey.state == "recalled" and session.get(Case, case.id).state == "accepted"
    assert survey.number not in client_as("surveyor").get("/desk/").text


def test_a_unit_in_which_nobody_surveys_is_not_asked(session, actor, client_as):
    """The case does not wait, with its clock standing still, for somebody who does not exist; what was typed stays."""
    runs(session, False)
    case = accepted(session, actor)
    session.commit()
    reviewer = client_as("reviewer")
    there = {**ASKED, "to_unit": "dx-c02"}
    refused = reviewer.post(f"/c/{case.uid}/do/survey", data=there)
    assert refused.status_code == 422 and "没有勘查人员" in refused.text and "请管理员先给" in refused.text
    assert ASKED["site"] in refused.text and ASKED["question"] in refused.text
    session.rollback()
    assert session.get(Case, case.id).state == "accepted"
    assert session.scalars(select(Content).where(Content.type == "site_survey")).all() == []
    post(session, "other.surveyor", "site_surveyor", "dx-c02")
    asked = reviewer.post(f"/c/{case.uid}/do/survey", data=there)
    assert asked.status_code == 303, asked.text[-800:]


def test_a_unit_that_is_closed_is_not_asked(session, actor, client_as, surveyor):
    runs(session, False)
    case = accepted(session, actor)
    post(session, "other.surveyor", "site_surveyor", "dx-c02")
    session.get_one(Agency, "dx-c02").valid_to = clock.local_day(now()) - timedelta(days=1)
    session.commit()
    refused = client_as("reviewer").post(f"/c/{case.uid}/do/survey", data={**ASKED, "to_unit": "dx-c02"})
    assert refused.status_code == 422 and "已停止办公" in refused.text
    session.rollback()
    assert session.get(Case, case.id).state == "accepted"
