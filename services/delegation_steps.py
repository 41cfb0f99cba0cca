"""What each step of a ticket does: papers out, counted, back; the case follows; access opens and ends."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session, object_session

from models.case import Material
from models.delegation import Delegation, Handover, HandoverLine, HomeVisit
from process import engine, registry
from process.access import Actor
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from services import (
    at_hand,
    case_routing,
    certificates,
    counting,
    custody,
    delegations,
    files,
    further,
    materials,
    successors,
)
from services.catalogue_items import record_of

# A case that is one of these has been decided, whichever way.
DECIDED = ("approved", "issued", "delivered", "refused", "rejected", "withdrawn")
# A case withdrawn meanwhile has no result, but its ticket must still find its way home.
DOOR = "door"
AT_HAND = ("issued", "delivered", "refused", "rejected", "withdrawn")


# --- Sending, counting, returning


@registry.effect("send_elsewhere")
def send_elsewhere(step: Step) -> None:
    """改送: a ticket not sent yet names another unit, because the first one ended or was the wrong one."""
    ticket: Delegation = step.content
    addressee = delegations.addressee_of(step.session, step.inputs["addressee"])
    item = delegations.item_of(ticket)
    if item is not None:
        delegations.require_carriable(step.session, item, ticket.place, addressee, ticket.case, but=ticket)
    before, ticket.addressee_id = ticket.addressee_id, addressee.id
    step.session.flush()
    step.session.expire(ticket, ["addressee"])
    ticket.fields = {**(ticket.fields or {}), "addressee": addressee.id}
    ticket.title = f"{item.title if item else ticket.title}（转{addressee.name}）"[:200]
    step.details |= {"from_unit": before, "to_unit": addressee.id}


@registry.requirement("list_written")
def list_written(step: Step) -> None:
    """Something is handed over, and to a unit that may still take it: a draft can be older than the office it names."""
    ticket: Delegation = step.content
    item = delegations.item_of(ticket)
    if item is not None:
        delegations.require_carriable(step.session, item, ticket.place, ticket.addressee, ticket.case, but=ticket)
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


def _collected(session: Session, ticket: Delegation) -> Sequence[HandoverLine]:
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
    at_hand.require_at_hand(lines, delegations.station(ticket.place), step.actor.person_id, ticket.owner_id)
    giver, taker = custody.unit(ticket.place, step.actor), custody.unit(ticket.addressee)
    handover = custody.write(step.session, ticket, "send", giver, taker, lines, step.at, case=ticket.case)
    _now_held(step, lines, giver)
    step.details |= {"handover": handover.id, "lines": len(lines), "sheets": sum(line.sheets for line in lines)}


def _now_held(step: Step, lines: Sequence[custody.Line], giver: custody.Party) -> None:
    """An original first named on this list is from now on in the office's hands."""
    unheld = [line.material.id for line in lines if line.original and line.material and not line.material.original_held]
    custody.hold(step.session, unheld, giver)


@registry.requirement("every_line_counted")
def every_line_counted(step: Step) -> None:
    """The receiver counts line by line and notes each difference before signing."""
    handover = _list_to_count(step)
    if handover is None:
        raise RequirementUnmet("没有找到要清点的交接清单，请联系对方重新列清单。")
    # A closed envelope brought back is taken over as listed; what is opened is counted.
    if step.transition.id == "receive" or step.inputs.get("lines"):
        counting.read(handover, step.inputs.get("lines") or [], partial=step.transition.id == "receive")


def _list_to_count(step: Step) -> Handover | None:
    return custody.latest(step.session, step.content, "result" if step.transition.id == "take_over" else "send")


