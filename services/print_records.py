"""Every print is one row: which paper, on which printer, how many, by whom; one too many needs a second person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.blank import Blank
from models.content import Content
from models.paper import Certificate, Paper
from models.print_batch import PrintBatch
from models.print_record import PrintRecord, ReprintRequest
from models.printer import PrintRule
from process import access, journal, registry
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Conflict, Forbidden, InvalidInput, NotFound, RequirementUnmet
from process.registry import Step
from services import print_desk
from services.papers import own

# A proposal until the office decides (print_rule).
FREE_REPRINTS = 2
MOST_COPIES = 9
SHORTEST_REASON = 2


@dataclass(frozen=True)
class Printing:
    """What the steps of a batch are printed with."""

    batch: PrintBatch | None = None
    printer: str = ""
    copies: int = 1
    fields_only: bool = False
    blank: Blank | None = None


_now_printing: ContextVar[Printing | None] = ContextVar("now_printing", default=None)


@contextmanager
def printing(what: Printing) -> Iterator[None]:
    """The prints counted inside were made this way."""
    token = _now_printing.set(what)
    try:
        yield
    finally:
        _now_printing.reset(token)


def count(
    session: Session, certificate: Certificate, actor: Actor, again: bool, inputs: Mapping[str, Any]
) -> PrintRecord:
    """Counts one print of a certificate inside its step."""
    paper = certificate.paper
    assert paper is not None, "paper_ready has looked"
    what = _now_printing.get() or Printing(
        printer=str(inputs.get("printer") or ""), copies=copies_of(inputs.get("copies"))
    )
    return record(session, paper, certificate, actor, what, again=again, reason=str(inputs.get("comment") or ""))


def copies_of(value: Any) -> int:
    """How many copies; not given is one."""
    if value in (None, ""):
        return 1
    try:
        copies = int(str(value))
    except ValueError as error:
        raise InvalidInput("份数请填 1 到 9 的整数。", {"copies": "请填 1 到 9 的整数"}) from error
    if not 1 <= copies <= MOST_COPIES:
        raise InvalidInput("份数请填 1 到 9 的整数。", {"copies": "请填 1 到 9 的整数"})
    return copies


def record(
    session: Session,
    paper: Paper,
    content: Content,
    actor: Actor,
    what: Printing,
    *,
    again: bool = False,
    reason: str = "",
) -> PrintRecord:
    """Writes one print down and counts it on the paper, under the paper's lock."""
    _require_printer_of(paper, content, actor)
    # Two presses at once are two prints: the count is read again under the row's lock.
    session.refresh(paper, ["prints"], with_for_update=True)
    agreed = _use_agreement(session, paper, actor) if again and needs_second(session, paper, content) else None
    paper.prints += 1
    made = PrintRecord(
        district=content.district,
        paper_id=paper.id,
        content_id=content.id,
        unit_id=content.place_id,
        unit_path=content.place_path,
        person_id=actor.person_id,
        batch_id=what.batch.id if what.batch else None,
        printer=what.printer[:60],
        copies=what.copies,
        again=again,
        reason=reason[:200],
        agreed_by_id=agreed.answered_by_id if agreed else None,
        fields_only=what.fields_only,
        blank_id=what.blank.id if what.blank else None,
        sha256=paper.sha256 or "",
        at=now(),
    )
    made.paper = paper
    session.add(made)
    session.flush()
    return made


def _require_printer_of(paper: Paper, content: Content, actor: Actor) -> None:
    """The process says who may print a thing, the paper's own list who may print this one of its papers."""
    allowed = own.definition_of(paper).who_may_print
    if allowed.isdisjoint(access.tokens(content, actor)):
        raise Forbidden(f"“{paper.title}”不由您打印，可以打印的是：{printers_named(allowed)}。")


def printers_named(roles: Iterable[str]) -> str:
    """Who may print, in words of people."""
    known = catalogue.roles()
    return "、".join(known[role].name if role in known else role for role in sorted(roles))


def first_print(session: Session, certificate: Certificate, actor: Actor, what: Printing) -> PrintRecord:
    """The first print of a certificate that was issued before anybody printed it: no step, but the same row."""
    paper = certificate.paper
    assert paper is not None, "asked before"
    if not access.may(actor, "print", certificate, session):
        raise Forbidden("这张证照不由您打印，请找发证的窗口。")
    if not paper.valid:
        raise RequirementUnmet("这张证照已作废或已补发，不能再打印。")
    made = record(session, paper, certificate, actor, what)
    journal.record(
        session,
        "paper:print",
        actor,
        content=certificate,
        details={"paper": paper.paper, "print": paper.prints, "copies": what.copies}
        | ({"printer": what.printer} if what.printer else {}),
    )
    return made


