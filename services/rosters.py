"""村社轮值: half of the staff each day at the comprehensive window; proposed fairly for a month, changed and swapped by page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import combinations
from math import ceil
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.content import Content
from models.ledger import JournalEntry
from models.person import Grant, GridMembership, Person
from models.roster import RosterShift
from models.substitution import Substitution
from process import access, clock, engine, journal
from process.access import Actor
from process.calendar_days import CalendarMissing, say
from process.library import library
from process.refusals import InvalidInput, NotFound
from process.words import N_
from services import actions, grid_rights, places
from services.grid_members import in_force

# The type of a day's record.
RECORD = "duty_roster"
SHIFTS: Mapping[str, str] = {
    "day": N_("正常班"),
    "noon": N_("中午不关门"),
    "weekend": N_("周末值班"),
    "evening": N_("延时服务"),
}
# Who sits at the comprehensive window of a place.
AT_WINDOW = ("community_clerk", "all_round_worker", "window_clerk", "bank_teller", "duty_leader", "lobby_manager")
FEWEST = 2
MOST = 20
KINDS = ("community", "village", "community_station", "street_centre", "grid", "sub_centre", "bank_outlet", "extended_outlet")  # fmt: skip

Plan = dict[date, list[int]]


# --- who can be on duty -----------------------------------------------------------------------------------------------
def place_of(session: Session, place_id: str) -> Agency:
    """Where there is a roster: a community (its station is the same one), a hall, a grid, a point of service."""
    found = session.get(Agency, place_id)
    if found is None or found.kind not in KINDS:
        raise NotFound()
    if found.kind == "community_station" and found.parent is not None:
        return found.parent
    return found


def staff(session: Session, place: Agency, day: date) -> list[Person]:
    """Who may be put on the roster of a place on a day: its members, or those with a post at its window."""
    if place.kind == "grid":
        statement = (
            select(Person)
            .join(GridMembership, GridMembership.person_id == Person.id)
            .where(GridMembership.grid_id == place.id, *in_force(day))
        )
    else:
        desks = select(Agency.id).where(Agency.parent_id == place.id, Agency.kind.in_(places.DESKS))
        statement = (
            select(Person)
            .join(Grant, Grant.person_id == Person.id)
            .where(
                Grant.role.in_(AT_WINDOW),
                or_(Grant.place_id == place.id, Grant.place_id.in_(desks)),
                Grant.principal_id.is_(None),
                or_(Grant.since.is_(None), Grant.since <= day),
                or_(Grant.until.is_(None), Grant.until >= day),
            )
        )
    found = session.scalars(statement.where(Person.active).order_by(Person.id)).unique().all()
    return list(dict.fromkeys(found))


def away(session: Session, people: Iterable[int], first: date, last: date) -> dict[int, list[tuple[date, date]]]:
    """When somebody has a substitute, and so is not there."""
    found: dict[int, list[tuple[date, date]]] = defaultdict(list)
    for row in session.scalars(
        select(Substitution).where(
            Substitution.principal_id.in_(list(people)),
            Substitution.ended_at.is_(None),
            Substitution.since <= last,
            Substitution.until >= first,
        )
    ):
        found[row.principal_id].append((row.since, row.until))
    return found


# --- the month --------------------------------------------------------------------------------------------------------
def month(session: Session, place: Agency, first: date, last: date) -> dict[date, list[RosterShift]]:
    """Who is on duty on which day, by shift."""
    found: dict[date, list[RosterShift]] = defaultdict(list)
    for shift in session.scalars(
        select(RosterShift)
        .where(RosterShift.place_id == place.id, RosterShift.day.between(first, last))
        .options(joinedload(RosterShift.person))
        .order_by(RosterShift.day, RosterShift.id)
    ).unique():
        found[shift.day].append(shift)
    return found


def on_duty(session: Session, place_ids: Iterable[str], day: date) -> list[RosterShift]:
    """Who is on duty at these places today, for the page of the place."""
    return list(
        session.scalars(
            select(RosterShift)
            .where(RosterShift.place_id.in_(list(place_ids)), RosterShift.day == day)
            .options(joinedload(RosterShift.person))
            .order_by(RosterShift.place_id, RosterShift.shift, RosterShift.id)
        ).unique()
    )


def propose(session: Session, place: Agency, first: date, last: date) -> Plan:
    """Half of the staff on each working day, at least two; whoever had the fewest turns comes next.

    Days already past stay as they were, and what was done on them counts."""
    today = grid_rights.today()
    people = staff(session, place, max(first, today))
    if len(people) < FEWEST:
        raise InvalidInput(
            f"{place.name}能值班的只有 {len(people)} 人，每天至少 {FEWEST} 人才能排。请先在“权限和代班”或网格成员里加人。"
        )
    if len(people) > MOST * 2:
        raise InvalidInput(f"{place.name}能值班的有 {len(people)} 人，一张表最多排 {MOST * 2} 人。请按窗口分开排。")
    calendar = clock.calendar(session)
    if first.year not in calendar.years or last.year not in calendar.years:
        raise InvalidInput(f"{first.year}年还没有工作日历，排不出工作日。请系统管理员先录入日历。")
    each = max(FEWEST, ceil(len(people) / 2))
    absent = away(session, [p.id for p in people], first, last)
    done = month(session, place, first, min(last, today - timedelta(days=1))) if first < today else {}
    turns: Counter[int] = Counter({p.id: 0 for p in people})
    together: Counter[frozenset[int]] = Counter()
    latest: dict[int, date] = _before(session, place, first)
    for day, shifts in done.items():
        for shift in shifts:
            turns[shift.person_id] += 1
            latest[shift.person_id] = day
        together.update(frozenset(pair) for pair in combinations(sorted({s.person_id for s in shifts}), 2))
    plan: Plan = {}
    day = max(first, today)
    while day <= last:
        if calendar.is_working_day(day):
            there = [p.id for p in people if not any(a <= day <= b for a, b in absent.get(p.id, ()))]
            chosen = _next(there, each, turns, together, latest)
            if len(chosen) < FEWEST:
                raise InvalidInput(
                    f"{say(day)}只有 {len(chosen)} 人在岗，其他人都请了代班，排不满 {FEWEST} 人。请先调整。"
                )
            plan[day] = sorted(chosen)
            for person_id in chosen:
                turns[person_id] += 1
                latest[person_id] = day
            together.update(frozenset(pair) for pair in combinations(chosen, 2))
        day += timedelta(days=1)
    return plan


def _next(
    there: Sequence[int],
    each: int,
    turns: Mapping[int, int],
    together: Mapping[frozenset[int], int],
    latest: Mapping[int, date],
) -> list[int]:
    """One after the other: fewest turns, then least often with those already chosen, so that the same two do not always meet."""
    chosen: list[int] = []
    while len(chosen) < min(each, len(there)):
        left = [i for i in there if i not in chosen]
        chosen.append(
            min(
                left,
                key=lambda i: (
                    turns[i],
                    sum(together.get(frozenset((i, other)), 0) for other in chosen),
                    latest.get(i, date.min),
                    i,
                ),
            )
        )
    return chosen


def _before(session: Session, place: Agency, first: date) -> dict[int, date]:
    """Each one's last turn before this month, so that the first day is fair, too."""
    found: dict[int, date] = {}
    for person_id, day in session.execute(
        select(RosterShift.person_id, RosterShift.day)
        .where(RosterShift.place_id == place.id, RosterShift.day < first, RosterShift.day >= first - timedelta(days=31))
        .order_by(RosterShift.day)
    ):
        found[person_id] = day
    return found


