"""联动工作站: two police and three members sit there, departments come when called; events are settled together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue import loader as catalogue
from models.agency import Agency
from models.content import Content
from models.ledger import JournalEntry
from models.person import Grant, Person
from models.station import ON_CALL, PERMANENT, JointStation, StationMember
from models.task import OPEN, SIGNER, Task
from process import access, journal, office, registry
from process.access import Actor
from process.calendar_days import say
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import accounts, grid_rights, jurisdiction, notices, role_grants

# 两警三员: who sits there.
POLICE = ("community_police", "traffic_police")
OTHERS = ("urban_officer", "mediator", "grid_worker")
PERMANENT_ROLES = (*POLICE, *OTHERS)
PLACES = ("street", "town", "community", "village", "district")
EVENT = "grid_event"


def departments() -> list[str]:
    """The departments on call that the source names."""
    return list(catalogue.lists()["joint_station_members"]["on_call"])


# --- the register -----------------------------------------------------------------------------------------------------
def listed(session: Session, actor: Actor) -> list[JointStation]:
    """Every station of the installation, by place; they are no secret among colleagues."""
    if not grid_rights.works_in_office(actor):
        raise NotFound()
    return list(
        session.scalars(
            select(JointStation)
            .where(JointStation.ended_on.is_(None))
            .options(
                joinedload(JointStation.place), selectinload(JointStation.members).joinedload(StationMember.person)
            )
            .order_by(JointStation.place_path, JointStation.id)
        )
    )


def load(session: Session, actor: Actor, station_id: int) -> JointStation:
    found = session.get(JointStation, station_id)
    if found is None or not grid_rights.works_in_office(actor):
        raise NotFound()
    return found


def serving(session: Session, path: str) -> JointStation | None:
    """The nearest station above a place."""
    above = [path[: i + 1] for i, char in enumerate(path) if char == "/" and i]
    return session.scalar(
        select(JointStation)
        .where(JointStation.place_path.in_(above), JointStation.ended_on.is_(None))
        .order_by(func.length(JointStation.place_path).desc(), JointStation.id)
        .limit(1)
    )


def members(session: Session, station: JointStation, day: date) -> list[StationMember]:
    """Who belongs to it on a day, the permanent ones first."""
    return list(
        session.scalars(
            select(StationMember)
            .join(Person, Person.id == StationMember.person_id)
            .where(
                StationMember.station_id == station.id,
                StationMember.since <= day,
                or_(StationMember.until.is_(None), StationMember.until >= day),
                Person.active,
            )
            .options(joinedload(StationMember.person).joinedload(Person.unit))
            .order_by(StationMember.kind.desc(), StationMember.id)
        ).unique()
    )


def lacking(found: Sequence[StationMember]) -> list[str]:
    """Which of the five permanent members are not there."""
    there = {member.role for member in found if member.kind == PERMANENT}
    return [role for role in PERMANENT_ROLES if role not in there]


def open_station(session: Session, actor: Actor, given: Mapping[str, Any]) -> JointStation:
    """A station for a street or a community; by administrators and heads."""
    place = session.get(Agency, str(given.get("place") or ""))
    if place is None or place.kind not in PLACES:
        raise InvalidInput("请选联动工作站服务的街道或社区。", {"place": "请选街道或社区"})
    if not jurisdiction.of(actor).covers(place.path):
        raise Forbidden(f"{place.name}的联动工作站由单位负责人或系统管理员设立。")
    name = grid_rights.text(given.get("name"), 80, "name", ask="请写工作站的名称")
    address = grid_rights.text(given.get("address"), 160, "address")
    phone = grid_rights.text(given.get("phone"), 40, "phone")
    same = select(JointStation.id).where(JointStation.place_id == place.id, JointStation.name == name)
    if session.scalar(same.where(JointStation.ended_on.is_(None))) is not None:
        raise InvalidInput(f"{place.name}已有“{name}”。", {"name": "已有同名的工作站"})
    station = JointStation(
        district=place.district, name=name, place_id=place.id, place_path=place.path, address=address, phone=phone
    )
    session.add(station)
    session.flush()
    _record(session, "station:open", actor, station, {"place": place.id})
    return station


def may_keep(actor: Actor, station: JointStation) -> bool:
    return jurisdiction.of(actor).covers(station.place_path)


def join(session: Session, actor: Actor, station: JointStation, given: Mapping[str, Any]) -> StationMember:
    """常驻 sits there with the rights of the role; 按需入驻 is a department with somebody to call, without any right until called."""
    _require_keeper(actor, station)
    if station.ended_on is not None:
        raise InvalidInput(f"{station.name}已撤销，不能再加人。")
    kind = str(given.get("kind") or "")
    role, department = str(given.get("role") or ""), ""
    if kind == PERMANENT:
        if role not in PERMANENT_ROLES:
            raise InvalidInput("请选常驻人员是两警三员中的哪一种。", {"role": "请选一项"})
    elif kind == ON_CALL:
        role = ""
        department = grid_rights.text(given.get("department"), 40, "department", ask="请写按需入驻的部门")
    else:
        raise InvalidInput("请选常驻还是按需入驻。", {"kind": "请选一项"})
    why = role_grants.reason_text(str(given.get("reason") or ""), "加入联动工作站")
    person = role_grants.colleague(session, str(given.get("username") or ""))
    if person.id == actor.person_id:
        raise Forbidden("不能把自己加进联动工作站，请由上级负责人或另一位系统管理员办理。")
    today = grid_rights.today()
    since = grid_rights.day(given.get("since"), "since") or today
    until = grid_rights.day(given.get("until"), "until")
    if since < today:
        raise InvalidInput(f"开始日期不能早于今天（{say(today)}）：权限不能倒签。", {"since": "不能早于今天"})
    if until is not None and until < since:
        raise InvalidInput(f"结束日期{say(until)}早于开始日期{say(since)}，请对调或重填。", {"until": "早于开始日期"})
    same = session.scalar(
        select(StationMember.id).where(
            StationMember.station_id == station.id,
            StationMember.person_id == person.id,
            StationMember.role == role,
            StationMember.department == department,
            or_(StationMember.until.is_(None), StationMember.until >= since),
        )
    )
    if same is not None:
        raise InvalidInput(f"{person.name}已经在{station.name}，请先结束原来的。", {"username": "已经在站里"})
    member = StationMember(
        station_id=station.id,
        kind=kind,
        role=role,
        department=department,
        person_id=person.id,
        since=since,
        until=until,
    )
    if kind == PERMANENT:
        grant = Grant(
            person_id=person.id,
            role=role,
            place_id=station.place_id,
            place_path=station.place_path,
            cause="post",
            cause_ref=f"station:{station.id}",
            since=since,
            until=until,
        )
        session.add(grant)
        session.flush()
        member.grant_id = grant.id
        accounts.raise_epoch(person)
        told = {"role": role, "place": station.place_id, "cause": "post", "since": since.isoformat()}
        role_grants.record(session, "access:grant", actor, person, told, why)
    session.add(member)
    session.flush()
    session.expire(station, ["members"])
    details = {"person": person.id, "kind": kind, "role": role, "department": department}
    _record(session, "station:join", actor, station, details, why)
    return member


def leave(session: Session, actor: Actor, station: JointStation, member_id: int, reason: str) -> StationMember:
    """Ends a membership today, and exactly the post that it gave."""
    _require_keeper(actor, station)
    member = session.get(StationMember, member_id)
    if member is None or member.station_id != station.id:
        raise NotFound()
    why = role_grants.reason_text(reason, "离开联动工作站")
    today = grid_rights.today()
    if member.until is not None and member.until < today:
        raise InvalidInput(f"{member.person.name}已于{say(member.until)}离开。")
    last = today - timedelta(days=1)
    if member.grant is not None:
        lent = session.scalars(
            select(Grant).where(
                Grant.principal_id == member.person_id,
                Grant.role == member.role,
                Grant.place_id == station.place_id,
            )
        ).all()
        for grant in (member.grant, *lent):
            role_grants.cut(session, grant, last)
        told = {"role": member.role, "place": station.place_id, "until": last.isoformat()}
        role_grants.record(session, "access:end", actor, member.person, told, why)
    member.until = last
    # No day is left of one that began today; a period that ends before it begins would read like a mistake.
    member.since = min(member.since, last)
    member.grant_id = None
    session.flush()
    session.expire(station, ["members"])
    _record(session, "station:leave", actor, station, {"person": member.person_id, "kind": member.kind}, why)
    return member


def _require_keeper(actor: Actor, station: JointStation) -> None:
    if not may_keep(actor, station):
        raise Forbidden(f"{station.name}的成员由单位负责人或系统管理员管理。")


# --- an event at the station ------------------------------------------------------------------------------------------
@registry.effect("to_joint_station")
def to_joint_station(step: Step) -> None:
    """Reported upwards: it lies with the place of the nearest station, and its permanent members hear of it."""
    content = step.content
    station = serving(step.session, content.place_path)
    if station is None:
        # Without a station the street has it, as before there were any.
        return
    content.unit_id, content.assignee_id = station.place_id, None
    step.session.flush()
    step.session.expire(content, ["unit", "assignee"])
    step.details["station"] = station.id
    for member in members(step.session, station, grid_rights.today()):
        if member.kind == PERMANENT and member.person_id != step.actor.person_id:
            notices.notify(
                step.session,
                content,
                to=member.person,
                kind="grid:escalated",
                text=N_("有一件网格事件上报到联动工作站，请到场处置"),
                actor=step.actor,
            )


@registry.requirement("joint_finding")
def joint_finding(step: Step) -> None:
    """What was handled together is found together: without a joint finding it is not resolved from there."""
    if step.from_state != "joint":
        return
    known = (step.content.fields or {}).get("finding")
    if not (step.inputs.get("finding") or known):
        raise RequirementUnmet(
            "联动处置的事件要先写联合认定：哪些力量到场、事实是什么、由谁办。", {"finding": "请写联合认定"}
        )


def callable_members(session: Session, content: Content) -> list[StationMember]:
    """The departments that may be called for this event."""
    station = serving(session, content.place_path)
    if station is None:
        return []
    return [m for m in members(session, station, grid_rights.today()) if m.kind == ON_CALL]


def called(session: Session, content: Content) -> list[Task]:
    """Who was called and what they said."""
    return list(
        session.scalars(
            select(Task)
            .where(Task.content_id == content.id, Task.kind == SIGNER)
            .options(joinedload(Task.person))
            .order_by(Task.id)
        )
    )


def call(session: Session, actor: Actor, content: Content, member_id: int, why: str) -> StationMember:
    """按需入驻: asks a department to come. It sees this event until it has spoken, and the event is not settled before."""
    if content.type != EVENT or not access.may(actor, access.VIEW, content, session):
        raise NotFound()
    if content.state != "joint":
        raise NotAvailable("只有联动工作站正在处置的事件才能请部门到场。请先办“进入联动工作站”。")
    member = next((m for m in callable_members(session, content) if m.id == member_id), None)
    if member is None:
        raise InvalidInput("这个部门不在为本网格服务的联动工作站里，请重新选择。", {"member": "请重新选择"})
    said = grid_rights.text(why, 300, "why", ask="请写明请该部门来看什么、办什么")
    waiting = session.scalar(
        select(Task.id).where(
            Task.content_id == content.id,
            Task.kind == SIGNER,
            Task.state == OPEN,
            Task.person_id == member.person_id,
        )
    )
    if waiting is not None:
        raise InvalidInput(f"已经请了{member.department}，还在等回话。可以催办。", {"member": "已经请过"})
    office.do(
        content, "add_signer", actor, {"person": member.person.username, "comment": f"{member.department}：{said}"}
    )
    return member


# --- how much of it is done together -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Share:
    """Events of a period: how many, how many of them jointly, how many of those resolved."""

    since: date
    until: date
    events: int
    joint: int
    resolved: int
    joint_resolved: int


def share(session: Session, actor: Actor, since: date, until: date) -> Share:
    """Counted from what happened to the events begun in the period, as far as this actor may see them."""
    begin = datetime.combine(since, time.min, CHINA)
    finish = datetime.combine(until + timedelta(days=1), time.min, CHINA)
    events = access.visible(
        select(Content.id).where(Content.type == EVENT, Content.created_at >= begin, Content.created_at < finish), actor
    )
    joint = select(JournalEntry.content_id).where(
        JournalEntry.to_state == "joint", JournalEntry.content_id.in_(events.scalar_subquery())
    )
    resolved = select(JournalEntry.content_id).where(
        JournalEntry.to_state == "resolved", JournalEntry.content_id.in_(events.scalar_subquery())
    )

    def count(statement: Any) -> int:
        return session.scalar(select(func.count()).select_from(statement.distinct().subquery())) or 0

    both = joint.where(JournalEntry.content_id.in_(resolved.scalar_subquery()))
    return Share(since, until, count(events), count(joint), count(resolved), count(both))


def joint_events(session: Session, actor: Actor, since: date, until: date, limit: int = 100) -> list[Content]:
    """The events behind the number, newest first."""
    begin = datetime.combine(since, time.min, CHINA)
    finish = datetime.combine(until + timedelta(days=1), time.min, CHINA)
    went = select(JournalEntry.content_id).where(JournalEntry.to_state == "joint")
    statement = select(Content).where(
        Content.type == EVENT, Content.created_at >= begin, Content.created_at < finish, Content.id.in_(went)
    )
    statement = access.visible(statement, actor).options(
        joinedload(Content.place), joinedload(Content.unit), joinedload(Content.assignee)
    )
    return list(session.scalars(statement.order_by(Content.id.desc()).limit(limit)).unique())


def _record(
    session: Session, action: str, actor: Actor, station: JointStation, details: dict[str, Any], why: str = ""
) -> None:
    journal.record(session, action, actor, stream=f"station:{station.id}", details=details, comment=why)
