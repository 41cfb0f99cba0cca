"""上门代办: staff come to the home, and the visit follows what it started until the result is at the door."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.person import Grant, GridMembership, Person
from models.resident import Resident
from process import access, clock, eligibility, engine, registry
from process.access import Actor
from process.eligibility import Eligibility
from process.identity import IdNumber, normalise_phone
from process.inputs import LIMITS, clean_text
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from services import care, case_forms, delegation_steps, residents
from services.catalogue_items import by_code, record_of

PERSON_FIELDS = ("name", "id_number", "phone", "address", "household_address")
ELIGIBILITY_CHECK = "social_insurance_eligibility_check"
HEALTH = frozenset({"condition", "proof", "basis", "finding", "form"})
# The form at the door while it is being filled in.
UNFINISHED = frozenset({"door"})
VISITORS = ("grid_leader", "grid_service_worker")
# Proposals until the agency decides: how long a slot is, and how far ahead one may be booked.
SLOT = timedelta(hours=1)
AHEAD = timedelta(days=60)
BUSY = ("scheduled", "visiting")


# --- The request


@registry.creator("home_visit")
def create(session: Session, actor: Actor, data: Mapping[str, Any]) -> HomeVisit:
    """A resident, a relative or the station asks for a visit; whether they are entitled is decided and kept at once."""
    at = now()
    item = by_code(session, data.get("item"), clock.local_day(at))
    person = _applicant(session, actor, data)
    grid, known = _grid(session, actor, data.get("place"), person)
    person.grid_id = person.grid_id or (grid.id if known else None)
    person.community_id = person.community_id or grid.parent_id
    condition = str(data.get("condition") or eligibility.AGE)
    if condition not in eligibility.CONDITIONS:
        raise InvalidInput(
            f"上门条件应为{'、'.join(eligibility.CONDITIONS.values())}之一。", {"condition": "没有这种上门条件"}
        )
    private: dict[str, Any] = {name: value for name, value in _details(data).items() if value}
    if isinstance(data.get("form"), Mapping):
        private["form"] = case_forms.clean(case_forms.form_of(item), data["form"])
    visit = HomeVisit(
        title=f"{item.title}（上门）"[:200],
        item_id=item.id,
        item=item,
        condition=condition,
        applicant_id=person.id,
        applicant=person,
        unit_id=grid.parent_id,
        fields={"item": item.code, "wish": _wish(data.get("wish"))},
        private=private,
        search_text=f"{item.title} {person.name}"[:500],
    )
    answer = assess(visit, at)
    visit.eligible, visit.basis = answer.ok, answer.basis_zh if answer.ok else ""
    engine.create(
        session,
        visit,
        actor,
        type_id="home_visit",
        place=grid,
        at=at,
        details={"eligible": answer.ok} | ({} if known else {"grid": "assumed"}),
    )
    return visit


def assess(visit: HomeVisit, at: datetime) -> Eligibility:
    """The rule, applied to the day of the request."""
    person = visit.applicant
    assert person is not None
    return eligibility.check(
        record_of(visit.item),
        person=person.birth_date,
        condition=visit.condition,
        proof_note=(visit.private or {}).get("proof") or "",
        on_day=clock.local_day(visit.created_at or at),
    )


def _applicant(session: Session, actor: Actor, data: Mapping[str, Any]) -> Resident:
    given = data.get("applicant")
    if given is not None and not isinstance(given, Mapping):
        raise InvalidInput("服务对象应写明姓名、身份证号码、电话和住址。", {"applicant": "应为一组字段"})
    # Pages send flat fields, the API sends a mapping.
    found = {name: data.get(f"applicant_{name}", (given or {}).get(name)) for name in PERSON_FIELDS}
    found = {name: value for name, value in found.items() if value not in (None, "")}
    if not found and actor.resident_id is not None:
        return session.get_one(Resident, actor.resident_id)
    known = _known(session, found.get("id_number"))
    if actor.resident_id is not None and known is not None and known.id != actor.resident_id:
        # A relative may ask for somebody, but not change what the office knows about them.
        found = {name: found[name] for name in ("name", "id_number") if name in found}
    elif found.get("address") and not found.get("household_address") and (known is None or not known.household_address):
        # Whoever is visited at home and says nothing else is registered there.
        found["household_address"] = found["address"]
    person = residents.find_or_create(session, found, prefix="applicant.")
    missing = {name: word for name, word in (("phone", "联系电话"), ("address", "住址")) if not getattr(person, name)}
    if missing:
        errors = {f"applicant.{name}": f"请填写{word}" for name, word in missing.items()}
        raise InvalidInput(f"上门需要{'和'.join(missing.values())}，请补填。", errors)
    return person


def _known(session: Session, number: Any) -> Resident | None:
    """Whoever is registered under this number; a wrong number is explained where all of the person is read."""
    try:
        return residents.find_by_id_number(session, str(number)) if number else None
    except InvalidInput:
        return None


def _grid(session: Session, actor: Actor, place: Any, person: Resident) -> tuple[Agency, bool]:
    """The grid of the request, and whether it is known to be the one in which the person lives."""
    agency = session.get(Agency, str(place)) if place else None
    if place and agency is None:
        raise InvalidInput("没有找到这个网格，请从列表中选择。", {"place": "没有这个网格"})
    if agency is not None and agency.kind == "grid":
        return agency, True
    if agency is not None and agency.kind in ("community_station", "errand_point"):
        agency = agency.parent
    home = session.get(Agency, person.grid_id) if person.grid_id else None
    if home is not None and (agency is None or home.path.startswith(agency.path)):
        return home, True
    near = _grids(session, agency) if agency is not None and agency.kind == "community" else []
    own = [grid for grid in near if actor.holds("grid_leader", grid.path)]
    if own:
        return own[0], True
    if near and any(actor.holds(role, near[0].path) for role in ("community_clerk", "all_round_worker")):
        # The station knows only its community: the first grid takes the request, and the person stays without a grid.
        return near[0], False
    where = f"在{agency.name}的" if agency is not None else "的"
    raise InvalidInput(f"还不知道服务对象住址所{where}网格，请选择网格。", {"place": "请选择网格"})


def _grids(session: Session, community: Agency) -> list[Agency]:
    under = select(Agency).where(Agency.parent_id == community.id, Agency.kind == "grid").order_by(Agency.id)
    today = clock.local_day(now())
    return [grid for grid in session.scalars(under) if grid.exists_on(today)]


def _details(data: Mapping[str, Any]) -> dict[str, str]:
    """What the requester said; health proof and contacts are kept encrypted."""
    errors: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, limit, title in (("proof", LIMITS["longtext"], "依据说明"), ("requested_by", 60, "预约人")):
        try:
            found[name] = clean_text(data.get(name) or "", limit)
        except ValueError as problem:
            errors[name] = f"{title}{problem}"
    if data.get("requested_phone"):
        try:
            found["requested_phone"] = normalise_phone(str(data["requested_phone"]))
        except InvalidInput as refusal:
            errors["requested_phone"] = refusal.detail
    if errors:
        raise InvalidInput("预约信息有误：" + "；".join(m.rstrip("。") for m in errors.values()) + "。", errors)
    return found


def _wish(value: Any) -> str | None:
    if not value:
        return None
    try:
        wish = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidInput("希望的时间请写成 2026-03-05T14:30 的样子。", {"wish": "时间不对"}) from error
    return (wish if wish.tzinfo else wish.replace(tzinfo=clock.CHINA)).isoformat()


# --- The slot


@registry.requirement("entitled")
def entitled(step: Step) -> None:
    """Who is not entitled is told the rule and what can be done instead."""
    answer = assess(step.content, step.at)
    if not answer.ok:
        raise RequirementUnmet(f"不符合上门条件：{answer.reason}")


@registry.requirement("slot_free")
def slot_free(step: Step) -> None:
    """Neither the visitor nor the resident is somewhere else at that hour."""
    visit: HomeVisit = step.content
    start: datetime = step.inputs["slot_start"]
    if start <= step.at:
        raise InvalidInput("上门时间已经过去，请另选今后的时间。", {"slot_start": "时间已过"})
    if start > step.at + AHEAD:
        raise InvalidInput(f"上门时间最远约到 {AHEAD.days} 天以内，请另选。", {"slot_start": f"最远 {AHEAD.days} 天"})
    visitor = visitor_of(step)
    # Two leaders press at once: the second waits here and then finds the slot taken.
    step.session.execute(select(Person.id).where(Person.id == visitor.id).with_for_update())
    taken = step.session.scalars(
        select(HomeVisit).where(
            HomeVisit.id != visit.id,
            HomeVisit.state.in_(BUSY),
            HomeVisit.slot_start < start + SLOT,
            HomeVisit.slot_end > start,
        )
    ).all()
    if any(other.assignee_id == visitor.id for other in taken):
        raise RequirementUnmet(
            f"{visitor.name}在这个时间已约了别家，请换一个时间，或换另一位网格长去。",
            {"slot_start": "与另一次上门冲突"},
        )
    if any(other.applicant_id == visit.applicant_id for other in taken):
        raise RequirementUnmet(
            "服务对象在这个时间已约了另一次上门，请换一个时间，或合并在一次办。", {"slot_start": "与另一次上门冲突"}
        )


def visitor_of(step: Step) -> Person:
    """Whoever goes must lead or serve this very grid."""
    visit: HomeVisit = step.content
    named = step.inputs.get("visitor")
    if named:
        person = step.session.scalar(select(Person).where(Person.username == named, Person.active))
    elif step.transition.id == "reschedule" and visit.assignee_id is not None:
        person = step.session.get(Person, visit.assignee_id)
    else:
        person = step.session.get(Person, step.actor.person_id)
    able = visitors(step.session, visit)
    if person is None or person.id not in {one.id for one in able}:
        names = "、".join(f"{one.name}（{one.username}）" for one in able) or "本网格还没有登记"
        who = f"{person.name}不是这个网格的网格长或服务员" if person else "没有找到这位上门人员"
        raise InvalidInput(f"{who}，不能上门。可以上门的是：{names}。", {"visitor": "不是本网格的网格长或服务员"})
    return person


def visitors(session: Session, visit: HomeVisit) -> list[Person]:
    """Leaders and service workers of the grid of this visit today."""
    today = clock.local_day(now())
    posts = select(Grant.person_id).where(
        Grant.role.in_(VISITORS),
        Grant.place_id == visit.place_id,
        (Grant.since.is_(None)) | (Grant.since <= today),
        (Grant.until.is_(None)) | (Grant.until >= today),
    )
    members = select(GridMembership.person_id).where(
        GridMembership.grid_id == visit.place_id,
        GridMembership.capacity.in_(VISITORS),
        (GridMembership.since.is_(None)) | (GridMembership.since <= today),
        (GridMembership.until.is_(None)) | (GridMembership.until >= today),
    )
    return list(
        session.scalars(select(Person).where(Person.active, Person.id.in_(posts.union(members))).order_by(Person.id))
    )


@registry.effect("book_slot")
def book_slot(step: Step) -> None:
    visit: HomeVisit = step.content
    answer = assess(visit, step.at)
    visit.eligible, visit.basis = answer.ok, answer.basis_zh
    visit.slot_start = step.inputs["slot_start"]
    visit.slot_end = visit.slot_start + SLOT
    visit.assignee_id = visitor_of(step).id
    step.details["slot"] = visit.slot_start.isoformat()


@registry.effect("count_attempt")
def count_attempt(step: Step) -> None:
    """Nobody home: the slot is free again and the attempt counts."""
    visit: HomeVisit = step.content
    visit.attempts += 1
    visit.slot_start = visit.slot_end = None
    step.details["attempts"] = visit.attempts


# --- Afterwards


def ticket_of(session: Session, visit: HomeVisit) -> Delegation | None:
    """The delegation this visit travels on, if the item is decided elsewhere; a withdrawn one carries nothing."""
    return session.scalar(
        select(Delegation)
        .where(Delegation.home_visit_id == visit.id, Delegation.state != "withdrawn")
        .order_by(Delegation.id.desc())
        .limit(1)
    )


@registry.requirement("result_arrived")
def result_arrived(step: Step) -> None:
    visit: HomeVisit = step.content
    ticket = ticket_of(step.session, visit)
    if ticket is not None and ticket.state != "handed_over":
        raise RequirementUnmet(f"结果还没有送回社区：代办单 {ticket.number} 还没有交接清点。请在那张单子上清点接收。")
    if ticket is None and visit.case is not None and visit.case.state not in (*delegation_steps.AT_HAND, "withdrawn"):
        raise RequirementUnmet(f"办件 {visit.case.number} 的结果还没有出来，请等办结出件后再安排送达。")


@registry.effect("deliver_at_door")
def deliver_at_door(step: Step) -> None:
    """Result and originals are handed over at home; ticket and case follow."""
    from services import custody, files

    visit: HomeVisit = step.content
    document = files.store_signature(step.session, visit, step.actor, step.inputs["signature"], "签收人签名")
    step.details["signature"] = document.uid
    given = {"collector": step.inputs.get("collector"), "signature": step.inputs["signature"]}
    ticket = ticket_of(step.session, visit)
    if visit.case is None:
        custody.give_collected_back(step, visit, custody.somebody(step.actor), document)
    if ticket is not None and engine.follow(step, ticket, "deliver", **given):
        return
    if visit.case is not None:
        custody.require_within(visit.case, visit.place, step.actor.person_id, visit.assignee_id)
        custody.give_back(step, visit.case, custody.somebody(step.actor), document)
        engine.follow(step, visit.case, "deliver", way="door", **given)


@registry.effect("close_ticket")
def close_ticket(step: Step) -> None:
    """The rating closes visit and ticket together."""
    visit: HomeVisit = step.content
    delegation_steps.note_score(step)
    ticket = ticket_of(step.session, visit)
    if ticket is not None:
        engine.follow(step, ticket, "close", score=step.inputs.get("score"))


@registry.effect("update_care_register")
def update_care_register(step: Step) -> None:
    """Whoever was visited stands on the register, unless the visitor found them gone."""
    visit: HomeVisit = step.content
    assert visit.applicant is not None
    private = visit.private or {}
    entry = care.enter(
        step.session,
        step.actor,
        visit.applicant,
        condition=visit.condition if visit.basis else eligibility.AGE,
        proof=private.get("proof"),
        at=step.at,
        review_on=step.inputs.get("review_on"),
    )
    gone = {"dead": "已去世", "moved": "已迁出"}.get(private.get("finding", ""))
    if gone:
        care.end(step.session, step.actor, entry, gone, step.at)
    step.details["review_on"] = entry.review_on.isoformat() if entry.review_on else None


def today_first(actor: Actor) -> Any:
    """A leader's list: what has a slot by time, then what waits for one."""
    return access.visible(select(HomeVisit), actor, HomeVisit).order_by(
        HomeVisit.slot_start.is_(None),
        HomeVisit.slot_start,
        HomeVisit.deadline.is_(None),
        HomeVisit.deadline,
        HomeVisit.id,
    )


def hidden(session: Session, content: Content, actor: Actor) -> frozenset[str]:
    """What this actor may not read of a visit they see: health notes are for the grid's leaders and the station."""
    if not isinstance(content, HomeVisit):
        return frozenset()
    return UNFINISHED if access.may(actor, "view_health", content, session) else UNFINISHED | HEALTH


def age_of(visit: HomeVisit) -> int | None:
    person = visit.applicant
    return IdNumber.parse(person.id_number).age_on(clock.local_day(now())) if person else None
