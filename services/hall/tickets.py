"""Taking a number: at the machine, by the lobby manager, by phone; and all matters of one visit on one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from catalogue import loader as catalogue
from models.base import now
from models.case import Case
from models.content import Content
from models.hall import WAITING, HallMatter, HallTicket
from process import access, clock
from process.access import Actor
from process.inputs import clean_text
from process.library import library
from process.refusals import InvalidInput, RequirementUnmet
from process.words import N_
from services import actions, opening
from services.hall import booking, queue, tables

SOURCES = {"phone": N_("手机"), "machine": N_("取号机"), "lobby": N_("大堂经理"), "window": N_("窗口")}
# 一键取号 → 前台 → 后台集成 → 统一出件: where the matters of one number are.
STAGES = (N_("取号"), N_("前台受理"), N_("后台审批"), N_("统一出件"))
FRONT = frozenset({"draft", "submitted", "supplement", "returned", "checked"})
OUT = frozenset({"issued", "delivered"})
MOST_MATTERS = 20


def take(
    session: Session,
    actor: Actor,
    hall_id: str,
    *,
    matters: Sequence[str] = (),
    words: str = "",
    ground: str = "",
    phone: str = "",
    source: str = "machine",
    at: datetime | None = None,
) -> HallTicket:
    """A number for somebody who stands in the hall, for everything they came for. `matters` are items of the catalogue."""
    at, hall = at or now(), tables.agency(session, hall_id)
    if source == "machine" and not opening.is_open(session, hall, "window", at):
        raise RequirementUnmet(closed(session, hall_id, at))
    tables.lock(session, hall)
    data = _data(hall_id, matters, words, phone)
    if ground:
        data["ground"] = ground
    content = actions.create(session, actor, tables.TYPE, {**data, "place": hall_id})
    one = tables.ticket(session, content)
    one.source = source if source in SOURCES else "window"
    for item in matters:
        add_matter(session, one, item)
    session.flush()
    actions.perform(content, "take_ticket", actor)
    return tables.ticket(session, content)


def book(
    session: Session,
    actor: Actor,
    hall_id: str,
    slot: datetime,
    *,
    matters: Sequence[str] = (),
    words: str = "",
    ground: str = "",
) -> HallTicket:
    """预约: a resident takes a time by phone, for all matters at once."""
    data = _data(hall_id, matters, words, "")
    if ground:
        data["ground"] = ground
    content = actions.create(session, actor, tables.TYPE, {**data, "slot": slot.isoformat()})
    one = tables.ticket(session, content)
    for item in matters:
        add_matter(session, one, item)
    session.flush()
    return one


def check_in(session: Session, actor: Actor, content: Content) -> HallTicket:
    """到厅取号: a booking becomes a number."""
    actions.perform(content, "take_ticket", actor)
    return tables.ticket(session, content)


def closed(session: Session, hall_id: str, at: datetime) -> str:
    """Why there is no number now, and when there is."""
    hall = tables.agency(session, hall_id)
    day = clock.local_day(at)
    today = opening.hours(session, hall, "window", day)
    if today:
        return f"{hall.name}今天的开放时间是 {opening.in_words(today)}，现在不取号。可以在手机上预约。"
    following = opening.next_open_day(session, hall, day)
    when = f"，{following.month}月{following.day}日再开" if following else ""
    return f"{hall.name}今天不开放{when}。可以在手机上预约。"


def _data(hall_id: str, matters: Sequence[str], words: str, phone: str) -> dict[str, str]:
    known = catalogue.items()
    strange = [item for item in matters if item not in known]
    if strange:
        raise InvalidInput("有的事项目录里没有，请重新选。", {"item": "请从名单里选"})
    if len(matters) > MOST_MATTERS:
        raise InvalidInput(f"一个号最多办 {MOST_MATTERS} 件事，请分两次取号。", {"item": f"最多 {MOST_MATTERS} 件"})
    said = " ".join(clean_text(words or "", 200).split()) or "、".join(known[item].name for item in matters)[:200]
    if not said:
        raise InvalidInput("请选要办的事，或者写几个字说明来意。", {"item": "请选要办的事"})
    data = {"unit": hall_id, "matter": said}
    if matters:
        data["item"] = matters[0]
    if phone:
        data["phone"] = phone
    return data


# --- all matters of one number ----------------------------------------------------------------------------------------
def add_matter(session: Session, one: HallTicket, item: str = "", title: str = "") -> HallMatter:
    """One more thing the visitor came for; no new number."""
    known = catalogue.items()
    if item and item not in known:
        raise InvalidInput("目录里没有这个事项，请重新选。", {"item": "请从名单里选"})
    words = known[item].name if item else " ".join(clean_text(title, 200).split())
    if not words:
        raise InvalidInput("请选事项，或写明办什么。", {"item": "请选事项"})
    made = HallMatter(ticket_id=one.content_id, item=item, title=words)
    session.add(made)
    session.flush()
    return made


def link_case(session: Session, actor: Actor, one: HallTicket, case: Case) -> HallMatter:
    """The case that came of this number. The matter named at the machine takes it; anything else is a further matter."""
    linked = session.scalar(
        select(HallMatter).where(HallMatter.ticket_id == one.content_id, HallMatter.case_id == case.id)
    )
    if linked is not None:
        return linked
    open_matter = session.scalar(
        select(HallMatter)
        .where(HallMatter.ticket_id == one.content_id, HallMatter.case_id.is_(None), HallMatter.item == case.item.code)
        .order_by(HallMatter.id)
        .limit(1)
    )
    if open_matter is None:
        open_matter = HallMatter(ticket_id=one.content_id, item=case.item.code, title=case.item.title)
        session.add(open_matter)
    open_matter.case_id = case.id
    session.flush()
    return open_matter


@dataclass(frozen=True)
class Matter:
    """One matter of a number, with the case where there is one, and which of the four stages it has reached (0 to 3)."""

    title: str
    item: str
    case: Case | None
    stage: int


def matters(session: Session, actor: Actor, one: HallTicket) -> list[Matter]:
    """What somebody came for with this number, as far as this actor may see the cases."""
    rows = list(
        session.scalars(select(HallMatter).where(HallMatter.ticket_id == one.content_id).order_by(HallMatter.id))
    )
    ids = [row.case_id for row in rows if row.case_id is not None]
    seen: dict[int, Case] = {}
    if ids:
        statement = access.visible(select(Case).where(Case.id.in_(ids)).options(joinedload(Case.item)), actor, Case)
        seen = {case.id: case for case in session.scalars(statement)}
    waits = one.state in (WAITING, "booked")
    return [
        Matter(row.title, row.item, case, _stage(case, session, waits))
        for row in rows
        for case in [seen.get(row.case_id or 0)]
    ]


def cases_of(session: Session, actor: Actor, one: HallTicket) -> list[Case]:
    """The cases that came of one number."""
    return [row.case for row in matters(session, actor, one) if row.case is not None]


def _stage(case: Case | None, session: Session, waits: bool) -> int:
    if case is None:
        return 0 if waits else 1
    if case.issued_at is not None or library.of(case, session).states[case.state].terminal:
        return 3
    return 1 if case.accepted_at is None else 2


def ahead(session: Session, one: HallTicket) -> int:
    """How many come before it, by their turn; the rule of the hall may let somebody pass."""
    hall = tables.hall_of(session, one.hall_id)
    if hall is None or one.state != WAITING or one.turn_at is None:
        return 0
    return sum(
        (other.turn_at, other.id) < (one.turn_at, one.content_id)
        for other in queue.waiting(session, hall, None, now())
        if other.id != one.content_id
    )


def say_slot(one: HallTicket) -> str:
    """11月24日 周二 9:30"""
    return booking.say(one.slot) if one.slot is not None else ""
