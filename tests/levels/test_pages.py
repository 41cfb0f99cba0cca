"""Levels in the browser: letters of authority, places, switches, guided filing and figures, with what was typed kept."""

from __future__ import annotations

import re

import pytest

from models.authority import AuthorityGrant
from services.installation import DEMO_PASSWORD
from tests.levels.office import PERSON

CARD = "fertility_registration_card"
REPORTS = ("", "/volume", "/home", "/authority", "/powers", "/pilot")


@pytest.mark.req("S3-32")
def test_an_administrator_enters_a_letter_and_ends_it(client_as):
    admin, clerk = client_as("admin"), client_as("community.clerk")
    chosen = admin.get("/items/authority/new")
    assert "东新街道" in chosen.text and "下城区气象局" in chosen.text
    form = {"giver": "dongxin", "taker": "dx-c01", "power": "decide", "items": [CARD], "basis": ""}
    wrong = admin.post("/items/authority/new", data=form)
    assert wrong.status_code == 422 and "请填写授权依据的文号" in wrong.text
    assert re.search(r'value="fertility_registration_card" checked', wrong.text), "what was ticked stays"
    impossible = admin.post("/items/authority/new", data={**form, "basis": "x", "since": "2026-02-31"})
    assert impossible.status_code == 422 and "这一天必须存在" in impossible.text
    made = admin.post("/items/authority/new", data={**form, "basis": "东新授〔2026〕7号"})
    assert made.status_code == 303
    address = made.headers["Location"]
    assert "东新授〔2026〕7号" in admin.get(address).text and "结束这份授权" in admin.get(address).text
    # Everybody reads it, on the item and on the place; only the giver's people end it.
    assert "结束这份授权" not in clerk.get(address).text and clerk.get(address + "/end").status_code == 403
    for page in (f"/items/{CARD}", "/places/dx-c01", "/places/dongxin", "/items/authority"):
        assert "东新授〔2026〕7号" in clerk.get(page).text, page
    again = admin.post("/items/authority/new", data={**form, "basis": "再来一份"})
    assert again.status_code == 422 and "重叠" in again.text
    end = admin.get(address + "/end")
    version = re.search(r'name="version"[^>]*value="(\d+)"', end.text)[1]
    blank = admin.post(address + "/end", data={"version": version, "running": "finish", "reason": ""})
    assert blank.status_code == 422 and "请写明结束的原因" in blank.text
    assert (
        admin.post(address + "/end", data={"version": version, "running": "finish", "reason": "收回"}).status_code
        == 303
    )
    late = admin.post(address + "/end", data={"version": version, "running": "finish", "reason": "收回"})
    assert late.status_code == 409 and "已由楼旭东结束" in late.text
    assert (
        "收回" in admin.get("/items/authority?ended=1").text
        or "东新授〔2026〕7号" in admin.get("/items/authority?ended=1").text
    )


def test_who_may_not_give_is_told(client_as):
    for name in ("community.clerk", "catalogue.manager", "resident"):
        assert client_as(name).get("/items/authority/new").status_code == 403
    admin = client_as("admin")
    assert admin.get("/items/authority/999").status_code == 404
    assert "先选委托单位" in admin.get("/items/authority/new?giver=xx").text


@pytest.mark.req("S1-18")
def test_the_manager_writes_what_a_street_does(client_as):
    manager, clerk = client_as("catalogue.manager"), client_as("window.clerk")
    page = manager.get(f"/items/{CARD}/places/dongxin")
    assert "是否下沉村（社区）" in page.text and "沈丽娟" in page.text
    form = {
        "version": "0",
        "way": "window",
        "steps": "先在社区初审",
        "handlers": ["window.clerk"],
        "to_villages": "yes",
        "completable": "",
    }
    wrong = manager.post(f"/items/{CARD}/places/dongxin", data={**form, "same_power": "y"})
    assert wrong.status_code == 422 and "同权要写明依据的文号" in wrong.text and "先在社区初审" in wrong.text
    assert manager.post(f"/items/{CARD}/places/dongxin", data=form).status_code == 303
    stale = manager.post(f"/items/{CARD}/places/dongxin", data=form)
    assert stale.status_code == 409 and "刚才已被别人改过" in stale.text
    guide = clerk.get(f"/items/{CARD}").text
    assert "先在社区初审" in guide and "办理人员：沈丽娟" in guide
    assert "办理人员：沈丽娟" not in client_as("resident").get(f"/items/{CARD}").text
    assert clerk.get(f"/items/{CARD}/places").status_code == 403
    assert manager.get(f"/items/{CARD}/places/dx-c01-g1").status_code == 404
    assert manager.get("/items/no_such_item/places").status_code == 404


