"""Who holds which role where: giving and ending it, by administrators and by heads for their own unit and below."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.ledger import JournalEntry
from models.person import CourierProfile, Grant, GridMembership, Person
from process import access, journal, relations
from process.access import Actor
from process.calendar_days import say
from process.clock import local_day
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotFound
from process.relations import HEAD, LEADER
from services import accounts, accounts_admin, jurisdiction

# A post may last; what is lent for an occasion ends by a date.
LENT = ("delegation", "sharing")
LONGEST_LOAN = 366
# Holding one of these at a grid is being a member of it (一格多员).
MEMBERS = (LEADER, "grid_worker", "grid_service_worker", "grid_publicist")
PAGE = 60


def give(
    session: Session,
    actor: Actor,
    *,
    username: str,
    role: str,
    place: str,
    cause: str = "post",
    since: date | None = None,
    until: date | None = None,
    reason: str = "",
) -> Grant:
    """A role at a place for a cause and a period; in force at the person's next click."""
    why = reason_text(reason, "授予")
    if not jurisdiction.of(actor):
        raise Forbidden("您没有授予岗位的权限。岗位由单位负责人或系统管理员授予。")
    person = colleague(session, username)
    if cause not in ("post", *LENT):
        raise InvalidInput("缘由请在“任职、委派、共享”中选一项；代班请在代班页办理。", {"cause": "请选一项"})
    post = _post(session, person, role, place)
    if person.id == actor.person_id:
        raise Forbidden("不能给自己授予岗位，请由上级负责人或另一位系统管理员办理。")
    refusal = jurisdiction.why_not(actor, role, post.place)
    if refusal:
        raise Forbidden(refusal)
    if cause == "post" and not jurisdiction.of(actor).administers(post.place.path) and not _of_the_house(actor, person):
        raise Forbidden(
            f"{person.name}是{person.unit.name if person.unit else '外单位'}的，不归您任职；临时请其帮忙请选“委派”或“共享”，并写明到哪一天。"
        )
    today = local_day(now())
    since = since or today
    _check_period(since, until, today, cause)
    _check_overlap(session, person, post, since, until)
    grant = Grant(
        person_id=person.id,
        role=role,
        place_id=post.place.id,
        place_path=post.place.path,
        cause=cause,
        since=since,
        until=until,
    )
    session.add(grant)
    if role in MEMBERS and cause == "post" and post.place.kind == "grid":
        _join(session, person, role, post.place, since, until)
    accounts.raise_epoch(person)
    record(session, "access:grant", actor, person, _told(grant), why)
    session.flush()
    return grant


def end(session: Session, actor: Actor, grant_id: int, *, last_day: date | None = None, reason: str = "") -> Grant:
    """Ends a role at once, or after `last_day`; what substitutes hold in its name ends with it."""
    why = reason_text(reason, "结束")
    grant = within_reach(session, actor, grant_id)
    today = local_day(now())
    if grant.until is not None and grant.until < today:
        raise InvalidInput(f"这一项已于{say(grant.until)}结束。")
    if grant.cause == "substitution":
        raise InvalidInput("这是代班得到的岗位，请到“代班”里结束这次代班。")
    if grant.person_id == actor.person_id:
        raise Forbidden("不能结束自己的岗位，请由上级负责人或另一位系统管理员办理。")
    if grant.role not in jurisdiction.role_names():
        raise Forbidden("这不是岗位，不能在这里结束。")
    refusal = jurisdiction.why_not(actor, grant.role, grant.place)
    if refusal:
        raise Forbidden(refusal)
    last = last_day or today - timedelta(days=1)
    if last_day is not None and last_day < today:
        raise InvalidInput(
            f"最后一天不能早于今天（{say(today)}）；要马上结束请不填日期。", {"last_day": "不能早于今天"}
        )
    if last_day is not None and grant.since is not None and last_day < grant.since:
        raise InvalidInput(f"最后一天不能早于开始的{say(grant.since)}。", {"last_day": "早于开始"})
    if last_day is not None and grant.until is not None and last_day > grant.until:
        raise InvalidInput(f"这一项本来只到{say(grant.until)}，不能用“结束”来延长。", {"last_day": "晚于原来的期限"})
    person = grant.person
    lent = session.scalars(
        select(Grant).where(
            Grant.principal_id == grant.person_id, Grant.role == grant.role, Grant.place_id == grant.place_id
        )
    ).all()
    if grant.role in MEMBERS and grant.cause == "post":
        for member in session.scalars(
            select(GridMembership).where(
                GridMembership.grid_id == grant.place_id,
                GridMembership.person_id == grant.person_id,
                GridMembership.capacity == grant.role,
            )
        ):
            member.until = last
    told = _told(grant) | {"until": last.isoformat()}
    for one in [grant, *lent]:
        cut(session, one, last)
    accounts.raise_epoch(person)
    record(session, "access:end", actor, person, told, why)
    if grant.role == "red_courier":
        _free_errands(session, actor, person, last, today)
    return grant


