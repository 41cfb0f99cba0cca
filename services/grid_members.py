"""一格多员: who works in a grid in which capacity, from when to when; and to whom a matter goes by its capacity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.content import Content
from models.ledger import JournalEntry
from models.person import Grant, GridMembership, Person
from models.roster import RosterShift
from process import journal, registry
from process.access import Actor
from process.calendar_days import say
from process.refusals import Forbidden, InvalidInput, NotFound
from process.registry import Step
from process.words import N_
from services import accounts, case_routing, grid_rights, jurisdiction, notices, role_grants
from services.grid_rights import CAPACITIES, LEADER
from services.places import LEADERS_PER_GRID

# Proposal until the office decides: which capacity settles what comes under which duty.
BY_DUTY: Mapping[str, str] = {
    "information": "grid_worker",
    "opinion": "grid_worker",
    "dispute": LEADER,
    "publicity": "grid_publicist",
    "service": "grid_service_worker",
}


@dataclass(frozen=True)
class Member:
    """One person of a grid with every capacity held there."""

    person: Person
    memberships: tuple[GridMembership, ...]
    on_duty: bool

    @property
    def leads(self) -> bool:
        return any(m.capacity == LEADER for m in self.memberships)


def in_force(day: date) -> tuple[Any, ...]:
    """Memberships of people in service on a day."""
    return (
        or_(GridMembership.since.is_(None), GridMembership.since <= day),
        or_(GridMembership.until.is_(None), GridMembership.until >= day),
    )


def of_grid(session: Session, grid: Agency, day: date) -> list[Member]:
    """Everybody who works in the grid on a day, leaders first, and who of them is on duty."""
    rows = session.scalars(
        select(GridMembership)
        .join(Person, Person.id == GridMembership.person_id)
        .where(GridMembership.grid_id == grid.id, Person.active, *in_force(day))
        .options(joinedload(GridMembership.person))
        .order_by(GridMembership.id)
    )
    found: dict[int, list[GridMembership]] = defaultdict(list)
    for row in rows.unique():
        found[row.person_id].append(row)
    shifts = set(
        session.scalars(select(RosterShift.person_id).where(RosterShift.place_id == grid.id, RosterShift.day == day))
    )
    members = [
        Member(held[0].person, tuple(sorted(held, key=lambda m: CAPACITIES.index(m.capacity))), person_id in shifts)
        for person_id, held in found.items()
    ]
    return sorted(members, key=lambda m: (not m.leads, m.person.id))


def former(session: Session, grid: Agency, day: date, limit: int = 50) -> list[GridMembership]:
    """Who has left, the last one first."""
    return list(
        session.scalars(
            select(GridMembership)
            .where(GridMembership.grid_id == grid.id, GridMembership.until < day)
            .options(joinedload(GridMembership.person))
            .order_by(GridMembership.until.desc(), GridMembership.id)
            .limit(limit)
        ).unique()
    )


def coming(session: Session, grid: Agency, day: date) -> list[GridMembership]:
    """Who is named but has not begun."""
    return list(
        session.scalars(
            select(GridMembership)
            .where(GridMembership.grid_id == grid.id, GridMembership.since > day)
            .options(joinedload(GridMembership.person))
            .order_by(GridMembership.since, GridMembership.id)
        ).unique()
    )


def story(session: Session, grid: Agency, limit: int = 40) -> list[JournalEntry]:
    """Who came and went, newest first."""
    return list(
        session.scalars(
            select(JournalEntry)
            .where(JournalEntry.stream == f"grid:{grid.id}")
            .options(joinedload(JournalEntry.person))
            .order_by(JournalEntry.seq.desc())
            .limit(limit)
        )
    )


def add(
    session: Session,
    actor: Actor,
    grid_id: str,
    *,
    username: str,
    capacities: Iterable[str],
    since: date | None = None,
    until: date | None = None,
    reason: str = "",
) -> list[GridMembership]:
    """Somebody joins a grid in one or more capacities; what the capacity allows holds at the next click."""
    grid = grid_rights.grid(session, grid_id)
    grid_rights.require_keeper(actor, grid)
    chosen = [c for c in CAPACITIES if c in set(capacities)]
    if not chosen:
        raise InvalidInput("请选这位同事在网格里的身份，可以选几项。", {"capacities": "请至少选一项"})
    why = role_grants.reason_text(reason, "加入网格")
    person = role_grants.colleague(session, username)
    if person.id == actor.person_id:
        raise Forbidden("不能把自己加进网格，请由社区负责人、站里同事或系统管理员办理。")
    today = grid_rights.today()
    since = since or today
    if since < today:
        raise InvalidInput(f"开始日期不能早于今天（{say(today)}）：权限不能倒签。", {"since": "不能早于今天"})
    if until is not None and until < since:
        raise InvalidInput(f"结束日期{say(until)}早于开始日期{say(since)}，请对调或重填。", {"until": "早于开始日期"})
    if not grid.exists_on(since):
        raise InvalidInput(f"{grid.name}在{say(since)}不在有效期，不能加人。", {"since": "网格不在有效期"})
    return [_join(session, actor, grid, person, capacity, since, until, why) for capacity in chosen]


def _join(
    session: Session,
    actor: Actor,
    grid: Agency,
    person: Person,
    capacity: str,
    since: date,
    until: date | None,
    why: str,
) -> GridMembership:
    name = jurisdiction.role_names()[capacity][0]
    member = session.scalar(
        select(GridMembership).where(
            GridMembership.grid_id == grid.id,
            GridMembership.person_id == person.id,
            GridMembership.capacity == capacity,
        )
    )
    if member is not None and (member.until is None or member.until >= since):
        raise InvalidInput(
            f"{person.name}已经是{grid.name}的{name}（{member.since or '起初'} 至 {member.until or '长期'}）。请先结束原来的。",
            {"capacities": "已有这个身份"},
        )
    if capacity == LEADER:
        _may_lead(session, grid, person, since, until)
    if member is None:
        member = GridMembership(grid_id=grid.id, person_id=person.id, capacity=capacity)
        session.add(member)
    member.since, member.until = since, until
    held = session.scalar(
        select(Grant.id).where(
            Grant.person_id == person.id,
            Grant.role == capacity,
            Grant.place_id == grid.id,
            Grant.principal_id.is_(None),
            or_(Grant.until.is_(None), Grant.until >= since),
        )
    )
    if held is None:
        session.add(
            Grant(
                person_id=person.id,
                role=capacity,
                place_id=grid.id,
                place_path=grid.path,
                cause="post",
                since=since,
                until=until,
            )
        )
    accounts.raise_epoch(person)
    period = {"since": since.isoformat(), "until": until.isoformat() if until else None}
    role_grants.record(
        session, "access:grant", actor, person, {"role": capacity, "place": grid.id, "cause": "post", **period}, why
    )
    _record(session, "grid:join", actor, grid, {"person": person.id, "capacity": capacity, **period}, why)
    session.flush()
    return member


def _may_lead(session: Session, grid: Agency, person: Person, since: date, until: date | None) -> None:
    """网格长是社区干部，每格两人: of the grid's own community, and never a third one at the same time."""
    community = case_routing.above(grid, "community", "village")
    if community is not None and (person.unit is None or not person.unit.path.startswith(community.path)):
        unit = person.unit.name if person.unit else "外单位"
        raise InvalidInput(
            f"网格长由本社区干部担任，{person.name}在{unit}。请选{community.name}的同事，或请系统管理员先调动单位。",
            {"username": "不是本社区干部"},
        )
    # Two clerks naming a leader at once: the second waits here and then sees the first one's row.
    session.execute(select(Agency.id).where(Agency.id == grid.id).with_for_update())
    others = session.scalars(
        select(Person.name)
        .join(GridMembership, GridMembership.person_id == Person.id)
        .where(
            GridMembership.grid_id == grid.id,
            GridMembership.capacity == LEADER,
            GridMembership.person_id != person.id,
            Person.active,
            or_(GridMembership.until.is_(None), GridMembership.until >= since),
            *([or_(GridMembership.since.is_(None), GridMembership.since <= until)] if until else []),
        )
    ).all()
    if len(others) >= LEADERS_PER_GRID:
        raise InvalidInput(
            f"{grid.name}这段时间已有 {len(others)} 位网格长（{'、'.join(others)}），应为 {LEADERS_PER_GRID} 位。请先结束其中一位。",
            {"capacities": f"网格长已满 {LEADERS_PER_GRID} 位"},
        )


