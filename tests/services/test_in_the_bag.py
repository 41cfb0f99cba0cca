"""Calling back and listing twice: the books never say that papers are where they are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.delegation import Delegation
from models.errand import Errand
from models.ledger import JournalEntry
from models.notice import Notice
from process import engine
from process.access import Actor
from process.refusals import InvalidInput, NotAvailable, RequirementUnmet
from services import custody
from services.errand_posting import create_errand
from tests.services.test_courier_runs import codes_of, depart, holders, new_run
from tests.services.test_delegations import LETTER, counted, open_case, open_ticket, opened
from tests.services.test_scanning import pile
from tests.services.test_sub_tickets import ALONG, pass_on

As = Callable[[str], Actor]
WHY = {"comment": "本人不办了"}


@pytest.fixture
def sent(session: Session, actor: As) -> Delegation:
    return pile(session, actor("community.clerk"), 1)[0]


def errand_for(session: Session, actor: As, ticket: Delegation) -> Errand:
    """A red courier is asked to bring the envelope to the street."""
    clerk = actor("community.clerk")
    data = {"title": "送一封材料", "purpose": "hand_in", "related": ticket.uid}
    made = create_errand(session, clerk, {**data, "from_agency": "dx-c01", "to_agency": "dongxin-centre"})
    engine.fire(made, "post", clerk)
    return made


def refused(session: Session, ticket: Delegation, step: str, by: Actor, words: str) -> None:
    before = ticket.state
    with pytest.raises(RequirementUnmet, match=words), session.begin_nested():
        engine.fire(ticket, step, by, inputs=WHY)
    session.expire_all()
    assert ticket.state == before


@pytest.mark.req("S1-09")
def test_an_envelope_on_a_run_is_not_called_back_on_paper(session: Session, actor: As, sent: Delegation) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    run = new_run(session, clerk, sent)
    depart(run, clerk, sent)
    refused(session, sent, "withdraw", clerk, f"的信封还在方志远（送件 {run.number}）手里.*带回来")
    refused(session, sent, "return", window, "已经送到的，请先核对")
    assert all("方志远" in one for one in holders(sent)), "the courier has them and the books say so"
    engine.fire(run, "bring_back", clerk, inputs=WHY)
    engine.fire(sent, "withdraw", clerk, inputs=WHY)
    assert sent.state == "withdrawn" and all("万家星城社区" in one for one in holders(sent))


@pytest.mark.req("S1-09")
def test_an_envelope_of_an_errand_is_not_called_back_either(session: Session, actor: As, sent: Delegation) -> None:
    clerk, window, courier = actor("community.clerk"), actor("window.clerk"), actor("courier")
    errand = errand_for(session, actor, sent)
    engine.fire(errand, "claim", courier)
    engine.fire(errand, "pick_up", courier, inputs={"envelopes": 1})
    refused(session, sent, "withdraw", clerk, f"还在方志远（任务 {errand.number}）手里")
    engine.fire(errand, "set_off", courier)
    refused(session, sent, "return", window, "先请送件人带回来")
    engine.fire(errand, "deliver", courier, inputs={"code": errand.confirm_code})
    assert errand.state == "confirmed"
    engine.fire(sent, "return", window, inputs=WHY)
    assert sent.state == "returned" and all("东新街道" in one for one in holders(sent)), "until the station has counted"
    opened(session, sent, clerk)
    assert all("万家星城社区" in one for one in holders(sent))


@pytest.mark.req("S1-09")
def test_nobody_sets_out_for_what_was_called_back(session: Session, actor: As, sent: Delegation) -> None:
    """The errand was taken; the applicant changed their mind before anybody fetched the envelope."""
    clerk, courier = actor("community.clerk"), actor("courier")
    errand, free = errand_for(session, actor, sent), errand_for(session, actor, sent)
    engine.fire(errand, "claim", courier)
    engine.fire(sent, "withdraw", clerk, inputs=WHY)
    assert {errand.state, free.state} == {"cancelled"} and all("万家星城社区" in one for one in holders(sent))
    heard = session.scalars(select(Notice).where(Notice.kind == "errand:cancelled")).one()
    assert heard.person_id == courier.person_id and "不用去了" in heard.text
    with pytest.raises(NotAvailable, match=r"系统已于.*“取消”"):
        engine.fire(errand, "pick_up", courier, inputs={"envelopes": 1})


@pytest.mark.req("S1-09")
def test_papers_that_lie_at_the_point_are_counted_before_their_errand_ends(
    session: Session, actor: As, sent: Delegation
) -> None:
    """Never home, and never cancelled while nobody has signed for them."""
    courier = actor("courier")
    errand = errand_for(session, actor, sent)
    for step, given in (("claim", {}), ("pick_up", {"envelopes": 1}), ("set_off", {})):
        engine.fire(errand, step, courier, inputs=given)
    sent.closed_at = errand.picked_up_at
    session.flush()
    engine.fire(errand, "fail", courier, inputs=WHY)
    assert errand.state == "failed", "the envelope lies at the point, and nobody there has counted it"
    engine.fire(errand, "take_back", actor("dispatcher"), inputs={"envelopes": 1})
    assert errand.state == "cancelled" and "不用送了" in (
        session.scalars(
            select(JournalEntry.comment).where(
                JournalEntry.content_id == errand.id, JournalEntry.action == "errand:cancel"
            )
        ).one()
        or ""
    )


@pytest.mark.req("S1-09")
def test_one_original_lies_in_one_envelope(session: Session, actor: As, sent: Delegation) -> None:
    """Until the first list is counted the booklet stands as the sender's, yet it cannot go out a second time."""
    window = actor("window.clerk")
    engine.fire(sent, "receive", window, inputs={"lines": counted(session, sent)})
    engine.fire(sent, "start", window)
    first = pass_on(session, window, sent, lines=ALONG)
    with (
        pytest.raises(InvalidInput, match=r"第 1 行“本人居民身份证”的原件已列在交给下城区审批管理办公室的清单上"),
        session.begin_nested(),
    ):
        pass_on(session, window, sent, "xc-water", lines=ALONG)
    session.expire_all()
    engine.fire(first, "withdraw", window, inputs=WHY)
    assert pass_on(session, window, sent, "xc-water", lines=ALONG).state == "sent", "called back it may go elsewhere"


