"""What is done at a counter: sit down, call the next, hold, move, not come, finish. The one place that takes the next number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from models.base import now
from models.content import Content
from models.hall import AT_COUNTER, CALLED, HELD, MISSED, SERVING, WAITING, Hall, HallCounter, HallTicket
from process import access, clock, journal
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotFound, RequirementUnmet
from services import actions
from services.hall import booking, fairness, tables
from services.hall.fairness import Waiting

CLERKS = ("window_clerk", "community_clerk", "all_round_worker", "bank_teller", "remote_authority")
# The guard of the steps; who sits at a counter without it could not call.
CALLERS = ("window_clerk",)


# --- the counter ------------------------------------------------------------------------------------------------------
def counters_of(session: Session, actor: Actor) -> list[HallCounter]:
    """The counters at which this clerk may sit today, those of the own hall first."""
    paths = [held.path for held in actor.held if held.role in CALLERS]
    if not paths:
        return []
    found = session.scalars(
        select(HallCounter)
        .join(Hall, Hall.agency_id == HallCounter.hall_id)
        .where(or_(*(access.within(Hall.place_path, path) for path in sorted(paths))), HallCounter.ended_on.is_(None))
        .options(joinedload(HallCounter.person))
        .order_by(HallCounter.hall_id != (actor.unit_id or ""), HallCounter.hall_id, HallCounter.id)
    )
    return list(found)


def my_counter(session: Session, actor: Actor) -> HallCounter | None:
    """Where this clerk sits now."""
    if actor.person_id is None:
        return None
    return session.scalar(
        select(HallCounter).where(HallCounter.person_id == actor.person_id, HallCounter.ended_on.is_(None))
    )


def sit(session: Session, actor: Actor, counter_id: int) -> HallCounter:
    """坐到窗口: a counter has one clerk, and a clerk one counter."""
    counter = session.get(HallCounter, counter_id)
    if counter is None or counter.id not in {one.id for one in counters_of(session, actor)}:
        raise NotFound("没有找到这个窗口，或您不在这个大厅的窗口值班。")
    hall = tables.lock(session, tables.agency(session, counter.hall_id))
    session.refresh(counter)
    if counter.person_id == actor.person_id:
        return counter
    if counter.person_id is not None:
        who = counter.person.name if counter.person else ""
        raise RequirementUnmet(f"{counter.code}号窗口现在是{who}。请{who}先离开窗口，或另选一个窗口。")
    stand_up(session, actor)
    counter.person_id, counter.since = actor.person_id, now()
    session.flush()
    session.expire(counter, ["person"])
    tables.turned(session, hall.agency_id)
    _record(session, "hall:sit", actor, counter)
    return counter


def stand_up(session: Session, actor: Actor) -> None:
    """离开窗口: nobody may be left standing there."""
    counter = my_counter(session, actor)
    if counter is None:
        return
    tables.lock(session, tables.agency(session, counter.hall_id))
    there = at_counter(session, counter)
    if there is not None:
        raise RequirementUnmet(f"{counter.code}号窗口还有 {there.ticket} 没有办完。请先办结、暂缓或转窗口，再离开。")
    counter.person_id, counter.since = None, None
    session.flush()
    session.expire(counter, ["person"])
    tables.turned(session, counter.hall_id)
    _record(session, "hall:stand_up", actor, counter)


def at_counter(session: Session, counter: HallCounter) -> HallTicket | None:
    """The number that is at a counter now."""
    return session.scalar(
        select(HallTicket)
        .where(HallTicket.counter_id == counter.id, HallTicket.state.in_(AT_COUNTER))
        .execution_options(populate_existing=True)
    )


def current(session: Session, actor: Actor) -> HallTicket | None:
    """The number this clerk has called and not yet finished."""
    counter = my_counter(session, actor)
    return at_counter(session, counter) if counter is not None else None


# --- the next ---------------------------------------------------------------------------------------------------------
def call_next(session: Session, actor: Actor, counter: HallCounter, at: datetime | None = None) -> HallTicket | None:
    """The next number for this counter, called; None when nobody waits for it.

    The hall is locked before anybody is chosen, so two counters that press at once get two different numbers."""
    at = at or now()
    hall = tables.lock(session, tables.agency(session, counter.hall_id))
    session.refresh(counter)
    if counter.person_id != actor.person_id:
        raise Forbidden(f"您没有坐在{counter.code}号窗口。请先选您今天的窗口，再叫号。")
    busy = at_counter(session, counter)
    if busy is not None:
        raise RequirementUnmet(
            f"{counter.code}号窗口还有 {busy.ticket} 没有办完。请先办结、暂缓、转窗口或记过号，再叫下一个。"
        )
    chosen = next_for(session, hall, counter, at)
    if chosen is None:
        return None
    return _perform(session, actor, chosen, "call", {"counter": counter.code})


def next_for(session: Session, hall: Hall, counter: HallCounter, at: datetime) -> int | None:
    """Who would be called at this counter now; only a look, nothing is taken."""
    found = waiting(session, hall, counter, at)
    one = fairness.choose(hall.rule, found, at, streak=hall.streak, cap=hall.cap, weight=hall.weight)
    return one.id if one is not None else None


def waiting(session: Session, hall: Hall, counter: HallCounter | None, at: datetime) -> list[Waiting]:
    """Everybody who waits today, or who waits for this counter."""
    rows = session.execute(
        # Columns, not objects: what this session read before it got the lock no longer counts.
        select(
            HallTicket.content_id,
            HallTicket.turn_at,
            HallTicket.came_at,
            HallTicket.priority,
            HallTicket.slot,
            HallTicket.slot_end,
            HallTicket.calls,
            HallTicket.misses,
            HallTicket.for_counter_id,
        ).where(
            HallTicket.hall_id == hall.agency_id,
            HallTicket.day == clock.local_day(at),
            HallTicket.state == WAITING,
            _for(session, hall, counter),
        )
    )
    return [
        Waiting(
            row.content_id,
            row.turn_at or at,
            row.came_at or at,
            preferred=booking.preferred(row, at),
            sent_on=counter is not None and row.for_counter_id == counter.id and row.calls > row.misses,
        )
        for row in rows
    ]


def _for(session: Session, hall: Hall, counter: HallCounter | None) -> ColumnElement[bool]:
    """What a counter takes: its own queue, and what no other open counter would."""
    if counter is None:
        return HallTicket.hall_id == hall.agency_id
    others = [one for one in tables.counters(session, hall.agency_id) if one.open]
    general = or_(
        HallTicket.for_counter_id.is_(None), HallTicket.for_counter_id.not_in([one.id for one in others] or [0])
    )
    if counter.takes and not any(not one.takes for one in others):
        covered = {letter for one in others for letter in one.takes} - set(counter.takes)
        general = and_(general, HallTicket.service.not_in(sorted(covered)))
    elif counter.takes:
        general = and_(general, HallTicket.service.in_(counter.takes))
    return or_(HallTicket.for_counter_id == counter.id, general)


# --- the number at the counter ----------------------------------------------------------------------------------------
def call_again(session: Session, actor: Actor) -> HallTicket:
    return _perform(session, actor, _mine(session, actor, CALLED, what="再叫一次").content_id, "call_again")


def serve(session: Session, actor: Actor) -> HallTicket:
    """The visitor stands before the counter: waiting ends, handling begins."""
    return _perform(session, actor, _mine(session, actor, CALLED, what="受理").content_id, "serve")


def finish(session: Session, actor: Actor, case: str = "") -> HallTicket:
    """办结: everything this visitor came for is done here; what has not been begun expressly is begun first."""
    one = _mine(session, actor, *AT_COUNTER, what="办结")
    if one.state == CALLED:
        _perform(session, actor, one.content_id, "serve")
    return _perform(session, actor, one.content_id, "finish", {"case": case} if case else {})


def no_show(session: Session, actor: Actor) -> HallTicket:
    """过号: called, and nobody came."""
    return _perform(session, actor, _mine(session, actor, CALLED, what="过号").content_id, "pass_over")


def hold(session: Session, actor: Actor, reason: str) -> HallTicket:
    """暂缓: the visitor fetches a copy or pays; the counter is free for the next."""
    one = _mine(session, actor, *AT_COUNTER, what="暂缓")
    return _perform(session, actor, one.content_id, "hold", {"comment": reason})


def resume(session: Session, actor: Actor, uid: str) -> HallTicket:
    """接着办: a number on hold comes back to this clerk's counter, not into the queue."""
    counter = my_counter(session, actor)
    if counter is None:
        raise RequirementUnmet("您还没有坐到窗口。请先选您今天的窗口。")
    return _perform(session, actor, _of_uid(session, actor, uid, HELD).content_id, "resume", {"counter": counter.code})