def end(
    session: Session, actor: Actor, membership_id: int, *, last_day: date | None = None, reason: str = ""
) -> GridMembership:
    """Somebody leaves a grid in one capacity, at once or after a day; the rights of it go with it."""
    member = session.get(GridMembership, membership_id)
    if member is None:
        raise NotFound()
    grid, person = member.grid, member.person
    grid_rights.require_keeper(actor, grid)
    why = role_grants.reason_text(reason, "退出网格")
    today = grid_rights.today()
    if member.until is not None and member.until < today:
        raise InvalidInput(f"{person.name}的这个身份已于{say(member.until)}结束。", {"last_day": "已结束"})
    if person.id == actor.person_id:
        raise Forbidden("不能结束自己在网格里的身份，请由社区负责人、站里同事或系统管理员办理。")
    if last_day is not None and last_day < today:
        raise InvalidInput(
            f"最后一天不能早于今天（{say(today)}）；要马上结束请不填日期。", {"last_day": "不能早于今天"}
        )
    if last_day is not None and member.until is not None and last_day > member.until:
        raise InvalidInput(f"本来只到{say(member.until)}，不能用“结束”来延长。", {"last_day": "晚于原来的期限"})
    if last_day is not None and member.since is not None and last_day < member.since:
        raise InvalidInput(f"最后一天不能早于开始的{say(member.since)}。", {"last_day": "早于开始"})
    last = last_day or today - timedelta(days=1)
    member.until = last
    if member.since is not None and member.since > last:
        # No day is left; a period that ends before it begins would read like a mistake.
        member.since = last
    grants = session.scalars(
        select(Grant).where(
            Grant.role == member.capacity,
            Grant.place_id == grid.id,
            or_(
                (Grant.person_id == person.id) & (Grant.cause == "post"),
                Grant.principal_id == person.id,
            ),
        )
    ).all()
    for grant in grants:
        role_grants.cut(session, grant, last)
    accounts.raise_epoch(person)
    told = {"role": member.capacity, "place": grid.id, "until": last.isoformat()}
    role_grants.record(session, "access:end", actor, person, told, why)
    _record(
        session,
        "grid:leave",
        actor,
        grid,
        {"person": person.id, "capacity": member.capacity, "until": last.isoformat()},
        why,
    )
    return member


