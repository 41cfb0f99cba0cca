"""A real server on a port of its own, and phones: windows of Chromium that complain about everything."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server

from models.base import now
from models.delegation import HomeVisit
from process import engine, transactions
from process.access import Actor
from services import care
from services.installation import DEMO_PASSWORD
from tests.browser.product import AXE, RUN_AXE, SHOTS
from tests.field.phone import Phone
from tests.servers import free_port
from tests.services.visiting import request_visit, tomorrow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = Path("/usr/bin/chromium")
As = Callable[[str], Actor]


class Quiet(WSGIRequestHandler):
    """Thousands of requests, and not a line about each."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of one file, because its loop would be in the way of whatever asks for another: a package is left and come back to."""
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium at /usr/bin/chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--lang=zh-CN"],
            env={**os.environ, "LANGUAGE": "zh_CN"},
        )
        yield started
        started.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The application of this test, with everything that guards it, answering on loopback."""
    app.config.update(WTF_CSRF_ENABLED=True, PROPAGATE_FAULTS=False)
    port = free_port()
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    # What a test looks up must not hold the lock under which the server writes.
    transactions.set_writing(False)
    yield f"http://127.0.0.1:{port}"
    transactions.set_writing(True)
    server.shutdown()
    thread.join(10)


@pytest.fixture
def visit(session: Session, actor: As) -> str:
    """A visit that is fixed for the next working day."""
    made = request_visit(session, actor("community.clerk"))
    inputs = {"slot_start": tomorrow(), "visitor": "grid.leader"}
    engine.fire(made, "schedule", actor("community.clerk"), inputs=inputs)
    session.commit()
    return made.uid


@pytest.fixture
def leader(client_as: Callable[[str], FlaskClient]) -> Phone:
    """The grid leader's phone, signed on."""
    return Phone(client_as("grid.leader"), "grid.leader")


@pytest.fixture
def entry(session: Session, actor: As, visit: str) -> str:
    """The same old lady on the care register."""
    made = session.scalars(select(HomeVisit).where(HomeVisit.uid == visit)).one()
    assert made.applicant is not None
    made.applicant.grid_id = "dx-c01-g1"
    found = care.enter(
        session, actor("grid.leader"), made.applicant, condition="age_80", proof=None, at=now(), needs="买菜"
    )
    session.commit()
    return str(found.id)


class Handset:
    """One phone: a context that stays, and the window that is open on it now."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 390, "height": 844},
            has_touch=True,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            base_url=address,
        )
        self.context.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.page: Page = self._window()

    def _window(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"pageerror: {error}"))
        return page

    def _said(self, message: Any) -> None:
        # A line that is down is what these tests are about, and the browser notes it.
        if message.type in ("error", "warning") and not re.search(r"ERR_|status of 4(0[1349]|22)", message.text):
            self.complaints.append(message.text)

    def restart(self) -> None:
        """Switched off and on again: another window, the same phone."""
        self.page.close()
        self.page = self._window()
        self.open()

    def open(self) -> None:
        # Open is what its user sees, not when the browser has put its last file away.
        self.page.goto("/field/", wait_until="commit")
        self.page.locator("main h1").wait_for()

    def sign_in(self, username: str) -> None:
        self.open()
        self.page.get_by_role("button", name="登录").click()
        self.page.wait_for_url("**/sign-in**")
        self.page.get_by_label("用户名", exact=True).fill(username)
        self.page.get_by_label("密码", exact=True).fill(DEMO_PASSWORD)
        self.page.locator("main form button").click()
        self.page.get_by_role("heading", name="今天", exact=True).wait_for()
        self.page.locator("#line", has_text="都已上报").wait_for()
        self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")

    def to(self, place: str) -> None:
        self.page.evaluate("place => { location.hash = place; }", place)
        self.page.locator("main h1").wait_for()

    def tap(self, words: str) -> None:
        self.page.locator("main :is(a, button)", has_text=re.compile(rf"^\s*{re.escape(words)}\s*$")).first.click()

    def line(self, words: str) -> None:
        self.page.locator("#line", has_text=words).wait_for()

    def sign(self) -> None:
        pad = self.page.locator("canvas.field-pad")
        pad.scroll_into_view_if_needed()
        box = pad.bounding_box()
        assert box is not None
        mouse = self.page.mouse
        for x, y in ((0.2, 0.25), (0.5, 0.2)):
            mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
            mouse.down()
            mouse.move(box["x"] + box["width"] * (x + 0.2), box["y"] + box["height"] * (y + 0.4), steps=6)
            mouse.up()
        self.page.get_by_text("已签名", exact=True).wait_for()

    def look(self, name: str, *, pressed: bool = True) -> None:
        """Quiet, as wide as the screen, usable by everybody, nothing to press too small; and a picture of it."""
        page = self.page
        assert self.complaints == [], self.complaints
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE) == [], name
        wide = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], (name, wide)
        small = page.evaluate(
            """() => [...document.querySelectorAll("main button, main a.btn, main label.field-tick, nav.bar a, main select, main textarea")]
                .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML.slice(0, 120))"""
        )
        assert small == [] or not pressed, (name, small)
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"外勤-{name}-phone.png", full_page=True)

    def stored(self) -> str:
        """Everything that lies on the phone in any store of the browser, as text."""
        found: str = self.page.evaluate(
            """async () => {
              const parts = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie];
              const text = new TextDecoder("utf-8");
              for (const { name } of await indexedDB.databases()) {
                const db = await new Promise((ok) => { const asked = indexedDB.open(name); asked.onsuccess = () => ok(asked.result); });
                for (const table of db.objectStoreNames) {
                  const store = db.transaction(table).objectStore(table);
                  const all = (asked) => new Promise((ok) => { asked.onsuccess = () => ok(asked.result); });
                  parts.push(JSON.stringify(await all(store.getAllKeys())));
                  for (const one of await all(db.transaction(table).objectStore(table).getAll())) {
                    parts.push(one instanceof CryptoKey ? `key extractable=${one.extractable}` : JSON.stringify(one));
                    if (one && one.data) parts.push(text.decode(one.data));
                  }
                }
                db.close();
              }
              for (const name of await caches.keys()) {
                const cache = await caches.open(name);
                for (const one of await cache.keys()) parts.push(one.url, await (await cache.match(one)).text());
              }
              return parts.join("\\n");
            }"""
        )
        return found

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def handset(chromium: Browser, address: str) -> Iterator[Callable[[], Handset]]:
    """Phones of this test, each with stores of its own."""
    made: list[Handset] = []

    def one() -> Handset:
        made.append(Handset(chromium, address))
        return made[-1]

    yield one
    for phone in made:
        phone.close()