@registry.effect("take_papers_in")
def take_papers_in(step: Step) -> None:
    ticket: Delegation = step.content
    handover = _list_to_count(step)
    assert handover is not None
    counts = counting.read(handover, step.inputs.get("lines") or [], partial=True)
    taker, signed = custody.unit(ticket.addressee, step.actor), counting.signature(step)
    differing = counting.sign(step, handover, counts, taker, ticket.case, signature=signed)
    back = counting.send_rest_back(step, handover, counts, taker, custody.unit(ticket.place), ticket.case)
    ticket.assignee_id = step.actor.person_id
    step.details |= {"handover": handover.id, "lines": len(counts), "differences": len(differing)}
    if back is not None:
        further.await_count(ticket, back)
        step.details["sent_back"] = len(back.lines)


@registry.effect("papers_back_to_sender")
def papers_back_to_sender(step: Step) -> None:
    """Whatever was listed as sent is the station's again; an envelope that comes back from the other end is counted there first."""
    ticket: Delegation = step.content
    returned = step.transition.id == "return"
    station = custody.unit(ticket.place, None if returned else ticket.owner)
    sent = custody.latest(step.session, ticket, "send", "return")
    if sent is not None and sent.action == "send":
        lines = [
            # The very paper of that line: two papers of a case may bear the same name.
            custody.Line(line.name, line.sheets, line.original, line.condition, custody.material_of(step, line))
            for line in sent.lines
        ]
        giver = custody.unit(ticket.addressee, step.actor if returned else None)
        handover = custody.write(step.session, ticket, "return", giver, station, lines, step.at, case=ticket.case)
        if returned and lines:
            further.await_count(ticket, handover)
        else:
            custody.sign_unseen(step, handover, station)
        step.details["handover"] = handover.id
    _back_to_station(ticket)


@registry.effect("close_to_addressee")
def close_to_addressee(step: Step) -> None:
    """The access that this ticket gave ends with it, on the ticket and on the case."""
    ticket: Delegation = step.content
    engine.end_places(step, ticket)
    delegations.end_sight(step, ticket, ticket)
    if ticket.case is not None:
        engine.end_places(step, ticket.case)
        delegations.end_sight(step, ticket.case, ticket)
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
    if ticket.case is not None and not lost_on_the_way(step.session, ticket):
        engine.follow(step, ticket.case, "accept")


def lost_on_the_way(session: Session, ticket: Delegation) -> list[Material]:
    """What was listed, is not there, and is needed: the ticket goes on so that the station can be asked, the case waits."""
    handover = custody.latest(session, ticket, "send") if ticket.case is not None else None
    lost = {line.material_id for line in handover.lines if line.counted == 0} if handover is not None else set()
    return [material for material in materials.missing(ticket.case) if material.id in lost] if ticket.case else []


@registry.effect("ask_for_materials")
def ask_for_materials(step: Step) -> None:
    ticket: Delegation = step.content
    _back_to_station(ticket)
    if ticket.case is not None:
        engine.follow(step, ticket.case, "supplement_needed", comment=step.inputs.get("comment"))


@registry.effect("supply_materials")
def supply_materials(step: Step) -> None:
    ticket: Delegation = step.content
    lines = custody.read_lines(step.inputs.get("lines") or [], ticket.case)
    if not lines and not step.inputs.get("comment"):
        raise InvalidInput(
            "还没有写补了什么。随单补送的请列在清单上；补了话或扫描件的，请在“补了什么”里写一句，对方照着核对。",
            {"comment": "请写一句补了什么"},
        )
    if lines:
        at_hand.require_at_hand(lines, delegations.station(ticket.place), step.actor.person_id, ticket.owner_id)
        giver, taker = custody.unit(ticket.place, step.actor), custody.unit(ticket.addressee)
        written = custody.write(step.session, ticket, "supply", giver, taker, lines, step.at, case=ticket.case)
        _now_held(step, lines, giver)
        further.await_count(ticket, written)
        step.details |= {"handover": written.id, "lines": len(lines)}
    ticket.unit_id, ticket.assignee_id = ticket.addressee_id, None
    if ticket.case is not None:
        case_routing.hand_to(ticket.case, ticket.addressee_id)
        engine.follow(step, ticket.case, "supplement", comment=step.inputs.get("comment"))


