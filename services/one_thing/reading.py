"""Bundles as people look at them: what a theme offers today, how far each branch is, who may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.sql.base import ExecutableOption

from catalogue import loader as catalogue
from catalogue.one_things import Member, one_things
from catalogue.one_things import OneThing as Theme
from models.base import now
from models.case import Case, ServiceItem
from models.counter import CounterVisit
from models.one_thing import OneThing, OneThingMember
from process import access, clock
from process.access import Actor
from process.calendar_days import say
from process.refusals import NotFound
from process.words import N_
from services import cases
from services.catalogue_items import record_of

if TYPE_CHECKING:
    from services import trips

# The three situations in which departments and items come together.
SITUATIONS = {
    "one_many": N_("一个部门，多个事项"),
    "many_one": N_("多个部门，一个事项"),
    "many_many": N_("多个部门，多个事项"),
}
# A result is there, whatever it says.
DECIDED = frozenset({"issued", "delivered", "refused", "rejected", "withdrawn"})
REFUSED = frozenset({"refused", "rejected"})
RUNNING, READY, CLOSED = "running", "ready", "closed"
LISTED = 50
# The fields of an item with which the savings are counted.
COUNTED = frozenset({"materials", "promised_days"})


# --- Themes


@dataclass(frozen=True)
class Part:
    """One member as it can be filed today: its item, or the sentence why not."""

    member: Member
    item: ServiceItem | None
    why: str = ""


def theme(theme_id: str) -> Theme:
    """One theme of the catalogue."""
    found = one_things().get(theme_id)
    if found is None:
        raise NotFound("没有这个“一件事”主题，请从“一件事”页面选一个。")
    return found


def parts(session: Session, chosen: Theme) -> list[Part]:
    """Every member in order. One that is not filed here or not offered any more says so; the others can still be filed."""
    offered = {item.code: item for item in cases.items_on_offer(session)}
    found = []
    for member in chosen.members:
        code = member.service_item
        if code is None:
            found.append(Part(member, None, f"{member.name}{member.elsewhere}。"))
        elif code in offered:
            found.append(Part(member, offered[code]))
        else:
            found.append(Part(member, None, _gone(session, member)))
    return found


def _gone(session: Session, member: Member) -> str:
    record = catalogue.items()[str(member.service_item)]
    ended = record.valid_to
    since = f"{say(ended)}起" if ended and ended < clock.local_day(now()) else ""
    return f"“{member.name}”{since}已停办，这一件不能申报；其余的可以照常一起申报。"


# --- Bundles


def load(session: Session, actor: Actor, uid: str) -> OneThing:
    """A bundle of which this actor may see a case, or the resident's own; others answer like none."""
    found = session.scalar(select(OneThing).where(OneThing.uid == uid).options(*_whole()))
    if found is None or not may_see(session, actor, found):
        raise NotFound("没有找到这个一件事。它可能是别的单位收的，请从“一件事”页面重新进入。")
    return found


def may_see(session: Session, actor: Actor, bundle: OneThing) -> bool:
    """Whoever may see one of its cases sees that the others exist, too; their contents stay where they are."""
    if actor.resident_id is not None and actor.resident_id == bundle.resident_id:
        return True
    return any(access.may(actor, access.VIEW, member.case, session) for member in bundle.members)


def _whole() -> tuple[ExecutableOption, ...]:
    return (selectinload(OneThing.members).joinedload(OneThingMember.case),)


def listed(session: Session, actor: Actor) -> Sequence[OneThing]:
    """The bundles this actor may see, those still open first, then the newest."""
    seen: Any = access.visible(
        select(OneThingMember.bundle_id).join(Case, Case.id == OneThingMember.case_id), actor, Case
    )
    return session.scalars(
        select(OneThing)
        .where(OneThing.id.in_(seen))
        .options(*_whole())
        .order_by(OneThing.closed_at.is_not(None), OneThing.id.desc())
        .limit(LISTED)
    ).all()


def of_case(session: Session, case: Case) -> OneThing | None:
    """The bundle a case belongs to."""
    return session.scalar(
        select(OneThing).join(OneThingMember).where(OneThingMember.case_id == case.id).options(*_whole())
    )


def of_visit(session: Session, visit: CounterVisit) -> Sequence[OneThing]:
    """The bundles that were filed in a visit."""
    return session.scalars(select(OneThing).where(OneThing.visit_id == visit.id).order_by(OneThing.id)).all()


def standing(bundle: OneThing) -> str:
    """Running; everything decided and waiting at the exit; over. It follows from the cases."""
    if all(member.case.closed_at is not None for member in bundle.members):
        return CLOSED
    return READY if all(member.case.state in DECIDED for member in bundle.members) else RUNNING


def waits_for(bundle: OneThing, member: OneThingMember) -> list[OneThingMember]:
    """Earlier members without a result yet; one that was refused is a result and holds nobody up."""
    return [one for one in bundle.members if one.name in member.after and one.case.state not in DECIDED]


def promised(bundle: OneThing) -> datetime | None:
    """The day by which everything is promised: the latest of its branches; none while one of them has no date."""
    open_ones = [member.case.deadline for member in bundle.members if member.case.state not in DECIDED]
    dated = [one for one in open_ones if one is not None]
    return max(dated) if dated and len(dated) == len(open_ones) else None


def came(session: Session, bundle: OneThing) -> trips.Counted:
    """How often somebody came for all of it together, and to how many windows: from what happened."""
    from services import trips

    return trips.together(session, [member.case for member in bundle.members])


def is_example(bundle: OneThing) -> bool:
    """Whether what it spares is counted with papers or days that the catalogue still calls an example."""
    chosen = one_things().get(bundle.theme)
    drawn = chosen is None or "members" in chosen.illustrative_fields
    records = [record_of(member.case.item) for member in bundle.members]
    return drawn or any(one.illustrative or COUNTED & set(one.illustrative_fields) for one in records)


def elsewhere(bundle: OneThing) -> list[tuple[str, str]]:
    """Papers that lie in one case of the bundle and serve another: (name, where it lies)."""
    return [
        (material.name, material.source_words or "")
        for member in bundle.members
        for material in member.case.materials
        if material.source == "visit" and material.source_words
    ]
