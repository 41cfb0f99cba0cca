"""Papers that go out: frozen in the step that makes them, drawn later, kept by hash, confirmed to whoever asks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.paper import Document, Paper
from process import access, journal, outbox, registry
from process.access import Actor
from process.numbers import CHINA
from process.refusals import Forbidden, NotAvailable, NotFound, RequirementUnmet
from process.registry import Step
from services import files
from services.trust import checks, claims, sealing

RENDER = "papers.render"
# How a stored picture stands in frozen data until the paper is drawn.
PICTURE = "$document"
NOT_KNOWN = "未登记"
WAITING, READY, FAILED = "waiting", "ready", "failed"


@dataclass(frozen=True)
class Occasion:
    """Why a paper is made: the thing, who made it when, and what was typed at that step."""

    session: Session
    content: Any
    actor: Actor
    at: datetime
    inputs: dict[str, Any] = field(default_factory=dict)
    step: Step | None = None
    draft: bool = False


DataFor = Callable[[Occasion], "dict[str, Any] | None"]
_data_for: dict[str, DataFor] = {}
_numbered: dict[str, Callable[[Occasion, dict[str, Any]], str]] = {}
# Where what is agreed to be wrong on a certificate stands, for the next one and all that follow it.
CORRECTED = "_corrected"
# Papers frozen by a batch are drawn by the batch; None: each has an outbox row of its own.
_together: ContextVar[list[int] | None] = ContextVar("together", default=None)
# What the papers say about this installation; set once when the application is made.
_base_url, _demo = "", False


def configure(base_url: str, *, demo: bool) -> None:
    """The public address that QR codes lead to, and whether seals are marked 样章."""
    global _base_url, _demo
    _base_url, _demo = base_url.rstrip("/"), demo


def base_url() -> str:
    return _base_url


def is_demo() -> bool:
    """Whether what this installation prints holds invented examples."""
    return _demo


def data_for(paper_id: str) -> Callable[[DataFor], DataFor]:
    """Registers the function that collects the fields of a paper; None means this occasion needs no such paper."""

    def keep(function: DataFor) -> DataFor:
        assert paper_id not in _data_for, f"data for {paper_id} are collected twice"
        _data_for[paper_id] = function
        return function

    return keep


def numbered_by(paper_id: str) -> Callable[[Callable[[Occasion, dict[str, Any]], str]], Any]:
    """Registers how a paper gets its number; called last, when everything else is known to be right."""

    def keep(function: Callable[[Occasion, dict[str, Any]], str]) -> Any:
        _numbered[paper_id] = function
        return function

    return keep


def known_papers() -> frozenset[str]:
    """Every paper there are data for; one that the office has added itself takes them from its case."""
    from services.papers import definition

    return frozenset(_data_for) | frozenset(definition.in_force)


def collect(occasion: Occasion, paper_id: str) -> dict[str, Any] | None:
    """The fields of a paper from what was written down once; nothing is asked here."""
    from services import papers_generic
    from services.papers import definition

    own = definition.in_force.get(paper_id)
    if paper_id not in _data_for and own is None:
        raise RequirementUnmet(f"文书“{paper_id}”还没有接上数据，不能打印，请联系管理员。")
    data = _data_for[paper_id](occasion) if paper_id in _data_for else {}
    if data is not None and own is not None:
        data = papers_generic.completed(occasion, own, data)
    corrected = (getattr(occasion.content, "private", None) or {}).get(CORRECTED)
    if data is not None and corrected and getattr(occasion.content, "paper_kind", "") == paper_id:
        data |= {
            name: value for name, value in corrected.items() if name in data or definition.load(paper_id).has(name)
        }
    return data


def make(step: Step, paper_id: str) -> Paper | None:
    """Freezes a paper into the running transaction; the worker draws it after the commit."""
    occasion = Occasion(step.session, step.content, step.actor, step.at, step.inputs, step)
    data = collect(occasion, paper_id)
    if data is None:
        return None
    data = printable(occasion, paper_id, data, step.details)
    if paper_id in _numbered:
        data["number"] = _numbered[paper_id](occasion, data)
    return freeze(occasion, paper_id, data)


def printable(occasion: Occasion, paper_id: str, data: dict[str, Any], details: dict[str, Any]) -> dict[str, Any]:
    """Stops here, before a number is spent, when a character has no glyph; what was agreed to be written by hand is on record."""
    from services import unprintable
    from services.papers.definition import load

    settled = unprintable.settle(load(paper_id), plain(data), occasion.inputs)
    if not settled.by_hand:
        return data
    details["by_hand"] = sorted({*details.get("by_hand", ()), *settled.by_hand})
    return settled.data


def make_paper(step: Step, paper_id: str) -> None:
    make(step, paper_id)


registry.make_paper = make_paper


def print_now(session: Session, content: Content, actor: Actor, paper_id: str, at: datetime | None = None) -> Paper:
    """Freezes a paper that no step makes by itself, such as the signed letter for the file; the journal says who."""
    if not access.may(actor, "print", content, session):
        raise Forbidden("这件的文书不由您打印，请找经手的窗口。")
    if paper_id in _numbered:
        raise NotAvailable("这种文书由办理步骤自动生成并编号，不能另外打印。")
    occasion = Occasion(session, content, actor, at or now())
    data = collect(occasion, paper_id)
    if data is None:
        raise NotFound("这件现在没有这种文书。")
    details: dict[str, Any] = {"paper": paper_id}
    paper = freeze(occasion, paper_id, printable(occasion, paper_id, data, details))
    journal.record(session, "paper:print", actor, content=content, details=details, at=occasion.at)
    return paper


def freeze(occasion: Occasion, paper_id: str, data: dict[str, Any]) -> Paper:
    """Writes data and template version down and puts the drawing into the outbox."""
    from services.papers import own
    from services.papers.definition import load

    definition = load(paper_id)
    own.keep(occasion.session, definition)
    content: Content = occasion.content
    data = {**data, **_blanks(definition, data)}
    paper = Paper(
        content_id=content.id,
        paper=paper_id,
        paper_version=definition.version,
        title=definition.title_zh,
        number=data.get("number") or None,
        data=plain(data),
        created_by_id=occasion.actor.person_id,
        created_at=occasion.at,
        status=WAITING,
    )
    occasion.session.add(paper)
    occasion.session.flush()
    together = _together.get()
    if together is None:
        outbox.put(occasion.session, RENDER, district=content.district, paper_id=paper.id)
    else:
        together.append(paper.id)
    if occasion.step is not None:
        occasion.step.details.setdefault("papers", []).append(paper_id)
    return paper


@contextmanager
def drawn_together() -> Iterator[list[int]]:
    """Whoever freezes many papers at once draws them too; the ids of those frozen inside are collected."""
    papers: list[int] = []
    token = _together.set(papers)
    try:
        yield papers
    finally:
        _together.reset(token)


def _blanks(definition: Any, data: dict[str, Any]) -> dict[str, Any]:
    """A letter says 未登记 where nobody knew a phone or address; it must not stop the step it tells of."""
    kinds = ("text", "person_name", "phone", "address", "id_number")
    return {
        one.name: NOT_KNOWN
        for one in definition.fields
        if one.required == "always" and one.kind in kinds and not data.get(one.name)
    }


def picture(document: Document | None) -> dict[str, Any] | None:
    """A stored signature or photo as a field of a paper."""
    return {PICTURE: {"key": document.storage_key, "sha256": document.sha256}} if document is not None else None


# --- Drawing


@dataclass(frozen=True)
class Sheet:
    """Everything needed to draw a paper without a database."""

    paper: str
    version: str
    data: dict[str, Any]
    verify_url: str
    at: datetime | None = None
    # Where the version it was frozen with lies, when another one is in force by now.
    root: str = ""

    @property
    def definition(self) -> Any:
        """The paper in the version it was frozen with."""
        from services.papers.definition import load, shipped

        return shipped(self.paper, Path(self.root)) if self.root else load(self.paper)


def sheet_of(paper: Paper) -> Sheet:
    from services.papers import own

    root = own.root_of(paper)
    return Sheet(paper.paper, paper.paper_version, dict(paper.data), verify_url(paper), paper.created_at, root)


def verify_url(paper: Paper) -> str:
    """Where the square code leads; what the resident takes home carries its facts signed behind the #, for checks without a network."""
    address = f"{_base_url or 'http://127.0.0.1:8000'}/verify/{paper.verify_code}"
    if not sealing.claimed(paper):
        return address
    return f"{address}#{claims.write(paper.verify_code, checks.facts_of(paper))}"