def take_proposal(session: Session, actor: Actor, place: Agency, first: date, last: date) -> Plan:
    """Writes the proposal from today on; weekend and noon duty named by hand stays."""
    grid_rights.require_keeper(actor, place)
    today = grid_rights.today()
    if last < today:
        raise InvalidInput("这个月已经过去，不能再排。请选这个月或下个月。")
    plan = propose(session, place, first, last)
    if not plan:
        raise InvalidInput("这个月剩下的日子里没有工作日，不用排。")
    session.execute(
        delete(RosterShift).where(
            RosterShift.place_id == place.id,
            RosterShift.day.between(max(first, today), last),
            RosterShift.shift == "day",
        )
    )
    for day, people in plan.items():
        for person_id in people:
            session.add(_shift(place, day, "day", person_id))
    session.flush()
    _record(session, "roster:propose", actor, place, first, {"days": len(plan)})
    return plan


def set_day(
    session: Session, actor: Actor, place: Agency, day: date, shift: str, people: Sequence[int], reason: str = ""
) -> None:
    """One day by hand, holidays and weekends too; nobody sits alone."""
    grid_rights.require_keeper(actor, place)
    if shift not in SHIFTS:
        raise InvalidInput("请选班次。", {"shift": "请选一项"})
    if day < grid_rights.today():
        raise InvalidInput(f"{say(day)}已经过去，值班表不能倒改。", {"people": "这一天已经过去"})
    if day > grid_rights.today() + timedelta(days=400):
        raise InvalidInput("最多排到一年以后。", {"people": "太远"})
    known = {p.id: p for p in staff(session, place, day)}
    chosen = list(dict.fromkeys(people))
    if any(i not in known for i in chosen):
        raise InvalidInput(f"有人不在{place.name}值班，请重新选择。", {"people": "请从名单里选"})
    if chosen and len(chosen) < FEWEST:
        raise InvalidInput(
            f"每班至少 {FEWEST} 人，现在选了 {len(chosen)} 人。要取消这一班就都不选。", {"people": "至少两人"}
        )
    if len(chosen) > MOST:
        raise InvalidInput(f"每班最多 {MOST} 人。", {"people": f"最多 {MOST} 人"})
    working = _working(session, day)
    if chosen and not working and shift == "day":
        raise InvalidInput(f"{say(day)}不是工作日，请选“周末值班”。", {"shift": "不是工作日"})
    why = grid_rights.text(reason, grid_rights.LONGEST_REASON, "reason")
    session.execute(
        delete(RosterShift).where(RosterShift.place_id == place.id, RosterShift.day == day, RosterShift.shift == shift)
    )
    for person_id in chosen:
        session.add(_shift(place, day, shift, person_id))
    session.flush()
    _record(session, "roster:set", actor, place, day, {"day": day.isoformat(), "shift": shift, "people": chosen}, why)


