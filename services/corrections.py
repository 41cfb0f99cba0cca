"""更正: the holder or a clerk says what is wrong on a certificate, another person agrees, the old one is replaced by a new one.

On a draft nothing was given out yet: what two people agreed on simply stands on it when it is numbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.base import now
from models.correction import Correction
from models.paper import Certificate
from process import access, engine, journal, registry
from process.access import Actor
from process.identity import IdNumber, InvalidIdNumber
from process.refusals import Conflict, Forbidden, InvalidInput, NotAvailable, NotFound, RequirementUnmet
from process.registry import Step
from services import certificates, papers_out, print_desk

CORRECTABLE = ("text", "lines", "date", "person_name", "id_number", "phone", "address", "integer")
# What the office itself writes: wrong there is voided and issued anew, nobody asks for it.
OURS = frozenset({"number", "issued_on", "registered_on", "agency", "handler_name", "valid_until", "period_to"})
CLERKS = ("certificate_issuer", "window_clerk", "all_round_worker", "community_clerk")
DRAFT = "drafted"
OPEN_STATES = (DRAFT, "issued", "delivered")
MOST_CHANGES = 12


@dataclass(frozen=True)
class Line:
    """One field of a certificate that may be wrong or lacking, with what stands there now."""

    name: str
    label: str
    kind: str
    value: str
    sensitive: bool


def lines(session: Session, certificate: Certificate, actor: Actor) -> list[Line]:
    """The fields that may be asked to be corrected, as they stand on the paper, or as they would stand on a draft."""
    data = _as_it_stands(session, certificate, actor)
    return [
        Line(one.name, one.label, one.kind, _shown(data.get(one.name)), one.kind == "id_number")
        for one in _definition(certificate).fields
        if one.kind in CORRECTABLE and one.name not in OURS and not one.source.startswith("settings.")
    ]


def _definition(certificate: Certificate) -> Any:
    """The paper as it was frozen; of a draft, the one in force."""
    from services.papers import own
    from services.papers.definition import load

    paper = certificate.paper
    return own.definition_of(paper) if paper is not None else load(certificate.paper_kind)


def _as_it_stands(session: Session, certificate: Certificate, actor: Actor) -> dict[str, Any]:
    if certificate.paper is not None:
        return dict(certificate.paper.data)
    occasion = papers_out.Occasion(session, certificate, actor, now(), draft=True)
    data: dict[str, Any] = papers_out.plain(papers_out.collect(occasion, certificate.paper_kind) or {})
    return data


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def may_ask(session: Session, certificate: Certificate, actor: Actor) -> bool:
    """The holder of the certificate, and the clerks who made it or hand it out."""
    if certificate.state not in OPEN_STATES or not access.may(actor, access.VIEW_FULL, certificate, session):
        return False
    if actor.resident_id is not None and actor.resident_id == certificate.applicant_id:
        return True
    paths = [certificate.place_path, *(p.place_path for p in certificate.places if p.until is None)]
    return any(print_desk.works_at(actor, path, frozenset(CLERKS)) for path in paths)


def ask(session: Session, actor: Actor, certificate: Certificate, wanted: Mapping[str, Any], reason: Any) -> Correction:
    """Writes a request down: only what differs counts, and what could not be printed is refused at once."""
    if not may_ask(session, certificate, actor) or actor.person_id is None:
        raise NotAvailable("这张证照现在不能申请更正：要还没编号，或已发证、未作废，并由持证人本人或经手的窗口提出。")
    if open_request(session, certificate) is not None:
        raise Conflict("这张证照已有一个更正申请在等审核，请等它有了结果再提。")
    why = print_desk.reason(reason, "更正原因", 500)
    changes = _changes(session, actor, certificate, wanted)
    made = Correction(
        district=certificate.district,
        certificate_id=certificate.id,
        changes=changes,
        reason=why,
        asked_by_id=actor.person_id,
        asked_at=now(),
    )
    session.add(made)
    session.flush()
    journal.record(
        session,
        "certificate:ask_correction",
        actor,
        content=certificate,
        # Which fields, never what stands in them: the journal is for ever.
        details={"correction": made.uid, "fields": [one["field"] for one in changes]},
    )
    return made


def _changes(
    session: Session, actor: Actor, certificate: Certificate, wanted: Mapping[str, Any]
) -> list[dict[str, str]]:
    from services.papers import fitting, glyphs, values
    from services.papers.text import normalise

    paper, errors, changes = _definition(certificate), dict[str, str](), []
    for line in lines(session, certificate, actor):
        raw = wanted.get(line.name)
        if raw is None:
            continue
        new = normalise(str(raw)) if line.kind != "lines" else str(raw).strip()
        if new == "" or new == line.value:
            continue
        problem = _wrong(line, new)
        if problem:
            errors[line.name] = problem
        else:
            changes.append({"field": line.name, "label": line.label, "old": line.value, "new": new})
    typed = {one["field"]: _typed(paper.field(one["field"]).kind, one["new"]) for one in changes}
    before = papers_out.with_pictures(_as_it_stands(session, certificate, actor))
    trial = {**before, **typed}
    errors |= {name: sentence for name, sentence in values.problems(paper, trial) if name in typed}
    for glyph in glyphs.check(paper, typed):
        errors.setdefault(glyph.field, glyph.sentence)
    if not errors and (found := fitting.too_long(paper, trial)) and not fitting.too_long(paper, before):
        errors |= {one.field: one.sentence for one in found}
    if errors:
        raise InvalidInput(f"更正申请还差一点：{'；'.join(errors.values())}。", errors)
    if not changes:
        raise InvalidInput(
            "没有要更正的内容：请在要改的那一行填写正确的内容，其余留空。", {"changes": "请填要改的内容"}
        )
    if len(changes) > MOST_CHANGES:
        raise InvalidInput(f"一次最多更正 {MOST_CHANGES} 处；错得更多的，请作废重办。", {"changes": "太多"})
    return changes


def _wrong(line: Line, new: str) -> str:
    """What is wrong with a new value before the paper itself is asked."""
    if line.kind == "id_number":
        try:
            IdNumber.parse(new)
        except InvalidIdNumber as problem:
            return f"{line.label}：{problem.detail.rstrip('。')}"
    if line.kind == "date":
        try:
            date.fromisoformat(new)
        except ValueError:
            return f"{line.label}：日期请写成 2026-03-05 的样子，且必须存在"
    if line.kind == "integer" and not (new.isdecimal() and len(new) <= 9):
        return f"{line.label}：请填整数"
    return ""


def _typed(kind: str, value: str) -> Any:
    return int(value) if kind == "integer" else value


def open_request(session: Session, certificate: Certificate) -> Correction | None:
    """The request on this certificate that waits for the second person."""
    return session.scalar(
        select(Correction).where(Correction.certificate_id == certificate.id, Correction.status == "asked")
    )


def of(session: Session, certificate: Certificate) -> Sequence[Correction]:
    """All requests on this certificate, oldest first."""
    return session.scalars(
        select(Correction)
        .where(Correction.certificate_id == certificate.id)
        .options(joinedload(Correction.asked_by), joinedload(Correction.answered_by))
        .order_by(Correction.id)
    ).all()


def waiting(session: Session, actor: Actor) -> list[Correction]:
    """What waits for an approver of one's units, oldest first."""
    found = session.scalars(
        select(Correction)
        .join(Certificate, Certificate.id == Correction.certificate_id)
        .where(
            Correction.status == "asked",
            print_desk.within(Certificate.place_path, actor, print_desk.SECONDS | print_desk.DESK),
        )
        .options(joinedload(Correction.certificate), joinedload(Correction.asked_by))
        .order_by(Correction.id)
        .limit(100)
    )
    return list(found)


