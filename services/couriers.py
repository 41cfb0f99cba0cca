"""The register of couriers: what they can do, when they go, when they rest; written by themselves or by their dispatcher."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.courier import CourierAbsence
from models.person import CourierProfile, Person
from process import access, clock, journal
from process.access import Actor
from process.inputs import clean_text
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput, NotFound
from process.words import N_
from services import errand_life, places
from services.errands import DISPATCHER

SKILLS: Mapping[str, str] = {
    "elder": N_("会照护老人"),
    "reading": N_("能代读代写"),
    "sign": N_("会手语"),
    "dialect": N_("会说本地话"),
    "bike": N_("有电动车"),
}
WEEKDAYS = (N_("周一"), N_("周二"), N_("周三"), N_("周四"), N_("周五"), N_("周六"), N_("周日"))
USUAL_ERRANDS, MOST_ERRANDS, MOST_SPANS, LONGEST_ABSENCE, LONGEST_TRAINING = 3, 10, 3, 366, 1100
_SPAN = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–—~～至到]+\s*(\d{1,2})[:：](\d{2})")


# --- who may ---------------------------------------------------------------------------------------------------------
def load(session: Session, actor: Actor, username: str) -> CourierProfile:
    """A courier of this actor's street, or the actor themselves; of others there is nothing to be found."""
    row = session.scalar(
        select(CourierProfile).join(Person, Person.id == CourierProfile.person_id).where(Person.username == username)
    )
    if row is None or not (row.person_id == actor.person_id or dispatches(session, actor, row)):
        raise NotFound()
    return row


def own(session: Session, actor: Actor) -> CourierProfile:
    """One's own page."""
    row = session.get(CourierProfile, actor.person_id) if actor.person_id is not None else None
    if row is None:
        raise NotFound()
    return row


def dispatches(session: Session, actor: Actor, profile: CourierProfile) -> bool:
    """Whoever dispatches where the courier's point is."""
    return actor.holds(DISPATCHER, profile.point.path)


def _require_dispatcher(session: Session, actor: Actor, profile: CourierProfile) -> None:
    if not dispatches(session, actor, profile):
        raise Forbidden("培训、人数上限和暂停由红色代办站的调度员登记，请联系调度员。")
    if profile.person_id == actor.person_id:
        raise Forbidden("自己的培训和上限请另一位调度员登记。")