def draw(sheet: Sheet) -> bytes:
    """Fills in the prepared paper or lays it out in the limited child, and signs it where its definition says so."""
    from services.papers.prepared import issuing

    definition = sheet.definition
    drawn = issuing.render(definition, with_pictures(sheet.data), verify_url=sheet.verify_url, demo=_demo)
    return sealing.sign(drawn, definition, sheet.at)


def fields_only(sheet: Sheet) -> bytes:
    """The fields alone, for stock whose frame is printed already; nothing is stored, the paper stays what it is."""
    from services.papers import renderer

    return renderer.render(
        sheet.definition,
        with_pictures(sheet.data),
        draft=False,
        verify_url=sheet.verify_url,
        demo=_demo,
        fields_only=True,
    )


def keep(paper: Paper, content: bytes) -> None:
    """Stores the bytes; from now on a print serves exactly these."""
    paper.storage_key = files.store().put(content, "application/pdf")
    paper.sha256, paper.size = hashlib.sha256(content).hexdigest(), len(content)
    paper.status, paper.error, paper.rendered_at = READY, None, now()


def keep_or_wait(session: Session, paper: Paper, content: bytes) -> None:
    """Keeps what was drawn and signed; where a seal platform signs, the paper waits for it."""
    if not sealing.hand_over(session, paper, content):
        keep(paper, content)