@registry.predicate("correction_waits", why="没有等您同意的更正申请；自己提出的申请要由另一个人同意。")
def correction_waits(session: Session, certificate: Certificate, actor: Actor) -> bool:
    """There is a request, and somebody else asked for it; nor may whoever only stands in for that person agree."""
    found = open_request(session, certificate)
    return found is not None and found.asked_by_id not in (actor.person_id, actor.acting_for)


@registry.requirement("correction_settled")
def correction_settled(step: Step) -> None:
    """No number is spent on a draft that somebody says is wrong."""
    if open_request(step.session, step.content) is not None:
        raise RequirementUnmet("这张证照的草拟有更正申请在等审批人审核，有了结果再编号。请在证照页“看更正申请”。")


@registry.effect("take_correction")
def take_correction(step: Step) -> None:
    """The next certificate bears what was agreed; the old one stays as it was issued and says what followed it."""
    old: Certificate = step.content
    found = step.session.scalar(
        select(Correction).where(Correction.certificate_id == old.id, Correction.status == "asked").with_for_update()
    )
    if found is None:
        raise Conflict("这个更正申请刚才已有人答复。请刷新再看。")
    # A draft bears what was agreed by itself: nothing of it was given out, no number is spent.
    new = old if old.state == DRAFT else certificates.draft(step, old.case, replaces=old)
    if new is None:
        raise NotAvailable("这个事项现在不出证照，不能更正重发。请联系事项管理员。")
    paper = _definition(old)
    agreed = {one["field"]: _typed(paper.field(one["field"]).kind, one["new"]) for one in found.changes}
    before = (new.private or {}).get(papers_out.CORRECTED, {})
    new.private = {**(new.private or {}), papers_out.CORRECTED: {**before, **agreed}}
    new.holder_name = _renamed(new.holder_name, found.changes)
    new.search_text = certificates.search_text(new)
    found.status, found.answered_by_id, found.answered_at = "agreed", step.actor.person_id, step.at
    found.answer, found.made_id = (step.inputs.get("comment") or "")[:500], new.id
    step.session.flush()
    step.details |= {"correction": found.uid}
    if new is not old:
        step.details["replacement"] = new.uid


