"""When somebody is told: one function for each occasion, called by the steps that bring it about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from catalogue.messages import messages
from models.agency import Agency
from models.base import now
from models.case import Case
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.message import Message
from models.person import Person
from models.resident import Resident
from process import clock, outbox, registry
from process.access import Actor
from process.registry import Step
from services import case_routing, materials, owed
from services.messages import colleagues, contact, facts, telling
from services.messages.wording import Facts

REMIND = "messages.remind"
# In the morning, when people can still go somewhere.
REMIND_AT = 9
# Where nobody said which way to offer instead.
NEAREST = "就近的社区公共服务站"
Heard = Callable[[Session, Any, str, Actor, "Step | None"], None]


def hear(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Listens to every step; most concern nobody outside."""
    if step is not None and content.state != step.from_state:
        telling.left_behind(session, content)
    heard = OCCASIONS.get((content.type, event))
    if heard is not None:
        heard(session, content, event, actor, step)
    if step is not None and step.details.get("differences"):
        colleagues.difference(session, content, step)
    if isinstance(content, HomeVisit) and heard is None:
        visit(session, content, event, actor, step)


def resident(
    session: Session, content: Content, occasion: str, found: Facts, once: str = "", actor: Actor | None = None
) -> Message | None:
    """Tells the applicant of a thing, if it has one, and of a visit also whoever asked for it."""
    if content.applicant is None:
        return None
    mark = once or f"{content.uid}:{content.version}"
    message = telling.tell(session, occasion, content.applicant, found, content=content, once=mark, actor=actor)
    if isinstance(content, HomeVisit):
        relative = _relative(session, content)
        if relative is not None:
            theirs = replace(found, reader=relative.name)
            telling.tell(session, occasion, relative, theirs, content=content, once=f"{mark}:relative", actor=actor)
        elif message is not None:
            contact.tell(session, content, message, messages().occasions[occasion], found)
    return message


def _relative(session: Session, visit: HomeVisit) -> Resident | None:
    """Who asked for this visit for somebody else, with an account of their own."""
    asked = session.get(Person, visit.owner_id) if visit.owner_id is not None else None
    if asked is None or asked.resident_id is None or asked.resident_id == visit.applicant_id:
        return None
    return session.get(Resident, asked.resident_id)


# --- Cases


def accepted(session: Session, case: Case, event: str, actor: Actor, step: Step | None) -> None:
    """The promise of a carried case runs from here, too; what is owed is said in the same message."""
    if event == "accept":
        resident(session, case, "accepted", facts.accepted(session, case, actor), once=f"{case.uid}")
        return
    due = _owed_until(case)
    if due is None:
        return
    today = clock.local_day(now())
    resident(
        session,
        case,
        "accepted_owing",
        replace(facts.owed(session, case, due, today), agency=case_routing.accepting_unit(case, actor)),
    )
    lines = owed.of_thing(session, case)
    for day in sorted({line.due for line in lines} or {due}):
        remind_before(session, case, day)


def promised(session: Session, thing: Content, event: str, actor: Actor, step: Step | None) -> None:
    """容缺受理 beside a case: the same words and the same reminders."""
    dates = sorted({line.due for line in owed.of_thing(session, thing) if owed.is_owed(line)})
    if not dates:
        return
    told = facts.owed(session, thing, dates[-1], clock.local_day(now()))
    resident(session, thing, "accepted_owing", told)
    for day in dates:
        remind_before(session, thing, day)


def remind_before(session: Session, case: Content, due: date) -> None:
    """Each date of a promise has its own reminders: 3 days and 1 day before."""
    for days in messages().owed_days:
        at = clock.end_of(due - timedelta(days=days + 1)) + timedelta(hours=REMIND_AT)
        if at > now():
            outbox.put(
                session, REMIND, district=case.district, delay=at - now(), uid=case.uid, due=due.isoformat(), days=days
            )


def lapsed(session: Session, case: Content, due: date) -> None:
    """The day has gone by: what is owed, and that there is one extension."""
    found = facts.owed(session, case, due, clock.local_day(now()))
    resident(session, case, "owed_lapsed", found, once=f"{case.uid}:{due.isoformat()}:lapsed")


def _owed_until(case: Case) -> date | None:
    text = (case.fields or {}).get(materials.OWED, {}).get("due")
    return date.fromisoformat(text) if text else None


def remind(session: Session, args: Mapping[str, Any]) -> bool:
    """The worker's call some days before a promise ends: said only while something is still owed under this very promise."""
    case = session.scalar(select(Content).where(Content.uid == args["uid"]).with_for_update(of=Content))
    if case is None or case.closed_at is not None:
        return False
    due, today = date.fromisoformat(args["due"]), clock.local_day(now())
    still = owed.due_on(session, case, due)
    if today > due or not still:
        return False
    found = replace(facts.owed(session, case, due, today), lines=tuple((name, "") for name in still))
    return resident(session, case, "owed_soon", found, f"{case.uid}:{due.isoformat()}:{args['days']}") is not None


