"""代办: one agency carries a case to another for the resident, and the station stays answerable until it is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.content import Content
from models.delegation import Delegation, Handover, HomeVisit, Letter
from process import access, clock, engine, journal, registry
from process.access import Actor
from process.inputs import LIMITS, clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, RequirementUnmet
from process.registry import Step
from services import case_routing, custody, letters
from services.catalogue_items import record_of

CLOSED = ("closed", "withdrawn")
# A case that is one of these has been decided, whichever way.
DECIDED = ("approved", "issued", "delivered", "refused", "rejected", "withdrawn")
AT_HAND = ("issued", "delivered", "refused", "rejected")
CARRIABLE = ("draft", "submitted", "accepted", "accepted_deferred", "supplement", "reviewed", "approved")


# --- Opening a ticket


@registry.creator("delegation")
def create(session: Session, actor: Actor, data: Mapping[str, Any]) -> Delegation:
    """A clerk opens a ticket for a case that another unit decides."""
    case = _case(session, actor, data.get("case"))
    place = session.get_one(Agency, case.place_id)
    named = data.get("addressee")
    addressee = addressee_of(session, named) if named else default_addressee(session, case.item, place)
    ticket = open_ticket(session, actor, case.item, place, addressee, case=case, message=data.get("message"))
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
    allowed: bool = False,
) -> Delegation:
    """Checks that the item may be carried to this unit, and brings the ticket to life."""
    _require_carriable(session, item, place, addressee, case)
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
        unit_id=place.id,
        fields={"case": case.uid if case else None, "item": item.code, "addressee": addressee.id, "message": words},
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


def _message(value: Any) -> str:
    try:
        return clean_text(value or "", LIMITS["longtext"])
    except ValueError as problem:
        raise InvalidInput(f"给对方的话{problem}。", {"message": str(problem)}) from problem


def _require_carriable(
    session: Session, item: ServiceItem, place: Agency, addressee: Agency, case: Case | None
) -> None:
    today = clock.local_day(now())
    if not item.delegable:
        raise InvalidInput(f"“{item.title}”须由本人到场办理，不能代办。请预约窗口。", {"case": "须本人到场，不能代办"})
    if _same_unit(place, addressee):
        raise InvalidInput(f"{addressee.name}就是本单位，不需要转交，请直接办理。", {"addressee": "不能转交给本单位"})
    if not addressee.exists_on(today):
        raise InvalidInput(
            f"{addressee.name}已停止办公，请改选现在办理“{item.title}”的单位。", {"addressee": "单位已停止办公"}
        )
    if case is None:
        return
    if record_of(item).direct:
        raise InvalidInput(f"“{item.title}”由社区直接办结，不需要转交，请直接受理办理。", {"case": "社区直接办结"})
    if case.state not in CARRIABLE:
        raise InvalidInput("这个办件已经办完或已撤回，不能再转交代办。", {"case": "办件已办完"})
    other = open_of(session, case)
    if other is not None:
        raise InvalidInput(
            f"这个办件已有在办的代办单 {other.number}，请在那张单子上继续办。", {"case": f"已有代办单 {other.number}"}
        )


def _same_unit(place: Agency, addressee: Agency) -> bool:
    """A grid, its community and the station of the community are one counter to the resident."""
    return addressee.id == place.id or _station_path(place) == _station_path(addressee)


def _station_path(agency: Agency) -> str:
    here: Agency | None = agency
    while here is not None and here.kind not in ("community", "street_centre", "errand_station"):
        here = here.parent
    return here.path if here is not None else agency.path


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
        raise InvalidInput("没有找到要转交的单位，请从机构列表中选择。", {"addressee": "没有这个单位"})
    return case_routing.front_office(session, agency)


def default_addressee(session: Session, item: ServiceItem, place: Agency) -> Agency:
    """The street's front office above this place: it decides, or passes on what district and city decide."""
    street = case_routing.above(place, "street", "town")
    if street is None or needs_carrying(item) is False:
        raise InvalidInput(f"没有找到可以转交“{item.title}”的上级单位，请选择转交给谁。", {"addressee": "请选择单位"})
    return case_routing.front_office(session, street)


def needs_carrying(item: ServiceItem) -> bool:
    """直接办 or 代理办: whether the community closes the item itself or must carry it on."""
    record = record_of(item)
    return not record.direct and item.decide_level not in (None, "village")


# --- The letter


def sign_letter(session: Session, content: Content, actor: Actor, data: Mapping[str, Any]) -> Letter:
    """The resident signs at the station, before the clerk who becomes the agent."""
    if not isinstance(content, (Delegation, HomeVisit)):
        raise InvalidInput("这里不需要委托书。")
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
    letters.require(letter, clock.local_day(step.at), principal=ticket.applicant_id)


# --- Sending, counting, returning


@registry.requirement("list_written")
def list_written(step: Step) -> None:
    if not _lines_to_send(step):
        raise RequirementUnmet("交接清单是空的，不能转交。请先登记收到的材料，或在清单上写明交出的材料。")


