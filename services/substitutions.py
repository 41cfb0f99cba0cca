"""代班: a colleague holds somebody's posts from one day to another. In force by date; history says who acted for whom.

One hop only: what somebody holds as a substitute is never theirs to hand on, so a chain A→B→C gives C the posts of B and
nothing of A."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.person import Grant, Person
from models.substitution import Substitution
from process import relations
from process.access import Actor
from process.calendar_days import say
from process.clock import local_day
from process.definition import SPECIAL_TOKENS
from process.refusals import Forbidden, InvalidInput, NotFound
from services import accounts, jurisdiction, role_grants

LONGEST = 366
CAUSE = "substitution"
KEPT = 200


def posts_of(session: Session, person: Person, since: date, until: date) -> list[Grant]:
    """Posts of somebody's own that hold on some day of the period; nothing held as a substitute."""
    rows = session.scalars(
        select(Grant)
        .where(
            Grant.person_id == person.id,
            Grant.principal_id.is_(None),
            or_(Grant.since.is_(None), Grant.since <= until),
            or_(Grant.until.is_(None), Grant.until >= since),
        )
        .options(joinedload(Grant.place))
        .order_by(Grant.place_path, Grant.role)
    )
    return [
        g for g in rows if g.role in jurisdiction.role_names() and g.role not in set(SPECIAL_TOKENS) - {relations.HEAD}
    ]


def may_name(session: Session, actor: Actor, principal: Person) -> bool:
    """Somebody names a substitute for themselves; their head and the administrator name one for them."""
    if actor.person_id is None or principal.unit is None:
        return False
    if actor.person_id == principal.id:
        return True
    reach = jurisdiction.of(actor)
    return reach.covers(principal.unit.path) or relations.is_head(session, _own(actor), principal.unit)


def name(
    session: Session,
    actor: Actor,
    principal: Person,
    substitute: Person,
    *,
    since: date | None = None,
    until: date | None,
    posts: Sequence[int] | None = None,
    reason: str = "",
) -> Substitution:
    """`substitute` holds the posts (all, or the grants named) from `since` to `until`, both included."""
    if not may_name(session, actor, principal):
        raise Forbidden(f"{principal.name}的代班由本人、单位负责人或系统管理员指定，不由您办理。")
    why = role_grants.reason_text(reason, "代班")
    today = local_day(now())
    since = since or today
    until = _check_period(since, until, today)
    _check_person(session, actor, principal, substitute)
    held = posts_of(session, principal, since, until)
    chosen = held if posts is None else [g for g in held if g.id in set(posts)]
    if posts is not None and len(chosen) != len(set(posts)):
        raise InvalidInput("所选岗位里有一项不是其本人在这段时间的岗位，请刷新后重选。", {"posts": "请重选"})
    if not chosen:
        raise InvalidInput(
            f"{principal.name}在{say(since)}至{say(until)}没有可以代班的岗位。", {"posts": "请至少选一个岗位"}
        )
    _check_admin_posts(actor, chosen)
    overlapping = _overlapping(session, since, until)
    _check_loop(overlapping, principal, substitute, since, until)
    _check_covered(overlapping, principal, chosen)
    made = Substitution(
        principal_id=principal.id,
        substitute_id=substitute.id,
        since=since,
        until=until,
        posts=[{"role": g.role, "place": g.place_id} for g in chosen],
        reason=why,
        named_by_id=actor.person_id,
    )
    session.add(made)
    session.flush()
    for post in chosen:
        session.add(
            Grant(
                person_id=substitute.id,
                role=post.role,
                place_id=post.place_id,
                place_path=post.place_path,
                cause=CAUSE,
                cause_ref=made.uid,
                principal_id=principal.id,
                since=max(since, post.since or since),
                until=min(until, post.until or until),
            )
        )
    accounts.raise_epoch(substitute)
    _record(session, "access:substitute", actor, made, why)
    session.flush()
    return made