def swap(session: Session, actor: Actor, first_id: int, second_id: int, reason: str) -> tuple[RosterShift, RosterShift]:
    """换班: two people take each other's day."""
    one, two = session.get(RosterShift, first_id), session.get(RosterShift, second_id)
    if one is None or two is None or one.place_id != two.place_id:
        raise InvalidInput("请选同一张值班表里的两班来换。", {"second": "请选要换的另一班"})
    grid_rights.require_keeper(actor, one.place)
    why = grid_rights.text(reason, grid_rights.LONGEST_REASON, "reason", ask="请写明换班的原因")
    today = grid_rights.today()
    if one.day < today or two.day < today:
        raise InvalidInput("已经过去的班不能换。", {"second": "已经过去"})
    if one.person_id == two.person_id:
        raise InvalidInput("这两班是同一个人的，不用换。", {"second": "同一个人"})
    same_shift = one.day == two.day and one.shift == two.shift
    for mine, other in ((one, two), (two, one)):
        taken = session.scalar(
            select(RosterShift.id).where(
                RosterShift.place_id == mine.place_id,
                RosterShift.day == other.day,
                RosterShift.shift == other.shift,
                RosterShift.person_id == mine.person_id,
            )
        )
        if taken is not None or same_shift:
            raise InvalidInput(f"{mine.person.name}在{say(other.day)}已经有班，换不了。", {"second": "当天已有班"})
    first, second = one.person_id, two.person_id
    one.person_id, two.person_id = second, first
    session.flush()
    session.expire(one, ["person"])
    session.expire(two, ["person"])
    details = {"days": [one.day.isoformat(), two.day.isoformat()], "people": [first, second]}
    _record(session, "roster:swap", actor, one.place, one.day, details, why)
    return one, two


