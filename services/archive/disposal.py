"""销毁: what the archive has and whose time is over may go, when one proposes it and another agrees. The journal stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.archive import ArchiveDisposal, ArchiveEntry
from models.base import Base, now
from models.paper import Document
from process import journal, outbox
from process.access import Actor
from process.clock import local_day
from process.refusals import Conflict, Forbidden, InvalidInput, NotFound, RequirementUnmet
from services import files, print_desk
from services.archive import dossier, retention, shelf
from services.papers.definition import load
from services.papers.errors import DefinitionError
from services.print_desk import works_at

DESTROY = "archive.destroy"
# Who decides on what others propose; never on one's own proposal.
SECONDS = frozenset({"approver", "head"})
PROPOSED, AGREED, REFUSED, DONE = "proposed", "agreed", "refused", "done"


def over(session: Session, actor: Actor, limit: int = shelf.SHOWN) -> list[ArchiveEntry]:
    """Received dossiers of one's units whose time is over and that nobody has proposed yet."""
    statement = (
        select(ArchiveEntry)
        .where(
            print_desk.within(ArchiveEntry.unit_path, actor, shelf.ARCHIVISTS),
            ArchiveEntry.status == shelf.RECEIVED,
            ArchiveEntry.disposal_id.is_(None),
            ArchiveEntry.keep_until < local_day(now()),
        )
        .options(joinedload(ArchiveEntry.case), joinedload(ArchiveEntry.unit), joinedload(ArchiveEntry.receipt))
        .order_by(ArchiveEntry.keep_until, ArchiveEntry.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def propose(session: Session, actor: Actor, uids: Sequence[str], reason: Any) -> ArchiveDisposal:
    """A list of dossiers to destroy, for somebody else to decide."""
    assert actor.person_id is not None
    why = print_desk.reason(reason, "销毁理由")
    wanted = list(dict.fromkeys(uid for uid in uids if isinstance(uid, str) and len(uid) <= 22))
    if not wanted:
        raise InvalidInput("请勾选要销毁的档案。", {"uid": "请先打勾"})
    found = list(
        session.scalars(
            select(ArchiveEntry)
            .where(ArchiveEntry.uid.in_(wanted), print_desk.within(ArchiveEntry.unit_path, actor, shelf.ARCHIVISTS))
            .options(joinedload(ArchiveEntry.case), joinedload(ArchiveEntry.unit))
            .order_by(ArchiveEntry.id)
            .with_for_update(of=ArchiveEntry)
        )
    )
    if len(found) < len(wanted):
        raise NotFound("选中的档案有的不归您管。请刷新后重选。")
    if len({one.unit_id for one in found}) > 1:
        raise InvalidInput("一份销毁清册只能是一个单位的档案，请按单位分开。", {"uid": "不是同一个单位"})
    today = local_day(now())
    for one in found:
        retention.require_deletable(one, today)
        if one.disposal_id is not None:
            raise Conflict(f"{one.number} 已在一份销毁清册里。请刷新后重选。")
        if shelf.has_grown(session, one):
            raise RequirementUnmet(
                f"{one.number} 移交以后又有新的文书或材料，它们不在归档包里，不能销毁。请与档案部门联系。"
            )
    unit = found[0].unit
    made = ArchiveDisposal(
        district=unit.district,
        unit_id=unit.id,
        unit_path=unit.path,
        reason=why,
        proposed_by_id=actor.person_id,
        proposed_at=now(),
    )
    session.add(made)
    session.flush()
    for one in found:
        one.disposal_id = made.id
        journal.record(session, "archive:propose", actor, content=one.case, comment=why, details=_details(one))
    session.flush()
    return made


def listed(session: Session, actor: Actor, limit: int = 50) -> list[ArchiveDisposal]:
    """The lists of one's units, those that wait for an answer first."""
    found = session.scalars(
        select(ArchiveDisposal)
        .where(print_desk.within(ArchiveDisposal.unit_path, actor, shelf.ARCHIVISTS | SECONDS))
        .options(
            joinedload(ArchiveDisposal.unit),
            joinedload(ArchiveDisposal.proposed_by),
            joinedload(ArchiveDisposal.decided_by),
            selectinload(ArchiveDisposal.entries),
        )
        .order_by((ArchiveDisposal.status != PROPOSED), ArchiveDisposal.id.desc())
        .limit(limit)
    )
    return list(found)


def may_decide(actor: Actor, one: ArchiveDisposal) -> bool:
    return (
        one.status == PROPOSED
        and works_at(actor, one.unit_path, SECONDS)
        and one.proposed_by_id != actor.person_id
        and one.proposed_by_id not in actor.persons
    )


def decide(session: Session, actor: Actor, uid: str, *, agree: bool, words: Any = "") -> ArchiveDisposal:
    """The second person's word; after a yes the stored bytes go behind the scenes."""
    one = session.scalar(select(ArchiveDisposal).where(ArchiveDisposal.uid == uid).with_for_update())
    if one is None or not works_at(actor, one.unit_path, shelf.ARCHIVISTS | SECONDS):
        raise NotFound("没有这份销毁清册，或者它不归您管。")
    if one.status != PROPOSED:
        raise Conflict("这份销毁清册已有人答复。请刷新看结果。")
    if one.proposed_by_id == actor.person_id or one.proposed_by_id in actor.persons:
        raise Forbidden("销毁要由另一个人同意，不能同意自己提出的。请审批人或负责人办理。")
    if not works_at(actor, one.unit_path, SECONDS):
        raise Forbidden("销毁由审批人或单位负责人同意。")
    text = print_desk.reason(words, "不同意的原因") if not agree else " ".join(str(words or "").split())[:200]
    today = local_day(now())
    if agree:
        for entry in one.entries:
            retention.require_deletable(entry, today)
    one.status, one.words = (AGREED if agree else REFUSED), text
    one.decided_by_id, one.decided_at = actor.person_id, now()
    for entry in one.entries:
        action = "archive:agree" if agree else "archive:refuse"
        journal.record(session, action, actor, content=entry.case, comment=text or None, details=_details(entry))
        if not agree:
            entry.disposal_id = None
    session.flush()
    if agree:
        outbox.put(session, DESTROY, district=one.district, disposal_id=one.id)
    return one


def destroy(session: Session, disposal_id: int) -> int:
    """Takes the stored bytes away; done twice it finds nothing left to do. Answers how many files went."""
    one = session.get(ArchiveDisposal, disposal_id, with_for_update=True, populate_existing=True)
    if one is None or one.status != AGREED:
        return 0
    today, gone = local_day(now()), 0
    for entry in one.entries:
        if entry.status == shelf.DESTROYED:
            continue
        retention.require_deletable(entry, today)
        gone += _erase(session, entry)
        entry.status, entry.destroyed_at = shelf.DESTROYED, now()
        details = {**_details(entry), "disposal": one.uid}
        journal.record(session, "archive:destroy", None, content=entry.case, details=details)
    one.status, one.done_at = DONE, now()
    session.flush()
    return gone


def _erase(session: Session, entry: ArchiveEntry) -> int:
    """The files of the package and the package; a file that another matter holds as well stays where it is."""
    ids = [one.id for one in dossier.things(session, entry.case)]
    ours = set(entry.files)
    thumbnails = select(Document.thumbnail_key).where(
        Document.content_id.in_(ids), Document.storage_key.in_(entry.files), Document.thumbnail_key.is_not(None)
    )
    ours |= {key for key in session.scalars(thumbnails) if key is not None}
    ours -= _elsewhere(session, sorted(ours), ids)
    if entry.package_key:
        ours.add(entry.package_key)
    for key in sorted(ours):
        files.store().remove(key)
    for paper in dossier.papers_of(session, ids):
        if paper.storage_key in entry.files:
            # What was frozen to draw it holds the same personal data as the drawing; the check page keeps what it answers with.
            paper.data = {name: paper.data[name] for name in _still_asked(paper.paper) & paper.data.keys()}
    entry.package_key = None
    return len(ours)


def _still_asked(paper_id: str) -> set[str]:
    """Fields without which a stranger would be told another validity than before; none of them is about a person."""
    try:
        return {"agency", "valid_until", load(paper_id).terms.validity.field}
    except DefinitionError:
        return {"agency", "valid_until"}


# Columns that name a stored file, in whatever table.
_NAMES = frozenset({"storage_key", "thumbnail_key", "photo_key", "package_key", "sha256"})


def _elsewhere(session: Session, keys: Sequence[str], ids: Sequence[int]) -> set[str]:
    """Those of the keys that a row of some other matter names too: the same bytes are stored once."""
    found: set[str] = set()
    for table in Base.metadata.sorted_tables:
        for column in (one for one in table.columns if one.name in _NAMES):
            for begin in range(0, len(keys), 400):
                statement = select(column).where(column.in_(keys[begin : begin + 400]))
                if "content_id" in table.columns:
                    statement = statement.where(table.c.content_id.not_in(ids))
                found |= set(session.scalars(statement))
    return found


def give_up(session: Session, disposal_id: int, sentence: str) -> None:
    """The list stays agreed; the dead letter says what to mend before it is tried again."""
    one = session.get(ArchiveDisposal, disposal_id)
    if one is not None and one.status == AGREED:
        one.words = f"{one.words}（没有办成：{sentence}）"[:200]


def _details(entry: ArchiveEntry) -> dict[str, Any]:
    return {"number": entry.number, "retention": entry.retention, "sha256": entry.package_sha256 or ""}