def _free_errands(session: Session, actor: Actor, person: Person, last: date, today: date) -> None:
    """A courier who leaves keeps no errand: at once, or when the last day is over."""
    from services import errand_life

    if last < today:
        errand_life.free_those_of_leavers(session, [person], "跑腿工岗位已结束", actor)
    else:
        errand_life.look_again(session, person, last)


def cut(session: Session, grant: Grant, last: date) -> None:
    """`last` becomes the last day; a grant that would have no day left goes, its story is in the journal."""
    holder = session.get(Person, grant.person_id)
    if holder is not None:
        accounts.raise_epoch(holder)
    if grant.since is not None and grant.since > last:
        session.delete(grant)
    elif grant.until is None or grant.until > last:
        grant.until = last
    session.flush()


def within_reach(session: Session, actor: Actor, grant_id: int) -> Grant:
    grant = session.get(Grant, grant_id)
    if grant is None or not jurisdiction.of(actor).covers(grant.place_path):
        raise NotFound()
    return grant


def listed(
    session: Session,
    actor: Actor,
    *,
    query: str = "",
    role: str = "",
    cause: str = "",
    place: str = "",
    ended: bool = False,
    after: str = "",
) -> tuple[Sequence[Grant], str | None]:
    """A page of what is held where this actor may say so: in force and to come, or what has ended."""
    today = local_day(now())
    statement = (
        select(Grant)
        .join(Person, Person.id == Grant.person_id)
        .where(jurisdiction.of(actor).condition(Grant.place_path))
        .options(joinedload(Grant.person), joinedload(Grant.place))
    )
    statement = statement.where(
        Grant.until < today if ended else or_(Grant.until.is_(None), Grant.until >= today),
        Grant.role.in_(sorted(jurisdiction.role_names())),
    )
    if query := " ".join(query.split())[:60]:
        statement = statement.where(
            or_(Person.name.icontains(query, autoescape=True), Person.username.icontains(query, autoescape=True))
        )
    if role:
        statement = statement.where(Grant.role == role)
    if cause:
        statement = statement.where(Grant.cause == cause)
    if place:
        at = session.get(Agency, place)
        if at is None:
            raise InvalidInput("没有这个单位，请重新选择。", {"place": "没有这个单位"})
        statement = statement.where(access.within(Grant.place_path, at.path))
    path, _, number = after.rpartition(":")
    if path and number.isdecimal() and len(number) < 19:
        statement = statement.where(tuple_(Grant.place_path, Grant.id) > (path, int(number)))
    rows = session.scalars(statement.order_by(Grant.place_path, Grant.id).limit(PAGE + 1)).unique().all()
    if len(rows) <= PAGE:
        return rows, None
    return rows[:PAGE], f"{rows[PAGE - 1].place_path}:{rows[PAGE - 1].id}"


def places(session: Session, actor: Actor) -> list[Agency]:
    """The units for which this actor may give roles, from the top down."""
    today = local_day(now())
    rows = session.scalars(select(Agency).where(jurisdiction.of(actor).condition(Agency.path)).order_by(Agency.path))
    return [agency for agency in rows if agency.exists_on(today)]


def heads(session: Session, agency: Agency) -> list[Person]:
    """Who answers for the unit today: its own heads, or those of the nearest unit above that has any."""
    found = relations.heads_of(session, agency)
    return list(session.scalars(select(Person).where(Person.id.in_(found), Person.active).order_by(Person.id)).unique())


def story(session: Session, person: Person, *, limit: int = 60) -> list[JournalEntry]:
    """What was given to and taken from somebody, newest first."""
    return list(
        session.scalars(
            select(JournalEntry)
            .where(
                JournalEntry.stream == f"person:{person.id}",
                or_(
                    JournalEntry.action.startswith("access:"),
                    JournalEntry.action.in_(("account:add", "account:grant", "account:revoke", "account:disable")),
                ),
            )
            .options(joinedload(JournalEntry.person))
            .order_by(JournalEntry.seq.desc())
            .limit(limit)
        )
    )


