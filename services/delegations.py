"""代办: one agency carries a case to another for the resident, and the station stays answerable until it is closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.content import Content
from models.delegation import Delegation, HomeVisit, Letter
from models.ledger import JournalEntry
from process import access, clock, engine, journal, registry
from process.access import Actor
from process.inputs import LIMITS, clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable
from process.registry import Step
from services import case_routing, letters, successors
from services.catalogue_items import record_of

CLOSED = ("closed", "withdrawn")
RESULT_POINTS = ("community", "village", "street_centre", "street", "town")
CARRIABLE = ("draft", "submitted", "accepted", "accepted_deferred", "supplement", "reviewed", "approved")


# --- Opening a ticket


@registry.creator("delegation")
def create(session: Session, actor: Actor, data: Mapping[str, Any]) -> Delegation:
    """A clerk opens a ticket for a case that another unit decides."""
    case = _case(session, actor, data.get("case"))
    place = session.get_one(Agency, case.place_id)
    named = data.get("addressee")
    addressee = addressee_of(session, named) if named else default_addressee(session, case.item, place)
    # A case that staff brought from a home goes back there, on whichever ticket it travels.
    visit = session.scalar(select(HomeVisit).where(HomeVisit.case_id == case.id, HomeVisit.closed_at.is_(None)))
    ticket = open_ticket(
        session,
        actor,
        case.item,
        place,
        addressee,
        case=case,
        visit=visit,
        letter=visit.letter if visit else None,
        message=data.get("message"),
        co_addressees=data.get("co_addressees"),
        result_point=data.get("result_point"),
    )
    if data.get("letter"):
        sign_letter(session, ticket, actor, _mapping(data["letter"]))
    return ticket


def open_ticket(
    session: Session,
    actor: Actor,
    item: ServiceItem,
    place: Agency,
    addressee: Agency,
    *,
    case: Case | None = None,
    visit: HomeVisit | None = None,
    letter: Letter | None = None,
    message: Any = "",
    co_addressees: Any = None,
    result_point: Any = None,
    allowed: bool = False,
) -> Delegation:
    """Checks that the item may be carried to this unit, and brings the ticket to life."""
    require_carriable(session, item, place, addressee, case)
    point = result_point_of(session, result_point, place)
    joint = _joint(session, co_addressees, place, addressee)
    words = _message(message)
    applicant = case.applicant if case else (visit.applicant if visit else None)
    ticket = Delegation(
        title=f"{item.title}（转{addressee.name}）"[:200],
        case_id=case.id if case else None,
        home_visit_id=visit.id if visit else None,
        addressee_id=addressee.id,
        letter_id=letter.id if letter else None,
        applicant_id=applicant.id if applicant else None,
        first_contact_id=(case.first_contact_id if case else None) or actor.person_id,
        result_point_id=point.id if point is not None else None,
        unit_id=place.id,
        fields={
            "case": case.uid if case else None,
            "item": item.code,
            "addressee": addressee.id,
            "message": words,
            **({"co_addressees": joint} if joint else {}),
        },
        search_text=" ".join(
            part
            for part in (item.title, addressee.name, case.number if case else "", applicant.name if applicant else "")
            if part
        ),
    )
    engine.create(
        session, ticket, actor, type_id="delegation", place=place, allowed=allowed, details={"addressee": addressee.id}
    )
    return ticket


def _case(session: Session, actor: Actor, uid: Any) -> Case:
    case = session.scalar(access.visible(select(Case).where(Case.uid == str(uid or "")), actor, Case))
    if case is None:
        raise InvalidInput("没有找到要代办的办件，请从办件页面点“转交代办”。", {"case": "没有这个办件"})
    if not access.may(actor, access.VIEW_FULL, case):
        raise Forbidden("这个办件不由您经手，不能转交代办。")
    return case


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput("委托书应为一组字段。", {"letter": "应为一组字段"})
    return value


def _joint(session: Session, given: Any, place: Agency, addressee: Agency) -> list[str]:
    """协办单位: each gets a part of its own when the ticket is sent. Checked now, and once more then."""
    from services import sub_tickets

    found = sub_tickets.joint_addressees(session, given)
    for agency_id in found:
        other = session.get_one(Agency, agency_id)
        sub_tickets.require_unit(session, other, place, addressee, joint=True)
    return found


def result_point_of(session: Session, given: Any, place: Agency) -> Agency | None:
    """Where the resident fetches the result; None is the station itself."""
    if given in (None, ""):
        return None
    point = session.get(Agency, str(given))
    if point is None:
        raise InvalidInput("没有找到结果领取点，请从机构列表中选择。", {"result_point": "没有这个单位"})
    if not point.exists_on(clock.local_day(now())):
        raise InvalidInput(
            f"{point.name}已停止办公，不能作结果领取点。请改选别的社区或街道。", {"result_point": "单位已停止办公"}
        )
    if point.kind not in RESULT_POINTS:
        raise InvalidInput(
            f"{point.name}不能发放结果，请选社区或街道行政服务中心。", {"result_point": "请选社区或街道"}
        )
    return None if same_unit(point, place) else point


def _message(value: Any) -> str:
    try:
        return clean_text(value or "", LIMITS["longtext"])
    except ValueError as problem:
        raise InvalidInput(f"给对方的话{problem}。", {"message": str(problem)}) from problem


def require_carriable(
    session: Session,
    item: ServiceItem,
    place: Agency,
    addressee: Agency,
    case: Case | None,
    *,
    but: Delegation | None = None,
) -> None:
    """Raises unless this item may travel from here to there; `but` is the ticket itself, when it is sent."""
    today = clock.local_day(now())
    if not item.delegable:
        raise InvalidInput(f"“{item.title}”须由本人到场办理，不能代办。请预约窗口。", {"case": "须本人到场，不能代办"})
    if same_unit(place, addressee):
        raise InvalidInput(f"{addressee.name}就是本单位，不需要转交，请直接办理。", {"addressee": "不能转交给本单位"})
    if not addressee.exists_on(today):
        raise InvalidInput(
            f"{successors.gone(session, addressee, today)}，请改选现在办理“{item.title}”的单位"
            + ("：在单子上办“改送别的单位”。" if but is not None else "。"),
            {"addressee": "单位已停止办公"},
        )
    if case is None:
        return
    if record_of(item).direct:
        raise InvalidInput(f"“{item.title}”由社区直接办结，不需要转交，请直接受理办理。", {"case": "社区直接办结"})
    if case.state not in CARRIABLE:
        raise InvalidInput("这个办件已经办完或已撤回，不能再转交代办。", {"case": "办件已办完"})
    other = open_of(session, case)
    if other is not None and other is not but:
        raise InvalidInput(
            f"这个办件已有在办的代办单 {other.number}，请在那张单子上继续办。", {"case": f"已有代办单 {other.number}"}
        )


def same_unit(place: Agency, addressee: Agency) -> bool:
    """A grid, its community and the station of the community are one counter to the resident."""
    return addressee.id == place.id or station_path(place) == station_path(addressee)


def station(agency: Agency) -> Agency:
    """The counter a unit belongs to: the community of a grid, else the unit itself."""
    here: Agency | None = agency
    while here is not None and here.kind not in ("community", "street_centre", "errand_station"):
        here = here.parent
    return here if here is not None else agency


def station_path(agency: Agency) -> str:
    return station(agency).path


def open_of(session: Session, case: Case) -> Delegation | None:
    """The ticket this case travels on now. Not narrowed to the actor: there may be only one, whoever sees it."""
    return session.scalar(
        select(Delegation)
        .where(Delegation.case_id == case.id, Delegation.state.not_in(CLOSED))
        .order_by(Delegation.id.desc())
        .limit(1)
    )


def addressee_of(session: Session, agency_id: Any) -> Agency:
    """The unit named, or the desk that takes papers for it: a street's front office for the street."""
    agency = session.get(Agency, str(agency_id or ""))
    if agency is None:
        missing = "没有这个单位" if agency_id else "请选择单位"
        raise InvalidInput("没有找到要转交的单位，请从机构列表中选择。", {"addressee": missing})
    return case_routing.front_office(session, agency)


