"""A process of the office’s own, two YAML files and nothing else, walked from its list to its end by everybody in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.installation import DEMO_PASSWORD
from tests.browser.product import SIZES, Office, Person, product
from tests.generic import two_files

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def own_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh office that is told of the folder with the two files."""
    folder: Path = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAIBAN_PROCESSES", str(two_files.write(folder / "processes")))
        with product(folder) as found:
            yield found


@pytest.fixture(scope="module", params=SIZES)
def own_office(request: pytest.FixtureRequest, browser: Any, own_address: str) -> Iterator[Office]:
    made = Office(browser, own_address, request.param)
    failed = request.session.testsfailed
    yield made
    if request.session.testsfailed > failed:
        made.keep_windows()
    made.close()


def step(person: Person, transition: str, **values: str) -> None:
    """Opens the small form of a step where it has one, fills it in and sends it."""
    act = person.page.locator(f"#act-{transition}")
    if act.count():
        act.locator("summary").click()
        for name, value in values.items():
            act.locator(f"[name={name}]").fill(value)
        with person.page.expect_navigation(wait_until="load"):
            act.locator("form button").click()
    else:
        with person.page.expect_navigation(wait_until="load"):
            person.page.locator(f"form[action$='/do/{transition}'] button").first.click()


def test_from_the_list_to_the_end(own_office: Office) -> None:
    clerk, window = own_office.person("community.clerk"), own_office.person("window.clerk")
    clerk.go("/t/").see("业务-全部", "便民设施报修", "示例")
    clerk.press("便民设施报修")
    clerk.see("业务-空清单", "便民设施报修")
    clerk.press("新建")
    clerk.see("业务-新建", "报修内容", "报修人姓名")
    clerk.fill("报修内容", f"东门路灯不亮（{own_office.size}）")
    clerk.page.locator("label", has_text="路灯").click()
    clerk.fill("损坏件数", "2")
    clerk.fill("联系电话", "1390000")
    clerk.fill("要用的配件", "灯泡\n灯罩")
    with clerk.refused():
        clerk.press("登记")
    clerk.see("业务-要改", "还有 2 处要改", "手机号码应为11位")
    assert clerk.field("报修内容").input_value().startswith("东门路灯不亮")
    assert clerk.field("要用的配件").input_value().split() == ["灯泡", "灯罩"]
    clerk.fill("联系电话", "13900004321")
    clerk.page.get_by_label(re.compile("交给哪个单位修")).select_option("dongxin-centre")
    clerk.press("登记")
    clerk.see("业务-一件", "已登记", "已报修", "灯泡；灯罩", "139****4321")
    uid = clerk.page.url.rpartition("/")[2]

    clerk.press("修改")
    clerk.see("业务-修改", "已填 139****4321")
    clerk.fill("损坏件数", "3")
    clerk.press("保存修改")
    clerk.see("业务-改好", "修改已保存")

    window.go("/t/repair_request/?state=reported").see("业务-待派修", f"东门路灯不亮（{own_office.size}）", "派人去修")
    window.go(f"/c/{uid}").see("业务-轮到窗口", "派人去修", "不予修理")
    step(window, "take", plan="水电班老周")
    window.see("业务-修理中", "修理中", "水电班老周")
    window.tap("转派、会签、抄送等")
    window.see("业务-其他办法", "加签", "抄送")
    window.press("加签")
    window.see("业务-加签", "再请一位同事会签")
    with window.refused():
        window.press("加签")
    window.see("业务-加签要改", "还有 1 处要改")
    window.page.get_by_label(re.compile("同事")).select_option("reviewer")
    window.press("加签")
    window.see("业务-等会签", "会签和意见", "等意见")
    reviewer = own_office.person("reviewer")
    reviewer.go("/desk/").see("工作台-等我的意见", "等我的意见")
    reviewer.go(f"/c/{uid}").page.locator("textarea[name=comment]").first.fill("可以")
    reviewer.press("同意")
    reviewer.see("业务-会签好", "意见已记下")

    window.go(f"/c/{uid}")
    step(window, "finish", result="换了灯泡")
    window.see("业务-已修好", "已修好", "换了灯泡")
    clerk.go(f"/c/{uid}")
    step(clerk, "redo", comment="还有一盏不亮")
    window.go(f"/c/{uid}")
    step(window, "finish", result="都换了")
    clerk.go(f"/c/{uid}")
    step(clerk, "confirm")
    clerk.see("业务-办结", "已办结")
    clerk.press("全部经过")
    clerk.see("业务-经过", "派人去修", "没修好，退回", "确认修好", "会签同意", "修改内容")
    clerk.go("/t/repair_request/?state=closed").see("业务-办结清单", f"东门路灯不亮（{own_office.size}）")
    neighbour = own_office.person("neighbour.clerk")
    with neighbour.refused(404):
        neighbour.go(f"/c/{uid}")
    neighbour.see("没有这一页")


def test_the_same_by_program(own_office: Office) -> None:
    speak = own_office.person("").page.context.request
    tokens = {
        name: speak.post("/api/v1/session", data={"username": name, "password": DEMO_PASSWORD}).json()["token"]
        for name in ("community.clerk", "window.clerk")
    }

    def post(who: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = speak.post(f"/api/v1{path}", data=body, headers={"Authorization": f"Bearer {tokens[who]}"})
        assert answer.ok, answer.text()
        found: dict[str, Any] = answer.json()
        return found

    made = post(
        "community.clerk",
        "/contents",
        {"type": "repair_request", "title": "长椅断了", "facility": "bench", "addressee": "dongxin-centre"},
    )
    for who, transition, inputs in (
        ("window.clerk", "take", {"plan": "木工班"}),
        ("window.clerk", "finish", {"result": "换了木条"}),
        ("community.clerk", "confirm", {}),
    ):
        made = post(who, f"/contents/{made['uid']}/actions/{transition}", inputs)
    assert made["state"] == "closed" and made["fields"]["plan"] == "木工班"