def _lines_to_send(step: Step) -> list[custody.Line]:
    ticket: Delegation = step.content
    if step.inputs.get("lines"):
        return custody.read_lines(step.inputs["lines"], ticket.case)
    if ticket.case is not None:
        return custody.lines_of(ticket.case)
    return [
        custody.Line(line.name, line.sheets, line.original, line.condition) for line in _collected(step.session, ticket)
    ]


def _collected(session: Session, ticket: Delegation) -> Sequence[Any]:
    taken = custody.latest(session, ticket.home_visit, "collect") if ticket.home_visit else None
    return taken.lines if taken else ()


@registry.effect("open_to_addressee")
def open_to_addressee(step: Step) -> None:
    """From now on the addressee sees ticket and case, and only because of this ticket."""
    ticket: Delegation = step.content
    engine.add_place(step, ticket, "addressee", ticket.addressee)
    ticket.unit_id, ticket.assignee_id = ticket.addressee_id, None
    if ticket.letter_id is None and ticket.home_visit is not None:
        ticket.letter_id = ticket.home_visit.letter_id
    case = ticket.case
    if case is None:
        return
    if case.state == "draft":
        # Sending is filing: nobody has to press twice for one decision.
        engine.fire(case, "submit", step.actor, on_behalf_of=step.on_behalf_of, cause=step)
    case_routing.open_to(step, case, ticket.addressee)


@registry.effect("hand_papers_out")
def hand_papers_out(step: Step) -> None:
    """The list goes with the papers; until they are counted they remain the sender's."""
    ticket: Delegation = step.content
    lines = _lines_to_send(step)
    giver, taker = custody.unit(ticket.place, step.actor), custody.unit(ticket.addressee)
    handover = custody.write(step.session, ticket, "send", giver, taker, lines, step.at, case=ticket.case)
    unheld = [line.material.id for line in lines if line.original and line.material and not line.material.original_held]
    custody.hold(step.session, unheld, giver)
    step.details |= {"handover": handover.id, "lines": len(lines), "sheets": sum(line.sheets for line in lines)}


@registry.requirement("every_line_counted")
def every_line_counted(step: Step) -> None:
    """The receiver counts line by line and notes each difference before signing."""
    handover = _list_to_count(step)
    if handover is None:
        raise RequirementUnmet("没有找到要清点的交接清单，请联系对方重新列清单。")
    # A closed envelope brought back is taken over as listed; what is opened is counted.
    if step.transition.id == "receive" or step.inputs.get("lines"):
        custody.read_count(handover, step.inputs.get("lines") or [])


def _list_to_count(step: Step) -> Handover | None:
    return custody.latest(step.session, step.content, "result" if step.transition.id == "take_over" else "send")


@registry.effect("take_papers_in")
def take_papers_in(step: Step) -> None:
    ticket: Delegation = step.content
    handover = _list_to_count(step)
    assert handover is not None
    counts = custody.read_count(handover, step.inputs.get("lines") or [])
    differing = custody.sign_for(step, handover, counts, custody.unit(ticket.addressee, step.actor), ticket.case)
    ticket.assignee_id = step.actor.person_id
    step.details |= {"handover": handover.id, "lines": len(counts), "differences": len(differing)}


@registry.effect("papers_back_to_sender")
def papers_back_to_sender(step: Step) -> None:
    """Whatever was listed as sent is the station's again."""
    ticket: Delegation = step.content
    station = custody.unit(ticket.place, ticket.owner)
    sent = custody.latest(step.session, ticket, "send", "return")
    if sent is not None and sent.action == "send":
        lines = [
            custody.Line(
                line.name, line.sheets, line.original, line.condition, custody.find_material(ticket.case, line.name)
            )
            for line in sent.lines
        ]
        giver = custody.unit(ticket.addressee, step.actor if step.transition.id == "return" else None)
        handover = custody.write(step.session, ticket, "return", giver, station, lines, step.at, case=ticket.case)
        custody.sign_unseen(step, handover, station)
        step.details["handover"] = handover.id
    _back_to_station(ticket)


@registry.effect("close_to_addressee")
def close_to_addressee(step: Step) -> None:
    """The access that this ticket gave ends with it, on the ticket and on the case."""
    ticket: Delegation = step.content
    engine.end_places(step, ticket)
    if ticket.case is not None:
        engine.end_places(step, ticket.case)
    _back_to_station(ticket)


def _back_to_station(ticket: Delegation) -> None:
    ticket.unit_id, ticket.assignee_id = ticket.place_id, ticket.owner_id
    if ticket.case is not None:
        case_routing.hand_to(ticket.case, ticket.place_id)


# --- Working on it


@registry.effect("accept_carried_case")
def accept_carried_case(step: Step) -> None:
    """The street's promise runs from its acceptance, not from the station's sending."""
    ticket: Delegation = step.content
    ticket.assignee_id = step.actor.person_id
    if ticket.case is not None:
        engine.follow(step, ticket.case, "accept")


