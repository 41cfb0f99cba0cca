"""证照: drafted at the approval, numbered last, frozen, sealed in a log, handed out; errors void and reissue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import ExecutableOption

from models.agency import Agency
from models.base import now
from models.case import Case
from models.paper import Certificate
from process import access, clock, engine, guards, journal, numbers, registry
from process.access import Actor
from process.refusals import Forbidden, RequirementUnmet
from process.registry import Step
from services import case_routing, files, handing_over, papers_out, print_records, unprintable
from services.catalogue_items import record_of
from services.materials import require_nothing_owed
from services.trust import seals

GRANTED = ("approved", "issued", "delivered")
OVER = ("voided", "replaced")
ISSUERS = frozenset({"certificate_issuer@origin", "all_round_worker@origin"})


def paper_kind(case: Case) -> str | None:
    """The paper that is this item's result: the one it names, or one that bears its own id."""
    from services import paper_names

    item = record_of(case.item)
    drawn = paper_names() & papers_out.known_papers()
    return next((name for name in (item.paper, item.id) if name in drawn), None)


def draft(step: Step, case: Case, *, replaces: Certificate | None = None) -> Certificate | None:
    """A certificate without a number, at the deciding unit; None when the item's result is not a paper of ours."""
    kind = paper_kind(case)
    if kind is None:
        return None
    unit = (replaces.place if replaces else None) or step.session.get(Agency, case.deciding_unit_id or "") or case.place
    certificate = Certificate(
        title=(record_of(case.item).outputs or (case.item.title,))[0],
        case_id=case.id,
        paper_kind=kind,
        holder_name=holder_name(case),
        applicant_id=case.applicant_id,
        replaces_id=replaces.id if replaces else None,
        unit_id=unit.id,
        fields={},
    )
    if replaces is not None and (replaces.private or {}).get(papers_out.CORRECTED):
        # What was once agreed to be wrong in the file must not come back with the next card.
        certificate.private = {papers_out.CORRECTED: dict((replaces.private or {})[papers_out.CORRECTED])}
        certificate.holder_name = replaces.holder_name
    certificate.case = case
    certificate.search_text = search_text(certificate)
    engine.create(
        step.session,
        certificate,
        step.actor,
        type_id="certificate",
        place=unit,
        at=step.at,
        allowed=True,
        details={"case": case.number, "because": f"{step.content.type}:{step.transition.id}"},
    )
    # Nobody owns it: drafting is a consequence, and the approver must not become its issuer by that.
    certificate.owner_id = None
    step.session.flush()
    return certificate


def search_text(certificate: Certificate) -> str:
    """What it is found by before it has a number."""
    parts = (certificate.title, certificate.holder_name, certificate.case.number)
    return " ".join(part for part in parts if part)[:500]


def holder_name(case: Case) -> str:
    """Whom the certificate is about: the applicant, or both of a couple."""
    values = case.values
    couple = [str(values[name]) for name in ("wife_name", "husband_name") if values.get(name)]
    return "、".join(couple)[:120] if len(couple) == 2 else (case.applicant.name if case.applicant else case.title)


def of_case(session: Session, case: Case) -> Certificate | None:
    """The certificate of a case that is in force or on its way."""
    return of_cases(session, [case.id]).get(case.id)


def of_cases(session: Session, ids: Sequence[int], *options: ExecutableOption) -> dict[int, Certificate]:
    """The same for a whole list in one question."""
    if not ids:
        return {}
    found = session.scalars(
        select(Certificate)
        .where(Certificate.case_id.in_(ids), Certificate.state.not_in(OVER))
        .options(*options)
        .order_by(Certificate.id)
    )
    return {one.case_id: one for one in found}


def _occasion(step: Step) -> papers_out.Occasion:
    return papers_out.Occasion(step.session, step.content, step.actor, step.at, step.inputs, step)


def _collected(step: Step) -> dict[str, Any] | None:
    """What stands on the certificate, collected once for all who ask in one step."""
    kept = step.session.info.get("collected")
    if kept is None or kept[0] is not step:
        kept = (step, papers_out.collect(_occasion(step), step.content.paper_kind))
        step.session.info["collected"] = kept
    data: dict[str, Any] | None = kept[1]
    return data


# --- Numbering


