"""项目经理制: who has a project as handler, coordinator and liaison, hand-over with a reason, and the load of each person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.content import Content
from models.person import Grant, Person
from models.project import COORDINATOR, HANDLER, LIAISON, RUNNING, ProjectPerson, ProjectRow
from process import access, clock, engine, journal, tasks
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable
from process.words import N_
from services import notices, unit_settings
from services.projects import tables

CAPACITIES: Mapping[str, str] = {HANDLER: N_("经办"), COORDINATOR: N_("协调"), LIAISON: N_("联络")}
LIMIT = "project_limit"
DESCRIBED: Mapping[str, str] = {
    HANDLER: N_("跑手续、交材料，对进度负责"),
    COORDINATOR: N_("约部门、开会审，解决卡住的事项"),
    LIAISON: N_("业主有事先找的人"),
}


def current(session: Session, content: Content) -> dict[str, ProjectPerson]:
    """By capacity: who has it now."""
    return {one.capacity: one for one in tables.people(session, content) if one.until is None}


def appoint(
    session: Session, content: Content, person_id: int, actor: Actor, capacities: Sequence[str], reason: str = ""
) -> None:
    """These capacities are this person's from now on; whoever had them has had them."""
    at, found = now(), current(session, content)
    for capacity in capacities:
        if (old := found.get(capacity)) is not None:
            if old.person_id == person_id:
                continue
            old.until = at
    session.flush()
    for capacity in capacities:
        if (old := found.get(capacity)) is not None and old.person_id == person_id:
            continue
        session.add(
            ProjectPerson(
                district=content.district,
                content_id=content.id,
                capacity=capacity,
                person_id=person_id,
                since=at,
                reason=reason[:200],
                by_id=actor.person_id,
            )
        )
    session.flush()


# --- Hand-over


def may_hand_over(content: Content, actor: Actor) -> bool:
    """Whoever has it, or a manager above the town who spreads the load."""
    if content.closed_at is not None or content.assignee_id is None:
        return False
    return content.assignee_id in actor.persons or _spreads(content, actor)


def _spreads(content: Content, actor: Actor) -> bool:
    """A manager whose post is at a place above that of the project, or the head of its unit."""
    return any(
        held.role in ("project_manager", "head")
        and content.place_path.startswith(held.path)
        and (held.role == "head" or held.path != content.place_path)
        for held in actor.held
    )


def candidates(session: Session, content: Content) -> list[Person]:
    """Everybody who may carry a project of this place today."""
    return [load.person for load in loads(session, content.place, exact=True)]


def hand_over(session: Session, actor: Actor, content: Content, given: Mapping[str, Any]) -> Person:
    """Some or all capacities pass to a colleague, with the reason; the new handler hears of it."""
    tasks.lock(session, content)
    if content.closed_at is not None or content.assignee_id is None:
        raise NotAvailable("项目还没有人认领，或者已经办结，不用移交。")
    if not may_hand_over(content, actor):
        raise Forbidden("移交由现在的经办人或上级项目经理来办。")
    errors: dict[str, str] = {}
    getter = getattr(given, "getlist", None)
    chosen = getter("capacity") if getter is not None else given.get("capacity") or []
    capacities = [name for name in CAPACITIES if name in chosen]
    if not capacities or len(capacities) != len(set(chosen)):
        errors["capacity"] = "请勾选移交哪几个身份"
    known = {person.username: person for person in candidates(session, content)}
    to = known.get(str(given.get("person") or ""))
    if to is None:
        errors["person"] = "请选择能承办这个项目的项目经理或代办员"
    try:
        reason = clean_text(str(given.get("reason") or ""), 200)
    except ValueError as problem:
        reason, errors["reason"] = "", str(problem)
    if not reason and "reason" not in errors:
        errors["reason"] = "请写明为什么移交"
    if (
        to is not None
        and capacities
        and all(
            (one := current(session, content).get(name)) is not None and one.person_id == to.id for name in capacities
        )
    ):
        errors["person"] = f"{to.name}本来就是，不用移交"
    if errors or to is None:
        raise InvalidInput(f"还不能移交：{'；'.join(errors.values())}。", errors)
    appoint(session, content, to.id, actor, capacities, reason)
    if HANDLER in capacities:
        content.assignee_id = to.id
        for row in tables.rows(session, content):
            if row.state == RUNNING:
                row.person_id = to.id
        session.flush()
        session.expire(content, ["assignee"])
    engine.touch(content)
    journal.record(
        session,
        "project:hand_over",
        actor,
        content=content,
        comment=reason,
        details={"person": to.id, "capacities": capacities},
    )
    notices.notify(
        session, content, to=to, kind="project:hand_over", text=N_("有一个投资项目移交给您，请看项目页。"), actor=actor
    )
    return to