def move(session: Session, actor: Actor, to_counter: str, reason: str = "") -> HallTicket:
    """转窗口: the same number, first in line at the other counter."""
    one = _mine(session, actor, *AT_COUNTER, what="转窗口")
    return _perform(session, actor, one.content_id, "move", {"to_counter": to_counter, "comment": reason})


def requeue(session: Session, actor: Actor, uid: str) -> HallTicket:
    """重排: whoever missed the call waits again, behind the next few."""
    return _perform(session, actor, _of_uid(session, actor, uid, MISSED).content_id, "requeue")


def prefer(session: Session, actor: Actor, uid: str, ground: str) -> HallTicket:
    """优先: the lobby manager has seen why."""
    return _perform(session, actor, _of_uid(session, actor, uid).content_id, "prefer", {"why": ground})


def leave(session: Session, actor: Actor, uid: str, reason: str = "") -> HallTicket:
    return _perform(session, actor, _of_uid(session, actor, uid).content_id, "leave", {"comment": reason})


def clear(session: Session, actor: Actor, hall_id: str, at: datetime | None = None) -> int:
    """清场: at the end of the day nobody stays in the lists; whoever booked and did not come is counted as such."""
    at, hall = at or now(), tables.agency(session, hall_id)
    tables.lock(session, hall)
    ids = list(
        session.scalars(
            select(HallTicket.content_id).where(
                HallTicket.hall_id == hall.id,
                HallTicket.day <= clock.local_day(at),
                or_(
                    HallTicket.state.in_((WAITING, HELD, MISSED)),
                    and_(HallTicket.state == "booked", or_(HallTicket.slot.is_(None), HallTicket.slot_end <= at)),
                ),
            )
        )
    )
    for content_id in ids:
        _perform(session, actor, content_id, "clear")
    return len(ids)


