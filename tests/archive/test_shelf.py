"""From the closed case to the archive and to its end: who may, what is refused, and that nothing goes before the receipt."""

from __future__ import annotations

import ast
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from models.archive import ArchiveEntry
from models.base import now
from models.ledger import JournalEntry
from models.paper import Document, Paper
from process import journal
from process.clock import local_day
from process.refusals import Conflict, Forbidden, InvalidInput, NotFound, RequirementUnmet
from services import files, papers_out
from services.archive import disposal, dossier, retention, shelf
from services.trust import checks
from tests.archive.files import RECEIPT, built, closed, let_it_run_out, received, work
from tests.services.fertility import accepted, certificate_of

ROOT = Path(__file__).resolve().parents[2]


def test_a_closed_case_waits_with_year_and_class_and_gets_a_number(session, actor):
    running = accepted(session, actor)
    case = closed(session, actor)
    issuer = actor("issuer")
    (one,) = shelf.pending(session, issuer)
    assert one.case is case and one.year == case.closed_at.year and one.retention in retention.CLASSES
    assert shelf.groups([one]) == [(one.unit, one.year, one.retention, 1)]
    with pytest.raises(Conflict, match="还没有办结"):
        shelf.begin(session, issuer, [running.uid])
    with pytest.raises(InvalidInput, match="请先在左边打勾"):
        shelf.begin(session, issuer, [])
    with pytest.raises(InvalidInput, match="一次最多"):
        shelf.begin(session, issuer, [f"{n:022d}" for n in range(shelf.MOST + 1)])
    (entry,) = shelf.begin(session, issuer, [case.uid])
    letters = retention.LETTERS[entry.retention]
    assert entry.number.endswith(f"·{entry.year}-{letters}-0001") and not shelf.pending(session, issuer)
    work(session)
    assert entry.status == shelf.BUILT and entry.package_sha256 == entry.package_key


def test_nobody_else_archives(session, actor):
    case = closed(session, actor)
    for username in ("window.clerk", "approver", "reviewer", "supervisor", "admin", "neighbour.clerk", "resident"):
        assert not shelf.may_archive(session, actor(username), case), username
        assert not shelf.pending(session, actor(username)), username
        with pytest.raises(NotFound):
            shelf.require(session, actor(username), case)


def test_the_dossier_is_kept_as_long_as_its_longest_paper(session):
    def kept(*papers: str) -> str:
        return retention.longest(retention.of_version(session, one, "") for one in papers)

    assert kept("handover_list") == "10y"
    assert kept("handover_list", "only_child_honour_certificate") == "permanent"
    assert kept() == "10y" and kept("no_such_paper") == "permanent"
    assert retention.keep_until(2026, "10y") == date(2036, 12, 31)
    assert retention.keep_until(2026, "30y") == date(2056, 12, 31) and retention.keep_until(2026, "permanent") is None


def test_a_paper_still_being_drawn_holds_the_archive_up(session, actor):
    case = closed(session, actor)
    paper = session.scalars(select(Paper).where(Paper.content_id == case.id, Paper.valid)).first()
    paper.status = "waiting"
    with pytest.raises(RequirementUnmet, match="还在生成"):
        shelf.begin(session, actor("issuer"), [case.uid])


