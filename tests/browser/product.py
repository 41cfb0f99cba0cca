"""The whole product on a port of its own, and people who use it with a browser that complains about everything."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from process.identity import check_character
from services.installation import DEMO_PASSWORD
from tests.servers import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

ROOT = Path(__file__).resolve().parents[2]
AXE = (ROOT / "tests/vendor/axe.min.js").read_text()
SHOTS = ROOT / "test-output/browser"
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
RUN_AXE = """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}))
    .violations.map(v => [v.id, v.nodes.map(n => n.html)])"""
# A fresh demo first draws the papers of its own past, and the machine may be busy.
PATIENCE = 150


@contextmanager
def product(folder: Path) -> Iterator[str]:
    """Redis, relay, workers and pages under the supervisor, with the demo's office in its own var."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environ = {
        **os.environ,
        "DAIBAN_VAR": str(folder / "var"),
        "DAIBAN_DEMO": "1",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    for name in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SECRET_KEY"):
        environ.pop(name, None)
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "supervisor", "serve"], cwd=ROOT, env=environ, stdout=log, stderr=log
        )
        try:
            _wait_for(f"{address}/healthz", running, folder / "log")
            yield address
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(120)


def _wait_for(url: str, running: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if running.poll() is not None:
            raise RuntimeError(log.read_text())
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(log.read_text())


class Office:
    """Everybody's browser windows, one per account, at one size of screen."""

    def __init__(self, browser: Browser, address: str, size: str) -> None:
        self.browser, self.address, self.size = browser, address, size
        self.people: dict[str, Person] = {}
        self.looked_at: set[str] = set()
        self.things: dict[str, str] = {}

    def person(self, username: str) -> Person:
        """The window of an account, signed in through the page; empty name: somebody from the street."""
        if username not in self.people:
            self.people[username] = Person(self, username)
            if username:
                self.people[username].sign_in()
        return self.people[username]

    def keep_windows(self) -> None:
        """What everybody saw when something failed."""
        from playwright.sync_api import Error

        for person in self.people.values():
            # A window that is between two pages has no picture, and its fault must not hide the one that is looked for.
            with suppress(Error):
                person.shot(f"failed-{person.username or 'street'}")

    def close(self) -> None:
        for person in self.people.values():
            person.page.context.close()


class Person:
    def __init__(self, office: Office, username: str) -> None:
        self.office, self.username = office, username
        width, height = SIZES[office.size]
        context = office.browser.new_context(
            viewport={"width": width, "height": height},
            has_touch=office.size == "phone",
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            base_url=office.address,
        )
        # A busy machine draws a page late; what is wrong is found by what the page says, not by when.
        context.set_default_timeout(60_000)
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.expected: str | None = None
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"pageerror: {error}"))

    def _said(self, message: Any) -> None:
        if message.type not in ("error", "warning"):
            return
        # A refused form or a hidden thing answers 4xx; the browser notes that as an error, and only that is expected.
        if self.expected and re.match(rf"Failed to load resource: .* status of {self.expected} ", message.text + " "):
            return
        self.complaints.append(f"{self.page.url}: {message.text}")

    @contextmanager
    def refused(self, status: int = 422) -> Iterator[None]:
        """Inside, the server says no; outside, a no is an error."""
        self.expected = str(status)
        yield
        self.page.wait_for_load_state()
        self.expected = None

    def sign_in(self) -> None:
        self.go("/sign-in")
        self.see("登录")
        self.page.get_by_label("用户名", exact=True).fill(self.username)
        self.page.get_by_label("密码", exact=True).fill(DEMO_PASSWORD)
        self.press("登录", within="form")
        self.page.wait_for_url("**/desk/**")

    # --- Moving and pressing

    def go(self, path: str) -> Person:
        self.page.goto(path)
        return self

    def button(self, words: str, within: str = "main") -> Locator:
        """What carries these words and can be pressed: a button, a link, or the lid of a small form."""
        pattern = re.compile(rf"^\s*{re.escape(words)}\s*(F\d+|：.*)?\s*$", re.S)
        return (
            self.page.locator(f"{within} :is(button, a, summary)")
            .filter(has_text=pattern)
            .locator("visible=true")
            .first
        )

    def press(self, words: str, within: str = "main") -> None:
        """Presses and waits for the page it leads to."""
        with self.page.expect_navigation(wait_until="load"):
            self.button(words, within).click()

    def tap(self, words: str, within: str = "main") -> None:
        """Presses something that stays on the page."""
        self.button(words, within).click()

    def field(self, label: str, within: str = "main") -> Locator:
        return (
            self.page.locator(within)
            .get_by_label(re.compile(rf"^\s*{re.escape(label)}\s*(（(可不填|[^）]+必填)）)?\s*$"))
            .locator("visible=true")
            .first
        )

    def fill(self, label: str, value: str, within: str = "main") -> None:
        self.field(label, within).fill(value)

    def sign(self, within: str = "main") -> None:
        """A name drawn with the mouse on the pad."""
        pad = self.page.locator(f"{within} .signature canvas").first
        self.page.locator(f"{within} .signature canvas").first.scroll_into_view_if_needed()
        box = pad.bounding_box()
        assert box is not None
        for x, y in ((0.2, 0.25), (0.45, 0.2), (0.65, 0.3)):
            self.page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
            self.page.mouse.down()
            self.page.mouse.move(box["x"] + box["width"] * (x + 0.12), box["y"] + box["height"] * (y + 0.4), steps=5)
            self.page.mouse.move(box["x"] + box["width"] * (x + 0.02), box["y"] + box["height"] * (y + 0.45), steps=3)
            self.page.mouse.up()
        assert (
            self.page.locator(f"{within} .signature input[type=hidden]")
            .first.input_value()
            .startswith("data:image/png;base64,")
        )

    # --- Judging

    def see(self, name: str, *words: str, shot: bool = True) -> None:
        """The page is quiet, fits the screen, can be used by everybody, and says these words."""
        page, until = self.page, time.monotonic() + 60
        while True:
            # A busy machine may still be reading the page that was asked for.
            text = " ".join(page.locator("body").inner_text().split())
            missing = [word for word in words if word not in text]
            if not missing or time.monotonic() > until:
                break
            page.wait_for_timeout(100)
        assert not missing, f"{page.url}: {missing} missing on {name}: {text[:900]}"
        page.wait_for_load_state()
        assert self.complaints == [], self.complaints
        sizes = page.evaluate("[document.scrollingElement.scrollWidth, window.innerWidth]")
        assert sizes[0] <= sizes[1], f"{name} at {page.url} is {sizes[0]} px wide on a screen of {sizes[1]}"
        if name in self.office.looked_at:
            return
        self.office.looked_at.add(name)
        page.evaluate(AXE)
        found = page.evaluate(RUN_AXE)
        assert found == [], f"{name} at {page.url}: {found}"
        if shot:
            self.shot(name)

    def shot(self, name: str, whole: bool = True) -> None:
        """The whole page, or just what the screen shows now."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        if whole:
            self.page.evaluate("window.scrollTo(0, 0)")
        self.page.screenshot(path=SHOTS / f"{name}-{self.office.size}.png", full_page=whole)

    def pdf(self, title: str) -> bytes:
        """A paper of the thing on this page, as soon as a worker has drawn it."""
        link, until = self.page.locator(".paper-row__name a", has_text=title).first, time.monotonic() + PATIENCE
        while not link.count() and time.monotonic() < until:
            time.sleep(0.5)
            self.page.reload()
        url = link.get_attribute("href")
        assert url is not None
        answer = self.page.context.request.get(url)
        assert answer.headers["content-type"].startswith("application/pdf"), answer.text()
        return answer.body()


def id_number(born: str, sex: str, seat: int) -> str:
    """A number that is right by its check character and belongs to nobody; seat 0–499."""
    body = f"330127{born}{seat * 2 + (sex == 'male'):03d}"
    return body + check_character(body)


def photograph(words: str) -> bytes:
    """A JPEG like one from a phone."""
    picture = Image.effect_noise((1200, 900), 30).convert("RGB")
    ImageDraw.Draw(picture).rectangle((330, 180, 870, 800), fill=(196, 208, 222))
    ImageDraw.Draw(picture).ellipse((480, 230, 720, 520), fill=(240, 214, 190))
    ImageDraw.Draw(picture).text((40, 40), words, fill=(20, 20, 20))
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=80)
    return held.getvalue()


def text_of(pdf: bytes) -> str:
    shown = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return shown.stdout.decode()


def pictures_of(pdf: bytes, name: str) -> list[Image.Image]:
    """Every page as a picture, kept beside the screenshots."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for old in SHOTS.glob(f"{name}-*.png"):
        old.unlink()
    subprocess.run(["pdftoppm", "-png", "-r", "150", "-", str(SHOTS / name)], input=pdf, check=True)
    pictures = []
    for path in sorted(SHOTS.glob(f"{name}-*.png")):
        with Image.open(path) as picture:
            pictures.append(picture.convert("RGB"))
    return pictures