def default_addressee(session: Session, item: ServiceItem, place: Agency) -> Agency:
    """Who decides: the street's front office above this place, the owner of the item, or whoever holds the authority today."""
    street = case_routing.above(place, "street", "town")
    if street is None or needs_carrying(item) is False:
        raise InvalidInput(f"没有找到可以转交“{item.title}”的上级单位，请选择转交给谁。", {"addressee": "请选择单位"})
    return case_routing.addressee_for(session, item, place)


def item_of(ticket: Delegation) -> ServiceItem | None:
    """What the ticket is about; a part passed on asks its ticket."""
    if ticket.case is not None:
        return ticket.case.item
    if ticket.home_visit is not None:
        return ticket.home_visit.item
    return item_of(ticket.parent) if ticket.parent is not None else None


def needs_carrying(item: ServiceItem) -> bool:
    """直接办 or 代理办: whether the community closes the item itself or must carry it on."""
    record = record_of(item)
    return not record.direct and item.decide_level not in (None, "village")


# --- Ending what a ticket gave


def end_sight(step: Step, thing: Content, ticket: Delegation) -> None:
    """People of the other unit who were copied in lose their sight as well: they had it through the ticket."""
    there, home = station_path(ticket.addressee), station_path(ticket.place)
    for row in thing.people:
        unit = row.person.unit
        if row.until is None and unit is not None and unit.path.startswith(there) and not unit.path.startswith(home):
            row.until = step.at


