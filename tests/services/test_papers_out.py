"""Papers that go out: frozen data, drawn once, confirmed to strangers, and never asked for twice."""

from __future__ import annotations

import hashlib
import io

import pikepdf
import pytest
from sqlalchemy import select

from catalogue import loader as catalogue
from jobs.handlers import HANDLERS, exhausted
from models.ledger import OutboxItem
from models.paper import Paper
from process import clock, engine
from process.refusals import RequirementUnmet
from services import case_forms, cases, files, papers_data, papers_out
from services.papers.definition import load
from services.papers.errors import RenderFailed
from tests.services.fertility import COLLECTED, accepted, approved, certificate_of, draw_all, opened, sheet

# Everything the couple's form asks, plus what the applicant says about themselves.
TYPED_ONCE = "form."


def issued(session, actor):
    case = approved(session, actor)
    engine.fire(case, "issue", actor("issuer"))
    return case


@pytest.mark.req("S0-37")
def test_one_form_fills_every_paper_and_nothing_is_asked_twice(session, actor):
    form = catalogue.form("fertility_registration_card")
    case = issued(session, actor)
    draw_all(session)
    engine.fire(case, "deliver", actor("window.clerk"), inputs={"way": "counter", **COLLECTED})
    draw_all(session)
    papers = {p.paper: p for p in session.scalars(select(Paper))}
    assert set(papers) == {"acceptance_notice", "fertility_registration_card", "delivery_receipt"}
    for paper_id, paper in papers.items():
        assert paper.status == "ready", (paper_id, paper.error)
        for field in load(paper_id).fields:
            if field.required == "always" or field.required == "issued":
                assert paper.data.get(field.name) not in (None, "", [], papers_out.NOT_KNOWN), (
                    f"{paper_id}.{field.name} would have to be asked for"
                )
    # No step of the way has an input that repeats a question of the form.
    asked = {field.name for field in form.fields} | {"name", "id_number", "phone", "address"}
    for content in (case, certificate_of(session, case)):
        for transition in engine.library.of(content, session).transitions.values():
            assert not asked & {i.name for i in transition.inputs}, transition.id
    # The clerk typed the wife once, as applicant: her part of the form came by itself.
    assert {"wife_name", "wife_id_number", "phone", "present_address", "wife_household_address"} <= set(
        case_forms.known_answers(form, case.applicant, {"address": "某处"})
    )


@pytest.mark.req("S0-28")
def test_the_card_bears_the_couple_the_number_and_the_date(session, actor):
    case = issued(session, actor)
    draw_all(session)
    certificate = certificate_of(session, case)
    data = certificate.paper.data
    assert (data["number"], data["wife_name"], data["expected_order"]) == (certificate.number, "林若琳", "第一孩")
    assert (
        data["registered_on"] == clock.local_day(certificate.issued_on).isoformat()
        and data["agency"] == "杭州市下城区东新街道办事处"
    )
    with pikepdf.open(io.BytesIO(papers_out.pdf(certificate.paper))) as pdf:
        assert len(pdf.pages) == 2


def test_the_notice_of_acceptance_has_the_number_of_the_street_and_the_promised_date(session, actor):
    case = accepted(session, actor)
    notice = sheet(session, case, "acceptance_notice")
    year = clock.local_day(case.filed_at).year
    assert notice.number == f"东新受〔{year}〕1号" and notice.data["clerk_name"] == "沈丽娟"
    run = clock.current(session, case, "handle")
    assert notice.data["promised_on"] == run.due_on.isoformat()
    assert notice.data["query_code"] == papers_data.query_code(case) and len(notice.data["query_code"]) == 8
    assert {row["name"] for row in notice.data["materials"]} == {m.name for m in case.materials if m.provided}
    again = accepted(session, actor)
    assert sheet(session, again, "acceptance_notice").number == f"东新受〔{year}〕2号"


def test_a_paper_is_drawn_once_and_keeps_its_bytes(session, actor):
    case = issued(session, actor)
    paper = certificate_of(session, case).paper
    with pytest.raises(RequirementUnmet, match="正在生成"):
        papers_out.pdf(paper)
    papers_out.render_paper(session, paper.id)
    first = papers_out.pdf(paper)
    assert paper.sha256 == hashlib.sha256(first).hexdigest() and paper.size == len(first) and first.startswith(b"%PDF")
    case.private = {**case.private, "phone": "13900000000"}
    papers_out.render_paper(session, paper.id)
    assert papers_out.pdf(paper) == first
    assert papers_out.draw(papers_out.sheet_of(paper)) == first, "the frozen data alone give the same bytes"


def test_the_worker_draws_outside_the_writing_transaction(session, actor):
    paper = certificate_of(session, issued(session, actor)).paper
    paper_id = paper.id
    session.commit()
    HANDLERS[papers_out.RENDER](session, {"paper_id": paper_id})
    session.commit()
    kept = session.get_one(Paper, paper_id)
    assert kept.status == "ready" and files.store().exists(kept.storage_key)
    HANDLERS[papers_out.RENDER](session, {"paper_id": paper_id})
    session.rollback()
    HANDLERS[papers_out.RENDER](session, {"paper_id": 999_999})


