"""文书模板: a paper changed by an administrator, approved by a second person; what was frozen keeps its version for ever."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from extensions import db
from models.ledger import JournalEntry
from models.paper import Paper as IssuedPaper
from models.paper_template import PaperEdition, PaperRelease
from process import engine
from process.refusals import Conflict, Forbidden, InvalidInput, NotAvailable, NotFound, Stale
from services import actions, handing_over, paper_comparison, paper_names, paper_versions, papers_out
from services.archive import dossier, retention, shelf
from services.papers import definition, own, trial
from services.papers.errors import DefinitionError
from services.papers.prepared import issuing
from tests.services import paper_folders as folders
from tests.services.fertility import FORM, WIFE, approved, certificate_of, draw_all, ticks

CARD = "fertility_registration_card"
NEEDED = ("id_card", "unemployment_certificate", "hardship_proof")


@pytest.fixture(autouse=True)
def shipped_again() -> Iterator[None]:
    with folders.shipped_again():
        yield


def marked(text: str) -> str:
    return text.replace("{{ f.agency }}", "{{ f.agency }}（新版）", 1)


def uploaded(session, actor, files, note="区里换了样式"):
    return paper_versions.upload(session, actor("admin"), folders.packed(files), note)[0]


def released(session, actor, files):
    row = uploaded(session, actor, files)
    paper_versions.approve(session, actor("catalogue.manager"), row.id)
    paper_versions.publish(session, actor("admin"), row.paper, row.id, "启用新样式")
    session.commit()
    own.refresh(session, at_once=True)
    return row


def text_of(content: bytes) -> str:
    from pypdf import PdfReader

    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).replace("\n", "")


def test_a_changed_paper_prints_what_is_frozen_from_now_on_and_the_old_keeps_its_version(session, actor):
    old, new = approved(session, actor), approved(session, actor, marriage_certificate_number="J330103-2025-009999")
    engine.fire(certificate_of(session, old), "number", actor("issuer"))
    waiting = certificate_of(session, old).paper
    row = released(session, actor, folders.changed(folders.shipped(CARD), page_html=marked))
    assert definition.load(CARD).version != waiting.paper_version
    engine.fire(certificate_of(session, new), "number", actor("issuer"))
    draw_all(session)
    fresh = certificate_of(session, new).paper
    assert "（新版）" not in text_of(papers_out.pdf(waiting)) and "（新版）" in text_of(papers_out.pdf(fresh))
    assert fresh.paper_version == definition.load(CARD).version
    # Both versions are kept with their files, the shipped one too.
    assert set(session.scalars(select(PaperEdition.version).where(PaperEdition.paper == CARD))) == {
        waiting.paper_version,
        fresh.paper_version,
    }
    for step in ("seal", "print", "issue"):
        engine.fire(
            certificate_of(session, old), step, actor("issuer"), inputs={"reason": "制发"} if step == "seal" else {}
        )
    before, code = papers_out.pdf(waiting), waiting.verify_code
    paper_versions.publish(session, actor("admin"), CARD, None, "退回原样式")
    session.commit()
    own.refresh(session, at_once=True)
    assert definition.load(CARD).version == waiting.paper_version
    assert papers_out.pdf(waiting) == before and papers_out.verify(session, code) != papers_out.UNKNOWN
    assert "（新版）" in text_of(papers_out.draw(papers_out.sheet_of(fresh)))
    assert [one.template_id for one in paper_versions.releases(session, CARD)] == [None, row.id]
    told = session.scalars(select(JournalEntry.action).where(JournalEntry.action.like("paper_template:%"))).all()
    assert told == [
        "paper_template:upload",
        "paper_template:approved",
        "paper_template:publish",
        "paper_template:publish",
    ]


def test_a_new_paper_is_issued_without_a_programmer(session, actor):
    released(session, actor, folders.new_paper())
    assert "employment_assistance" in paper_names() and "employment_assistance" in papers_out.known_papers()
    asked = {"item": "employment_assistance", "place": "dongxin", "remarks": "职业培训补贴", "applicant": dict(WIFE)}
    papers = [{"code": code, "provided": True, "original": False, "sheets": 1} for code in NEEDED]
    case = actions.create(session, actor("window.clerk"), "case", {**asked, "materials": papers})
    for step, who in (("submit", "window.clerk"), ("accept", "window.clerk")):
        engine.fire(case, step, actor(who))
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    certificate = certificate_of(session, case)
    engine.fire(certificate, "number", actor("issuer"))
    draw_all(session)
    printed = text_of(papers_out.pdf(certificate.paper)).replace(" ", "")
    assert certificate.number.startswith("JY") and certificate.number in printed
    for text in ("就业帮扶证明", WIFE["name"], "（女）", "职业培训补贴", "文晖路2幢1单元1102室"):
        assert text in printed, text
    assert certificate.valid_until is not None and certificate.valid_until > certificate.issued_on.date()


def test_another_process_takes_the_version_up_and_a_lost_folder_is_made_again(session, actor):
    import shutil

    row = released(session, actor, folders.changed(folders.shipped(), page_html=marked))
    definition.in_force = {}
    own.forget()
    own.refresh(session)
    paper = definition.load("senior_card")
    assert paper.folder.parent.name == row.digest[:40]
    # Nobody has compared this version yet: it takes the ordinary way.
    assert issuing.issuer().prepared(paper) is None
    (paper.folder / "page.html").write_text("touched")
    own.forget()
    own.refresh(session)
    assert "touched" not in (paper.folder / "page.html").read_text()
    shutil.rmtree(paper.folder.parent)
    own.forget()
    own.refresh(session)
    assert (paper.folder / "page.html").is_file()


def test_the_uploader_cannot_approve_nor_can_others(session, actor, person):
    row = uploaded(session, actor, folders.changed(folders.shipped(), page_html=marked))
    with pytest.raises(Forbidden, match="另一个人"):
        paper_versions.approve(session, actor("admin"), row.id)
    for other in ("window.clerk", "supervisor", "approver"):
        with pytest.raises(Forbidden):
            paper_versions.approve(session, actor(other), row.id)
        with pytest.raises(Forbidden):
            paper_versions.upload(session, actor(other), folders.packed(folders.shipped()), "x")
        with pytest.raises(Forbidden):
            paper_versions.publish(session, actor(other), row.paper, row.id, "x")
    with pytest.raises(NotAvailable, match="另一个人审核"):
        paper_versions.publish(session, actor("admin"), row.paper, row.id, "先用起来")
    with pytest.raises(InvalidInput, match="为什么不同意"):
        paper_versions.refuse(session, actor("catalogue.manager"), row.id, " ")
    paper_versions.refuse(session, actor("catalogue.manager"), row.id, "字太小")
    with pytest.raises(NotAvailable, match="已经有人处理"):
        paper_versions.approve(session, actor("catalogue.manager"), row.id)
    with pytest.raises(NotFound):
        paper_versions.approve(session, actor("catalogue.manager"), 999)


def test_publishing_twice_unseen_or_what_is_in_force_is_refused(session, actor):
    row = released(session, actor, folders.changed(folders.shipped(), page_html=marked))
    admin = actor("admin")
    with pytest.raises(Conflict, match="已经在使用"):
        paper_versions.publish(session, admin, row.paper, row.id, "再来一次")
    with pytest.raises(Stale, match="别人换了"):
        paper_versions.publish(session, admin, row.paper, None, "退回", seen=0)
    with pytest.raises(InvalidInput, match="为什么换版本"):
        paper_versions.publish(session, admin, row.paper, None, "")
    with pytest.raises(Conflict, match="已经上传过"):
        uploaded(session, actor, folders.changed(folders.shipped(), page_html=marked))
    with pytest.raises(Conflict, match="一模一样"):
        uploaded(session, actor, folders.shipped())
    with pytest.raises(NotAvailable, match="正在使用"):
        paper_versions.withdraw(session, admin, row.id, "不要了")
    with pytest.raises(Conflict):
        paper_versions.publish(session, admin, "visit_sheet", None, "没有别的版本")
    with pytest.raises(NotFound):
        paper_versions.publish(session, admin, "no_such_paper", None, "没有")
    with pytest.raises(NotFound):
        paper_versions.publish(session, admin, "visit_sheet", row.id, "别的文书")
    assert len(session.scalars(select(PaperRelease)).all()) == 1


def test_a_withdrawn_own_paper_is_made_no_more_but_still_known(session, actor):
    row = released(session, actor, folders.new_paper())
    paper_versions.publish(session, actor("admin"), row.paper, None, "不再出具")
    session.commit()
    own.refresh(session, at_once=True)
    assert row.paper not in paper_names() and definition.load(row.paper).title_zh == "就业帮扶证明"


def test_what_changed_is_told_field_by_field(session, actor):
    files = folders.changed(
        folders.shipped(),
        paper_yaml=lambda text: (
            text.replace("max_length: 40, source: form.name", "max_length: 60, source: form.name")
            .replace("size: A6 landscape", "size: A5 landscape")
            .replace(
                "fields:\n",
                "fields:\n  - {name: phone, label: 电话, label_en: Phone, kind: phone, source: case.applicant.phone}\n",
            )
        ),
    )
    row = uploaded(session, actor, files)
    old, new = paper_versions.paper_of(session, row.paper, None), paper_versions.paper_of(session, row.paper, row.id)
    found = {one.what: (one.old, one.new) for one in paper_comparison.differences(old, new)}
    assert found["纸张"] == ("A6 landscape", "A5 landscape")
    assert "新增字段“电话”" in found and "最长 40" in found["字段“姓名”"][0] and "最长 60" in found["字段“姓名”"][1]
    lines = paper_comparison.text_changes(
        paper_versions.files_of(session, row.paper, None), paper_versions.files_of(session, row.paper, row.id)
    )
    assert set(lines) == {"paper.yaml"} and ("+", "size: A5 landscape") in lines["paper.yaml"]


def test_the_archive_of_a_version_can_be_changed_and_uploaded_again(session, actor):
    from services.papers import folders as archives

    body = paper_versions.archive(session, "senior_card", None)
    paper_id, files = archives.read_archive(body)
    assert paper_id == "senior_card" and files == folders.shipped()


def test_texts_edited_in_the_browser_are_a_version_too(session, actor):
    page = folders.shipped()["page.html"].decode()
    row, found = paper_versions.edit(session, actor("admin"), "senior_card", {"page.html": marked(page)}, "在网页上改")
    assert row.state == "uploaded" and [one.case for one in found] == list(trial.CASES)
    with pytest.raises(DefinitionError, match="这一页改的是"):
        paper_versions.edit(
            session,
            actor("admin"),
            "senior_card",
            {"paper.yaml": folders.shipped("visit_sheet")["paper.yaml"].decode()},
            "换成别的",
        )
    with pytest.raises(InvalidInput, match="为什么改"):
        paper_versions.edit(session, actor("admin"), "senior_card", {"page.html": marked(marked(page))}, "  ")


def test_a_backup_holds_the_versions_and_what_waited_is_drawn_elsewhere(session, actor, app, tmp_path):
    import tarfile

    from services import backup

    released(session, actor, folders.changed(folders.shipped(CARD), page_html=marked))
    case = approved(session, actor)
    engine.fire(certificate_of(session, case), "number", actor("issuer"))
    waiting = certificate_of(session, case).paper.id
    paper_versions.publish(session, actor("admin"), CARD, None, "退回原样式")
    session.commit()
    backup.write(app.config["SETTINGS"], db.engine, tmp_path / "all.tar")
    with tarfile.open(tmp_path / "all.tar") as archive:
        archive.extract("daiban.db", tmp_path / "elsewhere", filter="data")
    definition.in_force = {}
    own.forget()
    elsewhere = create_engine(f"sqlite:///{tmp_path}/elsewhere/daiban.db")
    with Session(elsewhere) as other:
        own.refresh(other)
        assert definition.load(CARD).folder.parent == definition.ROOT
        sheet = papers_out.sheet_of(other.get_one(IssuedPaper, waiting))
        assert sheet.root and "（新版）" in text_of(papers_out.draw(sheet))
    elsewhere.dispose()


def test_it_is_signed_as_its_own_version_says_whatever_is_in_force_when_it_is_drawn(session, actor):
    engine.fire(certificate_of(session, approved(session, actor)), "number", actor("issuer"))
    files = folders.changed(folders.shipped(CARD), paper_yaml=lambda text: text + "\nsigned: false\n")
    released(session, actor, files)
    assert not definition.load(CARD).terms.signed
    other = approved(session, actor, marriage_certificate_number="J330103-2025-009999")
    engine.fire(certificate_of(session, other), "number", actor("issuer"))
    draw_all(session)
    before, after = session.scalars(select(IssuedPaper).where(IssuedPaper.paper == CARD).order_by(IssuedPaper.id))
    assert b"/ByteRange" in papers_out.pdf(before), "frozen with a version that is signed"
    assert b"/ByteRange" not in papers_out.pdf(after)


def test_whose_certificate_it_is_follows_from_its_own_version(session, actor):
    certificate = certificate_of(session, approved(session, actor))
    engine.fire(certificate, "number", actor("issuer"))
    numbers = handing_over.holder_numbers(certificate)
    assert FORM["husband_id_number"] in numbers
    released(
        session,
        actor,
        folders.changed(folders.shipped(CARD), paper_yaml=lambda text: text.replace("kind: id_number", "kind: text")),
    )
    assert handing_over.holder_numbers(certificate) == numbers, "the husband may still collect it"


def test_how_long_it_is_kept_follows_from_its_own_version(session, actor):
    case, later = approved(session, actor), approved(session, actor, marriage_certificate_number="J330103-2025-009998")
    engine.fire(certificate_of(session, case), "number", actor("issuer"))
    before = certificate_of(session, case).paper
    assert definition.load(CARD).terms.retention == "10y"
    released(
        session,
        actor,
        folders.changed(folders.shipped(CARD), paper_yaml=lambda text: text + "\nretention: permanent\n"),
    )
    engine.fire(certificate_of(session, later), "number", actor("issuer"))
    assert retention.of_paper(session, before) == "10y" == dossier.retention_of(session, case)
    assert retention.of_paper(session, certificate_of(session, later).paper) == "permanent"
    assert shelf._classes(session, [case.id, later.id]) == {case.id: "10y", later.id: "permanent"}
