"""What everybody does for one senior card; each function is the turn of one or two people."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta

from PIL import Image

from process.numbers import CHINA
from tests.browser.product import Office, Person, id_number, photograph, pictures_of, text_of

STREET = "东新街道行政服务中心"
# Seats of ID numbers: other people in every run against the same office.
SEAT = int(time.time()) % 240
NAMES = {"phone": "䶮阿花", "desktop": "欧阳㛃珍"}
LONG_ADDRESS = "浙江省杭州市下城区东新街道万家星城社区文晖路示例小区东区18幢2单元2806室（从北门进，电梯到28楼右转）"


def born(years: int) -> str:
    """A birthday so many years ago, some weeks past."""
    today = datetime.now(CHINA)
    return (today.replace(year=today.year - years, day=1) - timedelta(days=40)).strftime("%Y%m%d")


def seat(office: Office) -> int:
    return SEAT + (240 if office.size == "desktop" else 0)


def uid_of(person: Person) -> str:
    found = re.search(r"/c/([^/?#]+)", person.page.url)
    assert found, person.page.url
    return found[1]


def number_of(person: Person) -> str:
    return person.page.locator(".object__no b").inner_text()


def ask_for_a_visit(office: Office) -> str:
    clerk = office.person("community.clerk")
    clerk.go("/visits/").see("上门清单-社区")
    clerk.press("登记预约")
    clerk.see("上门预约", "年龄由号码算出")

    # Sixty, and nothing that proves why a visit is needed.
    fill_request(clerk, "俞建国", id_number(born(60), "male", seat(office)), "13800001111", "卧病在床")
    with clerk.refused():
        clerk.press("登记预约", within="form.card-box")
    clerk.see("上门预约-没有依据", "没有写明依据")
    assert clerk.field("老人或服务对象姓名").input_value() == "俞建国"
    assert clerk.field("上门地址").input_value() == LONG_ADDRESS

    fill_request(clerk, NAMES[office.size], id_number(born(83), "female", seat(office)), "13800002222", "80岁以上")
    clerk.fill("预约人", "李女士（女儿）")
    clerk.fill("预约人电话", "13800003333")
    clerk.press("登记预约", within="form.card-box")
    clerk.see("选上门时间-社区", "已预约", "老年卡")
    found = re.search(r"/visits/([^/?#]+)/slot", clerk.page.url)
    assert found, clerk.page.url
    clerk.go(f"/c/{found[1]}").see("上门代办单-预约", "老年卡")
    return uid_of(clerk)


def fill_request(clerk: Person, name: str, number: str, phone: str, condition: str) -> None:
    clerk.field("要办的事").select_option("老年卡")
    clerk.fill("老人或服务对象姓名", name)
    clerk.fill("身份证号码", number)
    clerk.fill("联系电话", phone)
    clerk.fill("上门地址", LONG_ADDRESS)
    clerk.field("所在网格").select_option("dx-c01-g1")
    clerk.page.get_by_label(condition).check()


def go_there(office: Office, visit: str) -> None:
    leader = office.person("grid.leader")
    leader.go("/visits/").see("上门清单-网格长")
    leader.go(f"/c/{visit}")
    schedule(leader, office)
    leader.see("上门代办单-排期", "已排期")
    leader.press("出发上门")
    leader.see("上门代办单-上门中", "上门中")
    at_the_door(office)


def at_the_door(office: Office) -> None:
    """The form in the stairwell, step by step, until the list of what was taken along."""
    leader = office.person("grid.leader")
    leader.press("核身份、收材料、签委托书")

    leader.see("上门表单-1身份", "核对身份", NAMES[office.size])
    with leader.refused():
        leader.press("存好，下一步")
    leader.see("上门表单-1身份-没有勾")
    leader.page.get_by_label("已出示工作证并核对身份证").check()
    leader.press("存好，下一步")

    leader.see("上门表单-2材料", "收材料")
    page = leader.page
    rows = page.locator("table.lines tbody tr")
    for index, sheets in ((0, "1"), (1, "2"), (2, "1")):
        rows.nth(index).get_by_label("页数").fill(sheets)
    rows.nth(0).get_by_label("原件/复印件").select_option("copy")
    rows.nth(0).get_by_label("状况").fill("完好")
    # The phone is put away and taken out again in the middle.
    page.reload()
    assert rows.nth(1).get_by_label("页数").input_value() == "2"
    assert rows.nth(0).get_by_label("状况").input_value() == "完好"
    leader.see("上门表单-2材料-重开", "已接着上次在本机填的内容")
    leader.press("存好，下一步")

    leader.see("上门表单-3拍照", "拍照")
    page.set_input_files(
        "input[name=photos]", files=[{"name": "IMG_0421.jpg", "mimeType": "image/jpeg", "buffer": photograph("card")}]
    )
    page.locator("[data-photos-status]:not(:empty)").wait_for()
    leader.shot("上门表单-3拍照-已拍")
    leader.press("存好，下一步")

    leader.see("上门表单-4委托书", "签代办委托书")
    leader.sign()
    leader.shot("上门表单-4委托书-已签", whole=False)
    leader.press("存好，下一步")
    leader.see("上门表单-5清单", "收走的材料", "一寸近期免冠彩色照片", "本人已签名")


def schedule(leader: Person, office: Office) -> None:
    """The first free hour of the coming days; earlier runs may have taken some."""
    leader.press("核资格并排期")
    leader.see("选上门时间", "还有")
    leader.page.locator(".slot-cell input").first.check()
    leader.press("约这个时间")


def file_it(office: Office, visit: str) -> tuple[str, str]:
    leader = office.person("grid.leader")
    leader.press("签收材料，收好")
    leader.see("上门表单-6完成", "代为申报", STREET)
    leader.press("代为申报")
    leader.see("上门代办单-已申报", "已代为申报", "DB-", "DX-")
    facts = leader.page.locator("dl.facts")
    ticket = facts.locator("a", has_text="DB-").get_attribute("href")
    case = facts.locator("a", has_text="DX-").get_attribute("href")
    assert ticket and case
    return ticket.rsplit("/", 1)[1], case.rsplit("/", 1)[1]


# --- At the street


def count_the_papers(office: Office, ticket: str) -> None:
    window = office.person("window.clerk")
    window.go("/desk/").see("工作台-窗口")
    window.go(f"/c/{ticket}").see("代办单-已发出", "已发出", "万家星城社区")
    window.press("清点接收")
    window.see("清点", "一寸近期免冠彩色照片")
    rows = window.page.locator("tr.count-row")
    for row in rows.all():
        listed = re.search(r"\d+", row.locator(".count-listed").inner_text())
        assert listed
        row.locator(".count-number").fill(listed[0])
    photo = rows.filter(has_text="彩色照片")
    photo.locator(".count-number").fill("1")
    with window.refused():
        window.press("清点完，签收")
    window.see("清点-没写差在哪里")
    assert photo.locator(".count-number").input_value() == "1"
    window.fill("差异说明：一寸近期免冠彩色照片", "清单写 2 张，信封里只有 1 张，已电话告知社区")
    window.press("清点完，签收")
    window.see("代办单-已接收", "已接收")
    window.press("办理")
    window.see("代办单-办理中", "办理中")


def decide(office: Office, case: str) -> None:
    reviewer = office.person("reviewer")
    reviewer.go("/desk/").see("工作台-审核")
    reviewer.go(f"/c/{case}").see("办件-待审核", "老年卡")
    reviewer.press("审核")
    reviewer.see("核对材料")
    review(reviewer)
    # The same account cannot decide what it reviewed.
    reviewer.go(f"/c/{case}")
    reviewer.see("办件-已审核", "已审核")
    assert reviewer.page.locator("main").get_by_text("审批同意", exact=True).count() == 0
    with reviewer.refused(409):
        reviewer.go(f"/c/{case}/do/approve")
    reviewer.see("办件-不能自己批", "不由您经手")

    approver = office.person("approver")
    approver.go(f"/c/{case}")
    approve(approver)


def review(reviewer: Person) -> None:
    for group in reviewer.page.locator("input[type=radio][value=accepted]").all():
        group.check()
    reviewer.press("材料齐全，审核通过")


def approve(approver: Person) -> None:
    approver.tap("审批同意")
    approver.fill("审批意见", "同意。")
    approver.press("审批同意", within="details.act[open] form")
    approver.see("办件-已审批", "已审批")


def issue(office: Office, case: str, ticket: str) -> str:
    issuer = office.person("issuer")
    issuer.go("/certificates").see("证照台", "老年卡")
    number, _pages = make_certificate(
        issuer, case, "老年卡", "老年优待证", NAMES[office.size], f"证照-老年卡-{office.size}"
    )
    issuer.go(f"/c/{ticket}")
    if issuer.page.locator("#acts").get_by_text("审批", exact=True).count():
        issuer.press("审批")
    issuer.press("出件")
    issuer.see("出件", f"{STREET} 万家星城社区")
    issuer.page.get_by_label("请红色跑腿工送回").check()
    issuer.press("出件", within="form.card-box")
    issuer.see("代办单-结果已交出", "结果已交出", "PT-")
    found = issuer.page.locator("dl.facts a", has_text="PT-").last.get_attribute("href")
    assert found and number
    return found.rsplit("/", 1)[1]


def make_certificate(
    issuer: Person, case: str, title: str, paper: str, name: str, picture: str
) -> tuple[str, list[Image.Image]]:
    """Number, seal, print, hand out; the PDF is looked at before it goes."""
    issuer.go(f"/c/{case}")
    issuer.page.locator("dl.facts div", has=issuer.page.get_by_text("证照", exact=True)).locator("a").click()
    issuer.page.wait_for_url("**/c/**")
    issuer.see("证照-草拟", title)
    issuer.press("审批后编号")
    issuer.see("证照-已编号", "已编号")
    if issuer.page.locator("#acts details summary", has_text="用印").count():
        issuer.tap("用印")
        issuer.press("用印", within="details.act[open] form")
    else:
        issuer.press("用印")
    issuer.see("证照-已用印", "已用印")
    number = number_of(issuer)
    pdf = issuer.pdf(paper)
    text = text_of(pdf).replace(" ", "")
    assert pdf.startswith(b"%PDF") and number in text and name in text, text
    pages = pictures_of(pdf, picture)
    issuer.press("打印")
    issuer.see("证照-已打印", "已打印")
    issuer.press("发证")
    issuer.see("证照-已发证", "已发证")
    return number, pages


# --- The way back


def bring_it_back(office: Office, ticket: str, errand: str) -> None:
    courier = office.person("courier")
    courier.go("/errands/board").see("任务板-跑腿工", "待认领")
    card = courier.page.locator(f"[data-card='{errand}']")
    seen = card.inner_text()
    assert "万家星城社区" in seen and NAMES[office.size] not in seen and "幢" not in seen and "1380000" not in seen
    with courier.page.expect_navigation():
        card.get_by_role("button", name=re.compile("认领")).click()
    courier.see("任务板-已认领")
    courier.go(f"/errands/{errand}").see("任务-已认领", "已认领")
    envelopes = re.search(r"(\d+) 件", courier.page.locator(".errand__signs").first.inner_text())
    assert envelopes
    courier.press("取件并签交接")
    courier.see("任务-取件")
    courier.fill("实取件数", envelopes[1])
    courier.sign()
    courier.press("取件并签交接")
    courier.go(f"/errands/{errand}").see("任务-已取件", "已取件")
    courier.press("出发")
    courier.see("我的任务", "途中")
    courier.go(f"/errands/{errand}")
    courier.press("送达")
    courier.see("任务-送达", "确认码")

    clerk = office.person("community.clerk")
    clerk.go(f"/errands/{errand}").see("任务-收件人", "收件确认码")
    code = clerk.page.locator(".code").inner_text()
    wrong = "0000" if code != "0000" else "1111"
    courier.fill("收件人的确认码", wrong + code[4:])
    with courier.refused():
        courier.press("送达")
    courier.see("任务-确认码不对")
    courier.fill("收件人的确认码", code)
    courier.press("送达")
    courier.see("我的任务-送完")
    clerk.go(f"/c/{ticket}").see("代办单-已交接", "已交接")
    clerk.go(f"/c/{errand}").see("任务-已确认", "已确认")


def hand_it_over(office: Office, visit: str, ticket: str) -> None:
    leader = office.person("grid.leader")
    leader.go(f"/c/{visit}").see("上门代办单-结果已出", "结果已出")
    letter = leader.pdf("代办委托书")
    assert letter.startswith(b"%PDF") and NAMES[office.size] in text_of(letter).replace(" ", "")
    pictures_of(letter, f"文书-代办委托书-{office.size}")
    sheet = leader.pdf("上门代办服务单")
    assert sheet.startswith(b"%PDF") and NAMES[office.size] in text_of(sheet).replace(" ", "")
    pictures_of(sheet, f"文书-上门代办服务单-{office.size}")
    leader.press("上门送达")
    leader.see("上门送达", "签收人")
    leader.fill("签收人", NAMES[office.size])
    leader.sign()
    leader.press("签收完，送达")
    leader.see("上门代办单-已送达", "已送达")
    leader.tap("签收评价")
    leader.page.get_by_label("非常满意", exact=True).check()
    leader.press("签收评价", within="details.act[open] form")
    leader.see("上门代办单-已办结", "已办结")
    leader.tap("更新服务对象名册")
    leader.press("更新服务对象名册", within="details.act[open] form")
    leader.see("上门代办单-纳入动态管理", "纳入动态管理")
    leader.go("/visits/care").see("服务对象名册", "80岁以上")
    assert NAMES[office.size] not in leader.page.locator("main").inner_text()
    office.person("community.clerk").go(f"/c/{ticket}").see("代办单-已归档", "已评价归档")