# --- what the station keeps ------------------------------------------------------------------------------------------
def register(session: Session, actor: Actor, given: Mapping[str, Any]) -> CourierProfile:
    """Point and training of somebody with an account; the role itself is given by heads and administrators, as every role is."""
    street = places.street_of_actor(session, actor)
    if street is None or not actor.holds(DISPATCHER, street.path):
        raise Forbidden("跑腿工由红色代办站的调度员登记。")
    errors: dict[str, str] = {}
    raw = str(given.get("username") or "").strip()
    person = session.scalar(select(Person).where(Person.username == raw)) if raw else None
    if person is None or not person.active or person.resident_id is not None:
        errors["username"] = "请写跑腿工的用户名；还没有账号的，先请系统管理员开账号"
    elif person.id == actor.person_id:
        errors["username"] = "不能登记自己，请另一位调度员办理"
    elif session.get(CourierProfile, person.id) is not None:
        errors["username"] = f"{person.name}已经在跑腿工名册里"
    elif person.unit is None or not person.unit.path.startswith(street.path):
        errors["username"] = f"{person.name}不是{street.name}的人员，请由其所在街道登记"
    point = _point(session, street, given, errors)
    until = _day(given.get("trained_until"), "trained_until", errors)
    if until is None:
        errors.setdefault("trained_until", "请写培训有效到哪一天；没有培训的不能登记")
    elif until < clock.local_day(now()):
        errors["trained_until"] = "这一天已经过了，请先参加复训"
    if errors:
        raise InvalidInput("还不能登记：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    assert person is not None and point is not None
    profile = CourierProfile(
        person_id=person.id, point_id=point.id, trained_until=until, errand_limit=USUAL_ERRANDS, area=[]
    )
    session.add(profile)
    session.flush()
    _record(session, "courier:register", actor, profile, {"point": point.id, "trained_until": _iso(until)})
    return profile


def describe(session: Session, actor: Actor, profile: CourierProfile, given: Mapping[str, Any]) -> None:
    """Point, training and how many at once: the station's side of the register."""
    _require_dispatcher(session, actor, profile)
    errors: dict[str, str] = {}
    street = places.street_above(session, profile.point.path)
    assert street is not None
    point = _point(session, street, given, errors)
    until = _day(given.get("trained_until"), "trained_until", errors)
    try:
        limit = int(str(given.get("errand_limit") or ""))
    except ValueError:
        limit = 0
    if not 1 <= limit <= MOST_ERRANDS:
        errors["errand_limit"] = f"同时几单请填 1 到 {MOST_ERRANDS}"
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    assert point is not None
    before = {"point": profile.point_id, "limit": profile.errand_limit, "trained_until": _iso(profile.trained_until)}
    profile.point_id, profile.errand_limit, profile.trained_until = point.id, limit, until
    after = {"point": point.id, "limit": limit, "trained_until": _iso(until)}
    if before == after:
        raise InvalidInput("与原来一样，没有要改的。")
    session.flush()
    session.expire(profile, ["point"])
    _record(session, "courier:change", actor, profile, {"before": before, "after": after})


def suspend(session: Session, actor: Actor, profile: CourierProfile, reason: str) -> int:
    """No errands from now on: what is not fetched yet goes back on the board. Answers how many errands it concerned."""
    if profile.person_id != actor.person_id:
        _require_dispatcher(session, actor, profile)
    if profile.suspended_on is not None:
        raise InvalidInput(f"{profile.person.name}已经暂停接单。")
    try:
        why = clean_text(reason, 200)
    except ValueError as problem:
        raise InvalidInput(f"原因{problem}。", {"reason": str(problem)}) from problem
    if not why:
        raise InvalidInput("请写明为什么暂停，例如生病、外出、材料没有交回。", {"reason": "请写原因"})
    profile.suspended_on, profile.suspended_reason = clock.local_day(now()), why
    session.flush()
    _record(session, "courier:suspend", actor, profile, {}, why)
    return errand_life.courier_gone(session, profile.person, why, actor)


def resume(session: Session, actor: Actor, profile: CourierProfile) -> None:
    """Takes errands again; only the station says so."""
    _require_dispatcher(session, actor, profile)
    if profile.suspended_on is None:
        raise InvalidInput(f"{profile.person.name}没有暂停接单。")
    profile.suspended_on = profile.suspended_reason = None
    session.flush()
    _record(session, "courier:resume", actor, profile, {})


# --- what couriers say of themselves ---------------------------------------------------------------------------------
def tell(session: Session, actor: Actor, profile: CourierProfile, given: Mapping[str, Any]) -> None:
    """When they go, where they like to go, what they can do, and whether their name may hang in public."""
    if profile.person_id != actor.person_id:
        _require_dispatcher(session, actor, profile)
    errors: dict[str, str] = {}
    hours: list[list[Any]] = []
    for day, word in enumerate(WEEKDAYS):
        spans = _spans(str(given.get(f"hours_{day}") or ""))
        if spans is None:
            errors[f"hours_{day}"] = f"{word}的时间请写成“8:30-11:30、14:00-17:00”，最多 {MOST_SPANS} 段，先后不要重叠"
        else:
            hours += [[day, *span] for span in spans]
    street = places.street_above(session, profile.point.path)
    known = {one.id for one in communities(session, street)} if street else set()
    area, skills = _several(given, "area"), _several(given, "skills")
    if not known.issuperset(area):
        errors["area"] = "请从本街道的社区里选"
    if not set(SKILLS).issuperset(skills):
        errors["skills"] = f"请在{'、'.join(SKILLS.values())}里选"
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    profile.hours, profile.area, profile.skills = hours or None, sorted(area), sorted(skills)
    profile.unlisted = bool(given.get("unlisted"))
    session.flush()
    _record(session, "courier:tell", actor, profile, {"hours": len(hours), "area": len(area), "skills": sorted(skills)})


def _several(given: Mapping[str, Any], name: str) -> list[str]:
    found = given.getlist(name) if hasattr(given, "getlist") else given.get(name) or []
    return list(dict.fromkeys(str(one) for one in ([found] if isinstance(found, str) else found)))


def _spans(text: str) -> list[tuple[str, str]] | None:
    if not text.strip():
        return []
    found = _SPAN.findall(text)
    left = re.sub(r"[\s,，、;；]+", "", _SPAN.sub("", text))
    try:
        spans = [(time(int(a), int(b)), time(int(c), int(d))) for a, b, c, d in found]
    except ValueError:
        return None
    if not spans or left or len(spans) > MOST_SPANS or any(start >= end for start, end in spans):
        return None
    if any(spans[i][1] > spans[i + 1][0] for i in range(len(spans) - 1)):
        return None
    return [(f"{start:%H:%M}", f"{end:%H:%M}") for start, end in spans]


def hours_in_words(profile: CourierProfile, day: int) -> str:
    """The hours of one weekday as they are typed."""
    return "、".join(f"{start}-{end}" for weekday, start, end in profile.hours or () if weekday == day)


def be_away(session: Session, actor: Actor, profile: CourierProfile, given: Mapping[str, Any]) -> CourierAbsence:
    """Days on which they do not go."""
    if profile.person_id != actor.person_id:
        _require_dispatcher(session, actor, profile)
    errors: dict[str, str] = {}
    since, until = _day(given.get("since"), "since", errors), _day(given.get("until"), "until", errors)
    until = until or since
    today = clock.local_day(now())
    if since is None:
        errors.setdefault("since", "请写从哪一天起不能来")
    elif until is not None and until < since:
        errors["until"] = "最后一天不能早于第一天"
    elif until is not None and until < today:
        errors["until"] = "这几天已经过了"
    elif until is not None and (until - since).days > LONGEST_ABSENCE:
        errors["until"] = "一次最多一年；更久的请暂停接单"
    if errors:
        raise InvalidInput("还不能登记：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    assert since is not None and until is not None
    absence = CourierAbsence(person_id=profile.person_id, since=since, until=until)
    session.add(absence)
    session.flush()
    _record(session, "courier:away", actor, profile, {"since": since.isoformat(), "until": until.isoformat()})
    return absence


def be_back(session: Session, actor: Actor, profile: CourierProfile, absence_id: int) -> None:
    """Those days are free after all."""
    if profile.person_id != actor.person_id:
        _require_dispatcher(session, actor, profile)
    gone = session.execute(
        delete(CourierAbsence)
        .where(CourierAbsence.id == absence_id, CourierAbsence.person_id == profile.person_id)
        .returning(CourierAbsence.since, CourierAbsence.until)
    ).first()
    if gone is None:
        raise NotFound()
    _record(session, "courier:back", actor, profile, {"since": gone.since.isoformat(), "until": gone.until.isoformat()})


def absences(session: Session, people: Iterable[int], day: date) -> dict[int, list[CourierAbsence]]:
    """Days away from today on, by person."""
    found: dict[int, list[CourierAbsence]] = {}
    for row in session.scalars(
        select(CourierAbsence)
        .where(CourierAbsence.person_id.in_(list(people)), CourierAbsence.until >= day)
        .order_by(CourierAbsence.since, CourierAbsence.id)
    ):
        found.setdefault(row.person_id, []).append(row)
    return found


def free_between(
    profile: CourierProfile, away: Iterable[CourierAbsence], start: datetime, end: datetime
) -> tuple[datetime, datetime] | None:
    """The first stretch within these times in which the courier goes; None when there is none of half an hour."""
    gone = [(one.since, one.until) for one in away]
    day = clock.local_day(start)
    last = min(clock.local_day(end), day + timedelta(days=31))
    while day <= last:
        if not any(since <= day <= until for since, until in gone):
            spans = [(a, b) for weekday, a, b in profile.hours or () if weekday == day.weekday()]
            if profile.hours is None or not profile.hours:
                spans = [("08:00", "20:00")]
            for first, until in spans:
                begin = max(start, datetime.combine(day, time.fromisoformat(first), CHINA))
                finish = min(end, datetime.combine(day, time.fromisoformat(until), CHINA))
                if finish - begin >= timedelta(minutes=30):
                    return begin, finish
        day += timedelta(days=1)
    return None


# --- small things ----------------------------------------------------------------------------------------------------
def communities(session: Session, street: Agency | None) -> list[Agency]:
    """The communities of a street, as they are numbered."""
    if street is None:
        return []
    return list(
        session.scalars(
            select(Agency)
            .where(access.within(Agency.path, street.path), Agency.kind.in_(("community", "village")))
            .order_by(Agency.number, Agency.path)
        )
    )


def _point(session: Session, street: Agency, given: Mapping[str, Any], errors: dict[str, str]) -> Agency | None:
    point = session.get(Agency, str(given.get("point") or ""))
    known = point is not None and point.kind in ("errand_station", "errand_point")
    if (
        point is None
        or not known
        or not point.path.startswith(street.path)
        or not point.exists_on(clock.local_day(now()))
    ):
        errors["point"] = "请选本街道的红色代办站或代办点"
        return None
    return point


def _day(raw: Any, field: str, errors: dict[str, str]) -> date | None:
    if raw in (None, ""):
        return None
    try:
        found = raw if isinstance(raw, date) else date.fromisoformat(str(raw).strip())
    except ValueError:
        errors[field] = "日期请写成 2026-03-05 的样子，且必须存在"
        return None
    if not 2000 <= found.year <= 2100 or (found - clock.local_day(now())).days > LONGEST_TRAINING:
        errors[field] = "这个日期不对，请核对年份"
        return None
    return found


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _record(
    session: Session,
    action: str,
    actor: Actor,
    profile: CourierProfile,
    details: dict[str, Any],
    why: str | None = None,
) -> None:
    journal.record(session, action, actor, stream=f"person:{profile.person_id}", details=details, comment=why)