def missing(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Everything at once; a ticket whose case says it already says it not a second time."""
    if isinstance(content, Delegation) and content.case is not None:
        return
    resident(session, content, "missing", facts.defects(session, content, _comment(step)))


def issued(session: Session, case: Case, event: str, actor: Actor, step: Step | None) -> None:
    """Ready where it can be collected: what travels on a ticket is not there yet."""
    if telling.open_ticket(session, case) is not None or _visited(session, case):
        return
    unit = session.get(Agency, case.result_unit_id or case.unit_id or case.place_id) or case.place
    resident(session, case, "result_ready", facts.at(session, case, unit), once=case.uid)


def _visited(session: Session, case: Case) -> bool:
    statement = select(HomeVisit.id).where(HomeVisit.case_id == case.id, HomeVisit.closed_at.is_(None)).limit(1)
    return session.scalar(statement) is not None


def sent_off(session: Session, case: Case, event: str, actor: Actor, step: Step | None) -> None:
    """Only what went by express is on its way; everything else is in the resident's hands. Told once: with the number, as soon as it has one."""
    if step is None or (event == "deliver" and step.inputs.get("way") != "express"):
        return
    number = str(step.inputs.get("express_number") or "")
    found = replace(facts.of(session, case), express=number or "（未登记）")
    resident(session, case, "result_sent", found, once=case.uid)


def against(session: Session, case: Case, event: str, actor: Actor, step: Step | None) -> None:
    unit = telling.answerable(session, case)
    resident(session, case, "decided_against", facts.at(session, case, unit), once=case.uid)


# --- Tickets


def handed_on(session: Session, ticket: Delegation, event: str, actor: Actor, step: Step | None) -> None:
    resident(session, ticket, "handed_on", facts.handed(session, ticket))


def taken_over(session: Session, ticket: Delegation, event: str, actor: Actor, step: Step | None) -> None:
    """The result is where it is to be fetched; one that a visit brings home is told with the visit."""
    if ticket.home_visit_id is None and (ticket.case is None or ticket.case.state == "issued"):
        found = facts.at(session, ticket, ticket.result_point or ticket.place)
        resident(session, ticket, "result_ready", found, once=ticket.uid)


# --- Visits


def visit(session: Session, visit: HomeVisit, event: str, actor: Actor, step: Step | None) -> None:
    """Fixed the first time, moved whenever a later step leaves another time in the book."""
    if visit.slot_start is None or visit.state != "scheduled":
        return
    earlier = session.scalar(
        select(Message.key)
        .where(Message.content_id == visit.id, Message.occasion.in_(("visit_fixed", "visit_moved")))
        .order_by(Message.id.desc())
        .limit(1)
    )
    mark = f"{visit.uid}:{int(visit.slot_start.timestamp())}"
    if earlier is not None and f":{mark}:" in f"{earlier}:":
        return
    occasion = "visit_fixed" if earlier is None else "visit_moved"
    resident(session, visit, occasion, facts.visit(session, visit), f"{mark}:{visit.version}")


def at_door(session: Session, visit: HomeVisit, event: str, actor: Actor, step: Step | None) -> None:
    resident(session, visit, "result_at_door", facts.of(session, visit), once=visit.uid)


def declined(session: Session, visit: HomeVisit, event: str, actor: Actor, step: Step | None) -> None:
    """Why nobody comes, and which other ways there are."""
    known = catalogue.channels()
    ways = tuple((known[one].name, "") for one in (visit.fields or {}).get("offered") or () if one in known)
    found = replace(facts.of(session, visit), text=_comment(step), lines=ways or ((NEAREST, ""),))
    resident(session, visit, "visit_declined", found, once=visit.uid)


def cancelled(session: Session, visit: HomeVisit, event: str, actor: Actor, step: Step | None) -> None:
    """Whoever waits at home hears that nobody comes, unless they said so themselves."""
    freed = step.details.get("slot_freed") if step is not None else None
    if not freed or (actor.resident_id is not None and actor.resident_id == visit.applicant_id):
        return
    found = replace(facts.of(session, visit), text=_comment(step), when=datetime.fromisoformat(freed))
    resident(session, visit, "visit_cancelled", found, once=f"{visit.uid}:{visit.version}")


def _comment(step: Step | None) -> str:
    return " ".join(str(step.inputs.get("comment") or "").split()) if step is not None else ""


# --- What colleagues hear


def rated(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    score = int(step.inputs.get("score") or 0) if step is not None else 0
    if 1 <= score <= messages().low_mark:
        colleagues.low_rating(session, content, score)


def complained(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    colleagues.complaint(session, content)


def counted_otherwise(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Fewer or more envelopes than were announced: whoever gave them out and whoever carries them."""
    if step is not None and step.inputs.get("difference"):
        colleagues.envelopes(session, content, step)


def on_board(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    colleagues.watch_errand(session, content)


OCCASIONS: Mapping[tuple[str, str], Heard] = {
    ("case", "accept"): accepted,
    ("case", "defer"): accepted,
    ("case", "supplement_needed"): missing,
    ("case", "issue"): issued,
    ("case", "send_express"): sent_off,
    ("case", "deliver"): sent_off,
    ("case", "refuse"): against,
    ("case", "end_owed"): against,
    ("case", "end_commitment"): against,
    ("case", "reject_intake"): against,
    ("case", "rate"): rated,
    ("deferred_acceptance", "accept"): promised,
    ("delegation", "send"): handed_on,
    ("delegation", "request_materials"): missing,
    ("delegation", "take_over"): taken_over,
    ("delegation", "close"): rated,
    ("home_visit", "decline"): declined,
    ("home_visit", "give_up"): declined,
    ("home_visit", "cancel"): cancelled,
    ("home_visit", "result_ready"): at_door,
    ("home_visit", "close"): rated,
    ("complaint", "create"): complained,
    ("errand", "pick_up"): counted_otherwise,
    ("errand", "post"): on_board,
    ("errand", "reopen"): on_board,
    ("errand", "release"): on_board,
}

registry.listeners.append(hear)