def _renamed(holder: str, changes: Sequence[Mapping[str, str]]) -> str:
    names = holder.split("、")
    for one in changes:
        names = [one["new"] if name == one["old"] else name for name in names]
    return "、".join(names)[:120]


def agree(session: Session, actor: Actor, certificate: Certificate, comment: Any, version: int | None) -> Certificate:
    """Through the one door; answers the certificate that follows, which of a draft is the draft itself."""
    verb = "amend" if certificate.state == DRAFT else "correct"
    engine.fire(certificate, verb, actor, inputs={"comment": comment}, expected_version=version)
    made = session.scalar(
        select(Correction.made_id)
        .where(Correction.certificate_id == certificate.id, Correction.status == "agreed")
        .order_by(Correction.id.desc())
        .limit(1)
    )
    return session.get_one(Certificate, made)


def refuse(session: Session, actor: Actor, certificate: Certificate, comment: Any) -> Correction:
    """The second person says no, and why; the certificate stays as it is."""
    found = session.scalar(
        select(Correction)
        .where(Correction.certificate_id == certificate.id, Correction.status == "asked")
        .with_for_update()
    )
    if found is None:
        raise NotFound("没有在等审核的更正申请。")
    if not print_desk.works_at(actor, certificate.place_path, frozenset({"approver"})):
        raise Forbidden("更正申请由审批人审核，请转给审批人。")
    if found.asked_by_id in (actor.person_id, actor.acting_for):
        raise Forbidden("更正申请要由另一个人审核：这是您自己提出的。")
    said = print_desk.reason(comment, "不同意的原因", 500)
    found.status, found.answered_by_id, found.answered_at, found.answer = "refused", actor.person_id, now(), said
    session.flush()
    journal.record(
        session,
        "certificate:refuse_correction",
        actor,
        content=certificate,
        comment=said,
        details={"correction": found.uid},
    )
    return found
