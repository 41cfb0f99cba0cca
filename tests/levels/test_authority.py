"""A bureau lets another office decide: routing, review, approval, history and papers follow the letter on its days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from models.authority import AuthorityGrant, AuthorityUse
from models.base import at_time, now
from models.ledger import JournalEntry
from models.paper import Paper
from process import engine
from process.clock import local_day
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput, RequirementUnmet, Stale
from services import authority, authority_grants, case_routing
from tests.levels.office import driver, filed, head_of, received, ticket_for
from tests.services.fertility import opened, ticks

ITEM = "fertility_registration_card"


@pytest.fixture
def admin(actor):
    return actor("admin")


def given(session, actor, **changes):
    return authority_grants.give(
        session,
        actor,
        **{
            "giver": "dongxin",
            "taker": "dx-c01",
            "power": authority.DECIDE,
            "items": [ITEM],
            "basis": "东新授〔2026〕7号",
            **changes,
        },
    )


@pytest.mark.req("S3-32")
def test_the_street_lets_a_community_decide_and_the_case_stays_there(session, actor, admin, person):
    clerk = actor("community.clerk")
    before = opened(session, clerk, place="dx-c01")
    engine.fire(before, "submit", clerk)
    assert before.deciding_unit_id == "dongxin-centre" and before.active_place("addressee") is None

    grant = given(session, admin)
    case = opened(session, clerk, place="dx-c01")
    engine.fire(case, "submit", clerk)
    assert case.deciding_unit_id == "dx-c01" and case.active_place("addressee").place_id == "dx-c01"
    assert session.get(AuthorityUse, (case.id, grant.id)) is not None
    engine.fire(case, "accept", clerk)
    engine.fire(case, "review", clerk, inputs={"materials": ticks(case)})
    # The second pair of eyes is another clerk of the station: the community's clerk decides there.
    other = driver(session, "dx-c01-clerk-a")
    engine.fire(case, "approve", other, inputs={"comment": "同意"})
    assert case.state == "approved" and session.get(AuthorityUse, (case.id, grant.id)).decided_at is not None
    rows = session.scalars(
        select(JournalEntry).where(JournalEntry.content_id == case.id, JournalEntry.action == "case:approve")
    ).all()
    assert rows[0].details["authority"] == grant.id and rows[0].details["text"] == "受东新街道委托（东新授〔2026〕7号）"
    notice = session.scalar(select(Paper).where(Paper.content_id == case.id, Paper.paper == "acceptance_notice"))
    assert notice.data["agency"] == "万家星城社区（受东新街道委托）"
    # Another community is not in the letter: its cases go to the street as before.
    neighbour = actor("neighbour.clerk")
    elsewhere = opened(session, neighbour, place="dx-c02")
    engine.fire(elsewhere, "submit", neighbour)
    assert elsewhere.deciding_unit_id == "dongxin-centre"


@pytest.mark.req("S3-32")
def test_a_department_item_is_decided_only_by_the_owner_or_under_its_letter(session, actor, admin):
    """示例授权: six departments let the approvals office decide; without a letter nobody else may."""
    clerk = actor("window.clerk")
    case = filed(session, clerk, "balloon_activity")
    assert case.deciding_unit_id == "xc-approvals"
    # The street takes it in, but cannot accept it: its level is the district's.
    with pytest.raises(RequirementUnmet, match="请开“代办单”转交下城区审批管理办公室办理"):
        engine.fire(case, "accept", clerk)

    shipped = session.scalar(select(AuthorityGrant).where(AuthorityGrant.from_id == "xc-weather"))
    authority_grants.end(session, admin, shipped.id, version=1, reason="收回", running="finish")
    later = filed(session, clerk, "balloon_activity")
    assert later.deciding_unit_id == "xc-weather"


def test_a_letter_to_accept_opens_the_counter_and_leaves_the_decision(session, actor, admin):
    clerk = actor("window.clerk")
    session.execute(AuthorityGrant.__table__.update().values(ended_at=now()))
    session.expire_all()
    grant = given(
        session, admin, giver="xc-urban", taker="dongxin", power="accept", items=["temporary_road_occupation"]
    )
    case = filed(session, clerk, "temporary_road_occupation")
    engine.fire(case, "accept", clerk)
    assert (case.deciding_unit_id, case.unit_id) == ("xc-urban", "xc-urban")
    assert session.get(AuthorityUse, (case.id, grant.id)).accepted_at is not None
    # Reviewing at the street is not theirs: the case lies with the owner.
    with pytest.raises(Forbidden):
        engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})


def test_whoever_got_a_case_without_authority_cannot_decide_it(session, actor, admin, person):
    """A ticket sent to the wrong office makes that office no owner."""
    shipped = session.scalar(select(AuthorityGrant).where(AuthorityGrant.from_id == "xc-weather"))
    authority_grants.end(session, admin, shipped.id, version=1, reason="收回", running="finish")
    clerk = actor("community.clerk")
    case = filed(session, clerk, "balloon_activity", place="dx-c01")
    received(session, ticket_for(session, clerk, case, "dongxin-centre"), actor("window.clerk"))
    with pytest.raises(RequirementUnmet, match="东新街道行政服务中心今天没有受委托"):
        engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})


@pytest.mark.req("S3-32")
def test_an_ended_letter_holds_for_no_new_case_and_names_those_under_way(session, actor, admin):
    grant = given(session, admin)
    clerk = actor("community.clerk")
    one = opened(session, clerk, place="dx-c01")
    engine.fire(one, "submit", clerk)
    assert [case.id for case in authority.running(session, grant)] == [one.id]
    ended, back, kept = authority_grants.end(
        session, admin, grant.id, version=grant.version, reason="东新收〔2026〕1号", running="return"
    )
    assert (back, kept) == ([one], []) and ended.ended_by_id == admin.person_id
    assert one.deciding_unit_id == one.unit_id == "dongxin-centre"
    assert one.active_place("addressee").place_id == "dongxin-centre"
    two = opened(session, clerk, place="dx-c01")
    engine.fire(two, "submit", clerk)
    assert two.deciding_unit_id == "dongxin-centre"
    stream = session.scalars(
        select(JournalEntry).where(JournalEntry.stream == f"authority:{grant.id}").order_by(JournalEntry.seq)
    ).all()
    assert [row.action for row in stream] == ["authority:give", "authority:end"]
    assert stream[1].details["returned"] == [one.number]
    engine.fire(one, "accept", actor("window.clerk"))
    engine.fire(one, "review", actor("reviewer"), inputs={"materials": ticks(one)})
    engine.fire(one, "approve", actor("approver"))
    assert one.state == "approved"


def test_what_is_finished_by_the_taker_is_still_decided_there(session, actor, admin):
    grant = given(session, admin)
    clerk = actor("community.clerk")
    case = opened(session, clerk, place="dx-c01")
    engine.fire(case, "submit", clerk)
    _grant, back, kept = authority_grants.end(session, admin, grant.id, version=1, reason="收回", running="finish")
    assert (back, kept) == ([], [case])
    engine.fire(case, "accept", clerk)
    engine.fire(case, "review", clerk, inputs={"materials": ticks(case)})
    engine.fire(case, "approve", driver(session, "dx-c01-clerk-a"))
    assert case.state == "approved"


def test_routing_follows_the_calendar(session, actor, admin, agency, item):
    today = local_day(now())
    given(session, admin, since=today + timedelta(days=10), until=today + timedelta(days=20))
    place, one = agency("dx-c01"), item(ITEM)
    units = [
        case_routing.route(session, one, place, None, today + timedelta(days=n)).unit.id for n in (0, 9, 10, 20, 21)
    ]
    assert units == ["dongxin-centre", "dongxin-centre", "dx-c01", "dx-c01", "dongxin-centre"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"basis": " "}, "请填写授权依据的文号"),
        ({"power": "all"}, "请选授权的范围"),
        ({"items": []}, "请选一个类别，或逐项选事项"),
        ({"category": "elderly_service"}, "两样只选一样"),
        ({"items": ["no_such"]}, "没有找到事项“no_such”"),
        ({"items": ["accounting_certificate"]}, "已经停用，不能授权"),
        ({"items": ["balloon_activity"]}, "由下城区气象局决定，东新街道不能把它授权出去"),
        ({"giver": "xc-approvals", "items": ["balloon_activity"]}, "不得再委托给别人"),
        ({"taker": "dongxin-centre"}, "不需要授权"),
        ({"taker": "dongxin"}, "不需要授权"),
        ({"taker": "dx-c01-g1"}, "请选受委托的单位"),
        ({"taker": "nowhere"}, "请选受委托的单位"),
        ({"taker": "xc-gas"}, "示例燃气公司还没有审批人"),
        ({"since": date(2026, 1, 1)}, "授权不能倒签"),
        ({"until": date(2026, 1, 1)}, "早于开始日期"),
        ({"basis": "号" * 121}, "最多 120 个字"),
    ],
)
def test_what_is_refused_says_what_to_do(session, admin, changes, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        given(session, admin, **changes)


@pytest.mark.req("S3-32")
def test_overlapping_letters_are_refused_with_a_sentence(session, admin, agency):
    today = local_day(now())
    first = given(session, admin, until=today + timedelta(days=30))
    for changes in ({}, {"since": today + timedelta(days=30)}, {"until": today}):
        with pytest.raises(InvalidInput, match="与这一份重叠。请先结束那一份"):
            given(session, admin, **changes)
    # After its last day, or on other ground, there is nothing to overlap with.
    given(session, admin, since=today + timedelta(days=31))
    given(session, admin, taker="dx-c02")
    authority_grants.end(session, admin, first.id, version=1, reason="换文")
    given(session, admin, until=today + timedelta(days=30))


def test_a_category_covers_its_items_and_meets_single_ones(session, admin, item):
    grant = given(session, admin, items=[], category=item(ITEM).category)
    assert grant.category == "family_planning" and not grant.items
    with pytest.raises(InvalidInput, match="重叠"):
        given(session, admin)
    assert authority.of_item(session, item(ITEM), local_day(now())) == [grant]


def test_only_the_head_of_the_giver_or_an_administrator_gives_and_ends(session, actor, admin):
    for name in ("catalogue.manager", "approver", "neighbour.clerk", "supervisor"):
        with pytest.raises(Forbidden):
            given(session, actor(name))
    head = head_of(session, "supervisor", "dongxin")
    grant = given(session, head)
    with pytest.raises(Forbidden):
        authority_grants.end(session, actor("approver"), grant.id, version=1, reason="x")
    # The head of one street grants nothing of a department.
    with pytest.raises(Forbidden):
        given(session, head, giver="xc-urban", items=["temporary_road_occupation"], taker="xc-approvals")


def test_two_administrators_end_at_once(session, actor, admin):
    grant = given(session, admin)
    with pytest.raises(Stale):
        authority_grants.end(session, admin, grant.id, version=7, reason="旧页面")
    for changes, sentence in (({"reason": ""}, "请写明结束的原因"), ({"running": "drop"}, "在办的件怎么办")):
        with pytest.raises(InvalidInput, match=sentence):
            authority_grants.end(session, admin, grant.id, **{"version": 1, "reason": "收回", **changes})
    authority_grants.end(session, admin, grant.id, version=1, reason="收回")
    with pytest.raises(Stale, match="已由楼旭东结束"):
        authority_grants.end(session, admin, grant.id, version=2, reason="收回")


def test_an_office_that_ceased_decides_nothing(session, admin, agency, item):
    given(session, admin)
    today = local_day(now())
    assert case_routing.route(session, item(ITEM), agency("dx-c01"), None, today).unit.id == "dx-c01"
    agency("dx-c01").valid_to = today - timedelta(days=1)
    session.flush()
    assert case_routing.route(session, item(ITEM), agency("dx-c01"), None, today).unit.id == "dongxin-centre"
    with pytest.raises(InvalidInput, match="已不存在，请改选接替它的单位"):
        given(session, admin, since=today + timedelta(days=40))


def test_letters_of_the_past_are_told(session, admin):
    """A letter that ran out is over by itself and cannot be ended again."""
    day = local_day(now())
    with at_time(datetime.combine(day - timedelta(days=40), datetime.min.time(), CHINA) + timedelta(hours=9)):
        grant = given(session, admin, until=day - timedelta(days=10))
    with pytest.raises(InvalidInput, match=r"已于\S+到期"):
        authority_grants.end(session, admin, grant.id, version=1, reason="收回")
    assert grant in authority.listed(session, ended=True) and grant not in authority.listed(session)
