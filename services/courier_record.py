"""What a courier did in a month: errands, time, punctuality, thanks; and the statement of it that the station issues."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.agency import Agency
from models.content import Content
from models.courier import CourierThanks
from models.errand import Errand
from process import access, clock, journal, registry
from process.access import Actor
from process.inputs import clean_text
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput, NotAvailable, RequirementUnmet
from process.registry import Step
from services import places
from services.errand_posting import purposes
from services.papers_out import Occasion, data_for

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
# Somebody who forgets to press the button has not served all night.
LONGEST = timedelta(hours=8)
LONGEST_THANKS = 300


@dataclass(frozen=True)
class Month:
    """One month of one courier, counted from the errands that were brought to an end."""

    begin: date
    errands: int
    minutes: int
    days: int
    due: int
    on_time: int
    thanks: int
    kinds: tuple[tuple[str, int, int], ...]

    @property
    def key(self) -> str:
        return f"{self.begin:%Y-%m}"


def read_month(text: str) -> date | None:
    """The first day of a month written as 2026-03; None for anything else."""
    match = _MONTH.fullmatch(text.strip())
    return date(int(match[1]), int(match[2]), 1) if match else None


def bounds(begin: date) -> tuple[datetime, datetime]:
    """From the first moment of a month to the first of the next, in the office's time."""
    after = (begin + timedelta(days=32)).replace(day=1)
    return datetime.combine(begin, time.min, CHINA), datetime.combine(after, time.min, CHINA)


def month_of(session: Session, person_id: int, begin: date) -> Month:
    """Counted anew each time it is asked for, so that it is never older than the errands."""
    since, until = bounds(begin)
    served = list(
        session.scalars(
            select(Errand).where(
                or_(Errand.assignee_id == person_id, Errand.companion_id == person_id),
                Errand.state == "confirmed",
                Errand.delivered_at >= since,
                Errand.delivered_at < until,
            )
        )
    )
    spans = [(e.purpose, *_span(e)) for e in served if e.delivered_at is not None]
    timed = [e for e in served if e.window_end is not None and e.delivered_at is not None]
    kinds = []
    for kind in purposes():
        mine = [(start, end) for purpose, start, end in spans if purpose == kind]
        if mine:
            kinds.append((kind, len(mine), _minutes(mine)))
    thanked = session.scalars(
        select(CourierThanks.id).where(
            CourierThanks.person_id == person_id, CourierThanks.at >= since, CourierThanks.at < until
        )
    ).all()
    return Month(
        begin,
        len(served),
        _minutes([(start, end) for _, start, end in spans]),
        len({clock.local_day(end) for _, _, end in spans}),
        len(timed),
        sum(1 for e in timed if e.delivered_at and e.window_end and e.delivered_at <= e.window_end),
        len(thanked),
        tuple(kinds),
    )


def _span(errand: Errand) -> tuple[datetime, datetime]:
    """From when the papers were fetched (or they left) to when they were delivered."""
    end = errand.delivered_at
    assert end is not None
    start = errand.picked_up_at or errand.claimed_at or end
    return max(min(start, end), end - LONGEST), end


def _minutes(spans: Iterable[tuple[datetime, datetime]]) -> int:
    """The time covered by them together: two errands on one way are one time."""
    total, reached = timedelta(0), None
    for start, end in sorted(spans):
        begin = start if reached is None else max(start, reached)
        if end > begin:
            total += end - begin
        reached = end if reached is None else max(reached, end)
    return round(total.total_seconds() / 60)


def in_words(minutes: int) -> str:
    """14 小时 25 分."""
    hours, rest = divmod(minutes, 60)
    return f"{hours} 小时 {rest} 分" if hours else f"{rest} 分钟"


def last_months(session: Session, person_id: int, day: date, how_many: int = 6) -> list[Month]:
    """The present month and those before it, newest first."""
    found, begin = [], day.replace(day=1)
    for _ in range(how_many):
        found.append(month_of(session, person_id, begin))
        begin = (begin - timedelta(days=1)).replace(day=1)
    return found


