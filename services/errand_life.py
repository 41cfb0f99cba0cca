"""The turns of an errand's life: two who go together, papers that come back, a call that is cancelled, a courier who leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content, ContentPerson
from models.errand import Errand
from models.person import CourierProfile, Person
from process import access, calendars, clock, engine, outbox, registry
from process.access import NOBODY, Actor
from process.refusals import RequirementUnmet
from process.registry import Step
from process.words import N_
from services import custody, errand_carrying, errand_kinds, errands, files, notices
from services.messages import colleagues

COMPANION = "companion"
LEAVER = "errands.leaver"
# Given away with a note, as long as no papers are in anybody's hands; after that they have to be fetched first.
FREED = ("pairing", "claimed", "assigned")
UNDER_WAY = ("picked_up", "on_way")
ASSIGNED = N_("任务 %(number)s 指派给您了，请到“我的任务”里看。")
CANCELLED = N_("任务 %(number)s 取消了，不用去了。")
CALLED_BACK = N_("任务 %(number)s 不用送了。请把材料带回代办点交给工作人员清点，登记“未遇到或材料不符”。")
CAME_BACK = N_("任务 %(number)s 的跑腿工不能去了，任务已放回任务板，请安排别人。")
STILL_OUT = N_("任务 %(number)s 的跑腿工不能去了，材料还在其手上。请马上联系，把材料收回代办点清点。")
MATE_GONE = N_("任务 %(number)s 的同行人不能去了，请等另一位，或请调度员安排。")


# --- two together ----------------------------------------------------------------------------------------------------
@registry.predicate("for_one")
def for_one(session: Session, errand: Errand, actor: Actor) -> bool:
    return "two_people" not in (errand.needs or ())


@registry.predicate("for_two")
def for_two(session: Session, errand: Errand, actor: Actor) -> bool:
    return "two_people" in (errand.needs or ())


@registry.effect("take_along")
def take_along(step: Step) -> None:
    """The second courier sees the errand in full until it is over."""
    assert step.actor.person_id is not None
    accompany(step, step.actor.person_id)
    _tell_person(step, step.content.assignee_id, N_("任务 %(number)s 有人同行了，可以出发。"), "errand:joined")


def accompany(step: Step, person_id: int) -> None:
    """Draws the second courier in by name."""
    errand = step.content
    errand.companion_id = person_id
    errand.people.append(
        ContentPerson(person_id=person_id, relation=COMPANION, by_id=step.actor.person_id, since=step.at)
    )
    step.details["companion"] = person_id
    step.session.flush()
    step.session.expire(errand, ["companion"])


def part(step: Step) -> None:
    """The second courier no longer belongs to it."""
    errand = step.content
    errand.companion_id = None
    for row in errand.people:
        if row.relation == COMPANION and row.until is None:
            row.until = step.at
    step.session.flush()
    step.session.expire(errand, ["companion"])


@registry.effect("part_ways")
def part_ways(step: Step) -> None:
    step.details["companion"] = step.content.companion_id
    part(step)
    _tell_person(step, step.content.assignee_id, MATE_GONE, "errand:parted")


@registry.requirement("companion_available")
def companion_available(step: Step) -> None:
    """Where two must go the dispatcher names both, and both may go."""
    named = step.inputs.get("companion")
    if not for_two(step.session, step.content, step.actor):
        step.inputs.pop("companion", None)
        return
    if not named:
        raise RequirementUnmet("这一单要两个人一起去，请再选一位同行的跑腿工。", {"companion": "请选一位同行的跑腿工"})
    person = errands.may_carry(step, str(named), "companion")
    if person.id == step.inputs["courier"]:
        raise RequirementUnmet("同行的要是另一位跑腿工，请改选。", {"companion": "与前面选的是同一个人"})
    step.inputs["companion"] = person.id


@registry.effect("tell_assigned")
def tell_assigned(step: Step) -> None:
    """Whoever was given it hears of it at once."""
    if step.inputs.get("companion"):
        accompany(step, int(step.inputs["companion"]))
    for person_id in (step.content.assignee_id, step.content.companion_id):
        _tell_person(step, person_id, ASSIGNED, "errand:assigned", state="assigned")


def _tell_person(step: Step, person_id: int | None, text: str, kind: str, state: str | None = None) -> None:
    person = step.session.get(Person, person_id) if person_id is not None else None
    if person is not None and person.id != step.actor.person_id:
        notices.notify(
            step.session,
            step.content,
            to=person,
            kind=kind,
            text=text,
            params={"number": step.content.number},
            state=state,
            actor=step.actor,
        )


# --- at the door -----------------------------------------------------------------------------------------------------
@registry.effect("on_foot")
def on_foot(step: Step) -> None:
    """Nothing is carried, so time begins when they leave."""
    step.content.picked_up_at = step.at


@registry.effect("keep_proofs")
def keep_proofs(step: Step) -> None:
    """What was shown and signed at the door, until the papers have changed hands; that an ID card was checked is on record."""
    errand, given = step.content, step.inputs
    kept = dict(errand.fields or {})
    if given.get("signature"):
        kept[errand_kinds.SIGNED] = files.store_signature(
            step.session, errand, step.actor, given["signature"], "收件人签名"
        ).id
    if given.get("photos"):
        kept[errand_kinds.PHOTOS] = list(dict.fromkeys(given["photos"]))
    errand.fields = kept
    proofs = [name for name in ("signature", "id_checked", "photos", "code") if given.get(name)]
    if proofs:
        step.details["proofs"] = proofs


def end_company(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Over, so the second courier no longer sees it in full; the statement still counts it for both."""
    if step is None or not isinstance(content, Errand) or content.closed_at is None:
        return
    for row in content.people:
        if row.relation == COMPANION and row.until is None:
            row.until = step.at
    session.flush()


