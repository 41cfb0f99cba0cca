"""内部退回 through the pages: approver → reviewer → the desk that accepted, and nothing of it reaches the visitor."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from models.case import Case
from models.message import Message
from models.notice import Notice
from models.person import Grant, Person
from process import engine
from tests.services.fertility import accepted, opened, ticks

REASON = "婚姻登记日期和申请表对不上"


def visible_text(answer) -> str:
    """What a person reads: without tags and without what changes with every request."""
    body = re.sub(r"<script.*?</script>|<style.*?</style>", "", answer.text, flags=re.S)
    text = " ".join(re.sub(r"<[^>]+>", " ", body[body.index("<main") : body.index("</main>")]).split())
    # How the minutes so far divide between levels goes on by itself.
    return re.sub(r"时间用在了哪一级.*?谁在什么时候办了什么", "", text)


def given(client, uid: str, step: str, **inputs):
    return client.post(f"/c/{uid}/do/{step}", data=inputs)


@pytest.fixture
def reviewed(session, actor) -> Case:
    """Filed online by the resident herself, accepted at the window, reviewed."""
    resident = actor("resident")
    case = opened(session, resident, channel="online_pc", place="dx-c01")
    engine.fire(case, "submit", resident)
    engine.fire(case, "accept", actor("window.clerk"))
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    session.commit()
    return case


@pytest.mark.req("S0-08", "S0-34")
def test_given_back_twice_and_the_visitor_notices_nothing(session, client_as, reviewed, person):
    uid, page = reviewed.uid, f"/c/{reviewed.uid}"
    resident, approver, reviewer, clerk = (client_as(n) for n in ("resident", "approver", "reviewer", "window.clerk"))
    pages = (page, f"{page}/history", "/cases", "/desk/", f"/api/v1/contents/{uid}")
    before = [visible_text(resident.get(one)) for one in pages[:4]]
    told = len(session.scalars(select(Message)).all())
    trips, deadline = reviewed.trips, reviewed.deadline

    # Without a reason nothing goes back, and the sentence says so.
    empty = given(approver, uid, "return_review", comment="  ")
    assert empty.status_code == 422 and "请审核人再核什么" in empty.text
    assert given(approver, uid, "return_review", comment=REASON).status_code == 303
    # Until it comes back nobody decides.
    early = given(approver, uid, "approve", comment="同意")
    assert early.status_code == 422 and "已退回同事复核" in early.text
    assert given(approver, uid, "return_review", comment="again").status_code == 422
    assert session.scalars(select(Notice.text).where(Notice.kind == "case:given_back")).all() == [
        "%(number)s 退回给您复核，原因写在办件里。"
    ]
    desk = reviewer.get("/desk/").text
    assert reviewed.number in desk and "复审后再报审批" in desk
    shown = reviewer.get(f"/cases/{uid}/materials").text
    assert REASON in shown and "复审后再报审批" in shown
    # The reviewer asks the desk that accepted.
    assert given(reviewer, uid, "return_intake", comment="请看原件上的日期").status_code == 303
    session.expire_all()
    assert session.get(Case, reviewed.id).assignee.username == "window.clerk"
    assert "核对后送回审核" in clerk.get("/desk/").text and "请看原件上的日期" in clerk.get(page).text
    assert given(reviewer, uid, "review_again", comment="x").status_code in (403, 409, 422)
    during = [visible_text(resident.get(one)) for one in pages[:4]]
    assert during == before
    assert given(clerk, uid, "answer_inside", comment="原件是2025年5月20日").status_code == 303
    session.expire_all()
    assert session.get(Case, reviewed.id).assignee.username == "reviewer", "back to whoever asked, not past them"
    again = reviewer.post(
        f"/cases/{uid}/materials",
        data={
            "do": "review",
            "opinion": "日期无误",
            **{f"verdict-{m.code}": "accepted" for m in reviewed.materials if m.provided},
        },
    )
    assert again.status_code == 303, again.text
    session.expire_all()
    case = session.get(Case, reviewed.id)
    assert case.state == "reviewed" and case.trips == trips and case.deadline == deadline
    assert [visible_text(resident.get(one)) for one in pages[:4]] == before
    assert len(session.scalars(select(Message)).all()) == told
    history = resident.get(f"/api/v1/contents/{uid}/history").text
    for text in (*during, history):
        assert REASON not in text and "return_review" not in text and "请看原件" not in text
    # Colleagues read all of it; whoever reviewed again still cannot approve, another person can.
    told_inside = approver.get(page).text
    assert REASON in told_inside and "原件是2025年5月20日" in told_inside and "日期无误" in told_inside
    assert given(reviewer, uid, "approve", comment="同意").status_code == 403
    assert given(approver, uid, "approve", comment="同意").status_code == 303
    # A second press on the same button finds it done.
    assert given(approver, uid, "approve", comment="同意").status_code == 409


def test_whoever_is_not_meant_gives_nothing_back(session, client_as, reviewed):
    uid = reviewed.uid
    for who, wanted in (
        ("reviewer", "return_review"),
        ("window.clerk", "return_review"),
        ("approver", "return_intake"),
    ):
        assert given(client_as(who), uid, wanted, comment="x").status_code in (403, 422), who
    for stranger in ("resident", "courier", "community.clerk"):
        for step in ("return_review", "return_intake", "review_again", "answer_inside", "take_inside"):
            assert given(client_as(stranger), uid, step, comment="x").status_code in (403, 404, 409, 422), (
                stranger,
                step,
            )
    assert session.get(Case, reviewed.id).fields.get("_inside") is None


def test_a_colleague_takes_over_and_one_who_reviews_too_cannot_approve(session, client_as, reviewed, person):
    """The reviewer is not in: another reviewer answers; should that person also approve, the step is refused by name."""
    other = person("issuer")
    unit = reviewed.deciding_unit
    for role in ("back_office_reviewer", "approver"):
        session.add(Grant(person_id=other.id, role=role, place_id=unit.id, place_path=unit.path))
    session.commit()
    uid = reviewed.uid
    assert given(client_as("approver"), uid, "return_review", comment=REASON).status_code == 303
    second = client_as("issuer")
    assert "同事不在，我来复核" in second.get(f"/c/{uid}").text
    assert given(second, uid, "take_inside").status_code == 303
    done = second.post(
        f"/cases/{uid}/materials",
        data={
            "do": "review",
            "opinion": "已核",
            **{f"verdict-{m.code}": "accepted" for m in reviewed.materials if m.provided},
        },
    )
    assert done.status_code == 303, done.text
    refused = given(second, uid, "approve", comment="同意")
    assert refused.status_code == 403 and "必须由另一个人办" in refused.text
    assert given(client_as("approver"), uid, "approve", comment="同意").status_code == 303


def test_what_the_approver_found_missing_is_asked_for_outside_once(session, client_as, reviewed):
    """Given back, the reviewer may send the one notice; without it nobody behind the review asks the resident again."""
    uid = reviewed.uid
    early = given(client_as("reviewer"), uid, "supplement_needed", comment="请补结婚证")
    assert early.status_code == 422 and "请审批人先退回审核人" in early.text
    assert given(client_as("approver"), uid, "return_review", comment=REASON).status_code == 303
    reviewer = client_as("reviewer")
    marks = {f"verdict-{m.code}": "accepted" for m in reviewed.materials if m.provided}
    marks |= {"verdict-marriage_certificate": "rejected", "defect-marriage_certificate": "缺登记日期页，请补"}
    proposed = reviewer.post(f"/cases/{uid}/materials", data={"do": "review", "opinion": "", **marks})
    assert proposed.status_code == 303
    sent = reviewer.post(f"/cases/{uid}/materials", data={"do": "notice", "comment": "请补结婚证登记日期页", **marks})
    assert sent.status_code == 303, sent.text
    session.expire_all()
    case = session.get(Case, reviewed.id)
    assert case.state == "supplement" and not case.fields["_inside"].get("end")


@pytest.mark.req("S1-10")
def test_the_reviewer_reads_where_each_paper_comes_from(session, actor, client_as):
    case = accepted(session, actor)
    slot = next(m for m in case.materials if m.code == "marriage_certificate")
    slot.source, slot.source_words = "shared", "2026年11月22日 10:20 数据共享平台查得"
    session.commit()
    shown = client_as("reviewer").get(f"/cases/{case.uid}/materials").text
    assert "来源：数据共享：2026年11月22日 10:20 数据共享平台查得" in shown
    assert "来源：窗口当面收取" in shown


def test_people_of_another_street_find_nothing(session, client_as, reviewed):
    """A reviewer whose post is elsewhere gets the same answer as for a thing that was never there."""
    stranger = session.scalars(select(Person).where(Person.username == "neighbour.clerk")).first()
    if stranger is None:
        pytest.fail("the demo people have an insurer's clerk")
    answer = client_as("neighbour.clerk").get(f"/cases/{reviewed.uid}/materials")
    assert answer.status_code == 404
