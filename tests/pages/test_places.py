"""The tree, the register of grids, a community, and the inbox of a unit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.errand import Errand
from models.person import GridMembership, Person
from process.access import Actor
from services import places
from services.errand_posting import create_errand

As = Callable[[str], FlaskClient]
TODAY = date(2026, 11, 20)


@pytest.fixture
def posted(session: Session, actor: Callable[[str], Actor]) -> Callable[..., Errand]:
    def make(username: str = "community.clerk", **fields: object) -> Errand:
        made = create_errand(session, actor(username), {"title": "送材料", "to_agency": "dongxin-centre", **fields})
        session.commit()
        return made

    return make


@pytest.mark.req("S0-12")
@pytest.mark.req("S0-11")
def test_the_register_counts_communities_grids_and_leaders(
    session: Session, actor: Callable[[str], Actor], client_as: As
) -> None:
    found = places.grids(session, actor("supervisor"), TODAY)
    whole = places.totals(found)
    assert (whole.communities, whole.grids, whole.leaders, whole.short) == (16, 56, 112, 0)
    assert whole.households == sum(g.households for g in found) > 10_000
    page = client_as("supervisor").get("/places/grids")
    assert page.status_code == 200 and page.text.count("<tr data-row>") == 56
    for value in ("16", "56", "112", str(whole.households)):
        assert f"<b>{value}</b>" in page.text
    one = client_as("supervisor").get("/places/grids?community=dx-c01")
    assert (
        one.text.count("<tr data-row>") == 4
        and "4 个网格，网格长 8 人，1610 户" in one.text
        and "<b>56</b>" in one.text
    )
    assert client_as("supervisor").get("/places/grids?community=nowhere").status_code == 404


@pytest.mark.req("S0-13")
def test_a_grid_with_fewer_than_two_active_leaders_is_flagged(session: Session, client_as: As) -> None:
    memberships = session.scalars(
        select(GridMembership)
        .where(GridMembership.grid_id.in_(("dx-c01-g1", "dx-c02-g1", "dx-c03-g1")))
        .order_by(GridMembership.id)
    ).all()
    by_grid = {m.grid_id: m for m in memberships}
    by_grid["dx-c01-g1"].until = date(2026, 1, 1)
    session.get_one(Person, by_grid["dx-c02-g1"].person_id).active = False
    session.add(GridMembership(grid_id="dx-c03-g1", person_id=by_grid["dx-c01-g1"].person_id, capacity="grid_leader"))
    session.commit()
    page = client_as("supervisor").get("/places/grids?short=1")
    assert page.text.count("<tr data-row>") == 3 and page.text.count("1/2 人") == 2 and "3/2 人" in page.text
    assert "3 个网格的网格长不是 2 人" in page.text
    assert "1/2 人" in client_as("community.clerk").get("/places/dx-c01").text


@pytest.mark.req("S0-11")
def test_members_are_listed_by_capacity(session: Session, client_as: As, person: Callable[[str], Person]) -> None:
    for capacity in ("grid_service_worker", "grid_publicist"):
        session.add(GridMembership(grid_id="dx-c01-g1", person_id=person("grid.leader").id, capacity=capacity))
    session.commit()
    page = client_as("grid.leader").get("/places/dx-c01-g1")
    assert page.status_code == 200
    for word in ("网格长 2", "服务员 1", "宣传员 1", "俞国芳"):
        assert word in page.text


@pytest.mark.req("S0-02")
def test_the_tree_shows_every_unit_with_its_period_and_what_is_invented(session: Session, client_as: As) -> None:
    old = session.get_one(Agency, "dx-c16")
    old.valid_from, old.valid_to = date(2018, 1, 1), date(2026, 6, 30)
    session.commit()
    page = client_as("community.clerk").get("/places/")
    assert page.status_code == 200
    for word in (
        "杭州市",
        "下城区",
        "东新街道行政服务中心",
        "万家星城社区公共服务站",
        "社区16红色代办点",
        "第56网格",
        "虚构",
        "部分为示例",
        "2018年1月1日 至 2026年6月30日",
        "不在有效期",
    ):
        assert word in page.text
    assert page.text.count("tree__row") == len(session.scalars(select(Agency.id)).all())


@pytest.mark.req("S0-02")
def test_a_community_shows_its_desks_grids_and_own_work(posted: Callable[..., Errand], client_as: As) -> None:
    posted()
    page = client_as("community.clerk").get("/places/dx-c01")
    assert page.status_code == 200
    for word in (
        "万家星城社区公共服务站",
        "万家星城社区红色代办点",
        "第1网格",
        "俞国芳",
        "章晓㛃",
        "在办红色代办任务",
        "/places/dx-c01/inbox",
    ):
        assert word in page.text
    other = client_as("neighbour.clerk").get("/places/dx-c01")
    assert (
        other.status_code == 200
        and "在办" not in other.text.split("下设")[0]
        and "/places/dx-c01/inbox" not in other.text
    )
    assert client_as("neighbour.clerk").get("/places/nowhere").status_code == 404
    assert "林若琳" not in page.text, "a resident is not staff"


@pytest.mark.req("S0-02")
def test_a_clerk_sees_the_inbox_of_the_own_station_only(posted: Callable[..., Errand], client_as: As) -> None:
    here, there = posted(), posted("neighbour.clerk")
    client = client_as("community.clerk")
    assert client.get("/places/inbox").headers["Location"].endswith("/places/dx-c01/inbox")
    for address in ("/places/dx-c01/inbox", "/places/dx-c01-station/inbox"):
        page = client.get(address)
        assert page.status_code == 200 and here.number in page.text and there.number not in page.text
    assert client.get("/places/dx-c02/inbox").status_code == client.get("/places/nowhere/inbox").status_code == 404
    for stranger in ("neighbour.clerk", "courier", "resident"):
        assert client_as(stranger).get("/places/dx-c01/inbox").status_code == 404, stranger


@pytest.mark.req("S0-02")
def test_the_inbox_is_sorted_by_deadline_and_pages_without_gaps(
    session: Session, posted: Callable[..., Errand], actor: Callable[[str], Actor], client_as: As
) -> None:
    made = [posted(window_end=(now() + timedelta(hours=30 - n % 4)).isoformat()) for n in range(9)]
    for errand in made[:2]:
        errand.deadline = None
    session.commit()
    clerk = actor("community.clerk")
    seen, after = [], ""
    for _ in range(9):
        page = places.inbox(session, clerk, ["dx-c01"], after=after, limit=2)
        seen += [content for content, _steps in page.works]
        if page.after is None:
            break
        after = page.after
    assert [c.id for c in seen] == [
        c.id for c in sorted(made, key=lambda e: (e.deadline is None, e.deadline or now(), e.id))
    ]
    assert client_as("community.clerk").get("/places/dx-c01/inbox?after=nonsense&type=errand").status_code == 200