@registry.predicate("issuer_did_not_approve")
def issuer_did_not_approve(session: Session, certificate: Certificate, actor: Actor) -> bool:
    """Nor may whoever only stands in for the person who did."""
    approvers = guards.did(session, certificate.case, ("approve",))
    if actor.person_id in approvers:
        return False
    own = actor.without_posts_of(approvers)
    return own is actor or not access.tokens(certificate, own).isdisjoint(ISSUERS)


@registry.requirement("case_approved")
def case_approved(step: Step) -> None:
    case = step.content.case
    if case.state not in GRANTED:
        raise RequirementUnmet(f"办件 {case.number} 还没有审批同意，不能编号。请先审核、审批。")


@registry.requirement("fields_complete")
def fields_complete(step: Step) -> None:
    """Everything a certificate needs is there before a number is spent on it."""
    from services.papers import values
    from services.papers.definition import load

    certificate: Certificate = step.content
    paper = load(certificate.paper_kind)
    data = _collected(step) or {}
    lacking = [(name, label) for name, label in values.missing_fields(paper, {**data, "number": "0"})]
    if lacking:
        raise RequirementUnmet(
            f"“{paper.title_zh}”还缺：{'、'.join(label for _, label in lacking)}。请在这张证照上“申请更正”，写上缺的内容，由审批人同意后再编号。",
            {name: f"缺“{label}”" for name, label in lacking},
        )
    wrong = values.problems(paper, papers_out.with_pictures(papers_out.plain(data)))
    if wrong:
        raise RequirementUnmet(
            "；".join(sentence for _, sentence in wrong) + "。请在这张证照上“申请更正”，由审批人同意后再编号。",
            dict(wrong),
        )
    unprintable.require_room(
        paper,
        papers_out.plain(data),
        step.inputs,
        "请在这张证照上“申请更正”，写短一些，由审批人同意后再编号。",
    )
    _letters(certificate)


@registry.requirement("glyphs_present")
def glyphs_present(step: Step) -> None:
    """A character nobody can print stops here, before the number."""
    from services.papers import glyphs
    from services.papers.definition import load

    certificate: Certificate = step.content
    found = glyphs.check(
        load(certificate.paper_kind),
        papers_out.plain(_collected(step) or {}),
    )
    if found:
        raise RequirementUnmet(
            "；".join(glyph.sentence for glyph in found) + "。",
            {glyph.field: f"“{glyph.char}”（{glyph.codepoint}）没有可用字形" for glyph in found},
        )


@registry.effect("freeze_certificate")
def freeze_certificate(step: Step) -> None:
    """Collects, then draws the number, then freezes: the counter is touched only when nothing can fail any more."""
    certificate: Certificate = step.content
    occasion = _occasion(step)
    data = _collected(step)
    assert data is not None, "fields_complete has read the same data"
    letters, street = (
        _letters(certificate),
        case_routing.above(certificate.place, "street", "town") or certificate.place,
    )
    year, value = numbers.draw(step.session, letters, street.id, step.at)
    number = numbers.certificate(letters, street.code, year, value)
    paper = papers_out.freeze(occasion, certificate.paper_kind, {**data, "number": number})
    # All at once and after the paper, so that a batch of a thousand writes each row once.
    certificate.number, certificate.paper_id = number, paper.id
    certificate.issued_on, certificate.valid_until = step.at, last_day(certificate, data, step.at)
    certificate.search_text = f"{number} {certificate.search_text}"[:500]
    step.details["number"] = number


def last_day(certificate: Certificate, data: dict[str, Any], at: datetime) -> date | None:
    """Until when it holds: the paper's own term, or the earlier day that one of its fields names."""
    from services.papers.definition import load

    validity = load(certificate.paper_kind).terms.validity
    named = data.get(validity.field) if validity.field else None
    if isinstance(named, str):
        named = date.fromisoformat(named[:10])
    return validity.until(clock.local_day(at), named.date() if isinstance(named, datetime) else named)


def has_expired(certificate: Certificate) -> bool:
    """已过期: the last day it held is over; derived, never stored."""
    return certificate.valid_until is not None and certificate.valid_until < clock.local_day(now())


def _letters(certificate: Certificate) -> str:
    from services.papers.definition import in_force

    own = in_force.get(certificate.paper_kind)
    # A paper of the office's own may bring its letters along for an item that had none.
    letters = record_of(certificate.case.item).number_series or (own.series if own is not None else None)
    if not letters:
        raise RequirementUnmet(f"“{certificate.case.item.title}”没有设定证照编号的字头，不能编号。请事项管理员先补上。")
    return letters


