"""Papers on an errand: fetched and counted, brought to whoever receives, or laid down at the point; never taken home."""

from __future__ import annotations

from models.delegation import Delegation
from models.errand import Errand
from models.person import CourierProfile, Person
from process import engine, journal, registry
from process.access import Actor
from process.refusals import RequirementUnmet
from process.registry import Step
from services import custody, errand_kinds, files, successors
from services.errands import CARRYING_PAPERS, is_receiver


@registry.requirement("envelopes_match")
def envelopes_match(step: Step) -> None:
    said, counted = step.content.envelopes, step.inputs["envelopes"]
    if counted != said and not step.inputs.get("difference"):
        raise RequirementUnmet(
            f"任务上写的是 {said} 件，您点的是 {counted} 件。请和交出人当面再点一次；确实不符，请写明差在哪里再取件。",
            {"difference": "件数不符，请写明差在哪里"},
        )


@registry.effect("carry_papers")
def carry_papers(step: Step) -> None:
    """Custody passes to the courier: a list of envelopes, never of what is inside."""
    errand, counted = step.content, step.inputs["envelopes"]
    errand.picked_up_at = step.at
    giver = custody.unit(errand.from_agency) if errand.from_agency else custody.Party("交出人")
    handover = custody.write(
        step.session, errand, "carry", giver, custody.somebody(step.actor), _envelopes(errand), step.at
    )
    for line in handover.lines:
        line.counted, line.difference = counted, step.inputs.get("difference", "")
    if step.inputs.get("signature"):
        handover.from_signature_id = files.store_signature(
            step.session, errand, step.actor, step.inputs["signature"], "交出人签名"
        ).id
    step.details |= {"envelopes": errand.envelopes, "counted": counted}
    if step.inputs.get("id_checked"):
        step.details["proofs"] = ["id_checked"]
    handover.signed_at = step.at
    note_difference(step, handover.id, counted)
    _originals_now_with(step, custody.somebody(step.actor))


def note_difference(step: Step, handover_id: int, counted: int) -> None:
    """A count that differs from the list is on record with both numbers; from now on the counted one holds."""
    errand = step.content
    if counted == errand.envelopes:
        return
    journal.record(
        step.session,
        custody.DIFFERENCE,
        step.actor,
        content=errand,
        comment=step.inputs.get("difference") or "",
        details={"handover": handover_id, "listed": errand.envelopes, "counted": counted},
        at=step.at,
    )
    errand.envelopes = counted


def _envelopes(errand: Errand) -> list[custody.Line]:
    return [custody.Line(f"{errand.number} 封装件", errand.envelopes)]


def _originals_now_with(step: Step, party: custody.Party) -> None:
    """Originals inside the envelopes are with whoever has the envelopes."""
    errand = step.content
    if errand.related is None or errand.purpose not in CARRYING_PAPERS:
        return
    underway = custody.latest(step.session, errand.related, "send", "result", "return")
    if underway is None or underway.action == "return":
        # Called back before the courier came: there is nothing of it in the bag.
        return
    # Once the list was counted, only what was missing from it can still be on its way.
    open_lines = [line for line in underway.lines if underway.to_person_id is None or line.counted == 0]
    custody.hold(step.session, [line.material_id for line in open_lines if line.original and line.material_id], party)


@registry.effect("arrive")
def arrive(step: Step) -> None:
    """With the receiver's code the errand is confirmed in the same breath."""
    step.content.delivered_at = step.at
    if step.inputs.get("code"):
        step.after.append(lambda: engine.follow(step, step.content, "confirm"))


@registry.effect("papers_arrived")
def papers_arrived(step: Step) -> None:
    """Custody ends with the receiver, and the thing the errand was for goes on."""
    errand = step.content
    by_receiver = is_receiver(errand, step.actor)
    taker = _receiving_party(errand, step.actor if by_receiver else None)
    carried_by = step.session.get(Person, errand.assignee_id) if errand.assignee_id is not None else None
    courier = custody.somebody(carried_by) if carried_by is not None else custody.Party("跑腿工")
    if errand.envelopes:
        handover = custody.write(step.session, errand, "arrive", courier, taker, _envelopes(errand), step.at)
        handover.signed_at = step.at
        handover.to_signature_id = (errand.fields or {}).get(errand_kinds.SIGNED)
        for line in handover.lines:
            line.counted = line.sheets
    related = errand.related
    if errand.to_agency is not None and not errand.to_address:
        _originals_now_with(step, taker)
    if isinstance(related, Delegation) and errand.purpose == "deliver_result":
        home = bool(errand.to_address) or errand.to_agency is None
        if (
            not home
            and errand.to_agency is not None
            and errand.to_agency.path.startswith(successors.result_place(related).path)
        ):
            engine.follow(step, related, "take_over")
        elif home:
            engine.follow(step, related, "deliver", collector=related.applicant.name if related.applicant else "收件人")


def _receiving_party(errand: Errand, receiver: Actor | None) -> custody.Party:
    if errand.to_agency is not None and not errand.to_address:
        return custody.unit(errand.to_agency, receiver)
    return custody.resident(errand.applicant) if errand.applicant else custody.Party("收件人")


@registry.effect("papers_back_to_point")
def papers_back_to_point(step: Step) -> None:
    """Not delivered: the papers go back to the courier's point, not home, and are fetched from there next time."""
    back_to_point(step)


def back_to_point(step: Step, counted: int | None = None) -> None:
    """Lays the envelopes down at the point of whoever carried them; `counted` by somebody of the point who signs for them."""
    errand = step.content
    errand.failures += 1
    if not errand_kinds.carries_papers(errand):
        return
    profile = step.session.get(CourierProfile, errand.assignee_id)
    point = profile.point if profile is not None else errand.place
    carried_by = step.session.get(Person, errand.assignee_id)
    giver = custody.somebody(carried_by if carried_by is not None else step.actor)
    taker = custody.unit(point, step.actor if counted is not None else None)
    handover = custody.write(step.session, errand, "return", giver, taker, _envelopes(errand), step.at)
    if counted is not None:
        handover.signed_at = step.at
        for line in handover.lines:
            line.counted, line.difference = counted, step.inputs.get("difference", "")
        if step.inputs.get("signature"):
            handover.from_signature_id = files.store_signature(
                step.session, errand, step.actor, step.inputs["signature"], "交回人签名"
            ).id
        note_difference(step, handover.id, counted)
    _originals_now_with(step, custody.unit(point))
    errand.from_agency_id, errand.from_address = point.id, None
    step.session.flush()
    step.session.expire(errand, ["from_agency"])
