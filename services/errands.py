"""红色代办任务: posted, claimed by exactly one courier, carried, confirmed by whoever receives."""

from __future__ import annotations

import hmac
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.content import Content
from models.delegation import Delegation
from models.errand import Errand
from models.person import CourierProfile, Person
from process import access, clock, engine, journal, registry, transactions
from process.access import Actor
from process.refusals import RequirementUnmet
from process.registry import Step
from services import custody, errand_kinds, files, successors
from services.errand_posting import post_for, street_of

__all__ = ["code_for", "counted_under_lock", "is_receiver", "on_hand", "post_for", "street_of"]

# What a courier has on hand; what is delivered waits for the receiver and no longer counts.
CARRYING = ("pairing", "claimed", "assigned", "picked_up", "on_way")
MAX_WRONG_CODES = 5
# Only these carry the papers of the thing they are related to; buying vegetables on the way does not.
CARRYING_PAPERS = ("hand_in", "deliver_result")
RECEIVERS = frozenset({"applicant", "community_clerk@addressee", "window_clerk@addressee"})
CODE_HOLDERS = frozenset({"assignee", "community_clerk@origin"})
DISPATCHER = "errand_dispatcher"


# --- who may ---------------------------------------------------------------------------------------------------------
@registry.predicate("not_the_receiver")
def not_the_receiver(session: Session, errand: Errand, actor: Actor) -> bool:
    """Nobody carries something to themselves."""
    return RECEIVERS.isdisjoint(access.tokens(errand, actor))


@registry.predicate("code_or_receiver")
def code_or_receiver(session: Session, errand: Errand, actor: Actor) -> bool:
    """Shown to whoever receives, to those the receiver may tell the code, and to the dispatcher."""
    held = access.tokens(errand, actor)
    if code_blocked(errand):
        return DISPATCHER in held
    return is_receiver(errand, actor) or DISPATCHER in held or not CODE_HOLDERS.isdisjoint(held)


def is_receiver(errand: Errand, actor: Actor) -> bool:
    """Whoever carried it is never the one who received it."""
    return errand.assignee_id != actor.person_id and not RECEIVERS.isdisjoint(access.tokens(errand, actor))


def code_blocked(errand: Errand) -> bool:
    return errand.code_failures >= MAX_WRONG_CODES


def code_for(errand: Errand, actor: Actor) -> str | None:
    """The confirmation code for those who may pass it to the receiver; never for the courier."""
    if (
        errand.state in ("confirmed", "cancelled")
        or errand.confirm_code is None
        or errand.assignee_id == actor.person_id
    ):
        return None
    held = access.tokens(errand, actor)
    if not RECEIVERS.isdisjoint(held) or access.may(actor, access.VIEW_FULL, errand):
        return errand.confirm_code
    return None


# --- claiming and assigning ------------------------------------------------------------------------------------------
@registry.requirement("courier_trained")
def courier_trained(step: Step) -> None:
    require_trained(step.session.get(CourierProfile, step.actor.person_id), step.at, "您")


@registry.requirement("below_limit")
def below_limit(step: Step) -> None:
    assert step.actor.person_id is not None
    on_hand, limit = counted_under_lock(step.session, step.actor.person_id)
    if on_hand >= limit:
        raise RequirementUnmet(
            f"您手上已有 {on_hand} 单没送完，最多同时 {limit} 单。请先送达一单，或把来不及送的放回任务板，再来认领。"
        )


@registry.requirement("courier_available")
def courier_available(step: Step) -> None:
    """The dispatcher gives it to somebody who may carry it now."""
    step.inputs["courier"] = may_carry(step, str(step.inputs["courier"]), "courier").id


def may_carry(step: Step, named: str, field: str) -> Person:
    """Somebody of the register who is trained, has room, and does not carry to themselves."""
    session, errand = step.session, step.content
    person = _person(session, named)
    courier = access.load_actor(session, person.id, clock.local_day(step.at)) if person is not None else access.NOBODY
    if person is None or "red_courier" not in access.tokens(errand, courier):
        raise RequirementUnmet(
            "没有找到这位跑腿工，或不在本街道的跑腿工名册里。请从名册中选一位。", {field: "请从名册中选一位"}
        )
    require_trained(session.get(CourierProfile, person.id), step.at, person.name, field)
    if not not_the_receiver(session, errand, courier):
        raise RequirementUnmet(f"{person.name}就是这一单的收件人，请改派别人。", {field: "收件人不能自己送"})
    on_hand, limit = counted_under_lock(session, person.id)
    if on_hand >= limit:
        raise RequirementUnmet(
            f"{person.name}手上已有 {on_hand} 单，最多同时 {limit} 单。请改派别人，或等送完再派。",
            {field: f"已有 {on_hand}/{limit} 单"},
        )
    return person


def require_trained(profile: CourierProfile | None, at: datetime, who: str, field: str = "courier") -> None:
    """Only trained couriers carry; training that has run out needs a refresher first, and whoever rests is not sent."""
    if profile is None:
        raise RequirementUnmet(
            f"{who}还没有登记为跑腿工。请先到红色代办站登记并参加培训。", {field: "没有登记为跑腿工"}
        )
    if profile.suspended_on is not None:
        raise RequirementUnmet(
            f"{who}现在暂停接单（{profile.suspended_reason or '没有写原因'}）。要恢复，请找红色代办站的调度员。",
            {field: "暂停接单"},
        )
    if profile.trained_until is None:
        raise RequirementUnmet(f"{who}还没有跑腿工培训记录。请先参加培训，由红色代办站登记。", {field: "没有培训记录"})
    until = profile.trained_until
    if until < clock.local_day(at):
        raise RequirementUnmet(
            f"{who}的跑腿工培训已于 {until.year}年{until.month}月{until.day}日到期。请参加复训，由代办站登记新日期；"
            "手上的任务可以继续送完。",
            {field: "培训已到期"},
        )


