"""代办: a ticket between station and street, its letter, its lists, and the access that begins and ends with it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image, ImageDraw
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.delegation import Delegation, Handover
from models.errand import Errand
from models.ledger import JournalEntry
from models.paper import Paper
from process import access, clock, engine
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotAvailable, Refusal, RequirementUnmet
from services import actions, custody, delegations, whereabouts
from tests.services.fertility import draw_all

As = Callable[[str], Actor]
APPLICANT = {
    "name": "骆水珍",
    "id_number": "330103194303052043",
    "phone": "13800000018",
    "address": "杭州市下城区东新街道万家星城社区文晖路5幢2单元601室",
    "household_address": "杭州市下城区东新街道万家星城社区文晖路5幢2单元601室",
}
MATERIALS = [
    {"code": "id_card", "provided": True, "original": True, "sheets": 1},
    {"code": "photo", "provided": True, "original": True, "sheets": 2},
    {"code": "household_booklet_page", "provided": True, "original": False, "sheets": 3},
]


def drawn() -> str:
    picture = Image.new("RGBA", (300, 120), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line([(20, 90), (120, 30), (260, 80)], fill=(20, 20, 20, 255), width=4)
    target = io.BytesIO()
    picture.save(target, "PNG")
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()


LETTER = {"signature": drawn(), "powers": ["file", "supplement", "collect"]}


def open_case(session: Session, actor: Actor, **changes: Any) -> Case:
    case = actions.create(
        session,
        actor,
        "case",
        {"item": "senior_card", "place": "dx-c01", "applicant": APPLICANT, "materials": MATERIALS, **changes},
    )
    assert isinstance(case, Case)
    return case


def open_ticket(session: Session, actor: Actor, case: Case, **data: Any) -> Delegation:
    ticket = actions.create(session, actor, "delegation", {"case": case.uid, "addressee": "dongxin", **data})
    assert isinstance(ticket, Delegation)
    return ticket


@pytest.fixture
def sent(session: Session, actor: As) -> Delegation:
    """A signed ticket on its way to the street."""
    clerk = actor("community.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER, message="老人急用，请优先。")
    engine.fire(ticket, "send", clerk)
    return ticket


def counted(session: Session, ticket: Delegation, action: str = "send", **changed: Any) -> list[dict[str, Any]]:
    handover = custody.latest(session, ticket, action)
    assert handover is not None
    return [
        {"line": line.position, "counted": line.sheets, **changed.get(f"line{line.position}", {})}
        for line in handover.lines
    ]


def opened(session: Session, ticket: Delegation, actor: Actor, **changed: Any) -> None:
    """The envelope that came back is opened and counted."""
    engine.fire(ticket, "count_further", actor, inputs={"lines": counted(session, ticket, "return", **changed)})


def sees(session: Session, actor: Actor, thing: Any) -> bool:
    kind = type(thing)
    return session.scalar(access.visible(select(kind.id).where(kind.id == thing.id), actor, kind)) is not None


@pytest.mark.req("S1-09", "S2-22", "S4-15")
def test_station_and_street_share_one_ticket(session: Session, actor: As) -> None:
    clerk, window, courier = actor("community.clerk"), actor("window.clerk"), actor("courier")
    case = open_case(session, clerk)
    ticket = open_ticket(session, clerk, case, letter=LETTER, message="老人急用")
    assert (ticket.number[:3], ticket.addressee_id, ticket.unit_id) == ("DB-", "dongxin-centre", "dx-c01")
    assert not sees(session, window, ticket) and not sees(session, window, case)

    engine.fire(ticket, "send", clerk, inputs={"comment": "请优先"})
    assert (case.state, case.trips, ticket.unit_id, case.unit_id) == (
        "submitted",
        1,
        "dongxin-centre",
        "dongxin-centre",
    )
    assert sees(session, window, ticket) and sees(session, window, case)
    for name in ("neighbour.clerk", "courier", "admin", "dx-c01-g1-leader-b"):
        assert not sees(session, actor(name), ticket) and not sees(session, actor(name), case), name
    assert [(line.name, line.sheets, line.original) for line in custody.latest(session, ticket, "send").lines] == [
        ("本人居民身份证", 1, True),
        ("一寸近期免冠彩色照片", 2, True),
        ("居民户口簿本人页", 3, False),
    ]
    where = {w.material.code: w for w in whereabouts.where_is(session, case)}
    assert "万家星城社区" in where["id_card"].holder and "待东新街道行政服务中心清点" in where["id_card"].on_the_way

    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    where = {w.material.code: w for w in whereabouts.where_is(session, case)}
    assert "沈丽娟" in where["id_card"].holder and where["id_card"].on_the_way == ""
    engine.fire(ticket, "start", window)
    assert case.state == "accepted"

    engine.fire(ticket, "request_materials", window, inputs={"comment": "照片背景应为白色"})
    assert (case.state, ticket.unit_id) == ("supplement", "dx-c01")
    with pytest.raises(InvalidInput, match="还没有写补了什么"), session.begin_nested():
        engine.fire(ticket, "supply", clerk)
    session.refresh(ticket)
    engine.fire(ticket, "supply", clerk, inputs={"comment": "已换白底照片"})
    assert (case.state, ticket.unit_id) == ("submitted", "dongxin-centre")
    engine.fire(case, "accept", window)

    ticks = [{"code": m.code, "verdict": "accepted"} for m in case.materials if m.provided]
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks})
    engine.fire(case, "approve", actor("approver"))
    engine.fire(ticket, "decide", window)
    engine.fire(case, "issue", actor("issuer"))
    engine.fire(ticket, "send_result", window, inputs={"errand": True})
    errand = session.scalars(select(Errand)).one()
    assert (errand.related_id, errand.from_agency_id, errand.to_agency_id, errand.state) == (
        ticket.id,
        "dongxin-centre",
        "dx-c01",
        "open",
    )
    assert "骆" not in errand.title and not sees(session, courier, ticket)

    lines = counted(session, ticket, "result")
    lines[0] |= {"counted": 0, "difference": "封套内没有卡，已电话告知街道"}
    engine.fire(ticket, "take_over", clerk, inputs={"lines": lines})
    with pytest.raises(NotAvailable):
        engine.fire(ticket, "close", clerk)
    draw_all(session)
    engine.fire(ticket, "deliver", clerk, inputs={"signature": drawn()})
    assert case.state == "delivered" and not custody.originals_out(case)
    engine.fire(ticket, "close", clerk, inputs={"score": "4"})
    assert case.rating == 4
    assert not sees(session, window, ticket) and sees(session, clerk, ticket)
    assert ticket.first_contact_id == clerk.person_id
    papers = session.scalars(select(Paper.paper).where(Paper.content_id == ticket.id)).all()
    assert {"handover_list", "delivery_receipt"} <= set(papers)


@pytest.mark.req("S4-15")
def test_the_item_decides_whether_it_is_carried(
    session: Session, item: Callable[[str], ServiceItem], actor: As
) -> None:
    items = [one for one in session.scalars(select(ServiceItem).where(ServiceItem.category.is_not(None)))]
    carried = sum(delegations.needs_carrying(one) for one in items)
    assert (len(items), carried) == (82, 59)
    clerk = actor("community.clerk")
    direct = next(
        one for one in items if not delegations.needs_carrying(one) and delegations.record_of(one).form == "generic"
    )
    case = open_case(session, clerk, item=direct.code, materials=None)
    with pytest.raises(InvalidInput, match="社区直接办结"):
        open_ticket(session, clerk, case)


def test_a_ticket_needs_a_unit_that_can_take_it(session: Session, actor: As, agency: Callable[[str], Agency]) -> None:
    clerk = actor("community.clerk")
    case = open_case(session, clerk)
    for addressee, words in (
        ("dx-c01", "就是本单位"),
        ("dx-c01-station", "就是本单位"),
        ("dx-c01-g1", "就是本单位"),
        ("moon", "没有找到要转交的单位"),
    ):
        with pytest.raises(InvalidInput, match=words):
            open_ticket(session, clerk, case, addressee=addressee)
    agency("dongxin-centre").valid_to = clock.local_day(now()) - timedelta(days=1)
    with pytest.raises(InvalidInput, match="已停止办公"):
        open_ticket(session, clerk, case)
    agency("dongxin-centre").valid_to = None
    case.item.delegable = False
    with pytest.raises(InvalidInput, match="须由本人到场"):
        open_ticket(session, clerk, case)
    case.item.delegable = True
    first = open_ticket(session, clerk, case)
    with pytest.raises(InvalidInput, match=first.number):
        open_ticket(session, clerk, case)
    engine.fire(first, "withdraw", clerk, inputs={"comment": "本人改去街道办"})
    open_ticket(session, clerk, case)


def test_a_neighbour_cannot_carry_what_it_does_not_see(session: Session, actor: As) -> None:
    case = open_case(session, actor("community.clerk"))
    with pytest.raises(InvalidInput, match="没有找到要代办的办件"):
        open_ticket(session, actor("neighbour.clerk"), case)
    engine.fire(case, "submit", actor("community.clerk"))
    with pytest.raises(Forbidden):
        open_ticket(session, actor("supervisor"), case)


def test_no_letter_no_sending(session: Session, actor: As) -> None:
    clerk = actor("community.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk))
    with pytest.raises(RequirementUnmet, match="还没有签好的代办委托书"):
        engine.fire(ticket, "send", clerk)
    for changes, field in (
        ({"signature": ""}, "signature"),
        ({"powers": ["collect"]}, "powers"),
        ({"powers": ["steal"]}, "powers"),
        ({"valid_until": "2020-01-01"}, "valid_until"),
        ({"valid_until": "2026-02-30"}, "valid_until"),
        ({"fingerprint": True}, "witness_1"),
        ({"fingerprint": True, "witnesses": ["甲某"]}, "witness_2"),
    ):
        with pytest.raises(InvalidInput) as refused:
            delegations.sign_letter(session, ticket, clerk, {**LETTER, **changes})
        assert field in refused.value.errors, changes
    for stranger in ("window.clerk", "supervisor", "resident"):
        with pytest.raises(Forbidden):
            delegations.sign_letter(session, ticket, actor(stranger), LETTER)
    letter = delegations.sign_letter(session, ticket, clerk, LETTER)
    letter.valid_from, letter.valid_until = (
        letter.valid_from - timedelta(days=30),
        letter.valid_from - timedelta(days=1),
    )
    with pytest.raises(RequirementUnmet, match="到期"):
        engine.fire(ticket, "send", clerk)
    letter = delegations.sign_letter(
        session, ticket, clerk, {**LETTER, "fingerprint": True, "witnesses": [{"name": "沈秋月"}, {"name": "方志远"}]}
    )
    assert letter.fingerprint and len(letter.witnesses) == 2
    engine.fire(ticket, "send", clerk)
    with pytest.raises(NotAvailable):
        delegations.sign_letter(session, ticket, clerk, LETTER)


def test_an_empty_list_is_not_sent(session: Session, actor: As) -> None:
    clerk = actor("community.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk, materials=None), letter=LETTER)
    with pytest.raises(RequirementUnmet, match="交接清单是空的"):
        engine.fire(ticket, "send", clerk)
    for sheets in (10000, -1, "三"):
        with pytest.raises(InvalidInput, match="第 1 行"):
            engine.fire(ticket, "send", clerk, inputs={"lines": [{"material": "身份证", "sheets": sheets}]})
    engine.fire(ticket, "send", clerk, inputs={"lines": [{"material": "id_card", "original": True, "sheets": 1}]})
    assert ticket.case.materials[0].original_held


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"line1": {"counted": 0}}, "第 1 行“本人居民身份证”清单上是 1 份，实点 0 份，请写明差异"),
        ({"line2": {"counted": 10000}}, "0 到 999"),
        ({"line2": {"counted": -1}}, "0 到 999"),
        ({"line3": {"counted": None}}, "第 3 行“居民户口簿本人页”还没有清点"),
    ],
)
def test_every_line_is_counted_before_signing(
    session: Session, actor: As, sent: Delegation, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refusal, match=words):
        engine.fire(sent, "receive", actor("window.clerk"), inputs={"lines": counted(session, sent, **change)})
    assert sent.state == "sent"


def test_a_line_left_out_is_named(session: Session, actor: As, sent: Delegation) -> None:
    with pytest.raises(InvalidInput, match="第 3 行“居民户口簿本人页”还没有清点"):
        engine.fire(sent, "receive", actor("window.clerk"), inputs={"lines": counted(session, sent)[:2]})


def test_differences_go_into_the_history_of_both_ends(session: Session, actor: As, sent: Delegation) -> None:
    window = actor("window.clerk")
    lines = [
        *counted(session, sent, line1={"counted": 0, "difference": "信封里没有身份证"}),
        {"material": "银行卡", "counted": 1, "difference": "清单外"},
    ]
    engine.fire(sent, "receive", window, inputs={"lines": lines})
    rows = session.scalars(select(JournalEntry).where(JournalEntry.action == custody.DIFFERENCE)).all()
    assert {row.content_id for row in rows} == {sent.id, sent.case_id}
    assert "信封里没有身份证" in rows[0].comment and "银行卡" in rows[0].comment
    card, photo = sent.case.materials[0], sent.case.materials[1]
    assert card.holder_unit_id == "dx-c01", "what did not arrive stays with whoever handed it out"
    assert photo.holder_unit_id == "dongxin-centre"
    handover = custody.latest(session, sent, "send")
    assert [(line.sheets, line.counted) for line in handover.lines] == [(1, 0), (2, 2), (3, 3), (0, 1)]


@pytest.mark.req("S1-09")
def test_return_and_send_again(session: Session, actor: As, sent: Delegation) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    with pytest.raises(InvalidInput):
        engine.fire(sent, "return", window)
    with pytest.raises(Forbidden):
        engine.fire(sent, "return", clerk, inputs={"comment": "不对"})
    # Two papers of one name: each comes back as itself.
    before = [line.material_id for line in custody.latest(session, sent, "send").lines]
    for material in sent.case.materials:
        material.name = "居民身份证"
    session.flush()
    engine.fire(sent, "return", window, inputs={"comment": "事项选错，应为残疾人证"})
    assert [line.material_id for line in custody.latest(session, sent, "return").lines] == before
    assert (sent.unit_id, sent.case.unit_id) == ("dx-c01", "dx-c01") and sees(session, window, sent)
    opened(session, sent, clerk)
    engine.fire(sent, "revise", clerk)
    assert not sees(session, window, sent) and not sees(session, window, sent.case)
    engine.fire(sent, "send", clerk)
    assert sees(session, window, sent)
    assert session.scalars(
        select(Handover.action).where(Handover.content_id == sent.id).order_by(Handover.id)
    ).all() == ["send", "return", "send"]


def test_a_returned_envelope_is_counted_before_the_ticket_goes_on(
    session: Session, actor: As, sent: Delegation
) -> None:
    """Unopened there and back: nobody says that everything is inside until somebody has looked."""
    clerk, window = actor("community.clerk"), actor("window.clerk")
    engine.fire(sent, "return", window, inputs={"comment": "事项选错"})
    back = custody.latest(session, sent, "return")
    assert (back.to_unit_id, back.to_person_id, back.signed_at) == ("dx-c01", None, None)
    told = {one.material.id: one for one in whereabouts.where_is(session, sent.case)}
    card = sent.case.materials[0]
    assert told[card.id].on_the_way == f"已交出，待{back.to_label}清点" and card.holder_unit_id == "dx-c01"
    for step, said in (("revise", {}), ("withdraw", {"comment": "不办了"})):
        with pytest.raises(RequirementUnmet, match=f"还有材料在路上没有清点.*请{back.to_label}先清点"):
            engine.fire(sent, step, clerk, inputs=said)
    with pytest.raises(Refusal, match="没有等您清点"):
        engine.fire(sent, "count_further", window, inputs={"lines": counted(session, sent, "return")})
    with pytest.raises(InvalidInput, match="请写明差异再签收"):
        opened(session, sent, clerk, line1={"counted": 0})
    opened(session, sent, clerk, line1={"counted": 0, "difference": "信封里没有身份证"})
    told = {one.material.id: one for one in whereabouts.where_is(session, sent.case)}
    assert told[card.id].on_the_way.endswith("实点 0 份：信封里没有身份证")
    assert (back.to_person_id, back.signed_at is not None) == (clerk.person_id, True)
    differences = select(JournalEntry.comment).where(JournalEntry.action == custody.DIFFERENCE)
    assert "信封里没有身份证" in str(session.scalars(differences).all())
    with pytest.raises(Refusal):
        opened(session, sent, clerk)
    engine.fire(sent, "revise", clerk)
    assert sent.state == "draft"


def test_withdrawing_takes_the_papers_and_the_access_back(session: Session, actor: As, sent: Delegation) -> None:
    engine.fire(sent, "withdraw", actor("community.clerk"), inputs={"comment": "老人住院，暂缓"})
    assert not sees(session, actor("window.clerk"), sent) and not sees(session, actor("window.clerk"), sent.case)
    assert sent.case.materials[0].holder_unit_id == "dx-c01" and sent.unit_id == "dx-c01"


def test_nothing_closes_while_originals_are_out(session: Session, actor: As, sent: Delegation) -> None:
    sent.state = "delivered"
    session.flush()
    with pytest.raises(RequirementUnmet, match="本人居民身份证（在万家星城社区"):
        engine.fire(sent, "close", actor("community.clerk"))


def test_whoever_carried_a_case_does_not_decide_it(session: Session, actor: As, sent: Delegation) -> None:
    from services.cases import not_own_delegation

    assert not not_own_delegation(session, sent.case, actor("community.clerk"))
    assert not_own_delegation(session, sent.case, actor("approver"))


@pytest.mark.req("S1-09")
def test_what_was_not_in_the_envelope_is_not_said_to_be_there(session: Session, actor: As, sent: Delegation) -> None:
    lines = counted(session, sent, line3={"counted": 0, "difference": "信封里没有，已电话告知社区"})
    engine.fire(sent, "receive", actor("window.clerk"), inputs={"lines": lines})
    assert sent.case is not None
    where = {w.material.code: w for w in whereabouts.where_is(session, sent.case) if w.material}
    page = where["household_booklet_page"]
    assert page.holder.startswith("待查") and "实点 0 份：信封里没有" in page.on_the_way
    assert "沈丽娟" in where["id_card"].holder and not where["id_card"].on_the_way
    case = sent.case
    copy = next(m for m in case.materials if m.code == "household_booklet_page")
    assert not copy.provided and copy.sheets == 0, "what did not arrive is not in the file"
    assert next(m for m in case.materials if m.code == "id_card").provided


@pytest.mark.req("S1-09")
def test_what_is_needed_and_did_not_arrive_is_asked_for_through_the_ticket(session: Session, actor: As) -> None:
    """The ticket goes on so that the station can be asked; the case is accepted once everything is there."""
    clerk, window = actor("community.clerk"), actor("window.clerk")
    copies = [{**one, "original": False} for one in MATERIALS]
    ticket = open_ticket(session, clerk, open_case(session, clerk, materials=copies), letter=LETTER)
    engine.fire(ticket, "send", clerk)
    short = counted(session, ticket, line1={"counted": 0, "difference": "信封里没有"})
    engine.fire(ticket, "receive", window, inputs={"lines": short})
    engine.fire(ticket, "start", window)
    assert ticket.case is not None and (ticket.state, ticket.case.state) == ("processing", "submitted")
    with pytest.raises(RequirementUnmet, match="居民身份证"):
        engine.fire(ticket.case, "accept", window)
    engine.fire(ticket, "request_materials", window, inputs={"comment": "请补身份证复印件"})
    again = [{"material": "本人居民身份证", "sheets": 1, "original": False}]
    engine.fire(ticket, "supply", clerk, inputs={"lines": again, "comment": "补上"})
    engine.fire(ticket, "count_further", window, inputs={"lines": counted(session, ticket, "supply")})
    engine.fire(ticket.case, "accept", window)
    assert ticket.case.state == "accepted"
