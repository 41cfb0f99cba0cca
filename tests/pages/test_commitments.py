"""承诺备案 through the pages: allowed by the item, signed, checked by somebody else, kept — or broken, revoked and remembered."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from jobs import commitments as worker
from models.base import at_time, now
from models.case import Case, ServiceItem
from models.commitment import Commitment
from models.item_place import ItemSetting
from models.ledger import OutboxItem
from models.paper import Certificate, Paper
from process import engine
from process.clock import local_day
from services import broken, commitments, files, papers_out
from tests.exits.test_trips_read import statements
from tests.pages.test_handbook import text_of, work
from tests.services.fertility import ALL, approved, opened, ticks

BOOKLET = "女方居民户口簿（首页、本人页）"
CONDITION = "开工前完成水土保持方案"
WORDS = "户口簿办好后三个工作日内带原件来核对"


@pytest.fixture
def item(session) -> ServiceItem:
    """The catalogue manager has said what may be committed to."""
    found = session.scalars(select(ServiceItem).where(ServiceItem.code == "fertility_registration_card")).one()
    setting = session.get(ItemSetting, found.id)
    if setting is None:
        setting = ItemSetting(item_id=found.id)
        session.add(setting)
    setting.commitments = f"{BOOKLET}\n{CONDITION}"
    session.commit()
    return found


def filed(session, actor, **changes) -> Case:
    brought = [dict(m) for m in ALL if m["code"] != "wife_household_booklet"]
    case = opened(session, actor("window.clerk"), materials=brought, **changes)
    engine.fire(case, "submit", actor("window.clerk"))
    session.commit()
    return case


def promise(**changes) -> dict[str, str]:
    due = local_day(now()) + timedelta(days=20)
    return {"subject": BOOKLET, "words": WORDS, "due": due.isoformat(), "promised": "1", **changes}


def decided(session, client_as, case: Case) -> None:
    """Accepted, reviewed, approved and issued by the people whose work it is."""
    uid = case.uid
    assert client_as("window.clerk").post(f"/c/{uid}/do/accept", data={}).status_code == 303
    session.expire_all()
    marks = {f"verdict-{line['code']}": "accepted" for line in ticks(session.get(Case, case.id))}
    done = client_as("reviewer").post(f"/cases/{uid}/materials", data={"do": "review", "opinion": "", **marks})
    assert done.status_code == 303, done.text
    assert client_as("approver").post(f"/c/{uid}/do/approve", data={"comment": "同意"}).status_code == 303


@pytest.mark.req("S3-22")
def test_a_paper_replaced_by_a_commitment_then_kept(session, actor, client_as, item):
    case = filed(session, actor)
    clerk, page = client_as("window.clerk"), f"/cases/{case.uid}/commit"
    # Without it the case lacks a paper; the page offers only what the item names.
    assert "还缺 1 份材料" in clerk.post(f"/c/{case.uid}/do/accept", data={}).text
    shown = clerk.get(page).text
    assert BOOKLET in shown and "代替这份材料" in shown and CONDITION in shown
    for wrong, said in (
        (promise(subject="随便什么"), "只能就这些作承诺"),
        (promise(due="2020-01-01"), "兑现期限应在明天到"),
        (promise(due=(local_day(now()) + timedelta(days=400)).isoformat()), "180 天以内"),
        (promise(promised=""), "还没有签承诺书"),
        (promise(words=" "), "承诺的内容"),
    ):
        answer = clerk.post(page, data=wrong)
        assert answer.status_code == 422 and said in answer.text, said
        if wrong["words"].strip():
            assert WORDS in answer.text, "what was typed stays"
    assert clerk.post(page, data=promise()).status_code == 303
    twice = clerk.post(page, data=promise())
    assert twice.status_code == 422 and "只能就这些作承诺" in twice.text
    work(session, papers_out.RENDER)
    session.expire_all()
    paper = session.scalars(select(Paper).where(Paper.paper == "commitment_letter")).one()
    text = "".join(text_of(files.store().read(paper.storage_key)))
    assert BOOKLET in text and WORDS in text and "撤销据此作出的决定和证照" in text and "诺〔" in text
    # The reviewer sees that there is no paper but a promise.
    decided(session, client_as, case)
    assert "来源：承诺代替：承诺" in client_as("reviewer").get(f"/cases/{case.uid}/materials").text
    assert client_as("issuer").post(f"/c/{case.uid}/do/issue", data={}).status_code == 303
    # Checked by somebody who did not take it.
    one = session.scalars(select(Commitment)).one()
    assert "是您收下的，由同事核查" in clerk.get("/commitments").text
    own = clerk.post(f"/commitments/{one.uid}", data={"result": "kept", "finding": "看过"})
    assert own.status_code == 403 and "要由另一个人核查" in own.text
    reviewer = client_as("reviewer")
    early = reviewer.post(f"/commitments/{one.uid}", data={"result": "broken", "finding": "没来"})
    assert early.status_code == 422 and "还没有到期" in early.text and "没来" in early.text
    assert reviewer.post(f"/commitments/{one.uid}", data={"result": "kept", "finding": " "}).status_code == 422
    kept = reviewer.post(f"/commitments/{one.uid}", data={"result": "kept", "finding": "原件已核对"})
    assert kept.status_code == 303
    assert reviewer.post(f"/commitments/{one.uid}", data={"result": "kept", "finding": "x"}).status_code == 409
    shown = client_as("approver").get(f"/c/{case.uid}").text
    assert "已兑现" in shown and "原件已核对" in shown and "承诺核查：已兑现" in shown


@pytest.mark.req("S3-22")
def test_a_broken_commitment_revokes_and_is_remembered(session, actor, client_as, item):
    case = filed(session, actor)
    assert client_as("window.clerk").post(f"/cases/{case.uid}/commit", data=promise()).status_code == 303
    decided(session, client_as, case)
    assert client_as("issuer").post(f"/c/{case.uid}/do/issue", data={}).status_code == 303
    one = session.scalars(select(Commitment)).one()
    with at_time(now() + timedelta(days=21)):
        # On the day the worker asks for the check, once.
        jobs = session.scalars(select(OutboxItem).where(OutboxItem.job == commitments.DUE)).all()
        assert sorted(job.args["days"] for job in jobs) == [0, commitments.REMIND_DAYS]
        for job in jobs:
            worker.due(session, job.args)
            worker.due(session, job.args)
        session.commit()
        reviewer, approver = client_as("reviewer"), client_as("approver")
        assert BOOKLET in reviewer.get("/commitments?show=due").text
        assert "的承诺今天到期" in reviewer.get("/notices/").text
        gone = reviewer.post(f"/commitments/{one.uid}", data={"result": "broken", "finding": "本人说丢了，没有补"})
        assert gone.status_code == 303
        shown = approver.get("/commitments?show=broken").text
        assert "撤销证照" in shown and "等审批人撤销证照" in reviewer.get("/commitments?show=broken").text
        certificate = session.scalars(select(Certificate).where(Certificate.case_id == case.id)).one()
        assert f"/c/{certificate.uid}/do/void" in shown
        assert reviewer.post(f"/c/{certificate.uid}/do/void", data={"comment": "x"}).status_code in (403, 404)
        voided = approver.post(f"/c/{certificate.uid}/do/void", data={"comment": "承诺没有兑现，撤销"})
        assert voided.status_code == 303, voided.text
        session.expire_all()
        assert session.get(Certificate, certificate.id).state == "voided"
        # Neither a new commitment nor a deferral, at any counter, for the months the office decided.
        again = filed(session, actor)
        refused = client_as("window.clerk").post(f"/cases/{again.uid}/commit", data=promise())
        assert refused.status_code == 422 and "12 个月内不能再容缺受理或承诺备案" in refused.text
        assert "现在不能再承诺" in client_as("window.clerk").get(f"/cases/{again.uid}/commit").text
        deferred = client_as("window.clerk").post(
            f"/cases/{again.uid}/defer",
            data={"due-wife_household_booklet": (local_day(now()) + timedelta(days=1)).isoformat(), "promise": "1"},
        )
        assert deferred.status_code == 422 and "不能再容缺受理或承诺备案" in deferred.text
    # The months over, it is forgotten.
    assert not broken.broken_by(session, one.resident_id, None, local_day(now()) + timedelta(days=500))


def test_broken_before_the_certificate_nothing_is_issued(session, actor, client_as, item):
    case = filed(session, actor)
    assert client_as("window.clerk").post(f"/cases/{case.uid}/commit", data=promise()).status_code == 303
    decided(session, client_as, case)
    one = session.scalars(select(Commitment)).one()
    ended = client_as("approver").post(f"/c/{case.uid}/do/end_commitment", data={"comment": "未兑现"})
    assert ended.status_code == 422 and "没有核查为没兑现的承诺" in ended.text
    with at_time(now() + timedelta(days=21)):
        client_as("reviewer").post(f"/commitments/{one.uid}", data={"result": "broken", "finding": "没有补"})
        refused = client_as("issuer").post(f"/c/{case.uid}/do/issue", data={})
        assert refused.status_code == 422 and "核查没有兑现，不能发证" in refused.text
        assert "终止办理" in client_as("approver").get("/commitments?show=broken").text
        # A number already drawn is voided first, not left behind.
        card = session.scalars(select(Certificate).where(Certificate.case_id == case.id)).one()
        engine.fire(card, "number", actor("issuer"))
        session.commit()
        numbered = client_as("approver").post(f"/c/{case.uid}/do/end_commitment", data={"comment": "承诺没有兑现"})
        assert numbered.status_code in (409, 422) and "已经编号还没有发出" in numbered.text
        session.rollback()
        engine.fire(card, "void", actor("approver"), inputs={"comment": "承诺没有兑现"})
        session.commit()
        done = client_as("approver").post(f"/c/{case.uid}/do/end_commitment", data={"comment": "承诺没有兑现"})
        assert done.status_code == 303
    session.expire_all()
    assert session.get(Case, case.id).state == "refused"


def test_a_longer_list_asks_the_database_no_more(session, actor, client_as, item):
    """What the approver may do about each broken one is read for the whole list at once."""
    approver, asked = client_as("approver"), {}
    for wanted in (2, 5):
        while session.query(Commitment).count() < wanted:
            case = approved(session, actor)
            case.fields = {**case.fields, commitments.MADE: [CONDITION]}
            today = local_day(now())
            made = {"due": today - timedelta(days=1), "state": "broken", "broken_on": today}
            taker = actor("window.clerk").person_id
            session.add(
                Commitment(
                    case_id=case.id, district=case.district, subject=CONDITION, words=WORDS, made_by_id=taker, **made
                )
            )
            session.commit()
        pages: list[str] = []
        approver.get("/commitments?show=broken")
        session.expunge_all()
        asked[wanted] = statements(session, lambda: pages.append(approver.get("/commitments?show=broken").text))  # noqa: B023
        assert pages[0].count("撤销证照") + pages[0].count("终止办理") >= wanted
    # One for each certificate: whether a correction of it waits.
    assert asked[5] <= asked[2] + 3, asked


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [("2026-11-23", 12, "2025-11-23"), ("2026-03-31", 1, "2026-02-28"), ("2026-01-15", 13, "2024-12-15")],
)
def test_months_are_those_of_the_calendar(day, months, before):
    assert broken.months_before(date.fromisoformat(day), months) == date.fromisoformat(before)


def test_who_is_not_meant_opens_nothing(session, actor, client_as, item):
    case = filed(session, actor)
    for who in ("resident", "courier", "reviewer", "approver", "neighbour.clerk"):
        answer = client_as(who).post(f"/cases/{case.uid}/commit", data=promise())
        assert answer.status_code in (403, 404), who
    assert client_as("window.clerk").post(f"/cases/{case.uid}/commit", data=promise()).status_code == 303
    one = session.scalars(select(Commitment)).one()
    for who in ("resident", "courier", "neighbour.clerk"):
        answer = client_as(who).post(f"/commitments/{one.uid}", data={"result": "kept", "finding": "x"})
        assert answer.status_code in (403, 404), who
        assert BOOKLET not in client_as(who).get("/commitments").text


def test_the_manager_of_the_catalogue_says_what_may_be_committed_to(session, client_as, person):
    code = "senior_card"
    manager = client_as("catalogue.manager")
    page = manager.get(f"/items/{code}/places")
    assert page.status_code == 200 and "可以承诺备案的条件或材料" in page.text
    many = manager.post(f"/items/{code}/places", data={"version": "0", "commitments": "\n".join(map(str, range(20)))})
    assert many.status_code == 422 and "最多 8 条" in many.text
    saved = manager.post(
        f"/items/{code}/places", data={"version": "0", "commitments": f"{CONDITION}\n\n{CONDITION}", "survey_runs": "y"}
    )
    assert saved.status_code == 303
    found = session.scalars(select(ServiceItem).where(ServiceItem.code == code)).one()
    session.expire_all()
    assert commitments.allowed(session, found) == (CONDITION,)
    assert session.get(ItemSetting, found.id).survey_runs is True
