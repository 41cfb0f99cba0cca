"""The skeletons in a real browser: readable, inside the screen, within the policy, and kind to what was typed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests.look.samples import PAGES
from tests.look.site import make_site

CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "tests/vendor/axe.min.js"
SHOTS = ROOT / "test-output/look"
SIZES = {"phone": (390, 844), "desk": (1280, 800)}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
]


@pytest.fixture(scope="module")
def site():
    return make_site()


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, site, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, address):
    """Opens a skeleton; anything the browser complains about fails the test at its end."""
    complaints: list[str] = []
    contexts = []

    def opened(name: str, size: str = "desk", large: bool = False):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, has_touch=size == "phone")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if large:
            page.add_init_script("localStorage.setItem('daiban-type', 'large')")
        page.goto(f"{address}/look/{name}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_and_fits(open_page, name, size):
    page = open_page(name, size)
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run()).violations.map(v => [v.id, v.nodes.map(n => n.html)])")
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}-{size}.png")


@pytest.mark.parametrize("name", ["desk", "object", "board", "visit"])
@pytest.mark.parametrize("size", SIZES)
def test_large_type_keeps_the_layout(open_page, name, size):
    page = open_page(name, size, large=True)
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "20px"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=SHOTS / f"{name}-{size}-large.png")


@pytest.mark.parametrize("name", ["desk", "object", "board", "visit"])
def test_phone_targets_are_large_enough(open_page, name):
    page = open_page(name, "phone")
    small = page.evaluate("""() => [...document.querySelectorAll("button, .btn, .place, .tool")]
        .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML.slice(0, 120))""")
    assert small == []


def test_keys_walk_the_list(open_page):
    page = open_page("desk")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert "DX-2026-000087" in page.locator("tr.is-current").inner_text()
    page.keyboard.press("x")
    assert page.locator("[data-picked]").inner_text() == "1"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"


def test_a_draft_survives_a_reload_and_ends_with_success(open_page, site):
    page = open_page("visit", "phone")
    page.fill("[name=receiver]", "吴敏")
    page.click("[data-lines-add]")
    page.fill("[name=lines-3-material]", "户口簿")
    # Written down in the next pause of the hands; what was typed in the last moment when the page goes.
    page.locator("[data-draft-saved]").wait_for()
    page.fill("[name=lines-3-material]", "户口簿原件")
    page.reload()
    assert page.input_value("[name=receiver]") == "吴敏"
    assert page.input_value("[name=lines-3-material]") == "户口簿原件"
    assert page.locator("[data-draft-restored]").is_visible()
    page.click(".thumb-bar .btn-primary")
    page.wait_for_url("**/look/desk")
    assert site.config["POSTED"][-1]["lines-3-material"] == "户口簿原件"
    assert page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('daiban-draft'))") == []


def test_signing_out_forgets_drafts(open_page):
    page = open_page("visit")
    page.fill("[name=receiver]", "吴敏")
    page.click(".menu summary")
    page.click("[data-sign-out] button")
    page.wait_for_url("**/look/desk")
    assert page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('daiban-draft'))") == []


def test_lines_are_renumbered_when_one_goes(open_page):
    page = open_page("visit")
    page.click("tbody tr:first-child [data-lines-drop]")
    assert page.input_value("[name=lines-0-material]") == "待遇领取证"
    assert page.locator("[data-lines] tbody tr").count() == 2


def test_signature_and_photo_travel_with_the_form(open_page, site, tmp_path):
    from PIL import Image

    Image.effect_noise((3000, 2000), 40).save(tmp_path / "big.jpg", quality=95)
    page = open_page("visit-capture", "phone")
    page.set_input_files("[name=photos]", [tmp_path / "big.jpg"])
    page.locator("[data-photos-list] li").wait_for()
    page.wait_for_selector("[data-photos-status]:not(:empty)")
    pad = page.locator("canvas[role=img]")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 60, steps=6)
    page.mouse.up()
    page.screenshot(path=SHOTS / "visit-signed-phone.png")
    page.click(".thumb-bar .btn-primary")
    page.wait_for_url("**/look/desk")
    posted = site.config["POSTED"][-1]
    assert posted["signature"].startswith("data:image/png;base64,")
    assert 0 < posted["photos"][0][1] < (tmp_path / "big.jpg").stat().st_size / 2


def test_a_second_press_sends_nothing(open_page, site):
    page = open_page("board")
    before = len(site.config["POSTED"])
    page.evaluate("""() => { const b = document.querySelector('button[data-to=claimed]'); b.click(); b.click(); }""")
    page.wait_for_url("**/look/desk")
    assert len(site.config["POSTED"]) == before + 1


def test_the_question_is_asked_first(open_page, site):
    page = open_page("object")
    before = len(site.config["POSTED"])
    page.click("text=催一催送件人")
    assert page.locator("dialog[open]").is_visible()
    page.click("dialog[open] [data-close]")
    assert len(site.config["POSTED"]) == before
    page.click("text=催一催送件人 >> nth=0")
    page.click("dialog[open] [data-yes]")
    page.wait_for_url("**/look/desk")
    assert len(site.config["POSTED"]) == before + 1


def test_a_card_can_be_dragged_where_its_buttons_lead(open_page, site):
    page = open_page("board")
    # The library that drags is fetched after the page; on a busy machine a hand would be faster.
    page.wait_for_selector("[data-board][data-ready]")
    card = page.locator("[data-card='PT-2026-000211'] .errand__way")
    start, goal = card.bounding_box(), page.locator("[data-lane=claimed]").first.bounding_box()
    page.mouse.move(start["x"] + 20, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(goal["x"] + 60, goal["y"] + 30, steps=12)
    page.wait_for_timeout(100)
    page.mouse.up()
    page.wait_for_url("**/look/desk")


def test_a_filter_fetches_only_the_thread(open_page):
    page = open_page("object")
    page.evaluate("window.stayed = true")
    page.click(".filters a >> nth=1")
    page.wait_for_url("**/look/object?kind=message")
    assert page.evaluate("window.stayed") and page.locator("#thread").count() == 1


def test_everything_prints(open_page):
    for name in ("desk", "object", "board"):
        page = open_page(name)
        page.emulate_media(media="print")
        assert not page.locator(".rail").is_visible() and not page.locator(".top").is_visible()
        page.screenshot(path=SHOTS / f"{name}-print.png", full_page=True)