@registry.predicate("case_decided", why="办件还没有审批结论，代办单不能办结。请先在办件上审核、审批。")
def case_decided(session: Session, ticket: Delegation, actor: Actor) -> bool:
    """The ticket follows its case: until somebody has decided that one, there is nothing to press here."""
    return ticket.case is None or ticket.case.state in DECIDED


@registry.requirement("result_at_hand")
def result_at_hand(step: Step) -> None:
    ticket: Delegation = step.content
    case = ticket.case
    if case is not None and case.state not in AT_HAND:
        raise RequirementUnmet(
            f"办件 {case.number} 的结果还没有出来，不能出件。请先发证，或由审批人作出不予办理的决定。"
        )
    further.require_counted(step.session, ticket, step.transition.title.zh)


# --- The way back


@registry.effect("hand_result_out")
def hand_result_out(step: Step) -> None:
    """Result and originals go on a second list back to the station, on request with a courier."""
    ticket: Delegation = step.content
    given = step.inputs.get("lines")
    lines = custody.read_lines(given, ticket.case) if given else result_lines(ticket)
    _nothing_left_behind(ticket, lines)
    point = successors.result_place(ticket)
    at_hand.require_at_hand(lines, delegations.station(ticket.addressee), step.actor.person_id)
    giver, taker = custody.unit(ticket.addressee, step.actor), custody.unit(point)
    handover = custody.write(step.session, ticket, "result", giver, taker, lines, step.at, case=ticket.case)
    step.details |= {"handover": handover.id, "lines": len(lines)}
    if step.inputs.get("errand"):
        from services import errand_posting

        # The title hangs on a board: what is carried, not for whom.
        title = f"送办理结果到{custody.full_name(point)}"
        errand_posting.post_for(
            step, ticket, title=title, purpose="deliver_result", from_agency=ticket.addressee, to_agency=point
        )
    if point.id != ticket.place_id:
        # Whoever gives the result out sees what they give out, until the ticket is closed.
        engine.add_place(step, ticket, "addressee", point)
    if ticket.case is not None:
        ticket.case.result_unit_id = point.id


def _nothing_left_behind(ticket: Delegation, lines: Sequence[custody.Line]) -> None:
    """The applicant's originals travel with the result: what stands on no list comes back to nobody."""
    listed = {line.material.id for line in lines if line.material and line.original}
    forgotten = [m for m in custody.originals_out(ticket.case) if m.id not in listed] if ticket.case else []
    here = [m for m in forgotten if m.holder_unit and m.holder_unit.path.startswith(ticket.addressee.path)]
    if here:
        raise RequirementUnmet(
            f"申请人的原件还在这里，没有列入交接清单：{'、'.join(m.name for m in here)}。请写上清单，一起交回。",
            {"lines": "申请人的原件要一起交回"},
        )


def result_lines(ticket: Delegation) -> list[custody.Line]:
    """What goes back if nobody writes a list: the outcome, and every original that is still held."""
    session = object_session(ticket)
    assert session is not None
    item = delegations.item_of(ticket)
    without = {"refused": "不予办理决定书", "rejected": "不予受理通知书", "withdrawn": "撤回申请的材料"}
    if ticket.case is not None and ticket.case.state in without:
        names: tuple[str, ...] = (without[ticket.case.state],)
    else:
        names = (record_of(item).outputs if item else ()) or ("办理结果",)
        certificate = certificates.of_case(session, ticket.case) if ticket.case is not None else None
        if certificate is not None and certificate.number:
            # Cards look alike in an envelope: the list says which one it is.
            names = (f"{certificate.title}（{certificate.number}）", *names[1:])
    lines = [custody.Line(name, 1, True) for name in names]
    if ticket.case is not None:
        there = delegations.station(ticket.addressee)
        lines += [
            custody.Line(m.name, m.sheets or 1, True, "", m)
            for m in custody.originals_out(ticket.case)
            if at_hand.at_hand(m, there)
        ]
    return lines


