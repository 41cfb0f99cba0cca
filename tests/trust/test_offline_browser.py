"""The check page and the check without a network in a real browser, at a telephone's width, and what the office sees of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from extensions import db
from services import papers_out
from services.trust import claims
from tests.conftest import PASSWORD
from tests.pages.test_scan_browser import AXE, CHROMIUM, ROOT, RUN_AXE
from tests.pages.test_scan_pages import actor_of
from tests.services.fertility import approved, certificate_of, draw_all
from tests.trust.test_claims import FACTS
from tests.trust.test_seals import engine

SHOTS = ROOT / "test-output/trust"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
]


@pytest.fixture
def issued(app: Flask) -> tuple[str, str]:
    """The address in the square code of an issued certificate, and its number."""
    with app.app_context():
        session = db.session()
        certificate = certificate_of(session, approved(session, actor_of))
        for step in ("number", "seal"):
            engine.fire(certificate, step, actor_of("issuer"))
        draw_all(session)
        engine.fire(certificate, "issue", actor_of("issuer"))
        address, number = papers_out.verify_url(certificate.paper), str(certificate.number)
        db.session.commit()
        return address.partition("/verify/")[2], number


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def shot(page: Any, name: str, complaints: list[str]) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than {width}"
        page.screenshot(path=SHOTS / f"{name}-{width}.png", full_page=True)
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE) == [], name
    assert complaints == [], (name, complaints)


def test_a_certificate_is_checked_with_and_without_a_network(issued, address, app, tmp_path: Path) -> None:
    path, number = issued
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
        page, complaints = context.new_page(), []  # type: ignore[var-annotated]
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.goto(f"{address}/verify/{path}")
        page.get_by_text("二维码里的签名也核对过了").wait_for()
        assert number in page.content()
        shot(page, "valid", complaints)
        changed = path[:-4] + ("1" if path[-4] != "1" else "2") + path[-3:]
        page.goto("about:blank")
        page.goto(f"{address}/verify/{changed}")
        page.get_by_text("签名对不上，可能被改过").wait_for()
        # Once opened, the page works when the line is cut.
        page.goto(f"{address}/verify/offline")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_function("caches.keys().then((names) => names.length > 0)")
        shot(page, "offline", complaints)
        context.set_offline(True)
        page.goto("about:blank")
        page.goto(f"{address}/verify/offline")
        page.locator("#text").fill(f"https://daiban.example.cn/verify/{path}")
        page.get_by_role("button", name="核验签名").click()
        page.locator("[data-state=good]").wait_for()
        assert page.locator("[data-fact=number]").inner_text() == number
        page.locator("#text").fill(f"https://daiban.example.cn/verify/{changed}")
        page.get_by_role("button", name="核验签名").click()
        page.locator("[data-state=bad]").wait_for()
        page.locator("#text").fill("https://example.cn/somewhere")
        page.get_by_role("button", name="核验签名").click()
        page.locator("[data-state=none]").wait_for()
        # A telephone's own camera opens the address of the code: without a network the offline page answers in its place.
        page.goto("about:blank")
        page.goto(f"{address}/verify/{path}")
        page.locator("[data-state=good]").wait_for()
        assert page.locator("[data-fact=number]").inner_text() == number
        context.set_offline(False)
        browser.close()


def test_a_claim_of_another_office_is_a_stranger(address, app, tmp_path: Path) -> None:
    from services.trust import keystore

    settings = app.config["SETTINGS"]
    keystore.configure(tmp_path / "other.key", "another office " + "x" * 30)
    with app.app_context():
        digits = claims.write("A" * 22, FACTS)
    keystore.configure(settings.trust_keys, settings.secret_key)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(locale="zh-CN")
        page.goto(f"{address}/verify/offline#x")
        page.locator("#text").fill(f"https://daiban.example.cn/verify/{'A' * 22}#{digits}")
        page.get_by_role("button", name="核验签名").click()
        page.locator("[data-state=stranger]").wait_for()
        browser.close()


def test_the_office_reads_its_log_and_figures(issued, address, app) -> None:
    path, number = issued
    app.test_client().get("/verify/" + path.partition("#")[0])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        for who, pages in (
            ("issuer", {"seals": "/seals", "checks": "/papers/checks"}),
            ("admin", {"keys": "/admin/signing-keys"}),
        ):
            page, complaints = browser.new_context(locale="zh-CN").new_page(), []  # type: ignore[var-annotated]
            page.on("pageerror", lambda e, found=complaints: found.append(str(e)))
            page.goto(f"{address}/sign-in")
            page.fill("[name=username]", who)
            page.fill("[name=password]", PASSWORD)
            page.press("[name=password]", "Enter")
            page.wait_for_url("**/desk/**")
            for name, where in pages.items():
                page.goto(address + where)
                shot(page, name, complaints)
            if who == "issuer":
                page.goto(f"{address}/seals")
                assert number in page.content()
                with page.expect_download() as taken:
                    page.get_by_role("button", name="导出 Excel").click()
                assert taken.value.suggested_filename.endswith(".xlsx")
        browser.close()
