"""What stands around the matters: the log of the grid, searching, saved filters, an export, and the key pages at the other width."""

from __future__ import annotations

import io

from openpyxl import load_workbook

from tests.browser.month_office import Both, Month, Worker
from tests.browser.visit_story import uid_of

DUTIES = {
    "基础信息采集": "登记文晖路18幢新租户，提醒办居住登记",
    "社情民意调查": "听取楼道加装电梯的意见，三户同意、一户要看图纸",
    "矛盾纠纷化解": "调解楼上漏水，双方约定周六一起看管道",
    "政策法规宣传": "讲解医保参保时间，发放宣传单",
    "惠民便民服务": "帮独居老人预约上门换药",
}


def keep_the_log(month: Month, office: Both) -> None:
    """Five duties, one entry each, from the phone; and the table of the month at the station."""
    leader = office.person("grid.leader")
    for duty, what in DUTIES.items():
        leader.go("/grid/log/new")
        leader.page.get_by_label(duty, exact=True).check()
        leader.fill("做了什么", what)
        leader.see("网格日志-记一条", "五项工作")
        leader.press("记下")
    leader.see("网格日志-我的", *DUTIES)
    leader.go("/t/grid_event/new")
    leader.fill("什么事", "消防通道停满电瓶车")
    leader.page.get_by_label("惠民便民服务", exact=True).check()
    leader.see("网格事件-登记", "新建网格事件")
    leader.press("登记")
    leader.see("网格事件-已采集", "消防通道停满电瓶车")
    office.things["event"] = uid_of(leader)
    clerk = office.person("community.clerk")
    clerk.go("/grid/log/table").see("五项工作月报", "第1网格")


def search_and_export(month: Month, office: Both) -> None:
    """Found by two characters and by initials; a filter is kept; the Excel holds what one may see."""
    clerk = office.person("community.clerk")
    for words, name in (("林若", "两个字"), ("lrl", "首字母")):
        clerk.go("/desk/")
        box = clerk.page.locator(".top__search input[name=q]")
        box.fill(words)
        with clerk.page.expect_navigation():
            box.press("Enter")
        clerk.see(f"搜索-{name}", "林*", "DX-")
    clerk.go("/delegations/?show=all").see("代办清单-全部", "DB-")
    clerk.tap("保存筛选")
    clerk.fill("起个名字", "本月全部代办")
    clerk.press("保存", within=".list-tools__keep form")
    clerk.go("/delegations/?show=all").see("代办清单-有保存的筛选", "本月全部代办")
    clerk.press("导出 Excel")
    clerk.see("导出", "只有您看得到的")
    with clerk.page.expect_navigation():
        clerk.page.locator("main form button.btn-primary").click()
    clerk.see("我的导出", "文件已生成")
    with clerk.page.expect_download() as taken:
        clerk.page.locator("main a[href$='.xlsx']").first.click()
    with open(taken.value.path(), "rb") as held:
        sheet = load_workbook(io.BytesIO(held.read())).active
    assert sheet is not None
    cells = [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value]
    assert any("DB-" in cell for cell in cells) and not any("330103199406182046" in cell for cell in cells)


def see_again_at_the_other_width(month: Month, office: Both) -> None:
    """The pages that decide, at the size their people do not usually sit at."""
    for username, path, name in (
        ("community.clerk", "/desk/", "工作台-社区"),
        ("community.clerk", f"/c/{office.things['ticket']}", "代办单"),
        ("community.clerk", f"/delegations/papers/{office.things['case']}", "材料在哪里"),
        ("community.clerk", "/delegations/?show=all", "代办清单"),
        ("community.clerk", "/delegations/runs/?show=all", "送件"),
        ("community.clerk", "/counter?item=senior_card", "综合受理"),
        ("window.clerk", "/delegations/scan", "扫码接收"),
        ("issuer", "/certificates", "证照台"),
    ):
        both_ways(office.on("phone", username), path, name)
    for username, path, name in (
        ("grid.leader", "/visits/route", "上门路线"),
        ("grid.leader", "/visits/care", "服务对象名册"),
        ("resident", "/me/readings", "谁看过我的信息"),
        ("courier", "/errands/board", "任务板"),
    ):
        both_ways(office.on("desktop", username), path, name)


def both_ways(person: Worker, path: str, name: str) -> None:
    person.go(path).see(f"另一宽度-{name}")
