"""What the station does this month: a registration taken in, carried to the street and the bureau, and brought back."""

from __future__ import annotations

import re

from tests.browser import visit_story as story
from tests.browser.month_office import Both, Month, Worker
from tests.browser.product import photograph
from tests.browser.visit_story import LONG_ADDRESS, uid_of

WIFE, WIFE_NUMBER = "林若琳", "330103199406182046"
HUSBAND, HUSBAND_NUMBER = "阿卜杜热西提·买买提", "330103199209071013"
STREET = "dongxin-centre"


def take_in(month: Month, office: Both) -> None:
    """At the station's counter: who, what, every paper; originals stay for the street to see."""
    clerk = office.person("community.clerk")
    page = clerk.go("/counter?item=fertility_registration_card").page
    clerk.see("综合受理-社区", "综合受理")
    page.locator("[name=applicant_id_number]").fill(WIFE_NUMBER)
    page.get_by_text("下面空着的不用再填").wait_for()
    answers = {
        "husband_name": HUSBAND,
        "husband_id_number": HUSBAND_NUMBER,
        "husband_household_address": "新疆维吾尔自治区喀什地区喀什市恰萨街道示例路12号",
        "wife_household_address": LONG_ADDRESS,
        "marriage_certificate_number": "J330103-2024-001288",
        "marriage_date": "2024-02-02",
        "children_count": "0",
        "child_order": "1",
    }
    for name, value in answers.items():
        box = page.locator(f"[data-part=matter] [name={name}]")
        if box.count():
            box.fill(value)
    for tick in page.locator("[data-part=materials] input[type=checkbox]").all():
        if not tick.is_checked():
            tick.check()
    for kept in ("wife_household_booklet", "marriage_certificate"):
        choice = page.locator(f"[name=m-{kept}-form]")
        choice.select_option("original")
    scan = {"name": "身份证.jpg", "mimeType": "image/jpeg", "buffer": photograph("scan")}
    page.locator("[name=m-wife_id_card-file]").set_input_files(files=[scan])
    clerk.see("综合受理-社区-填好")
    with page.expect_navigation():
        page.keyboard.press("F9")
    clerk.see("来访-社区收下", "已收件")
    clerk.go(clerk.page.locator("[data-case]").get_attribute("href") or "")
    office.things["case"] = uid_of(clerk)


def carry_to_the_street(month: Month, office: Both) -> None:
    """The ticket with its letter and list goes along in a courier run, ticked off by scanning at both ends."""
    clerk, case = office.person("community.clerk"), office.things["case"]
    clerk.go(f"/delegations/new?case={case}").see("转交代办", "转交给")
    clerk.press("开代办单，去签委托书")
    clerk.see("签委托书", WIFE)
    clerk.sign()
    clerk.press("签好，去列清单")
    clerk.see("列清单", "交接清单")
    clerk.press("受委托并转交", within="form.card-box")
    clerk.see("代办单-交出", "已发出")
    ticket = office.things["ticket"] = uid_of(clerk)
    clerk.go("/delegations/runs/new").see("编一趟送件", "谁来送")
    clerk.page.locator("[name=numbers]").first.check()
    clerk.page.locator("#kind-red_courier").check()
    clerk.page.locator("[name=carrier_red_courier]").select_option("courier")
    clerk.press("编好这一趟")
    clerk.see("送件-装件", "装件")
    run = office.things["run"] = clerk.page.url.rsplit("/", 1)[1]
    number = office.things["number"] = clerk.page.locator("[data-line]").first.get_attribute("data-line") or ""
    scan(clerk, number)
    clerk.page.locator("[data-run-part=lines]", has_text="章晓㛃").wait_for()
    clerk.page.reload()
    clerk.see("送件-装好", number)
    clerk.tap("交给送件人")
    clerk.sign("details.act[open]")
    clerk.press("交给送件人", within="details.act[open] form")
    clerk.see("送件-途中", "途中")
    office.person("courier").go("/delegations/runs/").see("送件-跑腿工", "途中")
    office.person("courier").go(f"/delegations/runs/{run}").see("送件-跑腿工-一趟", number)
    clerk.go(f"/delegations/papers/{ticket}").see("材料在哪里-途中", "结婚证")
    month.work()

    month.clock.at(15, 40)
    window = office.person("window.clerk")
    window.go(f"/delegations/runs/{run}").see("送件-街道核对", "到件核对")
    scan(window, number)
    window.page.locator("[data-run-part=lines]", has_text="已送到").wait_for()
    window.page.reload()
    window.see("送件-送到", "1/1 封", "已送到")


