"""终止代办: by the owner or the manager with a reason; items, meetings, linked matters and people hear of it, and the clock stops."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.base import now
from models.clock import ClockRun
from models.content import Content
from models.message import Message
from models.notice import Notice
from models.person import Person
from models.project import ProjectMeeting, ProjectRow
from models.task import Task
from process.clock import local_day
from tests.projects.conftest import Street, hired


def told(street: Street) -> list[Notice]:
    return list(street.session.scalars(select(Notice).where(Notice.kind == "project:given_up")))


@pytest.mark.req("S3-23")
def test_the_manager_gives_it_up_and_everything_beneath_it_ends(street: Street, client_as) -> None:
    uid = street.listed()
    street.step("manager", uid, "file_together")
    keys = [street.row(uid, key).uid for key in ("land_pre", "site")]
    street.post(
        "manager",
        f"/projects/{uid}/meetings/new",
        rows=keys,
        subject="会审",
        venue="会议室",
        held_on=local_day(now()).isoformat(),
    )
    street.post("manager", f"/projects/{uid}/hand-over", person="delegate", capacity="liaison", reason="住得近")
    # A matter of its own that an item travels on.
    begun = client_as("window.clerk").post("/t/survey_instant/new", data=SURVEY)
    assert begun.status_code == 303, begun.text[-1500:]
    survey = street.session.scalars(select(Content).where(Content.type == "survey_instant")).one()
    street.row(uid, "energy").linked_id = survey.id
    street.session.commit()
    bare = street.step("manager", uid, "give_up", comment="")
    assert bare.status_code == 422 and "为什么终止" in bare.text
    assert street.step("resources", uid, "give_up", comment="不办了").status_code == 403
    done = street.step("manager", uid, "give_up", comment="业主改在外地落户")
    assert done.status_code == 303, done.text[-1500:]
    project = street.project(uid)
    assert project.state == "given_up" and project.closed_at is not None and project.deadline is None
    assert street.session.scalars(select(ClockRun)).one().stopped_on is not None
    open_tasks = street.session.scalars(select(Task).where(Task.content_id == project.id, Task.state == "open")).all()
    assert open_tasks == []
    states = set(street.session.scalars(select(ProjectRow.state).where(ProjectRow.content_id == project.id)))
    assert states <= {"dropped", "done", "committed"}
    meeting = street.session.scalars(select(ProjectMeeting)).one()
    assert meeting.state == "cancelled" and "业主改在外地落户" in meeting.conclusion
    units = {notice.unit_id for notice in told(street) if notice.content_id == project.id} - {None}
    assert {"xc-resources", "xc-development"} <= units
    people = {notice.person_id for notice in told(street) if notice.content_id == project.id} - {None}
    named = {one.username for one in street.session.scalars(select(Person).where(Person.id.in_(people)))}
    assert named == {"delegate"}, "whoever gives it up need not be told"
    assert [notice for notice in told(street) if notice.content_id == survey.id], "the linked matter's holder is asked"
    assert survey.closed_at is None, "what was filed for itself goes on until somebody has asked"
    message = street.session.scalars(select(Message).where(Message.occasion == "project_given_up")).one()
    assert "业主改在外地落户" in message.text and project.number in message.text
    page = street.page("manager", uid)
    assert "终止" in page and "不再办" in page and "/step/" not in page
    assert "没有办完的事项不再办" in page and "并联办 0 个" not in page and "0 不涉及" not in page
    again = street.step("manager", uid, "give_up", comment="再来")
    assert again.status_code in (403, 409)
    assert project.number not in street.by("manager").get("/projects/").text
    assert project.number in street.by("manager").get("/projects/?show=all").text
    assert street.do("manager", uid, "energy", "again").status_code == 403


SURVEY = {
    "matter": "小餐饮店登记现场勘查",
    "unit": "dongxin-centre",
    "site": "东新路示例9号",
    "place": "dongxin-centre",
}


@pytest.mark.req("S3-23")
def test_the_owner_gives_it_up_with_a_stopped_clock(street: Street, person) -> None:
    uid = street.listed()
    person("resident").resident_id = street.project(uid).applicant_id
    street.session.commit()
    street.post("manager", f"/projects/{uid}/stop", ground="owner", words="等业主补图")
    page = street.page("resident", uid)
    assert f"/projects/{uid}/step/give_up" in page
    assert street.step("resident", uid, "give_up", comment="资金没有落实").status_code == 303
    project = street.project(uid)
    run = street.session.scalars(select(ClockRun)).one()
    assert project.state == "given_up" and run.stopped_on is not None
    assert all(pause.ended_on is not None for pause in run.pauses)
    handler = street.project(uid).assignee_id
    assert {notice.person_id for notice in told(street)} - {None} == {handler}
    # The owner said it: nobody tells the owner.
    assert street.session.scalars(select(Message).where(Message.occasion == "project_given_up")).all() == []


def test_another_enterprise_and_strangers_give_nothing_up(street: Street) -> None:
    uid = street.listed()
    hired(street.session, "other.owner", "enterprise_applicant", "dongxin")
    street.session.commit()
    for who in ("other.owner", "neighbour.clerk", "courier"):
        assert street.step(who, uid, "give_up", comment="不办了").status_code in (403, 404), who
    assert street.project(uid).state == "preparing"
