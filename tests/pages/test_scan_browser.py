"""扫码接收 in a real browser: the scanner types, the camera reads, and a camera that is refused is no dead end."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import segno
from flask import Flask
from PIL import Image
from werkzeug.serving import make_server

from extensions import db
from tests.conftest import PASSWORD
from tests.pages.test_scan_pages import actor_of
from tests.services.test_scanning import check_code, pile

CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "test-output/scan"
AXE = (ROOT / "tests/vendor/axe.min.js").read_text(encoding="utf-8")
RUN_AXE = """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}))
    .violations.map(v => [v.id, v.nodes.map(n => n.html)])"""
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
]


@pytest.fixture
def codes(app: Flask) -> list[tuple[str, str]]:
    """Number and check code of three envelopes on their way."""
    with app.app_context():
        made = pile(db.session(), actor_of("community.clerk"), 3)
        found = [(str(one.number), check_code(db.session(), one)) for one in made]
        db.session.commit()
        return found


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def filmed(text: str, path: Path) -> Path:
    """What a camera sees that looks at a paper: the square code on a grey desk."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="png", scale=5, border=4)
    drawn.seek(0)
    code = Image.open(drawn).convert("RGB")
    picture = Image.new("RGB", (640, 480), (120, 120, 120))
    picture.paste(code, ((640 - code.width) // 2, (480 - code.height) // 2))
    with path.open("wb") as film:
        for _frame in range(10):
            picture.save(film, "JPEG", quality=90)
    return path


def opened(browser: Any, address: str, size: str, complaints: list[str]) -> Any:
    width, height = SIZES[size]
    page = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN").new_page()
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.goto(f"{address}/sign-in")
    page.fill("input[name=username]", "window.clerk")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url(lambda url: "sign-in" not in url)
    page.goto(f"{address}/delegations/scan")
    return page


@pytest.mark.req("S1-09")
@pytest.mark.parametrize("size", sorted(SIZES))
def test_scanner_camera_and_signature(
    app: Flask, address: str, codes: list[tuple[str, str]], tmp_path: Path, size: str
) -> None:
    from playwright.sync_api import expect, sync_playwright

    first, second, third = codes
    film = filmed(f"https://daiban.example/verify/{second[1]}", tmp_path / "desk.mjpeg")
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-video-capture={film}",
            ],
        )
        page = opened(browser, address, size, complaints)
        assert page.evaluate("document.activeElement.id") == "scan-code"
        # A scanner types faster than the line answers, and reads the same label twice.
        page.keyboard.type(f"{first[0]}\n{third[1]}\n{first[0]}\nDB-2026-999999\n<script>alert(1)</script>\n")
        expect(page.locator("[data-scan-row]")).to_have_count(4, timeout=60_000)
        page.click("[data-camera-start]")
        page.wait_for_selector(f"[data-scan-row] >> text={second[0]}", timeout=60_000)
        page.click("[data-camera-start]")
        assert page.locator("[data-camera]").is_hidden()
        assert page.locator("[data-scan-row]").count() == 5
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE) == []
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"scan-{size}.png", full_page=True)
        # The pile survives a look elsewhere.
        page.goto(f"{address}/delegations/")
        page.goto(f"{address}/delegations/scan")
        expect(page.locator("[data-verdict=ready]")).to_have_count(3, timeout=60_000)
        for number, _check in (first, second):
            page.check(f"[data-scan-row]:has-text('{number}') [name=pick]")
        assert page.locator("[data-picked]").inner_text() == "2"
        # Enter in the box ends a code; it signs for nothing.
        page.focus("#scan-code")
        page.keyboard.press("Enter")
        assert page.locator("[data-scan-result]").count() == 0
        page.click("[name=receive]")
        page.wait_for_selector("[data-scan-result]")
        assert "已接收 2 件" in page.locator("[data-scan-result]").inner_text()
        assert page.locator("[data-scan-row]").count() >= 1
        browser.close()
    assert not complaints


def test_a_refused_camera_is_told_with_the_way_by_hand(app: Flask, address: str, codes: list[tuple[str, str]]) -> None:
    from playwright.sync_api import expect, sync_playwright

    complaints: list[str] = []
    refusals = {"NotAllowedError": "许可", "NotFoundError": "没有找到摄像头", "NotReadableError": "别的程序占用"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = opened(browser, address, "phone", complaints)
        said = page.locator("[data-scan-said]")
        for name, words in refusals.items():
            page.evaluate(
                "name => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', name)); }",
                name,
            )
            page.click("[data-camera-start]")
            expect(said).to_contain_text(words, timeout=60_000)
            assert "直接输入" in said.inner_text() and page.locator("[data-camera]").is_hidden()
        page.evaluate("() => { delete navigator.__proto__.mediaDevices; }")
        page.click("[data-camera-start]")
        expect(said).to_contain_text("https", timeout=60_000)
        page.fill("#scan-code", "A" * 5000)
        page.press("#scan-code", "Enter")
        expect(said).to_contain_text("太长", timeout=60_000)
        page.fill("#scan-code", codes[0][0])
        page.press("#scan-code", "Enter")
        page.wait_for_selector("[data-verdict=ready]")
        browser.close()
    assert not complaints