# --- Seal, print, issue


@registry.effect("log_seal")
def log_seal(step: Step) -> None:
    """用印登记: who, which case, when, why — a row of its own beside the step."""
    certificate: Certificate = step.content
    reason = step.inputs.get("reason") or f"制发{certificate.title}"
    journal.record(
        step.session,
        "seal:use",
        step.actor,
        content=certificate,
        comment=reason,
        on_behalf_of=step.on_behalf_of,
        at=step.at,
        details={"case": certificate.case.number, "certificate": certificate.number, "seal": _seal(certificate)},
    )
    seals.note_use(step, certificate, reason)


def _seal(certificate: Certificate) -> str:
    from services.papers.definition import load

    return load(certificate.paper_kind).seal


@registry.requirement("paper_ready")
def paper_ready(step: Step) -> None:
    certificate: Certificate = step.content
    paper = certificate.paper
    if paper is None or paper.status == papers_out.WAITING:
        # A seal platform that is silent has its own sentence.
        raise RequirementUnmet((paper.error if paper else None) or "证照文件正在生成，请过几秒再办。")
    if paper.status == papers_out.FAILED:
        raise RequirementUnmet(f"证照文件没有生成：{paper.error or '原因不明'}。请作废后更正重发，或请管理员重新生成。")


@registry.effect("count_print")
def count_print(step: Step) -> None:
    """Every print is a row with printer, copies and person; one more than the free reprints has a second person."""
    made = print_records.count(step.session, step.content, step.actor, step.transition.id == "reprint", step.inputs)
    step.details |= {"print": made.paper.prints, "paper": made.paper.uid, "copies": made.copies}
    if made.printer:
        step.details["printer"] = made.printer


@registry.requirement("nothing_owed_on_case")
def nothing_owed_on_case(step: Step) -> None:
    require_nothing_owed(step.session, step.content.case)


@registry.effect("release_certificate")
def release_certificate(step: Step) -> None:
    """From now on the check page confirms it and the station that filed may hand it out."""
    certificate: Certificate = step.content
    if not issuer_did_not_approve(step.session, certificate, step.actor):
        raise Forbidden("“发证”必须由另一个人办：您已办过这件的“审批同意”。请转给同事。")
    case = certificate.case
    if case.place_id != certificate.place_id:
        engine.add_place(step, certificate, "addressee", case.place)
    engine.follow(step, case, "issue")


# --- Handing out, voiding, replacing


@registry.predicate("card_here")
def card_here(session: Session, certificate: Certificate, actor: Actor) -> bool:
    """A card that travels with a ticket is handed out by whoever holds the case, as the case itself is."""
    case = certificate.case
    return case.state != "issued" or case_routing.papers_here(session, case, actor)


@registry.effect("certificate_delivered")
def certificate_delivered(step: Step) -> None:
    certificate: Certificate = step.content
    applicant = certificate.applicant.name if certificate.applicant else certificate.holder_name
    certificate.collector = (step.inputs.get("collector") or applicant)[:120]
    if step.inputs.get("signature"):
        document = files.store_signature(step.session, certificate, step.actor, step.inputs["signature"], "领取人签名")
        certificate.fields = {**(certificate.fields or {}), "_signature": document.id}
    handing_over.keep(step)
    engine.follow(step, certificate.case, "deliver", collector=certificate.collector)


@registry.effect("void_paper")
def void_paper(step: Step) -> None:
    """The number stays listed; the check page says what became of it."""
    certificate: Certificate = step.content
    if certificate.paper is not None:
        certificate.paper.valid = False
    step.details["number"] = certificate.number


@registry.effect("draft_replacement")
def draft_replacement(step: Step) -> None:
    """A lost certificate, or on request a wrong one, is followed by one with a new number that names the old one."""
    certificate: Certificate = step.content
    # A case that was approved and has nothing in hand yet keeps its claim to a certificate.
    owed = certificate.case.state == "approved"
    if step.transition.id == "void" and not (owed or step.inputs.get("reissue")):
        return
    new = draft(step, certificate.case, replaces=certificate)
    if new is not None:
        step.details["replacement"] = new.uid


def chain(certificate: Certificate) -> list[dict[str, Any]]:
    """This certificate and those it replaced, newest first."""
    found: list[dict[str, Any]] = []
    here: Certificate | None = certificate
    while here is not None:
        found.append({"uid": here.uid, "number": here.number, "state": here.state})
        here = here.replaces
    return found
