"""What streets and communities say about an item: handlers, villages, trials, powers, owners and ways, and every no."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from catalogue import loader
from models.base import now
from models.case import Case
from models.delegation import Delegation
from models.ledger import JournalEntry
from models.person import Grant
from process import access, engine
from process.clock import local_day
from process.refusals import Forbidden, InvalidInput, NotFound, RequirementUnmet, Stale
from services import case_routing, item_channels, item_place_changes, item_places
from tests.levels.office import draft, driver, filed, given_role, received, ticket_for
from tests.services.fertility import opened, ticks

CARD = "fertility_registration_card"
STREET_ITEM = "human_social_security_06"


@pytest.fixture
def manager(actor):
    return actor("catalogue.manager")


def saved(session, actor, one, place="dongxin", version=0, **given):
    return item_place_changes.save(session, actor, one, place, given, version)


@pytest.mark.req("S1-18")
def test_named_handlers_are_laid_the_new_cases_in_turn(session, actor, manager, item, person):
    """办理人员: whoever of those named has fewest gets the next; others of the unit may still act."""
    saved(session, manager, item(CARD), handlers=["window.clerk", "reviewer"], way="window", steps="先审后批")
    clerk = actor("window.clerk")
    got = []
    for _n in range(3):
        case = opened(session, clerk)
        engine.fire(case, "submit", clerk)
        session.flush()
        got.append(case.assignee.username)
    assert sorted(got[:2]) == ["reviewer", "window.clerk"] and len(set(got)) == 2
    engine.fire(case, "accept", clerk)
    # Who left the post is passed over; when nobody is left the case waits in the unit's inbox.
    for name in ("window.clerk", "reviewer"):
        for grant in session.scalars(select(Grant).where(Grant.person_id == person(name).id)):
            grant.until = local_day(now()) - timedelta(days=1)
    session.flush()
    assert item_places.suggested(session, item(CARD), case.place) is None
    row = session.scalars(select(JournalEntry).where(JournalEntry.action == "item:place")).one()
    assert row.details["changed"]["handlers"][1] == [person("window.clerk").id, person("reviewer").id]


@pytest.mark.req("S1-18")
def test_what_is_brought_down_is_accepted_by_the_community(session, actor, manager, item):
    """是否下沉村社: yes lets the station accept, no leaves it to carry."""
    clerk = actor("community.clerk")
    before = filed(session, clerk, STREET_ITEM, place="dx-c01")
    assert case_routing.must_carry(session, before)
    with pytest.raises(RequirementUnmet, match="由街道受理"):
        engine.fire(before, "accept", clerk)
    row = saved(session, manager, item(STREET_ITEM), to_villages="yes")
    engine.fire(before, "accept", clerk)
    assert before.state == "accepted"
    # One community may be kept out by what the street says later.
    saved(session, manager, item(STREET_ITEM), to_villages="no", version=row.version)
    after = filed(session, clerk, STREET_ITEM, place="dx-c01")
    with pytest.raises(RequirementUnmet):
        engine.fire(after, "accept", clerk)


@pytest.mark.req("S0-38")
def test_an_item_on_trial_is_offered_only_where_it_is_tried(session, actor, manager, item):
    today = local_day(now())
    one = item(CARD)
    with pytest.raises(InvalidInput, match="还没有一处在试点"):
        item_place_changes.save_setting(session, manager, one, owner_id="", basis="", pilot_only=True, version=0)
    saved(session, manager, one, "dx-c01", pilot_since=today, pilot_until=today + timedelta(days=30))
    item_place_changes.save_setting(session, manager, one, owner_id="", basis="试点方案", pilot_only=True, version=0)
    assert opened(session, actor("community.clerk"), place="dx-c01").state == "draft"
    # Neither another community nor the hall of the street: whoever comes there is told where to go.
    with pytest.raises(InvalidInput, match="东新街道行政服务中心还没有启用"):
        opened(session, actor("window.clerk"))
    with pytest.raises(InvalidInput, match="现在只在这里受理：万家星城社区。社区02还没有启用"):
        opened(session, actor("neighbour.clerk"), place="dx-c02")


@pytest.mark.req("S4-23", "S4-04")
def test_five_items_have_the_powers_of_the_city_here(session, actor, agency, item):
    powers = item_places.powers_at(session, agency("dongxin"))
    assert {p.item.code for p in powers} == {
        "commercial_registration",
        "real_estate_registration",
        "household_registration",
        "vehicle_inspection",
        "investment_project_approval",
    }
    assert [p.completable for p in powers].count(True) == 3 and all(p.illustrative for p in powers)
    # Decided at the city by the catalogue, here by the street's hall.
    case = filed(session, actor("window.clerk"), "investment_project_approval")
    assert case.item.decide_level == "city" and case.deciding_unit_id == "dongxin-centre"


def test_powers_take_an_owners_item_to_the_street(session, actor, manager, item):
    one = item("gas_supply")
    assert (
        case_routing.addressee_for(session, one, draft(session, actor("community.clerk"), "gas_supply").place).id
        == "xc-gas"
    )
    with pytest.raises(InvalidInput, match="同权要写明依据"):
        saved(session, manager, one, same_power=True)
    saved(session, manager, one, same_power=True, power_basis="下放清单", completable="yes")
    case = filed(session, actor("window.clerk"), "gas_supply")
    assert case.deciding_unit_id == "dongxin-centre"
    engine.fire(case, "accept", actor("window.clerk"))
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    assert case.state == "approved"


@pytest.mark.req("S4-22")
def test_a_ticket_to_a_utility_company_goes_there_and_back(session, actor, agency):
    """供水 from the station to the company: counted, accepted, reviewed, approved, issued, and the access ends with the ticket."""
    clerk, water, manager = (actor(name) for name in ("community.clerk", "water.clerk", "water.manager"))
    case = filed(session, clerk, "water_supply", place="dx-c01")
    assert case.deciding_unit_id == "xc-water" and not access.may(water, access.VIEW, case)
    with pytest.raises(RequirementUnmet, match="转交示例水务公司办理"):
        engine.fire(case, "accept", clerk)
    ticket = ticket_for(session, clerk, case)
    assert isinstance(ticket, Delegation) and ticket.addressee_id == "xc-water"
    assert not access.may(actor("window.clerk"), access.VIEW, case)
    received(session, ticket, water)
    assert case.state == "accepted" and case.unit_id == "xc-water"
    engine.fire(case, "review", water, inputs={"materials": ticks(case)})
    with pytest.raises(Forbidden):
        engine.fire(case, "approve", actor("approver"))
    engine.fire(case, "approve", manager)
    engine.fire(case, "issue", water)
    assert (case.state, case.deciding_unit_id) == ("issued", "xc-water")
    assert agency("xc-water").kind == "company"


def test_a_company_that_is_gone_is_no_owner(session, manager, item, agency):
    agency("xc-gas").valid_to = local_day(now()) - timedelta(days=1)
    session.flush()
    with pytest.raises(InvalidInput, match="已不存在，请改选接替它的单位"):
        item_place_changes.save_setting(
            session, manager, item("gas_supply"), owner_id="xc-gas", basis="", pilot_only=False, version=1
        )
    with pytest.raises(InvalidInput, match="没有找到这个部门或公司"):
        item_place_changes.save_setting(
            session, manager, item("gas_supply"), owner_id="dx-c01", basis="", pilot_only=False, version=1
        )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"way": "magic"}, "请选一种办理方式"),
        ({"steps": "步" * 501}, "最多 500 个字"),
        ({"pilot_until": "until"}, "也请写从哪一天起"),
        ({"pilot_since": "until", "pilot_until": "since"}, "早于开始"),
        ({"handlers": ["resident"]}, "resident不是东新街道现在的办理人员"),
        ({"handlers": ["nobody"]}, "请从列表中选"),
        ({"handlers": [f"x{n}" for n in range(11)]}, "最多列 10 名办理人员"),
    ],
)
def test_what_is_wrong_is_named(session, manager, item, given, sentence):
    today = local_day(now())
    days = {"since": today, "until": today + timedelta(days=1)}
    values = {key: days.get(value, value) if isinstance(value, str) else value for key, value in given.items()}
    with pytest.raises(InvalidInput, match=sentence):
        saved(session, manager, item(CARD), **values)


def test_another_streets_manager_a_stale_page_and_a_retired_item(session, manager, item, agency, person):
    with pytest.raises(Forbidden, match="您不管"):
        saved(session, given_role(session, "neighbour.clerk", "catalogue_manager", "dx-c02"), item(CARD), "dx-c01")
    # The manager of one community keeps that one.
    theirs = saved(session, driver(session, "neighbour.clerk"), item(CARD), "dx-c02", way="window")
    assert theirs.place_id == "dx-c02"
    saved(session, manager, item(CARD), way="window")
    with pytest.raises(Stale, match="刚才已被别人改过"):
        saved(session, manager, item(CARD), way="visit")
    with pytest.raises(NotFound):
        saved(session, manager, item(CARD), "dx-c01-g1")
    with pytest.raises(InvalidInput, match="已经停用"):
        saved(session, manager, item("accounting_certificate"))
    with pytest.raises(InvalidInput, match="只有街道（镇）能定"):
        saved(session, manager, item(CARD), "dx-c01", to_villages="yes")
    with pytest.raises(Forbidden):
        item_place_changes.save_setting(
            session, driver(session, "neighbour.clerk"), item(CARD), owner_id="", basis="", pilot_only=False, version=0
        )


@pytest.mark.req("S1-21")
def test_switches_open_and_shut_ways(session, actor, manager, item, client_as):
    one = item(CARD)
    assert not item_channels.is_open(session, one, "self_service_terminal")
    resident = actor("resident")
    with pytest.raises(InvalidInput, match="现在不能从“自助终端”办理"):
        opened(session, resident, channel="self_service_terminal", place="dx-c01")
    assert item_channels.switch(session, manager, one, {"self_service_terminal": (True, "")}) == [
        "self_service_terminal"
    ]
    assert opened(session, resident, channel="self_service_terminal", place="dx-c01").channel == "self_service_terminal"
    with pytest.raises(InvalidInput, match="要写明原因"):
        item_channels.switch(session, manager, one, {"online_pc": (False, " ")})
    item_channels.switch(session, manager, one, {"online_pc": (False, "系统改版到月底")})
    with pytest.raises(InvalidInput, match="不能从“网上申报（PC端）”办理（系统改版到月底）"):
        opened(session, resident, channel="online_pc", place="dx-c01")
    for wrong, sentence in (
        ({"pigeon": (True, "")}, "没有“pigeon”这种渠道"),
        ({way.channel: (False, "关") for way in item_channels.ways(session, one)}, "不能把所有渠道都关掉"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            item_channels.switch(session, manager, one, wrong)
    with pytest.raises(Forbidden):
        item_channels.switch(session, actor("community.clerk"), one, {"app": (True, "")})
    assert loader.item(CARD).channels and "online_pc" not in item_channels.open_ways(session, one)


@pytest.mark.req("S1-21")
def test_staff_guide_an_online_filing_and_the_resident_sees_it_through(session, actor):
    """网上指导代办: the clerk opens the draft, the resident files it; the deciding unit has it at once, without a ticket."""
    clerk, resident = actor("community.clerk"), actor("resident")
    case = opened(session, clerk, place="dx-c01", channel="filing_zone")
    assert (case.assisted_by_id, case.channel) == (clerk.person_id, "filing_zone")
    engine.fire(case, "submit", resident)
    # The resident came to the seat, whoever pressed the button.
    assert case.active_place("addressee").place_id == "dongxin-centre" and case.trips == 1
    # Filed by the clerk instead, it needs the resident's own word.
    other = opened(session, clerk, place="dx-c01", channel="filing_zone")
    with pytest.raises(RequirementUnmet, match="本人确认"):
        engine.fire(other, "submit", clerk)
    assert isinstance(other, Case) and other.active_place("addressee") is None
