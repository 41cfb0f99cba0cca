"""移动审批: reviewer and approver decide at the width of a phone, with the same checks and the same record as at a desk."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Case
from models.ledger import JournalEntry
from models.person import Person
from process import transactions
from process.access import Actor
from services.installation import DEMO_PASSWORD
from tests.field.conftest import Handset
from tests.services.fertility import accepted


def sign_in(phone: Handset, username: str) -> None:
    phone.page.goto("/sign-in")
    phone.page.get_by_label("用户名", exact=True).fill(username)
    phone.page.get_by_label("密码", exact=True).fill(DEMO_PASSWORD)
    phone.page.locator("main form button").click()
    phone.page.wait_for_url("**/desk/**")


@pytest.mark.req("S1-10")
def test_reviewer_and_approver_decide_on_a_phone(
    session: Session, actor: Callable[[str], Actor], address: str, handset: Callable[[], Handset]
) -> None:
    transactions.set_writing(True)
    case = accepted(session, actor)
    session.commit()
    transactions.set_writing(False)
    uid = case.uid

    phone = handset()
    sign_in(phone, "reviewer")
    page = phone.page
    page.goto(f"/c/{uid}/do/review")
    # Nothing ticked: the same no as at a desk, at the same place, with what was typed.
    page.get_by_role("button", name="材料齐全，审核通过").click()
    page.locator("[data-error-summary]").wait_for()
    phone.look("审核-没有核对", pressed=False)
    assert fresh(session, uid).state == "accepted"
    for tick in page.locator("input[type=radio][value=accepted]").all():
        tick.check()
    page.get_by_role("button", name="材料齐全，审核通过").click()
    page.wait_for_url(f"**/c/{uid}")
    assert fresh(session, uid).state == "reviewed"
    # Whoever reviewed cannot approve, on a phone as little as at a desk.
    assert page.goto(f"/c/{uid}/do/approve").status == 409
    phone.complaints.clear()

    second = handset()
    sign_in(second, "approver")
    second.page.goto(f"/c/{uid}/do/approve")
    second.page.locator("textarea[name=comment]").first.fill("同意。")
    second.look("审批", pressed=False)
    second.page.locator("main form button", has_text="审批同意").first.click()
    second.page.wait_for_url(f"**/c/{uid}")
    text = second.page.locator("main").inner_text()
    names = {
        name: session.scalars(select(Person.name).where(Person.username == name)).one()
        for name in ("reviewer", "approver")
    }
    assert names["reviewer"] in text and names["approver"] in text and "同意。" in text
    second.look("审批后", pressed=False)

    made = fresh(session, uid)
    assert made.state == "approved"
    signed = {
        row.action: (row.person.username if row.person else "", row.comment)
        for row in session.scalars(select(JournalEntry).where(JournalEntry.content_id == made.id))
    }
    assert signed["case:review"][0] == "reviewer" and signed["case:approve"] == ("approver", "同意。")


def fresh(session: Session, uid: str) -> Case:
    session.rollback()
    session.expire_all()
    return session.scalars(select(Case).where(Case.uid == uid)).one()