def counted_under_lock(session: Session, person_id: int) -> tuple[int, int]:
    """How many the courier has on hand, and the limit; two claims of one courier count one after the other."""
    limit = session.scalar(
        select(CourierProfile.errand_limit).where(CourierProfile.person_id == person_id).with_for_update()
    )
    return on_hand(session, person_id), limit or 0


def on_hand(session: Session, person_id: int) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Content)
            .where(
                Content.assignee_id == person_id,
                Content.closed_at.is_(None),
                Content.type == "errand",
                Content.state.in_(CARRYING),
            )
        )
        or 0
    )


def _person(session: Session, named: str) -> Person | None:
    if named.isdecimal() and len(named) < 19:
        found = session.get(Person, int(named))
        if found is not None:
            return found
    return session.scalar(select(Person).where(Person.username == named))


def _hold(step: Step, person_id: int | None) -> None:
    """From now on it is with this courier."""
    step.content.assignee_id, step.content.claimed_at = person_id, step.at
    step.session.flush()
    step.session.expire(step.content, ["assignee"])


@registry.effect("take_errand")
def take_errand(step: Step) -> None:
    _hold(step, step.actor.person_id)


@registry.effect("give_errand")
def give_errand(step: Step) -> None:
    _hold(step, step.inputs["courier"])
    step.details["courier"] = step.inputs["courier"]


@registry.effect("free_errand")
def free_errand(step: Step) -> None:
    """Back on the board: nobody has it, and the next courier may try the code afresh."""
    errand = step.content
    step.details["courier"] = errand.assignee_id
    if errand.companion_id is not None:
        from services import errand_life

        errand_life.part(step)
    _sign_back_unseen(step)
    errand.assignee_id = errand.claimed_at = errand.picked_up_at = errand.delivered_at = None
    errand.code_failures = 0
    step.session.flush()
    step.session.expire(errand, ["assignee"])


def _sign_back_unseen(step: Step) -> None:
    """Whoever puts it on the board again says thereby that the envelopes lie at the point."""
    back = custody.latest(step.session, step.content, "return") if step.from_state == "failed" else None
    if back is not None and back.signed_at is None:
        back.signed_at, back.to_person_id = step.at, step.actor.person_id


# --- carrying --------------------------------------------------------------------------------------------------------
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


@registry.requirement("code_right")
def code_right(step: Step) -> None:
    """At the door: no code is fine (the receiver confirms later), a wrong one is not."""
    if step.inputs.get("code"):
        check_code(step, step.inputs["code"])


def check_code(step: Step, code: str) -> None:
    """Compares in constant time; every wrong try is counted even though the step is undone."""
    errand = step.content
    if code_blocked(errand):
        raise RequirementUnmet(
            f"确认码已输错 {MAX_WRONG_CODES} 次，不能再试。请不填确认码先登记送达，再请调度员向收件人核实后确认。",
            {"code": "已停用，请调度员确认"},
        )
    if errand.confirm_code is not None and hmac.compare_digest(code.strip().encode(), errand.confirm_code.encode()):
        return
    left = MAX_WRONG_CODES - errand.code_failures - 1
    errand_id, actor = errand.id, step.actor

    def count(session: Session) -> None:
        session.execute(
            update(Errand)
            .where(Errand.id == errand_id)
            .values(code_failures=Errand.code_failures + 1)
            .execution_options(synchronize_session=False)
        )
        journal.record(session, "errand:wrong_code", actor, content=session.get(Errand, errand_id))

    transactions.keep_despite_refusal(step.session, count)
    further = f"还可以再试 {left} 次。" if left else "确认码已停用，请不填确认码登记送达，再请调度员确认。"
    raise RequirementUnmet(
        f"确认码不对。请收件人再看一遍 6 位数字；{further}",
        {"code": f"确认码不对，还可再试 {left} 次" if left else "确认码不对，已停用"},
    )


@registry.effect("arrive")
def arrive(step: Step) -> None:
    """With the receiver's code the errand is confirmed in the same breath."""
    step.content.delivered_at = step.at
    if step.inputs.get("code"):
        step.after.append(lambda: engine.follow(step, step.content, "confirm"))


@registry.requirement("confirmed_by_receiver")
def confirmed_by_receiver(step: Step) -> None:
    errand = step.content
    if step.cause is not None and step.cause.content is errand:
        return
    actor = step.actor.as_substitute_for(step.on_behalf_of.id) if step.on_behalf_of else step.actor
    code = step.inputs.get("code")
    if code and not code_blocked(errand):
        check_code(step, code)
    elif DISPATCHER in access.tokens(errand, actor) and errand.assignee_id != actor.person_id:
        if not step.inputs.get("comment"):
            raise RequirementUnmet(
                "请写明怎么向收件人核实的，例如几点打的电话、谁接的。", {"comment": "请写明怎么核实的"}
            )
    elif not is_receiver(errand, actor) or code_blocked(errand):
        raise RequirementUnmet(
            "请填收件人报出的 6 位确认码；收件人不在场，就请收件人自己在系统里确认，或请调度员核实。",
            {"code": "请填确认码"},
        )


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
