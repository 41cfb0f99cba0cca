"""What the worker does with a batch: short slices, each whole or not at all; a slice done twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from models.base import now
from models.paper import Certificate, Paper
from models.print_batch import PrintBatch, PrintLine
from process import access, clock, engine, outbox, transactions
from process.access import Actor, load_actor
from process.refusals import Forbidden, Refusal
from services import batches, blanks, files, papers_out, print_files, print_records
from services.batches import DONE, DRAWING, FAILED, PRINT_SLICE, WAITING
from services.papers_out import Sheet
from services.print_records import Printing

AGAIN = "可在这一批里点“失败的再试一次”。"


def _actor(session: Session, batch: PrintBatch) -> Actor:
    """Whoever pressed the button, with the rights of today: a post that ended meanwhile makes nothing more."""
    return load_actor(session, batch.person_id, clock.local_day(now()))


# --- Number and seal


def number_slice(session: Session, batch_id: int, first: int, last: int) -> None:
    """Numbers and seals some lines in one short transaction; the drawing is the next job."""
    lines = list(
        session.scalars(
            select(PrintLine)
            .where(
                PrintLine.batch_id == batch_id,
                PrintLine.position.between(first, last),
                PrintLine.status == WAITING,
            )
            .options(joinedload(PrintLine.certificate).joinedload(Certificate.case))
            .order_by(PrintLine.position)
            # A worker whose lease ran out may still be at it: the second waits and then finds nothing to do.
            .with_for_update(of=PrintLine)
        )
    )
    if not lines:
        return
    batch = session.get_one(PrintBatch, batch_id)
    actor = _actor(session, batch)
    with papers_out.drawn_together():
        for line in lines:
            try:
                # What cannot be made gives its number back and holds up nobody.
                with session.begin_nested():
                    _make(session, line.certificate, actor, batch)
            except Refusal as refusal:
                line.status, line.problem = FAILED, refusal.detail[:500]
            else:
                line.status = DRAWING
    session.flush()
    if any(line.status == DRAWING for line in lines):
        outbox.put(session, batches.DRAW, district=batch.district, batch_id=batch_id, first=first, last=last)
    if any(line.status == FAILED for line in lines):
        batches.tally(session, batch_id)


def _make(session: Session, certificate: Certificate, actor: Actor, batch: PrintBatch) -> None:
    paper = certificate.paper
    if certificate.state == "sealed" and paper is not None and paper.status == papers_out.FAILED:
        # Numbered and sealed before; only its file is missing, and the data are frozen.
        if not access.may(actor, "print", certificate, session):
            raise Forbidden("这张证照不由您打印，请找发证的窗口。")
        paper.status, paper.error = papers_out.WAITING, None
        return
    if certificate.state == "drafted":
        engine.fire(certificate, "number", actor)
    engine.fire(certificate, "seal", actor, inputs={"reason": batch.reason} if batch.reason else {})


# --- Draw


@dataclass(frozen=True)
class _Due:
    position: int
    paper_id: int
    sheet: Sheet


def draw_slice(session: Session, batch_id: int, first: int, last: int) -> None:
    """Draws what was numbered, before the writing begins, and keeps it all in one transaction."""
    from services.papers.errors import PaperError

    session.rollback()
    with transactions.reading():
        found = session.execute(
            select(PrintLine.position, Paper)
            .join(Certificate, Certificate.id == PrintLine.certificate_id)
            .join(Paper, Paper.id == Certificate.paper_id)
            .where(
                PrintLine.batch_id == batch_id,
                PrintLine.position.between(first, last),
                PrintLine.status == DRAWING,
            )
            .order_by(PrintLine.position)
        ).all()
        due = [_Due(position, paper.id, papers_out.sheet_of(paper)) for position, paper in found]
        session.rollback()
    drawn: dict[int, bytes | str] = {}
    for one in due:
        try:
            drawn[one.paper_id] = papers_out.draw(one.sheet)
        except PaperError as refusal:
            drawn[one.paper_id] = str(getattr(refusal, "detail", "") or refusal)
    done, failed = [], {}
    for one in due:
        paper = session.get(Paper, one.paper_id, with_for_update=True, populate_existing=True)
        made = drawn[one.paper_id]
        if paper is not None and paper.status != papers_out.READY:
            if isinstance(made, bytes):
                papers_out.keep_or_wait(session, paper, made)
            else:
                papers_out.give_up(session, paper.id, made)
                failed[one.position] = made
                continue
        done.append(one.position)
    _settle(session, batch_id, done, failed)


def _settle(session: Session, batch_id: int, done: Sequence[int], failed: dict[int, str]) -> None:
    session.execute(
        update(PrintLine)
        .where(PrintLine.batch_id == batch_id, PrintLine.position.in_(done), PrintLine.status == DRAWING)
        .values(status=DONE)
    )
    for position, why in failed.items():
        session.execute(
            update(PrintLine)
            .where(PrintLine.batch_id == batch_id, PrintLine.position == position)
            .values(status=FAILED, problem=f"已编号，文件没有生成：{why}"[:500])
        )
    batches.tally(session, batch_id)


# --- Print


def print_slice(session: Session, batch_id: int) -> None:
    """The next piece of the file for the printer, with a row of the history for each; the last call joins the pieces."""
    session.rollback()
    with transactions.reading():
        batch = session.get(PrintBatch, batch_id)
        if batch is None or batch.status != "running":
            session.rollback()
            return
        begun, profile, copies, fields_only = (
            len(batch.parts),
            batches.profile_of(batch),
            batch.copies,
            batch.fields_only,
        )
        parts = [str(part["key"]) for part in batch.parts]
        lines = session.execute(
            select(PrintLine.position, Paper)
            .join(Certificate, Certificate.id == PrintLine.certificate_id)
            .join(Paper, Paper.id == Certificate.paper_id)
            .where(PrintLine.batch_id == batch_id, PrintLine.status == WAITING)
            .order_by(PrintLine.position)
            .limit(PRINT_SLICE)
        ).all()
        due = [(position, paper.storage_key, papers_out.sheet_of(paper)) for position, paper in lines]
        session.rollback()
    if not due:
        _join(session, batch_id, parts)
        return
    read = {position: _bytes(key, sheet, fields_only) for position, key, sheet in due}
    batch = session.get_one(PrintBatch, batch_id, with_for_update=True, populate_existing=True)
    if batch.status != "running" or len(batch.parts) != begun:
        # Somebody else has done this piece meanwhile.
        return
    printed = _count(session, batch, read)
    if printed:
        contents = [made for line in printed if isinstance(made := read[line.position], bytes)]
        piece = print_files.merged(contents, profile, copies)
        for line, pages in zip(printed, piece.pages, strict=True):
            line.pages = pages
        batch.parts = [
            *batch.parts,
            {"key": files.store().put(piece.content, "application/pdf"), "papers": len(printed)},
        ]
    batches.tally(session, batch_id)
    outbox.put(session, batches.PRINT, district=batch.district, batch_id=batch_id)


def _bytes(key: str | None, sheet: Sheet, fields_only: bool) -> bytes | str:
    """The stored bytes; or, for pre-printed stock, the fields of the same frozen data. A sentence when there are none."""
    from services.papers.errors import PaperError

    if key is None:
        return f"文件还没有生成。{AGAIN}"
    if not fields_only:
        return files.store().read(key)
    try:
        return papers_out.fields_only(sheet)
    except PaperError as refusal:
        return str(getattr(refusal, "detail", "") or refusal)


def _count(session: Session, batch: PrintBatch, read: dict[int, bytes | str]) -> list[PrintLine]:
    """One print for each, through the one door where the step is due; those that were refused are not in the file."""
    actor = _actor(session, batch)
    printer = batch.printer.name if batch.printer is not None else ""
    printed, used = [], []
    lines = session.scalars(
        select(PrintLine)
        .where(PrintLine.batch_id == batch.id, PrintLine.position.in_(list(read)), PrintLine.status == WAITING)
        .options(joinedload(PrintLine.certificate).joinedload(Certificate.paper))
        .order_by(PrintLine.position)
    ).all()
    for line in lines:
        made = read[line.position]
        if isinstance(made, str):
            line.status, line.problem = FAILED, made[:500]
            continue
        try:
            with session.begin_nested():
                _print(session, batch, line, actor, printer)
        except Refusal as refusal:
            line.status, line.problem = FAILED, refusal.detail[:500]
            continue
        line.status = DONE
        printed.append(line)
        if line.blank is not None:
            used.append(line.blank)
    session.flush()
    if used:
        blanks.note_used(session, actor, batch, used)
    return printed


def _print(session: Session, batch: PrintBatch, line: PrintLine, actor: Actor, printer: str) -> None:
    certificate, paper = line.certificate, line.certificate.paper
    assert paper is not None, "only certificates with a paper wait to be printed"
    session.refresh(paper, ["prints", "valid"], with_for_update=True)
    if paper.prints:
        raise print_records.already_printed(session, paper)
    if batch.blank_kind:
        line.blank = blanks.take(session, actor, certificate, batch.unit_path, batch.blank_kind, batch.first_serial)
        session.flush()
    what = Printing(batch, printer, batch.copies, batch.fields_only, line.blank)
    if certificate.state == "sealed":
        with print_records.printing(what):
            engine.fire(certificate, "print", actor)
    else:
        print_records.first_print(session, certificate, actor, what)


def _join(session: Session, batch_id: int, parts: Sequence[str]) -> None:
    """All pieces as the one file; a batch of which nothing could be printed has none."""
    piece = print_files.joined(files.store().read(key) for key in parts) if parts else None
    key = files.store().put(piece.content, "application/pdf") if piece is not None else None
    batch = session.get_one(PrintBatch, batch_id, with_for_update=True, populate_existing=True)
    if batch.status != "running" or len(batch.parts) != len(parts):
        return
    if piece is not None:
        batch.storage_key, batch.sha256, batch.pages = key, key, sum(piece.pages)
    batches.finish(batch)
    session.flush()
