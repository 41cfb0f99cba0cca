"""The print desk and papers: what waits, who may open a PDF, and that each print is written down."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from extensions import db
from models.ledger import JournalEntry
from models.paper import Paper
from models.print_record import PrintRecord
from process import engine
from tests.services.fertility import accepted, approved, certificate_of, draw_all, sheet


def printed_count(app: Flask, uid: str) -> tuple[int, int]:
    with app.app_context():
        paper = db.session.scalars(select(Paper).where(Paper.uid == uid)).one()
        rows = db.session.scalars(select(PrintRecord.id).where(PrintRecord.paper_id == paper.id)).all()
        told = db.session.scalars(
            select(JournalEntry.id).where(
                JournalEntry.content_id == paper.content_id,
                JournalEntry.action.in_(("paper:print", "certificate:print")),
            )
        ).all()
        assert len(told) == len(rows)
        return paper.prints, len(rows)


@pytest.fixture
def notice(session: Session, actor) -> str:
    """An acceptance notice that has been drawn."""
    case = accepted(session, actor)
    draw_all(session)
    uid = sheet(session, case, "acceptance_notice").uid
    session.commit()
    return uid


def test_looking_counts_nothing_and_printing_is_journalled(app, notice, client_as):
    clerk = client_as("window.clerk")
    answer = clerk.get(f"/papers/{notice}.pdf")
    assert answer.mimetype == "application/pdf" and answer.data.startswith(b"%PDF-")
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert printed_count(app, notice) == (0, 0)
    assert clerk.post(f"/papers/{notice}/print").headers["Location"].endswith(f"/papers/{notice}.pdf")
    assert printed_count(app, notice) == (1, 1)
    assert clerk.get(f"/papers/{notice}/print").status_code == 405


def test_a_paper_of_somebody_elses_case_does_not_exist(app, notice, client_as):
    for username in ("neighbour.clerk", "courier", "admin"):
        assert client_as(username).get(f"/papers/{notice}.pdf").status_code == 404, username
        assert client_as(username).post(f"/papers/{notice}/print").status_code == 404, username
    # Supervisors see that the case exists, not what stands on its papers.
    assert client_as("supervisor").get(f"/papers/{notice}.pdf").status_code == 404
    assert client_as("resident").get(f"/papers/{notice}.pdf").status_code == 200
    assert app.test_client().get(f"/papers/{notice}.pdf").status_code == 303
    assert client_as("window.clerk").get("/papers/nosuchpaper.pdf").status_code == 404


def test_a_waiting_paper_says_so_and_a_failed_one_why(app, session, actor, client_as):
    case = accepted(session, actor)
    paper = sheet(session, case, "acceptance_notice")
    uid = paper.uid
    session.commit()
    clerk = client_as("window.clerk")
    waiting = clerk.get(f"/papers/{uid}.pdf")
    assert waiting.status_code == 202 and "正在生成" in waiting.text and waiting.headers["Refresh"] == "3"
    assert clerk.post(f"/papers/{uid}/print").status_code == 422
    paper.status, paper.error = "failed", "地址里的“𰻝”没有字形，请改用常用字。"
    session.commit()
    failed = clerk.get(f"/papers/{uid}.pdf")
    assert failed.status_code == 422 and "没有字形" in failed.text
    assert "没有字形" in clerk.get("/certificates").text
    assert clerk.post(f"/papers/{uid}/redraw").status_code == 303
    assert clerk.get(f"/papers/{uid}.pdf").status_code == 202


def test_the_desk_walks_a_certificate_from_draft_to_print(app, session, actor, client_as):
    case = approved(session, actor)
    certificate = certificate_of(session, case)
    uid = certificate.uid
    session.commit()
    issuer = client_as("issuer")
    page = issuer.get("/certificates").text
    assert "还没有编号" in page and f"/c/{uid}/do/number" in page and "林*、阿*" in page and "林若琳" not in page
    draft = issuer.get(f"/c/{uid}/draft/fertility_registration_card.pdf")
    assert draft.mimetype == "application/pdf" and draft.data.startswith(b"%PDF-")
    assert client_as("neighbour.clerk").get(f"/c/{uid}/draft/fertility_registration_card.pdf").status_code == 404
    assert issuer.get(f"/c/{uid}/draft/none.pdf").status_code == 404
    assert issuer.post(f"/c/{uid}/do/number").status_code == 303
    page = issuer.get("/certificates").text
    assert "生成中" in page and "SYDX" in page
    session.expire_all()
    engine.fire(certificate, "seal", actor("issuer"))
    draw_all(session)
    session.commit()
    assert "可打印" in issuer.get("/certificates").text
    paper = certificate.paper.uid
    assert issuer.post(f"/papers/{paper}/print").status_code == 303
    assert printed_count(app, paper) == (1, 1)
    again = issuer.post(f"/papers/{paper}/print")
    assert again.headers["Location"].endswith("/do/reprint")
    assert printed_count(app, paper) == (1, 1)


def test_an_unsealed_certificate_is_not_printed(app, session, actor, client_as):
    certificate = certificate_of(session, approved(session, actor))
    engine.fire(certificate, "number", actor("issuer"))
    draw_all(session)
    paper = certificate.paper.uid
    session.commit()
    refused = client_as("issuer").post(f"/papers/{paper}/print")
    assert refused.status_code == 422 and "用印" in refused.text
    # The resident sees the certificate only once it was issued.
    assert client_as("resident").get(f"/papers/{paper}.pdf").status_code == 404


def test_who_may_print_a_paper_is_what_its_folder_says(app, session, notice, client_as):
    # The process lets all staff of the case print; this paper is the window's.
    answer = client_as("issuer").post(f"/papers/{notice}/print")
    assert answer.status_code == 403 and "不由您打印" in answer.text and "窗口" in answer.text
    session.rollback()
    assert printed_count(app, notice) == (0, 0)