def test_a_failing_renderer_is_tried_again_and_then_says_so_on_the_paper(session, actor, monkeypatch):
    paper = certificate_of(session, issued(session, actor)).paper
    session.commit()

    def broken(sheet: papers_out.Sheet) -> bytes:
        raise RenderFailed("排版超过 30 秒", "请核对内容后重试")

    with monkeypatch.context() as patch:
        patch.setattr(papers_out, "draw", broken)
        with pytest.raises(RenderFailed):
            HANDLERS[papers_out.RENDER](session, {"paper_id": paper.id})
        session.rollback()
        assert session.get_one(Paper, paper.id).status == "waiting"
        exhausted(session, papers_out.RENDER, {"paper_id": paper.id}, "文书没有生成：排版超过 30 秒。请核对内容后重试")
    assert paper.status == "failed" and "排版超过" in paper.error
    with pytest.raises(RequirementUnmet, match="排版超过"):
        papers_out.pdf(paper)
    papers_out.draw_again(session, paper)
    draw_all(session)
    assert paper.status == "ready"


def test_a_paper_that_can_never_be_drawn_fails_at_once(session, actor):
    case = accepted(session, actor)
    notice = sheet(session, case, "acceptance_notice")
    notice.data = {**notice.data, "accepted_on": "when pigs fly"}
    session.flush()
    papers_out.render_paper(session, notice.id)
    assert notice.status == "failed" and "受理日期" in notice.error


def test_the_preview_has_no_number_and_spends_none(session, actor):
    case = opened(session, actor("window.clerk"))
    before = session.scalars(select(OutboxItem)).all()
    pdf = papers_out.draft_pdf(session, case, "fertility_registration_card", actor("window.clerk"))
    assert (
        pdf.startswith(b"%PDF")
        and session.scalars(select(Paper)).all() == []
        and session.scalars(select(OutboxItem)).all() == before
    )


def test_anybody_may_check_a_paper_and_learns_nothing_personal(session, actor):
    case = issued(session, actor)
    certificate = certificate_of(session, case)
    code = certificate.paper.verify_code
    answer = papers_out.verify(session, f" {code[:4]} {code[4:]} ")
    assert (answer.state, answer.number, answer.kind) == ("valid", certificate.number, "生育登记服务卡")
    assert answer.name == "林*、阿*" and "若琳" not in str(answer.public()) and "33010" not in str(answer.public())
    for wrong in ("", "x" * 22, code[:-1] + ("A" if code[-1] != "A" else "B"), "%' OR 1=1 --xxxxxxxx", "码" * 20):
        assert papers_out.verify(session, wrong) == papers_out.UNKNOWN


def test_a_card_is_not_confirmed_before_it_is_issued(session, actor):
    certificate = certificate_of(session, approved(session, actor))
    engine.fire(certificate, "number", actor("issuer"))
    assert papers_out.verify(session, certificate.paper.verify_code).state == "unknown"


def test_a_carried_case_leaves_one_receipt_not_two(session, actor):
    """The ticket's receipt is signed for the same delivery, so the certificate makes none."""
    step = engine.Step
    case = issued(session, actor)
    certificate = certificate_of(session, case)

    class Ticket:
        type = "delegation"

    cause = step(session, Ticket(), None, actor("community.clerk"), {}, certificate.created_at, "handed_over")  # type: ignore[arg-type]
    inner = step(
        session, certificate, None, actor("community.clerk"), {}, certificate.created_at, "issued", cause=cause
    )  # type: ignore[arg-type]
    assert papers_out.make(inner, "delivery_receipt") is None


def test_an_item_without_materials_and_form_of_its_own_still_gets_its_notice(session, actor):
    plain = next(
        i for i in cases.items_on_offer(session) if i.accept_level == "street" and not catalogue.item(i.code).paper
    )
    case = opened(session, actor("window.clerk"), item=plain.code, materials=[])
    for material in case.materials:
        material.provided, material.sheets = True, 1
    engine.fire(case, "submit", actor("window.clerk"))
    engine.fire(case, "accept", actor("window.clerk"))
    draw_all(session)
    assert sheet(session, case, "acceptance_notice").status == "ready"


def test_a_year_without_calendar_leaves_the_date_open_but_not_the_notice(session, actor):
    """The notice promises working days; the date is not guessed where no calendar says which days are worked."""
    from sqlalchemy import delete

    from models.clock import CalendarDay

    session.execute(delete(CalendarDay))
    clock.forget_calendar()
    case = accepted(session, actor)
    notice = sheet(session, case, "acceptance_notice")
    draw_all(session)
    clock.forget_calendar()
    assert (notice.status, notice.data["promised_on"], notice.data["promised_days"], case.deadline) == (
        "ready",
        None,
        3,
        None,
    )
