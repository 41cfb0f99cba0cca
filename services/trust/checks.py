"""核验: what somebody learns who holds a paper; the same work, the same length for a right and a wrong code, and every question on record."""

from __future__ import annotations

import hmac
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.paper import Certificate, Paper
from models.trust import PaperCheck
from process import access
from process.access import Actor
from process.calendar_days import say
from process.clock import local_day
from process.masking import mask_name
from process.numbers import CHINA
from process.words import N_
from services.reports.scope import china_day
from services.trust.claims import Facts

VALID, REPLACED, VOID, EXPIRED, UNKNOWN_STATE = "valid", "replaced", "void", "expired", "unknown"
WORDS = {
    VALID: N_("有效"),
    REPLACED: N_("已补发"),
    VOID: N_("已作废"),
    EXPIRED: N_("已过期"),
    UNKNOWN_STATE: N_("没有查到"),
}
NOT_YET = ("drafted", "numbered", "sealed", "printed")
# How long it is kept who asked, even as a hash: as long as the law wants network logs kept.
KEPT = timedelta(days=190)
# So many old rows go at a time, so that nobody who writes waits for it.
SWEPT = 10_000
SHOWN_DAYS = 30
_LOOKS = str.maketrans("l0", "IO")


@dataclass(frozen=True)
class Answer:
    """What anybody may learn who holds a paper: whether it is genuine, and nothing personal beyond a masked name."""

    state: str  # valid, replaced, void, expired, unknown
    number: str = ""
    kind: str = ""
    date: str = ""
    name: str = ""
    agency: str = ""
    until: str = ""

    def public(self) -> dict[str, str]:
        return {
            "state": self.state,
            "number": self.number,
            "kind": self.kind,
            "date": self.date,
            "name": self.name,
            "agency": self.agency,
            "until": self.until,
        }


UNKNOWN = Answer(UNKNOWN_STATE)


def facts_of(paper: Paper) -> Facts:
    """What the claim in the square code says: the same words as the check page."""
    day, until = _days(paper)
    return Facts(paper.title, paper.number or "", day, _holder(paper), _agency(paper), until)


@dataclass(frozen=True)
class Trace:
    """What is kept of a question beside the answer: which paper, and where it was made."""

    paper_id: int | None = None
    district: str = ""


def answer(session: Session, code: str, number: str = "") -> tuple[Answer, Trace]:
    """The answer to a code from a square code or typed in groups of four; a number typed with it must fit, too."""
    wanted = "".join(code.split())
    # A certificate that nobody asked about does the work of the answer, so that a wrong code takes as long as a right one.
    other = session.scalar(
        select(Paper).join(Certificate, Certificate.paper_id == Paper.id).order_by(Paper.id).limit(1)
    )
    found = session.scalar(select(Paper).where(Paper.verify_code == wanted)) if 16 <= len(wanted) <= 22 else None
    if tidy(number):
        found = _misread(session, wanted, tidy(number)) or found
    shown = found or other
    if shown is None:
        return UNKNOWN, Trace()
    said, trace = _said(shown), Trace(shown.id, shown.content.district)
    if found is None or said is None or (tidy(number) and tidy(number) != tidy(found.number or "")):
        return UNKNOWN, Trace()
    return said, trace


def _misread(session: Session, typed: str, number: str) -> Paper | None:
    """The paper of this number whose code was read wrongly off the page: l and I, O and 0 look the same in print.

    With the number beside it the code still has 126 bits, and nothing about the number is told unless the code is right."""
    rows = session.execute(
        select(Paper.id, Paper.verify_code).where(Paper.number == number).order_by(Paper.id).limit(9)
    )
    fits = [key for key, code in rows if hmac.compare_digest(_alike(code).encode(), _alike(typed).encode())]
    return session.get(Paper, fits[0]) if fits else None


def _alike(code: str) -> str:
    return code.translate(_LOOKS)


def tidy(number: str) -> str:
    """A number as it was typed: blanks, full-width letters and the two kinds of brackets do not matter."""
    text = "".join(unicodedata.normalize("NFKC", number).split()).upper()
    return text.translate(str.maketrans("[]【】〔〕()", "〔〕〔〕〔〕〔〕"))


def _said(paper: Paper) -> Answer | None:
    content, state = paper.content, VALID if paper.valid else VOID
    day, until = _days(paper)
    name, agency = _holder(paper), _agency(paper)
    if isinstance(content, Certificate) and content.paper_id == paper.id:
        if content.state in NOT_YET:
            return None
        state = {"voided": VOID, "replaced": REPLACED}.get(content.state, state)
    if state == VALID and until is not None and local_day(now()) > until:
        state = EXPIRED
    return Answer(state, paper.number or "", paper.title, say(day), name, agency, say(until) if until else "")


