"""The board under real hands: keys, mouse, two screens, a screen reader, large type; and cards that are changed one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from models.errand import Errand
from process import engine
from process.access import Actor
from tests.browser.product import AXE, RUN_AXE, SHOTS
from tests.field.conftest import address, chromium  # noqa: F401  fixtures
from tests.pages.test_board import errand, reload  # noqa: F401  the fixture that posts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
Post = Callable[..., Errand]


@pytest.fixture
def window(
    app: Flask,
    address: str,  # noqa: F811
    chromium: Browser,  # noqa: F811
    client_as: Callable[[str], FlaskClient],
) -> Iterator[Callable[..., Page]]:
    """Somebody's window, signed in; it must stay silent."""
    contexts, said = [], []

    def open_(username: str, path: str, size: str = "desktop", large: bool = False) -> Page:
        width, height = SIZES[size]
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai", base_url=address
        )
        context.set_default_timeout(60_000)
        app.config["WTF_CSRF_ENABLED"] = False
        cookie = client_as(username).get_cookie("session")
        app.config["WTF_CSRF_ENABLED"] = True
        assert cookie is not None
        context.add_cookies([{"name": "session", "value": cookie.value, "url": address}])
        if large:
            context.add_init_script("localStorage.setItem('daiban-type', 'large')")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda trouble: said.append(str(trouble)))
        page.goto(path)
        if "/errands/board" in path:
            page.wait_for_selector("[data-board][data-ready]")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.dataset.card || ''"))


def lane_of(page: Page, uid: str) -> str:
    return str(page.locator(f'[data-card="{uid}"]').evaluate("(card) => card.closest('[data-lane]').dataset.lane"))


@contextmanager
def asked(page: Page) -> Iterator[list[str]]:
    """How often the board asked for news."""
    seen: list[str] = []

    def note(request: Any) -> None:
        if request.url.endswith("/errands/board/cards"):
            seen.append(request.url)

    page.on("request", note)
    yield seen
    page.remove_listener("request", note)


@pytest.mark.req("S2-23")
def test_arrows_walk_and_shift_moves_the_card(window: Callable[..., Page], errand: Post, session: Session) -> None:  # noqa: F811
    taken, first, second = errand("claim", envelopes=1), errand(), errand()
    page = window("courier", "/errands/board")
    page.locator("[data-board]").focus()
    page.keyboard.press("ArrowDown")
    assert focused(page) == first.uid
    page.keyboard.press("ArrowDown")
    assert focused(page) == second.uid
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert focused(page) == taken.uid
    page.keyboard.press("ArrowLeft")
    assert focused(page) == first.uid
    # Back over the edge leads nowhere, and is said; forward is the button 认领.
    page.keyboard.press("Shift+ArrowLeft")
    assert "不能移到那一栏" in page.locator("[role=status] [data-board-state]").inner_text()
    with page.expect_navigation():
        page.keyboard.press("Shift+ArrowRight")
    assert "认领，已办好" in page.locator("main").inner_text()
    page.wait_for_selector("[data-board][data-ready]")
    assert lane_of(page, first.uid) == "claimed" and reload(session, first).state == "claimed"
    page.locator(f'[data-card="{second.uid}"]').focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/errands/{second.uid}")


@pytest.mark.req("S2-23")
def test_a_card_is_drawn_with_the_mouse_to_the_next_column(
    window: Callable[..., Page],
    errand: Post,  # noqa: F811
    session: Session,
) -> None:
    errand("claim")
    free = errand()
    page = window("courier", "/errands/board")
    card = page.locator(f'[data-card="{free.uid}"] .errand__way').bounding_box()
    goal = page.locator("[data-lane=claimed]").first.bounding_box()
    assert card is not None and goal is not None
    page.mouse.move(card["x"] + 20, card["y"] + 8)
    page.mouse.down()
    page.mouse.move(card["x"] + 60, card["y"] + 12, steps=4)
    # Where it may be laid down is shown while it hangs on the mouse.
    assert page.locator("[data-lane=claimed].can-drop").count() >= 1
    assert page.locator("[data-lane=on_way].can-drop").count() == 0
    page.mouse.move(goal["x"] + 60, goal["y"] + 20, steps=12)
    with page.expect_navigation():
        page.mouse.up()
    assert reload(session, free).state == "claimed"


