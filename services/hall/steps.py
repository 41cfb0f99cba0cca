"""What the steps of a number do to the hall, whoever fires them: page, clerk's strip or program."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.hall import AT_COUNTER, BOOKED, CALLED, DONE, HELD, LEFT, MISSED, SERVING, WAITING, HallTicket
from models.resident import Resident
from process import clock, numbers, registry
from process.access import Actor
from process.library import library
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from services import generic
from services.hall import booking, fairness, tables

# From this age on nobody has to prove that they may go first. A proposal; the hall's own priority is asked for otherwise.
ELDERLY = 70


@registry.creator(tables.TYPE)
def create(session: Session, actor: Actor, data: Mapping[str, Any]) -> Content:
    """A booking or somebody who has just come in. The hall is locked before anything is numbered."""
    nested = data.get("fields")
    given = {**data, **nested} if isinstance(nested, Mapping) else data
    hall = session.get(Agency, str(given.get("unit"))) if given.get("unit") else None
    if hall is not None:
        tables.lock(session, hall)
        if isinstance(given.get("slot"), str) and given["slot"]:
            # Before anything is written, so that a refusal leaves nothing behind.
            start = booking.typed(given["slot"])
            letter = tables.letter_for(session, hall.id, str(given.get("item") or ""))
            booking.check(session, hall, letter, start, now())
            booking.once_a_day(session, hall, actor.resident_id, start)
    content = generic.create(session, actor, library.type(tables.TYPE), data)
    if (content.fields or {}).get("slot"):
        booking.claim(session, content, booking.moment(content.fields["slot"]), now())
    return content


def born(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Every number has its row from the beginning."""
    if step is not None or event != "create" or content.type != tables.TYPE:
        return
    hall = tables.hall_agency(content)
    settings = tables.lock(session, hall)
    fields = content.fields or {}
    at = content.created_at
    session.add(
        HallTicket(
            content_id=content.id,
            district=content.district,
            hall_id=settings.agency_id,
            day=clock.local_day(at),
            service=tables.letter_for(session, hall.id, str(fields.get("item") or "")),
            priority=bool((content.private or {}).get("ground")) or _old(session, content, at),
            source="phone" if actor.resident_id is not None else "window",
            state=BOOKED,
        )
    )
    session.flush()


registry.listeners.append(born)


def _old(session: Session, content: Content, at: Any) -> bool:
    person = session.get(Resident, content.applicant_id) if content.applicant_id else None
    if person is None or person.birth_date is None:
        return False
    day = clock.local_day(at)
    years = (
        day.year - person.birth_date.year - ((day.month, day.day) < (person.birth_date.month, person.birth_date.day))
    )
    return years >= ELDERLY


def _hall(step: Step) -> Any:
    return tables.lock(step.session, tables.hall_agency(step.content))


def _row(step: Step) -> HallTicket:
    return tables.ticket(step.session, step.content, step.at)


# --- what must be so --------------------------------------------------------------------------------------------------
@registry.requirement("hall_first")
def hall_first(step: Step) -> None:
    """Always the hall before the number: so no two steps wait for each other crosswise, and no two counters take the same number."""
    _hall(step)


@registry.requirement("on_its_day")
def on_its_day(step: Step) -> None:
    """Whoever booked takes the number on the day of the booking."""
    one, today = _row(step), clock.local_day(step.at)
    if one.slot is None:
        return
    if one.day > today:
        raise RequirementUnmet(f"您约的是{booking.say(one.slot)}，请到那天再取号；要提前办，请先“改约”或另取一个号。")
    if one.day < today:
        raise RequirementUnmet(f"您约的{booking.say(one.slot)}已经过去。请先“改约”，或在大厅另取一个号。")


@registry.requirement("slot_open")
def slot_open(step: Step) -> None:
    booking.claim(step.session, step.content, step.inputs["new_slot"], step.at, error="new_slot")


