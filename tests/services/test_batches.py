"""批量制证, 批量打印: one press for many; what stops in the middle goes on, nothing is numbered or printed twice."""

from __future__ import annotations

import io
from datetime import timedelta

import pikepdf
import pytest
from sqlalchemy import func, select

from jobs import relay, worker
from jobs.handlers import HANDLERS
from models.base import now
from models.ledger import Counter, JournalEntry, OutboxItem
from models.paper import Certificate, Paper
from models.print_batch import PrintLine
from models.print_record import PrintRecord
from process import engine
from process.refusals import Conflict, InvalidInput, NotFound
from services import batch_work, batches, files, papers_out, print_desk
from services.batches import DONE, FAILED, WAITING
from services.papers import fonts
from services.papers.text import codepoint
from tests.services.fertility import approved, certificate_of

# A character of a late extension that no face of ours has; which ones these are changes with the faces.
UNPRINTABLE = next(chr(point) for point in range(0x323AF, 0x31350, -1) if not fonts.has_glyph(chr(point)))


def work(session, limit: int = 200) -> list[str]:
    """The worker's day: every batch row that is due, until nothing of a batch is left."""
    told = []
    for _ in range(limit):
        item = session.scalar(
            select(OutboxItem.id)
            .where(OutboxItem.job.startswith("batch."), OutboxItem.status == "waiting")
            .order_by(OutboxItem.id)
            .limit(1)
        )
        session.rollback()
        if item is None:
            return told
        told.append(worker.do(session, item))
    raise AssertionError("the batch does not come to an end")


def several(session, actor, count: int, **changes) -> list[Certificate]:
    made = [
        certificate_of(session, approved(session, actor, marriage_certificate_number=f"J-{n}", **changes))
        for n in range(count)
    ]
    session.commit()
    return made


def uids(certificates) -> list[str]:
    return [one.uid for one in certificates]


@pytest.mark.req("S0-34")
def test_many_are_numbered_sealed_and_drawn_by_one_press(session, actor, monkeypatch):
    monkeypatch.setattr(batches, "SLICE", 2)
    chosen = several(session, actor, 3)
    batch = batches.start_make(session, actor("issuer"), uids(chosen), "第三季度集中制发")
    uid = batch.uid
    session.commit()
    assert print_desk.queue(session, actor("issuer"), "make") == [], "what is in hand waits no longer"
    assert set(work(session)) == {"done"}
    batch = batches.load(session, actor("issuer"), uid)
    assert (batch.status, batch.total, batch.done, batch.failed) == ("done", 3, 3, 0)
    session.expire_all()
    assert [one.state for one in chosen] == ["sealed"] * 3
    assert [one.number[-5:] for one in chosen] == ["00001", "00002", "00003"]
    assert {one.paper.status for one in chosen} == {"ready"}
    assert session.scalar(select(func.count()).where(JournalEntry.action == "seal:use")) == 3
    assert (
        session.scalar(
            select(func.count()).where(
                OutboxItem.job == "papers.render", OutboxItem.args["paper_id"].as_integer() == chosen[0].paper_id
            )
        )
        == 0
    ), "the batch draws what it has frozen"


def test_one_that_cannot_be_made_says_why_and_holds_up_nobody(session, actor):
    good = several(session, actor, 1)[0]
    bad = certificate_of(session, approved(session, actor, husband_name=f"王{UNPRINTABLE}"))
    last = certificate_of(session, approved(session, actor, marriage_certificate_number="J-9"))
    session.commit()
    uid = batches.start_make(session, actor("issuer"), uids([good, bad, last])).uid
    session.commit()
    work(session)
    batch = batches.load(session, actor("issuer"), uid)
    assert (batch.status, batch.done, batch.failed) == ("done", 2, 1)
    first = batches.lines(session, batch)[0]
    assert first.status == FAILED and codepoint(UNPRINTABLE) in first.problem, "the first that failed is on top"
    session.expire_all()
    assert (bad.state, bad.number, last.number[-5:]) == ("drafted", None, "00002"), "no number was spent on it"
    assert session.scalar(select(Counter.value).where(Counter.series == "SY")) == 2
    bad.case.fields = {**bad.case.fields, "husband_name": "王小明"}
    session.commit()
    assert batches.again(session, actor("issuer"), batch) == 1
    session.commit()
    work(session)
    session.expire_all()
    assert (bad.state, bad.number[-5:]) == ("sealed", "00003")


