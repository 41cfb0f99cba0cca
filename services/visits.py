"""上门代办: staff come to the home, and the visit follows what it started until the result is at the door."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import ServiceItem
from models.content import Content, ContentPerson
from models.delegation import Delegation, HomeVisit
from models.resident import Resident
from process import access, clock, eligibility, engine, registry
from process.access import Actor
from process.eligibility import Eligibility
from process.identity import normalise_phone
from process.inputs import LIMITS, clean_text
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import (
    booking,  # noqa: F401  registers what the steps of a slot need and do
    care,
    case_forms,
    delegation_steps,
    findings,
    residents,
    slots,
)
from services.catalogue_items import by_code, record_of

PERSON_FIELDS = ("name", "id_number", "phone", "address", "household_address")
ELIGIBILITY_CHECK = findings.ITEM
HEALTH = frozenset({"condition", "proof", "basis", "finding", "finding_note", "form"})
# The form at the door while it is being filled in.
UNFINISHED = frozenset({"door"})
BUSY = ("scheduled", "visiting")
RELATIONS = (
    N_("配偶"),
    N_("子女"),
    N_("孙子女"),
    N_("父母"),
    N_("其他亲属"),
    N_("邻居"),
    N_("社区工作人员"),
    N_("其他"),
)


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
    _not_twice(session, actor, person, item)
    private: dict[str, Any] = {
        name: value for name, value in _requester(session, actor, person, _details(data)).items() if value
    }
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
        fields={
            "item": item.code,
            "wish": _wish(data.get("wish")),
            "insurer_region": findings.read_region(data.get("insurer_region")),
        },
        private=private,
        search_text=f"{item.title} {person.name}"[:500],
    )
    answer = assess(visit, at)
    visit.eligible, visit.basis = answer.ok, answer.basis_zh if answer.ok else ""
    if answer.ok and data.get("slot_start"):
        _ask_for_hour(session, actor, visit, grid, data, at)
    engine.create(
        session,
        visit,
        actor,
        type_id="home_visit",
        place=grid,
        at=at,
        details={"eligible": answer.ok}
        | ({} if known else {"grid": "assumed"})
        | ({"slot": visit.slot_start.isoformat()} if visit.slot_start else {}),
    )
    if actor.resident_id is not None and actor.resident_id != person.id and actor.person_id is not None:
        _let_requester_follow(session, visit, actor.person_id, at)
    return visit


def _ask_for_hour(
    session: Session, actor: Actor, visit: HomeVisit, grid: Agency, data: Mapping[str, Any], at: datetime
) -> None:
    """The hour is held from now on; a leader still confirms it."""
    start = _moment(data["slot_start"], "slot_start", "上门时间")
    off_hours = data.get("off_hours") in (True, "true", "1", "on", "y", 1) and actor.resident_id is None
    slots.check_time(session, grid, start, at, off_hours=off_hours)
    able = slots.visitors(session, grid.id)
    named = data.get("visitor")
    person = (
        next((one for one in able if one.username == named), None)
        if named
        else slots.whoever_is_free(session, grid, start)
    )
    if person is None:
        names = "、".join(one.name for one in able) or "本网格还没有登记网格长"
        raise InvalidInput(f"没有找到这位上门人员。可以上门的是：{names}。", {"visitor": "不是本网格的网格长或服务员"})
    slots.claim(session, grid, None, visit.applicant_id, person, start, at)
    visit.slot_start, visit.slot_end, visit.assignee_id = start, start + slots.SLOT, person.id


def _let_requester_follow(session: Session, visit: HomeVisit, person_id: int, at: datetime) -> None:
    """A relative with an account sees how far the visit is, until it is over; nothing of what is in it."""
    visit.people.append(ContentPerson(person_id=person_id, relation="requester", by_id=person_id, since=at))
    session.flush()


def end_requester(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """The cause of a relative's sight is the visit: over with it."""
    if step is None or content.type != "home_visit" or content.closed_at is None:
        return
    for row in content.people:
        if row.relation == "requester" and row.until is None:
            row.until = step.at
    session.flush()


registry.listeners.append(end_requester)


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


def _not_twice(session: Session, actor: Actor, person: Resident, item: ServiceItem) -> None:
    """Somebody who books for themselves twice is told the number of the first; staff and relatives may have their reasons."""
    if actor.resident_id is None or actor.resident_id != person.id:
        return
    open_one = session.scalar(
        access.visible(
            select(HomeVisit).where(
                HomeVisit.applicant_id == person.id,
                HomeVisit.item_id == item.id,
                HomeVisit.state.in_(("requested", "scheduled", "missed")),
                HomeVisit.eligible.is_(True),
            ),
            actor,
            HomeVisit,
        ).limit(1)
    )
    if open_one is not None:
        raise InvalidInput(
            f"“{item.title}”已经预约过上门（{open_one.number}），不用再登记。要改时间的，请在那张单子上改。",
            {"item": f"已有预约 {open_one.number}"},
        )


def _requester(session: Session, actor: Actor, person: Resident, details: dict[str, str]) -> dict[str, str]:
    """A relative says who they are to the person, and can be called back."""
    if actor.resident_id is None or actor.resident_id == person.id:
        return details
    own = session.get_one(Resident, actor.resident_id)
    details["requested_by"] = details.get("requested_by") or own.name
    details["requested_phone"] = details.get("requested_phone") or own.phone or ""
    errors = {
        name: word
        for name, word in (("requested_relation", "请选择您与服务对象的关系"), ("requested_phone", "请填写您的电话"))
        if not details.get(name)
    }
    if errors:
        raise InvalidInput(f"替别人预约，{'；'.join(errors.values())}。", errors)
    return details


def _details(data: Mapping[str, Any]) -> dict[str, str]:
    """What the requester said; health proof and contacts are kept encrypted."""
    errors: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, limit, title in (
        ("proof", LIMITS["longtext"], "依据说明"),
        ("requested_by", 60, "预约人"),
        ("requested_relation", 20, "与服务对象的关系"),
    ):
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
    return _moment(value, "wish", "希望的时间").isoformat() if value else None


def _moment(value: Any, field: str, title: str) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidInput(f"{title}请写成 2026-03-05T14:30 的样子。", {field: "时间不对"}) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=clock.CHINA)


@registry.requirement("entitled")
def entitled(step: Step) -> None:
    """Who is not entitled is told the rule and what can be done instead."""
    answer = assess(step.content, step.at)
    if not answer.ok:
        raise RequirementUnmet(f"不符合上门条件：{answer.reason}")


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
    from services import at_hand, custody, files

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
        at_hand.require_within(step.session, visit.case, visit.place, step.actor.person_id, visit.assignee_id)
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
    if findings.end_entry(step):
        return
    entry = care.enter(
        step.session,
        step.actor,
        visit.applicant,
        condition=visit.condition if visit.basis else eligibility.AGE,
        proof=private.get("proof"),
        contact=private.get("requested_by"),
        contact_phone=private.get("requested_phone"),
        at=step.at,
        review_on=step.inputs.get("review_on"),
        reason=f"上门 {visit.number}",
        keep=True,
    )
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
