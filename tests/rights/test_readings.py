"""谁看过我的信息: residents read who looked and who handled, and nobody reads it of anybody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Case
from models.content import Content
from models.delegation import Delegation
from models.errand import Errand
from models.paper import Note
from models.person import Person
from models.resident import Resident
from process import engine
from process.access import Actor
from process.refusals import NotFound
from services import personal, readers
from tests.services.test_delegations import LETTER, counted, open_case, open_ticket

As = Callable[[str], Actor]
Who = Callable[[str], Person]


def plain(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.text))


@pytest.fixture
def mine(session: Session, actor: As, person: Who) -> Case:
    """A case of the demo's resident, filed by the station and carried to the street."""
    clerk = actor("community.clerk")
    case = open_case(session, clerk)
    case.applicant_id = person("resident").resident_id
    session.flush()
    session.expire(case, ["applicant"])
    ticket = open_ticket(session, clerk, case, letter=LETTER)
    engine.fire(ticket, "send", clerk, inputs={"comment": "内部：老人脾气急"})
    session.add(Note(content_id=case.id, audience="internal", author_id=clerk.person_id, text="内部备注不外传"))
    personal.reveal(session, case, actor("window.clerk"), "applicant.phone", "通知补材料")
    session.commit()
    return case


@pytest.mark.req("S1-09")
def test_who_looked_and_who_handled_in_plain_words(mine: Case, client_as: Callable[[str], FlaskClient]) -> None:
    page = plain(client_as("resident").get("/me/readings"))
    assert "看了：电话" in page and "东新街道行政服务中心 · 综合窗口 · 沈丽娟" in page and "原因：通知补材料" in page
    assert "办了：受委托并转交" in page and "章晓㛃" in page and "请您签代办委托书" in page and "经手办理这一步" in page
    assert "脾气急" not in page and "内部备注" not in page and "13800" not in page
    assert page.index("看了：电话") < page.index("办了：受委托并转交") < page.index("办了：登记"), "newest first"
    assert "在列表和搜索里看到您的事" in page and "12345" in page
    raw = client_as("resident").get("/me/readings").text
    assert "/t/complaint/new" in raw
    viewed = plain(client_as("resident").get("/me/readings?kind=viewed"))
    assert "看了：电话" in viewed and "办了：" not in viewed
    assert "看了：" not in plain(client_as("resident").get("/me/readings?kind=handled"))
    assert client_as("resident").get("/me/readings?kind=x&before=-1&thing=<b>").status_code == 200


def test_what_one_step_brought_about_is_told_once(
    session: Session, mine: Case, actor: As, client_as: Callable[[str], FlaskClient]
) -> None:
    window = actor("window.clerk")
    ticket = session.scalars(select(Delegation).where(Delegation.case_id == mine.id)).one()
    engine.fire(ticket, "receive", window, inputs={"lines": counted(session, ticket)})
    engine.fire(ticket, "start", window)
    session.commit()
    assert mine.state == "accepted"
    resident = actor("resident")
    told = [event.what.zh for event in readers.told(session, resident, kind=readers.HANDLED).events]
    assert "办理" in told and "受理" not in told, "the ticket's step stands for the case's, at the same moment"
    # Asked for the case alone, its own step is there.
    of_case = [event.what.zh for event in readers.told(session, resident, thing=mine.uid).events]
    assert "受理" in of_case


def test_nobody_reads_it_of_somebody_else(session: Session, mine: Case, actor: As, person: Who) -> None:
    me = actor("resident")
    assert len(readers.told(session, me).events) > 3
    # Another resident with an account reads their own page, and staff have no such page at all.
    other = session.scalars(select(Resident).where(Resident.id != me.resident_id)).first()
    assert other is not None
    courier = person("courier")
    courier.resident_id = other.id
    session.flush()
    neighbour = actor("courier")
    assert neighbour.resident_id == other.id
    assert not readers.told(session, neighbour).events
    assert not readers.told(session, neighbour, thing=mine.uid).events
    for staff in ("community.clerk", "window.clerk", "supervisor", "admin"):
        with pytest.raises(NotFound):
            readers.told(session, actor(staff))
        with pytest.raises(NotFound):
            readers.own_things(session, actor(staff))