def test_a_slice_that_is_done_twice_or_died_changes_nothing(session, actor, monkeypatch):
    monkeypatch.setattr(batches, "SLICE", 2)
    chosen = several(session, actor, 4)
    uid = batches.start_make(session, actor("issuer"), uids(chosen)).uid
    session.commit()
    number = HANDLERS[batches.NUMBER]
    batch_id = batches.load(session, actor("issuer"), uid).id
    # Killed before its commit: nothing stays, not even the numbers.
    number(session, {"batch_id": batch_id, "first": 1, "last": 2})
    session.rollback()
    assert session.scalar(select(Counter.value).where(Counter.series == "SY")) is None
    work(session)
    for job, first, last in ((batches.NUMBER, 1, 2), (batches.DRAW, 1, 2), (batches.DRAW, 3, 4)):
        HANDLERS[job](session, {"batch_id": batch_id, "first": first, "last": last})
        session.commit()
    session.expire_all()
    assert sorted(one.number[-5:] for one in chosen) == ["00001", "00002", "00003", "00004"]
    assert (
        session.scalar(select(func.count()).select_from(Paper).where(Paper.paper == "fertility_registration_card")) == 4
    )
    assert batches.load(session, actor("issuer"), uid).done == 4


def test_a_drawing_killed_from_outside_fails_nothing_of_the_batch(session, actor, monkeypatch):
    from services import papers_out
    from services.papers.errors import RenderInterrupted

    chosen = several(session, actor, 2)
    uid = batches.start_make(session, actor("issuer"), uids(chosen)).uid
    session.commit()
    draw, kills = papers_out.draw, [1, 2]

    def killed_twice(sheet):
        if kills:
            kills.pop()
            raise RenderInterrupted
        return draw(sheet)

    monkeypatch.setattr(papers_out, "draw", killed_twice)
    assert work(session).count("lost") == 2
    batch = batches.load(session, actor("issuer"), uid)
    assert (batch.status, batch.done, batch.failed) == ("done", 2, 0)


def test_a_drawing_that_failed_is_drawn_again_with_its_number(session, actor, monkeypatch):
    from services import papers_out
    from services.papers.errors import RenderFailed

    chosen = several(session, actor, 1)
    uid = batches.start_make(session, actor("issuer"), uids(chosen)).uid
    session.commit()

    def broken(sheet):
        raise RenderFailed("排版用时过长", "请重试")

    with monkeypatch.context() as patched:
        patched.setattr(papers_out, "draw", broken)
        work(session)
    batch = batches.load(session, actor("issuer"), uid)
    assert batch.failed == 1 and "没有生成" in batches.lines(session, batch)[0].problem
    number = chosen[0].number
    batches.again(session, actor("issuer"), batch)
    session.commit()
    work(session)
    session.expire_all()
    assert (chosen[0].number, chosen[0].paper.status) == (number, "ready")
    assert batches.load(session, actor("issuer"), uid).done == 1


def made(session, actor, count: int) -> list[Certificate]:
    chosen = several(session, actor, count)
    batches.start_make(session, actor("issuer"), uids(chosen))
    session.commit()
    work(session)
    session.expire_all()
    return chosen


def test_a_batch_is_printed_as_one_file_with_a_row_for_each(session, actor, monkeypatch):
    monkeypatch.setattr(batch_work, "PRINT_SLICE", 2)
    chosen = made(session, actor, 3)
    uid = batches.start_print(session, actor("issuer"), uids(chosen), {"copies": "2"}).uid
    session.commit()
    assert set(work(session)) == {"done"}
    batch = batches.load(session, actor("issuer"), uid)
    assert (batch.status, batch.done, len(batch.parts)) == ("done", 3, 2)
    with pikepdf.open(io.BytesIO(files.store().read(batch.storage_key))) as document:
        assert len(document.pages) == batch.pages == 2 * sum(line.pages for line in batches.lines(session, batch))
    session.expire_all()
    assert {one.state for one in chosen} == {"printed"} and {one.paper.prints for one in chosen} == {1}
    rows = session.scalars(select(PrintRecord).order_by(PrintRecord.id)).all()
    assert [(row.content_id, row.copies, row.again, row.batch_id) for row in rows] == [
        (one.id, 2, False, batch.id) for one in chosen
    ]


