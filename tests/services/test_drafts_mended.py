"""A certificate that cannot be made, or was seen to be wrong before anybody had it: mended by two, its number never used again."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from models.correction import Correction
from models.ledger import Counter
from models.paper import Certificate
from process import engine
from process.refusals import Conflict, Forbidden, InvalidInput, NotAvailable, RequirementUnmet
from services import corrections, papers_out
from services.papers.text import BY_HAND, codepoint
from tests.services.fertility import COLLECTED, WIFE, approved, certificate_of, draw_all
from tests.services.test_batches import UNPRINTABLE

ADDRESSES = ("wife_household_address", "wife_present_address", "husband_household_address", "husband_present_address")
LONG = ("浙江省海宁市海洲街道示例路十二号三单元" * 5)[:90]
NAME = f"王{UNPRINTABLE}"


def drawn(session) -> list[int]:
    return list(session.scalars(select(Counter.value).where(Counter.series == "SY")))


@pytest.mark.req("S0-28", "S0-34")
def test_a_name_that_no_face_has_is_written_by_hand_after_two_agreed(session, actor, client_as):
    case = approved(session, actor, husband_name=NAME)
    draft = certificate_of(session, case)
    session.commit()
    issuer, approver, page = client_as("issuer"), client_as("approver"), f"/c/{draft.uid}"
    refused = issuer.post(f"{page}/do/number")
    assert refused.status_code == 422 and codepoint(UNPRINTABLE) in refused.text and BY_HAND in refused.text
    shown = issuer.get(page).text
    assert "申请更正" in shown
    form = issuer.get(f"{page}/correct").text
    assert NAME in form and BY_HAND in form and "另发一张新号" not in form
    given = {"new_husband_name": f"王{BY_HAND}", "reason": "字库没有这个字"}
    assert issuer.post(f"{page}/correct", data=given).status_code == 303
    waits = issuer.post(f"{page}/do/number")
    assert waits.status_code == 422 and "等审批人审核" in waits.text
    answer = {"answer": "agree", "comment": "同意手写"}
    assert issuer.post(f"{page}/correction", data=answer).status_code == 403, "not the one who asked"
    assert approver.post(f"{page}/correction", data={**answer, "comment": ""}).status_code == 422
    sent = approver.post(f"{page}/correction", data=answer)
    assert sent.status_code == 303 and sent.location.endswith(draft.uid)
    session.expire_all()
    assert session.scalars(select(Certificate)).one().state == "drafted" and drawn(session) == []
    assert f"王{BY_HAND}" in draft.holder_name and BY_HAND in draft.search_text
    assert issuer.post(f"{page}/do/number").status_code == 303
    draw_all(session)
    session.commit()
    assert draft.paper.data["husband_name"] == f"王{BY_HAND}" and draft.paper.status == "ready", draft.paper.error
    assert drawn(session) == [1]


@pytest.mark.req("S0-28")
def test_text_longer_than_the_card_stops_before_the_number(session, actor, client_as):
    """Found when the number is asked for, not when the PDF is drawn; the sentence says how many characters fit."""
    wife = {**WIFE, "address": LONG, "household_address": LONG}
    case = approved(session, actor, husband_household_address=LONG, husband_name=LONG[:40], applicant=wife)
    draft = certificate_of(session, case)
    session.commit()
    issuer, page = client_as("issuer"), f"/c/{draft.uid}"
    refused = issuer.post(f"{page}/do/number")
    told = re.findall(r"「([^」]+)」有 (\d+) 个字，最多印得下 (\d+) 个字", refused.text)
    assert refused.status_code == 422 and told and all(int(fits) < int(have) for _, have, fits in told), refused.text
    assert "也没有用号" in refused.text and "申请更正" in refused.text
    session.expire_all()
    assert draft.state == "drafted" and drawn(session) == []
    corrections.ask(session, actor("issuer"), draft, dict.fromkeys(ADDRESSES, LONG[:30]), "写短")
    corrections.agree(session, actor("approver"), draft, "与户口簿一致", None)
    with pytest.raises(InvalidInput, match="最多印得下"):
        corrections.ask(session, actor("issuer"), draft, dict.fromkeys(ADDRESSES, LONG), "写全")
    engine.fire(draft, "number", actor("issuer"))
    draw_all(session)
    session.expire_all()
    assert draft.paper.status == "ready", draft.paper.error


def test_what_the_case_lacks_is_supplied_on_the_draft(session, actor):
    case = approved(session, actor)
    case.fields = {name: value for name, value in case.fields.items() if name != "marriage_date"}
    draft = certificate_of(session, case)
    with pytest.raises(RequirementUnmet, match="申请更正"):
        engine.fire(draft, "number", actor("issuer"))
    with pytest.raises(NotAvailable):
        corrections.ask(session, actor("neighbour.clerk"), draft, {"marriage_date": "2025-05-20"}, "漏填")
    corrections.ask(session, actor("window.clerk"), draft, {"marriage_date": "2025-05-20"}, "漏填")
    with pytest.raises(Conflict):
        corrections.ask(session, actor("issuer"), draft, {"marriage_date": "2025-05-21"}, "漏填")
    assert corrections.agree(session, actor("approver"), draft, "与结婚证一致", None) is draft
    # A second mistake on the same draft is a second request.
    corrections.ask(session, actor("window.clerk"), draft, {"husband_name": "欧阳䶮"}, "写错了")
    corrections.agree(session, actor("approver"), draft, "与身份证一致", None)
    engine.fire(draft, "number", actor("issuer"))
    session.flush()
    session.refresh(draft)
    assert draft.paper.data["husband_name"] == "欧阳䶮"
    assert str(draft.paper.data["marriage_date"]).startswith("2025-05-20")
    assert [one.made_id for one in session.scalars(select(Correction))] == [draft.id, draft.id]


@pytest.mark.parametrize("steps", [("number",), ("number", "seal"), ("number", "seal", "print")])
def test_a_mistake_seen_before_it_was_given_out_is_voided_and_drafted_anew(session, actor, steps):
    case = approved(session, actor)
    wrong = certificate_of(session, case)
    for step in steps:
        draw_all(session)
        engine.fire(wrong, step, actor("issuer"))
    with pytest.raises(Forbidden):
        engine.fire(wrong, "void", actor("issuer"), inputs={"comment": "印糊了"})
    engine.fire(wrong, "void", actor("approver"), inputs={"comment": "出生日期印错"})
    new = certificate_of(session, case)
    assert wrong.state == "voided" and wrong.number and not wrong.paper.valid
    assert new.state == "drafted" and new.replaces_id == wrong.id, "an approved case keeps its claim to a certificate"
    with pytest.raises(NotAvailable):
        engine.fire(wrong, "issue", actor("issuer"))
    engine.fire(case, "issue", actor("issuer"))
    draw_all(session)
    assert (case.state, new.state) == ("issued", "issued") and new.number != wrong.number and drawn(session) == [2]
    assert papers_out.verify(session, wrong.paper.verify_code).state == "void"
    assert papers_out.verify(session, new.paper.verify_code).state == "valid"
    engine.fire(case, "deliver", actor("window.clerk"), inputs=COLLECTED)
    assert new.state == "delivered"