def colleague(session: Session, username: str, field: str = "username") -> Person:
    """A member of staff by user name; a resident's account holds no posts."""
    person = session.scalar(select(Person).where(Person.username == username.strip()).options(joinedload(Person.unit)))
    if person is None or person.unit is None or person.resident_id is not None:
        raise InvalidInput(f"没有找到同事“{username.strip()[:60]}”，请核对用户名。", {field: "没有这位同事"})
    if not person.active:
        raise InvalidInput(f"{person.name}的账号已停用，请先由系统管理员恢复。", {field: "账号已停用"})
    return person


def reason_text(reason: str, verb: str) -> str:
    try:
        text = clean_text(reason, 200)
    except ValueError as problem:
        raise InvalidInput(f"原因{problem}。", {"reason": str(problem)}) from problem
    if not text:
        raise InvalidInput(f"请写明{verb}的原因，例如调令、文号或请假单。", {"reason": "请写明原因"})
    return text


def record(
    session: Session, action: str, actor: Actor | None, person: Person, details: dict[str, Any], why: str
) -> None:
    journal.record(session, action, actor, stream=f"person:{person.id}", details=details, comment=why)


def _of_the_house(actor: Actor, person: Person) -> bool:
    return person.unit is not None and jurisdiction.of(actor).covers(person.unit.path)


def _told(grant: Grant) -> dict[str, Any]:
    return {
        "role": grant.role,
        "place": grant.place_id,
        "cause": grant.cause,
        "since": grant.since.isoformat() if grant.since else None,
        "until": grant.until.isoformat() if grant.until else None,
    }


def _post(session: Session, person: Person, role: str, place: str) -> accounts_admin.Post:
    if role == HEAD:
        return accounts_admin.Post(HEAD, accounts_admin.agency(session, place, "place"))
    profile = session.get(CourierProfile, person.id)
    if role == "red_courier" and profile is None:
        raise InvalidInput(
            f"{person.name}还没有跑腿工登记（出发的代办点和培训有效期），请系统管理员先登记再授予。", {"role": "缺登记"}
        )
    return accounts_admin.post(session, role, place, point=profile.point_id if profile else "")


def _check_period(since: date, until: date | None, today: date, cause: str) -> None:
    if since < today:
        raise InvalidInput(f"开始日期不能早于今天（{say(today)}）：权限不能倒签。", {"since": "不能早于今天"})
    if until is not None and until < since:
        raise InvalidInput(f"结束日期{say(until)}早于开始日期{say(since)}，请对调或重填。", {"until": "早于开始日期"})
    if cause in LENT:
        if until is None:
            raise InvalidInput("委派和共享要写明到哪一天为止。", {"until": "请填写结束日期"})
        if (until - since).days >= LONGEST_LOAN:
            raise InvalidInput("委派和共享最长一年；长期的请按任职授予。", {"until": "最长一年"})


def _check_overlap(
    session: Session, person: Person, post: accounts_admin.Post, since: date, until: date | None
) -> None:
    others = session.scalars(
        select(Grant).where(
            Grant.person_id == person.id,
            Grant.role == post.role,
            Grant.place_id == post.place.id,
            Grant.principal_id.is_(None),
            or_(Grant.until.is_(None), Grant.until >= since),
        )
    )
    for other in others:
        if until is None or other.since is None or other.since <= until:
            name = jurisdiction.role_names()[post.role][0]
            period = f"{other.since or '起初'} 至 {other.until or '长期'}"
            raise InvalidInput(
                f"{person.name}在{post.place.name}已有“{name}”（{period}），与所填期间重叠。请先结束原来的，或改期间。",
                {"since": "与已有的重叠"},
            )


def _join(session: Session, person: Person, capacity: str, grid: Agency, since: date, until: date | None) -> None:
    member = session.scalar(
        select(GridMembership).where(
            GridMembership.grid_id == grid.id,
            GridMembership.person_id == person.id,
            GridMembership.capacity == capacity,
        )
    )
    if member is None:
        session.add(GridMembership(grid_id=grid.id, person_id=person.id, capacity=capacity, since=since, until=until))
    else:
        member.since, member.until = since, until
