"""保管期限: how long a dossier is kept, and the one question everybody must ask who would delete something of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.archive import ArchiveEntry
from models.paper import Paper
from process.calendar_days import say
from process.numbers import CHINA
from process.refusals import RequirementUnmet
from services.papers import own
from services.papers.errors import DefinitionError
from services.papers.terms import RETENTIONS

# From the longest to the shortest, with the letters that stand in a file number after DA/T 22.
CLASSES = ("permanent", "30y", "10y")
LETTERS = {"permanent": "Y", "30y": "D30", "10y": "D10"}
YEARS = {"30y": 30, "10y": 10}
SHORTEST = "10y"


def of_paper(session: Session, paper: Paper) -> str:
    """The class that its definition gave it when it was frozen, whatever is in force by now."""
    return of_version(session, paper.paper, paper.paper_version)


def of_version(session: Session, paper_id: str, version: str) -> str:
    """The same of all papers of a version; of a paper no longer defined the longest, for caution."""
    try:
        return own.definition_in(session, paper_id, version).terms.retention
    except DefinitionError:
        return CLASSES[0]


def longest(classes: Iterable[str]) -> str:
    """The dossier is kept as long as the paper in it that is kept longest."""
    found = set(classes) or {SHORTEST}
    return next(one for one in CLASSES if one in found)


def label(retention: str) -> str:
    return RETENTIONS[retention]


def archive_year(closed_at: datetime) -> int:
    """The year in which the matter was closed, as the calendar hangs on the wall."""
    return closed_at.astimezone(CHINA).year


def keep_until(year: int, retention: str) -> date | None:
    """The last day: the years are counted from the first of January after the matter was closed."""
    return date(year + YEARS[retention], 12, 31) if retention in YEARS else None


def is_over(entry: ArchiveEntry, today: date) -> bool:
    return entry.keep_until is not None and today > entry.keep_until


def require_deletable(entry: ArchiveEntry, today: date) -> None:
    """Raises unless the archive has given its receipt and the time is over."""
    if entry.receipt_id is None:
        raise RequirementUnmet(
            f"{entry.number} 还没有接收回执，任何内容都不能删除。请先移交档案部门，拿到回执后在“接收回执”登记。"
        )
    if entry.keep_until is None:
        raise RequirementUnmet(f"{entry.number} 的保管期限是永久，不能销毁。")
    if not is_over(entry, today):
        raise RequirementUnmet(f"{entry.number} 要保管到{say(entry.keep_until)}，到期以后才能提出销毁。")


def entry_of(session: Session, case_id: int) -> ArchiveEntry | None:
    return session.scalar(select(ArchiveEntry).where(ArchiveEntry.case_id == case_id))