def render_paper(session: Session, paper_id: int) -> Paper | None:
    """Draws a paper once; done twice it finds the bytes and stops. A paper that can never be drawn says why at once."""
    paper = session.get(Paper, paper_id, with_for_update=True)
    if paper is None or paper.status == READY:
        return paper
    from services.papers.errors import InvalidPaperData, MissingGlyphs

    try:
        content = draw(sheet_of(paper))
    except (InvalidPaperData, MissingGlyphs) as refusal:
        give_up(session, paper_id, refusal.detail)
        return paper
    keep_or_wait(session, paper, content)
    session.flush()
    return paper


def give_up(session: Session, paper_id: int, sentence: str) -> None:
    """Writes on the paper, where a clerk sees it, why there is no PDF."""
    paper = session.get(Paper, paper_id, with_for_update=True)
    if paper is not None and paper.status != READY:
        paper.status, paper.error = FAILED, sentence[:1000]
        session.flush()


def draw_again(session: Session, paper: Paper) -> None:
    """After a failure was mended: back into the outbox with the same frozen data."""
    if paper.status == FAILED:
        paper.status, paper.error = WAITING, None
        outbox.put(session, RENDER, paper_id=paper.id)
        session.flush()


def draft_pdf(session: Session, content: Content, paper_id: str, actor: Actor) -> bytes:
    """样张: the paper as it would look now, without a number and not to be verified."""
    from services.papers import renderer
    from services.papers.definition import load

    data = collect(Occasion(session, content, actor, now(), draft=True), paper_id)
    if data is None:
        raise NotFound("这件现在没有这种文书可以预览。")
    return renderer.render(load(paper_id), with_pictures(plain(data)), draft=True, verify_url=None, demo=_demo)


def pdf(paper: Paper) -> bytes:
    """The frozen bytes; a paper not drawn yet says how it stands."""
    if paper.status == FAILED:
        raise RequirementUnmet(f"“{paper.title}”没有生成：{paper.error or '原因不明'}")
    if paper.status != READY or paper.storage_key is None:
        raise RequirementUnmet(f"“{paper.title}”正在生成，请过几秒刷新再看。")
    return files.store().read(paper.storage_key)


# --- Confirming: the check page and what it may say are services/trust/checks.py


Answer = checks.Answer
UNKNOWN = checks.UNKNOWN


def verify(session: Session, code: str) -> Answer:
    """The answer of the check page to a code from a QR or typed in groups of four."""
    return checks.answer(session, code)[0]


def plain(value: Any) -> Any:
    """What JSON can hold: dates in ISO form, China time."""
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(CHINA).isoformat()
    return value.isoformat() if hasattr(value, "isoformat") else value


def with_pictures(value: Any) -> Any:
    """The frozen data with the stored pictures read back as bytes."""
    if isinstance(value, dict):
        if set(value) == {PICTURE}:
            return files.store().read(value[PICTURE]["key"])
        return {name: with_pictures(one) for name, one in value.items()}
    return [with_pictures(one) for one in value] if isinstance(value, list) else value
