"""扫码接收: what a code leads to, and signing for a pile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.delegation import Delegation
from models.ledger import JournalEntry
from models.paper import Paper
from process import engine
from process.access import Actor
from process.refusals import InvalidInput, NotFound
from services import codes, custody, scanning
from services.scanning import Counted
from tests.services.test_delegations import LETTER, open_case, open_ticket, opened

As = Callable[[str], Actor]


def pile(session: Session, clerk: Actor, count: int) -> list[Delegation]:
    """Signed tickets on their way to the street."""
    found = []
    for _number in range(count):
        ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
        engine.fire(ticket, "send", clerk)
        found.append(ticket)
    return found


def as_listed(session: Session, ticket: Delegation, action: str = "send") -> Counted:
    handover = custody.latest(session, ticket, action)
    assert handover is not None
    return Counted(ticket.uid, handover.id, ticket.version)


def check_code(session: Session, ticket: Delegation) -> str:
    return session.scalars(
        select(Paper.verify_code).where(Paper.content_id == ticket.id, Paper.paper == "handover_list")
    ).one()


@pytest.mark.parametrize(
    ("raw", "number", "check"),
    [
        ("DB-2026-000123", "DB-2026-000123", ""),
        (" db-2026-000123\r", "DB-2026-000123", ""),
        ("ＤＢ－２０２６－０００１２３", "DB-2026-000123", ""),
        ("DB—2026—000123-2", "DB-2026-000123", ""),
        ("https://x.example/verify/8F3KQ2MX7T1A-_ab", "", "8F3KQ2MX7T1A-_ab"),
        ("8F3K Q2MX 7T1A abcd", "", "8F3KQ2MX7T1Aabcd"),
        ("<script>alert(1)</script>", "", ""),
        ("https://evil.example/verify/<svg onload=x>", "", ""),
        ("', DROP TABLE content; --", "", ""),
        ("\x00\x1b[31m\u202e\ud800", "", ""),
        ("A" * 100_000, "", ""),
        ("110105194912310020", "", "110105194912310020"),
        ("", "", ""),
    ],
)
def test_any_code_is_read_without_harm(raw: str, number: str, check: str) -> None:
    code = codes.read(raw)
    assert (code.number, code.check) == (number, check)
    assert len(code.shown) <= codes.SHOWN + 1 and code.shown.isprintable()


def test_a_code_leads_to_the_ticket_or_plainly_says_why_not(session: Session, actor: As) -> None:
    clerk, window, neighbour = actor("community.clerk"), actor("window.clerk"), actor("neighbour.clerk")
    (ticket,) = pile(session, clerk, 1)
    code = check_code(session, ticket)
    for raw in (ticket.number, f"{ticket.number}-1", code, f"https://daiban.example/verify/{code}", ticket.case.number):
        found = scanning.look(session, window, raw)
        assert (found.verdict, found.ticket, found.step, found.sheets) == ("ready", ticket, "receive", 6), raw

    mine = scanning.look(session, clerk, ticket.number)
    assert mine.verdict == "waiting" and "由对方清点" in mine.sentence
    # The paper in hand names its addressee anyway; a number that can be guessed confirms nothing.
    by_paper = scanning.look(session, neighbour, code)
    assert (by_paper.verdict, by_paper.ticket) == ("not_ours", None) and "东新街道行政服务中心" in by_paper.sentence
    guessed, invented = (
        scanning.look(session, neighbour, ticket.number),
        scanning.look(session, neighbour, "DB-2026-999999"),
    )
    assert (guessed.verdict, guessed.ticket) == (invented.verdict, invented.ticket) == ("unknown", None)
    assert guessed.sentence.replace(ticket.number, "…") == invented.sentence.replace("DB-2026-999999", "…")
    with pytest.raises(NotFound):
        scanning.look(session, actor("resident"), ticket.number)
    with pytest.raises(NotFound):
        scanning.look(session, actor("supervisor"), ticket.number)

    scanning.receive_all(session, window, [as_listed(session, ticket)])
    again = scanning.look(session, actor("reviewer"), code)
    assert again.verdict == "done" and "已由沈丽娟于" in again.sentence

    (withdrawn,) = pile(session, clerk, 1)
    engine.fire(withdrawn, "withdraw", clerk, inputs={"comment": "本人改去街道办"})
    for raw in (withdrawn.number, check_code(session, withdrawn)):
        found = scanning.look(session, window, raw)
        assert found.verdict == "ended" and "已经撤回" in found.sentence and found.ticket is None
    assert scanning.look(session, neighbour, withdrawn.number).verdict == "unknown"


@pytest.mark.req("S1-09")
def test_a_pile_is_received_each_by_itself(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    good, changed, gone, foreign = pile(session, clerk, 4)
    rows = [as_listed(session, one) for one in (good, changed, gone, foreign)]
    engine.fire(gone, "withdraw", clerk, inputs={"comment": "老人住院"})
    engine.fire(changed, "return", window, inputs={"comment": "清单写错"})
    opened(session, changed, clerk)
    engine.fire(changed, "revise", clerk)
    engine.fire(changed, "send", clerk)
    outcomes = scanning.receive_all(session, window, [*rows, Counted("A" * 22, 1)])
    assert [one.done for one in outcomes] == [True, False, False, True, False]
    assert "交接清单换过了" in outcomes[1].sentence and changed.state == "sent"
    assert "已经不在本单位的收件里" in outcomes[2].sentence and gone.state == "withdrawn"
    assert (good.state, foreign.state) == ("received", "received")
    assert all(m.holder_person_id == window.person_id for m in good.case.materials if m.original_held)
    assert {line.counted == line.sheets for line in custody.latest(session, good, "send").lines} == {True}


def test_pressing_twice_signs_once(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    tickets = pile(session, clerk, 2)
    rows = [as_listed(session, one) for one in tickets]
    assert all(one.done for one in scanning.receive_all(session, window, [*rows, *rows]))
    second = scanning.receive_all(session, window, rows)
    assert all(one.done for one in second) and "已由沈丽娟" in second[0].sentence
    other = scanning.receive_all(session, actor("reviewer"), rows)
    assert not any(one.done for one in other) and "已由沈丽娟" in other[0].sentence
    signed = session.scalars(select(JournalEntry.content_id).where(JournalEntry.action == "delegation:receive")).all()
    assert sorted(signed) == sorted(one.id for one in tickets)


def test_nothing_is_signed_for_without_a_list_before_the_clerk(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    (ticket,) = pile(session, clerk, 1)
    with pytest.raises(InvalidInput, match="清点无误"):
        scanning.receive_all(session, window, [])
    with pytest.raises(InvalidInput, match="最多接收 100 件"):
        scanning.receive_all(session, window, [Counted(f"{n:022d}", 1) for n in range(101)])
    assert not scanning.receive_all(session, window, [Counted(ticket.uid, 0)])[0].done
    stale = as_listed(session, ticket)
    assert not scanning.receive_all(session, window, [Counted(stale.uid, stale.handover_id, ticket.version - 1)])[
        0
    ].done
    # The station that sent it, a neighbour and a courier sign for nothing.
    assert not scanning.receive_all(session, clerk, [stale])[0].done
    assert not scanning.receive_all(session, actor("neighbour.clerk"), [stale])[0].done
    with pytest.raises(NotFound):
        scanning.receive_all(session, actor("courier"), [stale])
    assert ticket.state == "sent"


def test_results_are_scanned_at_the_station(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    (ticket,) = pile(session, clerk, 1)
    send_result_back(session, actor, ticket)
    assert scanning.look(session, window, ticket.number).verdict == "waiting"
    found = scanning.look(session, clerk, ticket.number)
    assert (found.verdict, found.step) == ("ready", "take_over")
    (outcome,) = scanning.receive_all(session, clerk, [as_listed(session, ticket, "result")])
    assert outcome.done and ticket.state == "handed_over"


def test_papers_that_come_later_are_scanned_as_well(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    (ticket,) = pile(session, clerk, 1)
    scanning.receive_all(session, window, [as_listed(session, ticket)])
    engine.fire(ticket, "start", window)
    engine.fire(ticket, "request_materials", window, inputs={"comment": "照片背景应为白色"})
    lines = [{"material": "白底照片", "original": True, "sheets": 2}]
    engine.fire(ticket, "supply", clerk, inputs={"comment": "已换白底照片", "lines": lines})
    found = scanning.look(session, window, ticket.number)
    assert (found.verdict, found.step, found.sheets) == ("ready", "count_further", 2)
    # Two counts of one ticket: pressing the second time does not take the first one's word for it.
    (outcome,) = scanning.receive_all(session, window, [as_listed(session, ticket, "supply")])
    assert outcome.done and scanning.look(session, window, ticket.number).verdict == "done"


def send_result_back(session: Session, actor: As, ticket: Delegation, **inputs: Any) -> None:
    """Received, refused by the approver, and on its way home."""
    window, case = actor("window.clerk"), ticket.case
    scanning.receive_all(session, window, [as_listed(session, ticket)])
    engine.fire(ticket, "start", window)
    ticks = [{"code": m.code, "verdict": "accepted"} for m in case.materials if m.provided]
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks})
    engine.fire(case, "approve", actor("approver"))
    engine.fire(ticket, "decide", window)
    engine.fire(case, "issue", actor("issuer"))
    engine.fire(ticket, "send_result", window, inputs=inputs)
