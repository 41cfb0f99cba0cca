"""How the office reads a name: kept once, found by in every search from then on."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.search import NameReading
from process import journal, terms
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput
from services import search_index

LONGEST_NAME = 60
_LETTERS = re.compile(r"[a-z]{2,8}")
EDITORS = frozenset({"window_clerk", "community_clerk", "all_round_worker", "back_office_reviewer", "system_admin"})


def may_edit(actor: Actor) -> bool:
    """Those who write names may say how they are read."""
    return not actor.roles.isdisjoint(EDITORS)


def keep(session: Session, actor: Actor, name: Any, initials: Any) -> NameReading | None:
    """Writes the reading of a name; empty initials bring the usual reading back."""
    try:
        person = clean_text(name or "", LONGEST_NAME)
    except ValueError as problem:
        raise InvalidInput(f"姓名{problem}。", {"name": str(problem)}) from problem
    if not person:
        raise InvalidInput("请填写姓名，例如“单雄信”。", {"name": "请填写姓名"})
    letters = "".join(terms.normal(str(initials or "")).split())
    known = session.scalar(select(NameReading).where(NameReading.name == person))
    if not letters:
        if known is not None:
            session.delete(known)
            session.flush()
    elif not _LETTERS.fullmatch(letters):
        raise InvalidInput("拼音首字母只能是 2 到 8 个英文字母，例如“SXX”。", {"initials": "2 到 8 个英文字母"})
    elif known is None:
        known = NameReading(name=person, initials=letters, by_id=actor.person_id, at=now())
        session.add(known)
        session.flush()
    else:
        known.initials, known.by_id, known.at = letters, actor.person_id, now()
        session.flush()
    search_index.again_for_name(session, person)
    # The name is somebody's, so the journal has only the letters.
    journal.record(session, "search:reading", actor, stream="readings", details={"initials": letters})
    return known if letters else None


def listed(session: Session, limit: int = 200) -> list[NameReading]:
    """The newest first."""
    return list(
        session.scalars(select(NameReading).order_by(NameReading.at.desc(), NameReading.id.desc()).limit(limit))
    )
