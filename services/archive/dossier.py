"""What belongs to the dossier of a case: its papers and those of its certificates, its materials, and what happened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.archive import ArchiveEntry
from models.case import Case
from models.content import Content
from models.ledger import JournalEntry
from models.paper import Certificate, Document, Paper
from process import digests
from process.library import library
from process.numbers import CHINA
from process.refusals import RequirementUnmet
from services import linked
from services.archive import retention

PAPERS, MATERIALS = "papers", "materials"
ENDINGS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_UNSAFE = re.compile(r"[^\w\-]+")


@dataclass(frozen=True)
class Piece:
    """One file of the dossier with the line that stands for it in the table of contents."""

    name: str
    key: str
    media_type: str
    title: str
    number: str
    day: date
    maker: str
    retention: str
    note: str


@dataclass(frozen=True)
class Dossier:
    """Everything a package is made of; the same dossier gives the same bytes."""

    fields: dict[str, str]
    pieces: tuple[Piece, ...]
    related: tuple[tuple[str, str], ...]
    history: tuple[dict[str, Any], ...]
    made_at: datetime
    missing: tuple[str, ...] = field(default=())


def things(session: Session, case: Case) -> list[Content]:
    """The case and its certificates: what the archive calls one 件."""
    found = session.scalars(select(Certificate).where(Certificate.case_id == case.id).order_by(Certificate.id))
    return [case, *found]


def papers_of(session: Session, ids: list[int]) -> list[Paper]:
    statement = select(Paper).where(Paper.content_id.in_(ids)).options(joinedload(Paper.created_by))
    return list(session.scalars(statement.order_by(Paper.id)))


def documents_of(session: Session, ids: list[int]) -> list[Document]:
    statement = select(Document).where(Document.content_id.in_(ids)).options(joinedload(Document.uploaded_by))
    return list(session.scalars(statement.order_by(Document.id)))


def keys(session: Session, case: Case) -> list[str]:
    """The stored files that belong to the case now."""
    ids = [one.id for one in things(session, case)]
    papers = {one.storage_key for one in papers_of(session, ids) if one.storage_key}
    return sorted(papers | {one.storage_key for one in documents_of(session, ids)})


def retention_of(session: Session, case: Case) -> str:
    ids = [one.id for one in things(session, case)]
    versions = session.execute(select(Paper.paper, Paper.paper_version).where(Paper.content_id.in_(ids)).distinct())
    return retention.longest(retention.of_version(session, paper, version) for paper, version in versions.all())


def require_whole(session: Session, case: Case) -> None:
    """A paper that is still being drawn would be missing for ever."""
    ids = [one.id for one in things(session, case)]
    waiting = [one.title for one in papers_of(session, ids) if one.status == "waiting" and one.valid]
    if waiting:
        raise RequirementUnmet(
            f"{case.number or case.title} 的“{waiting[0]}”还在生成，现在归档会缺这一份。请过几分钟再办；一直没有生成的，到打印台看原因。"
        )


def gather(session: Session, entry: ArchiveEntry) -> Dossier:
    """Reads the whole dossier; the files themselves stay where they are until the package is written."""
    case = entry.case
    owners = things(session, case)
    ids = [one.id for one in owners]
    units = {one.id: one.place.name for one in owners}
    agency = entry.unit.name
    pieces: list[Piece] = []
    missing: list[str] = []
    for paper in papers_of(session, ids):
        if paper.storage_key is None:
            missing.append(f"{paper.title}（{paper.error or '没有生成'}）")
            continue
        pieces.append(
            Piece(
                _name(PAPERS, len(pieces) + 1, paper.title, "pdf"),
                paper.storage_key,
                "application/pdf",
                paper.title,
                paper.number or "",
                _day(paper.created_at),
                agency if paper.content_id == case.id else units[paper.content_id],
                retention.of_paper(session, paper),
                "" if paper.valid else "已作废",
            )
        )
    names = {material.id: material.name for material in case.materials}
    applicant = case.applicant.name if case.applicant else ""
    for document in documents_of(session, ids):
        title = names.get(document.material_id or 0, "") or document.filename
        pieces.append(
            Piece(
                _name(MATERIALS, len(pieces) + 1, title, ENDINGS.get(document.media_type, "bin")),
                document.storage_key,
                document.media_type,
                title,
                "",
                _day(document.created_at),
                applicant if document.purpose == "material" else agency,
                entry.retention,
                {"photo": "照片", "signature": "签名", "attachment": "附件"}.get(document.purpose, ""),
            )
        )
    return Dossier(
        _fields(session, entry, case, applicant),
        tuple(pieces),
        _related(session, case, set(ids)),
        tuple(_history(session, owners)),
        entry.asked_at,
        tuple(missing),
    )


def _fields(session: Session, entry: ArchiveEntry, case: Case, applicant: str) -> dict[str, str]:
    """The metadata in the words of an archive; the names follow the manner of GB/T 36903."""
    assert case.closed_at is not None, "only closed cases come here"
    state = library.of(case, session).states[case.state].title.zh
    until = entry.keep_until
    return {
        "fonds_code": fonds(entry),
        "fonds_name": entry.unit.name,
        "archive_number": entry.number,
        "archive_year": str(entry.year),
        "retention": retention.label(entry.retention),
        "retention_until": f"{until:%Y-%m-%d}" if until else "永久",
        "title": case.title,
        "responsible": (case.deciding_unit or case.place).name,
        "document_number": case.number or "",
        "item_code": case.item.code,
        "item_name": case.item.title,
        "applicant": applicant,
        "date_created": f"{_day(case.created_at):%Y-%m-%d}",
        "date_closed": f"{_day(case.closed_at):%Y-%m-%d}",
        "result": state,
        "security_class": "非涉密",
        "access_note": "含个人信息，按规定查阅",
        "accepted_by": case.place.name,
        "language": "zh-Hans",
    }


def fonds(entry: ArchiveEntry) -> str:
    """全宗号: the unit's own code where the catalogue has one, else its id."""
    return (entry.unit.code or entry.unit_id).upper()