def ticket_of(session: Session, actor: Actor, uid: str) -> HallTicket:
    """A number this actor may see."""
    return _of_uid(session, actor, uid)


def _mine(session: Session, actor: Actor, *states: str, what: str) -> HallTicket:
    one = current(session, actor)
    if one is None:
        raise RequirementUnmet(f"您的窗口现在没有叫到的号，不能“{what}”。请先叫号。")
    if one.state not in states:
        said = "已经在办" if one.state == SERVING else "还没有来到窗口"
        raise RequirementUnmet(f"{one.ticket} {said}，不能“{what}”。")
    return one


def _of_uid(session: Session, actor: Actor, uid: str, *states: str) -> HallTicket:
    content = session.scalar(access.visible(select(Content).where(Content.uid == uid), actor))
    if content is None or content.type != tables.TYPE:
        raise NotFound()
    one = tables.ticket(session, content)
    if states and one.state not in states:
        raise RequirementUnmet(f"{one.ticket or content.number} 已经不在这个状态，可能别的窗口刚办过。请刷新后再看。")
    return one


def _perform(
    session: Session, actor: Actor, content_id: int, step: str, inputs: dict[str, Any] | None = None
) -> HallTicket:
    content = session.get_one(Content, content_id, populate_existing=True)
    actions.perform(content, step, actor, {k: v for k, v in (inputs or {}).items() if v != ""})
    return tables.ticket(session, content)


def _record(session: Session, action: str, actor: Actor, counter: HallCounter) -> None:
    journal.record(session, action, actor, stream=f"hall:{counter.hall_id}", details={"counter": counter.code})


def codes(found: Sequence[HallCounter]) -> str:
    return "、".join(one.code for one in found)


def require_number(value: str) -> int:
    """A counter as the form sends it."""
    if not value.isdigit():
        raise InvalidInput("请选窗口。", {"counter": "请选一项"})
    return int(value)