def end(session: Session, actor: Actor, made: Substitution, *, last_day: date | None = None, reason: str = "") -> None:
    """Back at work early: ends at once, or after `last_day`."""
    if not may_end(session, actor, made):
        raise Forbidden("这次代班由当事人、单位负责人或系统管理员结束，不由您办理。")
    today = local_day(now())
    if made.ended_at is not None or made.until < today:
        raise InvalidInput("这次代班已经结束。")
    why = role_grants.reason_text(reason, "结束代班") if reason.strip() or made.named_by_id != actor.person_id else ""
    if last_day is not None and not max(today, made.since) <= last_day <= made.until:
        raise InvalidInput(
            f"最后一天应在{say(max(today, made.since))}至{say(made.until)}之间；要马上结束请不填日期。",
            {"last_day": "不在代班期间"},
        )
    last = last_day or today - timedelta(days=1)
    for grant in session.scalars(select(Grant).where(Grant.cause == CAUSE, Grant.cause_ref == made.uid)).all():
        role_grants.cut(session, grant, last)
    if last_day is None:
        made.ended_at, made.ended_by_id, made.end_reason = now(), actor.person_id, why
    else:
        made.until = last_day
    accounts.raise_epoch(made.substitute)
    _record(session, "access:substitute_end", actor, made, why)
    session.flush()


def may_end(session: Session, actor: Actor, made: Substitution) -> bool:
    return actor.person_id == made.substitute_id or may_name(session, actor, made.principal)


def find(session: Session, actor: Actor, uid: str) -> Substitution:
    made = session.scalar(select(Substitution).where(Substitution.uid == uid))
    if made is None or not may_end(session, actor, made):
        raise NotFound()
    return made


def of_person(session: Session, person_id: int) -> tuple[list[Substitution], list[Substitution]]:
    """Who stands in for somebody, and for whom they stand in; newest first, ended ones included."""
    rows = session.scalars(
        _loaded()
        .where(or_(Substitution.principal_id == person_id, Substitution.substitute_id == person_id))
        .limit(KEPT)
    ).all()
    return (
        [s for s in rows if s.principal_id == person_id],
        [s for s in rows if s.substitute_id == person_id],
    )


def listed(session: Session, actor: Actor) -> list[Substitution]:
    """Every substitution of the units this actor looks after: in force, to come, and lately ended."""
    recent = local_day(now()) - timedelta(days=90)
    return list(
        session.scalars(
            _loaded()
            .join(Person, Person.id == Substitution.principal_id)
            .join(Agency, Agency.id == Person.unit_id)
            .where(jurisdiction.of(actor).condition(Agency.path), Substitution.until >= recent)
            .limit(KEPT)
        )
    )


def candidates(session: Session, actor: Actor, principal: Person) -> list[Person]:
    """Colleagues who may be asked: of the unit, of its sisters and what lies below them, and of the units above."""
    if principal.unit is None:
        return []
    house = principal.unit.parent.path if principal.unit.parent else principal.unit.path
    rows = session.scalars(
        select(Person)
        .join(Agency, Agency.id == Person.unit_id)
        .where(
            Person.active,
            Person.resident_id.is_(None),
            Person.id != principal.id,
            or_(Agency.path.startswith(house, autoescape=True), Agency.path.in_(_above(principal.unit.path))),
        )
        .options(joinedload(Person.unit))
        .order_by(Agency.path, Person.id)
    )
    own = principal.unit_id
    return sorted(rows, key=lambda p: (p.unit_id != own, p.unit.path if p.unit else "", p.id))


def warning(session: Session, made: Substitution) -> str | None:
    """The substitute is away too: what is lent ends with them, and somebody should know before the day comes."""
    other = next(
        (s for s in _overlapping(session, made.since, made.until) if s.principal_id == made.substitute_id), None
    )
    if other is None:
        return None
    return (
        f"请注意：{say(other.since)}至{say(other.until)}{made.substitute.name}自己的岗位由{other.substitute.name}代，"
        f"但代{made.principal.name}的班不会转给{other.substitute.name}。那几天请另找人。"
    )


def _loaded():  # type: ignore[no-untyped-def]
    return (
        select(Substitution)
        .options(
            joinedload(Substitution.principal), joinedload(Substitution.substitute), joinedload(Substitution.named_by)
        )
        .order_by(Substitution.since.desc(), Substitution.id.desc())
    )


def _own(actor: Actor) -> Actor:
    return actor.without_posts_of({h.principal_id for h in actor.held if h.principal_id is not None})


