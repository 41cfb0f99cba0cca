"""批量制证, 批量打印: one press for hundreds; what was begun goes on by itself, and each line says what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.blank import Blank
from models.paper import Certificate
from models.print_batch import PrintBatch, PrintLine
from process import journal, outbox
from process.access import Actor
from process.refusals import Conflict, InvalidInput, NotFound, RequirementUnmet
from services import blanks, files, papers_out, print_desk, print_records, printers
from services.print_files import Profile

NUMBER, DRAW, PRINT = "batch.number", "batch.draw", "batch.print"
MAKE_KIND, PRINT_KIND = "make", "print"
WAITING, DRAWING, DONE, FAILED, SPOILED = "waiting", "drawing", "done", "failed", "spoiled"
# Numbers are drawn in short transactions, because the counter is locked as long as one lasts.
SLICE = 25
PRINT_SLICE = 40
MOST = print_desk.MOST
# The file for the printer is made of stored originals; once it was printed it is only another copy of everybody's data.
FILE_KEPT = timedelta(days=7)
SWEPT = 50


def start_make(session: Session, actor: Actor, uids: Sequence[str], reason: Any = "") -> PrintBatch:
    """Numbers, seals and draws all of these; what cannot be made says why and holds up nobody."""
    why = print_desk.reason(reason, "用印事由") if str(reason or "").strip() else ""
    chosen = _chosen(session, actor, uids, "make")
    return _start(session, actor, MAKE_KIND, chosen, PrintBatch(reason=why))


def start_print(session: Session, actor: Actor, uids: Sequence[str], data: Mapping[str, Any]) -> PrintBatch:
    """One file for the printer out of all of these, and one row of the print history for each."""
    chosen = _chosen(session, actor, uids, "print")
    printer = printers.load(session, actor, str(data["printer"])) if data.get("printer") else None
    if printer is not None and not printer.active:
        raise InvalidInput("这台打印机已停用，请另选一台。", {"printer": "已停用"})
    copies = print_records.copies_of(data.get("copies"))
    batch = PrintBatch(
        printer_id=printer.id if printer else None,
        profile=dict(vars(printers.profile(printer))),
        copies=copies,
        fields_only=data.get("fields_only") in ("1", "on", True),
    )
    if batch.fields_only:
        _onto_stock(session, batch, chosen, str(data.get("first_serial") or ""), copies)
    return _start(session, actor, PRINT_KIND, chosen, batch)


def _onto_stock(session: Session, batch: PrintBatch, chosen: Sequence[Certificate], first: str, copies: int) -> None:
    from services.papers.definition import load

    stocks = {(t.stock if (t := load(one.paper_kind).terms.overprint) else "") for one in chosen}
    if "" in stocks or len(stocks) != 1:
        raise InvalidInput(
            "套打一次只能选同一种有空白证件的证照。请按种类筛选后再选，或者改为整页打印。",
            {"fields_only": "只能选同一种有空白证件的证照"},
        )
    if copies != 1:
        raise InvalidInput("套打每张证照只用一张空白证件，份数只能是1。", {"copies": "套打只能是1份"})
    kind, unit = stocks.pop(), chosen[0].place
    serial = blanks.serials(first, first)[0]
    have = blanks.available(session, unit.district, unit.path, kind, serial)
    if have < len(chosen):
        raise RequirementUnmet(
            f"要打 {len(chosen)} 张，{unit.name}从 {serial} 起的空白证件只有 {have} 张。请先在“空白证件”登记领入，或少选一些。",
            {"first_serial": f"从这个号起只有 {have} 张"},
        )
    batch.blank_kind, batch.first_serial = kind, serial


def _chosen(session: Session, actor: Actor, uids: Sequence[str], show: str) -> list[Certificate]:
    """The chosen ones that still wait at one unit of this person; anything else is named, not silently dropped."""
    wanted = list(dict.fromkeys(uid for uid in uids if isinstance(uid, str) and len(uid) <= 22))
    if not wanted:
        raise InvalidInput("还没有选证照。请先在左边打勾。", {"uid": "请先打勾"})
    if len(wanted) > MOST:
        raise InvalidInput(f"一次最多 {MOST} 张，现在选了 {len(wanted)} 张，请分几批。", {"uid": "太多"})
    found: list[Certificate] = []
    for begin in range(0, len(wanted), 400):
        part = wanted[begin : begin + 400]
        statement = print_desk.waiting(actor, show).where(Certificate.uid.in_(part))
        found += session.scalars(statement.options(joinedload(Certificate.place))).unique()
    if len(found) < len(wanted):
        gone = len(wanted) - len(found)
        raise Conflict(f"选中的有 {gone} 张已不在等办的里面：可能刚被同事办了，或正在另一批里。请刷新后重选。")
    if len({one.place_id for one in found}) > 1:
        names = "、".join(sorted({one.place.name for one in found}))
        raise InvalidInput(f"一批只能是一个单位的证照，选中的有：{names}。请按单位分开。", {"uid": "不是同一个单位"})
    order = {uid: number for number, uid in enumerate(wanted)}
    return sorted(found, key=lambda one: order[one.uid])


def _start(session: Session, actor: Actor, kind: str, chosen: Sequence[Certificate], batch: PrintBatch) -> PrintBatch:
    assert actor.person_id is not None, "the queue of nobody is empty"
    unit: Agency = chosen[0].place
    batch.kind, batch.total, batch.person_id, batch.at = kind, len(chosen), actor.person_id, now()
    batch.unit_id, batch.unit_path, batch.district = unit.id, unit.path, unit.district
    session.add(batch)
    session.flush()
    session.add_all(
        PrintLine(batch_id=batch.id, position=number, certificate_id=one.id, district=unit.district)
        for number, one in enumerate(chosen, start=1)
    )
    session.flush()
    journal.record(
        session,
        f"batch:{kind}",
        actor,
        stream="system",
        comment=batch.reason or None,
        details={"batch": batch.uid, "unit": unit.id, "count": batch.total},
    )
    _ring(session, batch)
    return batch


def _ring(session: Session, batch: PrintBatch) -> None:
    if batch.kind == PRINT_KIND:
        outbox.put(session, PRINT, district=batch.district, batch_id=batch.id)
        return
    positions = session.scalars(
        select(PrintLine.position)
        .where(PrintLine.batch_id == batch.id, PrintLine.status == WAITING)
        .order_by(PrintLine.position)
    ).all()
    # All slices at once: a worker takes the next while another still draws.
    for begin in range(0, len(positions), SLICE):
        part = positions[begin : begin + SLICE]
        outbox.put(session, NUMBER, district=batch.district, batch_id=batch.id, first=part[0], last=part[-1])


# --- Looking


def load(session: Session, actor: Actor, uid: str, roles: frozenset[str] = print_desk.DESK) -> PrintBatch:
    """A batch of one's units; any other does not exist."""
    found = session.scalar(
        select(PrintBatch)
        .where(PrintBatch.uid == uid)
        .options(joinedload(PrintBatch.unit), joinedload(PrintBatch.person))
    )
    if found is None or not print_desk.works_at(actor, found.unit_path, roles):
        raise NotFound("没有这一批，或者它不归您管。")
    return found


