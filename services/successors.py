"""Units that ended: who took over from them, and moving a ticket to that unit so that nobody is sent to a closed door."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.delegation import Delegation
from process import clock, engine, journal, registry
from process.access import Actor
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from services import case_routing, custody, further

LONGEST_CHAIN = 5
# Offices of one tier can do each other's work; whoever takes over stands there or one above.
TIERS = (
    ("community", "village", "community_station", "errand_point"),
    ("street", "town", "street_centre", "errand_station", "sub_centre", "extended_outlet", "bank_outlet"),
    ("district", "department", "approvals_office", "company"),
    ("city",),
)


def living(session: Session, agency: Agency, day: date) -> Agency | None:
    """The unit itself while it exists, else whoever is on record as having taken over; None when nobody is."""
    here: Agency | None = agency
    for _ in range(LONGEST_CHAIN):
        if here is None or here.exists_on(day):
            break
        here = session.get(Agency, str((here.details or {}).get("successor") or ""))
    if here is None or not here.exists_on(day):
        return None
    return case_routing.front_office(session, here)


def _tier(agency: Agency) -> int | None:
    return next((tier for tier, kinds in enumerate(TIERS) if agency.kind in kinds), None)


def sensible(closed: Agency, heir: Agency) -> bool:
    """Of the same district and tier, or of the tier above where the closed unit lay below it."""
    low, high = _tier(closed), _tier(heir)
    if low is None or high is None or closed.id == heir.id:
        return False
    if low == high:
        return closed.district == heir.district
    roof = heir if heir.kind in ("street", "town", "district", "city") else heir.parent
    return high == low + 1 and roof is not None and closed.path.startswith(roof.path)


def require_sensible(closed: Agency, heir: Agency, day: date, name: str = "unit") -> None:
    """An heir that works today and could do the closed unit's work; says which ones could."""
    if not heir.exists_on(day):
        raise InvalidInput(f"{heir.name}也已停止办公，请选现在办公的单位。", {name: "单位已停止办公"})
    if not sensible(closed, heir):
        raise InvalidInput(
            f"{custody.full_name(heir)}不能接替{custody.full_name(closed)}：接替的应是同一区里同级的单位，或它的上级单位。请重新选。",
            {name: "应是同一区同级的单位，或上级单位"},
        )


def gone(session: Session, agency: Agency, day: date) -> str:
    """`…已停止办公，现由…接替`, for the beginning of a sentence."""
    heir = living(session, agency, day)
    return f"{custody.full_name(agency)}已停止办公" + (f"，现由{custody.full_name(heir)}接替" if heir else "")


def result_place(ticket: Delegation) -> Agency:
    """Where the result goes and the resident fetches it: the station, unless another point was chosen."""
    return ticket.result_point or ticket.place


def ended(ticket: Delegation, day: date) -> list[tuple[str, Agency]]:
    """Which sides of a ticket exist no longer: `place`, `addressee`, `result_point`."""
    sides = [("place", ticket.place), ("addressee", ticket.addressee)]
    if ticket.result_point is not None and ticket.result_point_id != ticket.place_id:
        sides.append(("result_point", ticket.result_point))
    return [(side, agency) for side, agency in sides if not agency.exists_on(day)]


@registry.predicate("a_side_ended", why="这张单子两头的单位都在办公，不用换接替单位。")
def a_side_ended(session: Session, ticket: Delegation, actor: Actor) -> bool:
    return bool(ended(ticket, clock.local_day(now())))


@registry.requirement("taker_stands")
def taker_stands(step: Step) -> None:
    """Papers go to an office that is there."""
    ticket: Delegation = step.content
    to = result_place(ticket) if step.transition.id == "send_result" else ticket.place
    day = clock.local_day(step.at)
    if not to.exists_on(day):
        raise RequirementUnmet(
            f"{gone(step.session, to, day)}，材料交过去没人收。请先在这张单子上办“改由接替单位经手”，再“{step.transition.title.zh}”。"
        )


@registry.effect("move_to_successor")
def move_to_successor(step: Step) -> None:
    """The unit that took over stands where the closed one stood: it sees the ticket, gets the papers, answers for it."""
    ticket: Delegation = step.content
    session, day = step.session, clock.local_day(step.at)
    side, old = ended(ticket, day)[0]
    heir = _heir(session, ticket, side, old, step.inputs["unit"], day)
    if side == "place":
        for content in (ticket, ticket.case):
            if content is not None and content.place_id == old.id:
                _move(step, content, heir)
    elif side == "addressee":
        _readdress(step, ticket, old, heir)
    else:
        ticket.result_point_id = heir.id
    for content in (ticket, ticket.case):
        if content is not None and content.unit_id == old.id:
            content.unit_id, content.assignee_id = heir.id, None
    _papers_follow(step, ticket, old, heir)
    session.flush()
    session.expire(ticket, ["place", "addressee", "result_point", "unit", "assignee"])
    step.details |= {"side": side, "from_unit": old.id, "to_unit": heir.id}


def _heir(session: Session, ticket: Delegation, side: str, old: Agency, chosen: object, day: date) -> Agency:
    found = session.get(Agency, str(chosen))
    if found is None:
        raise InvalidInput("没有找到接替单位，请从机构列表中选择。", {"unit": "没有这个单位"})
    heir = case_routing.front_office(session, found)
    other = ticket.addressee_id if side != "addressee" else ticket.place_id
    if heir.id == other:
        raise InvalidInput(
            f"{heir.name}是这张单子的另一头，不能同时接替{old.name}。请选别的单位。", {"unit": "是单子的另一头"}
        )
    on_record = living(session, old, day)
    if on_record is None or on_record.id != heir.id:
        require_sensible(old, heir, day)
    return heir


def _move(step: Step, content: Content, heir: Agency) -> None:
    before = content.place_id
    content.place_id, content.place_path, content.district = heir.id, heir.path, heir.district or content.district
    step.session.flush()
    step.session.expire(content, ["place"])
    if content is not step.content:
        journal.record(
            step.session,
            "delegation:succeed",
            step.actor,
            content=content,
            details={"from_unit": before, "to_unit": heir.id},
            at=step.at,
        )


def _readdress(step: Step, ticket: Delegation, old: Agency, heir: Agency) -> None:
    ticket.addressee_id = heir.id
    for content in (ticket, ticket.case):
        if content is None or not any(p.cause_uid == ticket.uid and p.until is None for p in content.places):
            continue
        for place in content.places:
            if place.cause_uid == ticket.uid and place.place_id == old.id and place.until is None:
                place.until = step.at
        engine.add_place(step, content, "addressee", heir)
    if ticket.case is not None and ticket.case.deciding_unit_id == old.id:
        ticket.case.deciding_unit_id = heir.id


def _papers_follow(step: Step, ticket: Delegation, old: Agency, heir: Agency) -> None:
    """What the closed office had is the successor's, on a list of its own; what it was to count, the successor counts."""
    further.inherit(ticket, old, heir)
    case = custody.case_of(ticket)
    # What stays in the file as well: a photograph left with a closed office would be nobody's.
    mine = [m for m in case.materials if m.original_held and m.holder_unit_id == old.id] if case is not None else []
    held = sorted(mine, key=lambda material: material.id)
    if held:
        lines = [custody.Line(m.name, m.sheets or 1, True, "", m) for m in held]
        giver, taker = custody.unit(old), custody.unit(heir)
        written = custody.write(step.session, ticket, "succeed", giver, taker, lines, step.at, case=case)
        custody.hold(step.session, [m.id for m in held], taker)
        step.details["handover"] = written.id
