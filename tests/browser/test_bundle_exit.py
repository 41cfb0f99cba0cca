"""一件事 from the theme to the exit, by the pages alone: chosen, filed in one go, handed out against one signature, rated once."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models.base import now
from models.case import Case
from models.exit import ExitReceipt
from models.one_thing import OneThing
from models.person import Person
from process.access import load_actor
from process.clock import local_day
from tests.browser.test_counter_keys import Hands, hall  # noqa: F401  the fixture
from tests.exits.waiting import advance
from tests.one_thing.test_bundle import PRINTING
from tests.services.fertility import WIFE

TYPED = ("applicant_id_number", "applicant_name", "unit_name", "credit_code", "unit_address")


@pytest.mark.req("S1-13")
@pytest.mark.req("S1-14")
def test_a_bundle_goes_from_its_theme_to_one_receipt(app: Flask, browser: Any, hall: str) -> None:  # noqa: F811
    clerk = Hands(browser, hall, "window.clerk", "/one-things/themes/printing_enterprise")
    page = clerk.page
    page.get_by_role("button", name="在窗口一次收件").click()
    page.locator("[name=applicant_id_number]").wait_for()
    for name in TYPED:
        page.locator(f"[name={name}]").first.fill(PRINTING[name])
    page.locator("[name=m-agent_id_card-provided]").first.check()
    clerk.go("F9")
    with app.app_context():
        bundle = db.session.scalars(select(OneThing)).one()
        uid, number = bundle.uid, bundle.number
        db.session.remove()
    assert number in page.locator("main").inner_text()
    page.goto(f"/one-things/{uid}")
    assert "并联办理中" in page.locator("main").inner_text() and page.locator("#exit").count() == 0
    # Review, approval and issue are other people's work, each with tests of its own.
    with app.app_context():
        session = db.session()

        def actor(username: str) -> Any:
            person = session.scalars(select(Person).where(Person.username == username)).one()
            return load_actor(session, person.id, local_day(now()))

        for case in session.scalars(select(Case).order_by(Case.id)):
            advance(session, actor, case)
        session.commit()
        db.session.remove()
    page.reload()
    assert "待交出 2 份" in page.locator("#exit").inner_text()
    # The card is not hers: nothing leaves, and what was typed stays.
    page.locator("#id_number").fill("330103194303052043")
    clerk.go("F9")
    refused = page.locator("main").inner_text()
    assert (
        "不是本人领取的，请选“代领人”" in refused and page.locator("#id_number").input_value() == "330103194303052043"
    )
    page.locator("#id_number").fill(WIFE["id_number"])
    clerk.go("F9")
    shown = page.locator("main").inner_text()
    assert "CJ-" in shown and number in shown and "营业执照" in shown and "印刷经营许可证" in shown
    page.get_by_role("link", name=number).click()
    assert "全部办完" in page.locator("main").inner_text() and "一并交出，签收单" in page.locator("#exit").inner_text()
    with app.app_context():
        receipt = db.session.scalars(select(ExitReceipt)).one()
        assert len(receipt.rows) == 2 and {row.case.state for row in receipt.rows} == {"delivered"}
        db.session.remove()
    # One rating for both, by her own hand.
    resident = Hands(browser, hall, "resident", f"/one-things/{uid}")
    resident.page.get_by_label("非常满意", exact=True).check()
    resident.page.get_by_role("button", name="评价").click()
    resident.page.get_by_text("评价：5 分").wait_for()
    with app.app_context():
        assert {case.rating for case in db.session.scalars(select(Case))} == {5}
        db.session.remove()
    assert not clerk.complaints and not resident.complaints