def recent(session: Session, actor: Actor, limit: int = 30) -> Sequence[PrintBatch]:
    """The batches of one's units, the newest first."""
    return session.scalars(
        select(PrintBatch)
        .where(print_desk.within(PrintBatch.unit_path, actor, print_desk.DESK | print_desk.RULERS))
        .options(joinedload(PrintBatch.person), joinedload(PrintBatch.printer), joinedload(PrintBatch.unit))
        .order_by(PrintBatch.id.desc())
        .limit(limit)
    ).all()


def lines(session: Session, batch: PrintBatch, after: int = 0, limit: int = 200) -> Sequence[PrintLine]:
    """What became of each, those that failed on top."""
    first = (PrintLine.status != FAILED).asc() if after == 0 else PrintLine.position.asc()
    return session.scalars(
        select(PrintLine)
        .where(PrintLine.batch_id == batch.id, PrintLine.position > after)
        .options(joinedload(PrintLine.certificate).joinedload(Certificate.paper), joinedload(PrintLine.blank))
        .order_by(first, PrintLine.position)
        .limit(limit)
    ).all()


# --- Counting and closing


def tally(session: Session, batch_id: int) -> PrintBatch:
    """Counts the lines afresh under the batch's lock; the last one closes the batch."""
    batch = session.get_one(PrintBatch, batch_id, with_for_update=True, populate_existing=True)
    counted = {
        status: count
        for status, count in session.execute(
            select(PrintLine.status, func.count()).where(PrintLine.batch_id == batch_id).group_by(PrintLine.status)
        )
    }
    batch.done = counted.get(DONE, 0) + counted.get(SPOILED, 0)
    batch.failed = counted.get(FAILED, 0)
    if batch.done + batch.failed == batch.total and batch.kind == MAKE_KIND:
        finish(batch)
    session.flush()
    return batch


