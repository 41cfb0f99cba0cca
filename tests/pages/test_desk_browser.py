"""The print desk in a real browser: a batch of which one cannot be printed, a draft mended by two, hand-over, a lost card."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any

import pikepdf
import pytest
from flask import Flask
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from extensions import db
from models.paper import Certificate
from services import papers_out
from services.papers.text import BY_HAND, codepoint
from tests.browser.product import Office, Person
from tests.pages.test_scan_browser import CHROMIUM
from tests.pages.test_scan_pages import actor_of
from tests.services.fertility import WIFE, approved, certificate_of, draw_all
from tests.services.test_batches import UNPRINTABLE, work

COUNT = 12
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
]


@pytest.fixture
def drafts(app: Flask) -> list[str]:
    """Approved cases of a morning; one couple has a name that no face has."""
    with app.app_context():
        session, made = db.session(), []
        for number in range(COUNT):
            name = {0: f"王{UNPRINTABLE}", 1: "欧阳䶮𠮷", 2: "阿卜杜热西提·买买提·努尔艾合买提"}.get(number, "周建国")
            case = approved(session, actor_of, husband_name=name, marriage_certificate_number=f"J330103-{number:06d}")
            made.append(certificate_of(session, case).uid)
        session.commit()
        return made


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def offices(address: str) -> Iterator[tuple[Office, Office]]:
    """The desks with a wide screen, and people with a phone."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--lang=zh-CN"]
        )
        made = Office(browser, address, "desktop"), Office(browser, address, "phone")
        yield made
        for office in made:
            office.close()
        browser.close()


def worked(app: Flask) -> None:
    """What the workers do meanwhile."""
    with app.app_context():
        work(db.session())
        draw_all(db.session())
        db.session.commit()


def tick_all(person: Person) -> int:
    boxes = person.page.locator("main table input[name=uid]")
    for number in range(boxes.count()):
        boxes.nth(number).check()
    return boxes.count()


def press_twice(person: Person, words: str) -> None:
    """An impatient hand."""
    with person.page.expect_navigation(wait_until="load"):
        person.button(words).dblclick()


@pytest.mark.req("S0-28", "S0-34")
def test_a_batch_a_draft_mended_by_two_a_card_handed_over_and_lost(
    app: Flask, drafts: list[str], offices: tuple[Office, Office]
) -> None:
    desk, street = offices
    issuer, approver, clerk = desk.person("issuer"), street.person("approver"), street.person("window.clerk")
    batch = make(app, issuer)
    mend(issuer, approver, drafts[0])
    issuer.go(batch).press("失败的再试一次")
    worked(app)
    issuer.go(batch).see("批量制证-办完", f"办好 {COUNT} 张，没成 0 张")
    print_all(app, issuer)
    code, number = hand_over(app, issuer, clerk, drafts[0])
    lose(app, issuer, desk, drafts[0], code, number)


def make(app: Flask, issuer: Person) -> str:
    issuer.go("/print/?show=make").see("打印台-待编号用印")
    assert tick_all(issuer) == COUNT
    press_twice(issuer, "编号、用印并生成")
    batch = issuer.page.url
    worked(app)
    issuer.go(batch).see(
        "批量制证", f"办好 {COUNT - 1} 张，没成 1 张", codepoint(UNPRINTABLE), BY_HAND, "失败的再试一次"
    )
    issuer.go("/print/batches")
    assert issuer.page.locator("main table tbody tr").count() == 1, "two presses are one batch"
    return batch


def mend(issuer: Person, approver: Person, uid: str) -> None:
    issuer.go(f"/c/{uid}").press("申请更正")
    issuer.see("申请更正-草拟", UNPRINTABLE, "手写的横线")
    issuer.page.locator("#new_husband_name").fill(f"王{BY_HAND}")
    with issuer.refused():
        issuer.press("提出更正申请")
    assert issuer.page.locator("#new_husband_name").input_value() == f"王{BY_HAND}", "nothing typed is lost"
    issuer.page.locator("[name=reason]").fill("字库没有这个字")
    issuer.press("提出更正申请")
    issuer.see("更正申请-等审核", "要由另一个人（审批人）审核")
    approver.go("/print/requests").see("更正和补打", "男方姓名")
    approver.press("生育登记服务卡")
    approver.page.locator("[name=comment]").fill("同意手写")
    approver.press("同意更正")
    approver.see("更正-已同意", "已同意更正", f"王{BY_HAND}")


def print_all(app: Flask, issuer: Person) -> None:
    issuer.go("/print/").see("打印台-待打印")
    assert tick_all(issuer) == COUNT
    press_twice(issuer, "生成打印文件")
    running = issuer.page.url
    worked(app)
    issuer.go(running).see("批量打印", f"办好 {COUNT} 张，没成 0 张")
    link = issuer.button(f"打开打印文件（{2 * COUNT} 页）").get_attribute("href")
    with pikepdf.open(io.BytesIO(issuer.page.context.request.get(str(link)).body())) as file:
        assert len(file.pages) == 2 * COUNT
    issuer.go("/print/records").see("打印记录", "从屏幕打开")


def hand_over(app: Flask, issuer: Person, clerk: Person, uid: str) -> tuple[str, str]:
    issuer.go(f"/c/{uid}").press("发证")
    clerk.go(f"/c/{uid}").press("送达")
    clerk.page.get_by_label("持证人本人").check()
    with clerk.refused():
        clerk.page.locator("[name=collector_id_number]").fill("330103199406182045")
        clerk.press("送达")
    clerk.see("送达-号码不对", "最后一位")
    clerk.page.locator("[name=collector_id_number]").fill(WIFE["id_number"])
    clerk.press("送达")
    worked(app)
    clerk.go(f"/c/{uid}").see("证照-已送达", "送达签收单")
    assert "本人" in text_of(clerk, "送达签收单")
    with app.app_context():
        certificate = db.session().query(Certificate).filter_by(uid=uid).one()
        assert certificate.paper is not None and certificate.paper.data["husband_name"] == f"王{BY_HAND}"
        assert papers_out.verify(db.session(), certificate.paper.verify_code).state == "valid"
        return certificate.paper.verify_code, str(certificate.number)


def text_of(person: Person, title: str) -> str:
    from tests.browser.product import text_of as words

    return words(person.pdf(title))


def lose(app: Flask, issuer: Person, desk: Office, uid: str, code: str, number: str) -> None:
    issuer.go(f"/c/{uid}/do/replace").see("遗失补发", "补发原因")
    issuer.page.locator("[name=comment]").fill("持证人遗失")
    issuer.press("遗失补发", within="form.card-box")
    somebody: Any = desk.person("")
    somebody.go(f"/verify/{code}").see("核验-已补发", "已补发，这一张不再有效", number)
    issuer.go("/print/?show=make").see("打印台-补发的", "还没有编号")
    tick_all(issuer)
    issuer.press("编号、用印并生成")
    running = issuer.page.url
    worked(app)
    issuer.go(running).see("批量制证-补发", "办好 1 张，没成 0 张")
    with app.app_context():
        new = db.session().query(Certificate).order_by(Certificate.id.desc()).first()
        assert new is not None and new.replaces is not None and new.replaces.number == number
        assert new.paper is not None and new.paper.data["husband_name"] == f"王{BY_HAND}", "what was agreed stays"
