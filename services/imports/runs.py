"""One file on its way in: taken, tried row by row, confirmed, written in one piece."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.crypto import vault
from models.sheets import SheetImport
from process import journal, outbox, terms
from process.access import Actor, load_actor
from process.clock import local_day
from process.refusals import NotAvailable, NotFound, Refusal
from services import files, sheets, unit_settings
from services.imports.kinds import ImportKind, kind_of
from services.imports.reading import Row, rows_of

CHECK_JOB, WRITE_JOB = "import.check", "import.write"
# So many rows are tried while the person waits; longer files are looked through a slice at a time behind the scenes.
AT_ONCE, SLICE = 100, 250
MOST_FINDINGS = 500
SWEPT = 500
WORDS = {"new": "新增", "changed": "更新", "same": "没有变化"}


def accept(session: Session, actor: Actor, key: str, content: bytes, filename: str) -> SheetImport:
    """Takes a file in and looks through it; nothing is written to any register yet."""
    kind = kind_of(key, actor)
    rows = rows_of(content, kind.headings)
    made = SheetImport(
        district=actor.unit_path.strip("/").split("/")[0][:40],
        person_id=actor.person_id,
        kind=key,
        filename=_plain(filename),
        # The file holds people's numbers, so it rests encrypted; its mark is of what was sent.
        sha256=hashlib.sha256(content).hexdigest(),
        rows=len(rows),
        findings=[],
        counts={},
        at=now(),
    )
    made.counts = {"stored": files.store().put(vault.encrypt(content))}
    session.add(made)
    session.flush()
    _record(session, "import:upload", actor, made)
    if len(rows) <= AT_ONCE:
        _look(session, actor, made, kind, rows)
    else:
        outbox.put(session, CHECK_JOB, district=made.district, import_id=made.id)
    return made


def check(session: Session, import_id: int) -> None:
    """The worker's part of looking through: the next slice, then itself again."""
    made = session.get(SheetImport, import_id)
    if made is None or made.status != "checking":
        return
    actor = load_actor(session, made.person_id, local_day(now()))
    kind = kind_of(made.kind, actor)
    rows = rows_of(_content(made), kind.headings)
    part = rows[made.seen : made.seen + SLICE]
    _add(made, [*(_twice(kind, rows) if made.seen == 0 else []), *_tried(session, actor, kind, part)[0]])
    made.seen += len(part)
    if made.seen < len(rows):
        outbox.put(session, CHECK_JOB, district=made.district, import_id=made.id)
    else:
        made.status = "refused" if made.findings else "checked"


def confirm(session: Session, actor: Actor, uid: str) -> SheetImport:
    """The person has seen the preview and wants it written."""
    made = load(session, actor, uid)
    # Of two who press at once, the second waits here and then sees what the first has done.
    session.refresh(made, with_for_update=True)
    kind = kind_of(made.kind, actor)
    if made.status in ("writing", "done"):
        return made
    if "stored" not in made.counts:
        raise NotAvailable(f"这份表已过 {kept_days(session, made)} 天，文件已按规定删除，什么都没有写入。请重新上传。")
    if made.status != "checked":
        raise NotAvailable("这份表还有要改的地方，不能导入。请改好后重新上传。")
    made.status = "writing"
    if made.rows <= AT_ONCE:
        _write(session, actor, made, kind)
    else:
        outbox.put(session, WRITE_JOB, district=made.district, import_id=made.id)
    session.flush()
    return made


def write(session: Session, import_id: int) -> None:
    """The worker's part of writing: everything in one transaction, or nothing."""
    made = session.get(SheetImport, import_id)
    if made is None or made.status != "writing":
        return
    actor = load_actor(session, made.person_id, local_day(now()))
    try:
        kind = kind_of(made.kind, actor)
    except NotFound:
        made.status, made.problem = "failed", "导入的人已没有这项权限，什么都没有写入。"
        return
    _write(session, actor, made, kind)


def give_up(session: Session, import_id: int, sentence: str) -> None:
    """What is written where the person sees it when the last attempt failed."""
    made = session.get(SheetImport, import_id)
    if made is not None and made.status in ("checking", "writing"):
        made.status, made.problem = "failed", f"后台没有办成，什么都没有写入：{sentence}"[:300]


def load(session: Session, actor: Actor, uid: str) -> SheetImport:
    """One's own file."""
    found = session.scalar(select(SheetImport).where(SheetImport.uid == uid, SheetImport.person_id == actor.person_id))
    if found is None:
        raise NotFound()
    return found


def mine(session: Session, actor: Actor, limit: int = 20) -> list[SheetImport]:
    """What this person brought in, the newest first."""
    return list(
        session.scalars(
            select(SheetImport)
            .where(SheetImport.person_id == actor.person_id)
            .order_by(SheetImport.at.desc(), SheetImport.id.desc())
            .limit(limit)
        )
    )


def earlier(session: Session, made: SheetImport) -> SheetImport | None:
    """The same file, brought in before."""
    return session.scalar(
        select(SheetImport)
        .where(
            SheetImport.kind == made.kind,
            SheetImport.sha256 == made.sha256,
            SheetImport.status == "done",
            SheetImport.person_id == made.person_id,
            SheetImport.id != made.id,
        )
        .order_by(SheetImport.id.desc())
        .limit(1)
    )


def kept_days(session: Session, made: SheetImport) -> int:
    """How long its office keeps the sheet itself; the report stays."""
    return unit_settings.number(session, made.person.unit_id, "export_days")


