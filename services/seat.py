"""窗口陪跑网上申报: guide and resident fill one form side by side; without the resident's own yes to exactly this form nothing is filed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case
from models.content import Content
from models.seat import SeatConfirmation
from process import access, engine, journal, registry
from process.access import Actor
from process.inputs import clean_text
from process.masking import mask_address, mask_id_number, mask_phone
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound, RequirementUnmet
from process.registry import Step
from services import actions, case_forms, files
from services.item_channels import ASSISTED

ROLES = frozenset({"filing_guide", "window_clerk", "community_clerk", "all_round_worker"})
# Proposals: long enough to read a form on a phone, short enough that the seat is not forgotten.
VALID = timedelta(minutes=30)
MOST_TRIES = 5
LONGEST_WORDS = 200
ASKED, CONFIRMED, REFUSED, OVER = "asked", "confirmed", "refused", "over"


@dataclass(frozen=True)
class Said:
    """One answer as the resident reads it: the question in words and what was filled in."""

    title: str
    value: str


def shown(case: Case) -> str:
    """A fingerprint of everything that is shown for confirmation; any later change makes it another."""
    told = {
        "item": case.item.code,
        "applicant": case.applicant_id,
        "answers": case.values,
        "materials": [[m.code, bool(m.provided), m.sheets or 0] for m in case.materials],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str, ensure_ascii=False).encode()).hexdigest()


def lines(case: Case, *, masked: bool = False) -> list[Said]:
    """The form in words, in the order of its fields, and the papers that go with it; in full only for the resident's eyes."""
    form = case_forms.form_of(case.item)
    found = []
    for field in form.fields:
        value = case.values.get(field.name)
        if value in (None, "", []):
            continue
        if field.options:
            value = case_forms.option_title(form, field.name, str(value))
        elif isinstance(value, list):
            value = "；".join(
                "，".join(str(part) for part in row.values()) if isinstance(row, dict) else str(row) for row in value
            )
        elif isinstance(value, bool):
            value = "是" if value else "否"
        words = _covered(field.kind, str(value)) if masked else str(value)
        found.append(Said(case_forms.title_of(form, field.name), words))
    given = "、".join(m.name for m in case.materials if m.provided)
    return [*found, Said("交的材料", given or "没有")]


def _covered(kind: str, value: str) -> str:
    cover = {"id_number": mask_id_number, "phone": mask_phone, "address": mask_address}.get(kind)
    return cover(value) if cover is not None else value


def turn_round(session: Session, actor: Actor, case: Case) -> None:
    """The screen is turned to the visitor, who reads everything in full; that it was shown is on record."""
    _asked(session, case)
    journal.record(session, "seat:shown", actor, content=case)


def latest(session: Session, case: Case, *, lock: bool = False) -> SeatConfirmation | None:
    """What was asked last, and what came of it; locked by whoever answers or asks anew, so that one answer counts."""
    statement = (
        select(SeatConfirmation)
        .where(SeatConfirmation.case_id == case.id)
        .order_by(SeatConfirmation.id.desc())
        .limit(1)
    )
    if not lock:
        return session.scalar(statement)
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))


def state_of(confirmation: SeatConfirmation | None, case: Case) -> str:
    """As it stands this minute: a form that was changed, or half an hour that went by, needs asking anew."""
    if confirmation is None:
        return ""
    if confirmation.state in (ASKED, CONFIRMED) and confirmation.shown != shown(case):
        return "changed"
    if confirmation.state == ASKED and confirmation.until < now():
        return "expired"
    return confirmation.state


# --- At the seat


def open_here(session: Session, actor: Actor) -> list[Case]:
    """Filings begun at the seat by this guide and not filed yet."""
    return list(
        session.scalars(
            select(Case)
            .where(Case.channel == ASSISTED, Case.state == "draft", Case.owner_id == actor.person_id)
            .order_by(Case.id.desc())
            .limit(50)
        )
    )


def load(session: Session, actor: Actor, uid: str) -> Case:
    """A filing of the seat that this member of staff may see in full."""
    case = session.scalar(select(Case).where(Case.uid == uid[:40]))
    if case is None or case.channel != ASSISTED or not access.may(actor, access.VIEW_FULL, case, session):
        raise NotFound("没有找到这件陪跑申报。它可能由别的同事陪办，请从“陪跑申报”重新进入。")
    if actor.resident_id is not None or not actor.roles & ROLES:
        raise Forbidden("陪跑申报由陪办人员办。您自己的申报请在“办件”里接着填。")
    return case


def ask(session: Session, actor: Actor, case: Case) -> SeatConfirmation:
    """Puts the filled form before the resident; whatever was asked before is over."""
    if case.state != "draft":
        raise NotAvailable("这件已经申报，不用再确认。")
    if not access.may(actor, "edit", case, session):
        raise Forbidden("这件由别的同事陪办，不能由您请本人确认。")
    lacking = case_forms.missing(case_forms.form_of(case.item), case.values)
    if lacking:
        raise RequirementUnmet(
            f"申请表还差 {len(lacking)} 项：{''.join(lacking.values())}填好后再请本人确认。", lacking
        )
    earlier = latest(session, case, lock=True)
    if earlier is not None and earlier.state == ASKED:
        earlier.state = OVER
    assert actor.person_id is not None
    made = SeatConfirmation(
        district=case.district,
        case_id=case.id,
        guide_id=actor.person_id,
        unit_id=actor.unit_id or case.place_id,
        shown=shown(case),
        until=now() + VALID,
    )
    session.add(made)
    session.flush()
    journal.record(session, "seat:ask", actor, content=case)
    return made