def test_a_killed_print_goes_on_where_it_stopped(session, actor, monkeypatch):
    monkeypatch.setattr(batch_work, "PRINT_SLICE", 1)
    chosen = made(session, actor, 3)
    batch = batches.start_print(session, actor("issuer"), uids(chosen), {})
    uid, batch_id = batch.uid, batch.id
    session.commit()
    run = HANDLERS[batches.PRINT]
    run(session, {"batch_id": batch_id})
    session.commit()
    # The second piece dies before its commit.
    run(session, {"batch_id": batch_id})
    session.rollback()
    assert session.scalar(select(func.count()).select_from(PrintRecord)) == 1
    work(session)
    batch = batches.load(session, actor("issuer"), uid)
    assert (batch.status, batch.done, len(batch.parts)) == ("done", 3, 3)
    assert session.scalar(select(func.count()).select_from(PrintRecord)) == 3
    assert session.scalar(select(func.max(Paper.prints))) == 1
    run(session, {"batch_id": batch_id})
    session.commit()
    assert session.scalar(select(func.count()).select_from(PrintRecord)) == 3


def test_two_who_take_the_same_certificates_do_not_both_get_them(session, actor):
    chosen = made(session, actor, 2)
    batches.start_print(session, actor("issuer"), uids(chosen), {})
    session.commit()
    with pytest.raises(Conflict, match="刷新"):
        batches.start_print(session, actor("issuer"), uids(chosen[:1]), {})
    work(session)
    with pytest.raises(Conflict):
        batches.start_print(session, actor("issuer"), uids(chosen[:1]), {})


def test_what_was_printed_meanwhile_is_not_in_the_file(session, actor):
    chosen = made(session, actor, 2)
    uid = batches.start_print(session, actor("issuer"), uids(chosen), {}).uid
    engine.fire(chosen[0], "print", actor("issuer"))
    session.commit()
    work(session)
    batch = batches.load(session, actor("issuer"), uid)
    assert (batch.done, batch.failed) == (1, 1)
    assert "已打印" in batches.lines(session, batch)[0].problem
    with pikepdf.open(io.BytesIO(files.store().read(batch.storage_key))) as document:
        assert len(document.pages) == batches.lines(session, batch)[1].pages


def test_who_may_not_issue_makes_and_sees_no_batch(session, actor):
    chosen = several(session, actor, 1)
    for other in ("window.clerk", "approver", "neighbour.clerk", "courier", "resident"):
        with pytest.raises((Conflict, InvalidInput)):
            batches.start_make(session, actor(other), uids(chosen))
    uid = batches.start_make(session, actor("issuer"), uids(chosen)).uid
    session.commit()
    for other in ("neighbour.clerk", "courier", "resident", "window.clerk"):
        with pytest.raises(NotFound):
            batches.load(session, actor(other), uid)


@pytest.mark.parametrize("given", [[], ["x" * 22], ["'; drop table"], None])
def test_nothing_or_nonsense_chosen(session, actor, given):
    with pytest.raises((InvalidInput, Conflict)):
        batches.start_make(session, actor("issuer"), given or [])


@pytest.mark.parametrize("copies", ["-1", "0", "10", "x", "1.5"])
def test_copies_that_no_printer_makes(session, actor, copies):
    chosen = made(session, actor, 1)
    with pytest.raises(InvalidInput, match="份数"):
        batches.start_print(session, actor("issuer"), uids(chosen), {"copies": copies})
    assert session.scalar(select(func.count()).where(PrintLine.status == WAITING)) == 0
    assert session.scalar(select(func.count()).where(PrintLine.status == DONE)) == 1


def test_the_file_for_the_printer_goes_after_a_week_and_the_originals_stay(session, actor, client_as):
    chosen = several(session, actor, 2)
    batches.start_make(session, actor("issuer"), uids(chosen))
    session.commit()
    work(session)
    batch = batches.start_print(session, actor("issuer"), uids(chosen), {})
    session.commit()
    work(session)
    session.expire_all()
    kept = {batch.storage_key, *(part["key"] for part in batch.parts)}
    assert batches.sweep(session) == 0 and all(files.store().exists(key) for key in kept)
    batch.finished_at = now() - batches.FILE_KEPT - timedelta(hours=1)
    session.commit()
    relay.sweep(session)
    session.expire_all()
    assert not any(files.store().exists(key) for key in kept) and batch.sha256 in kept
    page = client_as("issuer").get(f"/print/batches/{batch.uid}")
    assert "已经清除" in page.text and "打开打印文件" not in page.text and "失败的再试一次" not in page.text
    gone = client_as("issuer").get(f"/print/batches/{batch.uid}/file.pdf")
    assert gone.status_code == 404 and "不再保存" in gone.text
    for one in chosen:
        session.refresh(one)
        assert papers_out.pdf(one.paper).startswith(b"%PDF") and one.paper.prints == 1
    with pytest.raises(Conflict):
        batches.again(session, actor("issuer"), batch)
    assert batches.sweep(session) == 0