@registry.predicate("result_comes_here", why="结果送到另一个领取点，由那里清点、送达。")
def result_comes_here(session: Session, ticket: Delegation, actor: Actor) -> bool:
    """Whoever stands where the result goes takes it over and gives it out."""
    point = ticket.result_point
    if point is None or point.id == ticket.place_id:
        return not _only_decides(ticket, actor)
    return any(point.path.startswith(held.path) or held.path.startswith(point.path) for held in actor.held)


def _only_decides(ticket: Delegation, actor: Actor) -> bool:
    """A community that decided for another one does not also take its own result over."""
    return ticket.owner_id != actor.person_id and not any(
        ticket.place_path.startswith(held.path) for held in actor.held
    )


@registry.effect("take_result_in")
def take_result_in(step: Step) -> None:
    """The station has the result; a visit that started the ticket goes on to the door."""
    ticket: Delegation = step.content
    handover = _list_to_count(step)
    assert handover is not None
    point = successors.result_place(ticket)
    taker = step.actor if step.cause is None else ticket.owner
    if step.cause is not None and point.id != ticket.place_id:
        # Whoever confirmed at that point has it; a courier with the code hands it to the unit.
        taker = step.actor if any(held.path.startswith(point.path) for held in step.actor.held) else None
    station = custody.unit(point, taker)
    if step.inputs.get("lines"):
        counts = counting.read(handover, step.inputs["lines"])
        signed = counting.signature(step)
        differing = counting.sign(step, handover, counts, station, ticket.case, signature=signed)
        step.details["differences"] = len(differing)
    else:
        custody.sign_unseen(step, handover, station)
    step.details["handover"] = handover.id
    _back_to_station(ticket)
    if point.id != ticket.place_id:
        ticket.unit_id, ticket.assignee_id = point.id, station.person_id
        if ticket.case is not None:
            case_routing.hand_to(ticket.case, point.id)
    if ticket.home_visit is not None:
        engine.follow(step, ticket.home_visit, "result_ready")


def _way(step: Step) -> str:
    """How it reached the resident; where nobody says so, what was fetched at a home goes back there."""
    brought = step.content.home_visit_id or (step.cause is not None and step.cause.content.type == "errand")
    return step.inputs.get("way") or (DOOR if brought else "station")


@registry.requirement("door_signed")
def door_signed(step: Step) -> None:
    """Brought to the door: the receipt is signed there, so that nobody has to come and sign."""
    if _way(step) == DOOR and step.cause is None and not step.inputs.get("signature"):
        raise InvalidInput(
            "送上门的，请签收人当面在手机上签名；本人不在家的，写明签收人并请其签名。",
            {"signature": "请签收人当面签名"},
        )


@registry.effect("deliver_result", writes=("delivered_way", "delivered_by"))
def deliver_result(step: Step) -> None:
    """The resident gets result and originals, signs, and the case follows."""
    ticket: Delegation = step.content
    document = None
    if step.inputs.get("signature"):
        document = files.store_signature(step.session, ticket, step.actor, step.inputs["signature"], "签收人签名")
        step.details["signature"] = document.uid
    way = _way(step)
    step.details["way"] = way
    ticket.fields = {**(ticket.fields or {}), "delivered_way": way, "delivered_by": step.actor.name}
    point, case = successors.result_place(ticket), ticket.case
    if case is not None:
        cause = step.cause.content if step.cause else None
        at_hand.require_within(step.session, case, point, step.actor.person_id, cause.assignee_id if cause else None)
        custody.give_back(step, case, custody.unit(point, step.actor), document)
        signed = {name: step.inputs.get(name) for name in ("collector", "signature")}
        engine.follow(step, case, "deliver", way=way, **signed)
    _back_to_station(ticket)


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
