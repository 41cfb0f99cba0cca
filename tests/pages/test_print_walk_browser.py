"""The seldom walked pages of printing in a real browser, wide and narrow: a printer measured, blanks counted and printed
on, a reprint that a second person agrees to, an archive package taken out and checked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from flask import Flask
from playwright.sync_api import sync_playwright

from extensions import db
from models.blank import Blank
from services.papers import calibration
from tests.archive import files as archived
from tests.browser.product import SIZES, Office, Person
from tests.pages.test_desk_browser import CHROMIUM, address, worked
from tests.pages.test_print_desk import overprinted, printed
from tests.pages.test_scan_pages import actor_of

__all__ = ["address"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
]
PRINTER = "二楼证照机"


@pytest.fixture(params=sorted(SIZES))
def office(request: pytest.FixtureRequest, address: str) -> Iterator[Office]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--lang=zh-CN"]
        )
        made = Office(browser, address, request.param)
        yield made
        made.close()
        browser.close()


def test_a_printer_is_measured_and_forgets_it_with_other_paper(app: Flask, office: Office) -> None:
    issuer = office.person("issuer")
    issuer.go("/print/printers").see("打印机-没有", "还没有登记打印机")
    issuer.fill("名称", PRINTER)
    issuer.press("登记")
    issuer.see("打印机-新", "已登记，请先校准", "还没有量过，文件按原样打印")
    right = {
        mark: value + shift for (mark, value), shift in zip(calibration.marks("A4").items(), (1, 2, 1, 2), strict=True)
    }
    for mark, value in right.items():
        issuer.page.locator(f"#{mark}").fill(str(value))
    issuer.page.locator("#right").fill("15")
    with issuer.refused():
        issuer.press("保存校准")
    issuer.see("打印机-量错", "原来的校准不变", "请重新量")
    assert issuer.page.locator("#top").input_value() == str(right["top"]), "nothing typed is lost"
    issuer.page.locator("#right").fill(str(right["right"]))
    issuer.press("保存校准")
    issuer.see("打印机-量好", "校准已保存", "左移 1.00 毫米", "上移 2.00 毫米", "100.00%")
    for words in ("打开校准页", "打开检查页"):
        link = issuer.button(words).get_attribute("href")
        answer = issuer.page.context.request.get(str(link))
        with pikepdf.open(io.BytesIO(answer.body())) as document:
            assert len(document.pages) == 1
    issuer.page.locator("#paper").select_option(index=1)
    issuer.press("保存")
    issuer.see("打印机-换纸", "换了纸，原来的校准不再算数", "还没有量过")
    issuer.go("/print/printers").see("打印机-列表", PRINTER, "还没有校准")


def receive(issuer: Person, first: str, last: str) -> None:
    issuer.page.locator("#kind").select_option("senior_card")
    issuer.fill("起号", first)
    issuer.page.locator("#last").fill(last)
    issuer.page.locator("#reason").fill("区局发放")
    issuer.press("登记")


def test_blanks_come_in_are_printed_on_spoiled_and_add_up(app: Flask, office: Office) -> None:
    with app.app_context():
        chosen = [one.number for one in overprinted(db.session(), actor_of, 2)]
        db.session.commit()
    issuer = office.person("issuer")
    issuer.go("/print/blanks").see("空白-没有", "还没有登记空白证件")
    with issuer.refused():
        receive(issuer, "A0001", "A0000")
    issuer.see("空白-号码不对", "止号比起号小")
    assert issuer.page.locator("#first").input_value() == "A0001", "nothing typed is lost"
    receive(issuer, "A0001", "A0006")
    issuer.see("空白-领入", "已登记领入：A0001—A0006，共 6 张", "A0001")
    issuer.page.locator("#verb").select_option("spoil")
    issuer.page.locator("#kind").select_option("senior_card")
    issuer.fill("起号", "A0002")
    with issuer.refused():
        issuer.press("登记")
    issuer.see("空白-没写原因")
    assert issuer.page.locator("#verb").input_value() == "spoil"
    issuer.page.locator("#reason").fill("受潮")
    issuer.press("登记")
    issuer.see("空白-作废", "共 1 张", "受潮")

    issuer.go("/print/").see("打印台-套打", *chosen)
    boxes = issuer.page.locator("main table input[name=uid]")
    for number in range(boxes.count()):
        boxes.nth(number).check()
    issuer.tap("套打")
    issuer.page.get_by_label("只打内容，印在空白证件上").check()
    issuer.page.locator("[name=first_serial]").fill("A0006")
    with issuer.refused():
        issuer.press("生成打印文件")
    issuer.see("套打-不够", "只有 1 张")
    assert issuer.page.locator("[name=first_serial]").input_value() == "A0006", "nothing typed is lost"
    issuer.page.locator("[name=first_serial]").fill("A0001")
    issuer.press("生成打印文件")
    running = issuer.page.url
    worked(app)
    issuer.go(running).see("套打-打好", "套打，从 A0001 起", "A0001", "A0003", *chosen)
    issuer.page.locator("details.spoil summary").first.click()
    issuer.page.locator("details.spoil [name=reason]").first.fill("卡纸")
    issuer.press("登记打坏")
    issuer.see("套打-打坏")
    issuer.go("/print/blanks").see("空白-台账", "卡纸", "受潮", "区局发放")
    row = issuer.page.locator("main table").first.locator("tbody tr").first.locator("td").all_inner_texts()
    assert row[:5] == ["3", "1", "2", "0", "6"], "in stock, used, spoiled, returned, all"
    issuer.page.locator("#q").fill("A0003")
    issuer.press("查找")
    issuer.see("空白-查一张", "A0003", "已用")
    told = issuer.page.locator("main .entries").first.inner_text()
    assert any(number in told for number in chosen), "which card it became"
    with app.app_context():
        assert db.session().query(Blank).count() == 6


def test_a_reprint_too_many_is_agreed_to_by_a_second_person(app: Flask, office: Office) -> None:
    with app.app_context():
        made = printed(db.session(), actor_of)
        page, number = f"/c/{made.uid}/reprint", str(made.number)
    issuer, approver = office.person("issuer"), office.person("approver")
    issuer.go(page).see("补打-第一次", "补打原因")
    for reason in ("打印模糊", "卡纸"):
        # The second time on the page that the first one left behind.
        issuer.fill("补打原因", reason)
        with issuer.page.context.expect_page() as opened:
            issuer.button("补打").click()
        opened.value.close()
        with issuer.page.expect_navigation(wait_until="load"):
            issuer.page.evaluate("window.dispatchEvent(new Event('focus'))")
    issuer.see("补打-要第二人", "超过 2 次要另一个人同意", "打印模糊", "卡纸")
    issuer.fill("为什么还要补打", "又卡纸")
    issuer.press("申请补打")
    issuer.see("补打-在等", "等另一个人答复", "又卡纸")
    issuer.go("/print/requests").see("补打-自己的", "这是您自己提的")
    approver.go("/print/requests").see("补打-待答复", number, "又卡纸")
    with approver.refused():
        approver.press("不同意")
    approver.see("补打-没写原因")
    approver.press("同意补打一次")
    approver.see("补打-同意", "已同意补打一次")
    issuer.go(page).see("补打-已同意", "另一个人已同意", "只能用一次")


def test_a_package_is_taken_out_checked_and_found_altered(app: Flask, office: Office, tmp_path: Path) -> None:
    with app.app_context():
        case = archived.closed(db.session(), actor_of)
        uid, number = case.uid, str(case.number)
        db.session.commit()
    issuer = office.person("issuer")
    issuer.go("/archive/").see("归档-待归档", number)
    issuer.go(f"/archive/cases/{uid}").see("归档-一件", "任何内容都不会删除")
    issuer.press("给档号并生成归档包")
    with app.app_context():
        archived.work(db.session())
        db.session.commit()
    issuer.go(f"/archive/cases/{uid}").see("归档-包好了", "下载会记入经过")
    with issuer.page.expect_download() as taken:
        issuer.button("下载归档包").click()
    good, bad = tmp_path / taken.value.suggested_filename, tmp_path / "改过.zip"
    taken.value.save_as(good)
    assert any(name.startswith("papers/") for name in zipfile.ZipFile(good).namelist())
    content = bytearray(good.read_bytes())
    content[content.index(b"%PDF-") + 2000] ^= 1
    bad.write_bytes(content)
    issuer.go("/archive/check").see("核验-空")
    issuer.page.locator("#file").set_input_files(good)
    issuer.press("核验")
    issuer.see("核验-完整", "完整、可信", good.name)
    issuer.page.locator("#file").set_input_files(bad)
    issuer.press("核验")
    issuer.see("核验-改过", "内容被改动过", "处不对")
