"""送件: several tickets go the same way in one run; each envelope is checked when it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.courier_run import ARRIVED, BACK, DROPPED, LISTED, LOADED, MISSING, TRAVELLING, CourierRun
from models.person import CourierProfile, Person
from process import engine, registry
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import case_routing, custody, errands, files, notices, office, run_lines
from services.papers_common import signature
from services.papers_out import Occasion, data_for

# Whoever sits at one of these works for the community or street above it.
HOUSES = ("community_station", "errand_point", "grid", "street_centre", "errand_station")
CARRIERS = {"red_courier": N_("红色跑腿工"), "van": N_("单位车辆"), "staff": N_("本单位人员")}
ON_ITS_WAY = N_("送件 %(number)s 已交出，送到本单位的有 %(envelopes)s 封，请到件后逐件扫码核对。")
LINE_STATES = {
    LISTED: N_("待交出"),
    LOADED: N_("已交出"),
    ARRIVED: N_("已送到"),
    MISSING: N_("没有送到"),
    BACK: N_("已带回"),
    DROPPED: N_("已移出"),
}


# --- A new run


@registry.creator("courier_run")
def create(session: Session, actor: Actor, data: Mapping[str, Any]) -> CourierRun:
    """A run with its carrier; the envelopes named at once are put on its list."""
    errors: dict[str, str] = {}
    place = session.get(Agency, str(data.get("place") or actor.unit_id or ""))
    if place is None:
        errors["place"] = "请选择从哪个单位出发"
    else:
        place = case_routing.front_office(session, place)
    kind = str(data.get("carrier_kind") or "")
    if kind not in CARRIERS:
        errors["carrier_kind"] = f"请在{'、'.join(CARRIERS.values())}中选一项"
    carrier, name = _carrier(session, kind, data, errors, place)
    if errors:
        raise InvalidInput("这一趟还不能编：" + "；".join(errors.values()) + "。", errors)
    assert place is not None
    run = CourierRun(
        title=f"{custody.full_name(place)}送件",
        carrier_kind=kind,
        carrier_name=carrier.name if carrier else name,
        carrier_id=carrier.id if carrier else None,
        assignee_id=carrier.id if carrier else None,
        unit_id=place.id,
        search_text=f"{place.name} {carrier.name if carrier else name}"[:500],
    )
    engine.create(session, run, actor, type_id="courier_run", place=place)
    if data.get("numbers"):
        run_lines.put(session, run, actor, run_lines.codes_in(data["numbers"]), LISTED, run.created_at)
        _rename(run)
    return run


def _carrier(
    session: Session, kind: str, data: Mapping[str, Any], errors: dict[str, str], place: Agency | None
) -> tuple[Person | None, str]:
    """A courier or colleague with an account; the driver of a van is known by name."""
    try:
        name = clean_text(data.get("carrier_name") or "", 60)
    except ValueError as problem:
        errors["carrier_name"] = str(problem)
        name = ""
    if kind == "van":
        if not name:
            errors.setdefault("carrier_name", "请写驾驶员或车辆，例如“浙A0012 王师傅”")
        return None, name
    raw = str(data.get("carrier") or "")
    person = session.scalar(select(Person).where(Person.username == raw, Person.active)) if raw else None
    if person is None or person.resident_id is not None:
        errors["carrier"] = "请从名单中选送件人"
        return None, ""
    if kind == "red_courier":
        try:
            errands.require_trained(session.get(CourierProfile, person.id), now(), person.name)
        except RequirementUnmet as refusal:
            errors["carrier"] = refusal.detail.rstrip("。")
    elif place is not None and not _of_the_house(session, person, place):
        errors["carrier"] = f"{person.name}不是{place.name}的工作人员，也不是这里的跑腿工，请从本单位选送件人"
    return person, person.name


def _of_the_house(session: Session, person: Person, place: Agency) -> bool:
    """Somebody who works at the unit where the run starts, or a courier of its point."""
    profile = session.get(CourierProfile, person.id)
    home = _home(place)
    return any(unit is not None and _home(unit) == home for unit in (person.unit, profile.point if profile else None))


def _home(unit: Agency) -> str:
    """Whose desk it is: a station its community's, a hall its street's."""
    owner = case_routing.above(unit, "community", "village", "street", "town", "district", "city")
    return owner.id if owner is not None and unit.kind in HOUSES else unit.id


def _rename(run: CourierRun) -> None:
    """What the lists call it: from where to where."""
    ends = list(dict.fromkeys(line.to_label for line in run.lines if line.state != DROPPED))
    further = f"等 {len(ends)} 处" if len(ends) > 1 else ""
    start = custody.full_name(run.place)
    run.title = f"{start} → {ends[0]}{further}"[:200] if ends else f"{start}送件"


# --- Putting in, taking out


@registry.effect("load_run")
def load_run(step: Step) -> None:
    """Scanned while it is given to the carrier: on the list, and handed out."""
    lines = run_lines.put(
        step.session, step.content, step.actor, run_lines.codes_in(step.inputs["numbers"]), LOADED, step.at
    )
    _rename(step.content)
    step.details["lines"] = [line.position for line in lines]


@registry.effect("unload_run")
def unload_run(step: Step) -> None:
    lines = run_lines.named(step, (LISTED, LOADED))
    for line in lines:
        run_lines.end(step, line, DROPPED)
    _rename(step.content)
    step.details["lines"] = [line.position for line in lines]


@registry.effect("empty_run")
def empty_run(step: Step) -> None:
    for line in step.content.lines:
        if line.state in TRAVELLING:
            run_lines.end(step, line, DROPPED)


# --- Leaving


@registry.requirement("run_loaded")
def run_loaded(step: Step) -> None:
    """The carrier signs for exactly what is on the list: nothing unscanned, nothing that has gone another way."""
    run: CourierRun = step.content
    lines = [line for line in run.lines if line.state != DROPPED]
    if not lines:
        raise RequirementUnmet("这一趟还是空的，没有可交的件。请先扫码装件。")
    gone = [line for line in lines if not run_lines.still_travels(step.session, line)]
    if gone:
        named = "、".join(str(line.ticket.number) for line in gone)
        raise RequirementUnmet(f"{named} 已经不在途中（可能已接收或撤回），请先移出这一趟。")
    unseen = [line for line in lines if line.state == LISTED]
    if unseen:
        named = "、".join(str(line.ticket.number) for line in unseen)
        raise RequirementUnmet(f"还有 {len(unseen)} 件没有点交：{named}。请逐件扫码交出；这一趟不送的，请移出。")


@registry.effect("run_leaves")
def run_leaves(step: Step) -> None:
    """From now on the originals in the envelopes are with the carrier, and every receiver sees the run."""
    run, session = step.content, step.session
    lines = [line for line in run.lines if line.state == LOADED]
    run.left_at = step.at
    for unit_id in dict.fromkeys(line.to_unit_id for line in lines):
        engine.add_place(step, run, "addressee", session.get_one(Agency, unit_id))
    carrier = run_lines.carrier_of(run)
    handover = custody.write(
        session, run, "carry", custody.unit(run.place, step.actor), carrier, run_lines.envelopes_of(lines), step.at
    )
    for counted in handover.lines:
        counted.counted = counted.sheets
    if step.inputs.get("signature"):
        handover.to_signature_id = files.store_signature(
            session, run, step.actor, step.inputs["signature"], "送件人签名"
        ).id
    for line in lines:
        custody.hold(session, run_lines.originals_in(line), carrier)
    for unit_id in dict.fromkeys(line.to_unit_id for line in lines):
        notices.notify(
            session,
            run,
            to=session.get_one(Agency, unit_id),
            kind="run:left",
            text=ON_ITS_WAY,
            params={
                "number": run.number,
                "envelopes": sum(one.envelopes for one in lines if one.to_unit_id == unit_id),
            },
            state="on_way",
            actor=step.actor,
        )
    step.details |= {"lines": len(lines), "envelopes": sum(line.envelopes for line in lines)}


# --- 送件交接单


@data_for("delivery_list")
def delivery_list(occasion: Occasion) -> dict[str, Any] | None:
    """Numbers, ways and counts: the courier carries envelopes, and whose they are is not on the list."""
    run: CourierRun = occasion.content
    lines = [line for line in run.lines if line.state != DROPPED]
    if not lines:
        return None
    ends: dict[str, int] = {}
    for line in lines:
        ends[line.to_label] = ends.get(line.to_label, 0) + 1
    carried = custody.latest(occasion.session, run, "carry")
    return {
        "number": run.number,
        "from_agency": custody.full_name(run.place),
        "from_person": (carried.from_person.name if carried and carried.from_person else "") or occasion.actor.name,
        "from_phone": office.phone(run.place),
        "to_agencies": "\n".join(f"{label}（{count} 件）" for label, count in ends.items()),
        "carrier": f"{CARRIERS[run.carrier_kind]} {run.carrier_name}",
        "left_at": run.left_at,
        "several_starts": len({line.from_label for line in lines}) > 1,
        "lines": [
            {
                "number": line.ticket.number,
                "from_label": line.from_label,
                "to_label": line.to_label,
                "envelopes": line.envelopes,
                "sheets": line.sheets,
            }
            for line in lines
        ],
        "total_envelopes": sum(line.envelopes for line in lines),
        "total_sheets": sum(line.sheets for line in lines),
        "remark": str(occasion.inputs.get("comment") or "")[:300],
        "carrier_signature": signature(occasion.session, carried.to_signature_id if carried else None),
    }
