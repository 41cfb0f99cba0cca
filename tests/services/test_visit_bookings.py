"""What may be booked as a home visit, by whom and when; each no names the field to mend."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.delegation import HomeVisit
from process import access, engine
from process.refusals import Forbidden, InvalidInput, RequirementUnmet
from tests.services.visiting import OLD_LADY, YOUNG, As, request_visit, tomorrow


@pytest.mark.req("S0-17")
@pytest.mark.parametrize("item", ["fertility_registration_card", "tax_governance_01"])
def test_items_outside_the_categories_cannot_be_booked(session: Session, actor: As, item: str) -> None:
    visit = request_visit(session, actor("community.clerk"), item=item)
    assert visit.eligible is False
    with pytest.raises(RequirementUnmet, match=r"不在上门代办范围内.*可以改用"):
        engine.fire(visit, "schedule", actor("grid.leader"), inputs={"slot_start": tomorrow()})
    engine.fire(visit, "decline", actor("community.clerk"), inputs={"comment": "请网上申报"})
    assert visit.state == "ineligible"


@pytest.mark.req("S0-18")
def test_too_young_and_without_proof(session: Session, actor: As) -> None:
    clerk, leader = actor("community.clerk"), actor("grid.leader")
    young = request_visit(session, clerk, applicant=YOUNG)
    assert (young.eligible, young.basis) == (False, "")
    with pytest.raises(RequirementUnmet, match=r"未满80周岁.*就近到社区"):
        engine.fire(young, "schedule", leader, inputs={"slot_start": tomorrow()})
    unproved = request_visit(session, clerk, applicant=YOUNG, condition="bedridden")
    with pytest.raises(RequirementUnmet, match="没有写明依据"):
        engine.fire(unproved, "schedule", leader, inputs={"slot_start": tomorrow()})
    proved = request_visit(
        session, clerk, applicant=YOUNG, condition="bedridden", proof="市中医院出院小结，医嘱卧床休养"
    )
    assert (proved.eligible, proved.basis) == (True, "卧病在床")
    assert "中医院" not in f"{proved.fields}{proved.basis}{proved.title}{proved.search_text}"
    assert proved.private["proof"].startswith("市中医院")
    engine.fire(proved, "schedule", leader, inputs={"slot_start": tomorrow()})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"applicant": {**OLD_LADY, "id_number": "330103194303052044"}}, "applicant.id_number"),
        ({"applicant": {"name": "骆水珍", "id_number": "330103194303052043"}}, "applicant.phone"),
        ({"applicant": "骆水珍"}, "applicant"),
        ({"item": "no_such_item"}, "item"),
        ({"place": "nowhere"}, "place"),
        ({"condition": "lazy"}, "condition"),
        ({"requested_phone": "123"}, "requested_phone"),
        ({"wish": "soon"}, "wish"),
        ({"place": "dx-c02"}, "place"),
    ],
)
def test_a_request_names_the_field_to_mend(session: Session, actor: As, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        request_visit(session, actor("community.clerk"), **{"place": "dx-c01-g1", **changes})
    assert field in refused.value.errors


@pytest.mark.req("S0-19")
def test_slots(session: Session, actor: As, person: Any) -> None:
    clerk, leader = actor("community.clerk"), actor("grid.leader")
    first = request_visit(session, clerk)
    for slot, words in ((now() - timedelta(minutes=1), "已经过去"), (now() + timedelta(days=61), "60 天以内")):
        with pytest.raises(InvalidInput, match=words):
            engine.fire(first, "schedule", leader, inputs={"slot_start": slot})
    engine.fire(first, "schedule", leader, inputs={"slot_start": tomorrow(10)})

    other = request_visit(session, clerk, applicant=YOUNG, condition="bedridden", proof="出院小结")
    with pytest.raises(RequirementUnmet, match="已约了别家"):
        engine.fire(other, "schedule", leader, inputs={"slot_start": tomorrow(10) + timedelta(minutes=30)})
    engine.fire(other, "schedule", leader, inputs={"slot_start": tomorrow(11)})

    again = request_visit(session, clerk, item="social_insurance_eligibility_check")
    with pytest.raises(RequirementUnmet, match="服务对象在这个时间"):
        engine.fire(again, "schedule", clerk, inputs={"slot_start": tomorrow(10), "visitor": "dx-c01-g1-leader-b"})
    engine.fire(again, "schedule", clerk, inputs={"slot_start": tomorrow(14), "visitor": "dx-c01-g1-leader-b"})
    assert again.assignee_id == person("dx-c01-g1-leader-b").id

    engine.fire(first, "set_off", leader)
    engine.fire(first, "miss", leader, inputs={"comment": "敲门无人应答"})
    assert (first.attempts, first.slot_start) == (1, None)
    engine.fire(first, "reschedule", leader, inputs={"slot_start": tomorrow(10, days=2)})
    assert (first.state, first.assignee_id) == ("scheduled", leader.person_id)


def test_only_a_leader_of_this_grid_goes(session: Session, actor: As) -> None:
    clerk = actor("community.clerk")
    visit = request_visit(session, clerk)
    for visitor in (None, "dx-c01-g2-leader-a", "neighbour.clerk", "nobody"):
        with pytest.raises(InvalidInput, match="可以上门的是：俞国芳"):
            engine.fire(visit, "schedule", clerk, inputs={"slot_start": tomorrow(), "visitor": visitor})
    for stranger in ("neighbour.clerk", "dx-c01-g2-leader-a", "window.clerk"):
        with pytest.raises(Forbidden):
            request_visit(session, actor(stranger))
    with pytest.raises(Forbidden):
        engine.fire(visit, "schedule", actor("dx-c01-g2-leader-a"), inputs={"slot_start": tomorrow()})


def test_neighbours_and_other_grids_see_nothing(session: Session, actor: As) -> None:
    visit = request_visit(session, actor("community.clerk"), proof="见病历")
    seen = {
        name: session.scalar(access.visible(select(HomeVisit).where(HomeVisit.id == visit.id), actor(name), HomeVisit))
        is not None
        for name in (
            "grid.leader",
            "dx-c01-g1-leader-b",
            "community.clerk",
            "neighbour.clerk",
            "dx-c01-g2-leader-a",
            "window.clerk",
            "courier",
            "admin",
            "supervisor",
        )
    }
    assert seen == {
        "grid.leader": True,
        "dx-c01-g1-leader-b": True,
        "community.clerk": True,
        "neighbour.clerk": False,
        "dx-c01-g2-leader-a": False,
        "window.clerk": False,
        "courier": False,
        "admin": False,
        "supervisor": True,
    }
    health = {
        name: access.may(actor(name), "view_health", visit)
        for name in ("grid.leader", "community.clerk", "supervisor", "neighbour.clerk")
    }
    assert health == {"grid.leader": True, "community.clerk": True, "supervisor": False, "neighbour.clerk": False}
