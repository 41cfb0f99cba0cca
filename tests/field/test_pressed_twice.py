"""Hands that tremble, doubt or scroll: a double tap, giving up in the middle, news while one is reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.grid import GridLog
from process.access import Actor
from tests.field.conftest import Handset
from tests.field.sync_steps import posted
from tests.field.test_app import fresh, pictures, write_log

Phones = Callable[[], Handset]
OPEN = """async () => { const { app } = await import("/static/field/app.js");
  return (await app.outbox.open()).map((op) => [op.about, op.state]); }"""


def test_a_double_tap_hands_in_once(session: Session, handset: Phones) -> None:
    phone = handset()
    phone.sign_in("grid.leader")
    page = phone.page
    phone.context.set_offline(True)
    write_log(phone, "点了两下的", twice=True)
    page.get_by_role("heading", name="待上报").wait_for()
    assert page.evaluate(OPEN) == [["点了两下的", "waiting"]]
    # Refused, and then sent again by a finger that taps twice.
    page.evaluate(
        """async () => { const { app } = await import("/static/field/app.js");
          const [op] = await app.outbox.open(); await app.outbox.save({ ...op, state: "refused", sentence: "没有办成" }); }"""
    )
    phone.to("#/more")
    phone.to("#/waiting")
    phone.tap("去处理")
    page.get_by_role("button", name="原样再报一次").dblclick()
    page.get_by_role("heading", name="待上报").wait_for()
    assert page.evaluate(OPEN) == [["点了两下的", "waiting"]]
    phone.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    page.locator("[data-state=done]").first.wait_for()
    phone.line("都已上报")
    assert [one.what for one in fresh(session).scalars(select(GridLog))] == ["点了两下的"]


def test_what_is_given_up_while_its_photo_travels_stays_given_up(session: Session, handset: Phones) -> None:
    phone = handset()
    phone.sign_in("grid.leader")
    page = phone.page
    held: list[Any] = []
    page.route("**/field/api/blobs/*", lambda route: held.append(route))
    phone.to("#/log")
    page.set_input_files("input[type=file]", files=pictures(1, side=80))
    page.get_by_text("已拍 1 张").wait_for()
    with page.expect_request("**/field/api/blobs/*"):
        write_log(phone, "不要了的")
    page.get_by_role("link", name="看内容").click()
    give_up = page.locator("main button", has_text="放弃")
    give_up.click()
    page.get_by_role("button", name="再按一次，放弃后不能找回").click()
    page.get_by_text("没有待上报的").wait_for()
    with page.expect_response("**/field/api/day"):
        held[0].continue_()
    phone.line("都已上报")
    assert page.evaluate(OPEN) == []
    assert list(fresh(session).scalars(select(GridLog))) == []


def test_news_do_not_move_what_one_is_reading(session: Session, actor: Callable[[str], Actor], handset: Phones) -> None:
    for _ in range(8):
        posted(session, actor)
    phone = handset()
    phone.sign_in("courier")
    page = phone.page
    cards = page.locator("main a.field-card")
    assert cards.count() == 8
    cards.nth(6).focus()
    page.evaluate("scrollTo(0, 600)")
    page.evaluate("window.kept = document.activeElement")
    for more in (0, 1):
        for _ in range(more):
            posted(session, actor)
        with page.expect_response("**/field/api/day"):
            page.evaluate("dispatchEvent(new Event('online'))")
        page.wait_for_function("n => document.querySelectorAll('main a.field-card').length === n", arg=8 + more)
        phone.line("都已上报")
        assert page.evaluate("scrollY") == 600
        assert page.evaluate("document.activeElement.matches('main a.field-card')")
        # Without any news even the card under the finger is the same one.
        assert page.evaluate("window.kept.isConnected") == (not more)