def sign(session: Session, actor: Actor, case: Case, signature: str) -> SeatConfirmation:
    """本人在屏幕上签名确认: the guide turned the screen round."""
    asked = _asked(session, case)
    if not signature:
        raise InvalidInput("还没有签名。请办事人在屏幕上手写签名后再按“本人确认”。", {"signature": "请签名"})
    document = files.store_signature(session, case, actor, signature, "办事人确认签名")
    asked.signature_id = document.id
    _answered(session, actor, asked, CONFIRMED, "pad", "")
    return asked


def refuse(session: Session, actor: Actor, case: Case, words: str) -> SeatConfirmation:
    """The resident says no at the seat; the draft stays and may be changed."""
    asked = _asked(session, case)
    _answered(session, actor, asked, REFUSED, "pad", _words(words))
    return asked


def _asked(session: Session, case: Case) -> SeatConfirmation:
    found = latest(session, case, lock=True)
    if found is None or found.state != ASKED:
        raise NotAvailable("还没有请本人确认，或已经答复过。请先按“请本人确认”。")
    if state_of(found, case) == "changed":
        raise NotAvailable("请本人确认以后表又改过，原来的确认不作数。请重新请本人确认。")
    return found


def _words(text: str) -> str:
    try:
        return clean_text(text or "", LONGEST_WORDS)
    except ValueError as problem:
        raise InvalidInput(f"要改的地方{problem}。", {"words": str(problem)}) from problem


def _answered(session: Session, actor: Actor | None, one: SeatConfirmation, state: str, way: str, words: str) -> None:
    one.state, one.way, one.answered_at, one.words = state, way, now(), words or None
    session.flush()
    journal.record(
        session,
        f"seat:{state}",
        actor,
        content=one.case,
        details={"way": way, "confirmation": one.id, "guide": one.guide_id},
    )


# --- On the resident's own phone, without an account


def by_token(session: Session, token: str) -> SeatConfirmation:
    """What the QR code leads to; gone, answered and changed are told apart only to whoever has the code."""
    found = session.scalar(select(SeatConfirmation).where(SeatConfirmation.uid == token[:40]).with_for_update())
    if found is None:
        raise NotFound("没有找到要确认的申报，二维码可能不完整。请在座位上重新扫。")
    return found


def stopped(one: SeatConfirmation) -> str:
    """Why it can no longer be answered; empty while it can."""
    match state_of(one, one.case):
        case "confirmed":
            return "您已经确认过了，请告诉陪办人员提交。"
        case "refused":
            return "您已经选了不同意，没有申报。要改的地方请告诉陪办人员。"
        case "changed" | "over":
            return "表又改过了，这个二维码不作数。请在座位上重新扫新的二维码。"
        case "expired":
            return "二维码过期了（30 分钟）。请陪办人员重新请您确认。"
    if one.failures >= MOST_TRIES:
        return "身份证号码后四位输错太多次，已锁住。请陪办人员重新请您确认。"
    return ""


def is_person(session: Session, one: SeatConfirmation, last4: str) -> bool:
    """The last four of the card, as somebody else in the hall would not know them; wrong ones are counted."""
    owner = one.case.applicant
    typed = "".join(last4.split()).upper()
    if owner is not None and hmac.compare_digest(owner.id_number[-4:].encode(), typed.encode()):
        return True
    one.failures += 1
    session.flush()
    return False


def answer(session: Session, one: SeatConfirmation, *, yes: bool, words: str = "") -> None:
    """The resident's own word; only what was shown is confirmed."""
    why = stopped(one)
    if why:
        raise NotAvailable(why)
    _answered(session, None, one, CONFIRMED if yes else REFUSED, "phone", _words(words))


# --- Filing


@registry.requirement("seat_confirmed")
def seat_confirmed(step: Step) -> None:
    """What staff file at the seat was confirmed by the resident, word for word; an own account is the resident's own word."""
    case: Case = step.content
    own = case.applicant_id is not None and step.actor.resident_id == case.applicant_id
    if case.channel != ASSISTED or own:
        return
    found = latest(step.session, case)
    match state_of(found, case):
        case "confirmed":
            assert found is not None
            step.details["confirmed"] = {"way": found.way, "confirmation": found.id}
            return
        case "changed":
            raise RequirementUnmet("办事人确认以后表又改过，不能申报。请重新请本人确认。")
        case "refused":
            raise RequirementUnmet("办事人没有同意，不能申报。请按本人的意思改好，再请本人确认。")
        case "expired" | "over":
            raise RequirementUnmet("请本人确认已超过 30 分钟，没有答复。请重新请本人确认。")
    raise RequirementUnmet("陪跑申报要办事人本人确认后才能提交。请按“请本人确认”，用手机扫码或在屏幕上签名。")


def file(session: Session, actor: Actor, case: Case) -> Case:
    """Filed together: the case goes in, and the record of the seat says so."""
    actions.perform(case, "submit", actor)
    for thing in session.scalars(
        access.visible(
            select(Content).where(
                Content.type == "assisted_filing", Content.state == "filling", Content.applicant_id == case.applicant_id
            ),
            actor,
        )
    ):
        if (thing.fields or {}).get("item") == case.item.code and "submit" in {
            one.id for one in engine.available(thing, actor)
        }:
            engine.fire(thing, "submit", actor, inputs={"case": case.number, "confirmed": "1"})
            break
    return case


def history(session: Session, case: Case) -> Sequence[SeatConfirmation]:
    """Every time the resident was asked, oldest first."""
    return session.scalars(
        select(SeatConfirmation).where(SeatConfirmation.case_id == case.id).order_by(SeatConfirmation.id)
    ).all()


def unit_of(session: Session, one: SeatConfirmation) -> Agency:
    """Whose seat it is."""
    return session.get_one(Agency, one.unit_id)