@pytest.mark.req("S2-23")
def test_another_screen_shows_it_at_the_next_look_and_leaves_the_rest_alone(
    window: Callable[..., Page],
    errand: Post,  # noqa: F811
    session: Session,
) -> None:
    moved, still = errand(), errand()
    watcher, hall = window("dispatcher", "/errands/board"), window("dispatcher", "/errands/board?screen=hall")
    with watcher.expect_response(lambda answer: answer.url.endswith("/cards") and answer.status == 200):
        pass
    watcher.locator(f'[data-card="{still.uid}"]').focus()
    watcher.evaluate("(uid) => { document.querySelector(`[data-card='${uid}']`).dataset.same = '1'; }", still.uid)
    # A card that was marked by hand is not the same any more, and is put right once; from then on it stays.
    watcher.evaluate(
        "(uid) => { delete document.querySelector(`[data-card='${uid}']`).dataset.same; "
        "window.kept = document.querySelector(`[data-card='${uid}']`); }",
        still.uid,
    )
    courier = window("courier", "/errands/board", "phone")
    with asked(watcher) as looks:
        courier.locator(f'[data-card="{moved.uid}"] button[data-to=claimed]').click()
        courier.wait_for_load_state()
        watcher.wait_for_selector(f'[data-lane="claimed"] [data-card="{moved.uid}"]')
        assert len(looks) <= 3, "the look under way, the next one, and one for a slow machine"
    assert focused(watcher) == still.uid
    assert watcher.evaluate("window.kept.isConnected"), "a card that did not change is the same element as before"
    assert watcher.locator('[data-lane="open"] [data-card]').count() == 1
    assert watcher.locator(".column", has_text="待认领").locator(".column__head .muted").inner_text() == "1"
    hall.wait_for_selector(f'[data-lane="claimed"] [data-card="{moved.uid}"]')
    assert hall.locator("main button:visible, main a:visible").count() == 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("large", [False, True], ids=["usual", "large"])
def test_nobody_is_kept_out(window: Callable[..., Page], errand: Post, size: str, large: bool) -> None:  # noqa: F811
    free, own, going = errand(), errand("claim"), errand("pick_up")
    errand("deliver"), errand("confirm")
    looks = {
        "board": ("courier", "/errands/board"),
        "board-dispatcher": ("dispatcher", "/errands/board?by=community"),
        "hall": ("dispatcher", "/errands/board?screen=hall"),
        "mine": ("courier", "/errands/mine"),
        "errand": ("courier", f"/errands/{own.uid}"),
        "errand-free": ("courier", f"/errands/{free.uid}"),
        "fail": ("courier", f"/errands/{going.uid}/fail"),
        "pick_up": ("courier", f"/errands/{own.uid}/pick_up"),
        "new": ("dispatcher", "/errands/new"),
        "assign": ("dispatcher", f"/errands/{free.uid}/assign"),
    }
    on_every_screen(window, looks, size, large)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("large", [False, True], ids=["usual", "large"])
def test_couriers_points_and_places_keep_nobody_out(
    window: Callable[..., Page],
    errand: Post,  # noqa: F811
    session: Session,
    actor: Callable[[str], Actor],
    size: str,
    large: bool,
) -> None:
    """What is a table at a desk stands line by line on a phone: names, months and boxes whole, nothing cut."""
    back = errand("set_off")
    engine.fire(back, "fail", actor("courier"), inputs={"comment": "没人在"})
    session.commit()
    own = "/errands/couriers/courier"
    looks = {
        "me": ("courier", "/errands/me"),
        "hours": ("courier", f"{own}/hours"),
        "away": ("courier", f"{own}/away"),
        "phones": ("courier", "/field/devices"),
        "palm": ("courier", "/desk/phone"),
        "register": ("dispatcher", "/errands/couriers"),
        "courier": ("dispatcher", own),
        "courier-new": ("dispatcher", "/errands/couriers/new"),
        "station": ("dispatcher", f"{own}/station"),
        "suspend": ("dispatcher", f"{own}/suspend"),
        "points": ("dispatcher", "/errands/points"),
        "point": ("dispatcher", "/errands/points/dx-c01-point"),
        "tours": ("dispatcher", "/errands/tours"),
        "places": ("grid.leader", "/places/"),
        "grids": ("grid.leader", "/places/grids"),
        "community": ("grid.leader", "/places/dx-c01"),
        "rules": ("admin", "/places/dongxin/rules"),
        "positions": ("admin", "/places/dongxin/positions"),
    }
    on_every_screen(window, looks, size, large)


def on_every_screen(window: Callable[..., Page], looks: dict[str, tuple[str, str]], size: str, large: bool) -> None:
    """No violation of axe, nothing wider than the screen or cut inside it, nothing to press too small; and a picture."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for name, (who, path) in looks.items():
        page = window(who, path, size, large)
        assert page.evaluate("document.documentElement.classList.contains('large-type')") == large
        width = page.evaluate("[document.scrollingElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1], f"{name} is {width[0]} px wide on a screen of {width[1]}"
        page.evaluate(AXE)
        found = page.evaluate(RUN_AXE)
        assert found == [], f"{name}: {found}"
        if size == "phone":
            cut = page.evaluate(
                """() => [...document.querySelectorAll("main .table-box")].filter((e) => e.scrollWidth > e.clientWidth + 1)
                    .map((e) => e.outerHTML.slice(0, 120))"""
            )
            assert cut == [], f"{name}: {cut}"
            small = page.evaluate(
                """() => [...document.querySelectorAll("main :is(.btn, button, select, summary), main input:not([type=hidden])")]
                    .filter((e) => e.checkVisibility() && !e.closest("label") && e.getBoundingClientRect().height > 0)
                    .filter((e) => e.getBoundingClientRect().height < 43.5).map((e) => e.outerHTML.slice(0, 120))"""
            )
            assert small == [], f"{name}: {small}"
        page.screenshot(path=SHOTS / f"errands-{name}-{size}{'-large' if large else ''}.png", full_page=True)
        page.context.close()
