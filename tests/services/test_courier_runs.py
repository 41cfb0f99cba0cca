"""送件: envelopes of several tickets on one run, whoever carries them, and what is missing at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.courier_run import CourierRun, RunLine
from models.delegation import Delegation
from models.ledger import JournalEntry
from models.paper import Paper
from models.person import CourierProfile
from process import access, clock, engine
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotAvailable, Refusal, RequirementUnmet
from services import actions, custody, errand_board, notices, run_lines, run_reading, scanning
from tests.services.test_delegations import drawn, opened, sees
from tests.services.test_scanning import as_listed, check_code, pile, send_result_back

As = Callable[[str], Actor]
BY_COURIER = {"carrier_kind": "red_courier", "carrier": "courier"}


def new_run(session: Session, actor: Actor, *tickets: Delegation, **data: object) -> CourierRun:
    run = actions.create(
        session, actor, "courier_run", {**BY_COURIER, "numbers": [one.number for one in tickets], **data}
    )
    assert isinstance(run, CourierRun)
    return run


def codes_of(*tickets: Delegation) -> dict[str, str]:
    return {"numbers": "\n".join(str(one.number) for one in tickets)}


def depart(run: CourierRun, actor: Actor, *tickets: Delegation) -> None:
    engine.fire(run, "load", actor, inputs=codes_of(*tickets))
    engine.fire(run, "hand_over", actor, inputs={"signature": drawn()})


def states(run: CourierRun) -> dict[str, str]:
    return {str(line.ticket.number): line.state for line in run.lines}


def card_with(ticket: Delegation) -> str:
    return next(custody.holder(m) for m in ticket.case.materials if m.code == "id_card")


def holders(ticket: Delegation) -> set[str]:
    return {custody.holder(m) for m in ticket.case.materials if m.original_held}


@pytest.mark.req("S1-09")
def test_a_run_from_station_to_street(session: Session, actor: As) -> None:
    clerk, window, courier = actor("community.clerk"), actor("window.clerk"), actor("courier")
    first, second = pile(session, clerk, 2)
    assert {one.number for one in run_reading.waiting(session, clerk, first.place)} == {first.number, second.number}
    run = new_run(session, clerk, first, second)
    assert run.number.startswith("SJ-") and "东新街道行政服务中心" in run.title
    assert not run_reading.waiting(session, clerk, first.place)
    assert not sees(session, window, run) and not sees(session, courier, run)

    engine.fire(run, "load", clerk, inputs={"numbers": check_code(session, first)})
    with pytest.raises(RequirementUnmet, match=f"还有 1 件没有点交：{second.number}"):
        engine.fire(run, "hand_over", clerk)
    engine.fire(run, "load", clerk, inputs=codes_of(first, second))
    engine.fire(run, "hand_over", clerk, inputs={"signature": drawn(), "comment": "走南门"})
    assert run.state == "on_way" and run.left_at is not None
    assert all("方志远" in one for one in holders(first) | holders(second))
    assert (
        sees(session, window, run) and sees(session, courier, run) and not sees(session, actor("neighbour.clerk"), run)
    )
    # The courier sees numbers and ways; the tickets themselves stay closed.
    assert not sees(session, courier, first)

    (told,) = [one for one in notices.unread(session, window) if one.kind == "run:left"]
    assert told.params == {"number": run.number, "envelopes": 2}
    paper = session.scalars(select(Paper).where(Paper.content_id == run.id)).one()
    assert (paper.paper, paper.number, len(paper.data["lines"])) == ("delivery_list", run.number, 2)
    assert "骆水珍" not in str(paper.data) and "老年" not in str(paper.data)
    assert scanning.look(session, window, paper.verify_code).other is run

    # Passed on to a colleague as work, the envelopes are still in the courier's bag.
    run.assignee_id = actor("courier2").person_id
    engine.fire(run, "tick", window, inputs=codes_of(first))
    assert states(run) == {first.number: "arrived", second.number: "loaded"} and run.state == "on_way"
    assert custody.latest(session, run, "arrive").from_label == "方志远"
    assert holders(first) == {"东新街道行政服务中心 沈丽娟"}
    engine.fire(run, "tick", window, inputs=codes_of(first, second, second))
    assert run.state == "arrived" and run.ended_at is not None
    assert run_reading.figures(session, window, run.created_at).arrived == 2
    # Ticked off is not counted: the lists inside still wait.
    assert first.state == "sent"
    assert all(
        one.done for one in scanning.receive_all(session, window, [as_listed(session, t) for t in (first, second)])
    )


def test_counting_an_envelope_ticks_it_off(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    first, second = pile(session, clerk, 2)
    run = new_run(session, clerk, first, second)
    depart(run, clerk, first, second)
    scanning.receive_all(session, window, [as_listed(session, first), as_listed(session, second)])
    assert set(states(run).values()) == {"arrived"} and run.state == "arrived"
    assert holders(first) == {"东新街道行政服务中心 沈丽娟"}
    because = session.scalars(select(JournalEntry.details).where(JournalEntry.action == "courier_run:tick")).all()
    assert all(one["because"] == "delegation:receive" for one in because)


@pytest.mark.req("S1-09")
def test_what_is_missing_is_known_at_both_ends(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    first, second = pile(session, clerk, 2)
    run = new_run(session, clerk, first, second)
    depart(run, clerk, first, second)
    engine.fire(run, "tick", window, inputs=codes_of(first))
    with pytest.raises(InvalidInput):
        engine.fire(run, "report_missing", window)
    engine.fire(run, "report_missing", window, inputs={"comment": "少一封，已电话问送件人"})
    assert run.state == "short" and states(run)[second.number] == "missing"
    assert all("方志远" in one for one in holders(second)), "until it is found it is with whoever carried it"
    told = session.scalars(select(JournalEntry).where(JournalEntry.action == custody.DIFFERENCE)).one()
    assert told.content_id == second.id and run.number in (told.comment or "")
    assert sees(session, clerk, run)
    for end in (clerk, window):
        assert "run:missing" in {one.kind for one in notices.unread(session, end)}
    assert "run:left" not in {one.kind for one in notices.unread(session, window)}, "over once it is known to be short"
    with pytest.raises(RequirementUnmet, match="没有缺件"):
        engine.fire(run, "report_missing", window, inputs={"comment": "再报一次"})
    figures = run_reading.figures(session, clerk, run.created_at)
    assert (figures.runs, figures.envelopes, figures.arrived, figures.missing) == (1, 2, 1, 1)

    engine.fire(run, "tick", window, inputs=codes_of(second))
    assert run.state == "arrived" and set(states(run).values()) == {"arrived"}


def test_a_missing_envelope_may_stay_missing(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    (ticket,) = pile(session, clerk, 1)
    run = new_run(session, clerk, ticket)
    depart(run, clerk, ticket)
    engine.fire(run, "report_missing", window, inputs={"comment": "没有送到"})
    with pytest.raises(Forbidden):
        engine.fire(run, "settle", window, inputs={"comment": "算了"})
    engine.fire(run, "settle", clerk, inputs={"comment": "掉在站里，找到了，随下一趟送"})
    assert run.state == "settled"
    again = new_run(session, clerk, ticket)
    depart(again, clerk, ticket)
    assert again.state == "on_way"


def test_what_cannot_travel_is_named(session: Session, actor: As) -> None:
    clerk, window, neighbour = actor("community.clerk"), actor("window.clerk"), actor("neighbour.clerk")
    first, second, third = pile(session, clerk, 3)
    run = new_run(session, clerk, first)
    with pytest.raises(InvalidInput, match=f"已经编在{run.number}"):
        new_run(session, clerk, first)
    with pytest.raises(InvalidInput, match="没有找到，或者不是从这里送出的"):
        new_run(session, neighbour, second)
    with pytest.raises(InvalidInput, match="不能编进从这里出发"):
        new_run(session, window, second, place="dongxin-centre")
    scanning.receive_all(session, window, [as_listed(session, third)])
    with pytest.raises(InvalidInput, match="没有在途的材料"):
        new_run(session, clerk, third)
    for hostile in ("<script>", "A" * 1_900, "\x00\x1b-", "DB-2026-999999"):
        with pytest.raises(InvalidInput, match="没有编进这一趟"):
            engine.fire(run, "load", clerk, inputs={"numbers": hostile})
    assert [line.state for line in run.lines] == ["listed"]
    with pytest.raises(InvalidInput, match="不在这一趟里"):
        engine.fire(run, "unload", clerk, inputs=codes_of(second))
    with pytest.raises(InvalidInput, match="最多 2000 个字"):
        engine.fire(run, "load", clerk, inputs={"numbers": "A" * 100_000})
    engine.fire(run, "unload", clerk, inputs=codes_of(first))
    with pytest.raises(RequirementUnmet, match="还是空的"):
        engine.fire(run, "hand_over", clerk)
    engine.fire(run, "load", clerk, inputs=codes_of(first, second))
    engine.fire(second, "withdraw", clerk, inputs={"comment": "本人来取"})
    with pytest.raises(RequirementUnmet, match=f"{second.number} 已经不在途中"):
        engine.fire(run, "hand_over", clerk)
    engine.fire(run, "cancel", clerk, inputs={"comment": "车坏了"})
    assert set(states(run).values()) == {"dropped"}
    assert new_run(session, clerk, first).lines


def test_a_list_that_was_sent_again_waits_once(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    (ticket,) = pile(session, clerk, 1)
    engine.fire(ticket, "return", window, inputs={"comment": "清单写错"})
    assert not run_reading.waiting(session, clerk, ticket.place)
    opened(session, ticket, clerk)
    engine.fire(ticket, "revise", clerk)
    engine.fire(ticket, "send", clerk)
    assert [one.number for one in run_reading.waiting(session, clerk, ticket.place)] == [ticket.number]
    assert new_run(session, clerk, ticket).lines[0].handover_id == custody.latest(session, ticket, "send").id


def test_papers_supplied_later_travel_too(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    (ticket,) = pile(session, clerk, 1)
    scanning.receive_all(session, window, [as_listed(session, ticket)])
    engine.fire(ticket, "start", window)
    engine.fire(ticket, "request_materials", window, inputs={"comment": "照片背景应为白色"})
    lines = [{"material": "白底照片", "original": True, "sheets": 2}]
    engine.fire(ticket, "supply", clerk, inputs={"lines": lines})
    assert [one.number for one in run_reading.waiting(session, clerk, ticket.place)] == [ticket.number]
    run = new_run(session, clerk, ticket)
    depart(run, clerk, ticket)
    scanning.receive_all(session, window, [as_listed(session, ticket, "supply")])
    assert run.state == "arrived"


def test_the_database_keeps_an_envelope_out_of_a_second_run(session: Session, actor: As) -> None:
    clerk = actor("community.clerk")
    (ticket,) = pile(session, clerk, 1)
    line = new_run(session, clerk, ticket).lines[0]
    other = new_run(session, clerk)
    session.add(
        RunLine(
            run_id=other.id,
            position=1,
            ticket_id=ticket.id,
            handover_id=line.handover_id,
            from_label="",
            to_label="",
            to_unit_id=line.to_unit_id,
        )
    )
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"carrier_kind": ""}, "请在红色跑腿工、单位车辆、本单位人员中选一项"),
        ({"carrier": "nobody"}, "请从名单中选送件人"),
        ({"carrier": "resident"}, "请从名单中选送件人"),
        ({"carrier_kind": "van", "carrier_name": ""}, "请写驾驶员或车辆"),
        ({"carrier": "window.clerk"}, "还没有登记为跑腿工"),
        ({"carrier_kind": "staff", "carrier": "window.clerk"}, "不是万家星城社区的工作人员"),
        ({"carrier_kind": "staff", "carrier": "neighbour.clerk"}, "从本单位选送件人"),
        ({"place": "moon"}, "请选择从哪个单位出发"),
    ],
)
def test_a_run_needs_a_start_and_a_carrier(session: Session, actor: As, data: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        new_run(session, actor("community.clerk"), **data)


def test_only_trained_couriers_carry(session: Session, actor: As) -> None:
    clerk = actor("community.clerk")
    profile = session.get(CourierProfile, actor("courier").person_id)
    assert profile is not None
    with pytest.raises(Forbidden):
        new_run(session, actor("courier"))
    with pytest.raises(Forbidden):
        new_run(session, clerk, place="dx-c02")
    profile.trained_until = None
    with pytest.raises(InvalidInput, match="培训"):
        new_run(session, clerk)


def test_a_van_brings_results_home_for_two_communities(session: Session, actor: As) -> None:
    """The driver has no account: until the envelopes arrive the sending unit answers for them."""
    clerk, window = actor("community.clerk"), actor("window.clerk")
    (ticket,) = pile(session, clerk, 1)
    send_result_back(session, actor, ticket)
    run = new_run(session, window, ticket, carrier_kind="van", carrier_name="公务车 王师傅")
    depart(run, window, ticket)
    assert card_with(ticket) == "东新街道行政服务中心" and run.assignee_id is None
    assert sees(session, clerk, run) and not sees(session, actor("neighbour.clerk"), run)
    with pytest.raises(Forbidden):
        engine.fire(run, "tick", window, inputs=codes_of(ticket))
    engine.fire(run, "tick", clerk, inputs=codes_of(ticket))
    assert run.state == "arrived" and card_with(ticket) == "万家星城社区 章晓㛃"


def test_papers_with_a_courier_of_the_board_are_not_carried_twice(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    (ticket,) = pile(session, clerk, 1)
    send_result_back(session, actor, ticket, errand=True)
    with pytest.raises(InvalidInput, match="已请红色跑腿工送（任务 PT-"):
        new_run(session, window, ticket)


def test_the_dispatcher_bundles_without_seeing_contents(session: Session, actor: As) -> None:
    clerk, dispatcher = actor("community.clerk"), actor("dispatcher")
    tickets = pile(session, clerk, 2)
    start = tickets[0].place
    assert start.id in {unit.id for unit in run_reading.starts(session, dispatcher)}
    seen = run_reading.waiting(session, dispatcher, start)
    assert {one.number for one in seen} == {one.number for one in tickets}
    assert "骆" not in str(seen) and "老年" not in str(seen)
    run = new_run(session, dispatcher, *tickets, place=start.id)
    depart(run, dispatcher, *tickets)
    assert run.state == "on_way" and not sees(session, dispatcher, tickets[0])


def test_not_delivered_comes_back(session: Session, actor: As) -> None:
    clerk, window, courier = actor("community.clerk"), actor("window.clerk"), actor("courier")
    first, second = pile(session, clerk, 2)
    run = new_run(session, clerk, first, second)
    depart(run, clerk, first, second)
    engine.fire(run, "tick", window, inputs=codes_of(first))
    for stranger in (courier, window):
        with pytest.raises(Forbidden):
            engine.fire(run, "bring_back", stranger, inputs={"comment": "大门关了"})
    engine.fire(run, "bring_back", clerk, inputs={"comment": "大门关了"})
    assert run.state == "turned_back" and states(run) == {first.number: "arrived", second.number: "back"}
    assert holders(second) == {"万家星城社区 章晓㛃"} and holders(first) == {"东新街道行政服务中心 沈丽娟"}
    with pytest.raises(NotAvailable):
        engine.fire(run, "tick", window, inputs=codes_of(second))
    assert new_run(session, clerk, second).lines


def test_wrong_hands_tick_nothing(session: Session, actor: As) -> None:
    clerk, neighbour = actor("community.clerk"), actor("neighbour.clerk")
    (ticket,) = pile(session, clerk, 1)
    (foreign,) = pile(session, clerk, 1)
    run = new_run(session, clerk, ticket)
    depart(run, clerk, ticket)
    for somebody in (clerk, neighbour, actor("courier"), actor("supervisor"), actor("resident")):
        with pytest.raises(Refusal):
            engine.fire(run, "tick", somebody, inputs=codes_of(ticket))
    with pytest.raises(InvalidInput, match="不在这一趟里"):
        engine.fire(run, "tick", actor("window.clerk"), inputs=codes_of(foreign))
    with pytest.raises(RequirementUnmet, match="还有件没有核对到"):
        engine.fire(run, "arrive", clerk)
    # Supervisors see that there is a run and how it stands, never what is in it.
    assert sees(session, actor("supervisor"), run) and not access.may(actor("supervisor"), access.VIEW_FULL, run)


def test_a_run_has_a_limit(session: Session, actor: As, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = actor("community.clerk")
    monkeypatch.setattr(run_lines, "MAX_LINES", 2)
    tickets = pile(session, clerk, 3)
    with pytest.raises(InvalidInput, match="一趟最多 2 件"):
        new_run(session, clerk, *tickets)


def test_couriers_of_ones_own_point_stand_first(session: Session, actor: As) -> None:
    start = session.get_one(Agency, "dx-c01")
    names = run_reading.carriers(session, start)["red_courier"]
    points = [session.get_one(CourierProfile, one.id).point for one in names]
    near = [point.path.startswith(start.path) for point in points]
    assert len(names) > 1 and near[0] and near == sorted(near, reverse=True)
    known = errand_board.couriers(session, session.get_one(Agency, "dongxin"), clock.local_day(now()))
    far = session.get_one(Agency, points[-1].parent_id)
    assert errand_board.assignable(known, far)[0].point.path.startswith(far.path)
