"""Where a case goes: who may accept it, who decides it, and whose inbox it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from models.agency import Agency
from models.authority import AuthorityGrant
from models.base import now
from models.case import Case, ServiceItem
from models.resident import Resident
from process import engine, registry
from process.access import Actor
from process.clock import local_day
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from services import authority, item_places, point_items
from services.item_channels import ASSISTED

STREET_KINDS = ("street", "town", "street_centre", "sub_centre", "extended_outlet", "bank_outlet")
NEAR_KINDS = ("community", "community_station", "errand_point", "grid", "village")


def front_office(session: Session, agency: Agency) -> Agency:
    """The desk that takes papers for a unit: a street has its centre, a community takes them itself."""
    desk = (agency.details or {}).get("front_office")
    return (session.get(Agency, desk) if desk and desk != agency.id else None) or agency


def filing_place(session: Session, place_id: object) -> Agency:
    """The agency a case is filed at, as named by form or API."""
    place = session.get(Agency, str(place_id)) if place_id else None
    if place is None:
        raise InvalidInput("没有找到受理单位，请选择一个社区或街道。", {"place": "没有这个单位"})
    place = front_office(session, place)
    if place.kind not in STREET_KINDS + NEAR_KINDS:
        raise InvalidInput(f"{place.name}不直接收件，请选择社区或街道。", {"place": "请选择社区或街道"})
    return place


def above(agency: Agency | None, *kinds: str) -> Agency | None:
    """The agency itself or the nearest one above it of these kinds."""
    while agency is not None and agency.kind not in kinds:
        agency = agency.parent
    return agency


def decided_by_community(item: ServiceItem) -> bool:
    return item.decide_level == "village"


@dataclass(frozen=True)
class Route:
    """Who decides, whose decision it is by the catalogue, and by which grant it is another's."""

    unit: Agency
    home: Agency
    grant: AuthorityGrant | None = None


def route(session: Session, item: ServiceItem, place: Agency, applicant: Resident | None, day: date) -> Route:
    """Where a case filed here on that day is decided: by level or owner, by powers of the place, or under a grant."""
    home = _home(session, item, place, applicant)
    grant = authority.covering(session, item, home, authority.DECIDE, day, place.path)
    return Route(front_office(session, grant.taker), home, grant) if grant is not None else Route(home, home)


def _home(session: Session, item: ServiceItem, place: Agency, applicant: Resident | None) -> Agency:
    owner = item_places.owner_of(session, item)
    powerful = next((row for row in item_places.above(session, item, place.path) if row.same_power), None)
    if powerful is not None:
        # 同权: what an owner decides elsewhere, or the catalogue leaves higher up, is decided here.
        return front_office(session, powerful.place)
    if owner is not None:
        return front_office(session, owner)
    if decided_by_community(item):
        near = above(place, "community", "village") or (
            applicant.community if applicant and place.kind not in STREET_KINDS else None
        )
        if near is not None:
            return near
    street = above(place, "street", "town")
    return front_office(session, street) if street is not None else place


def deciding_unit(session: Session, case: Case) -> Agency:
    """A village item is decided by the community, an owner's by its owner, everything else at the street's front office,
    unless somebody else holds the power or the authority.

    Items of district and city that have no owner are carried by this installation for show and are decided at the street, too."""
    if case.deciding_unit is not None and case.active_place("addressee") is not None:
        return case.deciding_unit
    return route(session, case.item, case.place, case.applicant, local_day(case.filed_at or now())).unit


def addressee_for(session: Session, item: ServiceItem, place: Agency) -> Agency:
    """To whom a ticket for this item goes from here, today."""
    return route(session, item, place, None, local_day(now())).unit


def open_to(step: Step, case: Case, agency: Agency) -> None:
    """This agency sees the case from now on, because of this step's thing, and has it in its inbox."""
    engine.add_place(step, case, "addressee", agency)
    case.deciding_unit_id = agency.id
    hand_to(case, agency.id)
    step.session.expire(case, ["deciding_unit"])
    decided = route(step.session, case.item, case.place, case.applicant, local_day(step.at))
    if decided.grant is not None and decided.unit.id == agency.id:
        authority.note_route(step.session, case, decided.grant)
    lay_before_handler(step, case, agency)


def hand_to(case: Case, unit_id: str) -> None:
    """Lays the case into a unit's inbox; a colleague who had taken it keeps it only within the same unit."""
    if case.unit_id != unit_id:
        case.unit_id, case.assignee_id = unit_id, None


def lay_before_handler(step: Step, case: Case, unit: Agency) -> None:
    """办理人员: where colleagues are named for the item, a new case is laid before one of them; anybody of the unit may still take it."""
    if case.assignee_id is not None or case.unit_id != unit.id:
        return
    person = item_places.suggested(step.session, case.item, unit)
    if person is not None:
        case.assignee_id = person.id
        step.details["handler"] = person.id


