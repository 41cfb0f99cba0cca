"""四个平台: set by the administrator, seen and found where units are listed, where a matter is routed, and by programs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.ledger import JournalEntry
from process.access import Actor
from services import actions
from services.field_choices import agencies
from services.places import tree, with_platform
from tests.api.conftest import Api

As = Callable[[str], FlaskClient]


def set_to(client: FlaskClient, place: str, *platforms: str) -> int:
    return client.post(f"/grid/{place}/details", data={"platforms": list(platforms)}).status_code


@pytest.mark.req("S2-16")
def test_a_unit_is_given_its_platforms_and_found_by_them(session: Session, client_as: As) -> None:
    admin = client_as("admin")
    form = admin.get("/grid/dx-c02-station/details").text
    assert all(name in form for name in ("综治工作", "市场监管", "综合执法", "便民服务"))
    assert set_to(admin, "dx-c02-station", "service", "governance") == 303
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "point:change")).all()[-1]
    assert entry.details["after"]["platforms"] == ["governance", "service"]
    # On its own page, in the tree, and the tree cut down to one platform.
    clerk = client_as("community.clerk")
    assert "综治工作、便民服务" in clerk.get("/places/dx-c02-station").text
    page = clerk.get("/places/?platform=governance").text
    assert "社区02公共服务站" in page and "社区03公共服务站" not in page and "社区04公共服务站" not in page
    assert "还没有单位属于这个平台" in clerk.get("/places/?platform=market").text
    assert "社区03公共服务站" in clerk.get("/places/?platform=nonsense").text
    # Taken away again.
    assert set_to(admin, "dx-c02-station") == 303
    session.expire_all()
    assert session.get_one(Agency, "dx-c02-station").details["platforms"] == []


@pytest.mark.req("S2-16")
def test_whoever_routes_a_matter_sees_and_narrows_by_platform(
    session: Session, client_as: As, actor: Callable[[str], Actor]
) -> None:
    assert set_to(client_as("admin"), "xc-weather", "market", "enforcement") == 303
    offered = dict(agencies(session, actor("community.clerk")))
    assert offered["xc-weather"] == "下城区气象局（市场监管、综合执法）"
    assert offered["xc-gas"] == "示例燃气公司"
    made = actions.create(
        session, actor("community.clerk"), "hotline_consult", {"question": "摊位谁管", "place": "dx-c01"}
    )
    actions.perform(made, "to_staff", actor("community.clerk"))
    session.commit()
    page = client_as("community.clerk").get(f"/c/{made.uid}/do/forward").text
    assert 'data-platform-filter="按四个平台筛选"' in page
    assert '<option value="xc-weather" data-platforms="市场监管|综合执法">' in page


@pytest.mark.req("S2-16")
def test_a_program_reads_the_platforms_of_a_unit(session: Session, app: Flask, actor: Callable[[str], Actor]) -> None:
    made = actions.create(
        session, actor("window.clerk"), "errand", {"title": "送材料", "to_agency": "dx-c01", "place": "dongxin-centre"}
    )
    session.commit()
    one = Api(app, "window.clerk").call("GET", f"/contents/{made.uid}").json
    assert {"id": "dongxin-centre", "name": "东新街道行政服务中心", "platforms": ["service"]} in (
        one["place"],
        one["unit"],
        *(place["place"] for place in one["places"]),
    )


def test_what_is_no_platform_is_refused_and_nothing_is_lost(session: Session, client_as: As) -> None:
    answer = client_as("admin").post("/grid/dx-c02/details", data={"platforms": ["police"], "address": "新地址1号"})
    assert answer.status_code == 422 and "请从四个平台里选" in answer.text and "新地址1号" in answer.text
    assert client_as("community.clerk").get("/grid/dx-c02/details").status_code == 404


def test_the_tree_is_cut_down_and_counted(session: Session) -> None:
    from services.grid_rights import today

    roots, count = with_platform(tree(session, today()), "service")
    assert count == 1 and [node.agency.id for node in roots] == ["hangzhou"]
    assert with_platform(tree(session, today()), "market") == ([], 0)