def _related(session: Session, case: Case, own: set[int]) -> tuple[tuple[str, str], ...]:
    rows = session.execute(
        select(Content.number, Content.type).where(Content.id.in_(linked.ids(session, case) - own)).order_by(Content.id)
    )
    return tuple((number or "", library.type(kind).title.zh) for number, kind in rows)


def _history(session: Session, owners: list[Content]) -> list[dict[str, Any]]:
    """Every row of the streams of these things: all that was hashed, the hash, and who the numbers are."""
    order = {one.uid: number for number, one in enumerate(owners)}
    rows = session.scalars(
        select(JournalEntry)
        .where(JournalEntry.stream.in_(list(order)))
        .options(joinedload(JournalEntry.person), joinedload(JournalEntry.unit))
        .order_by(JournalEntry.id)
    ).all()
    steps = {one.uid: library.of(one, session).transitions for one in owners}
    return [_row(one, steps[one.stream]) for one in sorted(rows, key=lambda row: (order[row.stream], row.seq))]


# What happened beside the steps of a process, in words that hold without this product.
WORDS = {
    "archive:begin": "归档：给档号",
    "archive:build": "归档：生成归档包",
    "case:create": "登记",
    "certificate:create": "建立证照",
    "certificate:draft": "起草证照",
    "custody:move": "材料交接",
    "document:add": "上传文件",
    "note:add": "记备注",
    "notice:send": "发出提醒",
    "paper:freeze": "制作文书",
    "paper:print": "打印文书",
    "paper:ready": "文书已生成",
    "personal:reveal": "查看完整个人信息",
    "seal:use": "用印",
}


def _row(entry: JournalEntry, steps: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: getattr(entry, name) for name in digests.FIELDS}
    told["at"] = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    told["details"] = entry.details or {}
    who = entry.person.name if entry.person else ""
    step = steps.get(entry.action.partition(":")[2])
    said = WORDS.get(entry.action) or (step.title.zh if step is not None else entry.action)
    unit = entry.unit.name if entry.unit else ""
    return {**told, "digest": entry.digest, "who": who, "unit": unit, "said": said}


def _name(folder: str, number: int, title: str, ending: str) -> str:
    return f"{folder}/{number:04d}_{_UNSAFE.sub('_', title).strip('_')[:40] or 'x'}.{ending}"


def _day(moment: datetime) -> date:
    return moment.astimezone(CHINA).date()