@registry.requirement("counter_free")
def counter_free(step: Step) -> None:
    """One number at a counter at a time, and a counter that takes it."""
    hall = tables.hall_agency(step.content)
    counter = tables.counter_named(step.session, hall.id, step.inputs["counter"])
    if counter is None:
        if tables.counters(step.session, hall.id):
            names = "、".join(one.code for one in tables.counters(step.session, hall.id))
            raise InvalidInput(
                f"{hall.name}没有“{step.inputs['counter']}”这个窗口。现有窗口：{names}。", {"counter": "没有这个窗口"}
            )
        return
    step.inputs["counter"] = counter.code
    if counter.ended_on is not None:
        raise InvalidInput(f"{counter.code}号窗口已经停用，请换一个窗口。", {"counter": "窗口已停用"})
    busy = step.session.scalar(
        select(HallTicket.ticket).where(
            HallTicket.counter_id == counter.id,
            HallTicket.state.in_(AT_COUNTER),
            HallTicket.content_id != step.content.id,
        )
    )
    if busy is not None:
        raise RequirementUnmet(
            f"{counter.code}号窗口还有 {busy} 没有办完。请先办结、暂缓、转窗口或记过号，再叫下一个。"
        )


@registry.requirement("other_counter")
def other_counter(step: Step) -> None:
    """Where somebody is sent there is a counter, and it is another one."""
    hall, one = tables.hall_agency(step.content), _row(step)
    counter = tables.counter_named(step.session, hall.id, step.inputs["to_counter"])
    known = tables.counters(step.session, hall.id)
    if counter is None or counter.ended_on is not None:
        if not known:
            return
        names = "、".join(c.code for c in known)
        raise InvalidInput(
            f"{hall.name}没有“{step.inputs['to_counter']}”这个窗口。可以转到：{names}。", {"to_counter": "没有这个窗口"}
        )
    if counter.id == one.counter_id and one.state in AT_COUNTER:
        raise InvalidInput(f"现在就在{counter.code}号窗口，不用转。", {"to_counter": "就是这个窗口"})
    if not counter.open:
        raise InvalidInput(f"{counter.code}号窗口现在没有人，请转到有人的窗口。", {"to_counter": "这个窗口没有人"})
    step.inputs["to_counter"] = counter.code


@registry.requirement("misses_left")
def misses_left(step: Step) -> None:
    """重排 only so often; then one takes a new number."""
    one, most = _row(step), _hall(step).max_misses
    if one.misses >= most:
        raise RequirementUnmet(f"{one.ticket} 已经过号 {one.misses} 次，不能再重排。请另取一个号。")


@registry.requirement("day_is_over")
def day_is_over(step: Step) -> None:
    """Nobody who still waits is swept out of the queue; a booking of a later day stays."""
    one, today = _row(step), clock.local_day(step.at)
    if one.state == BOOKED and one.slot is not None and one.day >= today and one.slot_end and one.slot_end > step.at:
        raise RequirementUnmet(f"这个预约是{booking.say(one.slot)}的，还没有过，不能清场。")


# --- what is done -----------------------------------------------------------------------------------------------------
@registry.effect("draw_ticket", writes=("ticket_number",))
def draw_ticket(step: Step) -> None:
    """The next number of this queue of the hall today: A001; from now on it waits."""
    hall, one, day = _hall(step), _row(step), clock.local_day(step.at)
    series = f"queue-{day:%Y%m%d}" + ("" if one.service == tables.ANY else f"-{one.service}")
    _, value = numbers.draw(step.session, series, hall.agency_id, step.at)
    one.ticket, one.day = f"{one.service}{value:03d}", day
    one.state, one.came_at, one.turn_at = WAITING, step.at, step.at
    if hall.layout == "per_window":
        one.for_counter_id = shortest(step.session, hall.agency_id, one)
    step.content.fields = {**(step.content.fields or {}), "ticket_number": one.ticket}
    _stretch(step, one, "waiting")


def shortest(session: Session, hall_id: str, one: HallTicket) -> int | None:
    """每窗一队: the open counter for this queue before which the fewest wait."""
    able = [c for c in tables.counters(session, hall_id) if c.open and (not c.takes or one.service in c.takes)]
    if not able:
        return None
    waiting: dict[int | None, int] = {
        row[0]: row[1]
        for row in session.execute(
            select(HallTicket.for_counter_id, func.count())
            .where(HallTicket.hall_id == hall_id, HallTicket.day == one.day, HallTicket.state == WAITING)
            .group_by(HallTicket.for_counter_id)
        )
    }
    return min(able, key=lambda c: (waiting.get(c.id, 0), c.id)).id