def test_the_receipt_names_what_is_missing_and_keeps_out_what_cannot_be(session, actor):
    entry, issuer = built(session, actor), actor("issuer")
    today = local_day(now())
    given = {**RECEIPT, "received_on": today.isoformat()}
    with pytest.raises(InvalidInput) as refused:
        shelf.receive(session, issuer, [entry.uid], {"received_on": today.isoformat()})
    assert set(refused.value.errors) == {"number", "receiver_unit", "receiver"}
    for wrong, sentence in (
        ("", "请写回执上的接收日期"),
        ("20日", "请写回执上的接收日期"),
        ((today + timedelta(days=1)).isoformat(), "还没有到"),
        ((today - timedelta(days=9)).isoformat(), "早于"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            shelf.receive(session, issuer, [entry.uid], {**given, "received_on": wrong})
    with pytest.raises(InvalidInput, match="请勾选"):
        shelf.receive(session, issuer, [], given)
    with pytest.raises(Conflict, match="还没有生成"):
        shelf.receive(session, issuer, ["x" * 22], given)
    with pytest.raises(Conflict):
        shelf.receive(session, actor("community.clerk"), [entry.uid], given)
    material = session.scalars(select(Document).where(Document.content_id == entry.case_id)).first()
    late = files.store_document(session, entry.case, issuer, files.store().read(material.storage_key), "补.jpg")
    late.storage_key = files.store().put(b"something that came later")
    with pytest.raises(RequirementUnmet, match="又有新的文书或材料"):
        shelf.receive(session, issuer, [entry.uid], given)
    session.delete(late)
    session.flush()
    receipt = shelf.receive(session, issuer, [entry.uid], given)
    assert entry.status == shelf.RECEIVED and entry.receipt is receipt
    with pytest.raises(Conflict, match="已经登记过回执"):
        shelf.receive(session, issuer, [entry.uid], given)
    with pytest.raises(Conflict, match="不能再换"):
        shelf.begin(session, issuer, [entry.case.uid])


def test_nothing_is_deleted_before_the_receipt_nor_before_its_time(session, actor):
    case = closed(session, actor)
    today = local_day(now())
    (entry,) = shelf.begin(session, actor("issuer"), [case.uid])
    work(session)
    entry.keep_until = today - timedelta(days=1)
    with pytest.raises(RequirementUnmet, match="还没有接收回执"):
        disposal.propose(session, actor("issuer"), [entry.uid], "保管期限已满")
    shelf.receive(session, actor("issuer"), [entry.uid], {**RECEIPT, "received_on": today.isoformat()})
    entry.keep_until = today
    with pytest.raises(RequirementUnmet, match="到期以后"):
        disposal.propose(session, actor("issuer"), [entry.uid], "保管期限已满")
    entry.keep_until = None
    with pytest.raises(RequirementUnmet, match="永久"):
        disposal.propose(session, actor("issuer"), [entry.uid], "保管期限已满")
    # Not even by hand: the table itself knows the rule.
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(update(ArchiveEntry).values(status="destroyed"))


def test_one_proposes_another_agrees_the_bytes_go_and_the_journal_stays(session, actor):
    entry = received(session, actor)
    let_it_run_out(session, entry)
    issuer, approver = actor("issuer"), actor("approver")
    assert disposal.over(session, issuer) == [entry]
    with pytest.raises(InvalidInput, match="销毁理由"):
        disposal.propose(session, issuer, [entry.uid], "")
    with pytest.raises(InvalidInput, match="请勾选"):
        disposal.propose(session, issuer, [], "保管期限已满")
    one = disposal.propose(session, issuer, [entry.uid], "保管期限已满，经鉴定无继续保存价值")
    with pytest.raises(Conflict, match="已在一份销毁清册里"):
        disposal.propose(session, issuer, [entry.uid], "保管期限已满")
    with pytest.raises(Forbidden, match="另一个人"):
        disposal.decide(session, issuer, one.uid, agree=True)
    with pytest.raises(NotFound):
        disposal.decide(session, actor("supervisor"), one.uid, agree=True)
    with pytest.raises(InvalidInput, match="不同意的原因"):
        disposal.decide(session, approver, one.uid, agree=False)
    card = certificate_of(session, entry.case).paper
    before = checks.answer(session, card.verify_code)[0]
    stored = [*entry.files, entry.package_key]
    assert all(files.store().exists(key) for key in stored)
    rows = journal.verify(session)[0]
    disposal.decide(session, approver, one.uid, agree=True, words="同意")
    with pytest.raises(Conflict, match="已有人答复"):
        disposal.decide(session, approver, one.uid, agree=True)
    assert all(files.store().exists(key) for key in stored), "only the worker takes them away, after the commit"
    work(session)
    assert not any(files.store().exists(key) for key in stored)
    assert (entry.status, one.status, disposal.destroy(session, one.id)) == (shelf.DESTROYED, "done", 0)
    papers = dossier.papers_of(session, [thing.id for thing in dossier.things(session, entry.case)])
    assert papers and all(set(paper.data) <= {"agency", "valid_until"} and paper.sha256 for paper in papers)
    assert checks.answer(session, card.verify_code)[0] == before and before.state == checks.VALID
    with pytest.raises(FileNotFoundError):
        papers_out.pdf(papers[0])
    after, finding = journal.verify(session)
    assert finding is None and after > rows
    actions = set(session.scalars(select(JournalEntry.action).where(JournalEntry.content_id == entry.case_id)))
    assert {
        "archive:begin",
        "archive:build",
        "archive:receipt",
        "archive:propose",
        "archive:agree",
        "archive:destroy",
    } <= actions


def test_a_no_lets_the_dossier_be(session, actor):
    entry = received(session, actor)
    let_it_run_out(session, entry)
    one = disposal.propose(session, actor("issuer"), [entry.uid], "保管期限已满")
    disposal.decide(session, actor("approver"), one.uid, agree=False, words="还有诉讼，继续保管")
    work(session)
    assert entry.disposal_id is None and all(files.store().exists(key) for key in entry.files)
    assert disposal.over(session, actor("issuer")) == [entry]


def test_bytes_that_another_case_holds_as_well_stay(session, actor):
    entry = received(session, actor, shade=200)
    other = closed(session, actor, shade=200)
    shared = set(entry.files) & set(dossier.keys(session, other))
    assert shared, "the same photo was brought to both"
    let_it_run_out(session, entry)
    one = disposal.propose(session, actor("issuer"), [entry.uid], "保管期限已满")
    disposal.decide(session, actor("approver"), one.uid, agree=True)
    work(session)
    assert all(files.store().exists(key) for key in shared)
    assert not any(files.store().exists(key) for key in set(entry.files) - shared)


def test_only_the_archive_takes_stored_bytes_of_a_dossier_away():
    """Exports, imports and the print desk remove files of their own; nobody else may delete, and nobody sweeps behind the archive's back."""
    allowed = {"services/exports.py", "services/imports/runs.py", "services/batches.py", "services/archive/disposal.py"}
    found = set()
    for part in ("services", "jobs", "blueprints", "process", "cli"):
        for path in (ROOT / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("remove", "sweep")
                    and isinstance(node.func.value, ast.Call)
                    and getattr(node.func.value.func, "attr", getattr(node.func.value.func, "id", "")) == "store"
                ):
                    found.add(path.relative_to(ROOT).as_posix())
    assert found == allowed