def candidates(session: Session, grid: Agency, limit: int = 200) -> list[Person]:
    """Colleagues of the community and the street who may be named, for the list of suggestions."""
    above = case_routing.above(grid, "street", "town") or grid
    community = case_routing.above(grid, "community", "village") or grid
    found = session.scalars(
        select(Person)
        .join(Agency, Agency.id == Person.unit_id)
        .where(Person.active, Person.resident_id.is_(None), Agency.path.startswith(above.path, autoescape=True))
        .options(joinedload(Person.unit))
        .order_by(Person.id)
        .limit(limit)
    ).unique()
    return sorted(found, key=lambda p: (p.unit is None or not p.unit.path.startswith(community.path), p.id))


# --- who gets it ------------------------------------------------------------------------------------------------------
def for_duty(session: Session, grid_id: str, duty: str, day: date) -> Person | None:
    """The member whose capacity fits the duty; of several, whoever has the fewest open events of this grid."""
    capacity = BY_DUTY.get(duty)
    if capacity is None:
        return None
    people = session.scalars(
        select(Person)
        .join(GridMembership, GridMembership.person_id == Person.id)
        .where(GridMembership.grid_id == grid_id, GridMembership.capacity == capacity, Person.active, *in_force(day))
        .order_by(Person.id)
    ).all()
    if not people:
        return None
    busy: dict[int | None, int] = {
        row[0]: row[1]
        for row in session.execute(
            select(Content.assignee_id, func.count())
            .where(
                Content.type == "grid_event",
                Content.place_id == grid_id,
                Content.closed_at.is_(None),
                Content.assignee_id.in_([p.id for p in people]),
            )
            .group_by(Content.assignee_id)
        )
    }
    return min(people, key=lambda p: (busy.get(p.id, 0), p.id))


@registry.effect("route_by_capacity")
def route_by_capacity(step: Step) -> None:
    """A verified event goes to the member whose capacity fits; without one it stays with whoever verified it."""
    content = step.content
    person = for_duty(
        step.session, content.place_id, str((content.fields or {}).get("duty") or ""), grid_rights.today()
    )
    # Without a member of that capacity the leader who verified it has it.
    own = step.on_behalf_of.id if step.on_behalf_of else step.actor.person_id
    content.assignee_id = person.id if person is not None else own
    step.session.flush()
    step.session.expire(content, ["assignee"])
    if person is None:
        return
    step.details["to_person"] = person.id
    if person.id != step.actor.person_id:
        notices.notify(
            step.session,
            content,
            to=person,
            kind="grid:routed",
            text=N_("按您在网格里的身份，有一件网格事件分给您处置"),
            actor=step.actor,
        )


def tell(session: Session, actor: Actor, grid_id: str, *, capacity: str, words: str) -> int:
    """A notice to everybody who holds a capacity in this grid; answers how many were told."""
    grid = grid_rights.grid(session, grid_id)
    if not (grid_rights.keeps(actor, grid) or actor.holds(LEADER, grid.path)):
        raise Forbidden(f"给{grid.name}成员发通知，由网格长或社区办理。")
    if capacity not in CAPACITIES:
        raise InvalidInput("请选通知哪一种身份的成员。", {"capacity": "请选一项"})
    said = grid_rights.text(words, 200, "words", ask="请写通知的内容")
    people = session.scalars(
        select(Person)
        .join(GridMembership, GridMembership.person_id == Person.id)
        .where(
            GridMembership.grid_id == grid.id,
            GridMembership.capacity == capacity,
            Person.active,
            *in_force(grid_rights.today()),
        )
    ).all()
    if not people:
        name = jurisdiction.role_names()[capacity][0]
        raise InvalidInput(f"{grid.name}现在没有{name}，通知没有人收。请先加入成员。", {"capacity": "没有这样的成员"})
    for person in people:
        notices.notify(session, None, to=person, kind="grid:notice", text=said, actor=actor)
    _record(session, "grid:notice", actor, grid, {"capacity": capacity, "told": len(people)}, "")
    return len(people)


def _record(session: Session, action: str, actor: Actor, grid: Agency, details: dict[str, Any], why: str) -> None:
    journal.record(session, action, actor, stream=f"grid:{grid.id}", details=details, comment=why)