def turns(shifts: Mapping[date, Sequence[RosterShift]]) -> list[tuple[Person, int]]:
    """How often each one is on duty this month: the proof that it is fair."""
    found: Counter[int] = Counter()
    people: dict[int, Person] = {}
    for day in shifts.values():
        for shift in day:
            found[shift.person_id] += 1
            people[shift.person_id] = shift.person
    return sorted(((people[i], n) for i, n in found.items()), key=lambda pair: (-pair[1], pair[0].id))


def story(session: Session, place: Agency, first: date, limit: int = 30) -> list[JournalEntry]:
    return list(
        session.scalars(
            select(JournalEntry)
            .where(JournalEntry.stream == _stream(place, first))
            .options(joinedload(JournalEntry.person))
            .order_by(JournalEntry.seq.desc())
            .limit(limit)
        )
    )


# --- the day ----------------------------------------------------------------------------------------------------------
def record_of(session: Session, actor: Actor, place: Agency, day: date) -> Content | None:
    """The hand-over record of a day, if somebody has begun it."""
    statement = select(Content).where(Content.type == RECORD, Content.place_id == place.id)
    found = session.scalars(access.visible(statement, actor).order_by(Content.id.desc()).limit(60))
    return next((c for c in found if (c.fields or {}).get("duty_day") == day.isoformat()), None)


def may_begin(actor: Actor, place: Agency) -> bool:
    """Who plans a month is not always who keeps its record."""
    return engine.may_create(actor, library.type(RECORD), place)


def begin_record(session: Session, actor: Actor, place: Agency) -> Content:
    """The day's record (轮值、交班、记录) is begun from the roster, so that nobody types the names again."""
    today = grid_rights.today()
    if not may_begin(actor, place):
        raise InvalidInput("值班记录由本社区的工作人员、站长或值班领导开始；您可以排班，请他们打开这一页开始记录。")
    if record_of(session, actor, place, today) is not None:
        raise InvalidInput("今天的值班记录已经有了，请直接打开。")
    shifts = [s for s in on_duty(session, [place.id], today)]
    if not shifts:
        raise InvalidInput("今天没有排班，请先在值班表里排好今天的人。")
    first = shifts[0].shift
    names = [s.person.name for s in shifts if s.shift == first]
    data = {
        "place": place.id,
        "window": "综合窗口",
        "duty_day": today.isoformat(),
        "shift": first,
        "on_duty": names,
    }
    made = actions.create(session, actor, RECORD, data)
    actions.perform(made, "publish", actor, {})
    return made


def _working(session: Session, day: date) -> bool:
    try:
        return bool(clock.calendar(session).is_working_day(day))
    except CalendarMissing as missing:
        raise InvalidInput(f"{day.year}年还没有工作日历，请系统管理员先录入。") from missing


def _shift(place: Agency, day: date, shift: str, person_id: int) -> RosterShift:
    return RosterShift(
        district=place.district, place_id=place.id, place_path=place.path, day=day, shift=shift, person_id=person_id
    )


def _stream(place: Agency, day: date) -> str:
    return f"roster:{place.id}:{day:%Y-%m}"


def _record(
    session: Session, action: str, actor: Actor, place: Agency, day: date, details: dict[str, Any], why: str = ""
) -> None:
    journal.record(session, action, actor, stream=_stream(place, day), details=details, comment=why)