def _holder(paper: Paper) -> str:
    content = paper.content
    if isinstance(content, Certificate) and content.paper_id == paper.id:
        name = content.holder_name
    else:
        name = content.applicant.name if content.applicant is not None else ""
    return "、".join(mask_name(one) for one in name.split("、"))


def _agency(paper: Paper) -> str:
    return str(paper.data.get("agency") or paper.content.place.name)


def _days(paper: Paper) -> tuple[date, date | None]:
    content, moment = paper.content, paper.created_at
    if isinstance(content, Certificate) and content.paper_id == paper.id:
        moment = content.issued_on or moment
    day = moment.astimezone(CHINA).date()
    return day, _until(paper, day)


def _until(paper: Paper, day: date) -> date | None:
    """The last day it holds: of a certificate what was written down at its issue, of other papers what their version says."""
    from services.papers import own
    from services.papers.errors import DefinitionError

    content = paper.content
    if isinstance(content, Certificate) and content.paper_id == paper.id and content.number:
        # Written down at its issue, none for one that holds for ever: a later version of the paper changes nothing.
        return content.valid_until
    kept = _as_day(paper.data.get("valid_until"))
    try:
        # The version it was made with: what a later one says about validity is about later papers.
        validity = own.definition_of(paper).terms.validity
    except DefinitionError:
        # A kind of paper that is no longer made: what it says itself counts.
        return kept
    return validity.until(day, _as_day(paper.data.get(validity.field)) if validity.field else kept)


def _as_day(value: object) -> date | None:
    try:
        return datetime.fromisoformat(value).date() if isinstance(value, str) else None
    except ValueError:
        return None


# --- On record


def record(session: Session, said: Answer, trace: Trace, *, way: str, address: str) -> None:
    """One line for each question. Who asked cannot be known; the address is a keyed hash, the code is not kept."""
    session.add(
        PaperCheck(
            at=now(),
            result=said.state,
            way=way,
            address=address[:32],
            paper_id=trace.paper_id,
            district=trace.district,
        )
    )


def sweep(session: Session) -> int:
    """Takes away the oldest lines whose time is over, a slice at a time; answers how many."""
    old = select(PaperCheck.id).where(PaperCheck.at < now() - KEPT).order_by(PaperCheck.at).limit(SWEPT)
    gone = session.execute(
        delete(PaperCheck).where(PaperCheck.id.in_(old)).execution_options(synchronize_session=False)
    )
    return int(getattr(gone, "rowcount", 0))


@dataclass(frozen=True)
class Line:
    """One kind of paper in a period: how often it was asked about, and what was answered."""

    kind: str
    counts: dict[str, int]
    papers: int

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Figures:
    lines: list[Line]
    days: list[tuple[date, int]]
    unknown: int
    addresses: int


def figures(session: Session, actor: Actor, days: int = SHOWN_DAYS) -> Figures:
    """For the issuer: checks of the papers this actor may see, by kind and by day; misses belong to no paper and are counted apart."""
    since = now() - timedelta(days=days)
    mine = access.visible(select(Content.id), actor, Content).scalar_subquery()
    rows = session.execute(
        select(Paper.title, PaperCheck.result, func.count(), func.count(func.distinct(PaperCheck.paper_id)))
        .join(Paper, Paper.id == PaperCheck.paper_id)
        .where(PaperCheck.at >= since, Paper.content_id.in_(mine))
        .group_by(Paper.title, PaperCheck.result)
    ).all()
    kinds: dict[str, dict[str, int]] = {}
    held: dict[str, int] = {}
    for title, result, count, papers in rows:
        kinds.setdefault(title, {})[result] = count
        held[title] = held.get(title, 0) + papers
    day = china_day(session, PaperCheck.at)
    each = session.execute(
        select(day, func.count())
        .select_from(PaperCheck)
        .join(Paper, Paper.id == PaperCheck.paper_id)
        .where(PaperCheck.at >= since, Paper.content_id.in_(mine))
        .group_by(day)
        .order_by(day.desc())
    ).all()
    missed = PaperCheck.at >= since, PaperCheck.result == UNKNOWN_STATE
    unknown = session.scalar(select(func.count()).select_from(PaperCheck).where(*missed)) or 0
    addresses = session.scalar(select(func.count(func.distinct(PaperCheck.address))).where(*missed)) or 0
    lines = [Line(kind, counts, held[kind]) for kind, counts in kinds.items()]
    return Figures(
        sorted(lines, key=lambda line: -line.total),
        [(date.fromisoformat(str(when)), count) for when, count in each],
        unknown,
        addresses,
    )
