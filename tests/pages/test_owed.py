"""容缺台账: each owed paper with its own date, by fax, extended once, lapsed, and what a broken promise means."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from catalogue import loader as catalogue
from models.base import at_time, now
from models.case import Case
from models.content import Content
from models.ledger import OutboxItem
from models.paper import Certificate
from models.promise import FaxPage, OwedMaterial
from process import clock, engine, timers
from process.numbers import CHINA
from process.refusals import RequirementUnmet
from services import actions, owed
from tests.pages.test_counter import photo
from tests.revisions import revision
from tests.services.fertility import ALL, BOOKLETS, WIFE, opened, ticks

WIFE_BOOK, HUSBAND_BOOK = BOOKLETS


def day(session: Any, ahead: int) -> date:
    return clock.calendar(session).add_working_days(clock.local_day(now()), ahead)


def submitted(session: Any, actor: Any, without: tuple[str, ...] = BOOKLETS) -> Case:
    case = opened(session, actor("window.clerk"), materials=[dict(m) for m in ALL if m["code"] not in without])
    engine.fire(case, "submit", actor("window.clerk"))
    session.commit()
    return case


def deferred(session: Any, actor: Any, client: Any) -> dict[str, OwedMaterial]:
    case = submitted(session, actor)
    dates = {f"due-{WIFE_BOOK}": day(session, 1).isoformat(), f"due-{HUSBAND_BOOK}": day(session, 2).isoformat()}
    answer = client.post(f"/cases/{case.uid}/defer", data={**dates, "promise": "1", "supply_way": "fax"})
    assert answer.status_code == 303, answer.text[-1500:]
    session.expire_all()
    return {line.material.code: line for line in session.scalars(select(OwedMaterial))}


@pytest.mark.req("S2-12")
def test_a_fax_is_laid_into_the_slot_it_answers(session, actor, client_as):
    window = client_as("window.clerk")
    lines = deferred(session, actor, window)
    assert (lines[WIFE_BOOK].due, lines[HUSBAND_BOOK].due) == (day(session, 1), day(session, 2))
    assert window.post("/promises/fax", data={"file": photo("传真.jpg"), "sender": "0571-1"}).status_code == 303
    page = session.scalars(select(FaxPage)).one()
    assert window.get(f"/promises/fax/{page.uid}/file").data.startswith(b"\xff\xd8")
    nothing = window.post(f"/promises/fax/{page.uid}", data={})
    assert nothing.status_code == 422 and "请先选这页传真补的是哪一份" in nothing.text
    assert client_as("neighbour.clerk").get(f"/promises/fax/{page.uid}/file").status_code == 404
    done = window.post(f"/promises/fax/{page.uid}", data={"slot": lines[WIFE_BOOK].uid})
    assert done.status_code == 303
    session.expire_all()
    line = lines[WIFE_BOOK]
    assert (line.state, line.supplied_way, line.material.source) == ("supplied", "fax", "fax")
    assert line.material.provided and page.state == "matched"
    assert window.post(f"/promises/fax/{page.uid}", data={"slot": lines[HUSBAND_BOOK].uid}).status_code == 409
    assert "已补齐（传真）" in window.get("/promises?show=supplied").text


def test_one_extension_then_the_promise_is_broken_and_blocks_the_next(session, actor, client_as):
    window = client_as("window.clerk")
    line = deferred(session, actor, window)[WIFE_BOOK]
    longer = {"due": day(session, 2).isoformat(), "reason": "户口簿在外地"}
    without = window.post(f"/promises/{line.uid}/extend", data={**longer, "reason": ""})
    assert without.status_code == 422 and "请写延期的原因" in without.text
    assert window.post(f"/promises/{line.uid}/extend", data=longer).status_code == 303
    twice = window.post(f"/promises/{line.uid}/extend", data=longer)
    assert twice.status_code == 409 and "已经延期过一次" in twice.text
    session.expire_all()
    assert line.promised_due == day(session, 1) and line.due == day(session, 2)
    with at_time(clock.end_of(line.due) + timedelta(minutes=1)):
        # The first date's row finds that it does not hold any more.
        assert not owed.lapse(session, {"owed_id": line.id, "due": line.promised_due.isoformat()})
        assert owed.lapse(session, {"owed_id": line.id, "due": line.due.isoformat()})
        assert not owed.lapse(session, {"owed_id": line.id, "due": line.due.isoformat()})
    session.commit()
    assert line.state == "lapsed"
    again = submitted(session, actor)
    dates = {f"due-{code}": day(session, 1).isoformat() for code in BOOKLETS}
    refused = window.post(f"/cases/{again.uid}/defer", data={**dates, "promise": "1"})
    assert refused.status_code == 422 and "不能再容缺受理" in refused.text
    with pytest.raises(RequirementUnmet, match="没有逾期未补"):
        owed.promise_lapsed(type("Step", (), {"session": session, "content": again, "actor": actor("approver")})())  # type: ignore[arg-type]


def test_a_critical_paper_is_never_deferred(session, actor, client_as):
    case = submitted(session, actor, without=("marriage_certificate",))
    window = client_as("window.clerk")
    assert "必备，不能容缺" in window.get(f"/cases/{case.uid}/defer").text
    refused = window.post(
        f"/cases/{case.uid}/defer",
        data={"due-marriage_certificate": day(session, 1).isoformat(), "promise": "1", "reason": "忘在家里"},
    )
    assert refused.status_code == 422 and "关键材料，不能容缺受理" in refused.text and "忘在家里" in refused.text
    assert session.scalars(select(OwedMaterial)).all() == []


def test_a_promise_never_reaches_into_a_year_without_a_calendar(session, actor, client_as):
    """In December nobody knows the holidays of January yet: the proposal stays in the year, a later date is refused with a way out."""
    last = max(clock.calendar(session).years)
    with at_time(datetime(last, 12, 30, 10, tzinfo=CHINA)):
        window, case = client_as("window.clerk"), submitted(session, actor)
        page = window.get(f"/cases/{case.uid}/defer").text
        assert f'value="{last}-12-31"' in page or f'value="{last}-12-30"' in page, "no guess into the next year"
        dates = {f"due-{code}": f"{last + 1}-01-08" for code in BOOKLETS}
        refused = window.post(f"/cases/{case.uid}/defer", data={**dates, "promise": "1", "reason": "在外地"})
        assert refused.status_code == 422 and f"{last + 1}年工作日历尚未录入" in refused.text
        assert (
            "请管理员先录入" in refused.text
            and f'value="{last + 1}-01-08"' in refused.text
            and "在外地" in refused.text
        )
    with at_time(datetime(last + 1, 1, 4, 10, tzinfo=CHINA)):
        page = client_as("window.clerk").get(f"/cases/{case.uid}/defer")
        assert page.status_code == 200 and f"{last + 1}年工作日历尚未录入" in page.text


@pytest.mark.req("S2-12")
def test_an_approved_case_ends_too_when_the_promise_was_broken(session, actor, client_as):
    """Approved meanwhile, released never: without the owed paper the approver ends it; a number already drawn is voided first."""
    lines = deferred(session, actor, client_as("window.clerk"))
    case = next(iter(lines.values())).case
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    session.commit()
    approver = client_as("approver")
    assert "end_owed" not in {t.id for t in engine.available(case, actor("approver"))}, (
        "not offered while the day is to come"
    )
    early = approver.post(f"/c/{case.uid}/do/end_owed", data={"comment": "户口簿没有补"})
    assert early.status_code in (409, 422) and "没有逾期未补" in early.text
    for line in lines.values():
        with at_time(clock.end_of(line.due)):
            owed.lapse(session, {"owed_id": line.id, "due": line.due.isoformat()})
    assert "end_owed" in {t.id for t in engine.available(case, actor("approver"))}
    card = session.scalars(select(Certificate).where(Certificate.case_id == case.id)).one()
    engine.fire(card, "number", actor("issuer"))
    session.commit()
    numbered = approver.post(f"/c/{case.uid}/do/end_owed", data={"comment": "户口簿没有补"})
    assert numbered.status_code in (409, 422) and "已经编号还没有发出" in numbered.text
    engine.fire(card, "void", actor("approver"), inputs={"comment": "容缺材料逾期未补"})
    session.commit()
    assert approver.post(f"/c/{case.uid}/do/end_owed", data={"comment": "户口簿没有补"}).status_code == 303
    session.expire_all()
    assert case.state == "refused" and card.state == "voided"


def test_a_promise_stands_when_the_case_is_asked_for_more_and_accepted_with_papers_owed_again(
    session, actor, client_as
):
    window = client_as("window.clerk")
    lines = deferred(session, actor, window)
    case = lines[WIFE_BOOK].case
    ticks = [{"code": "marriage_certificate", "verdict": "rejected", "defect": "看不清"}]
    asked = {"comment": "请重交结婚证", "materials": ticks}
    engine.fire(case, "supplement_needed", actor("reviewer"), inputs=asked)
    engine.fire(case, "supplement", actor("window.clerk"))
    session.commit()
    later = {f"due-{code}": day(session, 3).isoformat() for code in BOOKLETS}
    answer = window.post(f"/cases/{case.uid}/defer", data={**later, "promise": "1"})
    assert answer.status_code == 303, answer.text[-1500:]
    session.expire_all()
    # The first day stands: a second promise is no way round the one extension.
    assert (lines[WIFE_BOOK].due, lines[HUSBAND_BOOK].due) == (day(session, 1), day(session, 2))
    assert len(session.scalars(select(OwedMaterial)).all()) == 2


def beside(session: Any, actor: Any, names: tuple[str, ...], **more: Any) -> Content:
    """A deferral recorded as a thing of its own: promised and accepted, without slots."""
    clerk = actor("window.clerk")
    given = {"item": "fertility_registration_card", "applicant": WIFE, "place": "dongxin-centre", **more}
    thing = actions.create(session, clerk, owed.BESIDE, given)
    inputs = {
        "owed": [{"material": name} for name in names],
        "supply_by": day(session, 3).isoformat(),
        "reason": "户口簿在外地",
        "promise_signed": True,
    }
    actions.perform(thing, "promise", clerk, inputs)
    actions.perform(thing, "accept", clerk)
    session.commit()
    return thing


@pytest.mark.req("S2-12")
def test_the_ledger_carries_what_is_owed_outside_a_case_too_with_its_dates_reminders_and_blocks(
    session, actor, client_as
):
    names = tuple(m.name for m in catalogue.item("fertility_registration_card").deferrable)[:2]
    thing = beside(session, actor, names)
    window = client_as("window.clerk")
    lines = owed.of_thing(session, thing)
    assert [line.paper for line in lines] == list(names) and all(line.resident_id for line in lines)
    page = window.get("/promises").text
    assert page.count(thing.number) == 2 and all(name in page for name in names)
    assert thing.number in window.get(f"/promises?q={thing.number}").text
    shown = window.get(f"/c/{thing.uid}").text
    assert "承诺后补的材料" in shown and "等补" in shown
    assert thing.number not in client_as("neighbour.clerk").get("/promises").text
    # Reminders are those of the ledger, for the same day.
    reminders = [row for row in session.scalars(select(OutboxItem).where(OutboxItem.job == "messages.remind"))]
    assert {row.args["uid"] for row in reminders} == {thing.uid}
    # One extension, within ten working days; the state's own date moves along.
    before = thing.deadline
    far = window.post(
        f"/promises/{lines[0].uid}/extend",
        data={"due": (clock.local_day(now()) + timedelta(days=60)).isoformat(), "reason": "在外地"},
    )
    assert far.status_code == 422 and "第 10 个工作日" in far.text
    longer = {"due": day(session, 5).isoformat(), "reason": "在外地"}
    assert window.post(f"/promises/{lines[0].uid}/extend", data=longer).status_code == 303
    session.expire_all()
    assert before is not None and thing.deadline is not None and thing.deadline > before
    assert thing.fields["supply_by"] == longer["due"]
    # A paper comes by post: struck off; the last one takes the thing on.
    assert window.post(f"/promises/{lines[1].uid}/receive", data={"way": "post"}).status_code == 303
    session.expire_all()
    assert (lines[1].state, lines[1].supplied_way, thing.state) == ("supplied", "post", "accepted_deferred")
    with at_time(clock.end_of(lines[0].due) + timedelta(minutes=1)):
        assert owed.lapse(session, {"owed_id": lines[0].id, "due": lines[0].due.isoformat()})
        timers.ring(session, {"content_id": thing.id, "transition": "expire", "entered": thing.entered_at.isoformat()})
        session.commit()
        assert thing.state == "overdue"
        again = submitted(session, actor)
        dates = {f"due-{code}": day(session, 1).isoformat() for code in BOOKLETS}
        refused = client_as("window.clerk").post(f"/cases/{again.uid}/defer", data={**dates, "promise": "1"})
        assert refused.status_code == 422 and thing.number in refused.text and "不能再容缺受理" in refused.text
        late = client_as("window.clerk").post(f"/promises/{lines[0].uid}/extend", data=longer)
        assert late.status_code == 409
        assert (
            client_as("window.clerk").post(f"/promises/{lines[0].uid}/receive", data={"way": "fax"}).status_code == 303
        )
    session.expire_all()
    assert thing.state == "supplied" and lines[0].lapsed_on is not None, "late is late"


def test_one_paper_has_one_line_though_a_case_and_a_record_beside_it_both_wait_for_it(session, actor, client_as):
    window = client_as("window.clerk")
    line = deferred(session, actor, window)[WIFE_BOOK]
    case = line.case
    assert case is not None
    thing = beside(session, actor, (line.paper,), case=case.uid)
    assert owed.of_thing(session, thing) == [] and line in owed.waited_for(session, thing)
    with pytest.raises(RequirementUnmet, match=f"是办件 {case.number} 欠的"), session.begin_nested():
        actions.perform(
            thing, "supply", actor("window.clerk"), {"supplied": [{"material": line.paper}], "supply_way": "fax"}
        )


def test_a_deferral_of_before_has_its_lines_and_is_struck_off_by_the_process_it_began_with(session, actor):
    """What the migration does for things whose own list said what they owe, and whose version of the process knows no ledger."""
    names = tuple(m.name for m in catalogue.item("fertility_registration_card").deferrable)[:2]
    thing = beside(session, actor, names)
    session.execute(delete(OwedMaterial))
    thing.fields = {**thing.fields, "owed": [*names, "来过的"], "supplied": ["来过的"]}
    session.flush()
    revision("0008")._lines_of_deferrals(session.connection())
    lines = owed.of_thing(session, thing)
    assert [(line.paper, line.state, line.due.isoformat()) for line in lines] == [
        (name, "open", thing.fields["supply_by"]) for name in names
    ]
    jobs = session.scalars(select(OutboxItem).where(OutboxItem.job == owed.LAPSE)).all()
    assert {line.id for line in lines} <= {job.args["owed_id"] for job in jobs}
    given = {"supplied": [{"material": name} for name in names], "supply_way": "window"}
    actions.perform(thing, "supply", actor("window.clerk"), given)
    assert {line.state for line in owed.of_thing(session, thing)} == {"supplied"} and thing.state == "supplied"


def test_a_deferral_that_was_late_before_is_late_in_the_ledger_and_nobody_is_told_again(session, actor):
    names = tuple(m.name for m in catalogue.item("fertility_registration_card").deferrable)[:1]
    thing = beside(session, actor, names)
    session.execute(delete(OwedMaterial))
    session.execute(delete(OutboxItem).where(OutboxItem.job == owed.LAPSE))
    thing.fields, thing.state = {**thing.fields, "owed": list(names)}, "overdue"
    session.flush()
    revision("0008")._lines_of_deferrals(session.connection())
    (line,) = owed.of_thing(session, thing)
    assert line.state == "lapsed" and line.lapsed_on == line.due
    assert session.scalar(select(OutboxItem.id).where(OutboxItem.job == owed.LAPSE)) is None
    assert owed.is_owed(line)