def already_printed(session: Session, paper: Paper) -> Conflict:
    """The sentence for whoever wants the first print of what was printed meanwhile."""
    last = next(iter(of_paper(session, paper)), None)
    who = f"{last.person.name}已打印" if last is not None and last.person is not None else "已经打印"
    return Conflict(f"{who}过这张证照，这一批不再打。要再打一份，请到这张证照的页面补打并写明原因。")


# --- Reprints


def free_reprints(session: Session, unit: Agency | None) -> int:
    """How many reprints need nobody's word, as the unit or one above it has set."""
    here = unit
    while here is not None:
        rule = session.get(PrintRule, here.id)
        if rule is not None:
            return rule.free_reprints
        here = here.parent
    return FREE_REPRINTS


def set_rule(session: Session, actor: Actor, unit_id: str, value: Any) -> PrintRule:
    """The head or the administrator sets how many reprints are free."""
    unit = print_desk.unit(session, actor, unit_id, print_desk.RULERS)
    try:
        wanted = int(str(value))
    except ValueError as error:
        raise InvalidInput("次数请填 0 到 20 的整数。", {"free_reprints": "请填 0 到 20 的整数"}) from error
    if not 0 <= wanted <= 20:
        raise InvalidInput("次数请填 0 到 20 的整数。", {"free_reprints": "请填 0 到 20 的整数"})
    rule = session.get(PrintRule, unit.id) or PrintRule(unit_id=unit.id)
    before = rule.free_reprints if rule.free_reprints is not None else None
    rule.free_reprints, rule.changed_by_id, rule.changed_at = wanted, actor.person_id, now()
    session.add(rule)
    session.flush()
    journal.record(
        session, "print:rule", actor, stream="system", details={"unit": unit.id, "before": before, "after": wanted}
    )
    return rule


def reprints(session: Session, paper: Paper) -> int:
    """How often it was reprinted."""
    return session.scalar(select(func.count()).where(PrintRecord.paper_id == paper.id, PrintRecord.again)) or 0


def needs_second(session: Session, paper: Paper, content: Content) -> bool:
    """Whether the next reprint needs a second person's word."""
    return reprints(session, paper) >= free_reprints(session, content.place)


@registry.requirement("reprint_allowed")
def reprint_allowed(step: Step) -> None:
    certificate: Certificate = step.content
    copies_of(step.inputs.get("copies"))
    if len((step.inputs.get("comment") or "").strip()) < SHORTEST_REASON:
        raise InvalidInput("请写明补打原因，例如“打印机卡纸”。", {"comment": "请写明补打原因"})
    paper = certificate.paper
    assert paper is not None, "paper_ready has looked"
    if needs_second(step.session, paper, certificate) and agreement(step.session, paper, step.actor) is None:
        free = free_reprints(step.session, certificate.place)
        raise RequirementUnmet(
            f"这张证照已补打 {reprints(step.session, paper)} 次，超过 {free} 次要另一个人同意。"
            "请在“打印台—补打”里写明原因提出申请，同意后再补打。"
        )


def agreement(session: Session, paper: Paper, actor: Actor) -> ReprintRequest | None:
    """The second person's word that this person has and has not used."""
    return session.scalar(
        select(ReprintRequest)
        .where(
            ReprintRequest.paper_id == paper.id,
            ReprintRequest.status == "agreed",
            ReprintRequest.asked_by_id == actor.person_id,
        )
        .order_by(ReprintRequest.id)
        .limit(1)
    )


def pending(session: Session, paper: Paper, actor: Actor) -> ReprintRequest | None:
    """This person's latest request for this paper, whatever was said to it."""
    return session.scalar(
        select(ReprintRequest)
        .where(ReprintRequest.paper_id == paper.id, ReprintRequest.asked_by_id == actor.person_id)
        .order_by(ReprintRequest.id.desc())
        .limit(1)
    )


def _use_agreement(session: Session, paper: Paper, actor: Actor) -> ReprintRequest | None:
    found = agreement(session, paper, actor)
    if found is not None:
        session.refresh(found, with_for_update=True)
        if found.status != "agreed":
            raise Conflict("这次补打的同意刚才已用掉，请重新申请。")
        found.status = "used"
    return found