@registry.effect("to_counter")
def to_counter(step: Step) -> None:
    """Called: from now on it is at this counter, and at no other."""
    hall, one = _hall(step), _row(step)
    counter = tables.counter_named(step.session, hall.agency_id, step.inputs["counter"])
    if step.transition.id == "call":
        preferred = booking.preferred(one, step.at)
        hall.streak = fairness.after(hall.streak, preferred)
    one.state, one.called_at, one.calls = CALLED, step.at, one.calls + 1
    one.counter_id = counter.id if counter is not None else None
    one.for_counter_id = None
    _stretch(step, one, "called")


@registry.effect("said_again")
def said_again(step: Step) -> None:
    one = _row(step)
    one.calls, one.called_at = one.calls + 1, step.at
    step.session.flush()
    tables.turned(step.session, one.hall_id)


@registry.effect("begin_serving")
def begin_serving(step: Step) -> None:
    one = _row(step)
    one.state = SERVING
    _stretch(step, one, "serving")


@registry.effect("missed_call")
def missed_call(step: Step) -> None:
    one = _row(step)
    _leave_counter(step, one, MISSED)
    one.misses += 1
    _stretch(step, one, "missed")


@registry.effect("put_on_hold")
def put_on_hold(step: Step) -> None:
    """The counter is free for the next; the number comes back without waiting again."""
    one = _row(step)
    _leave_counter(step, one, HELD)
    _stretch(step, one, "held")


@registry.effect("to_other_counter")
def to_other_counter(step: Step) -> None:
    """The same number, before all others at the other counter."""
    one = _row(step)
    _leave_counter(step, one, WAITING)
    counter = tables.counter_named(step.session, one.hall_id, step.inputs["to_counter"])
    one.for_counter_id = counter.id if counter is not None else None
    step.content.assignee_id = None
    step.details["to_counter"] = step.inputs["to_counter"]
    _stretch(step, one, "waiting")


@registry.effect("back_in_queue")
def back_in_queue(step: Step) -> None:
    """Behind the next few who wait, not behind everybody."""
    hall, one = _hall(step), _row(step)
    ahead = list(
        step.session.scalars(
            select(HallTicket.turn_at)
            .where(HallTicket.hall_id == one.hall_id, HallTicket.day == one.day, HallTicket.state == WAITING)
            .order_by(HallTicket.turn_at)
            .limit(hall.requeue_after)
        )
    )
    one.state, one.counter_id, one.for_counter_id = WAITING, None, None
    behind = [moment for moment in ahead if moment is not None]
    one.turn_at = behind[-1] + timedelta(microseconds=1) if behind else step.at
    step.content.assignee_id = None
    _stretch(step, one, "waiting")


@registry.effect("done_here")
def done_here(step: Step) -> None:
    one = _row(step)
    one.state = DONE
    _stretch(step, one, None)


@registry.effect("gone")
def gone(step: Step) -> None:
    one = _row(step)
    _leave_counter(step, one, LEFT)
    _stretch(step, one, None)


@registry.effect("book_it")
def book_it(step: Step) -> None:
    one = _row(step)
    step.content.fields = {**(step.content.fields or {}), "slot": step.inputs["new_slot"].isoformat()}
    if one.slot is not None:
        step.details["slot"] = one.slot.isoformat()
    step.session.flush()


@registry.effect("prefer_it")
def prefer_it(step: Step) -> None:
    """The lobby manager has seen why. The ground rests encrypted; the queue only knows that there is one."""
    one = _row(step)
    one.priority = True
    step.content.private = {**(step.content.private or {}), "ground": step.inputs["why"]}
    step.session.flush()
    tables.turned(step.session, one.hall_id)


def _leave_counter(step: Step, one: HallTicket, state: str) -> None:
    one.state, one.counter_id = state, None


def _stretch(step: Step, one: HallTicket, kind: str | None) -> None:
    """Whatever was running for this number ends, this begins (nothing, when it is over), and the screens show it."""
    step.session.flush()
    person = step.on_behalf_of.id if step.on_behalf_of else step.actor.person_id
    at_counter = kind in ("called", "serving")
    tables.period(
        step.session,
        one,
        kind,
        step.at,
        counter_id=one.counter_id if at_counter else None,
        person_id=person if at_counter else None,
    )
    tables.turned(step.session, one.hall_id)
