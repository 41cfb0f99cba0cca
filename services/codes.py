"""What a scanner reads off a paper: a number, or the address of the check page. Anything else is no code of ours."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Case
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.errand import Errand
from models.paper import Certificate, Paper

# The longest code of ours is the address of the check page; a square code holds up to seven thousand characters.
LONGEST = 300
SHOWN = 40
_NUMBER = re.compile(r"([A-Z]{2,8}-\d{4}-\d{4,9})(?:-\d{1,3})?")
_CHECK = re.compile(r"[A-Za-z0-9_-]{16,22}")
_DASHES = str.maketrans(dict.fromkeys("－—–‐‑−_", "-"))


@dataclass(frozen=True)
class Code:
    """One code as read: a number anybody could have guessed, or a check code that only stands on the paper itself."""

    shown: str
    number: str = ""
    check: str = ""

    @property
    def known(self) -> bool:
        return bool(self.number or self.check)


def read(raw: str) -> Code:
    """The code in what came from a scanner, a camera or a keyboard; never raises, whatever a stranger printed."""
    cut = raw[: LONGEST + 1]
    text = "".join(c for c in unicodedata.normalize("NFKC", cut) if c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF)
    text = text.strip()
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    if len(raw) > LONGEST or not text:
        return Code(shown)
    _before, found, after = text.partition("/verify/")
    if found:
        check = re.split(r"[/?#]", after)[0]
        return Code(f"…{check[-4:]}", check=check) if _CHECK.fullmatch(check) else Code(shown)
    number = _NUMBER.fullmatch(text.upper().translate(_DASHES).replace(" ", ""))
    if number:
        return Code(number[1], number=number[1])
    check = text.replace(" ", "")
    return Code(f"…{check[-4:]}", check=check) if _CHECK.fullmatch(check) else Code(shown)


def things(session: Session, code: Code) -> list[Content]:
    """What the code stands on. Not narrowed to anybody: whoever calls asks what the actor may hear of it."""
    if code.check:
        paper = session.scalar(select(Paper).where(Paper.verify_code == code.check))
        return [paper.content] if paper is not None else []
    if code.number:
        # A number is one within its district only.
        return list(
            session.scalars(select(Content).where(Content.number == code.number).order_by(Content.id).limit(20))
        )
    return []


def tickets(session: Session, content: Content) -> list[Delegation]:
    """The tickets a thing travels on, the newest first: itself, or that of its case, visit, errand or certificate."""
    if isinstance(content, Delegation):
        return [content]
    if isinstance(content, Errand):
        return [content.related] if isinstance(content.related, Delegation) else []
    newest = select(Delegation).order_by(Delegation.id.desc()).limit(20)
    if isinstance(content, Case):
        return list(session.scalars(newest.where(Delegation.case_id == content.id)))
    if isinstance(content, Certificate):
        return list(session.scalars(newest.where(Delegation.case_id == content.case_id)))
    if isinstance(content, HomeVisit):
        return list(session.scalars(newest.where(Delegation.home_visit_id == content.id)))
    return []
