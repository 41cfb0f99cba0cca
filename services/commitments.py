"""承诺备案: what may be committed to instead of shown, the signed commitment, and the later check — kept, or broken and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.commitment import Commitment
from models.paper import Certificate
from process import access, clock, journal, outbox, registry
from process.access import Actor
from process.calendar_days import say
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import certificates, files, item_places, notices, unit_settings
from services.broken import nothing_numbered

DUE, MADE = "commitments.due", "_commitments"
LONGEST_DAYS = "commitment_days"
REMIND_DAYS = 3
STATES = {"open": N_("等核查"), "kept": N_("已兑现"), "broken": N_("没有兑现"), "ended": N_("不再核查")}
# Who goes and looks; never whoever took the commitment.
CHECKERS = frozenset(
    {"back_office_reviewer", "approver", "window_clerk", "community_clerk", "all_round_worker", "site_surveyor"}
)
RESULTS = ("kept", "broken")


# --- What the item allows


def allowed(session: Session, item: ServiceItem) -> tuple[str, ...]:
    """Conditions and papers of this item that a commitment may stand for, as the catalogue manager set them."""
    setting = item_places.setting_of(session, item)
    return tuple(line for line in ((setting.commitments if setting else "") or "").splitlines() if line)


def open_for(session: Session, case: Case) -> tuple[str, ...]:
    """What has not been committed to yet in this case."""
    made = (case.fields or {}).get(MADE) or ()
    return tuple(one for one in allowed(session, case.item) if one not in made)


@registry.predicate("commitment_possible", why="这个事项没有规定可以承诺备案的条件，或者都已经承诺过。")
def commitment_possible(session: Session, case: Case, actor: Actor) -> bool:
    return bool(open_for(session, case))


# --- Taken


@registry.requirement("commitment_clear")
def commitment_clear(step: Step) -> None:
    """Something the item allows, a day within what the office allows, and nobody who broke one lately."""
    case: Case = step.content
    errors: dict[str, str] = {}
    offered = open_for(step.session, case)
    if step.inputs["subject"] not in offered:
        errors["subject"] = f"这个事项只能就这些作承诺：{'；'.join(offered)}。"
    today, due = clock.local_day(step.at), step.inputs["due"]
    most = unit_settings.number(step.session, step.actor.unit_id, LONGEST_DAYS)
    if not today < due <= today + timedelta(days=most):
        errors["due"] = f"兑现期限应在明天到 {most} 天以内，请改日期。"
    if not step.inputs.get("promised"):
        errors["promised"] = "申请人还没有签承诺书。请本人签名，或打印承诺书手签后再勾选。"
    if errors:
        raise InvalidInput("还不能承诺备案：" + "".join(errors.values()), errors)


@registry.effect("open_commitment")
def open_commitment(step: Step) -> None:
    """The line for the later check; the paper it stands for counts as given, and says so to the reviewer."""
    case: Case = step.content
    signature = None
    if step.inputs.get("signature"):
        signature = files.store_signature(
            step.session, case, step.actor, step.inputs["signature"], "申请人签名（承诺备案）"
        )
    subject, due = str(step.inputs["subject"]), step.inputs["due"]
    slot = next((one for one in case.materials if one.name == subject and not one.provided), None)
    made = Commitment(
        district=case.district,
        case_id=case.id,
        resident_id=case.applicant_id,
        material_id=slot.id if slot is not None else None,
        subject=subject,
        words=str(step.inputs["words"])[:300],
        due=due,
        made_at=step.at,
        made_by_id=step.actor.person_id,
        signature_id=signature.id if signature is not None else None,
    )
    step.session.add(made)
    # Kept on the case as well: a list of cases asks for it with every row.
    case.fields = {**(case.fields or {}), MADE: [*((case.fields or {}).get(MADE) or ()), subject]}
    if slot is not None:
        slot.provided, slot.sheets, slot.source = True, 1, "commit"
        slot.source_words = f"承诺 {say(due)}前兑现，届时核查"
    step.session.flush()
    step.details |= {"commitment": made.uid, "due": due.isoformat()}
    for days in (REMIND_DAYS, 0):
        at = clock.end_of(due - timedelta(days=days + 1)) + timedelta(hours=9)
        outbox.put(
            step.session,
            DUE,
            district=case.district,
            delay=max(at - now(), timedelta()),
            commitment_id=made.id,
            days=days,
        )


# --- Reading


def of_case(session: Session, case: Case) -> list[Commitment]:
    return list(session.scalars(select(Commitment).where(Commitment.case_id == case.id).order_by(Commitment.id)))


def load(session: Session, actor: Actor, uid: str, *, lock: bool = True) -> Commitment:
    """A commitment whose case this actor works on; a page that only shows it locks nothing."""
    statement = select(Commitment).where(Commitment.uid == uid)
    found = session.scalar(statement.with_for_update() if lock else statement)
    if found is None or actor.resident_id is not None or not access.may(actor, access.VIEW_FULL, found.case, session):
        raise NotFound("没有找到这项承诺。它可能不在您的单位，请从“承诺核查”重新进入。")
    return found


# --- Looked at later


def check(session: Session, actor: Actor, one: Commitment, result: str, finding_text: str) -> None:
    """Kept or broken, with what was seen; whoever took the commitment does not check it."""
    if not CHECKERS & actor.roles:
        raise Forbidden("承诺由审核、窗口或勘查的人员核查，不由您登记。")
    if one.made_by_id == actor.person_id:
        raise Forbidden("这项承诺是您收下的，要由另一个人核查。请转给同事。")
    if one.state != "open":
        raise NotAvailable(f"这项承诺已经核查过：{STATES[one.state]}。")
    errors: dict[str, str] = {}
    if result not in RESULTS:
        errors["result"] = "请选兑现了没有。"
    try:
        finding = clean_text(finding_text, 300)
    except ValueError as problem:
        finding, errors["finding"] = "", f"核查情况{problem}。"
    if not finding and "finding" not in errors:
        errors["finding"] = "请写怎么核查的、看到什么。"
    today = clock.local_day(now())
    if result == "broken" and today <= one.due:
        errors["result"] = f"还没有到期（{say(one.due)}），到期以后才能记为没有兑现。"
    if errors:
        raise InvalidInput("还不能登记核查：" + "".join(errors.values()), errors)
    one.state, one.finding, one.checked_at, one.checked_by_id = result, finding, now(), actor.person_id
    details: dict[str, Any] = {"commitment": one.uid, "result": result}
    if result == "broken":
        one.broken_on = today
        if one.material is not None and one.material.source == "commit":
            # The paper it stood for was never there.
            one.material.provided, one.material.sheets = False, 0
        _tell_approvers(session, one, actor)
    journal.record(session, f"commitment:{result}", actor, content=one.case, details=details)
    session.flush()


def _tell_approvers(session: Session, one: Commitment, actor: Actor) -> None:
    """撤销 is for the approver: the unit that decided reads that there is one to revoke."""
    case = one.case
    unit = session.get(Agency, case.deciding_unit_id or case.place_id)
    if unit is not None:
        notices.notify(
            session,
            case,
            to=unit,
            kind="commitment:broken",
            text=N_("%(number)s 承诺没有兑现，请审批人撤销证照或终止办理。"),
            params={"number": case.number or ""},
            once=f"commitment:{one.id}",
            actor=actor,
        )


def to_revoke(session: Session, found: Sequence[Commitment]) -> dict[int, Certificate]:
    """The certificates that were given on commitments that were then broken, while they are in force: by case."""
    ids = [one.case_id for one in found if one.state == "broken"]
    return certificates.of_cases(session, ids, selectinload(Certificate.places))


@registry.requirement("no_commitment_broken_here")
def no_commitment_broken_here(step: Step) -> None:
    """Nothing is issued on a commitment that turned out broken."""
    broken = [one.subject for one in of_case(step.session, step.content) if one.state == "broken"]
    if broken:
        raise RequirementUnmet(f"承诺的“{'、'.join(broken)}”核查没有兑现，不能发证。请审批人办“承诺未兑现，终止办理”。")


@registry.requirement("commitment_broken_here")
def commitment_broken_here(step: Step) -> None:
    if not any(one.state == "broken" for one in of_case(step.session, step.content)):
        raise RequirementUnmet("这件没有核查为没兑现的承诺，不能据此终止办理。")
    nothing_numbered(step.session, step.content.id)


@registry.predicate("commitments_made", why="这件没有承诺备案。")
def commitments_made(session: Session, case: Case, actor: Actor) -> bool:
    return bool((case.fields or {}).get(MADE))


@registry.effect("end_commitments")
def end_commitments(step: Step) -> None:
    """The case is over; what is still open is not checked any more."""
    for one in of_case(step.session, step.content):
        if one.state == "open":
            one.state = "ended"


def due(session: Session, args: Mapping[str, Any]) -> bool:
    """The worker's morning call: three days before to the applicant, on the day to whoever checks."""
    one = session.scalar(select(Commitment).where(Commitment.id == int(args["commitment_id"])).with_for_update())
    if one is None or one.state != "open":
        return False
    case = one.case
    if case.state in ("refused", "rejected", "withdrawn"):
        one.state = "ended"
        return False
    if args["days"]:
        from services.messages import facts, listening

        told = replace(facts.owed(session, case, one.due, clock.local_day(now())), lines=((one.subject, ""),))
        return listening.resident(session, case, "owed_soon", told, f"{one.uid}:{args['days']}") is not None
    unit = session.get(Agency, case.deciding_unit_id or case.place_id)
    if unit is None:
        return False
    notices.notify(
        session,
        case,
        to=unit,
        kind="commitment:due",
        text=N_("%(number)s 的承诺今天到期，请安排核查。"),
        params={"number": case.number or ""},
        once=f"commitment:due:{one.id}",
    )
    return True
