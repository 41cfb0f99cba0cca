"""转办: a part of a ticket asked of another unit; its answer, dates and papers flow back, its sight ends with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.delegation import Delegation, Handover
from models.ledger import JournalEntry
from models.notice import Notice
from process import clock, engine
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotAvailable, Refusal, RequirementUnmet
from services import actions, custody, notes, sub_tickets, whereabouts
from tests.services.test_delegations import LETTER, counted, drawn, open_case, open_ticket, opened, sees

As = Callable[[str], Actor]
QUESTION = "请核对户籍档案里的婚姻登记，并答复是否一致。"


@pytest.fixture
def ticket(session: Session, actor: As) -> Delegation:
    """A ticket that the street is working on, its papers counted."""
    clerk, window = actor("community.clerk"), actor("window.clerk")
    made = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    engine.fire(made, "send", clerk)
    engine.fire(made, "receive", window, inputs={"lines": counted(session, made)})
    engine.fire(made, "start", window)
    return made


def pass_on(session: Session, actor: Actor, ticket: Delegation, to: str = "xc-approvals", **data: Any) -> Delegation:
    made = actions.create(
        session,
        actor,
        sub_tickets.TYPE,
        {"ticket": ticket.uid, "addressee": to, "question": QUESTION, **data},
    )
    assert isinstance(made, Delegation)
    return made


ALONG = [{"material": "id_card", "original": True, "sheets": 1}]
YES = {"verdict": "yes", "comment": "档案一致。"}


def count(session: Session, sub: Delegation, action: str, **changed: Any) -> dict[str, Any]:
    return {"lines": counted(session, sub, action, **changed)}


@pytest.mark.req("S2-22")
def test_a_part_goes_out_and_its_answer_flows_back(session: Session, actor: As, ticket: Delegation) -> None:
    clerk, window, asked = actor("community.clerk"), actor("window.clerk"), actor("approvals.clerk")
    sub = pass_on(session, window, ticket, lines=ALONG)
    assert (sub.state, sub.number[:3], sub.unit_id, sub.parent_id) == ("sent", "ZB-", "xc-approvals", ticket.id)
    assert sees(session, asked, sub) and sees(session, window, sub)
    # The unit asked sees its part and nothing above it; the station sees that there is one, not what is noted there.
    assert not sees(session, asked, ticket) and not sees(session, asked, ticket.case)
    assert not sees(session, clerk, sub)
    assert [(p.number, p.unit, p.open) for p in sub_tickets.told(session, ticket)] == [
        (sub.number, "下城区审批管理办公室", True)
    ]
    for name in ("neighbour.clerk", "courier", "admin", "water.clerk", "resident"):
        assert not sees(session, actor(name), sub), name
    card = ticket.case.materials[0]
    assert card.holder_unit_id == "dongxin-centre", "until it is counted it is the sender's"

    engine.fire(sub, "receive", asked, inputs=count(session, sub, "pass_on"))
    assert card.holder_unit_id == "xc-approvals" and sub.assignee_id == asked.person_id
    day = clock.local_day(now()) + timedelta(days=30)
    engine.fire(sub, "promise", asked, inputs={"date": day.isoformat()})
    assert clock.local_day(sub.deadline) == day
    late = sub_tickets.told(session, ticket)[0].late
    assert f"答应{day.month}月{day.day}日答复" in late and "晚于这张代办单的期限" in late

    with pytest.raises(RequirementUnmet, match="没有列入交接清单：本人居民身份证"):
        engine.fire(sub, "answer", asked, inputs={**YES, "lines": [{"material": "复函", "sheets": 1}]})
    engine.fire(sub, "answer", asked, inputs=YES)
    assert (sub.state, sub.unit_id) == ("answered", "dongxin-centre")
    assert card.holder_unit_id == "xc-approvals", "until the street has counted it"
    with pytest.raises(RequirementUnmet, match="材料还没有收回"):
        engine.fire(sub, "take_back", window)
    engine.fire(sub, "count_further", window, inputs=count(session, sub, "answer"))
    assert card.holder_unit_id == "dongxin-centre"
    engine.fire(sub, "take_back", window)
    assert sub.state == "closed" and not sees(session, asked, sub) and sees(session, window, sub)

    rows = session.scalars(
        select(JournalEntry)
        .where(JournalEntry.content_id == ticket.id, JournalEntry.action.startswith("sub_ticket:"))
        .order_by(JournalEntry.id)
    ).all()
    assert [row.action.partition(":")[2] for row in rows] == ["send", "receive", "promise", "answer", "take_back"]
    assert QUESTION in rows[0].comment and "同意：档案一致。" in rows[3].comment
    told = session.scalars(select(Notice.kind).where(Notice.content_id == ticket.id)).all()
    assert {"sub_ticket:answer", "sub_ticket:late", "sub_ticket:promise"} <= set(told)
    chain = session.scalars(select(Handover.action).where(Handover.case_id == ticket.case_id).order_by(Handover.id))
    assert list(chain) == ["send", "pass_on", "answer"]
    assert "沈丽娟" in {w.material.code: w for w in whereabouts.where_is(session, ticket.case)}["id_card"].holder


def decided(session: Session, actor: As, ticket: Delegation) -> None:
    ticks = [{"code": m.code, "verdict": "accepted"} for m in ticket.case.materials if m.provided]
    engine.fire(ticket.case, "review", actor("reviewer"), inputs={"materials": ticks})
    engine.fire(ticket.case, "approve", actor("approver"))


def test_the_decision_says_which_parts_are_open(session: Session, actor: As, ticket: Delegation) -> None:
    window, asked, water = actor("window.clerk"), actor("approvals.clerk"), actor("water.clerk")
    one = pass_on(session, window, ticket, lines=ALONG)
    two = pass_on(session, window, ticket, "xc-water")
    decided(session, actor, ticket)
    with pytest.raises(RequirementUnmet) as refused:
        engine.fire(ticket, "decide", window)
    for words in ("2 张转办单", one.number, two.number, "示例水务公司，已转出", "撤回转办单"):
        assert words in refused.value.detail
    # A returned one does not stand in the way, and is told at once.
    with pytest.raises(InvalidInput):
        engine.fire(two, "return", water)
    engine.fire(two, "return", water, inputs={"comment": "不归我们管"})
    assert two.state == "returned" and not sees(session, water, two)
    assert session.scalars(select(Notice).where(Notice.kind == "sub_ticket:return")).first() is not None
    engine.fire(one, "receive", asked, inputs=count(session, one, "pass_on"))
    engine.fire(one, "answer", asked, inputs={"verdict": "no", "comment": "档案不一致"})
    with pytest.raises(RequirementUnmet, match="材料还没有收回"):
        engine.fire(ticket, "decide", window)
    engine.fire(one, "count_further", window, inputs=count(session, one, "answer"))
    engine.fire(ticket, "decide", window)
    assert (one.state, ticket.state) == ("closed", "decided") and not sees(session, asked, one)


def test_nothing_goes_home_while_an_original_is_with_a_part(session: Session, actor: As, ticket: Delegation) -> None:
    """What was missing when the answer was counted keeps the part open, and can be handed over later."""
    window, asked = actor("window.clerk"), actor("approvals.clerk")
    sub = pass_on(session, window, ticket, lines=ALONG)
    engine.fire(sub, "receive", asked, inputs=count(session, sub, "pass_on"))
    with pytest.raises(RequirementUnmet, match="材料还没有收回：本人居民身份证（在下城区审批管理办公室"):
        engine.fire(sub, "withdraw", window, inputs={"comment": "不用了"})
    engine.fire(sub, "answer", asked, inputs=YES)
    missing = {"line1": {"counted": 0, "difference": "信封是空的"}}
    engine.fire(sub, "count_further", window, inputs=count(session, sub, "answer", **missing))
    assert ticket.case.materials[0].holder_unit_id == "xc-approvals"
    with pytest.raises(RequirementUnmet, match="材料还没有收回"):
        engine.fire(sub, "take_back", window)
    decided(session, actor, ticket)
    with pytest.raises(RequirementUnmet, match=sub.number):
        engine.fire(ticket, "decide", window)
    engine.fire(sub, "hand_back", asked)
    engine.fire(sub, "count_further", window, inputs=count(session, sub, "answer"))
    engine.fire(sub, "take_back", window)
    engine.fire(ticket, "decide", window)
    engine.fire(ticket.case, "issue", actor("issuer"))
    engine.fire(ticket, "send_result", window)


def test_a_line_of_a_part_is_sent_back(session: Session, actor: As, ticket: Delegation) -> None:
    window, asked = actor("window.clerk"), actor("approvals.clerk")
    both = [*ALONG, {"material": "photo", "original": True, "sheets": 2}]
    sub = pass_on(session, window, ticket, lines=both)
    given = count(session, sub, "pass_on", line2={"verdict": "send_back", "defect": "用不着照片"})
    engine.fire(sub, "receive", asked, inputs=given)
    photo = ticket.case.materials[1]
    assert photo.holder_unit_id == "xc-approvals"
    with pytest.raises(Forbidden):
        engine.fire(sub, "count_further", asked, inputs=count(session, sub, "send_back"))
    engine.fire(sub, "count_further", window, inputs=count(session, sub, "send_back"))
    assert photo.holder_unit_id == "dongxin-centre" and sub.state == "processing"


def test_a_withdrawn_ticket_ends_its_parts(session: Session, actor: As) -> None:
    """主送 gets the papers, 协办 a part of its own; both lose sight with the ticket."""
    clerk, asked = actor("community.clerk"), actor("approvals.clerk")
    ticket = open_ticket(
        session,
        clerk,
        open_case(session, clerk),
        letter=LETTER,
        co_addressees=["xc-approvals", "xc-water", "xc-water"],
        message="请一并核对。",
    )
    assert sub_tickets.told(session, ticket) == []
    engine.fire(ticket, "send", clerk)
    parts = sub_tickets.parts(session, ticket)
    assert [(p.addressee_id, p.state, p.place_id) for p in parts] == [
        ("xc-approvals", "sent", "dongxin-centre"),
        ("xc-water", "sent", "dongxin-centre"),
    ]
    assert all(p.fields["joint"] and p.fields["question"] == "请一并核对。" for p in parts)
    assert not session.scalars(select(Handover).where(Handover.content_id.in_([p.id for p in parts]))).all()
    assert sees(session, asked, parts[0]) and not sees(session, asked, ticket)
    engine.fire(parts[0], "receive", asked)
    engine.fire(parts[0], "answer", asked, inputs=YES)
    engine.fire(ticket, "withdraw", clerk, inputs={"comment": "本人改主意"})
    assert [p.state for p in parts] == ["closed", "withdrawn"]
    assert not sees(session, asked, parts[0]) and not sees(session, actor("water.clerk"), parts[1])


def test_return_ends_the_parts_and_sending_again_opens_new_ones(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER, co_addressees=["xc-approvals"])
    engine.fire(ticket, "send", clerk)
    engine.fire(ticket, "return", window, inputs={"comment": "事项选错"})
    opened(session, ticket, clerk)
    engine.fire(ticket, "revise", clerk)
    engine.fire(ticket, "send", clerk)
    assert [p.state for p in sub_tickets.parts(session, ticket)] == ["withdrawn", "sent"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"addressee": "dongxin-centre"}, "就是本单位"),
        ({"addressee": "dx-c01"}, "就是转出这张单子的单位"),
        ({"addressee": "moon"}, "没有找到要转交的单位"),
        ({"addressee": "xc-gas"}, "还没有能清点接收的人员"),
        ({"addressee": ""}, "没有找到要转交的单位"),
        ({"question": " "}, "请写明请对方办什么"),
        ({"question": "好" * 2001}, "最多 2000 个字"),
        ({"reply_by": "2020-01-01"}, "已经过去"),
        ({"reply_by": "2026-02-30"}, "必须存在"),
        ({"reply_by": "2099-01-01"}, "最长一年"),
        ({"lines": [{"material": "id_card", "original": True, "sheets": 10000}]}, "0 到 999"),
        ({"lines": [{"material": "id_card", "original": True, "sheets": -1}]}, "0 到 999"),
        ({"lines": [{"material": "", "sheets": 1}]}, "没有写材料名称"),
        ({"lines": "身份证"}, "应为列表"),
    ],
)
def test_bad_parts_are_refused_in_words(
    session: Session, actor: As, ticket: Delegation, data: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refusal, match=words), session.begin_nested():
        pass_on(session, actor("window.clerk"), ticket, **data) if "addressee" not in data else actions.create(
            session, actor("window.clerk"), sub_tickets.TYPE, {"ticket": ticket.uid, "question": QUESTION, **data}
        )
    session.expire_all()
    assert sub_tickets.parts(session, ticket) == []


def test_who_may_pass_on_and_when(
    session: Session, actor: As, ticket: Delegation, agency: Callable[[str], Agency]
) -> None:
    for name in ("community.clerk", "neighbour.clerk", "approvals.clerk", "resident", "supervisor"):
        with pytest.raises((Forbidden, InvalidInput)):
            pass_on(session, actor(name), ticket)
    window = actor("window.clerk")
    sub = pass_on(session, window, ticket)
    with pytest.raises(InvalidInput, match=f"已经有一张给下城区审批管理办公室的单子 {sub.number}"):
        pass_on(session, window, ticket)
    with pytest.raises(InvalidInput, match="转办单不能再往下转办"):
        pass_on(session, actor("approvals.clerk"), sub, "xc-water")
    agency("xc-water").valid_to = clock.local_day(now()) - timedelta(days=1)
    agency("xc-water").details = {"successor": "xc-approvals"}
    with pytest.raises(InvalidInput, match="已停止办公，现由下城区审批管理办公室接替"):
        pass_on(session, window, ticket, "xc-water")
    engine.fire(sub, "withdraw", window, inputs={"comment": "不用了"})
    decided(session, actor, ticket)
    engine.fire(ticket, "decide", window)
    with pytest.raises(NotAvailable, match="代办单现在是“已办结”"):
        pass_on(session, window, ticket)


def test_a_part_cannot_take_along_what_lies_elsewhere(session: Session, actor: As, ticket: Delegation) -> None:
    window = actor("window.clerk")
    custody.hold(session, [ticket.case.materials[0].id], custody.Party("万家星城社区", "dx-c01"))
    with pytest.raises(InvalidInput, match="不在东新街道行政服务中心手里"), session.begin_nested():
        pass_on(session, window, ticket, lines=ALONG)


def test_notes_of_one_unit_stay_there(session: Session, actor: As, ticket: Delegation) -> None:
    clerk, window, reviewer = actor("community.clerk"), actor("window.clerk"), actor("reviewer")
    notes.add(session, ticket, window, audience="unit", text="本街道：材料有疑点，先别说。")
    notes.add(session, ticket, window, audience="internal", text="两边：请问老人电话？")
    notes.add(session, ticket, clerk, audience="resident", text="已送到街道，请等通知。")
    session.flush()

    def words(who: Actor) -> set[str]:
        return {note.text[:3] for note in notes.thread(session, ticket, who)}

    assert words(window) == words(reviewer) == {"本街道", "两边：", "已送到"}
    assert words(clerk) == {"两边：", "已送到"}
    assert words(actor("neighbour.clerk")) == words(actor("supervisor")) == set()
    with pytest.raises(InvalidInput):
        notes.add(session, ticket, window, audience="everybody", text="x")
    with pytest.raises(Forbidden):
        notes.add(session, ticket, actor("approvals.clerk"), audience="unit", text="x")


def test_the_receiver_may_sign_by_hand(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    engine.fire(ticket, "send", clerk)
    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket), "signature": drawn()})
    handover = custody.latest(session, ticket, "send")
    assert handover.to_signature_id is not None and handover.signed_at is not None
