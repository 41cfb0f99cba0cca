"""The pages beside the lists, as somebody uses them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints.lists import finding
from models.content import Content
from models.person import Grant
from models.saved_filter import SavedFilter
from process.refusals import Forbidden, InvalidInput, NotFound
from services import saved_filters
from tests.services import fertility

ClientAs = Callable[[str], FlaskClient]


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


@pytest.fixture
def cases(session: Session, actor):
    made = [fertility.opened(session, actor("window.clerk")) for _ in range(3)]
    session.commit()
    return made


@pytest.mark.req("S4-31")
def test_the_box_finds_things_people_items_and_pages(client_as: ClientAs, cases) -> None:
    clerk = client_as("window.clerk")
    answer = clerk.post("/lists/find", data={"q": "生育"})
    assert answer.status_code == 303
    page = words(clerk.get(answer.location))
    assert cases[0].number in page and "看办事指南" in page
    assert "打开" in words(clerk.get("/desk/search?q=证照"))
    person = words(clerk.get("/desk/search?q=林若琳"))
    assert "看其办件" in person and "林若琳" not in person.replace("“林若琳”", "").replace("林若琳 找到", "")


def test_no_whole_number_in_an_address(client_as: ClientAs, cases) -> None:
    clerk, number = client_as("window.clerk"), fertility.WIFE["id_number"]
    answer = clerk.post("/lists/find", data={"q": number})
    assert number not in answer.location
    page = clerk.get(answer.location).get_data(as_text=True)
    assert cases[0].number in page and number not in page
    by_hand = clerk.get(f"/desk/search?q={number}")
    assert by_hand.status_code == 302 and number not in by_hand.location
    sifted = clerk.post("/lists/sift/type:case", data={"q": number, "only": "open"})
    assert sifted.status_code == 303 and number not in sifted.location
    listed = clerk.get(sifted.location).get_data(as_text=True)
    assert cases[0].number in listed and number not in listed
    phone = clerk.post("/lists/find", data={"q": fertility.WIFE["phone"]})
    assert fertility.WIFE["phone"] not in phone.location
    assert cases[0].number in clerk.get(phone.location).get_data(as_text=True)


def test_a_filter_is_kept_shared_and_made_usual(client_as: ClientAs, session: Session, cases, person) -> None:
    clerk = client_as("window.clerk")
    answer = clerk.post("/lists/filters/cases", data={"state": "open", "filter_name": "没办完的", "shared": "1"})
    assert answer.status_code == 303 and "state=open" in answer.location
    kept = session.scalars(select(SavedFilter)).one()
    assert (kept.name, kept.query, kept.unit_id) == ("没办完的", {"state": "open"}, "dongxin-centre")
    assert "没办完的" in words(clerk.get("/cases"))
    colleague = client_as("reviewer")
    assert "没办完的（沈丽娟）" in words(colleague.get("/cases"))
    page = words(colleague.get("/lists/filters/cases"))
    assert "沈丽娟 共享" in page and "改名" not in page
    for what in ("rename", "remove", "unshare"):
        assert colleague.post(f"/lists/filters/cases/{kept.uid}", data={"do": what, "name": "我的"}).status_code == 403
    colleague.post(f"/lists/filters/cases/{kept.uid}", data={"do": "usual"})
    opened = colleague.get("/cases")
    assert opened.status_code == 302 and opened.location.endswith("state=open")
    assert colleague.get("/cases?whole=1").status_code == 200
    assert (
        client_as("neighbour.clerk").post(f"/lists/filters/cases/{kept.uid}", data={"do": "usual"}).status_code == 404
    )
    clerk.post(f"/lists/filters/cases/{kept.uid}", data={"do": "unshare"})
    assert colleague.get("/cases").status_code == 200, "what is no longer shown opens nothing"
    clerk.post(f"/lists/filters/cases/{kept.uid}", data={"do": "rename", "name": "在办"})
    clerk.post(f"/lists/filters/cases/{kept.uid}", data={"do": "remove"})
    session.expire_all()
    assert session.scalars(select(SavedFilter)).all() == []


def test_a_shared_filter_widens_nobodys_sight(client_as: ClientAs, session: Session, cases, actor, person) -> None:
    made = saved_filters.keep(session, actor("window.clerk"), "type:case", "全街道", {"unit": "dongxin"}, shared=True)
    made.unit_id = person("neighbour.clerk").unit_id
    session.commit()
    page = client_as("neighbour.clerk").get("/t/case/?unit=dongxin").get_data(as_text=True)
    assert "全街道" in page and cases[0].number not in page


@pytest.mark.parametrize(
    ("values", "name", "said"),
    [
        ({}, "空的", "还没有设|没有设任何条件"),
        ({"q": "330103199406182046"}, "某人", "不能保存"),
        ({"q": "林若琳"}, "", "起个名字"),
        ({"q": "林若琳"}, "长" * 41, "名称"),
        ({"after": "x", "strange": "1"}, "空的", "没有设任何条件"),
    ],
)
def test_what_is_no_filter_is_refused(session: Session, actor, values: dict, name: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        saved_filters.keep(session, actor("window.clerk"), "type:case", name, values)


def test_names_are_unique_and_their_number_is_bounded(session: Session, actor, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = actor("window.clerk")
    saved_filters.keep(session, clerk, "cases", "一", {"state": "open"})
    with pytest.raises(InvalidInput, match="已经有一个叫"):
        saved_filters.keep(session, clerk, "cases", "一", {"state": "late"})
    monkeypatch.setattr(saved_filters, "MOST", 1)
    with pytest.raises(InvalidInput, match="最多保存 1 个"):
        saved_filters.keep(session, clerk, "cases", "二", {"state": "late"})
    with pytest.raises(Forbidden):
        saved_filters.keep(session, actor("resident"), "cases", "三", {"state": "late"}, shared=True)
    with pytest.raises(NotFound):
        saved_filters.keep(session, clerk, "nothing", "四", {"state": "late"})


@pytest.mark.req("S4-33")
def test_many_at_once_tells_every_row(client_as: ClientAs, session: Session, cases, actor) -> None:
    clerk = client_as("window.clerk")
    listed = clerk.get("/t/case/").get_data(as_text=True)
    assert 'name="uid"' in listed and 'value="t:submit"' in listed
    from process import engine

    engine.fire(cases[0], "submit", actor("window.clerk"))
    session.commit()
    uids = [case.uid for case in cases]
    answer = clerk.post(
        "/lists/bulk", data={"uid": [*uids, "nobodys"], "action": "t:submit", "back": "/t/case/?only=open"}
    )
    page = answer.get_data(as_text=True)
    if 'name="asked"' in page:
        answer = clerk.post(
            "/lists/bulk",
            data={"uid": [*uids, "nobodys"], "action": "t:submit", "asked": "1", "back": "/t/case/?only=open"},
        )
        page = answer.get_data(as_text=True)
    assert answer.status_code == 200 and "办成 2 件，没办成 2 件" in words(answer)
    assert page.count("checked") == 1 and f'value="{cases[0].uid}"' in page
    session.expire_all()
    states = session.scalars(select(Content.state).where(Content.uid.in_(uids))).all()
    assert "draft" not in states


def test_passing_on_many_asks_once(client_as: ClientAs, session: Session, cases, person) -> None:
    clerk = client_as("window.clerk")
    uids = [case.uid for case in cases]
    asked = clerk.post("/lists/bulk", data={"uid": uids, "action": "o:transfer", "back": "/cases"})
    assert asked.status_code == 200 and "共 3 件，填一次" in words(asked)
    form = {"uid": uids, "action": "o:transfer", "asked": "1", "back": "/cases"}
    empty = clerk.post("/lists/bulk", data=form)
    assert empty.status_code == 422 and 'name="asked"' in empty.get_data(as_text=True)
    done = clerk.post("/lists/bulk", data={**form, "unit": "dongxin", "comment": "请代为受理"})
    assert done.status_code == 303 and done.location.endswith("/cases"), words(done)
    session.expire_all()
    assert set(session.scalars(select(Content.unit_id).where(Content.uid.in_(uids)))) == {"dongxin"}


@pytest.mark.parametrize("action", ["", "t:", "t:nothing", "o:remove_signer", "o:nothing", "x"])
def test_what_was_never_offered_is_not_done(client_as: ClientAs, cases, action: str) -> None:
    answer = client_as("window.clerk").post("/lists/bulk", data={"uid": [cases[0].uid], "action": action})
    assert answer.status_code == 404


@pytest.mark.parametrize("back", ["https://example.org/", "//example.org/", "/\\example.org", "javascript:alert(1)"])
def test_the_way_back_is_ours(client_as: ClientAs, cases, back: str) -> None:
    answer = client_as("window.clerk").post("/lists/bulk", data={"back": back, "action": "t:submit"})
    assert answer.status_code == 303 and answer.location.endswith("/desk/")


def test_nothing_picked_and_too_much_picked(client_as: ClientAs, cases) -> None:
    clerk = client_as("window.clerk")
    assert clerk.post("/desk/bulk", data={"action": "submit"}).status_code == 303
    many = clerk.post("/lists/bulk", data={"uid": [f"u{n}" for n in range(201)], "action": "t:submit"})
    assert many.status_code == 303 and "一次最多办 200 件" in words(clerk.get("/desk/"))


def test_a_list_on_paper_and_as_a_file(client_as: ClientAs, cases) -> None:
    clerk = client_as("window.clerk")
    sheet = words(clerk.get("/lists/print/cases?state=open"))
    assert "筛选：没办结的" in sheet and cases[0].number in sheet and "林若琳" not in sheet
    asked = words(clerk.get("/lists/export/cases?state=open"))
    assert "共 3 件" in asked
    assert clerk.post("/lists/export/cases", data={"state": "open"}).status_code == 303
    address = re.search(r'href="(/lists/exports/[^"]+\.xlsx)"', clerk.get("/lists/exports").get_data(as_text=True))[1]
    answer = clerk.get(address)
    assert answer.headers["Cache-Control"] == "no-store"
    assert load_workbook(io.BytesIO(answer.get_data())).active.max_row == 8
    assert client_as("reviewer").get(address).status_code == 404


def test_readings_of_names(client_as: ClientAs, app: Flask) -> None:
    clerk = client_as("window.clerk")
    assert clerk.post("/lists/readings", data={"name": "单雄信", "initials": "sxx"}).status_code == 303
    assert "SXX" in words(clerk.get("/lists/readings"))
    assert clerk.post("/lists/readings", data={"name": "单雄信", "initials": "三"}).status_code == 422
    assert clerk.post("/lists/readings", data={"name": "", "initials": "ab"}).status_code == 422
    assert clerk.post("/lists/readings", data={"name": "单雄信", "initials": ""}).status_code == 303
    assert client_as("courier").get("/lists/readings").status_code == 404


def test_a_register_comes_in_through_the_pages(client_as: ClientAs, session: Session) -> None:
    from tests.lists.test_imports import OLD, care

    clerk = client_as("community.clerk")
    assert "上门服务对象名册" in words(clerk.get("/lists/import"))
    body = clerk.get("/lists/import/care/template.xlsx").get_data()
    assert [cell.value for cell in load_workbook(io.BytesIO(body))["名单"][1]][:3] == ["网格", "姓名", "身份证号码"]
    wrong = clerk.post("/lists/import/care", data={"file": (io.BytesIO(b"x"), "x.xlsx")})
    assert wrong.status_code == 422 and "不是 Excel" in words(wrong)
    sent = clerk.post("/lists/import/care", data={"file": (io.BytesIO(care(OLD)), "名册.xlsx")})
    preview = words(clerk.get(sent.location))
    assert "全部 1 行没有问题" in preview and "将新增 1 行" in preview and "龚素珍" not in preview
    assert clerk.post(sent.location).status_code == 303
    assert "新增 1 行" in words(clerk.get(sent.location))
    assert clerk.get(f"{sent.location}/report.xlsx").status_code == 200
    assert client_as("courier").get("/lists/import").status_code == 404
    assert session.scalar(select(Grant.id).limit(1)) is not None


def test_a_search_that_finds_too_much_says_what_is_left_out(
    client_as: ClientAs, cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = client_as("window.clerk")
    assert "这里只有最新的" not in words(clerk.get("/desk/search?q=生育"))
    monkeypatch.setattr(finding, "LIMIT", 2)
    page = words(clerk.get("/desk/search?q=生育"))
    assert "“生育”找到不止 2 件" in page and "符合的超过 2 件，这里只有最新的 2 件" in page and "把范围缩小" in page
    shown = re.findall(r"DX-\d{4}-\d+", page)
    assert shown == sorted(shown, reverse=True) and len(shown) == 2, "the newest two, sorted"
