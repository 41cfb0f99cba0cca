"""同次来访一起批: one page for the approver, each matter ticked by itself; four eyes, versions and refusals hold for each."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from models.case import Case
from process import engine
from services.case_forms import FROM_RECORD
from tests.pages.test_counter_visit import CARD, EXTRA, PROOF, REGISTER, press
from tests.services.fertility import WIFE, ticks


def taken(session: Any, client_as: Any, actor: Any, *items: str) -> list[Case]:
    """Matters of one visit, accepted at the window and looked at by the reviewer."""
    window = client_as("window.clerk")
    own = {"m-truth_statement--marital_fertility_proof-provided": "1"}
    answer = press(window, item=list(items), **EXTRA, **own)
    assert window.post(answer.headers["Location"], data={"do": "accept"}).status_code == 303
    session.expire_all()
    cases = list(session.scalars(select(Case).order_by(Case.id)))
    for case in cases:
        engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    session.commit()
    return cases


@pytest.fixture
def reviewed(session: Any, client_as: Any, actor: Any) -> list[Case]:
    return taken(session, client_as, actor, CARD, REGISTER)


def page(client: Any, case: Case) -> str:
    answer = client.get(f"/cases/{case.uid}/together")
    assert answer.status_code == 200
    return str(answer.text)


def wishes(shown: str, *cases: Case) -> dict[str, str]:
    versions = dict(re.findall(r'name="(version-[^"]+)" value="(\d+)"', shown))
    return versions | {f"yes-{case.uid}": "1" for case in cases}


def states(session: Any, cases: list[Case]) -> list[str]:
    session.rollback()
    session.expire_all()
    return [case.state for case in cases]


@pytest.mark.req("S0-08")
def test_all_matters_of_a_visit_are_approved_on_one_page(session, client_as, reviewed):
    approver = client_as("approver")
    led = approver.get(f"/c/{reviewed[1].uid}/do/approve")
    assert led.status_code == 303 and led.headers["Location"].endswith("/together")
    assert "同次来访 2 件一起批" in approver.get(f"/c/{reviewed[0].uid}").text
    shown = page(approver, reviewed[1])
    assert "2 件等您审批" in shown and shown.count("看过，同意<") == 2 and "checked" not in shown
    # Every paper with who looked at it and where it came from; what was answered, masked.
    assert "核对合格" in shown and "来源：同次来访" in shown and reviewed[0].number in shown
    answer = approver.post(f"/cases/{reviewed[1].uid}/together", data=wishes(shown, *reviewed))
    assert answer.status_code == 303, re.findall("没办成：[^<]*", answer.text)
    assert answer.headers["Location"].endswith("/desk/")
    assert states(session, reviewed) == ["approved", "approved"]
    assert len({(case.reviewer_id, case.approver_id) for case in reviewed}) == 1
    assert all(case.reviewer_id != case.approver_id for case in reviewed)


def test_only_what_was_ticked_is_approved_and_the_page_goes_on_with_the_rest(session, client_as, reviewed):
    approver = client_as("approver")
    sent = wishes(page(approver, reviewed[0]), reviewed[0]) | {f"comment-{reviewed[0].uid}": "材料齐"}
    answer = approver.post(f"/cases/{reviewed[0].uid}/together", data=sent)
    assert answer.headers["Location"].endswith(f"/cases/{reviewed[1].uid}/together")
    assert states(session, reviewed) == ["approved", "reviewed"]
    assert "1 件等您审批" in page(approver, reviewed[1])


def test_nothing_ticked_is_said_and_the_opinion_stays(session, client_as, reviewed):
    approver = client_as("approver")
    shown = page(approver, reviewed[0])
    sent = wishes(shown) | {f"comment-{reviewed[1].uid}": "想想再批"}
    answer = approver.post(f"/cases/{reviewed[0].uid}/together", data=sent)
    assert answer.status_code == 422 and "还没有勾选" in answer.text and 'value="想想再批"' in answer.text
    assert states(session, reviewed) == ["reviewed", "reviewed"]


def test_whoever_reviewed_is_offered_nothing_and_refused(session, client_as, reviewed):
    reviewer = client_as("reviewer")
    shown = page(reviewer, reviewed[0])
    assert "没有等您审批的了" in shown and "yes-" not in shown
    refused = reviewer.post(f"/cases/{reviewed[0].uid}/together", data=wishes(shown, *reviewed))
    assert refused.status_code == 403 and "现在不由您审批" in refused.text
    assert states(session, reviewed) == ["reviewed", "reviewed"]


def test_one_that_changed_meanwhile_is_named_and_holds_up_no_other(session, client_as, actor, reviewed):
    approver = client_as("approver")
    shown = page(approver, reviewed[0])
    late = reviewed[1]
    engine.fire(late, "return_review", actor("approver"), inputs={"comment": "结婚证再看一眼"})
    session.commit()
    answer = approver.post(f"/cases/{reviewed[0].uid}/together", data=wishes(shown, *reviewed))
    assert answer.status_code == 200 and "同意了 1 件，没办成 1 件" in answer.text
    box = answer.text[answer.text.index(f'id="case-{late.uid}"') :]
    assert "没办成：" in box
    assert states(session, reviewed) == ["approved", "reviewed"]


def test_one_that_lacks_something_is_named_with_what_it_lacks(session, client_as, actor):
    """The proof was not compared with the register yet: the card is approved, the proof says who has to do what."""
    cases = taken(session, client_as, actor, CARD, PROOF)
    approver = client_as("approver")
    answer = approver.post(f"/cases/{cases[0].uid}/together", data=wishes(page(approver, cases[0]), *cases))
    assert answer.status_code == 200 and "还没有与登记记录核对" in answer.text
    assert states(session, cases) == ["approved", "reviewed"]
    again = approver.post(f"/cases/{cases[1].uid}/together", data=wishes(answer.text, cases[1]))
    assert again.status_code == 422 and "没办成 1 件" in again.text


def test_a_case_of_its_own_goes_its_usual_way(session, client_as, actor):
    window = client_as("window.clerk")
    answer = press(window)
    window.post(answer.headers["Location"], data={"do": "accept"})
    session.expire_all()
    case = session.scalars(select(Case)).one()
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    session.commit()
    approver = client_as("approver")
    assert approver.get(f"/c/{case.uid}/do/approve").status_code == 200
    assert "一起批" not in approver.get(f"/c/{case.uid}").text


@pytest.mark.req("S0-37")
def test_an_answer_taken_from_an_earlier_registration_says_so_to_reviewer_and_approver(session, client_as, actor):
    """Telephone and addresses are known from before and were not asked: both pairs of eyes are told, so that they compare it."""
    (case,) = taken(session, client_as, actor, CARD)
    assert case.fields[FROM_RECORD] == ["phone", "present_address", "wife_household_address"]
    shown = client_as("reviewer").get(f"/cases/{case.uid}/materials").text
    assert re.search("取自以前的登记，请和证件核对：[^<]*户籍地址", shown)
    assert "（取自以前的登记）" in page(client_as("approver"), case)
    typed = press(
        client_as("window.clerk"), visit="visit-" + "b" * 16, wife_household_address=WIFE["household_address"]
    )
    assert typed.status_code == 303
    session.expire_all()
    asked = session.scalars(select(Case).order_by(Case.id.desc()).limit(1)).one()
    assert asked.fields[FROM_RECORD] == ["phone", "present_address"]