# --- Load


@dataclass
class Load:
    """What one person carries now."""

    person: Person
    role: str
    projects: int = 0
    rows: int = 0
    late: int = 0
    limit: int = 0
    numbers: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """At the limit or beyond: one more is warned of."""
        return self.projects >= self.limit


def loads(session: Session, place: Agency, *, exact: bool = False) -> list[Load]:
    """Managers and delegates below a place (and above it, where they may carry a project of it), the least loaded first."""
    today = clock.local_day(now())
    above = [place.path[: i + 1] for i, sign in enumerate(place.path) if sign == "/" and i]
    here = Grant.place_path.in_(above)
    grants = session.scalars(
        select(Grant)
        .join(Person, Person.id == Grant.person_id)
        .where(
            Grant.role.in_(tables.CARRIERS),
            here if exact else or_(here, access.within(Grant.place_path, place.path)),
            Grant.principal_id.is_(None),
            Person.active,
            or_(Grant.since.is_(None), Grant.since <= today),
            or_(Grant.until.is_(None), Grant.until >= today),
        )
        .options(joinedload(Grant.person).joinedload(Person.unit), joinedload(Grant.place))
        .order_by(Grant.person_id, Grant.id)
        .limit(tables.MOST)
    ).unique()
    found: dict[int, Load] = {}
    limits: dict[str, int] = {}
    for grant in grants:
        if grant.person_id in found:
            continue
        if grant.place_id not in limits:
            limits[grant.place_id] = unit_settings.number(session, grant.place, LIMIT)
        found[grant.person_id] = Load(grant.person, grant.role, limit=limits[grant.place_id])
    _count(session, found)
    return sorted(found.values(), key=lambda one: (one.projects, one.rows, one.person.id))


def _count(session: Session, found: dict[int, Load]) -> None:
    ids, today = list(found), clock.local_day(now())
    held: dict[int, set[str]] = defaultdict(set)
    for person_id, number in session.execute(
        select(ProjectPerson.person_id, Content.number)
        .join(Content, Content.id == ProjectPerson.content_id)
        .where(ProjectPerson.person_id.in_(ids), ProjectPerson.until.is_(None), Content.closed_at.is_(None))
    ):
        held[person_id].add(str(number))
    for person_id, numbers in held.items():
        found[person_id].projects, found[person_id].numbers = len(numbers), sorted(numbers)
    for carrier, count, late in session.execute(
        select(ProjectRow.person_id, func.count(), func.count().filter(ProjectRow.due_on < today))
        .join(Content, Content.id == ProjectRow.content_id)
        .where(ProjectRow.person_id.in_(ids), ProjectRow.state == RUNNING, Content.closed_at.is_(None))
        .group_by(ProjectRow.person_id)
    ):
        if carrier is not None:
            found[carrier].rows, found[carrier].late = count, late


def load_of(session: Session, content: Content, person_id: int) -> Load | None:
    """What this person carries, where they may carry this project."""
    return next((one for one in loads(session, content.place, exact=True) if one.person.id == person_id), None)