def sweep(session: Session) -> int:
    """Takes the sheets away whose time is over, written or not; whatever hangs by then is said to be over. A slice at a time."""
    last: int = session.info.get("imports_swept", 0)
    old = session.scalars(
        select(SheetImport)
        .where(SheetImport.id > last, SheetImport.at < now() - timedelta(days=1))
        .order_by(SheetImport.id)
        .limit(SWEPT)
    ).all()
    session.info["imports_swept"] = old[-1].id if len(old) == SWEPT else 0
    gone = 0
    for made in old:
        key = made.counts.get("stored")
        if key is None or made.at >= now() - timedelta(days=kept_days(session, made)):
            continue
        files.store().remove(key)
        made.counts = {name: value for name, value in made.counts.items() if name != "stored"}
        if made.status in ("checking", "writing"):
            made.status, made.problem = "failed", "放得太久，文件已按规定删除，什么都没有写入。请重新上传。"
        gone += 1
    session.flush()
    return gone


def report(made: SheetImport, kind: ImportKind, who: str) -> bytes:
    """The findings row by row as a file to work through beside the table."""
    lines = [f"文件：{made.filename}，{made.rows} 行", _summary(made)]
    rows = [(one["row"], one["column"], one["text"]) for one in made.findings]
    if not rows:
        rows = [("", "", "没有发现问题")]
    return sheets.made(f"{kind.title}导入报告", lines, ("行", "列", "问题和怎么改"), rows, who=who, at=now())[0]


def _summary(made: SheetImport) -> str:
    counted = "，".join(f"{WORDS[name]} {made.counts[name]} 行" for name in WORDS if made.counts.get(name))
    return counted or ("有问题的先改好再传，什么都没有写入" if made.findings else "还没有写入")


def _look(session: Session, actor: Actor, made: SheetImport, kind: ImportKind, rows: Sequence[Row]) -> None:
    findings, counts = _tried(session, actor, kind, rows)
    _add(made, [*_twice(kind, rows), *findings])
    made.seen, made.counts = len(rows), {**made.counts, **{f"expect_{k}": v for k, v in counts.items()}}
    made.status = "refused" if made.findings else "checked"


def _tried(
    session: Session, actor: Actor, kind: ImportKind, rows: Sequence[Row]
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Writes the rows and takes everything back: what is refused now would be refused then."""
    findings: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    with _taken_back(session):
        for row in rows:
            found, became = _one(session, actor, kind, row)
            findings += found
            counts[became] += 1
    return findings, dict(counts)


@contextmanager
def _taken_back(session: Session) -> Iterator[None]:
    session.flush()
    savepoint = session.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()
        session.expire_all()


def _one(session: Session, actor: Actor, kind: ImportKind, row: Row) -> tuple[list[dict[str, Any]], str]:
    found = [_finding(row, column, text) for column, text in row.faults.items()]
    found += [
        _finding(row, column, "没有填。")
        for column in kind.needed
        if not row.cells.get(column) and column not in row.faults
    ]
    if found:
        return found, "wrong"
    try:
        with session.begin_nested():
            return [], kind.write(session, actor, row.cells)
    except Refusal as refusal:
        column = next((name for name in refusal.errors if name in kind.headings), "")
        return [_finding(row, column, refusal.errors.get(column) or refusal.detail)], "wrong"


def _twice(kind: ImportKind, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows that mean the same as one above."""
    seen: dict[tuple[str, ...], int] = {}
    found = []
    for row in rows:
        mark = tuple(terms.compact(row.cells.get(column, "")) for column in kind.same)
        if not any(mark):
            continue
        if mark in seen:
            found.append(_finding(row, kind.same[0], f"与第 {seen[mark]} 行重复，请删去一行。"))
        else:
            seen[mark] = row.number
    return found


class _Undone(Exception):
    """A row was refused while writing: the others are taken back with it."""


def _write(session: Session, actor: Actor, made: SheetImport, kind: ImportKind) -> None:
    rows = rows_of(_content(made), kind.headings)
    counts: Counter[str] = Counter()
    findings: list[dict[str, Any]] = []
    session.flush()
    try:
        with session.begin_nested():
            for row in rows:
                found, became = _one(session, actor, kind, row)
                findings += found
                counts[became] += 1
                if findings:
                    raise _Undone
    except _Undone:
        # The registers have changed since the preview: nothing half done stays.
        session.expire_all()
        made.status, made.findings = "failed", findings[:MOST_FINDINGS]
        made.problem = "预览以后情况有变，什么都没有写入。请看下面的问题，改好后重新上传。"
        return
    made.status, made.done_at = "done", now()
    made.counts = {**{k: v for k, v in made.counts.items() if k == "stored"}, **counts}
    _record(session, "import:write", actor, made, {name: counts[name] for name in WORDS if counts[name]})


def _content(made: SheetImport) -> bytes:
    return vault.decrypt(files.store().read(made.counts["stored"]))


def _add(made: SheetImport, findings: list[dict[str, Any]]) -> None:
    kept = [*made.findings, *findings]
    made.findings = sorted(kept, key=lambda one: one["row"])[:MOST_FINDINGS]


def _finding(row: Row, column: str, text: str) -> dict[str, Any]:
    return {"row": row.number, "column": column, "text": text[:300]}


def _plain(filename: str) -> str:
    name = "".join(c for c in filename.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable())[-100:]
    return name or "未命名.xlsx"


def _record(
    session: Session, action: str, actor: Actor, made: SheetImport, details: dict[str, Any] | None = None
) -> None:
    told = {"import": made.uid, "kind": made.kind, "rows": made.rows, "sha256": made.sha256, **(details or {})}
    journal.record(session, action, actor, stream=f"person:{actor.person_id}", details=told)
