"""代办点: what should lie there now, what was found in the evening, and every difference with who settled it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.courier import PointCheck
from models.errand import Errand
from models.person import CourierProfile, Person
from process import access, clock, engine, journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound
from process.words import N_
from services import errand_custody, notices
from services.errands import DISPATCHER
from services.messages import colleagues

POINTS = ("errand_station", "errand_point")
KEEPERS = frozenset({DISPATCHER, "community_clerk", "window_clerk", "station_head"})
# Envelopes lie where the errand starts until somebody has fetched them.
WAITING = ("posted", "open", "pairing", "claimed", "assigned", "failed")
OUT = ("picked_up", "on_way")
MOST = 99
DIFFERS = N_("%(point)s晚点清点对不上，少 %(less)s 件、多 %(more)s 件，请核实。")


@dataclass(frozen=True)
class Lying:
    """The envelopes of one errand that should lie at a point."""

    uid: str
    number: str
    title: str
    envelopes: int
    state: str
    # Brought back by a courier and not counted by anybody of the point yet.
    uncounted: bool
    to: str
    # Whoever counts the shelf counts every envelope on it; what an errand is about stays with those who may see it.
    open: bool = True


@dataclass(frozen=True)
class Carried:
    """Envelopes that couriers of the point still have on them."""

    number: str
    courier: str
    envelopes: int
    late: bool


@dataclass(frozen=True)
class Stock:
    """What the point has and what its couriers have."""

    lying: tuple[Lying, ...]
    out: tuple[Carried, ...]

    @property
    def envelopes(self) -> int:
        return sum(one.envelopes for one in self.lying)


def load(session: Session, actor: Actor, point_id: str) -> Agency:
    """A station or point whose envelopes this actor looks after."""
    point = session.get(Agency, point_id)
    if point is None or point.kind not in POINTS or not keeps(actor, point):
        raise NotFound()
    return point


def keeps(actor: Actor, point: Agency) -> bool:
    """Staff of the community or street in which the point stands."""
    place = point.parent.path if point.kind == "errand_point" and point.parent is not None else point.path
    return any(actor.holds(role, place) for role in KEEPERS)


def stock(session: Session, actor: Actor, point: Agency) -> Stock:
    """Everything that should be there now, whoever it was posted for; what is under way only as far as this actor may see it."""
    here = (
        Errand.from_agency_id == point.id,
        Errand.from_address.is_(None),
        Errand.closed_at.is_(None),
        Errand.state.in_(WAITING),
        Errand.envelopes > 0,
    )
    seen = set(session.scalars(access.visible(select(Errand.id).where(*here), actor, Errand)))
    found = session.scalars(select(Errand).where(*here).options(joinedload(Errand.to_agency)).order_by(Errand.number))
    lying = tuple(
        Lying(
            one.uid,
            str(one.number),
            one.title if one.id in seen else "",
            one.envelopes,
            one.state,
            one.state == "failed" and _uncounted(session, one),
            one.to_agency.name if one.to_agency is not None else "",
            one.id in seen,
        )
        for one in found
    )
    at = now()
    rows = session.execute(
        access.visible(
            select(Errand, Person.name)
            .join(CourierProfile, CourierProfile.person_id == Errand.assignee_id)
            .join(Person, Person.id == CourierProfile.person_id)
            .where(CourierProfile.point_id == point.id, Errand.state.in_(OUT), Errand.closed_at.is_(None)),
            actor,
            Errand,
        ).order_by(Person.name, Errand.number)
    )
    out = tuple(
        Carried(str(one.number), name, one.envelopes, one.window_end is not None and one.window_end < at)
        for one, name in rows
        if one.envelopes
    )
    return Stock(lying, out)


def _uncounted(session: Session, errand: Errand) -> bool:
    back = [one for one in errand_custody.chain(session, errand) if one.action == "return"]
    return bool(back) and back[-1].signed_at is None


def check(session: Session, actor: Actor, point: Agency, given: Mapping[str, Any]) -> PointCheck:
    """The evening count: each line of the list counted, each difference with a word; what came back is counted with it."""
    if not keeps(actor, point):
        raise Forbidden(f"{point.name}由本社区或代办站的工作人员清点。")
    errors: dict[str, str] = {}
    lines: list[dict[str, Any]] = []
    lying = stock(session, actor, point).lying
    for one in lying:
        raw = str(given.get(f"count_{one.uid}") or "").strip()
        note = _words(given, f"note_{one.uid}", 100, errors)
        if not raw.isdecimal() or int(raw) > MOST:
            errors[f"count_{one.uid}"] = f"{one.number}：请填实际有几件，0 到 {MOST}"
            continue
        if int(raw) != one.envelopes and not note:
            errors[f"note_{one.uid}"] = f"{one.number}：应有 {one.envelopes} 件，数到 {int(raw)} 件，请写明差在哪里"
        lines.append({"number": one.number, "uid": one.uid, "listed": one.envelopes, "counted": int(raw), "note": note})
    extra, taker = _words(given, "extra", 400, errors), _words(given, "taker", 60, errors)
    if errors:
        raise InvalidInput("还没有点完：" + "；".join(errors.values()) + "。", errors)
    found = PointCheck(
        district=point.district,
        point_id=point.id,
        day=clock.local_day(now()),
        at=now(),
        person_id=actor.person_id,
        taker=taker,
        expected=sum(line["listed"] for line in lines),
        found=sum(line["counted"] for line in lines),
        lines=lines,
        extra=extra,
    )
    session.add(found)
    session.flush()
    _count_what_came_back(session, actor, lying, lines)
    details = {"check": found.id, "expected": found.expected, "found": found.found}
    journal.record(session, "point:count", actor, stream=f"agency:{point.id}", details=details)
    if found.differs:
        _tell(session, actor, point, found)
    return found


def _words(given: Mapping[str, Any], name: str, limit: int, errors: dict[str, str]) -> str:
    try:
        return clean_text(given.get(name) or "", limit)
    except ValueError as problem:
        errors[name] = str(problem)
        return ""


def _count_what_came_back(
    session: Session, actor: Actor, lying: tuple[Lying, ...], lines: list[dict[str, Any]]
) -> None:
    """Whoever counts the shelf counts thereby what couriers laid on it."""
    counted = {line["uid"]: line for line in lines}
    for one in lying:
        errand = session.scalar(select(Errand).where(Errand.uid == one.uid)) if one.uncounted else None
        if errand is None or "take_back" not in {step.id for step in engine.available(errand, actor)}:
            continue
        line = counted[one.uid]
        engine.fire(
            errand, "take_back", actor, inputs={"envelopes": line["counted"], "difference": line["note"] or "晚点清点"}
        )


def _tell(session: Session, actor: Actor, point: Agency, found: PointCheck) -> None:
    less = sum(max(line["listed"] - line["counted"], 0) for line in found.lines)
    more = sum(max(line["counted"] - line["listed"], 0) for line in found.lines) + bool(found.extra)
    for dispatcher in colleagues.with_role(session, DISPATCHER, point):
        if dispatcher.id == actor.person_id:
            continue
        notices.notify(
            session,
            None,
            to=dispatcher,
            kind="point:difference",
            text=DIFFERS,
            params={"point": point.name, "less": less, "more": more},
            once=f"point:{found.id}",
            actor=actor,
        )


def load_check(session: Session, actor: Actor, check_id: int) -> PointCheck:
    """One evening count of a point that this actor looks after."""
    found = session.get(PointCheck, check_id)
    if found is None or not keeps(actor, found.point):
        raise NotFound()
    return found


def settle(session: Session, actor: Actor, check_id: int, note: str) -> PointCheck:
    """A difference was cleared up: by whom, and what it was."""
    found = load_check(session, actor, check_id)
    if not actor.holds(DISPATCHER, found.point.path):
        raise Forbidden("清点的差异由红色代办站的调度员核实后登记。")
    if not found.differs or found.settled_at is not None:
        raise NotAvailable("这一次清点没有待核实的差异。")
    errors: dict[str, str] = {}
    why = _words({"note": note}, "note", 400, errors)
    if errors or not why:
        raise InvalidInput("请写明核实的结果，例如在哪里找到、怎么处理。", {"note": errors.get("note", "请写核实结果")})
    found.settled_at, found.settled_by_id, found.settled_note = now(), actor.person_id, why
    session.flush()
    journal.record(
        session, "point:settle", actor, stream=f"agency:{found.point_id}", details={"check": found.id}, comment=why
    )
    return found


def checks(session: Session, point: Agency, limit: int = 30) -> list[PointCheck]:
    """The last evening counts, newest first."""
    return list(
        session.scalars(
            select(PointCheck)
            .where(PointCheck.point_id == point.id)
            .options(joinedload(PointCheck.person))
            .order_by(PointCheck.id.desc())
            .limit(limit)
        )
    )


def counted_on(session: Session, points: list[str], day: date) -> dict[str, PointCheck]:
    """The last count of each point on a day."""
    rows = session.scalars(
        select(PointCheck).where(PointCheck.point_id.in_(points), PointCheck.day == day).order_by(PointCheck.id)
    )
    return {row.point_id: row for row in rows}
