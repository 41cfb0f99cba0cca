"""Whoever is not visited at home is told where else to go, with address and hours; and why is kept, so that it can be counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, object_session

from models.agency import Agency
from models.delegation import HomeVisit
from process import access, clock, eligibility, registry
from process.access import Actor
from process.refusals import InvalidInput
from process.registry import Step
from process.words import N_
from services import case_routing, office
from services.catalogue_items import record_of

REASONS = {
    "item": N_("事项不在上门范围"),
    "age": N_("未满80周岁，也没有其他情况"),
    "condition": N_("没有这种上门条件"),
    "proof": N_("没有证明"),
    "elsewhere": N_("住址不在本网格"),
    "person": N_("须本人到场"),
    "missed": N_("多次未遇到"),
    "other": N_("其他"),
}


@dataclass(frozen=True)
class Way:
    """One other way, as one would say it: which, where, when, whom to call."""

    channel: str
    title: str
    where: str = ""
    hours: str = ""
    phone: str = ""
    # The guide of the item is where one files online.
    online: bool = False

    def say(self) -> str:
        more = "，".join(part for part in (self.where, self.hours, f"电话 {self.phone}" if self.phone else "") if part)
        return f"{self.title}（{more}）" if more else self.title


def of_visit(visit: HomeVisit, channels: Sequence[str] | None = None) -> list[Way]:
    """The ways that stand open for the item of this visit, nearest first where there is a place to go to."""
    session = object_session(visit)
    assert session is not None
    offered = channels if channels is not None else eligibility.other_ways(record_of(visit.item))
    return [_way(session, visit, channel) for channel in offered if channel in eligibility.OTHER_WAYS]


def _way(session: Session, visit: HomeVisit, channel: str) -> Way:
    title = eligibility.OTHER_WAYS[channel]
    if channel in ("online_mobile", "online_pc", "wechat_account"):
        return Way(channel, title, online=True)
    place = {
        "window_community": lambda: _near(session, visit, "community_station"),
        "errand": lambda: _near(session, visit, "errand_point"),
        "proxy": lambda: _near(session, visit, "community_station"),
        "window_street": lambda: _street_centre(session, visit),
    }[channel]()
    if place is None:
        return Way(channel, title)
    details = office.details(place)
    return Way(
        channel,
        title,
        where="".join((place.name, f"（{details['address']}）" if details.get("address") else "")),
        hours=str(details.get("hours") or ""),
        phone=office.phone(place),
    )


def _near(session: Session, visit: HomeVisit, kind: str) -> Agency | None:
    """The station or the errand point of the community in which the person lives."""
    community = case_routing.above(visit.place, "community", "village")
    if community is None:
        return None
    today = clock.local_day(visit.created_at)
    found = session.scalars(
        select(Agency).where(Agency.parent_id == community.id, Agency.kind == kind).order_by(Agency.id)
    )
    return next((one for one in found if one.exists_on(today)), community)


def _street_centre(session: Session, visit: HomeVisit) -> Agency | None:
    street = case_routing.above(visit.place, "street", "town")
    return case_routing.front_office(session, street) if street is not None else None


@registry.requirement("refusal_explained")
def refusal_explained(step: Step) -> None:
    """Somebody whom the rule allows a visit is not sent away without a reason that can be counted."""
    if not _reason(step):
        raise InvalidInput(
            "按规则这次可以上门。确实不能上门的，请选择原因，以便统计和复查。", {"reason": "请选择不能上门的原因"}
        )


def _reason(step: Step) -> str:
    from services import visits

    if step.transition.id == "give_up":
        return "missed"
    return step.inputs.get("reason") or visits.assess(step.content, step.at).why


@registry.effect("record_refusal")
def record_refusal(step: Step) -> None:
    """Why nobody goes, and what was offered instead; both stay on the visit and are counted."""
    visit: HomeVisit = step.content
    reason = _reason(step)
    channels = step.inputs.get("channels") or list(eligibility.other_ways(record_of(visit.item)))
    visit.refused_for = reason
    visit.fields = {**(visit.fields or {}), "offered": channels}
    step.details |= {"refused_for": reason, "offered": channels}


def offered(visit: HomeVisit) -> list[Way]:
    """What this person was told instead."""
    return of_visit(visit, (visit.fields or {}).get("offered") or ())


@dataclass(frozen=True)
class Refused:
    """How many requests of the year ended without a visit, by reason; the base is every request of the year."""

    base: int
    by_reason: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.by_reason.values())


def counted(session: Session, actor: Actor, start: datetime, end: datetime) -> Refused:
    """Counts only what this actor may see."""
    mine = access.visible(
        select(HomeVisit.refused_for, func.count(HomeVisit.id))
        .where(HomeVisit.created_at >= start, HomeVisit.created_at < end)
        .group_by(HomeVisit.refused_for),
        actor,
        HomeVisit,
    )
    rows = {reason: count for reason, count in session.execute(mine)}
    return Refused(sum(rows.values()), {reason: count for reason, count in rows.items() if reason})
