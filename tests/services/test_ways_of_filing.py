"""Five ways of filing: where it is taken in, decided and fetched may be three places; offices that ended; the door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints.catalogue.offers import ONLINE_WAYS
from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.delegation import Delegation, Handover
from models.errand import Errand
from models.message import Message
from models.notice import Notice
from models.paper import Paper
from process import clock, engine
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, RequirementUnmet
from services import address_routing, custody, whereabouts
from tests.services.fertility import draw_all
from tests.services.test_delegations import APPLICANT, LETTER, counted, drawn, open_case, open_ticket, opened, sees

As = Callable[[str], Actor]
Units = Callable[[str], Agency]


def carried(session: Session, actor: As, until: str, **data: Any) -> Delegation:
    """A ticket as far as its result is on the way, or decided only."""
    clerk, window = actor("community.clerk"), actor("window.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER, **data)
    engine.fire(ticket, "send", clerk)
    if until == "sent":
        return ticket
    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    engine.fire(ticket, "start", window)
    ticks = [{"code": m.code, "verdict": "accepted"} for m in ticket.case.materials if m.provided]
    engine.fire(ticket.case, "review", actor("reviewer"), inputs={"materials": ticks})
    engine.fire(ticket.case, "approve", actor("approver"))
    engine.fire(ticket, "decide", window)
    engine.fire(ticket.case, "issue", actor("issuer"))
    if until == "result_sent":
        engine.fire(ticket, "send_result", window)
    return ticket


@pytest.mark.req("S2-22")
def test_the_result_is_fetched_at_another_point(session: Session, actor: As) -> None:
    """Filed at one community, decided at the street, fetched at a third place; the station stays answerable."""
    clerk, there = actor("community.clerk"), actor("neighbour.clerk")
    ticket = carried(session, actor, "decided", result_point="dx-c02")
    assert not sees(session, there, ticket)
    engine.fire(ticket, "send_result", actor("window.clerk"))
    assert sees(session, there, ticket) and not sees(session, there, ticket.case)
    assert ticket.case.result_unit_id == "dx-c02"
    with pytest.raises(RequirementUnmet, match="另一个领取点"):
        engine.fire(ticket, "take_over", clerk, inputs={"lines": counted(session, ticket, "result")})
    engine.fire(ticket, "take_over", there, inputs={"lines": counted(session, ticket, "result")})
    assert ticket.unit_id == "dx-c02"
    # The resident is sent to the counter where it lies, not to the one where it was filed.
    told = session.scalars(select(Message).where(Message.content_id == ticket.id, Message.occasion == "result_ready"))
    [text] = [one.text for one in told]
    assert session.get_one(Agency, "dx-c02").name in text and ticket.place.name not in text
    where = {w.material.code: w for w in whereabouts.where_is(session, ticket.case)}
    assert "柴美玲" in where["id_card"].holder and "柴美玲" in where["id_card"].signed.signed_by
    draw_all(session)
    engine.fire(ticket, "deliver", there, inputs={"signature": drawn()})
    assert ticket.case.state == "delivered" and not custody.originals_out(ticket.case)
    with pytest.raises(Forbidden):
        engine.fire(ticket, "close", there)
    engine.fire(ticket, "close", clerk)
    assert not sees(session, there, ticket) and sees(session, clerk, ticket)


@pytest.mark.parametrize(
    ("point", "words"), [("moon", "没有找到结果领取点"), ("xiacheng", "不能发放结果"), ("dx-c02", "已停止办公")]
)
def test_a_point_that_cannot_give_out(session: Session, actor: As, agency: Units, point: str, words: str) -> None:
    agency("dx-c02").valid_to = clock.local_day(now()) - timedelta(days=1)
    clerk = actor("community.clerk")
    with pytest.raises(InvalidInput, match=words):
        open_ticket(session, clerk, open_case(session, clerk), result_point=point)


@pytest.mark.req("S3-29")
def test_staff_bring_the_result_to_the_door(session: Session, actor: As) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    ticket = carried(session, actor, "result_sent")
    engine.fire(ticket, "take_over", clerk, inputs={"lines": counted(session, ticket, "result")})
    draw_all(session)
    with pytest.raises(InvalidInput, match="请签收人当面"):
        engine.fire(ticket, "deliver", clerk, inputs={"way": "door", "collector": "骆秀英（女儿）"})
    with pytest.raises(InvalidInput):
        engine.fire(ticket, "deliver", clerk, inputs={"way": "drone"})
    with pytest.raises(RequirementUnmet):
        engine.fire(ticket, "deliver", window, inputs={"way": "door", "signature": drawn()})
    given = {"way": "door", "collector": "骆秀英", "signature": drawn()}
    engine.fire(ticket, "deliver", clerk, inputs=given)
    assert (ticket.fields["delivered_way"], ticket.fields["delivered_by"]) == ("door", clerk.name)
    assert ticket.case.trips == 1, "nobody came for it"
    receipt = session.scalars(
        select(Paper).where(Paper.content_id == ticket.id, Paper.paper == "delivery_receipt")
    ).one()
    assert receipt.data["way"] == "home" and receipt.data["recipient_name"] == "骆秀英"
    assert receipt.data["recipient_signature"]


def end(unit: Agency, heir: str = "") -> None:
    unit.valid_to = clock.local_day(now()) - timedelta(days=1)
    unit.details = {**(unit.details or {}), **({"successor": heir} if heir else {})}


def test_an_addressee_that_ended_before_sending_is_changed(session: Session, actor: As, agency: Units) -> None:
    clerk = actor("community.clerk")
    ticket = open_ticket(session, clerk, open_case(session, clerk), letter=LETTER)
    end(agency("dongxin-centre"), "xc-approvals")
    with pytest.raises(InvalidInput, match=r"已停止办公，现由下城区审批管理办公室接替.*改送别的单位"):
        engine.fire(ticket, "send", clerk)
    with pytest.raises(InvalidInput, match="没有找到要转交的单位"), session.begin_nested():
        engine.fire(ticket, "readdress", clerk, inputs={"addressee": "moon"})
    session.expire_all()
    engine.fire(ticket, "readdress", clerk, inputs={"addressee": "xc-approvals"})
    engine.fire(ticket, "send", clerk)
    assert sees(session, actor("approvals.clerk"), ticket) and not sees(session, actor("window.clerk"), ticket)


def test_a_station_that_ended_is_succeeded_before_papers_go_back(session: Session, actor: As, agency: Units) -> None:
    window, there = actor("window.clerk"), actor("neighbour.clerk")
    ticket = carried(session, actor, "sent")
    with pytest.raises(RequirementUnmet, match="都在办公"):
        engine.fire(ticket, "succeed", window, inputs={"unit": "dx-c02", "comment": "合并"})
    end(agency("dx-c01"), "dx-c02")
    with pytest.raises(RequirementUnmet, match=r"现由.*接替.*改由接替单位经手"):
        engine.fire(ticket, "return", window, inputs={"comment": "选错了"})
    for wrong, words in (
        ("moon", "没有找到接替单位"),
        ("dongxin-centre", "另一头"),
        ("dx-c01", "也已停止办公"),
        ("xc-water", "同一区里同级的单位，或它的上级"),
        ("dx-c02-g1", "同一区里同级"),
    ):
        with pytest.raises(InvalidInput, match=words), session.begin_nested():
            engine.fire(ticket, "succeed", window, inputs={"unit": wrong, "comment": "合并"})
        session.expire_all()
    engine.fire(ticket, "succeed", window, inputs={"unit": "dx-c02", "comment": "两个社区合并"})
    assert (ticket.place_id, ticket.case.place_id, ticket.state) == ("dx-c02", "dx-c02", "sent")
    assert sees(session, there, ticket) and sees(session, there, ticket.case)
    assert not sees(session, actor("resident"), ticket)
    assert ticket.case.materials[0].holder_unit_id == "dx-c02"
    engine.fire(ticket, "return", window, inputs={"comment": "选错了"})
    assert ticket.unit_id == "dx-c02"
    actions = session.scalars(select(Handover.action).where(Handover.content_id == ticket.id).order_by(Handover.id))
    assert list(actions) == ["send", "succeed", "return"]


def test_an_envelope_on_its_way_back_to_a_station_that_ended_is_counted_by_the_successor(
    session: Session, actor: As, agency: Units
) -> None:
    window, there = actor("window.clerk"), actor("neighbour.clerk")
    ticket = carried(session, actor, "sent")
    engine.fire(ticket, "return", window, inputs={"comment": "选错了"})
    end(agency("dx-c01"), "dx-c02")
    engine.fire(ticket, "succeed", window, inputs={"unit": "dx-c02", "comment": "两个社区合并"})
    with pytest.raises(RequirementUnmet, match="没有清点"):
        engine.fire(ticket, "revise", there)
    opened(session, ticket, there)
    assert custody.latest(session, ticket, "return").to_unit_id == "dx-c02"
    engine.fire(ticket, "revise", there)


def test_a_street_that_ended_in_the_middle_is_succeeded(session: Session, actor: As, agency: Units) -> None:
    clerk, heir = actor("community.clerk"), actor("approvals.clerk")
    ticket = carried(session, actor, "decided")
    end(agency("dongxin-centre"))
    engine.fire(ticket, "succeed", clerk, inputs={"unit": "xc-approvals", "comment": "并入区审管办"})
    assert (ticket.addressee_id, ticket.unit_id) == ("xc-approvals", "xc-approvals")
    assert sees(session, heir, ticket) and not sees(session, actor("window.clerk"), ticket)
    assert custody.originals_out(ticket.case)[0].holder_unit_id == "xc-approvals"
    engine.fire(ticket, "send_result", heir)


def test_a_result_point_that_ended_is_succeeded(session: Session, actor: As, agency: Units) -> None:
    window = actor("window.clerk")
    ticket = carried(session, actor, "decided", result_point="dx-c02")
    end(agency("dx-c02"))
    with pytest.raises(RequirementUnmet, match="改由接替单位经手"):
        engine.fire(ticket, "send_result", window)
    engine.fire(ticket, "succeed", window, inputs={"unit": "dx-c01", "comment": "改回本站"})
    engine.fire(ticket, "send_result", window)
    assert custody.latest(session, ticket, "result").to_unit_id == "dx-c01"


@pytest.mark.req("S1-23")
def test_any_station_takes_in_for_any_address(session: Session, actor: As) -> None:
    """Somebody of 万家星城社区 files at 社区02: registered at home, the home community told, the route proposed."""
    there = actor("neighbour.clerk")
    case = open_case(session, there, place="dx-c02")
    assert case.applicant.community_id == "dx-c01" and case.place_id == "dx-c02"
    home, street = address_routing.suggestion(session, case)
    assert (home.id, street.id) == ("dx-c01", "dongxin-centre")
    engine.fire(case, "submit", there)
    told = session.scalars(select(Notice).where(Notice.kind == "case:elsewhere")).one()
    assert told.unit_id == "dx-c01" and "骆" not in str(told.params) and told.params["station"] == "社区02"
    own = open_case(
        session, actor("community.clerk"), applicant={**APPLICANT, "id_number": "330103194607152027", "name": "方志敏"}
    )
    assert address_routing.suggestion(session, own) is None
    for text, found in (
        ("", None),
        ("火星路1号", None),
        ("杭州市下城区东新街道社区02文晖路", "dx-c02"),
        ("万家星城社区和社区02之间", "dx-c01"),
        ("%_%", None),
    ):
        named = address_routing.named_in(session, text)
        assert (named.id if named else None) == found, text


@pytest.mark.req("S2-08")
def test_what_cannot_be_filed_online_is_carried(app: Flask, client_as: Callable[[str], FlaskClient]) -> None:
    offline = next(
        item
        for item in catalogue.items().values()
        if not item.modes.online
        and not ONLINE_WAYS.intersection(item.channels)
        and item.delegable
        and item.category
        and item.decide_level != "village"
    )
    online = next(item for item in catalogue.items().values() if item.modes.online and item.category)
    public, clerk = app.test_client(), client_as("community.clerk")
    for reader in (public, clerk, client_as("resident")):
        page = reader.get(f"/items/{offline.id}").text
        assert "请社区代办" in page and "网上申报</a>" not in page
        assert "请社区代办" not in reader.get(f"/items/{online.id}").text
        how = reader.get(f"/delegations/how/{offline.id}")
        assert how.status_code == 200 and "万家星城社区" in how.text and "代办委托书样张" in how.text
    assert "收下材料，开代办单" in clerk.get(f"/delegations/how/{offline.id}").text
    assert "您的社区" in client_as("resident").get(f"/delegations/how/{offline.id}").text
    assert public.get("/delegations/how/none").status_code == 404


def test_a_courier_takes_the_result_to_the_other_point(session: Session, actor: As) -> None:
    """Confirmed by the receiver there, the ticket goes on at that point as it would at the station."""
    there, courier = actor("neighbour.clerk"), actor("courier")
    ticket = carried(session, actor, "decided", result_point="dx-c02")
    engine.fire(ticket, "send_result", actor("window.clerk"), inputs={"errand": True})
    errand = session.scalars(select(Errand).where(Errand.related_id == ticket.id)).one()
    assert errand.to_agency_id == "dx-c02"
    engine.fire(errand, "claim", courier)
    engine.fire(errand, "pick_up", courier, inputs={"envelopes": errand.envelopes})
    engine.fire(errand, "set_off", courier)
    engine.fire(errand, "deliver", courier)
    engine.fire(errand, "confirm", there)
    assert (ticket.state, ticket.unit_id, ticket.assignee_id) == ("handed_over", "dx-c02", there.person_id)
    where = {w.material.code: w for w in whereabouts.where_is(session, ticket.case)}
    assert "柴美玲" in where["id_card"].holder
