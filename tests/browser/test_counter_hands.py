"""What happens under the hands of a clerk: parts drawn anew, a browser that dies, a session that ends, a key pressed twice, two tabs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from extensions import db
from models.case import Case
from models.counter import CounterVisit
from models.paper import Document
from tests.browser.test_counter_keys import Hands, hall  # noqa: F401  the fixture
from tests.services.fertility import CRITICAL, FORM, WIFE

HUSBAND = "[name=husband_name]"
SCAN = "[name=m-wife_id_card-file]"
KEPT = "() => document.querySelector('[name=m-wife_id_card-file]').files.length"

# Whether the device keeps no scan of any visit any more.
LEFT = """() => new Promise((done) => {
  const asked = indexedDB.open("daiban-scans", 1);
  asked.onsuccess = () => {
    const keys = asked.result.transaction("scans").objectStore("scans").getAllKeys();
    keys.onsuccess = () => { asked.result.close(); done(keys.result.length === 0); };
  };
})"""


@pytest.fixture
def scan(tmp_path: Path) -> str:
    Image.new("RGB", (60, 40), "white").save(tmp_path / "身份证.png")
    return str(tmp_path / "身份证.png")


def begun(browser: Any, address: str, scan: str) -> Hands:
    """生育登记 of a new person with one scan chosen and one name typed."""
    window = Hands(browser, address, "window.clerk", "/counter")
    window.wait(lambda: window.type(WIFE["id_number"]), ".known")
    window.choose("生育登记")
    window.page.set_input_files(SCAN, scan)
    window.page.fill(HUSBAND, FORM["husband_name"])
    return window


def saved(page: Any) -> None:
    """Until the last thing typed is at the server."""
    with page.expect_response(lambda answer: answer.url.endswith("/counter/draft") and answer.ok):
        page.locator(HUSBAND).dispatch_event("input")


@pytest.mark.req("S0-37")
def test_the_box_under_the_hands_and_the_scans_stay_when_a_matter_is_added(browser, hall, scan):  # noqa: F811
    window = begun(browser, hall, scan)
    page = window.page
    page.evaluate(
        f"() => {{ window.__box = document.querySelector('{HUSBAND}'); window.__box.setSelectionRange(2, 2); }}"
    )
    page.evaluate(
        "() => document.querySelector('input[name=item]:not(:checked)[value=human_social_security_06]').click()"
    )
    page.locator("[data-remove=human_social_security_06]").wait_for()
    # The card of the wife is now the applicant's own, of both matters; whatever it is called, the scan lies in it.
    scanned = page.locator(".slot", has=page.locator(".has-file"))
    page.locator(".slot", has_text="2 件事合用").first.wait_for()
    assert page.evaluate(f"() => window.__box === document.querySelector('{HUSBAND}')")
    assert page.evaluate("() => [window.__box.selectionStart, window.__box.value]") == [2, FORM["husband_name"]]
    assert scanned.count() == 1 and "2 件事合用" in scanned.inner_text() and scanned.locator("[data-slot]").is_checked()
    assert scanned.locator("input[type=file]").evaluate("box => box.files[0].name") == "身份证.png"
    # Back to one matter: the tick and the scan go back as well.
    page.locator("[data-remove=human_social_security_06]").click()
    page.locator(".slot", has_text="2 件事合用").first.wait_for(state="detached")
    page.wait_for_function(KEPT)
    assert page.evaluate(f"() => window.__box === document.querySelector('{HUSBAND}')")
    assert window.complaints == []


@pytest.mark.req("S0-37")
def test_words_and_scans_survive_a_dead_browser_an_ended_session_and_a_refusal(app: Flask, browser, hall, scan):  # noqa: F811
    window = begun(browser, hall, scan)
    saved(window.page)
    window.page.close(run_before_unload=False)
    page = window.page = window.context.new_page()
    page.goto("/counter")
    page.wait_for_function(KEPT)
    assert page.input_value(HUSBAND) == FORM["husband_name"]
    # The session ends; what is typed now can only stay on the device.
    window.context.clear_cookies()
    page.fill(HUSBAND, "换了名字")
    page.locator("[data-kept].tone-late").wait_for()
    page.goto("/sign-in")
    page.get_by_label("用户名", exact=True).fill("window.clerk")
    page.get_by_label("密码", exact=True).fill("daiban-demo")
    with page.expect_navigation():
        page.locator("main form button").first.click()
    page.goto("/counter")
    page.wait_for_function(KEPT)
    assert page.input_value(HUSBAND) == "换了名字"
    # Refused: much is still empty. The scan does not have to be chosen again.
    with page.expect_navigation():
        page.keyboard.press("F9")
    assert "没有收件：还有" in page.locator("[data-error-summary]").inner_text()
    page.wait_for_function(KEPT)
    finish(page)
    with app.app_context():
        (document,) = db.session.scalars(select(Document).where(Document.purpose == "material"))
        assert document.filename == "身份证.png"
    page.wait_for_function(LEFT)


def finish(page: Any, presses: int = 1) -> None:
    """Fills what is left and files."""
    answers = {
        "applicant_name": WIFE["name"],
        "applicant_phone": WIFE["phone"],
        "applicant_address": WIFE["address"],
        "wife_household_address": WIFE["household_address"],
        **{name: str(value) for name, value in FORM.items()},
    }
    for name, value in answers.items():
        box = page.locator(f"[data-counter] [name={name}]")
        if box.count():
            box.fill(value)
    for code in CRITICAL:
        page.locator(f"[name=m-{code}-provided]").check()
    with page.expect_navigation(url="**/counter/visits/*"):
        for _press in range(presses):
            page.keyboard.press("F9")


def test_a_key_pressed_twice_and_a_second_tab_file_once(app: Flask, browser, hall, scan):  # noqa: F811
    window = begun(browser, hall, scan)
    saved(window.page)
    second = window.context.new_page()
    second.goto("/counter")
    second.locator(HUSBAND).wait_for()
    finish(window.page, presses=3)
    with app.app_context():
        assert len(db.session.scalars(select(Case)).all()) == 1
    # The second tab is late: its save brings nothing back, its F9 is told what was filed.
    second.fill("[name=applicant_name]", WIFE["name"])
    with second.expect_navigation():
        second.keyboard.press("F9")
    assert "刚刚在另一个页面收过“生育登记服务卡”" in second.locator("[data-error-summary]").inner_text()
    with app.app_context():
        assert len(db.session.scalars(select(Case)).all()) == 1
        assert db.session.scalars(select(CounterVisit)).one().status == "open"
