"""三个零: what is left counts down to zero only when somebody does the work, and every number opens its list."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.base import now
from models.grid import Building
from models.person import GridMembership
from models.resident import Resident
from services import buildings, care, coverage, grid_log

HOUSE = {"name": "文晖路1幢", "address": "文晖路1号", "households": "36", "grid": ""}


@pytest.mark.req("S0-16")
def test_a_building_is_a_blind_spot_until_it_belongs_to_a_grid(session, client_as) -> None:
    clerk = client_as("community.clerk")
    assert "还没有登记楼栋" in clerk.get("/grid/dx-c01/buildings").text
    assert clerk.post("/grid/dx-c01/buildings/new", data=HOUSE).status_code == 303
    assert (
        clerk.post("/grid/dx-c01/buildings/new", data=HOUSE | {"name": "文晖路2幢", "grid": "dx-c01-g1"}).status_code
        == 303
    )
    page = clerk.get("/grid/coverage").text
    zero = page.split('href="#buildings"')[1].split("</a>")[0]
    assert "<b>1</b>" in zero and "/ 2" in zero and "文晖路1幢" in page.split('id="buildings"')[1]
    one = session.scalars(select(Building).where(Building.grid_id.is_(None))).one()
    assert clerk.post(f"/grid/buildings/{one.id}", data=HOUSE | {"grid": "dx-c01-g2"}).status_code == 303
    assert "登记的楼栋都划进了网格" in clerk.get("/grid/coverage").text
    listed = clerk.get("/grid/dx-c01/buildings").text
    assert "2 幢，72 户；名册上 1610 户" in listed
    assert "文晖路2幢" in client_as("grid.leader").get("/grid/dx-c01-g1/duty").text


@pytest.mark.req("S0-16")
def test_wrong_buildings_are_told_and_kept(session, client_as) -> None:
    clerk = client_as("community.clerk")
    assert clerk.post("/grid/dx-c01/buildings/new", data=HOUSE).status_code == 303
    wrong = [
        ({}, "已有“文晖路1幢”"),
        ({"name": ""}, "请写楼名"),
        ({"name": "甲" * 81}, "最多 80 个字"),
        ({"name": "新楼", "households": "-1"}, "0 到 9999"),
        ({"name": "新楼", "households": "10000"}, "0 到 9999"),
        ({"name": "新楼", "households": "多"}, "请填整数"),
        ({"name": "新楼", "grid": "dx-c02-g1"}, "不在万家星城社区"),
        ({"name": "新楼", "grid": "nowhere"}, "不在万家星城社区"),
    ]
    for change, sentence in wrong:
        answer = clerk.post("/grid/dx-c01/buildings/new", data=HOUSE | change)
        assert answer.status_code == 422 and sentence in answer.text and "文晖路1号" in answer.text, sentence
    one = session.scalars(select(Building)).one()
    assert clerk.post(f"/grid/buildings/{one.id}", data=HOUSE).status_code == 422
    assert clerk.post(f"/grid/buildings/{one.id}/end", data={"reason": ""}).status_code == 422
    assert clerk.post(f"/grid/buildings/{one.id}/end", data={"reason": "拆除"}).status_code == 303
    assert clerk.post(f"/grid/buildings/{one.id}", data=HOUSE | {"households": "1"}).status_code == 422
    for stranger in ("neighbour.clerk", "grid.leader", "supervisor"):
        assert client_as(stranger).post("/grid/dx-c01/buildings/new", data=HOUSE).status_code == 404
    assert client_as("resident").get("/grid/dx-c01/buildings").status_code == 404


@pytest.mark.req("S0-16")
@pytest.mark.req("S0-13")
def test_grids_without_two_leaders_are_listed(session, client_as) -> None:
    session.scalars(select(GridMembership).where(GridMembership.grid_id == "dx-c01-g3")).first().until = (
        now().date() - timedelta(days=2)
    )
    session.commit()
    page = client_as("community.clerk").get("/grid/coverage").text
    part = page.split('id="grids"')[1].split("</section>")[0]
    assert "第3网格" in part and "1/2 人" in part and "1/4" in part
    assert "1/56" in client_as("supervisor").get("/grid/coverage").text


@pytest.fixture
def old_one(session, actor) -> Resident:
    resident = session.scalars(select(Resident)).first()
    resident.grid_id, resident.community_id = "dx-c01-g1", "dx-c01"
    care.enter(session, actor("grid.leader"), resident, condition="bedridden", proof="病历", at=now())
    session.commit()
    return resident


@pytest.mark.req("S0-16")
def test_somebody_registered_is_missing_until_looked_after(session, actor, client_as, old_one, today) -> None:
    clerk = client_as("community.clerk")
    part = clerk.get("/grid/coverage").text.split('id="people"')[1]
    assert "1/1" in part and f"{old_one.name[0]}*" in part and old_one.name not in part
    entry = grid_log.cared_for(session, actor("grid.leader"), session.get_one(type(old_one.grid), "dx-c01-g1"))[0]
    form = {"duty": "service", "what": "看望老人", "minutes": "30", "kind": "visit", "care": str(entry.id)}
    leader = client_as("grid.leader")
    assert f"{old_one.name[0]}*" in leader.get("/grid/log/new").text
    assert leader.post("/grid/log/new", data=form).status_code == 303
    assert "都看望过" in clerk.get("/grid/coverage").text
    # In a period before the visit it is still missing; a period that cannot be read is said.
    before = clerk.get(f"/grid/coverage?until={(today - timedelta(days=1)).isoformat()}").text
    assert "0/0" in before.split('id="people"')[1] or "没有看望" in before
    odd = clerk.get("/grid/coverage?since=2026-02-30")
    assert odd.status_code == 200 and "2026-03-05" in odd.text


@pytest.mark.req("S0-16")
def test_counting_roles_see_no_names(session, client_as, old_one) -> None:
    part = client_as("supervisor").get("/grid/coverage").text.split('id="people"')[1]
    assert "第1网格" in part and "<b>1</b>" in part and f"{old_one.name[0]}*" not in part
    for stranger in ("resident", "courier", "window.clerk"):
        assert client_as(stranger).get("/grid/coverage").status_code == 404


def test_a_withdrawn_entry_is_no_visit(session, actor, old_one, today) -> None:
    leader = actor("grid.leader")
    grid = old_one.grid
    entry = grid_log.cared_for(session, leader, grid)[0]
    made = grid_log.enter(
        session, leader, {"duty": "service", "what": "看望", "minutes": 10, "kind": "visit", "care": str(entry.id)}
    )
    assert coverage.report(session, leader, today, today).people.missing == 0
    grid_log.withdraw(session, leader, made, "没去成")
    assert coverage.report(session, leader, today, today).people.missing == 1
    assert buildings.of_grid(session, grid) == []