def must_carry(session: Session, case: Case) -> bool:
    """Whether the place that took a case in can only pass it on with a ticket."""
    there = case.active_place("addressee")
    if there is not None:
        return False
    return not may_accept(session, case.item, case.place, local_day(now()))


def may_accept(session: Session, item: ServiceItem, place: Agency, day: date) -> bool:
    """受理级别: by the level of the catalogue, by what the street brought down, by powers of the place, or by a grant."""
    owner = item_places.owner_of(session, item)
    if owner is None or item_places.same_power_at(session, item, place) is not None:
        by_level = item.accept_level in (None, "village") or place.kind in STREET_KINDS
        return by_level or item_places.villages_accept(session, item, place)
    by_level = item.accept_level in (None, "village") or (item.accept_level == "street" and place.kind in STREET_KINDS)
    if by_level or place.path.startswith(owner.path) or item_places.villages_accept(session, item, place):
        return True
    return authority.acceptable_at(session, item, front_office(session, owner), place, day) is not None


@registry.requirement("accepted_here")
def accepted_here(step: Step) -> None:
    """受理级别: a street item is accepted by the street, an owner's by its owner; the community carries it there."""
    case: Case = step.content
    if may_accept(step.session, case.item, case.place, local_day(step.at)):
        return
    if step.cause is not None and step.cause.content.type == "delegation":
        return
    there = case.active_place("addressee")
    if there is not None and not case.place_path.startswith(there.place_path):
        if step.actor.holds("window_clerk", there.place_path):
            return
        raise RequirementUnmet(f"“{case.item.title}”由{_level(case)}受理，这件已转到{there.place.name}，请等对方受理。")
    office = deciding_unit(step.session, case)
    raise RequirementUnmet(
        f"“{case.item.title}”由{_level(case)}受理，{case.place.name}不能直接受理。请开“代办单”转交{office.name}办理。",
        {"addressee": office.id},
    )


def _level(case: Case) -> str:
    return "街道" if case.item.accept_level == "street" else "上级单位"


@registry.effect("route_case")
def route_case(step: Step) -> None:
    """Filed there or online, the deciding unit has it at once; from elsewhere only a delegation carries it. What was accepted
    here for an owner goes to the owner's desk by itself: its papers were looked at by whoever accepted."""
    case: Case = step.content
    decided = route(step.session, case.item, case.place, case.applicant, local_day(step.at))
    unit = decided.unit
    if case.active_place("addressee") is None:
        case.deciding_unit_id = unit.id
        near = unit.path == case.place_path or case.place_path.startswith(unit.path)
        if near or _by_themselves(step, case) or _from_teller(step, case) or _accepted_for(step, case, decided):
            engine.add_place(step, case, "addressee", unit)
            authority.note_route(step.session, case, decided.grant)
        step.session.expire(case, ["deciding_unit"])
    there = case.active_place("addressee")
    hand_to(case, there.place_id if there is not None else case.place_id)
    if there is not None:
        lay_before_handler(step, case, there.place)


def _accepted_for(step: Step, case: Case, decided: Route) -> bool:
    """Accepted at this place for an owner elsewhere, by level or by a grant to accept."""
    if step.transition.id not in ("accept", "defer") or item_places.owner_of(step.session, case.item) is None:
        return False
    grant = authority.acceptable_at(step.session, case.item, decided.home, case.place, local_day(step.at))
    if grant is not None:
        authority.note_route(step.session, case, grant)
    return True


def _by_themselves(step: Step, case: Case) -> bool:
    """Online; or in the e-filing zone, where staff opened the filing and the applicants saw it through or confirmed it."""
    return is_online(case) or case.channel == ASSISTED


def _from_teller(step: Step, case: Case) -> bool:
    """政银通: a bank's own people accept nothing, so what they file lies in the town's inbox at once, without a ticket."""
    return point_items.at_own_outlet(step.actor, case.place)


def is_online(case: Case) -> bool:
    """Filed by the applicants themselves, from wherever they are."""
    return case.channel.startswith("online_") or case.channel in (
        "wechat_account",
        "app",
        "self_service_terminal",
        "self_service_hall_24h",
    )


def fetched_at(case: Case) -> str:
    """统一窗口出件: where the resident came in; what was filed from home waits where it was decided."""
    return (case.deciding_unit_id if is_online(case) else None) or case.place_id


def accepting_unit(case: Case, actor: Actor) -> Agency:
    """Whose clerk accepts: the street once it has the case, else where it was filed."""
    there = case.active_place("addressee")
    if there is not None and actor.unit_path.startswith(there.place_path):
        return there.place
    return above(case.place, "community", "street_centre") or case.place


@registry.predicate("papers_here", why="这件正随代办单在别的单位办理，不在您手里。请等清点交接以后再办。")
def papers_here(session: Session, case: Case, actor: Actor) -> bool:
    """The case lies in a unit of this actor: what travels with a ticket is not at hand."""
    return case.unit is None or any(
        case.unit.path.startswith(held.path) or held.path.startswith(case.unit.path) for held in actor.held
    )