# --- thanks ----------------------------------------------------------------------------------------------------------
def thank(session: Session, errand: Errand, actor: Actor, text: str, at: datetime) -> None:
    """A word of thanks: from whoever was served, or written down by the desk that was told it; once for each errand."""
    if actor.person_id in (errand.assignee_id, errand.companion_id):
        raise Forbidden("不能感谢自己。")
    require_may_thank(errand, actor)
    try:
        said = clean_text(text, LONGEST_THANKS)
    except ValueError as problem:
        raise InvalidInput(f"感谢的话{problem}。", {"text": str(problem)}) from problem
    if not said:
        raise InvalidInput("请写一句感谢的话。", {"text": "请写一句话"})
    people = [one for one in (errand.assignee_id, errand.companion_id) if one is not None]
    try:
        with session.begin_nested():
            for person_id in people:
                session.add(
                    CourierThanks(
                        district=errand.district,
                        errand_id=errand.id,
                        person_id=person_id,
                        written_by_id=actor.person_id,
                        text=said,
                        at=at,
                    )
                )
    except IntegrityError as twice:
        raise NotAvailable("这一单已经感谢过了。") from twice
    journal.record(session, "errand:thank", actor, content=errand, details={"people": people})


def require_may_thank(errand: Errand, actor: Actor) -> None:
    """When it is over, by whoever was served or the desks that hear of it."""
    if not may_thank(errand, actor):
        raise Forbidden("任务办结以后，由收件的居民或代办点登记感谢。")


def may_thank(errand: Errand, actor: Actor) -> bool:
    """The resident, or the desks at both ends; never the courier."""
    return access.may(actor, "thank", errand)


def thanks_of(session: Session, errand: Errand) -> CourierThanks | None:
    return session.scalar(select(CourierThanks).where(CourierThanks.errand_id == errand.id).limit(1))


# --- the statement ---------------------------------------------------------------------------------------------------
@registry.predicate("for_somebody_else")
def for_somebody_else(session: Session, content: Content, actor: Actor) -> bool:
    """Nobody issues a statement to themselves."""
    return content.owner_id != actor.person_id


@registry.requirement("service_on_record")
def service_on_record(step: Step) -> None:
    """A whole month that is over or running, with at least one errand brought to its end."""
    _, found = _asked_for(step.session, step.content, step.at)
    if not found.errands:
        raise RequirementUnmet(f"{found.begin.year}年{found.begin.month}月没有办结的任务，不能出具证明。")


def _asked_for(session: Session, content: Content, at: datetime) -> tuple[int, Month]:
    begin = read_month(str((content.fields or {}).get("month") or ""))
    if begin is None:
        raise RequirementUnmet("月份请写成 2026-03 的样子。请申请人撤回后重新申请。", {"month": "写成 2026-03 的样子"})
    if begin > clock.local_day(at):
        raise RequirementUnmet("这个月还没有到，不能出具证明。", {"month": "还没有到"})
    assert content.owner_id is not None
    return content.owner_id, month_of(session, content.owner_id, begin)


@registry.effect("reckon_service", writes=("errands", "minutes", "days", "on_time", "thanks"))
def reckon_service(step: Step) -> None:
    """Written down once, so that the paper and the list say the same for ever."""
    _, found = _asked_for(step.session, step.content, step.at)
    step.content.fields = {
        **(step.content.fields or {}),
        "errands": found.errands,
        "minutes": found.minutes,
        "days": found.days,
        "on_time": found.on_time,
        "thanks": found.thanks,
    }
    step.details |= {"month": found.key, "errands": found.errands, "minutes": found.minutes}


@data_for("service_statement")
def service_statement(occasion: Occasion) -> dict[str, Any] | None:
    """Sums only: whom they helped stands nowhere."""
    content, session = occasion.content, occasion.session
    _, found = _asked_for(session, content, occasion.at)
    names = purposes()
    station = places.street_above(session, content.place_path)
    desk = _station(session, station) if station is not None else None
    share = f"{found.on_time}/{found.due}（{found.on_time * 100 / found.due:.1f}%）" if found.due else ""
    return {
        "number": content.number,
        "name": content.owner.name if content.owner else "",
        "point": content.place.name,
        "month": f"{found.begin.year}年{found.begin.month}月",
        "errands": found.errands,
        "days": found.days,
        "hours": in_words(found.minutes),
        "on_time": share,
        "thanks": found.thanks,
        "kinds": [
            {"name": names[kind], "count": count, "hours": in_words(minutes)} for kind, count, minutes in found.kinds
        ],
        "remark": str(occasion.inputs.get("comment") or "")[:300],
        "station": (desk or content.place).name,
        "checked_by": occasion.actor.name,
        "issued_on": clock.local_day(occasion.at),
    }


def _station(session: Session, street: Agency) -> Agency | None:
    return session.scalar(
        select(Agency).where(access.within(Agency.path, street.path), Agency.kind == "errand_station").limit(1)
    )
