"""掌上审批、掌上服务、掌上互动 at the width of a phone, for staff and for residents."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from process import transactions
from process.access import Actor
from tests.field.conftest import Handset
from tests.field.test_phone_approval import fresh, sign_in
from tests.services.fertility import accepted


@pytest.mark.req("S3-54", "S1-10")
def test_three_sections_on_a_phone(
    session: Session, actor: Callable[[str], Actor], address: str, handset: Callable[[], Handset]
) -> None:
    transactions.set_writing(True)
    case = accepted(session, actor)
    session.commit()
    transactions.set_writing(False)
    uid, number = case.uid, case.number

    phone = handset()
    sign_in(phone, "reviewer")
    page = phone.page
    page.get_by_role("link", name="掌上三栏").click()
    page.wait_for_url("**/desk/phone")
    assert page.locator("nav.palm a").all_inner_texts() == ["掌上审批", "掌上服务", "掌上互动"]
    assert number in page.locator("main").inner_text()
    phone.look("掌上审批", pressed=False)
    # From the section straight into the same check as at a desk, decided on the phone.
    page.locator("main a[data-action]", has_text="审核").first.click()
    page.wait_for_url(f"**/cases/{uid}/materials")
    for tick in page.locator("input[type=radio][value=accepted]").all():
        tick.check()
    page.get_by_role("button", name="材料齐全，审核通过").click()
    page.wait_for_url(f"**/c/{uid}")
    assert fresh(session, uid).state == "reviewed"
    page.goto("/desk/phone")
    assert "现在没有等您审核、审批的" in page.locator("main").inner_text()
    page.get_by_role("link", name="掌上互动").click()
    page.wait_for_load_state()
    phone.look("掌上互动", pressed=False)

    own = handset()
    sign_in(own, "resident")
    own.page.goto("/desk/phone")
    own.page.get_by_role("link", name="掌上服务").click()
    shown = own.page.locator("main").inner_text()
    assert "拍照申报（微审批）" in shown and "网上预审" in shown and "综合受理" not in shown
    own.look("居民掌上服务", pressed=False)
    own.page.get_by_role("link", name="拍照申报（微审批）").click()
    own.page.wait_for_url("**/t/micro_approval/new")
    own.page.goto("/desk/phone?show=talk")
    assert "咨询、求助" in own.page.locator("main").inner_text()


def test_only_what_is_mine_and_any_other_word_is_the_first_section(session, actor, client_as) -> None:
    case = accepted(session, actor)
    session.commit()
    assert case.number in client_as("reviewer").get("/desk/phone?show=nonsense").text
    for who in ("approver", "courier", "neighbour.clerk"):
        assert case.number not in client_as(who).get("/desk/phone").text, who
    assert "林若琳" not in client_as("reviewer").get("/desk/phone").text, "masked in lists"
