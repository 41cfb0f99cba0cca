"""Where a case goes: who may accept it, who decides it, and whose inbox it lies in."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case, ServiceItem
from process import engine, registry
from process.access import Actor
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step

STREET_KINDS = ("street", "town", "street_centre")
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


def deciding_unit(session: Session, case: Case) -> Agency:
    """A village item is decided by the community, everything else at the street's front office.

    Items of district and city are carried by this installation for show and are decided at the street, too."""
    if decided_by_community(case.item):
        near = above(case.place, "community", "village") or (
            case.applicant.community if case.applicant and case.place.kind not in STREET_KINDS else None
        )
        if near is not None:
            return near
    street = above(case.place, "street", "town")
    return front_office(session, street) if street is not None else case.place


def open_to(step: Step, case: Case, agency: Agency) -> None:
    """This agency sees the case from now on, because of this step's thing, and has it in its inbox."""
    engine.add_place(step, case, "addressee", agency)
    case.deciding_unit_id = agency.id
    hand_to(case, agency.id)


def hand_to(case: Case, unit_id: str) -> None:
    """Lays the case into a unit's inbox; a colleague who had taken it keeps it only within the same unit."""
    if case.unit_id != unit_id:
        case.unit_id, case.assignee_id = unit_id, None


@registry.requirement("accepted_here")
def accepted_here(step: Step) -> None:
    """受理级别: a street item is accepted by the street; the community carries it there."""
    case: Case = step.content
    if case.item.accept_level in (None, "village") or case.place.kind in STREET_KINDS:
        return
    if step.cause is not None and step.cause.content.type == "delegation":
        return
    there = case.active_place("addressee")
    if there is not None and there.place.kind in STREET_KINDS:
        if step.actor.holds("window_clerk", there.place_path):
            return
        raise RequirementUnmet(f"“{case.item.title}”由街道受理，这件已转到{there.place.name}，请等对方受理。")
    office = deciding_unit(step.session, case)
    raise RequirementUnmet(
        f"“{case.item.title}”由街道受理，{case.place.name}不能直接受理。请开“代办单”转交{office.name}办理。",
        {"addressee": office.id},
    )


@registry.effect("route_case")
def route_case(step: Step) -> None:
    """Filed there or online, the deciding unit has it at once; from elsewhere only a delegation carries it."""
    case: Case = step.content
    unit = deciding_unit(step.session, case)
    if case.active_place("addressee") is None:
        case.deciding_unit_id = unit.id
        if unit.path == case.place_path or is_online(case) or case.place_path.startswith(unit.path):
            engine.add_place(step, case, "addressee", unit)
    there = case.active_place("addressee")
    hand_to(case, there.place_id if there is not None else case.place_id)


def is_online(case: Case) -> bool:
    """Filed by the applicants themselves, from wherever they are."""
    return case.channel.startswith("online_") or case.channel in (
        "wechat_account",
        "app",
        "self_service_terminal",
        "self_service_hall_24h",
    )


@registry.predicate("papers_here", why="这件正随代办单在别的单位办理，不在您手里。请等清点交接以后再办。")
def papers_here(session: Session, case: Case, actor: Actor) -> bool:
    """The case lies in a unit of this actor: what travels with a ticket is not at hand."""
    return case.unit is None or any(
        case.unit.path.startswith(held.path) or held.path.startswith(case.unit.path) for held in actor.held
    )
