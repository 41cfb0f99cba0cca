"""红色代办任务: claimed by exactly one courier, or given to one; who that may be, and how many at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.content import Content
from models.errand import Errand
from models.person import CourierProfile, Person
from process import access, clock, registry
from process.access import Actor
from process.calendar_days import say
from process.refusals import RequirementUnmet
from process.registry import Step
from services import custody

# What a courier has on hand; what is delivered waits for the receiver and no longer counts.
CARRYING = ("pairing", "claimed", "assigned", "picked_up", "on_way")
# Only these carry the papers of the thing they are related to; buying vegetables on the way does not.
CARRYING_PAPERS = ("hand_in", "deliver_result")
RECEIVERS = frozenset({"applicant", "community_clerk@addressee", "window_clerk@addressee"})
DISPATCHER = "errand_dispatcher"


# --- who may ---------------------------------------------------------------------------------------------------------
@registry.predicate("not_the_receiver")
def not_the_receiver(session: Session, errand: Errand, actor: Actor) -> bool:
    """Nobody carries something to themselves."""
    return RECEIVERS.isdisjoint(access.tokens(errand, actor))


def is_receiver(errand: Errand, actor: Actor) -> bool:
    """Whoever carried it is never the one who received it."""
    return errand.assignee_id != actor.person_id and not RECEIVERS.isdisjoint(access.tokens(errand, actor))


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
            f"{who}的跑腿工培训已于{say(until)}到期。请参加复训，由代办站登记新日期；手上的任务可以继续送完。",
            {field: "培训已到期"},
        )


def counted_under_lock(session: Session, person_id: int) -> tuple[int, int]:
    """How many the courier has on hand, and the limit; two claims of one courier count one after the other."""
    limit = session.scalar(
        select(CourierProfile.errand_limit).where(CourierProfile.person_id == person_id).with_for_update()
    )
    return on_hand(session, person_id), limit or 0


def on_hand(session: Session, person_id: int) -> int:
    """How many somebody carries now, and goes along with."""
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
    ) + gone_along(session, person_id)


def gone_along(session: Session, person_id: int) -> int:
    """Whoever goes along with somebody is on the way as well: it counts like an errand of one's own."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Errand)
            .where(Errand.companion_id == person_id, Errand.closed_at.is_(None), Errand.state.in_(CARRYING))
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