def scan(person: Worker, number: str) -> None:
    """What a scanner does: types the code and presses enter."""
    box = person.page.locator("#scan-code")
    box.fill(number)
    box.press("Enter")


def count_and_ask_the_bureau(month: Month, office: Both) -> None:
    """One booklet is missing and one statement goes back; the bureau is asked about the marriage certificate."""
    window, number = office.person("window.clerk"), office.things["number"]
    window.go("/delegations/scan")
    scan(window, number)
    window.page.locator("[data-scan-row]").wait_for()
    window.see("扫码接收-扫到", number, "男方居民户口簿")
    with window.page.expect_navigation():
        window.page.get_by_text("有出入，逐份清点").click()
    rows = window.page.locator("tr.count-row")
    for row in rows.all():
        row.locator(".count-number").fill("1")
    short = rows.filter(has_text="男方居民户口簿")
    short.locator(".count-number").fill("0")
    short.locator(".count-difference textarea").fill("清单写 1 份，袋里没有，已电话告知社区")
    back = rows.filter(has_text="婚育说明")
    back.locator(".count-verdict input[type=checkbox]").check()
    back.locator(".count-reason").fill("男方没有签名")
    window.see("逐份清点-填好", "退回这一份")
    window.press("清点完，签收")
    window.see("代办单-部分接收", "已接收", "男方没有签名")
    window.press("办理")
    window.see("代办单-街道办理中", "办理中")
    window.press("转办给别的单位")
    window.see("转办", "请对方办什么")
    window.field("转办给").select_option("xc-approvals")
    window.fill("请对方办什么", "请核对结婚登记档案 J330103-2024-001288 与原件是否一致。")
    window.page.locator("label", has_text="结婚证").first.click()
    window.press("转办", within="form.card-box")
    window.see("转办-已转出", "转办和协办")
    month.work()


def the_bureau_answers(month: Month, office: Both) -> None:
    """The bureau counts the certificate in, answers, and it comes back before the answer is taken."""
    bureau = office.person("approvals.clerk")
    bureau.go("/places/inbox").see("收件-审批办", "ZB-")
    bureau.page.locator("main a", has_text="ZB-").first.click()
    bureau.page.wait_for_url("**/c/**")
    part = office.things["part"] = uid_of(bureau)
    bureau.see("转办单-收到", "请核对结婚登记档案")
    bureau.go(f"/delegations/{part}/receive")
    count_all(bureau)
    bureau.see("转办单-接手")
    bureau.press("答复")
    bureau.page.get_by_label("同意", exact=True).check()
    bureau.fill("答复内容", "档案与原件一致，2024年2月2日登记。")
    bureau.see("转办单-答复", "随答复交回的材料")
    bureau.press("答复", within="form.card-box")
    month.work()

    month.next_day()
    window = office.person("window.clerk")
    window.see("窗口早上的工作台", "我的工作台")
    window.go(f"/delegations/papers/{office.things['ticket']}").see("材料在哪里-在审批办", "贺敏之")
    window.go(f"/c/{part}").press("清点退回的材料")
    count_all(window)
    window.press("收下答复")
    window.go(f"/c/{office.things['ticket']}").see("代办单-答复收下", "档案与原件一致")


def count_all(person: Worker) -> None:
    """Every line is there as listed."""
    for row in person.page.locator("tr.count-row").all():
        listed = re.search(r"\d+", row.locator(".count-listed").inner_text())
        assert listed
        row.locator(".count-number").fill(listed[0])
    person.press("清点完，签收")


def ask_once(month: Month, office: Both) -> None:
    """Everything missing is told at once, and the resident reads it."""
    window = office.person("window.clerk")
    window.tap("一次性告知")
    asked = "还缺婚育说明（男方签名）和男方户口簿，请在下周五前送到社区公共服务站。"
    window.fill("还缺什么、怎么补", asked, within="details.act[open]")
    window.press("一次性告知", within="details.act[open] form")
    window.see("代办单-待补材料", "待补材料")
    month.work()
    resident = office.person("resident")
    resident.go("/messages").see("居民的消息", "材料要补", asked)


