"""One senior card and one registration, clicked by everybody who has a part in them."""

from __future__ import annotations

import re

import pytest
import zxingcpp
from PIL import Image

from tests.browser import visit_story as story
from tests.browser.product import Office, Person, photograph
from tests.browser.visit_story import LONG_ADDRESS, NAMES, number_of, uid_of

RESIDENT, RESIDENT_NUMBER = "林若琳", "330103199406182046"
HUSBAND = "阿卜杜热西提·买买提"
ACCOUNTS = (
    "grid.leader",
    "community.clerk",
    "window.clerk",
    "reviewer",
    "approver",
    "issuer",
    "dispatcher",
    "courier",
    "catalogue.manager",
    "complaint.handler",
    "supervisor",
    "statistician",
    "admin",
    "resident",
    "neighbour.clerk",
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


# --- Every page


def test_every_place_of_everybody(office: Office) -> None:
    """Each desk, and each place of the rail once; meanwhile the workers draw the papers of the demo's past."""
    for username in ACCOUNTS:
        person = office.person(username)
        person.go("/desk/").see(f"工作台-{username}")
        for path in person.page.locator("nav.rail a").evaluate_all("links => links.map(a => a.getAttribute('href'))"):
            name = "页面" + path.rstrip("/").replace("/", "-")
            if name not in office.looked_at:
                person.go(path).see(name)


# --- The visit at home


@pytest.mark.req("S0-17", "S0-18", "S0-19", "S0-22")
@pytest.mark.req("S0-06", "S1-07", "S1-09", "S0-34", "S2-23", "S2-24", "S4-15")
def test_a_senior_card_comes_home(office: Office) -> None:
    visit = story.ask_for_a_visit(office)
    story.go_there(office, visit)
    ticket, case = story.file_it(office, visit)
    story.count_the_papers(office, ticket)
    story.decide(office, case)
    card = story.issue(office, case, ticket)
    story.bring_it_back(office, ticket, card)
    story.hand_it_over(office, visit, ticket)
    office.things |= {"visit": visit, "ticket": ticket, "case": case, "errand": card}


# --- At the counter


@pytest.mark.req("S0-27", "S0-28", "S0-34", "S0-37", "S1-07", "S1-08")
def test_a_registration_is_taken_in_with_the_keyboard(office: Office) -> None:
    window = office.person("window.clerk")
    take_in(window)
    window.see("来访-已收件", "已收件", "生育登记服务卡", "1 件事 · 跑 1 次 · 1 个窗口")
    window.go(window.page.locator("[data-case]").get_attribute("href") or "")
    case, number = uid_of(window), number_of(window)
    window.press("受理")
    # A wide screen has all four stages above the steps, a phone names the present one.
    stages = (
        ("前台综合受理", "后台分类审批", "业务内部流转", "统一窗口出件")
        if office.size == "desktop"
        else ("后台分类审批",)
    )
    window.see("办件-已受理", "已受理", *stages)

    reviewer = office.person("reviewer")
    reviewer.go(f"/cases/{case}/materials").see("核对材料-生育登记", "身份证.jpg", "JPEG")
    story.review(reviewer)
    approver = office.person("approver")
    approver.go(f"/c/{case}")
    story.approve(approver)
    certificate, pages = story.make_certificate(
        office.person("issuer"),
        case,
        "生育登记服务卡",
        "生育登记服务卡",
        RESIDENT,
        f"证照-生育登记服务卡-{office.size}",
    )

    check_publicly(office, certificate, pages)

    window.go(f"/c/{case}")
    window.press("送达")
    window.see("办件-送达")
    window.page.get_by_label("持证人本人").check()
    window.fill("领取人身份证号码", RESIDENT_NUMBER)
    window.page.get_by_label("窗口领取").check()
    window.sign()
    window.press("送达", within="form.card-box")
    window.see("办件-已送达", "已送达")
    office.things |= {"own_case": case, "own_number": number, "certificate": certificate}


def take_in(window: Person) -> None:
    """Hands stay on the keys: number, name, item, questions, ticks, done."""
    page, keys = window.page, window.page.keyboard
    window.go("/counter").see("综合受理")
    keys.type(RESIDENT_NUMBER)
    page.get_by_text("下面空着的不用再填").wait_for()
    keys.press("Enter")
    assert page.locator("[name=applicant_name]").input_value() == RESIDENT
    keys.press("F3")
    keys.type("生育登记")
    keys.press("Enter")
    answers = {
        "husband_name": HUSBAND,
        "husband_id_number": "330103199209071013",
        "husband_household_address": "新疆维吾尔自治区喀什地区喀什市恰萨街道示例路12号",
        "wife_household_address": LONG_ADDRESS,
        "marriage_certificate_number": "J330103-2024-001288",
        "marriage_date": "2024-02-02",
        "children_count": "0",
        "child_order": "1",
    }
    page.locator("[data-part=matter] :focus").wait_for()
    asked = page.locator("[data-part=matter] :is(input, select, textarea)").evaluate_all(
        "fields => fields.map(f => f.name)"
    )
    assert "wife_name" not in asked and "wife_id_number" not in asked and "present_address" not in asked
    for _press in range(40):
        name, kind = page.evaluate("[document.activeElement.name || '', document.activeElement.type || '']")
        if name in answers and name in asked:
            asked.remove(name)
            if kind == "date":
                page.locator(":focus").fill(answers[name])
            else:
                keys.type(answers[name])
        if not set(asked) & set(answers):
            break
        keys.press("Tab")
    for _paper in range(6):
        keys.press("F4")
        keys.press("Space")
    scan = {"name": "身份证.jpg", "mimeType": "image/jpeg", "buffer": photograph("scan")}
    page.locator("[name=m-wife_id_card-file]").set_input_files(files=[scan])
    # Counted when the hands rest.
    page.locator("[data-slot-count]", has_text="已收 6/").wait_for()
    window.see("综合受理-填好", "已收 6/")
    with page.expect_navigation():
        keys.press("F9")


def check_publicly(office: Office, number: str, pages: list[Image.Image]) -> None:
    """Somebody scans the paper; the name on the screen says no more than the family name."""
    codes = [code.text for picture in pages for code in zxingcpp.read_barcodes(picture)]
    links = [code for code in codes if "/verify/" in code]
    assert links, codes
    somebody = office.person("")
    somebody.go("/verify/" + links[0].split("/verify/")[1]).see("证照核验", "有效，真实出具", number)
    page = somebody.page.locator("body").inner_text()
    assert RESIDENT not in page and HUSBAND not in page and RESIDENT_NUMBER not in page
    with somebody.refused(404):
        somebody.go("/verify/nothing-like-it")
    somebody.see("证照核验-没有", "没有查到")


# --- Who sees what


@pytest.mark.req("S0-02")
def test_everybody_sees_their_own(office: Office) -> None:
    known = office.things
    look_up(office, known["own_number"])

    resident = office.person("resident")
    resident.go("/desk/").see("工作台-居民")
    resident.go(f"/c/{known['own_case']}").see("办件-居民", "已送达")
    resident.tap("评价")
    resident.page.get_by_label("满意", exact=True).check()
    resident.press("评价", within="details.act[open] form")
    resident.see("办件-居民-已评价", "4 分")

    supervisor = office.person("supervisor")
    supervisor.go("/delegations/").see("代办清单-督查")
    supervisor.go(f"/c/{known['ticket']}").see("代办单-督查")
    assert NAMES[office.size] not in supervisor.page.locator("main").inner_text()
    assert "2806室" not in supervisor.page.locator("main").inner_text()

    neighbour = office.person("neighbour.clerk")
    neighbour.go("/desk/").see("工作台-邻社区")
    number = re.search(r"DX-\d+-\d+", known["own_number"])
    assert number and number[0] not in neighbour.page.locator("main").inner_text()
    neighbour.go(f"/desk/search?q={number[0]}").see("搜索-没有", "没有找到")
    for path in (
        f"/c/{known['ticket']}",
        f"/c/{known['visit']}",
        f"/c/{known['case']}",
        f"/c/{known['own_case']}",
        f"/errands/{known['errand']}",
        f"/cases/{known['case']}/materials",
        f"/c/{known['case']}/history",
    ):
        with neighbour.refused(404):
            neighbour.go(path)
        neighbour.see("没有这一页")


def look_up(office: Office, number: str) -> None:
    somebody = office.person("")
    somebody.go("/").see("首页", "查进度")
    somebody.go("/progress").see("查进度")
    somebody.fill("办件编号", number)
    somebody.fill("申请人身份证号码最后四位", "0000")
    with somebody.refused(404):
        somebody.press("查进度")
    somebody.see("查进度-没有", "没有查到")
    assert somebody.field("办件编号").input_value() == number
    somebody.fill("申请人身份证号码最后四位", RESIDENT_NUMBER[-4:])
    somebody.press("查进度")
    somebody.see("查进度-查到", "已送达", number)


@pytest.mark.parametrize("name", ["desk", "object", "counter", "board", "visit", "print-desk"])
def test_the_screens_that_decide(office: Office, name: str) -> None:
    """In large type they still fit, on paper nothing of the frame is left."""
    username, path = {
        "desk": ("window.clerk", "/desk/"),
        "object": ("window.clerk", f"/c/{office.things['own_case']}"),
        "counter": ("window.clerk", "/counter?item=senior_card"),
        "board": ("dispatcher", "/errands/board"),
        "visit": ("grid.leader", "/visits/new"),
        "print-desk": ("issuer", "/certificates"),
    }[name]
    person = office.person(username)
    page = person.go(path).page
    person.see(f"六屏-{name}")
    page.evaluate("localStorage.setItem('daiban-type', 'large')")
    page.reload()
    person.see(f"大字-{name}")
    page.evaluate("localStorage.removeItem('daiban-type')")
    page.reload()
    page.emulate_media(media="print")
    assert (
        not page.locator(".rail").is_visible()
        and not page.locator(".top").is_visible()
        and not page.locator(".bar").is_visible()
    )
    person.shot(f"打印-{name}")
    page.emulate_media(media="screen")