@registry.effect("ask_for_materials")
def ask_for_materials(step: Step) -> None:
    ticket: Delegation = step.content
    _back_to_station(ticket)
    if ticket.case is not None:
        engine.follow(step, ticket.case, "supplement_needed", comment=step.inputs.get("comment"))


@registry.effect("supply_materials")
def supply_materials(step: Step) -> None:
    ticket: Delegation = step.content
    ticket.unit_id, ticket.assignee_id = ticket.addressee_id, None
    if ticket.case is not None:
        case_routing.hand_to(ticket.case, ticket.addressee_id)
        engine.follow(step, ticket.case, "supplement", comment=step.inputs.get("comment"))


@registry.requirement("case_decided")
def case_decided(step: Step) -> None:
    case = step.content.case
    if case is not None and case.state not in DECIDED:
        raise RequirementUnmet(f"办件 {case.number} 还没有审批结论，代办单不能办结。请先在办件上审核、审批。")


@registry.requirement("result_at_hand")
def result_at_hand(step: Step) -> None:
    case = step.content.case
    if case is not None and case.state not in AT_HAND:
        raise RequirementUnmet(
            f"办件 {case.number} 的结果还没有出来，不能出件。请先发证，或由审批人作出不予办理的决定。"
        )


# --- The way back


@registry.effect("hand_result_out")
def hand_result_out(step: Step) -> None:
    """Result and originals go on a second list back to the station, on request with a courier."""
    ticket: Delegation = step.content
    given = step.inputs.get("lines")
    lines = custody.read_lines(given, ticket.case) if given else result_lines(ticket)
    giver, taker = custody.unit(ticket.addressee, step.actor), custody.unit(ticket.place)
    handover = custody.write(step.session, ticket, "result", giver, taker, lines, step.at, case=ticket.case)
    step.details |= {"handover": handover.id, "lines": len(lines)}
    if step.inputs.get("errand"):
        from services import errands

        # The title hangs on a board: what is carried, not for whom.
        title = f"送办理结果到{custody.full_name(ticket.place)}"
        errands.post_for(
            step, ticket, title=title, purpose="deliver_result", from_agency=ticket.addressee, to_agency=ticket.place
        )


def result_lines(ticket: Delegation) -> list[custody.Line]:
    """What goes back if nobody writes a list: the outcome, and every original that is still held."""
    item = ticket.case.item if ticket.case else (ticket.home_visit.item if ticket.home_visit else None)
    if ticket.case is not None and ticket.case.state in ("refused", "rejected"):
        names: tuple[str, ...] = ("不予办理决定书",) if ticket.case.state == "refused" else ("不予受理通知书",)
    else:
        names = (record_of(item).outputs if item else ()) or ("办理结果",)
    lines = [custody.Line(name, 1, True) for name in names]
    if ticket.case is not None:
        lines += [custody.Line(m.name, m.sheets or 1, True, "", m) for m in custody.originals_out(ticket.case)]
    return lines


@registry.effect("take_result_in")
def take_result_in(step: Step) -> None:
    """The station has the result; a visit that started the ticket goes on to the door."""
    ticket: Delegation = step.content
    handover = _list_to_count(step)
    assert handover is not None
    station = custody.unit(ticket.place, step.actor if step.cause is None else ticket.owner)
    if step.inputs.get("lines"):
        counts = custody.read_count(handover, step.inputs["lines"])
        step.details["differences"] = len(custody.sign_for(step, handover, counts, station, ticket.case))
    else:
        custody.sign_unseen(step, handover, station)
    _back_to_station(ticket)
    if ticket.home_visit is not None:
        engine.follow(step, ticket.home_visit, "result_ready")


@registry.effect("deliver_result")
def deliver_result(step: Step) -> None:
    """The resident gets result and originals, signs, and the case follows."""
    from services import files

    ticket: Delegation = step.content
    if step.inputs.get("signature"):
        document = files.store_signature(step.session, ticket, step.actor, step.inputs["signature"], "签收人签名")
        step.details["signature"] = document.uid
    case = ticket.case
    if case is None:
        return
    custody.give_back(step, case, custody.unit(ticket.place, step.actor))
    way = "door" if ticket.home_visit_id or (step.cause and step.cause.content.type == "errand") else "station"
    signed = {name: step.inputs.get(name) for name in ("collector", "signature")}
    engine.follow(step, case, "deliver", way=way, **signed)


@registry.requirement("delegation_originals_back")
def delegation_originals_back(step: Step) -> None:
    custody.require_back(step.content.case)


@registry.effect("note_score")
def note_score(step: Step) -> None:
    """A mark given by phone or on paper is the applicant's one rating of the case."""
    score = step.inputs.get("score")
    if not score:
        return
    content: Delegation | HomeVisit = step.content
    content.fields = {**(content.fields or {}), "score": int(score)}
    if content.case is not None and content.case.rating is None:
        content.case.rating = int(score)