registry.listeners.append(end_company)


# --- cancelled and called back ---------------------------------------------------------------------------------------
@registry.effect("tell_cancelled")
def tell_cancelled(step: Step) -> None:
    """Whoever was about to go hears of it before they leave."""
    for person_id in (step.content.assignee_id, step.content.companion_id):
        _tell_person(step, person_id, CANCELLED, "errand:cancelled")


@registry.effect("tell_called_back")
def tell_called_back(step: Step) -> None:
    for person_id in (step.content.assignee_id, step.content.companion_id):
        _tell_person(step, person_id, CALLED_BACK, "errand:called_back")


def call_off(step: Step, errand: Errand) -> None:
    """The same, as the consequence of a step of the thing the errand was for."""
    engine.fire_unattended(
        errand,
        "call_back",
        because="related_over",
        cause=step,
        inputs={"comment": f"{step.content.number or ''}不用送了"},
    )


# --- back at the point -----------------------------------------------------------------------------------------------
@registry.predicate("back_uncounted")
def back_uncounted(session: Session, errand: Errand, actor: Actor) -> bool:
    """The courier says the papers are back; nobody at the point has counted them yet."""
    back = custody.latest(session, errand, "return")
    return errand.state == "failed" and back is not None and back.signed_at is None


@registry.effect("count_back")
def count_back(step: Step) -> None:
    """The point counts and signs for what came back; from now on it has them."""
    errand, counted = step.content, step.inputs["envelopes"]
    back = custody.latest(step.session, errand, "return")
    assert back is not None
    back.signed_at, back.to_person_id = step.at, step.actor.person_id
    for line in back.lines:
        line.counted, line.difference = counted, step.inputs.get("difference", "")
    if step.inputs.get("signature"):
        back.from_signature_id = files.store_signature(
            step.session, errand, step.actor, step.inputs["signature"], "交回人签名"
        ).id
    step.details |= {"envelopes": errand.envelopes, "counted": counted}
    errand_carrying.note_difference(step, back.id, counted)


@registry.effect("recover_papers")
def recover_papers(step: Step) -> None:
    """Fetched from somebody who can no longer bring them: counted by the dispatcher and laid down at the point."""
    errand_carrying.back_to_point(step, counted=step.inputs["envelopes"])
    part(step)


# --- a courier who leaves --------------------------------------------------------------------------------------------
def courier_gone(session: Session, person: Person, why: str, actor: Actor | None = None) -> int:
    """Frees what a courier has not fetched yet and tells the dispatchers of all of it; answers how many errands it concerns."""
    held = list(
        session.scalars(
            select(Errand).where(
                or_(Errand.assignee_id == person.id, Errand.companion_id == person.id),
                Errand.closed_at.is_(None),
                Errand.state.in_((*FREED, *UNDER_WAY)),
            )
        )
    )
    for errand in held:
        text = STILL_OUT if errand.state in UNDER_WAY else CAME_BACK
        if errand.companion_id == person.id and errand.assignee_id != person.id:
            if errand.state in UNDER_WAY:
                continue
            if errand.state in ("claimed", "assigned"):
                engine.fire_unattended(errand, "leave", because="courier_gone", inputs={"comment": why})
            text = MATE_GONE
        elif errand.state in FREED:
            engine.fire_unattended(errand, "release", because="courier_gone", inputs={"comment": why})
        alert(session, errand, text, actor or NOBODY)
    return len(held)


def alert(session: Session, errand: Errand, text: str, actor: Actor) -> None:
    """Whoever dispatches on this street hears of it."""
    for dispatcher in colleagues.with_role(session, errands.DISPATCHER, errand.place):
        notices.notify(
            session,
            errand,
            to=dispatcher,
            kind="errand:courier_gone",
            text=text,
            params={"number": errand.number},
            actor=actor if actor.person_id else None,
        )


def still_courier(session: Session, person: Person) -> bool:
    """Active, not resting, and with the role anywhere today."""
    profile = session.get(CourierProfile, person.id)
    if not person.active or profile is None or profile.suspended_on is not None:
        return False
    return "red_courier" in access.load_actor(session, person.id, clock.local_day(now())).roles


def free_those_of_leavers(session: Session, people: Iterable[Person], why: str, actor: Actor | None = None) -> int:
    """After a role or an account has ended: the errands of those who are couriers no longer."""
    session.flush()
    return sum(courier_gone(session, one, why, actor) for one in people if not still_courier(session, one))


def look_again(session: Session, person: Person, last: date) -> None:
    """The morning after somebody's last day their errands are freed."""
    outbox.put(
        session,
        LEAVER,
        delay=max(calendars.end_of(last) - now(), timedelta(0)) + timedelta(seconds=1),
        person=person.id,
    )


def left(session: Session, args: Mapping[str, Any]) -> int:
    """The worker's call: no longer a courier? Then nothing stays with them."""
    person = session.get(Person, int(args["person"]))
    return free_those_of_leavers(session, [person], "跑腿工岗位已结束") if person is not None else 0
