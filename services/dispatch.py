"""Who should go: the couriers of the street for one errand, each with the reasons in words. An aid for the dispatcher, no ranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.content import Content
from models.errand import Errand
from models.person import CourierProfile
from process import access, clock, registry
from process.access import Actor
from process.numbers import CHINA
from process.refusals import RequirementUnmet
from process.registry import Step
from process.words import N_
from services import case_routing, couriers, errand_board, places, unit_settings
from services.errand_board import Courier
from services.errands import CARRYING, may_carry, not_the_receiver

HOURS = "errand_assign_hours"
SHORT = timedelta(hours=4)
RENEW_SOON = timedelta(days=30)
# What a kind of errand is easier with.
HELPFUL: Mapping[str, tuple[str, ...]] = {
    "accompany": ("elder", "dialect", "sign"),
    "buy_or_read": ("elder", "reading", "dialect"),
}


@dataclass(frozen=True)
class Reason:
    """One thing that speaks for or against somebody: a sentence of the product, what fills it in, and its weight."""

    text: str
    weight: int
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Suggestion:
    """A courier for this errand with everything that was weighed; `can` is False when a step would be refused."""

    courier: Courier
    can: bool
    reasons: tuple[Reason, ...]

    @property
    def weight(self) -> int:
        return sum(reason.weight for reason in self.reasons)


def suggestions(session: Session, errand: Errand, at: datetime | None = None) -> list[Suggestion]:
    """Whoever can go first, by what speaks for them; those who cannot stand below with the reason."""
    at = at or now()
    street = places.street_above(session, errand.place_path)
    if street is None:
        return []
    day = clock.local_day(at)
    known = errand_board.couriers(session, street, day)
    ids = [one.person_id for one in known]
    profiles = {
        one.person_id: one
        for one in session.scalars(
            select(CourierProfile).where(CourierProfile.person_id.in_(ids)).options(joinedload(CourierProfile.point))
        )
    }
    away, visited, heading = couriers.absences(session, ids, day), _visits(session, errand, ids), _heading(session, ids)
    ends = _ends(errand)
    found = []
    for courier in known:
        profile = profiles[courier.person_id]
        against = _against(session, errand, courier, profile)
        free = couriers.free_between(profile, away.get(courier.person_id, ()), at, errand.window_end or at + SHORT)
        if free is None:
            against.append(Reason(N_("送达时限内没有空"), -100))
        speaks = [*_place(profile, ends), *_load(courier), *_time(free, at, profile)]
        speaks += _known(visited.get(courier.person_id, 0)) + _same_way(heading.get(courier.person_id, set()), ends)
        speaks += _skills(errand, profile) + _training(profile)
        found.append(Suggestion(courier, not against, (*against, *speaks)))
    return sorted(found, key=lambda one: (not one.can, -one.weight, one.courier.open, one.courier.name))


def best(session: Session, errand: Errand, at: datetime | None = None) -> Suggestion | None:
    """Whom the errand would be given if nobody claims it."""
    return next((one for one in suggestions(session, errand, at) if one.can), None)


def _ends(errand: Errand) -> dict[str, str]:
    """Path of the community (or unit) at either end, with the word for it."""
    found: dict[str, str] = {}
    for agency, word in ((errand.from_agency or errand.place, N_("取件")), (errand.to_agency, N_("送达"))):
        if agency is not None:
            found.setdefault(_near(agency).path, word)
    return found


def _near(agency: Agency) -> Agency:
    return case_routing.above(agency, "community", "village", "street_centre", "errand_station") or agency


def _against(session: Session, errand: Errand, courier: Courier, profile: CourierProfile) -> list[Reason]:
    found = []
    if profile.suspended_on is not None:
        found.append(Reason(N_("暂停接单"), -100))
    if courier.expired:
        found.append(Reason(N_("培训已到期"), -100))
    if courier.full:
        found.append(Reason(N_("手上已满 %(n)s 单"), -100, {"n": courier.open}))
    actor = access.load_actor(session, courier.person_id, clock.local_day(now()))
    if not not_the_receiver(session, errand, actor):
        found.append(Reason(N_("就是收件人"), -100))
    return found


def _place(profile: CourierProfile, ends: Mapping[str, str]) -> list[Reason]:
    home = _near(profile.point)
    found = []
    for path, word in ends.items():
        here = path.rstrip("/").rpartition("/")[2]
        if home.path == path:
            found.append(Reason(N_("就在%(where)s的社区"), 30, {"where": word}))
        elif here in (profile.area or ()):
            found.append(Reason(N_("愿意去%(where)s的社区"), 15, {"where": word}))
    return found


def _load(courier: Courier) -> list[Reason]:
    if courier.open == 0:
        return [Reason(N_("手上没有任务"), 15)]
    return [Reason(N_("手上 %(n)s/%(limit)s 单"), -5 * courier.open, {"n": courier.open, "limit": courier.limit})]


def _time(free: tuple[datetime, datetime] | None, at: datetime, profile: CourierProfile) -> list[Reason]:
    if free is None:
        return []
    if not profile.hours:
        return [Reason(N_("没有写可以来的时间"), 0)]
    begin = free[0].astimezone(CHINA)
    when = f"{begin:%H:%M}" if begin.date() == clock.local_day(at) else f"{begin.month}月{begin.day}日 {begin:%H:%M}"
    if free[0] <= at + timedelta(minutes=5):
        return [Reason(N_("现在就有空"), 15)]
    return [Reason(N_("%(when)s 起有空"), 8, {"when": when})]


def _visits(session: Session, errand: Errand, ids: list[int]) -> dict[int, int]:
    """How often each has brought something to the same person before."""
    if errand.applicant_id is None or not ids:
        return {}
    rows = session.execute(
        select(Content.assignee_id, func.count())
        .where(
            Content.type == "errand",
            Content.state == "confirmed",
            Content.applicant_id == errand.applicant_id,
            Content.assignee_id.in_(ids),
        )
        .group_by(Content.assignee_id)
    )
    return {row[0]: row[1] for row in rows if row[0] is not None}


def _known(times: int) -> list[Reason]:
    return [Reason(N_("给这位居民送过 %(n)s 次"), 20, {"n": times})] if times else []


def _heading(session: Session, ids: list[int]) -> dict[int, set[str]]:
    """Where each of them is going anyway."""
    found: dict[int, set[str]] = {}
    rows = session.execute(
        select(Errand.assignee_id, Agency.path)
        .join(Agency, Agency.id.in_((Errand.from_agency_id, Errand.to_agency_id)))
        .where(Errand.assignee_id.in_(ids), Errand.closed_at.is_(None), Errand.state.in_(CARRYING))
    )
    for person_id, path in rows:
        if person_id is None:
            continue
        found.setdefault(person_id, set()).add(path)
    return found


def _same_way(going: set[str], ends: Mapping[str, str]) -> list[Reason]:
    if any(path.startswith(end) for path in going for end in ends):
        return [Reason(N_("手上另一单顺路"), 12)]
    return []


def _skills(errand: Errand, profile: CourierProfile) -> list[Reason]:
    has = [one for one in HELPFUL.get(errand.purpose, ()) if one in (profile.skills or ())]
    return [Reason(couriers.SKILLS[one], 6) for one in has]


def _training(profile: CourierProfile) -> list[Reason]:
    until = profile.trained_until
    if until is not None and clock.local_day(now()) <= until <= clock.local_day(now()) + RENEW_SOON:
        return [Reason(N_("培训 %(day)s 到期"), 0, {"day": f"{until.month}月{until.day}日"})]
    return [Reason(N_("培训有效"), 0)] if until is not None and until >= clock.local_day(now()) else []


# --- handed out in time ----------------------------------------------------------------------------------------------
@registry.predicate("time_to_hand_out")
def time_to_hand_out(session: Session, errand: Errand, actor: Actor) -> bool:
    """The street has set a time, it is over, and somebody can go."""
    hours = unit_settings.number(session, errand.place, HOURS)
    if hours <= 0 or now() < errand.entered_at + timedelta(hours=hours):
        return False
    return best(session, errand) is not None


@registry.requirement("somebody_suits")
def somebody_suits(step: Step) -> None:
    """The first of the suggestions; limit and training are looked at again under the lock."""
    found = best(step.session, step.content, step.at)
    if found is None:
        raise RequirementUnmet("现在没有能去的跑腿工。请调度员联系，或改送达时限。")
    step.inputs["courier"] = may_carry(step, found.courier.username, "courier").id
    step.details["reasons"] = [reason.text for reason in found.reasons if reason.weight > 0]