# --- The letter


def sign_letter(session: Session, content: Content, actor: Actor, data: Mapping[str, Any]) -> Letter:
    """The resident signs at the station, before the clerk who becomes the agent."""
    if not isinstance(content, (Delegation, HomeVisit)):
        raise InvalidInput("这里不需要委托书。")
    if isinstance(content, Delegation) and content.parent_id is not None:
        raise InvalidInput("转办单是单位之间的事，不用签委托书；委托书签在原代办单上。")
    if isinstance(content, Delegation) and content.state not in ("draft", "returned", "waiting_material"):
        raise NotAvailable("代办单已经转出，现在不能改签委托书。如需重签，请先撤回或请对方退回。")
    if actor.person_id is None or not access.may(actor, access.VIEW_FULL, content) or actor.resident_id is not None:
        raise Forbidden("委托书要在经办人面前签，您不是这件的经办人。")
    at = now()
    principal = content.applicant
    if principal is None:
        raise InvalidInput("这件没有登记申请人，不能签委托书。请先补登申请人。")
    terms = letters.read_terms(data, clock.local_day(at), agent=actor.name)
    item = content.case.item if isinstance(content, Delegation) and content.case else getattr(content, "item", None)
    letter = letters.write(session, content, actor, principal, item.title if item else content.title, terms, at)
    content.letter_id = letter.id
    session.flush()
    session.expire(content, ["letter"])
    journal.record(
        session,
        f"{content.type}:sign_letter",
        actor,
        content=content,
        at=at,
        details={
            "letter": letter.id,
            "powers": list(terms.powers),
            "valid_until": terms.valid_until.isoformat(),
            "fingerprint": terms.fingerprint,
        },
    )
    return letter


@registry.requirement("letter_signed")
def letter_signed(step: Step) -> None:
    """No letter, no sending: the ticket's own, or the one signed at the door."""
    ticket: Delegation = step.content
    letter = ticket.letter or (ticket.home_visit.letter if ticket.home_visit else None)
    if letter is None and ticket.case is None and (ticket.private or {}).get("finding") in ("dead", "moved"):
        # A report that somebody died or moved acts for nobody; there is no one left at that door to sign.
        return
    letters.require(letter, clock.local_day(step.at), principal=ticket.applicant_id)


def asked_for(session: Session, ticket: Delegation) -> str:
    """What the other end said is missing when it asked last: whoever supplies it reads it where they write the list."""
    return (
        session.scalar(
            select(JournalEntry.comment)
            .where(JournalEntry.content_id == ticket.id, JournalEntry.action == "delegation:request_materials")
            .order_by(JournalEntry.id.desc())
            .limit(1)
        )
        or ""
    )