@pytest.mark.req("S1-09")
def test_one_original_stands_once_on_a_list(session: Session, actor: As) -> None:
    clerk = actor("community.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    twice = [{"material": "id_card", "original": True, "sheets": 1}, {"material": "本人居民身份证", "original": True}]
    with pytest.raises(InvalidInput, match="第 2 行“本人居民身份证”和第 1 行是同一份原件") as found:
        engine.fire(ticket, "send", clerk, inputs={"lines": twice})
    assert set(found.value.errors) == {"lines-1-material"}


def test_two_papers_of_one_name_are_two_papers(session: Session, actor: As) -> None:
    """Husband and wife both bring a booklet of the same name: each row of the list means one of them."""
    clerk = actor("community.clerk")
    case = open_case(session, clerk)
    first, second = case.materials[0], case.materials[1]
    second.name = first.name
    session.flush()
    lines = custody.read_lines([{"material": first.name, "original": True}] * 2, case)
    assert [line.material for line in lines] == [first, second]


def test_a_part_is_not_called_back_from_a_courier(session: Session, actor: As, sent: Delegation) -> None:
    window = actor("window.clerk")
    engine.fire(sent, "receive", window, inputs={"lines": counted(session, sent)})
    engine.fire(sent, "start", window)
    part = pass_on(session, window, sent, lines=ALONG)
    run = new_run(session, window, part, place="dongxin-centre", carrier_kind="van", carrier_name="浙A0012 王师傅")
    engine.fire(run, "load", window, inputs=codes_of(part))
    engine.fire(run, "hand_over", window)
    refused(session, part, "withdraw", window, f"（浙A0012 王师傅）（送件 {run.number}）手里")
    refused(session, part, "return", actor("approvals.clerk"), "已经送到的，请先核对")