def finish(batch: PrintBatch) -> None:
    batch.status, batch.finished_at = "done", now()


def fail_lines(session: Session, batch_id: int, positions: Sequence[int] | None, sentence: str) -> None:
    """These lines were not done and will not be by themselves; the sentence says what to do."""
    where = [PrintLine.batch_id == batch_id, PrintLine.status.in_((WAITING, DRAWING))]
    if positions is not None:
        where.append(PrintLine.position.in_(positions))
    undrawn = select(Certificate.paper_id).join(PrintLine, PrintLine.certificate_id == Certificate.id).where(*where)
    for paper_id in session.scalars(
        undrawn.where(PrintLine.status == DRAWING, Certificate.paper_id.is_not(None))
    ).all():
        # Nobody else draws what a batch has frozen: the paper itself must say that it waits for somebody.
        papers_out.give_up(session, int(paper_id or 0), sentence)
    session.execute(update(PrintLine).where(*where).values(status=FAILED, problem=sentence[:500]))
    batch = tally(session, batch_id)
    if batch.kind == PRINT_KIND:
        batch.status, batch.problem = "stopped", sentence[:500]
    session.flush()


# --- Tidying


def sweep(session: Session) -> int:
    """Takes the files for the printer away that are older than a week, with the pieces they were joined from; a slice at a time.

    The batch, its lines and the history of prints stay; each certificate keeps its own stored file."""
    old = session.scalars(
        select(PrintBatch)
        .where(PrintBatch.storage_key.is_not(None), PrintBatch.finished_at < now() - FILE_KEPT)
        .order_by(PrintBatch.id)
        .limit(SWEPT)
    ).all()
    for batch in old:
        for key in {str(part["key"]) for part in batch.parts} | {str(batch.storage_key)}:
            files.store().remove(key)
        batch.storage_key, batch.parts = None, []
    session.flush()
    return len(old)


# --- Mending


def again(session: Session, actor: Actor, batch: PrintBatch) -> int:
    """After what was wrong has been mended: the failed lines once more. A paper that was printed is not printed again."""
    session.refresh(batch, with_for_update=True)
    if batch.status == "running":
        raise Conflict("这一批还在办，请等它停下来再试。")
    if batch.kind == PRINT_KIND and batch.sha256 is not None:
        raise Conflict("这一批的打印文件已经生成。没打成的请回“待打印”另选一批。")
    count = int(
        session.scalar(select(func.count()).where(PrintLine.batch_id == batch.id, PrintLine.status == FAILED)) or 0
    )
    if count == 0:
        raise Conflict("这一批没有失败的，不用再试。")
    session.execute(
        update(PrintLine)
        .where(PrintLine.batch_id == batch.id, PrintLine.status == FAILED)
        .values(status=WAITING, problem="")
    )
    # Whoever presses again answers for what is done now.
    assert actor.person_id is not None
    batch.person_id, batch.status, batch.problem, batch.finished_at = actor.person_id, "running", "", None
    batch.failed = 0
    session.flush()
    journal.record(session, "batch:again", actor, stream="system", details={"batch": batch.uid, "count": count})
    _ring(session, batch)
    return count


def spoil_line(session: Session, actor: Actor, batch: PrintBatch, position: int, reason: Any) -> PrintLine:
    """打坏了: the sheet is spoiled with its reason; the certificate itself is reprinted with one."""
    line = session.scalar(
        select(PrintLine).where(PrintLine.batch_id == batch.id, PrintLine.position == position).with_for_update()
    )
    if line is None or batch.kind != PRINT_KIND:
        raise NotFound()
    why = print_desk.reason(reason, "打坏的原因")
    if line.status != DONE:
        raise Conflict("这一行没有打印过，或已登记打坏。请刷新再看。")
    if line.blank_id is not None:
        blanks.spoil_used(session, actor, session.get_one(Blank, line.blank_id), why)
    line.status, line.problem = SPOILED, why
    session.flush()
    journal.record(
        session,
        "certificate:print_spoiled",
        actor,
        content=line.certificate,
        comment=why,
        details={"batch": batch.uid, "position": position},
    )
    return line


def profile_of(batch: PrintBatch) -> Profile:
    return Profile.of(batch.profile or {})