def ask(session: Session, actor: Actor, certificate: Certificate, reason: Any) -> ReprintRequest:
    """Asks for one more copy than the free ones."""
    paper = certificate.paper
    if paper is None or actor.person_id is None:
        raise NotFound()
    if not access.may(actor, "print", certificate, session) or actor.resident_id is not None:
        raise Forbidden("这张证照的补打不由您办理，请找发证的窗口。")
    why = print_desk.reason(reason, "补打原因")
    if not needs_second(session, paper, certificate):
        raise InvalidInput("这张证照还可以直接补打，不用另一个人同意。")
    waits = session.scalar(
        select(ReprintRequest.id).where(
            ReprintRequest.paper_id == paper.id,
            ReprintRequest.asked_by_id == actor.person_id,
            ReprintRequest.status.in_(("asked", "agreed")),
        )
    )
    if waits is not None:
        raise Conflict("您已为这张证照提出过补打申请，请等另一个人答复，或把同意的那一次先用掉。")
    made = ReprintRequest(
        district=certificate.district,
        paper_id=paper.id,
        unit_id=certificate.place_id,
        unit_path=certificate.place_path,
        reason=why,
        asked_by_id=actor.person_id,
        asked_at=now(),
    )
    session.add(made)
    session.flush()
    journal.record(session, "paper:ask_reprint", actor, content=certificate, comment=why, details={"paper": paper.uid})
    return made


def answer(session: Session, actor: Actor, uid: str, agree: bool, words: Any) -> ReprintRequest:
    """The second person's word; nobody answers their own request."""
    found = session.scalar(select(ReprintRequest).where(ReprintRequest.uid == uid).with_for_update())
    if found is None or not print_desk.works_at(actor, found.unit_path, print_desk.SECONDS):
        raise NotFound()
    if found.asked_by_id == actor.person_id or actor.acting_for == found.asked_by_id:
        raise Forbidden("补打要由另一个人同意：这是您自己提出的申请，请转给同事。")
    if found.status != "asked":
        raise Conflict("这个申请刚才已有人答复。请刷新再看。")
    said = print_desk.reason(words, "不同意的原因") if not agree else clean_text(words or "", 200)
    found.status = "agreed" if agree else "refused"
    found.answered_by_id, found.answered_at, found.answer = actor.person_id, now(), said
    session.flush()
    journal.record(
        session,
        "paper:agree_reprint" if agree else "paper:refuse_reprint",
        actor,
        content=found.paper.content,
        comment=said or None,
        details={"paper": found.paper.uid},
    )
    return found


def asked(session: Session, actor: Actor) -> Sequence[ReprintRequest]:
    """What waits for a second person here, oldest first."""
    return session.scalars(
        select(ReprintRequest)
        .where(
            ReprintRequest.status == "asked",
            print_desk.within(ReprintRequest.unit_path, actor, print_desk.SECONDS | print_desk.DESK),
        )
        .options(joinedload(ReprintRequest.paper).joinedload(Paper.content), joinedload(ReprintRequest.asked_by))
        .order_by(ReprintRequest.id)
        .limit(100)
    ).all()


def history(
    session: Session, actor: Actor, *, before: int | None = None, again: bool = False, limit: int = 50
) -> Sequence[PrintRecord]:
    """The prints of one's units, newest first."""
    statement = select(PrintRecord).where(print_desk.within(PrintRecord.unit_path, actor, print_desk.LOOKERS))
    if before is not None:
        statement = statement.where(PrintRecord.id < before)
    if again:
        statement = statement.where(PrintRecord.again)
    return session.scalars(
        statement.options(
            joinedload(PrintRecord.paper),
            joinedload(PrintRecord.content),
            joinedload(PrintRecord.person),
            joinedload(PrintRecord.agreed_by),
            joinedload(PrintRecord.blank),
        )
        .order_by(PrintRecord.id.desc())
        .limit(limit)
    ).all()


def of_paper(session: Session, paper: Paper) -> Sequence[PrintRecord]:
    """Every print of one paper, oldest first."""
    return session.scalars(
        select(PrintRecord)
        .where(PrintRecord.paper_id == paper.id)
        .options(joinedload(PrintRecord.person), joinedload(PrintRecord.agreed_by), joinedload(PrintRecord.blank))
        .order_by(PrintRecord.id)
    ).all()