@pytest.mark.req("S1-21")
def test_the_guide_shows_open_ways_only_and_staff_guide_a_filing(client_as, session):
    manager, clerk, resident = client_as("catalogue.manager"), client_as("community.clerk"), client_as("resident")
    page = manager.get(f"/items/{CARD}/channels")
    opened = re.findall(r'name="open-(\w+)" value="y" checked', page.text)
    assert "online_mobile" in opened and "self_service_terminal" not in opened
    ways = {f"open-{name}": "y" for name in [*opened, "self_service_terminal"] if name != "online_mobile"}
    wrong = manager.post(f"/items/{CARD}/channels", data=ways)
    assert wrong.status_code == 422 and "要写明原因" in wrong.text
    assert 'name="open-self_service_terminal" value="y" checked' in wrong.text
    done = manager.post(f"/items/{CARD}/channels", data={**ways, "reason-online_mobile": "改版到月底"})
    assert done.status_code == 303
    guide = resident.get(f"/items/{CARD}").text
    assert "自助终端" in guide and "改版到月底" in guide
    # The clerk opens the draft; the resident finds it begun.
    assert "网上指导代办" in clerk.get(f"/items/{CARD}").text and "网上指导代办" not in guide
    person = {f"applicant_{name}": value for name, value in PERSON.items() if name != "household_address"}
    wrong = clerk.post(f"/items/{CARD}/assist", data={**person, "applicant_id_number": "123"})
    assert wrong.status_code == 422 and "林若琳" in wrong.text
    made = clerk.post(f"/items/{CARD}/assist", data=person)
    assert made.status_code == 303 and "已建好草稿" in clerk.get(made.headers["Location"]).text
    assert "网上申报功能服务区" in clerk.get(made.headers["Location"]).text
    begun = resident.post(f"/apply/{CARD}", data={})
    assert made.headers["Location"].rsplit("/", 1)[1] in begun.headers["Location"]
    assert resident.get(f"/items/{CARD}/assist").status_code == 403


@pytest.mark.req("S4-06", "S2-10", "S2-06")
def test_figures_are_read_by_those_who_answer_for_them(client_as):
    reader = client_as("statistician")
    for page in REPORTS:
        text = reader.get(f"/reports{page}?period=2026H1").text
        assert "2026年上半年" in text, page
    assert "548723" in reader.get("/reports/volume").text and "23/82" in reader.get("/reports/home").text
    assert "8/8" in reader.get("/reports/authority").text and "3/5" in reader.get("/reports/powers").text
    assert "红灯" in client_as("window.clerk").get("/reports/lights").text
    for name in ("window.clerk", "resident", "admin"):
        assert client_as(name).get("/reports/volume").status_code == 403
    assert client_as("resident").get("/reports/lights").status_code == 403
    assert reader.get("/reports/volume?place=xc-gas").status_code == 422
    assert reader.get("/reports/cases").status_code == 303
    assert reader.get("/reports/cases?place=dx-c01&state=nonsense&after=zz&period=''").status_code == 200
    assert reader.get("/reports/lights?light=blue&after=zz&place=nowhere").status_code == 200


def test_the_list_behind_a_number_is_masked(client_as):
    clerk, reader = client_as("community.clerk"), client_as("supervisor")
    person = {f"applicant_{name}": value for name, value in PERSON.items() if name != "household_address"}
    answer = clerk.post("/counter", data={**person, "item": "human_social_security_01", "m-id_card-provided": "1"})
    assert answer.status_code == 303
    for page in ("/reports/cases?place=dx-c01", "/reports/lights"):
        text = reader.get(page).text
        assert "林*" in text and "林若琳" not in text and PERSON["id_number"] not in text


def test_shipped_letters_are_marked_as_examples(client_as, session):
    text = client_as("supervisor").get("/items/authority").text
    assert text.count("示例授权书") == session.query(AuthorityGrant).count() == 6 and DEMO_PASSWORD not in text