def _check_period(since: date, until: date | None, today: date) -> date:
    if since < today:
        raise InvalidInput(
            f"开始日期不能早于今天（{say(today)}）：已经过去的日子不能补代班。", {"since": "不能早于今天"}
        )
    if until is None:
        raise InvalidInput("请填写代到哪一天；到期自动结束，不用再办。", {"until": "请填写"})
    if until < since:
        raise InvalidInput(f"结束日期{say(until)}早于开始日期{say(since)}，请对调或重填。", {"until": "早于开始日期"})
    if (until - since).days >= LONGEST:
        raise InvalidInput("代班最长一年；更长的请调整岗位。", {"until": "最长一年"})
    return until


def _check_person(session: Session, actor: Actor, principal: Person, substitute: Person) -> None:
    if substitute.id == principal.id:
        raise InvalidInput("不能请本人代自己的班，请选另一位同事。", {"substitute": "请选另一位同事"})
    if not substitute.active or substitute.unit is None or substitute.resident_id is not None:
        raise InvalidInput(f"{substitute.name}不是在职的工作人员，不能代班。", {"substitute": "不能代班"})
    if substitute.id == actor.person_id and actor.person_id != principal.id:
        raise Forbidden(f"不能指定自己代{principal.name}的班，请由{principal.name}本人或另一位负责人指定。")
    near = {p.id for p in candidates(session, actor, principal)}
    if substitute.id not in near and not jurisdiction.of(actor).administers(substitute.unit.path):
        raise InvalidInput(
            f"{substitute.name}在{substitute.unit.name}，和{principal.name}不在同一单位或上下级，不能代班。"
            "请选附近单位的同事，或请系统管理员指定。",
            {"substitute": "单位太远"},
        )


def _check_admin_posts(actor: Actor, chosen: Sequence[Grant]) -> None:
    """Administering and supervising are passed on only by whoever could give them anyway."""
    reach = jurisdiction.of(actor)
    for post in chosen:
        if post.role in jurisdiction.ADMIN_ONLY - {relations.HEAD} and not reach.administers(post.place_path):
            title = jurisdiction.role_names()[post.role][0]
            raise Forbidden(f"“{title}”的代班只能由系统管理员指定，请不要勾选这一项，或联系系统管理员。")


def _overlapping(session: Session, since: date, until: date) -> list[Substitution]:
    return list(
        session.scalars(
            _loaded().where(Substitution.ended_at.is_(None), Substitution.since <= until, Substitution.until >= since)
        )
    )


def _check_loop(
    overlapping: Sequence[Substitution], principal: Person, substitute: Person, since: date, until: date
) -> None:
    """A stands in for B while B stands in for A: on those days nobody would be there."""

    def walk(at: Person, way: list[Substitution], first: date, last: date) -> list[Substitution] | None:
        for further in overlapping:
            begins, ends = max(first, further.since), min(last, further.until)
            if further.principal_id != at.id or begins > ends or further in way:
                continue
            if further.substitute_id == principal.id:
                return [*way, further]
            found = walk(further.substitute, [*way, further], begins, ends)
            if found:
                return found
        return None

    way = walk(substitute, [], since, until)
    if way:
        told = "，".join(
            f"{s.principal.name}的班由{s.substitute.name}代（{say(s.since)}至{say(s.until)}）" for s in way
        )
        raise InvalidInput(
            f"这样会绕成一圈：{told}，再请{substitute.name}代{principal.name}的班，那几天就没有人在岗。请另选一位同事或改日期。",
            {"substitute": "绕成一圈"},
        )


def _check_covered(overlapping: Sequence[Substitution], principal: Person, chosen: Sequence[Grant]) -> None:
    wanted = {(g.role, g.place_id) for g in chosen}
    for other in overlapping:
        if other.principal_id == principal.id and wanted & {(p["role"], p["place"]) for p in other.posts}:
            raise InvalidInput(
                f"{principal.name}的岗位在{say(other.since)}至{say(other.until)}已由{other.substitute.name}代班，期间重叠。"
                "请先结束那一次，或改日期、改选岗位。",
                {"since": "与已有的代班重叠"},
            )


def _record(session: Session, action: str, actor: Actor, made: Substitution, why: str) -> None:
    details = {
        "principal": made.principal_id,
        "substitute": made.substitute_id,
        "since": made.since.isoformat(),
        "until": made.until.isoformat(),
        "posts": list(made.posts),
    }
    for person_id in (made.principal_id, made.substitute_id):
        person = session.get_one(Person, person_id)
        role_grants.record(session, action, actor, person, details, why)


def _above(path: str) -> list[str]:
    return [path[: i + 1] for i, char in enumerate(path) if char == "/" and i][:-1]
