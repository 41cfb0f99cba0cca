"""Rules of the office: matched, carried out once by the worker, logged; and no rule that could not work is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from jobs import worker
from models.content import Content
from models.ledger import JournalEntry, OutboxItem
from models.notice import Notice
from models.rule import Rule, RuleRun
from process import engine, office
from process.access import NOBODY
from process.refusals import InvalidInput, Stale
from services import rules


@pytest.fixture(autouse=True)
def looked_up_anew() -> Iterator[None]:
    rules.forget()
    yield
    rules.forget()


def made(session: Any, actor: Any, event: str, conditions: Any = (), actions: Any = (), **more: Any) -> Rule:
    data = {"title": "规则", "type": "complaint", "event": event, "place": actor.unit_id, **more}
    saved = rules.save(session, actor, data, conditions, actions)
    session.commit()
    return saved


def complaint(session: Any, handler: Any, agency: Any, title: str = "窗口没人") -> Content:
    content = Content(kind="content", title=title, fields={})
    engine.create(session, content, handler, type_id="complaint", place=agency(handler.unit_id), allowed=True)
    session.commit()
    return content


def worked_off(session: Any) -> int:
    items = session.scalars(
        select(OutboxItem.id).where(OutboxItem.job == rules.JOB, OutboxItem.status == "waiting")
    ).all()
    session.commit()
    for item in items:
        assert worker.do(session, item) == "done"
        assert worker.do(session, item) == "busy", "done twice it does nothing"
    session.expire_all()
    return len(items)


def runs(session: Any, rule: Rule) -> list[RuleRun]:
    return list(session.scalars(select(RuleRun).where(RuleRun.rule_id == rule.id).order_by(RuleRun.id)))


def test_a_rule_notifies_assigns_creates_sets_and_urges_and_says_so(session, actor, agency, person):
    handler = actor("complaint.handler")
    tell = {"kind": "notify", "target": "supervisor", "text": "有新投诉"}
    rule = made(
        session,
        actor("admin"),
        "create",
        actions=[
            tell,
            {"kind": "assign", "target": "complaint.handler"},
            {"kind": "urge", "target": "", "text": "当天看"},
        ],
        place=handler.unit_id,
    )
    content = complaint(session, handler, agency)
    assert content.assignee_id is None, "the worker does it, after the commit"
    assert worked_off(session) == 1
    assert content.assignee_id == handler.person_id
    told = session.scalars(select(Notice).where(Notice.kind == f"rule:{rule.id}")).one()
    assert told.person_id == person("supervisor").id and told.text == "有新投诉"
    run = runs(session, rule)[0]
    assert (run.outcome, [what[0] for what in run.what]) == ("done", ["notify", "assign", "urge"])
    actions = session.scalars(select(JournalEntry.action).where(JournalEntry.content_id == content.id)).all()
    assert {"rule:assign", "rule:run", "office:urge"} <= set(actions)


def test_conditions_are_all_asked_and_the_log_tells_when_they_do_not_hold(session, actor, agency):
    handler = actor("complaint.handler")
    conditions = [
        {"subject": "title", "op": "contains", "value": "窗口"},
        {"subject": "state", "op": "is", "value": "accepted"},
        {"subject": "unit", "op": "is", "value": handler.unit_id},
        {"subject": "assignee", "op": "is_empty", "value": ""},
        {"subject": "days_left", "op": "at_most", "value": "5"},
    ]
    urge = {"kind": "urge", "target": "", "text": ""}
    rule = made(session, actor("admin"), "accept", conditions, [urge], place=handler.unit_id)
    for title in ("窗口没人", "电话不通"):
        engine.fire(complaint(session, handler, agency, title), "accept", handler)
        session.commit()
    worked_off(session)
    # `take_on` gives the thing to whoever accepts it, so nothing here is without a holder.
    assert [r.outcome for r in runs(session, rule)] == ["not_met", "not_met"]
    rules.save(
        session,
        actor("admin"),
        {"title": "规则", "type": "complaint", "event": "accept", "place": handler.unit_id},
        [c for c in conditions if c["subject"] != "assignee"],
        [urge],
        rule,
    )
    session.commit()
    engine.fire(complaint(session, handler, agency, "窗口又没人"), "accept", handler)
    session.commit()
    worked_off(session)
    assert runs(session, rule)[-1].outcome == "done"


def test_a_rule_elsewhere_or_switched_off_does_nothing(session, actor, agency):
    handler, admin = actor("complaint.handler"), actor("admin")
    elsewhere = made(session, admin, "create", actions=[{"kind": "urge"}], place="dx-c01")
    off = made(session, admin, "create", actions=[{"kind": "urge"}], place=handler.unit_id)
    rules.switch(session, admin, off, False)
    session.commit()
    complaint(session, handler, agency)
    worked_off(session)
    assert runs(session, elsewhere) == runs(session, off) == []


def test_a_refused_action_takes_its_rule_with_it_and_is_told(session, actor, agency):
    handler, admin = actor("complaint.handler"), actor("admin")
    rule = made(
        session,
        admin,
        "create",
        actions=[
            {"kind": "assign", "target": "complaint.handler"},
            {"kind": "notify", "target": "head", "text": "请看"},
        ],
        place=handler.unit_id,
    )
    content = complaint(session, handler, agency)
    worked_off(session)
    run = runs(session, rule)[0]
    # The street has no head in the demo, so there is nobody to tell.
    assert run.outcome == "refused" and "没有" in run.what[0][1]
    assert content.assignee_id is None


def test_what_a_rule_does_sets_off_no_other(session, actor, agency):
    handler, admin = actor("complaint.handler"), actor("admin")
    first = made(session, admin, "office:urge", actions=[{"kind": "urge"}], place=handler.unit_id)
    content = complaint(session, handler, agency)
    office.do(content, "copy", handler, {"person": "supervisor"})
    version = content.version
    office.do(content, "urge", actor("supervisor"))
    assert content.version == version, "a form that somebody has open is not made stale by a reminder"
    session.commit()
    assert worked_off(session) == 1
    assert worked_off(session) == 0 and len(runs(session, first)) == 1


@pytest.mark.parametrize(
    ("data", "conditions", "actions", "field"),
    [
        ({"title": " "}, [], [{"kind": "urge"}], "title"),
        ({"event": "fly"}, [], [{"kind": "urge"}], "event"),
        ({"type": "nothing"}, [], [{"kind": "urge"}], "type"),
        ({"place": "moon"}, [], [{"kind": "urge"}], "place"),
        ({}, [], [], "actions"),
        ({}, [{"subject": "weather", "op": "is", "value": "x"}], [{"kind": "urge"}], "condition1"),
        ({}, [{"subject": "state", "op": "is", "value": "moon"}], [{"kind": "urge"}], "condition1"),
        ({}, [{"subject": "days_left", "op": "at_most", "value": "soon"}], [{"kind": "urge"}], "condition1"),
        ({}, [{"subject": "title", "op": "like", "value": "x"}], [{"kind": "urge"}], "condition1"),
        ({}, [{"subject": "title", "op": "is", "value": ""}], [{"kind": "urge"}], "condition1"),
        ({}, [], [{"kind": "explode"}], "action1"),
        ({}, [], [{"kind": "notify", "target": "head", "text": ""}], "action1"),
        ({}, [], [{"kind": "notify", "target": "nobody", "text": "x"}], "action1"),
        ({}, [], [{"kind": "assign", "target": "nobody"}], "action1"),
        ({}, [], [{"kind": "create", "target": "case"}], "action1"),
        ({}, [], [{"kind": "set_field", "target": "nothing", "text": "x"}], "action1"),
    ],
)
def test_a_rule_that_could_not_work_is_not_kept(session, actor, data, conditions, actions, field):
    whole = {"title": "规则", "type": "complaint", "event": "create", "place": actor("admin").unit_id, **data}
    with pytest.raises(InvalidInput) as told:
        rules.save(session, actor("admin"), whole, conditions, actions)
    assert field in told.value.errors and told.value.detail.startswith("规则还没有存")
    session.rollback()
    assert session.scalars(select(Rule)).all() == []


def test_two_administrators_do_not_overwrite_each_other(session, actor):
    admin = actor("admin")
    rule = made(session, admin, "create", actions=[{"kind": "urge"}])
    data = {"title": "改过", "type": "complaint", "event": "create", "place": admin.unit_id, "version": "1"}
    rules.save(session, admin, data, [], [{"kind": "urge"}], rule)
    with pytest.raises(Stale):
        rules.save(session, admin, data, [], [{"kind": "urge"}], rule)


def test_the_pages_compose_keep_what_was_typed_and_switch(client_as, session, actor):
    admin = client_as("admin")
    assert "还没有规则" in admin.get("/rules/").text
    assert "投诉举报" in admin.get("/rules/new").text
    assert "剩余工作日" in admin.get("/rules/new?type=complaint").text
    form = {
        "type": "complaint",
        "title": "催投诉",
        "event": "clock:near",
        "place": actor("admin").unit_id,
        "action1_kind": "notify",
        "action1_target": "head",
        "action1_text": "",
    }
    wrong = admin.post("/rules/new", data=form)
    assert wrong.status_code == 422 and "请写提醒的话" in wrong.text and "催投诉" in wrong.text
    saved = admin.post("/rules/new", data={**form, "action1_text": "快到期了"})
    assert saved.status_code == 303
    page = admin.get(saved.headers["Location"]).text
    assert "快到期了" in page and "还没有做过" in page
    rule = session.scalars(select(Rule)).one()
    assert admin.post(f"/rules/{rule.id}/switch").status_code == 303
    assert "已停用" in admin.get("/rules/").text
    assert client_as("supervisor").get("/rules/").status_code == 404
    assert admin.get("/rules/999").status_code == 404


def test_a_rule_whose_field_or_type_is_gone_says_so_and_lets_the_others_run(session, actor, agency):
    handler, admin = actor("complaint.handler"), actor("admin")
    broken = [made(session, admin, "create", actions=[{"kind": "urge"}], place=handler.unit_id) for _ in range(4)]
    well = made(
        session, admin, "create", actions=[{"kind": "assign", "target": "complaint.handler"}], place=handler.unit_id
    )
    for rule, action in zip(
        broken,
        (
            {"kind": "set_field", "target": "gone", "text": "x"},
            {"kind": "create", "target": "gone", "text": ""},
            {"kind": "notify", "target": "gone", "text": "x"},
            {"kind": "explode", "target": "", "text": ""},
        ),
        strict=True,
    ):
        rule.actions = [action]
        rule.conditions = [{"subject": "field:gone", "op": "is_empty", "value": ""}]
    session.commit()
    content = complaint(session, handler, agency)
    worked_off(session)
    assert [runs(session, rule)[0].outcome for rule in broken] == ["refused"] * 4
    assert all(runs(session, rule)[0].what[0][1] for rule in broken)
    assert runs(session, well)[0].outcome == "done" and content.assignee_id == handler.person_id


def test_what_a_rule_made_sets_off_none_by_its_automatic_steps(session, actor, agency):
    handler, admin = actor("complaint.handler"), actor("admin")
    made(session, admin, "accept", actions=[{"kind": "urge"}], place=handler.unit_id)
    content = Content(kind="content", title="规则建的", fields={})
    engine.create(
        session, content, NOBODY, type_id="complaint", place=agency(handler.unit_id), allowed=True, details={"rule": 1}
    )
    rules.heard(session, content, "accept", NOBODY, None)
    assert worked_off(session) == 0
    rules.heard(session, content, "accept", handler, None)
    assert worked_off(session) == 1
