"""Taking, moving and giving back the hour of a visit, and what happens when nobody was home again and again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from models.care import DoorCall
from models.content import Content
from models.delegation import HomeVisit
from models.person import Person
from process import registry
from process.access import Actor
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import notices, other_ways, slots, unit_settings
from services.slots import SLOT

DOORS = {"collect": "collect", "miss": "miss", "deliver": "deliver"}


@registry.predicate("only_asks", why="您可以直接确认时间，请点“核资格并排期”。")
def only_asks(session: Session, visit: HomeVisit, actor: Actor) -> bool:
    """Whoever may confirm an hour does not have to ask for it first."""
    return visit.state != "requested" or not any(
        actor.holds(role, visit.place_path) for role in ("grid_leader", "community_clerk")
    )


@registry.requirement("slot_free")
def slot_free(step: Step) -> None:
    """An hour at which one may ring, and at which neither the visitor nor the resident is somewhere else."""
    visit: HomeVisit = step.content
    start = start_of(step)
    off_hours = bool(step.inputs.get("off_hours")) and step.actor.resident_id is None
    kept = visit.slot_start == start
    if not kept or start <= step.at:
        # An hour that was asked for and is only confirmed now has passed this check already.
        slots.check_time(step.session, visit.place, start, step.at, off_hours=off_hours)
    slots.claim(step.session, visit.place, visit, visit.applicant_id, visitor_of(step), start, step.at)


def start_of(step: Step) -> datetime:
    """The hour named, else the one that was asked for."""
    start: datetime | None = step.inputs.get("slot_start") or step.content.slot_start
    if start is None:
        raise InvalidInput("请选择上门时间。", {"slot_start": "请选择上门时间"})
    return start


def visitor_of(step: Step) -> Person:
    """Whoever goes must lead or serve this very grid."""
    visit: HomeVisit = step.content
    session, named = step.session, step.inputs.get("visitor")
    able = slots.visitors(session, visit.place_id)
    person: Person | None
    if named:
        person = session.scalar(select(Person).where(Person.username == named, Person.active))
    elif visit.slot_start is not None and step.inputs.get("slot_start") in (None, visit.slot_start):
        person = visit.assignee
    elif step.transition.id == "move" and step.actor.resident_id is not None:
        # A resident chooses the hour, not the leader: the one who was to come if they can, else the other.
        person = slots.whoever_is_free(session, visit.place, start_of(step), first=visit.assignee_id)
    elif step.transition.id in ("move", "reschedule") and visit.assignee_id is not None:
        person = visit.assignee
    elif step.transition.id == "move" and step.actor.person_id not in {one.id for one in able}:
        person = slots.whoever_is_free(session, visit.place, start_of(step))
    else:
        person = session.get(Person, step.actor.person_id)
    if person is None or person.id not in {one.id for one in able}:
        names = "、".join(f"{one.name}（{one.username}）" for one in able) or "本网格还没有登记"
        who = f"{person.name}不是这个网格的网格长或服务员" if person else "没有找到这位上门人员"
        raise InvalidInput(f"{who}，不能上门。可以上门的是：{names}。", {"visitor": "不是本网格的网格长或服务员"})
    return person


@registry.effect("book_slot")
def book_slot(step: Step) -> None:
    from services import visits

    visit: HomeVisit = step.content
    answer = visits.assess(visit, step.at)
    start, person = start_of(step), visitor_of(step)
    if visit.slot_start is not None and visit.slot_start != start:
        step.details["moved_from"] = visit.slot_start.isoformat()
    visit.eligible, visit.basis = answer.ok, answer.basis_zh
    visit.slot_start, visit.slot_end = start, start + SLOT
    visit.assignee_id = person.id
    step.session.flush()
    step.session.expire(visit, ["assignee"])
    step.details["slot"] = visit.slot_start.isoformat()


@registry.effect("free_slot")
def free_slot(step: Step) -> None:
    """Somebody else may have this hour."""
    visit: HomeVisit = step.content
    if visit.slot_start is not None:
        step.details["slot_freed"] = visit.slot_start.isoformat()
    visit.slot_start = visit.slot_end = None


@registry.effect("count_attempt")
def count_attempt(step: Step) -> None:
    """Nobody home: the slot is free again and the attempt counts."""
    visit: HomeVisit = step.content
    visit.attempts += 1
    visit.slot_start = visit.slot_end = None
    step.details["attempts"] = visit.attempts


@registry.effect("count_door")
def count_door(step: Step) -> None:
    """One more time somebody of the grid stood at a door; visits of the year are counted by these rows."""
    visit: HomeVisit = step.content
    if step.actor.person_id is None:
        return
    step.session.add(
        DoorCall(
            district=visit.district,
            visit_id=visit.id,
            person_id=step.actor.person_id,
            grid_id=visit.place_id,
            kind=DOORS[step.transition.id],
            at=step.at,
        )
    )


def missed_sentence(visit: HomeVisit) -> str:
    """What is said when the door stayed closed again and again; empty before that."""
    session = object_session(visit)
    if session is None or visit.attempts < unit_settings.number(session, visit.place, "missed_visits"):
        return ""
    ways = "、".join(way.title for way in other_ways.of_visit(visit))
    return f"已上门 {visit.attempts} 次没有遇到人。请先打电话约好有人在家的时间，或改走其他渠道：{ways}。"


@registry.requirement("agreed_after_misses")
def agreed_after_misses(step: Step) -> None:
    """A fourth walk to a closed door helps nobody: first somebody telephones."""
    sentence = missed_sentence(step.content)
    if sentence and not step.inputs.get("agreed"):
        raise InvalidInput(
            f"{sentence}已经约好的，请勾选“已电话约好”再排期。", {"agreed": "请先电话约好，或改走其他渠道"}
        )


@registry.requirement("missed_often")
def missed_often(step: Step) -> None:
    visit: HomeVisit = step.content
    enough = unit_settings.number(step.session, visit.place, "missed_visits")
    if visit.attempts < enough:
        raise RequirementUnmet(
            f"才上门 {visit.attempts} 次，满 {enough} 次没有遇到人才改走其他渠道。请重新排期，或由群众自己取消。"
        )


TOLD = {
    "move": N_("%(number)s：群众选了上门时间 %(when)s，请确认或安排。"),
    "cancel": N_("%(number)s：群众取消了这次上门。"),
}


def tell_visitor(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """What a resident or a relative does with the hour is told to whoever was to come, else to the leaders of the grid."""
    if not isinstance(content, HomeVisit) or event not in TOLD or actor.resident_id is None:
        return
    readers = [content.assignee] if content.assignee is not None else slots.leaders(session, content.place_id)
    when = {"when": content.slot_start.isoformat()} if event == "move" and content.slot_start else {}
    for reader in readers:
        notices.notify(session, content, to=reader, kind=f"visit:{event}", text=TOLD[event], params=when, actor=actor)


registry.listeners.append(tell_visitor)
