"""A character that no face has stops the step that makes the paper, with what to do; no number is spent, nothing typed is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.ledger import Counter, JournalEntry
from models.paper import Paper
from process import engine
from services import papers_out, unprintable
from services.papers.definition import load
from services.papers.samples import load_sample
from services.papers.text import BY_HAND, codepoint
from tests.pages.test_delegation_pages import open_visit, slot
from tests.services.fertility import ALL, COLLECTED, WIFE, approved, certificate_of, draw_all, opened
from tests.services.test_batches import UNPRINTABLE

NAME = f"林{UNPRINTABLE}"
# Of somebody who is not registered yet.
OTHER = {**WIFE, "name": NAME, "id_number": "11010519491231002X"}
TOLD = (UNPRINTABLE, codepoint(UNPRINTABLE), "没有可用字形", "留横线手写")


def stopped(answer) -> str:
    """The page after the refusal: the character, its code point, what to do, and the tick for the line."""
    assert answer.status_code == 422, answer.text[:2000]
    for words in (*TOLD, 'name="by_hand"'):
        assert words in answer.text, words
    return answer.text


def drawn(session, series: str) -> int:
    session.expire_all()
    return session.scalar(select(Counter.value).where(Counter.series == series)) or 0


def paper_of(session, content, kind: str) -> Paper:
    draw_all(session)
    session.commit()
    found = session.scalars(select(Paper).where(Paper.content_id == content.id, Paper.paper == kind)).one()
    assert found.status == "ready", found.error
    return found


def submitted(session, actor, **changes):
    case = opened(session, actor("window.clerk"), **changes)
    engine.fire(case, "submit", actor("window.clerk"))
    session.commit()
    return case


@pytest.mark.req("S0-28")
def test_a_name_stops_the_acceptance_before_its_number_and_a_line_is_left_on_request(session, actor, client_as):
    case = submitted(session, actor, applicant=OTHER)
    clerk, step = client_as("window.clerk"), f"/c/{case.uid}/do/accept"
    assert 'name="by_hand"' not in clerk.get(f"/c/{case.uid}").text
    assert stopped(clerk.post(step)).count('name="by_hand"') == 1
    assert drawn(session, "acceptance_notice") == 0 and case.state == "submitted"
    assert not session.scalars(select(Paper)).all()
    assert clerk.post(step, data={"by_hand": "y"}).status_code == 303
    assert drawn(session, "acceptance_notice") == 1 and case.state == "accepted"
    paper = paper_of(session, case, "acceptance_notice")
    assert paper.data["applicant_name"] == f"林{BY_HAND}" and paper.number.endswith("1号")
    row = session.scalars(select(JournalEntry).where(JournalEntry.action == "case:accept")).one()
    assert row.details["by_hand"] == [codepoint(UNPRINTABLE)]
    assert case.applicant.name == NAME, "only the paper has a line, the record keeps the name"


def test_what_was_typed_at_the_step_is_marked_there_and_stays(session, actor, client_as):
    case = submitted(session, actor)
    clerk, step = client_as("window.clerk"), f"/c/{case.uid}/do/reject_intake"
    given = {"comment": f"不属于{UNPRINTABLE}家村管辖", "basis": "示例依据第三条", "version": case.version}
    page = stopped(clerk.post(step, data=given))
    assert given["comment"] in page and given["basis"] in page and 'id="comment-error"' in page
    assert drawn(session, "intake_refusal") == 0 and case.state == "submitted"
    assert clerk.post(step, data={**given, "comment": "不属于本街道管辖"}).status_code == 303
    assert paper_of(session, case, "intake_refusal").data["reason"] == "不属于本街道管辖"


def test_the_notice_from_the_page_of_materials(session, actor, client_as):
    case = submitted(session, actor, materials=[dict(m) for m in ALL if m["code"] != "marriage_certificate"])
    clerk, page = client_as("window.clerk"), f"/cases/{case.uid}/materials"
    given = {"do": "notice", "comment": f"请补{UNPRINTABLE}证", "version": case.version}
    told = clerk.post(page, data=given)
    if "by_hand" not in told.text:
        # What is wrong was ticked on this press; the same words are sent once more beside it.
        session.expire_all()
        told = clerk.post(page, data={**given, "version": case.version})
    assert f"请补{UNPRINTABLE}证" in stopped(told)
    assert drawn(session, "one_time_notice") == 0


def test_the_statement_that_a_button_prints(session, actor, client_as):
    case = opened(session, actor("window.clerk"), applicant=OTHER)
    session.commit()
    clerk, button = client_as("window.clerk"), f"/cases/{case.uid}/papers/signed_statement"
    stopped(clerk.post(button))
    assert not session.scalars(select(Paper)).all()
    assert clerk.post(button, data={"by_hand": "y"}).status_code == 303
    row = session.scalars(select(JournalEntry).where(JournalEntry.action == "paper:print")).one()
    assert row.details["by_hand"] == [codepoint(UNPRINTABLE)]
    assert BY_HAND in str(paper_of(session, case, "signed_statement").data)


def test_the_receipt_for_a_certificate(session, actor, client_as):
    case = approved(session, actor)
    certificate = certificate_of(session, case)
    engine.fire(certificate, "number", actor("issuer"))
    draw_all(session)
    for step in ("seal", "print", "issue"):
        engine.fire(certificate, step, actor("issuer"))
    session.commit()
    clerk, step = client_as("window.clerk"), f"/c/{certificate.uid}/do/deliver"
    given = {
        **COLLECTED,
        "who": "agent",
        "collector": NAME,
        "letter": "y",
        "collector_id_number": OTHER["id_number"],
        "version": certificate.version,
    }
    page = stopped(clerk.post(step, data=given))
    assert NAME in page
    session.expire_all()
    assert certificate.state == "issued"
    assert clerk.post(step, data={**given, "by_hand": "y"}).status_code == 303
    assert f"林{BY_HAND}" in str(paper_of(session, certificate, "delivery_receipt").data)


def test_a_visit_is_not_planned_with_a_sheet_nobody_can_print(app, session, client_as):
    visit = open_visit(app, client_as("community.clerk"), applicant_name=NAME)
    leader = client_as("grid.leader")
    step, given = f"/c/{visit.uid}/do/schedule", {"slot_start": slot()}
    page = stopped(leader.post(step, data=given))
    assert given["slot_start"] in page
    assert leader.post(step, data={**given, "by_hand": "y"}).status_code == 303


def test_a_line_hides_no_control_character_and_a_picture_is_not_opened_again(app):
    paper = load("acceptance_notice")
    data = papers_out.plain(load_sample(paper))
    assert unprintable.settle(paper, data, {}).by_hand == ()
    with app.test_request_context("/?by_hand=y"):
        app.preprocess_request()
        for char, words in (("\u202e", "改变文字方向"), ("\u200b", "看不见"), ("\ud800", "不完整")):
            with pytest.raises(unprintable.RequirementUnmet, match=words):
                unprintable.settle(paper, {**data, "applicant_name": f"林{char}"}, {})
        settled = unprintable.settle(paper, {**data, "applicant_name": "\ue123葛\U000e0100玲葛"}, {})
        assert settled.data["applicant_name"] == f"{BY_HAND}{BY_HAND}玲葛"
        assert settled.by_hand == ("U+E123", "U+E0100")
        rows = [{"name": f"证{UNPRINTABLE}", "form": "原件"}]
        made = unprintable.settle(paper, {**data, "materials": rows}, {}).data["materials"]
        assert made[0]["name"] == f"证{BY_HAND}"