def test_whoever_carries_with_a_letter_is_listed_and_reads_nothing(session: Session, mine: Case, actor: As) -> None:
    """The letter entitles to act for somebody; who else looked remains the principal's own to know."""
    told = readers.told(session, actor("resident"), kind=readers.HANDLED).events
    assert any(one.what.zh == "请您签代办委托书" and one.who == "章晓㛃" for one in told)
    with pytest.raises(NotFound):
        readers.told(session, actor("community.clerk"), thing=mine.uid)


def test_a_substitute_is_shown_with_whose_post_it_was(
    session: Session, mine: Case, actor: As, person: Who, days: Callable[[int], Any], client_as: Any
) -> None:
    from services import actions, custody, substitutions

    admin = actor("admin")
    ticket = session.scalars(
        select(Content).where(Content.type == "delegation", Content.applicant_id == mine.applicant_id)
    ).one()
    substitutions.name(session, admin, person("window.clerk"), person("issuer"), until=days(3), reason="年休假")
    session.flush()
    handover = custody.latest(session, ticket, "send")
    assert handover is not None
    lines = [{"line": line.position, "counted": line.sheets} for line in handover.lines]
    actions.perform(ticket, "receive", actor("issuer"), {"lines": lines})
    session.commit()
    newest = readers.told(session, actor("resident")).events[0]
    assert (newest.what.zh, newest.who, newest.for_whom) == ("清点接收", "何䶮", "沈丽娟")
    assert "何䶮 代 沈丽娟" in plain(client_as("resident").get("/me/readings"))


def test_pages_and_the_filter_by_thing(
    session: Session, mine: Case, actor: As, monkeypatch: pytest.MonkeyPatch, client_as: Any
) -> None:
    me = actor("resident")
    everything = readers.told(session, me, limit=100).events
    seen, before = [], None
    for _page in range(50):
        told = readers.told(session, me, before=before, limit=2)
        seen += [one.id for one in told.events]
        before = told.further
        if before is None:
            break
    assert seen == [one.id for one in everything] and len(set(seen)) == len(seen)
    only = readers.told(session, me, thing=mine.uid).events
    assert only and {one.thing.uid for one in only} == {mine.uid}
    assert len(only) < len(everything)
    stranger = session.scalars(select(Content.uid).where(Content.applicant_id.is_distinct_from(me.resident_id))).first()
    if stranger is not None:
        assert not readers.told(session, me, thing=stranger).events
    client = client_as("resident")
    page = client.get(f"/me/readings?thing={mine.uid}").text
    assert f'<option value="{mine.uid}" selected' in page
    assert "没有更早的了" in client.get("/me/readings?before=1").text


def test_what_is_not_theirs_to_see_is_told_only_where_somebody_looked(
    session: Session, mine: Case, actor: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    from process import access

    monkeypatch.setattr(access, "visible", lambda statement, *_rest: statement.where(Content.id == -1))
    events = readers.told(session, actor("resident")).events
    assert [one.kind for one in events] == ["viewed"]
    assert (events[0].thing.uid, events[0].thing.number, events[0].thing.title) == (None, None, "")


def test_a_courier_is_known_by_the_given_name(app: Flask, session: Session, mine: Case, actor: As) -> None:
    errand = actions_errand(session, actor, mine)
    engine.fire(errand, "claim", actor("courier"))
    told = readers.told(session, actor("resident"), thing=errand.uid).events
    assert told[0].what.zh == "认领" and told[0].who == "志远"
    assert [readers.given_name(name) for name in ("方志远", "欧阳建平", "买买提·艾力", "何䶮", "王")] == [
        "志远",
        "建平",
        "买买提·艾力",
        "䶮",
        "王",
    ]


def actions_errand(session: Session, actor: As, case: Case) -> Errand:
    from services import actions

    errand = actions.create(
        session,
        actor("dispatcher"),
        "errand",
        {"title": "送老年卡", "place": "dx-c01", "from_agency": "dx-c01", "to_agency": "dongxin-centre"},
    )
    assert isinstance(errand, Errand)
    errand.applicant_id = case.applicant_id
    session.flush()
    engine.fire(errand, "post", actor("dispatcher"))
    return errand
