"""What a hall decides: its rule, its queues, its counters (three fixed ones and local extras), and how it books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.hall import AT_COUNTER, DONE, LEFT, WAITING, Hall, HallCounter, HallService, HallTicket
from process import clock, journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput, NotAvailable, RequirementUnmet
from process.words import N_
from services import grid_rights, opening
from services.hall import booking, fairness, steps, tables

LAYOUTS = {"shared": N_("一个大厅排一队，哪个窗口空了哪个叫"), "per_window": N_("每个窗口各排一队")}
COUNTER_KINDS = {"fixed": N_("固定窗口（3）"), "local": N_("特色窗口（X）")}
# 3+X: the three windows that the source names; letter, name, categories of the catalogue are the office's to set.
THREE = (("1", N_("社会保障")), ("2", N_("民生事务")), ("3", N_("综合服务")))
NUMBERS: tuple[tuple[str, str, int, int], ...] = (
    ("cap", N_("连续叫几个"), 1, 20),
    ("weight", N_("优先的一分钟算几分钟"), 1, 20),
    ("max_misses", N_("过号几次以后要另取号"), 1, 10),
    ("requeue_after", N_("过号重排时排在几个人后面"), 0, 50),
    ("slot_minutes", N_("预约每段几分钟"), 5, 120),
    ("ahead_days", N_("最多提前几天预约"), 1, 60),
)


def settings(session: Session, hall_id: str) -> Hall:
    """The settings of a hall; what was never set is what halls usually have."""
    return tables.lock(session, tables.agency(session, hall_id))


def decide(session: Session, actor: Actor, hall_id: str, given: Mapping[str, Any]) -> Hall:
    """Rule, layout and numbers; they hold from the next call on."""
    agency = tables.agency(session, hall_id)
    opening.require_keeper(actor, agency)
    hall, errors, changed = tables.lock(session, agency), dict[str, str](), dict[str, Any]()
    for name, table in (("rule", fairness.RULES), ("layout", LAYOUTS)):
        value = str(given.get(name) or getattr(hall, name))
        if value not in table:
            errors[name] = "请选一项"
        elif value != getattr(hall, name):
            changed[name] = value
    for name, label, low, high in NUMBERS:
        raw = str(given.get(name) if given.get(name) not in (None, "") else getattr(hall, name))
        try:
            number = grid_rights.number(raw, low, high, name, label)
        except InvalidInput as refusal:
            errors |= refusal.errors
            continue
        if number != getattr(hall, name):
            changed[name] = number
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    before = {name: getattr(hall, name) for name in changed}
    for name, value in changed.items():
        setattr(hall, name, value)
    if "rule" in changed:
        hall.streak = 0
    session.flush()
    _record(session, "hall:decide", actor, hall_id, {"before": before, "after": changed})
    return hall


def three_plus_x(session: Session, actor: Actor, hall_id: str) -> list[HallCounter]:
    """The three fixed windows at once, each with its queue; local ones are added one by one."""
    agency = tables.agency(session, hall_id)
    opening.require_keeper(actor, agency)
    tables.lock(session, agency)
    there = {one.code for one in tables.counters(session, hall_id)}
    return [
        add_counter(session, actor, hall_id, {"code": code, "name": name, "kind": "fixed"})
        for code, name in THREE
        if code not in there
    ]


def add_counter(session: Session, actor: Actor, hall_id: str, given: Mapping[str, Any]) -> HallCounter:
    """A new window with the queues it takes; none ticked means it takes everything."""
    agency = tables.agency(session, hall_id)
    opening.require_keeper(actor, agency)
    tables.lock(session, agency)
    errors: dict[str, str] = {}
    code = _text(given.get("code"), 20, "code", "请写窗口号，例如 3", errors).removesuffix("窗口").removesuffix("号")
    name = _text(given.get("name"), 40, "name", "请写窗口名称，例如 社会保障", errors)
    kind = str(given.get("kind") or "fixed")
    if kind not in COUNTER_KINDS:
        errors["kind"] = "请选一项"
    takes = _letters(session, hall_id, given, errors)
    old = tables.counter_named(session, hall_id, code) if code else None
    if old is not None and old.ended_on is None:
        errors["code"] = f"{code}号窗口已经有了"
    if errors:
        raise InvalidInput("这个窗口还不能设：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    made = old or HallCounter(hall_id=hall_id, code=code)
    made.name, made.kind, made.takes, made.ended_on = name, kind, takes, None
    session.add(made)
    session.flush()
    tables.turned(session, hall_id)
    _record(session, "hall:counter", actor, hall_id, {"counter": code, "takes": takes, "kind": kind})
    return made


def change_counter(
    session: Session, actor: Actor, hall_id: str, counter_id: int, given: Mapping[str, Any]
) -> HallCounter:
    """Name, kind and queues of a window; its number stays, for it is on the wall."""
    opening.require_keeper(actor, tables.agency(session, hall_id))
    tables.lock(session, tables.agency(session, hall_id))
    counter = tables.counter_of_hall(session, hall_id, counter_id)
    errors: dict[str, str] = {}
    name = _text(given.get("name"), 40, "name", "请写窗口名称", errors)
    kind = str(given.get("kind") or counter.kind)
    if kind not in COUNTER_KINDS:
        errors["kind"] = "请选一项"
    takes = _letters(session, hall_id, given, errors)
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    counter.name, counter.kind, counter.takes = name, kind, takes
    session.flush()
    tables.turned(session, hall_id)
    _record(session, "hall:counter", actor, hall_id, {"counter": counter.code, "takes": takes, "kind": kind})
    return counter


def end_counter(session: Session, actor: Actor, hall_id: str, counter_id: int) -> None:
    """停用: nobody may be at it, and whoever waits for it goes to the others."""
    opening.require_keeper(actor, tables.agency(session, hall_id))
    tables.lock(session, tables.agency(session, hall_id))
    counter = tables.counter_of_hall(session, hall_id, counter_id)
    busy = session.scalar(
        select(HallTicket.ticket).where(HallTicket.counter_id == counter.id, HallTicket.state.in_(AT_COUNTER))
    )
    if busy is not None:
        raise RequirementUnmet(f"{counter.code}号窗口还有 {busy} 没有办完，不能停用。")
    if counter.person_id is not None:
        raise RequirementUnmet(f"{counter.code}号窗口还有人坐着，请先离开窗口再停用。")
    counter.ended_on = clock.local_day(booking.now())
    session.flush()
    tables.turned(session, hall_id)
    _record(session, "hall:counter_end", actor, hall_id, {"counter": counter.code})


def add_service(session: Session, actor: Actor, hall_id: str, given: Mapping[str, Any]) -> HallService:
    """One more queue: a letter, a name, its categories, and how many may book a slot."""
    agency = tables.agency(session, hall_id)
    opening.require_keeper(actor, agency)
    tables.lock(session, agency)
    errors: dict[str, str] = {}
    letter = str(given.get("letter") or "").strip().upper()
    if len(letter) != 1 or not ("A" <= letter <= "Z"):
        errors["letter"] = "请写一个字母 A–Z，印在号码前面"
    name = _text(given.get("name"), 40, "name", "请写这一队的名称", errors)
    categories = [str(one) for one in _many(given, "categories")]
    if any(one not in catalogue.schemes().by_id for one in categories):
        errors["categories"] = "请从名单里选类别"
    capacity = 4
    try:
        capacity = grid_rights.number(str(given.get("slot_capacity") or 4), 0, 200, "slot_capacity", "每段可以约几个号")
    except InvalidInput as refusal:
        errors |= refusal.errors
    old = session.scalar(select(HallService).where(HallService.hall_id == hall_id, HallService.letter == letter))
    if errors:
        raise InvalidInput("这一队还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    made = old or HallService(hall_id=hall_id, letter=letter)
    made.name, made.categories, made.slot_capacity, made.ended_on = name, categories, capacity, None
    session.add(made)
    session.flush()
    _record(session, "hall:service", actor, hall_id, {"letter": letter, "categories": categories, "slots": capacity})
    return made


def in_queue(session: Session, hall_id: str, letter: str) -> list[HallTicket]:
    """Numbers and bookings of this queue that are not over yet."""
    today = clock.local_day(booking.now())
    return list(
        session.scalars(
            select(HallTicket)
            .where(
                HallTicket.hall_id == hall_id,
                HallTicket.service == letter,
                HallTicket.day >= today,
                HallTicket.state.not_in((DONE, LEFT)),
            )
            .order_by(HallTicket.day, HallTicket.content_id)
        )
    )


def end_service(session: Session, actor: Actor, hall_id: str, letter: str, to: str) -> int:
    """停用一队: whoever waits in it or has booked keeps number and time and goes on in another queue; how many did."""
    agency = tables.agency(session, hall_id)
    opening.require_keeper(actor, agency)
    hall = tables.lock(session, agency)
    found = {one.letter: one for one in tables.services(session, hall_id)}
    one = found.pop(letter, None)
    if one is None:
        raise NotAvailable(f"{letter} 队已经停用，或大厅没有这一队。请刷新再看。")
    if not found:
        raise RequirementUnmet("这是大厅最后一队，不能停用：至少要有一队可以取号。请先加另一队。")
    if to not in found:
        raise InvalidInput("请选等的人改到哪一队。", {"to": "请选一队"})
    one.ended_on = clock.local_day(booking.now())
    for counter in tables.counters(session, hall_id):
        # No letter means every queue: a window that took only this one goes on with the other.
        if letter in (counter.takes or ()):
            counter.takes = sorted({*(left for left in counter.takes if left != letter), to})
    moved = in_queue(session, hall_id, letter)
    for ticket in moved:
        ticket.service = to
        if ticket.state == WAITING and hall.layout == "per_window":
            ticket.for_counter_id = steps.shortest(session, hall_id, ticket)
        journal.record(session, "queue_visit:other_queue", actor, content=ticket.content, details={"to": to})
    session.flush()
    tables.turned(session, hall_id)
    _record(session, "hall:service_end", actor, hall_id, {"letter": letter, "to": to, "moved": len(moved)})
    return len(moved)


def _letters(session: Session, hall_id: str, given: Mapping[str, Any], errors: dict[str, str]) -> list[str]:
    known = {one.letter for one in tables.services(session, hall_id)}
    takes = [str(one) for one in _many(given, "takes")]
    if any(one not in known for one in takes):
        errors["takes"] = "请从名单里选"
    return sorted(set(takes))


def _many(given: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = given.getlist(name) if hasattr(given, "getlist") else given.get(name) or []
    return [one for one in found if one]


def _text(raw: Any, limit: int, name: str, ask: str, errors: dict[str, str]) -> str:
    try:
        words = " ".join(clean_text(str(raw or ""), limit).split())
    except ValueError as problem:
        errors[name] = str(problem)
        return ""
    if not words:
        errors[name] = ask
    return words


def _record(session: Session, action: str, actor: Actor, hall_id: str, details: dict[str, Any]) -> None:
    journal.record(session, action, actor, stream=f"hall:{hall_id}", details=details)