def supply(month: Month, office: Both) -> None:
    """The station sends what was missing, and the street counts it."""
    month.next_day()
    ticket = office.things["ticket"]
    clerk, window = office.person("community.clerk"), office.person("window.clerk")
    clerk.see("社区-有退回的早上", "DB-")
    clerk.go(f"/c/{ticket}").press("清点补送或退回的材料")
    count_all(clerk)
    clerk.press("补材料")
    clerk.fill("补了什么", "婚育说明男方已补签，男方户口簿一并送上。")
    clerk.tap("再加一行")
    for index, (name, form) in enumerate(
        (("婚育说明（夫妻双方签名）", "original"), ("男方居民户口簿（首页、本人页）", "copy"))
    ):
        clerk.page.locator(f"[name=lines-{index}-material]").fill(name)
        clerk.page.locator(f"[name=lines-{index}-sheets]").fill("1")
        clerk.page.locator(f"[name=lines-{index}-original]").select_option(form)
    clerk.see("补材料-填好")
    clerk.press("补材料", within="form.card-box")
    month.work()
    window.go(f"/c/{ticket}").press("清点补送或退回的材料")
    count_all(window)
    window.see("代办单-补齐", "办理中")
    window.go(f"/c/{office.things['case']}").press("受理")


def decide_and_send_back(month: Month, office: Both) -> None:
    """Reviewed, approved, numbered, sealed, printed; the result goes back to the station."""
    case, ticket = office.things["case"], office.things["ticket"]
    reviewer = office.person("reviewer")
    reviewer.go(f"/cases/{case}/materials").see("核对材料-登记")
    story.review(reviewer)
    month.work()
    month.next_day()
    approver = office.person("approver")
    approver.go(f"/c/{case}")
    story.approve(approver)
    month.work()
    issuer = office.person("issuer")
    paper = "生育登记服务卡"
    story.make_certificate(issuer, case, paper, paper, WIFE, "月-证照-生育登记")
    issuer.go(f"/c/{ticket}")
    if issuer.page.locator("#acts").get_by_text("审批", exact=True).count():
        issuer.press("审批")
    issuer.press("出件")
    issuer.see("出件-登记", "结果交接清单")
    issuer.press("出件", within="form.card-box")
    issuer.see("代办单-结果寄回", "结果已交出")
    month.work()


def carry_the_result(month: Month, office: Both) -> None:
    """The street's own run brings the card back: scanned when it leaves, scanned when it is there."""
    window, number = office.person("window.clerk"), office.things["number"]
    window.go(f"/delegations/runs/new?place={STREET}").see("编一趟-送结果", number)
    window.page.locator(f"[name=numbers][value='{number}']").check()
    window.page.locator("#kind-red_courier").check()
    window.page.locator("[name=carrier_red_courier]").select_option("courier")
    window.press("编好这一趟")
    run = window.page.url.rsplit("/", 1)[1]
    scan(window, number)
    window.page.locator("[data-run-part=lines]", has_text="已交出").wait_for()
    window.page.reload()
    window.tap("交给送件人")
    window.sign("details.act[open]")
    window.press("交给送件人", within="details.act[open] form")
    window.see("送件-结果在途中", "途中")
    month.work()

    month.clock.at(16, 10)
    clerk = office.person("community.clerk")
    clerk.go(f"/delegations/runs/{run}").see("送件-社区核对", "到件核对")
    scan(clerk, number)
    clerk.page.locator("[data-run-part=lines]", has_text="已送到").wait_for()
    clerk.page.reload()
    clerk.see("送件-结果送到", "1/1 封", "已送到")
    clerk.go("/delegations/runs/?show=all").see("送件-一个月", "平均用时（2 趟已结束）")
    month.work()


def deliver_and_close(month: Month, office: Both) -> None:
    """The station counts the result, the resident signs for it, rates it, and sees who handled and who looked."""
    month.next_day()
    ticket, clerk, resident = office.things["ticket"], office.person("community.clerk"), office.person("resident")
    clerk.see("社区-结果到的早上", "DB-")
    clerk.go(f"/c/{ticket}").press("交接清点")
    count_all(clerk)
    clerk.see("代办单-结果收下", "已交接")
    clerk.press("送达")
    clerk.page.get_by_label("到站领取").check()
    clerk.fill("签收人", WIFE)
    clerk.sign()
    clerk.see("送达-到站领取")
    clerk.press("送达")
    clerk.see("代办单-送达", "已送办事人")
    month.work()
    resident.go(f"/c/{ticket}").see("居民-代办单送达", "已送办事人")
    resident.tap("评价归档")
    resident.page.get_by_label("非常满意", exact=True).check()
    resident.press("评价归档", within="details.act[open] form")
    resident.see("居民-评价后", "已评价归档")
    resident.go("/me/readings").see("谁看过我的信息", "办了：")
    resident.go(f"/delegations/papers/{office.things['case']}").see("居民-材料在哪里", "结婚证")
    assert "男方没有签名" not in resident.page.locator("main").inner_text()
    clerk.go("/delegations/papers").see("找材料")
