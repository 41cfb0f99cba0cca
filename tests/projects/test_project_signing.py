"""签认: each department confirms the minute of a joint meeting or objects with its reason; who and when stands on page and paper."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.base import now
from models.ledger import JournalEntry
from models.notice import Notice
from models.paper import Paper
from models.project import ProjectMeeting
from process.clock import local_day
from services.projects import signing
from tests.projects.conftest import Street, hired

BOTH = ("land_pre", "site")


def held(street: Street, rows: tuple[str, ...] = BOTH) -> tuple[str, str]:
    """A project with one meeting behind it: its uid and that of the meeting."""
    uid = street.listed()
    street.step("manager", uid, "file_together")
    keys = [street.row(uid, key).uid for key in rows]
    called = street.post(
        "manager",
        f"/projects/{uid}/meetings/new",
        rows=keys,
        subject="土地和规划会审",
        venue="三楼会议室",
        held_on=local_day(now()).isoformat(),
    )
    assert called.status_code == 303, called.text
    meeting = street.session.scalars(select(ProjectMeeting)).one().uid
    said = {f"verdict_{key}": "agree" for key in keys}
    given = {**said, "attendees": "自然资源局 王", "conclusion": "两项同时通过"}
    assert street.post("manager", f"/projects/meetings/{meeting}/hold", **given).status_code == 303
    return uid, meeting


def sign(street: Street, who: str, meeting: str, **form: str):
    return street.post(who, f"/projects/meetings/{meeting}/sign", **form)


@pytest.mark.req("S3-21")
def test_each_department_signs_and_the_paper_shows_who_and_when(street: Street) -> None:
    uid, meeting = held(street)
    asked = street.session.scalars(select(Notice.unit_id).where(Notice.kind == "project:sign")).all()
    assert set(asked) == {"xc-resources", "xc-development"}
    form = street.by("resources").get(f"/projects/meetings/{meeting}/sign").text
    assert "两项同时通过" in form and "用地预审意见" in form
    # Whoever was not there does not sign; the manager cannot sign for a department.
    assert sign(street, "manager", meeting, answer="confirmed").status_code == 403
    assert street.by("manager").get(f"/projects/meetings/{meeting}/sign").status_code == 404
    empty = sign(street, "resources", meeting, reason="不全")
    assert empty.status_code == 422 and "请选确认，还是有异议" in empty.text and "不全" in empty.text
    bare = sign(street, "development", meeting, answer="objected")
    assert bare.status_code == 422 and "请写明哪里与会上说的不一样" in bare.text
    assert sign(street, "resources", meeting, answer="confirmed").status_code == 303
    twice = sign(street, "resources", meeting, answer="objected", reason="又想了想")
    assert twice.status_code == 409 and "已经确认过" in twice.text
    page = street.page("manager", uid)
    assert "已确认" in page and "示例resources" in page and "待签认" in page
    # Not without those who can sign, unless somebody says that they sign by hand.
    early = street.post("manager", f"/projects/meetings/{meeting}/minute")
    assert early.status_code == 422 and "下城区发展和改革局" in early.text and "还没有签认" in early.text
    assert sign(street, "development", meeting, answer="objected", reason="会上说的是先批一期").status_code == 303
    told = street.session.scalars(select(Notice.person_id).where(Notice.kind == "project:objection")).all()
    assert told == [street.project(uid).assignee_id]
    page = street.page("manager", uid)
    assert "有异议" in page and "会上说的是先批一期" in page
    assert street.post("manager", f"/projects/meetings/{meeting}/minute").status_code == 303
    paper = street.session.scalars(select(Paper)).one()
    signed = {line["department"]: line for line in paper.data["signatures"]}
    first, second = signed["下城区自然资源局"], signed["下城区发展和改革局"]
    assert (first["answer"], first["person"], first["words"]) == ("确认", "示例resources", "")
    assert first["at"].startswith("2026-03-05T10:00")
    assert (second["answer"], second["words"]) == ("有异议", "会上说的是先批一期")
    # What was made stays as it was signed.
    late = sign(street, "development", meeting, answer="confirmed")
    assert late.status_code == 409 and "已经制成" in late.text
    acts = street.session.scalars(
        select(JournalEntry.action).where(JournalEntry.action.startswith("project_meeting:")).order_by(JournalEntry.id)
    ).all()
    assert acts == ["project_meeting:call", "project_meeting:hold", "project_meeting:confirm", "project_meeting:object"]


@pytest.mark.req("S3-21")
def test_what_was_objected_to_is_corrected_and_signed_anew(street: Street) -> None:
    uid, meeting = held(street)
    sign(street, "resources", meeting, answer="confirmed")
    sign(street, "development", meeting, answer="objected", reason="会上说的是先批一期")
    row = street.row(uid, "site").uid
    same = street.post(
        "manager", f"/projects/meetings/{meeting}/correct", attendees="自然资源局 王", conclusion="两项同时通过"
    )
    assert same.status_code == 422 and "没有改动" in same.text
    given = {"attendees": "自然资源局 王", "conclusion": "先批一期", f"words_{row}": "二期另报"}
    assert street.post("resources", f"/projects/meetings/{meeting}/correct", **given).status_code == 404
    assert street.post("manager", f"/projects/meetings/{meeting}/correct", **given).status_code == 303
    page = street.page("manager", uid)
    assert "先批一期" in page and page.count("待签认") == 2 and "已确认" not in page
    assert street.row(uid, "site").state == "done", "the rows keep their verdict"
    for who in ("resources", "development"):
        assert sign(street, who, meeting, answer="confirmed").status_code == 303
    assert street.post("manager", f"/projects/meetings/{meeting}/minute").status_code == 303
    paper = street.session.scalars(select(Paper)).one()
    assert {line["answer"] for line in paper.data["signatures"]} == {"确认"}
    assert {line["words"] for line in paper.data["opinions"]} == {"", "二期另报"}
    late = street.post("manager", f"/projects/meetings/{meeting}/correct", **{**given, "conclusion": "又改"})
    assert late.status_code == 409 and "已经制成" in late.text and "又改" not in street.page("manager", uid)


def test_one_person_of_two_departments_says_for_which(street: Street) -> None:
    uid, meeting = held(street)
    hired(street.session, "lead", "lead_department", "xiacheng")
    street.session.commit()
    vague = sign(street, "lead", meeting, answer="confirmed")
    assert vague.status_code == 422 and "请选替哪个部门签" in vague.text
    assert sign(street, "lead", meeting, answer="confirmed", agency="xc-resources").status_code == 303
    found = street.session.scalars(select(ProjectMeeting)).one()
    street.session.refresh(found)
    answers = {side.agency.id: side.answer for side in signing.sides(street.session, found)}
    assert answers == {"xc-resources": "confirmed", "xc-development": ""}
    # One left: no need to say which.
    assert sign(street, "lead", meeting, answer="confirmed").status_code == 303
    assert uid and street.post("manager", f"/projects/meetings/{meeting}/minute").status_code == 303


def test_a_department_without_anybody_here_signs_the_paper_by_hand(street: Street) -> None:
    _uid, meeting = held(street)
    sign(street, "resources", meeting, answer="confirmed")
    anyway = street.post("manager", f"/projects/meetings/{meeting}/minute", anyway="y")
    assert anyway.status_code == 303
    paper = street.session.scalars(select(Paper)).one()
    assert sorted(line["answer"] for line in paper.data["signatures"]) == ["", "确认"]


def test_strangers_sign_nothing(street: Street) -> None:
    _uid, meeting = held(street)
    for who in ("neighbour.clerk", "courier", "resident"):
        assert sign(street, who, meeting, answer="confirmed").status_code == 404, who
