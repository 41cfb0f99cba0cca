"""预约: the slots of a hall by queue, how many are left in each, and how one is taken exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.hall import BOOKED, LEFT, Hall, HallTicket
from process import access, clock
from process.access import Actor
from process.calendar_days import CalendarMissing
from process.numbers import CHINA
from process.refusals import InvalidInput, RequirementUnmet
from services import opening
from services.hall import tables

WEEKDAYS = "一二三四五六日"
OFFERED = 3
ONE_A_DAY = "一个号可以办多件事，"


@dataclass(frozen=True)
class Slot:
    """One slot of a queue: from when, and how many places are left of how many."""

    start: datetime
    end: datetime
    left: int
    of: int

    @property
    def free(self) -> bool:
        return self.left > 0

    @property
    def value(self) -> str:
        return f"{self.start.astimezone(CHINA):%Y-%m-%dT%H:%M}"


def say(moment: datetime) -> str:
    """11月24日 周二 9:30"""
    local = moment.astimezone(CHINA)
    return f"{local.month}月{local.day}日 周{WEEKDAYS[local.weekday()]} {local.hour}:{local:%M}"


def moment(raw: Any) -> datetime:
    """As a field keeps it, or as it is."""
    found = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw))
    return found if found.tzinfo is not None else found.replace(tzinfo=CHINA)


def typed(raw: str) -> datetime:
    """As somebody typed it; nonsense is said."""
    try:
        return moment(raw)
    except ValueError as problem:
        raise InvalidInput("预约时间看不懂，请从空着的时间里选一个。", {"slot": "请选时间"}) from problem


def _settings(session: Session, hall: Agency) -> tuple[int, int]:
    found = tables.hall_of(session, hall.id)
    usual = Hall.__table__.columns
    return (
        found.slot_minutes if found else usual.slot_minutes.default.arg,
        found.ahead_days if found else usual.ahead_days.default.arg,
    )


def days(session: Session, hall: Agency, at: datetime) -> list[date]:
    """The days one may book: those on which the windows open, as far as the hall books ahead and the calendar goes."""
    _, ahead = _settings(session, hall)
    found, first = [], clock.local_day(at)
    for offset in range(ahead + 1):
        day = first + timedelta(days=offset)
        try:
            if opening.hours(session, hall, "window", day):
                found.append(day)
        except CalendarMissing:
            break
    return found


def slots(session: Session, hall: Agency, letter: str, day: date, at: datetime) -> list[Slot]:
    """Every slot of a queue on a day that is not past, full ones too."""
    minutes, _ = _settings(session, hall)
    service = tables.service_of(session, hall.id, letter)
    capacity = service.slot_capacity if service is not None else 4
    taken = _taken(session, hall.id, letter, day)
    found = []
    for opens, closes in opening.hours(session, hall, "window", day):
        start = datetime.combine(day, opens, CHINA)
        last = datetime.combine(day, closes, CHINA)
        while start + timedelta(minutes=minutes) <= last:
            end = start + timedelta(minutes=minutes)
            if end > at:
                found.append(Slot(start, end, max(0, capacity - taken.get(start.timestamp(), 0)), capacity))
            start = end
    return found


def _taken(session: Session, hall_id: str, letter: str, day: date) -> dict[float, int]:
    begin = datetime.combine(day, time(), CHINA)
    rows = session.execute(
        select(HallTicket.slot, func.count())
        .where(
            HallTicket.hall_id == hall_id,
            HallTicket.service == letter,
            HallTicket.slot >= begin,
            HallTicket.slot < begin + timedelta(days=1),
            HallTicket.state != LEFT,
        )
        .group_by(HallTicket.slot)
    )
    return {slot.timestamp(): count for slot, count in rows if slot is not None}


def claim(session: Session, content: Content, start: datetime, at: datetime, *, error: str = "slot") -> None:
    """Takes the slot or says why not and what is free instead. The hall is locked, so the last place is given once."""
    hall = tables.hall_agency(content)
    settings = tables.lock(session, hall)
    one = tables.ticket(session, content, at)
    slot = check(session, hall, one.service, start, at, error=error, own=one.slot)
    once_a_day(session, hall, content.applicant_id, slot.start, own=content.id)
    one.slot, one.slot_end = slot.start, slot.end
    one.day = clock.local_day(slot.start)
    session.flush()
    tables.turned(session, settings.agency_id)


def once_a_day(
    session: Session, hall: Agency, applicant_id: int | None, start: datetime, *, own: int | None = None
) -> None:
    """One booking for one person and hall and day is enough: all matters go on one number."""
    if applicant_id is None:
        return
    other = session.scalar(
        select(Content.number)
        .join(HallTicket, HallTicket.content_id == Content.id)
        .where(
            HallTicket.hall_id == hall.id,
            HallTicket.day == clock.local_day(start),
            HallTicket.state == BOOKED,
            HallTicket.slot.is_not(None),
            Content.applicant_id == applicant_id,
            Content.id != (own or 0),
        )
    )
    if other is not None:
        raise RequirementUnmet(f"您那天在{hall.name}已经约了一个号（{other}）。{ONE_A_DAY}不用再约；要换时间请“改约”。")


def check(
    session: Session,
    hall: Agency,
    letter: str,
    start: datetime,
    at: datetime,
    *,
    error: str = "slot",
    own: datetime | None = None,
) -> Slot:
    """Refuses a time that is past, too far, on a day the hall is shut, between the slots, or full."""
    minutes, ahead = _settings(session, hall)
    day = clock.local_day(start)
    if start + timedelta(minutes=minutes) <= at:
        raise InvalidInput(
            f"{say(start)}已经过去，请选今后的时间。{offer(session, hall, letter, at)}", {error: "时间已过"}
        )
    if day > clock.local_day(at) + timedelta(days=ahead):
        raise InvalidInput(
            f"{hall.name}最多提前 {ahead} 天预约，{say(start)}太早。{offer(session, hall, letter, at)}",
            {error: f"最多提前 {ahead} 天"},
        )
    try:
        kind = opening.kind_of(session, day)
    except CalendarMissing as missing:
        raise InvalidInput(
            f"{missing.year}年的放假安排还没有录入，不能约到{missing.year}年。请选今年的日子，或请管理员先录入日历。",
            {error: f"{missing.year}年还没有日历"},
        ) from missing
    if not opening.hours(session, hall, "window", day):
        why = clock.calendar(session).reason(day) if kind != "work" else "当天不开放"
        raise InvalidInput(
            f"{day.month}月{day.day}日（{why}）{hall.name}不开放，约不了。{offer(session, hall, letter, at)}",
            {error: "这一天不开放"},
        )
    slot = next((s for s in slots(session, hall, letter, day, at) if s.start <= start < s.end), None)
    if slot is None:
        spans = opening.in_words(opening.hours(session, hall, "window", day))
        raise InvalidInput(
            f"{say(start)}不在开放时间里（{spans}）。{offer(session, hall, letter, at, day)}", {error: "不在开放时间里"}
        )
    if not slot.free and own != slot.start:
        raise RequirementUnmet(
            f"{say(slot.start)}的 {slot.of} 个号已经约满。{offer(session, hall, letter, at, day)}", {error: "已经约满"}
        )
    return slot


def offer(session: Session, hall: Agency, letter: str, at: datetime, first: date | None = None) -> str:
    """The next times that are free, from the wished day on."""
    found: list[str] = []
    for day in days(session, hall, at):
        if first is not None and day < first:
            continue
        found += [say(slot.start) for slot in slots(session, hall, letter, day, at) if slot.free]
        if len(found) >= OFFERED:
            break
    if not found:
        return "近期没有空的时间，可以直接到大厅取号。"
    return f"还空着的有：{'、'.join(found[:OFFERED])}。"


def preferred(one: Any, at: datetime) -> bool:
    """Goes first by the rule: somebody with priority, or who booked this time and came in time for it."""
    if one.priority:
        return True
    if one.slot is None or one.slot_end is None or one.came_at is None:
        return False
    return bool(one.slot <= at and one.came_at <= one.slot_end)


def of_resident(session: Session, actor: Actor, limit: int = 20) -> list[HallTicket]:
    """A resident's own numbers, the coming ones first."""
    return list(
        session.scalars(
            access.visible(
                select(HallTicket)
                .join(Content, Content.id == HallTicket.content_id)
                .where(Content.applicant_id == actor.resident_id, Content.type == tables.TYPE),
                actor,
            )
            .order_by(HallTicket.day.desc(), HallTicket.content_id.desc())
            .limit(limit)
        )
    )


def today() -> date:
    return clock.local_day(now())
