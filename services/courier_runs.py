"""送件: several tickets go the same way in one run; each envelope is checked when it leaves and when it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.courier_run import (
    ARRIVED,
    BACK,
    DROPPED,
    LISTED,
    LOADED,
    MISSING,
    TRAVELLING,
    CourierRun,
    RunLine,
)
from models.delegation import Delegation, Handover
from models.errand import Errand
from models.person import CourierProfile, Person
from process import access, engine, journal, registry
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput, NotFound, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import case_routing, codes, custody, errands, files, office
from services.papers_common import signature
from services.papers_out import Occasion, data_for

CARRIERS = {"red_courier": "红色跑腿工", "van": "单位车辆", "staff": "本单位人员"}
LINE_STATES = {
    LISTED: N_("待交出"),
    LOADED: N_("已交出"),
    ARRIVED: N_("已送到"),
    MISSING: N_("没有送到"),
    BACK: N_("已带回"),
    DROPPED: N_("已移出"),
}
# More does not fit on the paper of one run.
MAX_LINES = 80
# Which list lies in the envelope, by where the ticket stands.
UNDER_WAY = {"sent": "send", "result_sent": "result"}


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
    carrier, name = _carrier(session, kind, data, errors)
    if errors:
        raise InvalidInput("这一趟还不能编：" + "；".join(errors.values()) + "。", errors)
    assert place is not None
    run = CourierRun(
        title=f"{custody.full_name(place)}送件",
        carrier_kind=kind,
        carrier_name=carrier.name if carrier else name,
        assignee_id=carrier.id if carrier else None,
        unit_id=place.id,
        search_text=f"{place.name} {carrier.name if carrier else name}"[:500],
    )
    engine.create(session, run, actor, type_id="courier_run", place=place)
    if data.get("numbers"):
        _put(session, run, actor, _codes(data["numbers"]), LISTED, run.created_at)
        _rename(run)
    return run


def _carrier(session: Session, kind: str, data: Mapping[str, Any], errors: dict[str, str]) -> tuple[Person | None, str]:
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
    return person, person.name


def _codes(raw: Any) -> list[str]:
    found = [str(one) for one in raw] if isinstance(raw, (list, tuple)) else str(raw).splitlines()
    return [one.strip() for one in found if one.strip()]


def _rename(run: CourierRun) -> None:
    """What the lists call it: from where to where."""
    ends = list(dict.fromkeys(line.to_label for line in run.lines if line.state != DROPPED))
    further = f"等 {len(ends)} 处" if len(ends) > 1 else ""
    start = custody.full_name(run.place)
    run.title = f"{start} → {ends[0]}{further}"[:200] if ends else f"{start}送件"


# --- Putting in, taking out


def under_way(session: Session, ticket: Delegation) -> Handover | None:
    """The list that lies in the envelope while the ticket's papers are between two units; else nothing travels."""
    action = UNDER_WAY.get(ticket.state)
    handover = custody.latest(session, ticket, action) if action else None
    return handover if handover is not None and handover.to_person_id is None else None


def to_carry(session: Session, actor: Actor, run_path: str, raw: str) -> tuple[Delegation, Handover]:
    """The ticket of a code with the list in its envelope, if it starts here and nobody else carries it."""
    code = codes.read(raw)
    tickets = [t for thing in codes.things(session, code) for t in codes.tickets(session, thing)]
    mine = [t for t in tickets if access.may(actor, access.VIEW_FULL, t, session) or _dispatched_by(actor, t)]
    ticket = next((t for t in mine if under_way(session, t) is not None), mine[0] if mine else None)
    if ticket is None:
        raise InvalidInput(f"“{code.shown}”：没有找到，或者不是从这里送出的。请核对编号。")
    handover = under_way(session, ticket)
    if handover is None:
        raise InvalidInput(f"{ticket.number}现在没有在途的材料，不用送。请先列交接清单转出。")
    start = session.get(Agency, handover.from_unit_id) if handover.from_unit_id else None
    here = start is not None and (start.path.startswith(run_path) or run_path.startswith(start.path))
    if start is None or not (here or actor.holds("errand_dispatcher", start.path)):
        raise InvalidInput(f"{ticket.number}是从{handover.from_label}送出的，不能编进从这里出发的一趟。")
    errand = session.scalar(
        select(Errand.number).where(
            Errand.related_id == ticket.id,
            Errand.purpose.in_(errands.CARRYING_PAPERS),
            Errand.closed_at.is_(None),
        )
    )
    if errand is not None:
        raise InvalidInput(f"{ticket.number}已请红色跑腿工送（任务 {errand}），不用再编进一趟。")
    return ticket, handover


def _dispatched_by(actor: Actor, ticket: Delegation) -> bool:
    """A dispatcher carries what travels in their area, and of it sees number, way and count only."""
    return any(actor.holds("errand_dispatcher", path) for path in (ticket.place_path, ticket.addressee.path))


def _put(
    session: Session, run: CourierRun, actor: Actor, given: Sequence[str], state: str, at: datetime
) -> list[RunLine]:
    """All of them or none: each that cannot travel is named with its reason."""
    put: list[RunLine] = []
    errors: list[str] = []
    for raw in given[: MAX_LINES + 1]:
        try:
            put.append(_put_one(session, run, actor, raw, state, at))
        except (InvalidInput, NotFound) as refusal:
            errors.append(refusal.detail.rstrip("。"))
    if sum(line.state != DROPPED for line in run.lines) > MAX_LINES:
        errors.append(f"一趟最多 {MAX_LINES} 件，请另编一趟")
    if errors:
        joined = "；".join(dict.fromkeys(errors))
        raise InvalidInput(f"没有编进这一趟：{joined}。", {"numbers": joined})
    return put


def _put_one(session: Session, run: CourierRun, actor: Actor, raw: str, state: str, at: datetime) -> RunLine:
    ticket, handover = to_carry(session, actor, run.place_path, raw)
    # Of two clerks who put the same envelope into two runs the second waits here and is told.
    session.get(Handover, handover.id, with_for_update=True)
    line = session.scalar(
        select(RunLine).where(RunLine.handover_id == handover.id, RunLine.state.in_((*TRAVELLING, ARRIVED)))
    )
    if line is not None and line.run_id != run.id:
        number = line.run.number
        done = "已经送到" if line.state == ARRIVED else "已经编在"
        raise InvalidInput(f"{ticket.number}{done}{number}那一趟里，不能编两趟。")
    if line is None:
        line = RunLine(
            run_id=run.id,
            district=run.district,
            position=1 + max((one.position for one in run.lines), default=0),
            ticket_id=ticket.id,
            handover_id=handover.id,
            from_label=handover.from_label,
            to_label=handover.to_label,
            to_unit_id=handover.to_unit_id,
            sheets=sum(one.sheets for one in handover.lines),
            state=LISTED,
        )
        run.lines.append(line)
    if state == LOADED and line.state == LISTED:
        line.state, line.loaded_at, line.loaded_by_id = LOADED, at, actor.person_id
    session.flush()
    return line


@registry.effect("load_run")
def load_run(step: Step) -> None:
    """Scanned while it is given to the carrier: on the list, and handed out."""
    lines = _put(step.session, step.content, step.actor, _codes(step.inputs["numbers"]), LOADED, step.at)
    _rename(step.content)
    step.details["lines"] = [line.position for line in lines]


@registry.effect("unload_run")
def unload_run(step: Step) -> None:
    lines = _lines_named(step, (LISTED, LOADED))
    for line in lines:
        _end(step, line, DROPPED)
    _rename(step.content)
    step.details["lines"] = [line.position for line in lines]


@registry.effect("empty_run")
def empty_run(step: Step) -> None:
    for line in step.content.lines:
        if line.state in TRAVELLING:
            _end(step, line, DROPPED)


def _lines_named(step: Step, states: Iterable[str], unit_paths: Sequence[str] | None = None) -> list[RunLine]:
    """The lines of this run that the codes name; each code that names none is told with its reason."""
    run, session = step.content, step.session
    found: list[RunLine] = []
    errors: list[str] = []
    for raw in _codes(step.inputs["numbers"])[: MAX_LINES + 1]:
        code = codes.read(raw)
        ids = {t.id for thing in codes.things(session, code) for t in codes.tickets(session, thing)}
        lines = [line for line in run.lines if line.ticket_id in ids and line.state != DROPPED]
        line = next((one for one in lines if one.state in states), lines[0] if lines else None)
        if line is None:
            errors.append(f"“{code.shown}”不在这一趟里")
        elif line.state not in states:
            # Scanned twice: what has happened already is no mistake.
            continue
        elif unit_paths is not None and not any(line.to_unit.path.startswith(path) for path in unit_paths):
            errors.append(f"{line.ticket.number}是送到{line.to_label}的，不由您核对，请随车送去")
        else:
            found.append(line)
    if errors:
        joined = "；".join(dict.fromkeys(errors))
        raise InvalidInput(f"没有核对上：{joined}。", {"numbers": joined})
    return list(dict.fromkeys(found))


def _end(step: Step, line: RunLine, state: str, note: str = "") -> None:
    line.state, line.ended_at, line.ended_by_id, line.note = state, step.at, step.actor.person_id, note[:200]


# --- Leaving


@registry.requirement("run_loaded")
def run_loaded(step: Step) -> None:
    """The carrier signs for exactly what is on the list: nothing unscanned, nothing that has gone another way."""
    run: CourierRun = step.content
    lines = [line for line in run.lines if line.state != DROPPED]
    if not lines:
        raise RequirementUnmet("这一趟还是空的，没有可交的件。请先扫码装件。")
    gone = [line for line in lines if not _still_travels(step.session, line)]
    if gone:
        named = "、".join(str(line.ticket.number) for line in gone)
        raise RequirementUnmet(f"{named} 已经不在途中（可能已接收或撤回），请先移出这一趟。")
    unseen = [line for line in lines if line.state == LISTED]
    if unseen:
        named = "、".join(str(line.ticket.number) for line in unseen)
        raise RequirementUnmet(f"还有 {len(unseen)} 件没有点交：{named}。请逐件扫码交出；这一趟不送的，请移出。")


def _still_travels(session: Session, line: RunLine) -> bool:
    handover = under_way(session, line.ticket)
    return handover is not None and handover.id == line.handover_id


@registry.effect("run_leaves")
def run_leaves(step: Step) -> None:
    """From now on the originals in the envelopes are with the carrier, and every receiver sees the run."""
    run, session = step.content, step.session
    lines = [line for line in run.lines if line.state == LOADED]
    run.left_at = step.at
    for unit_id in dict.fromkeys(line.to_unit_id for line in lines):
        engine.add_place(step, run, "addressee", session.get_one(Agency, unit_id))
    carrier = carrier_of(run)
    handover = custody.write(
        session, run, "carry", custody.unit(run.place, step.actor), carrier, _envelopes(lines), step.at
    )
    for counted in handover.lines:
        counted.counted = counted.sheets
    if step.inputs.get("signature"):
        handover.to_signature_id = files.store_signature(
            session, run, step.actor, step.inputs["signature"], "送件人签名"
        ).id
    for line in lines:
        custody.hold(session, _originals(line), carrier)
    step.details |= {"lines": len(lines), "envelopes": sum(line.envelopes for line in lines)}


def carrier_of(run: CourierRun) -> custody.Party:
    """Who has the envelopes: the person, or the unit whose van it is with the driver's name."""
    if run.assignee is not None:
        return custody.somebody(run.assignee)
    return custody.Party(f"{custody.full_name(run.place)}车辆（{run.carrier_name}）", run.place_id)


def _envelopes(lines: Iterable[RunLine]) -> list[custody.Line]:
    return [custody.Line(f"{line.ticket.number} 封装件", line.envelopes) for line in lines]


def _originals(line: RunLine) -> list[int]:
    return [one.material_id for one in line.handover.lines if one.original and one.material_id is not None]


# --- Arriving


def receiving_paths(actor: Actor) -> list[str]:
    """Where this actor takes envelopes in."""
    roles = ("community_clerk", "all_round_worker", "window_clerk", "back_office_reviewer", "delegate")
    return [held.path for held in actor.held if held.role in roles]


@registry.effect("tick_run")
def tick_run(step: Step) -> None:
    """What was scanned on arrival; what was thought missing and turns up counts as well."""
    run, session = step.content, step.session
    actor = step.actor.as_substitute_for(step.on_behalf_of.id) if step.on_behalf_of else step.actor
    # A counted envelope was in the hands of whoever counted it, wherever their post is.
    lines = _lines_named(step, (LOADED, MISSING), receiving_paths(actor) if step.cause is None else None)
    carrier = carrier_of(run)
    for unit_id in dict.fromkeys(line.to_unit_id for line in lines):
        here = [line for line in lines if line.to_unit_id == unit_id]
        taker = custody.unit(here[0].to_unit, step.actor)
        arrived = custody.write(session, run, "arrive", carrier, taker, _envelopes(here), step.at)
        for counted in arrived.lines:
            counted.counted = counted.sheets
        for line in here:
            # Whoever has opened and counted the envelope already holds what was in it.
            if step.cause is None and _still_travels(session, line):
                custody.hold(session, _originals(line), taker)
    for line in lines:
        _end(step, line, ARRIVED)
    step.details |= {"lines": [line.position for line in lines]}
    if not missing(run) and not open_lines(run):
        step.after.append(lambda: engine.follow(step, run, "arrive"))


@registry.predicate("run_all_there", why="还有件没有核对到，不能算全部送到。请收件单位逐件扫码核对。")
def run_all_there(session: Session, run: CourierRun, actor: Actor) -> bool:
    return not open_lines(run) and not missing(run)


@registry.requirement("something_missing")
def something_missing(step: Step) -> None:
    lines = _expected_here(step)
    if not lines:
        raise RequirementUnmet("送到本单位的都已核对到，没有缺件。")
    # Tickets before the run, as receiving does: else two desks could wait for each other.
    ids = sorted(line.ticket_id for line in lines)
    step.session.execute(select(Content.id).where(Content.id.in_(ids)).order_by(Content.id).with_for_update())


def _expected_here(step: Step) -> list[RunLine]:
    actor = step.actor.as_substitute_for(step.on_behalf_of.id) if step.on_behalf_of else step.actor
    paths = receiving_paths(actor)
    return [line for line in open_lines(step.content) if any(line.to_unit.path.startswith(path) for path in paths)]


@registry.effect("mark_missing")
def mark_missing(step: Step) -> None:
    """Stands in the history of the run and of each ticket; until it is found it stays with the carrier."""
    lines = _expected_here(step)
    for line in lines:
        _end(step, line, MISSING, step.inputs["comment"])
        journal.record(
            step.session,
            custody.DIFFERENCE,
            step.actor,
            content=line.ticket,
            comment=f"{step.content.number} 送件时缺：{step.inputs['comment']}",
            details={"run": step.content.number, "envelopes": line.envelopes},
            at=step.at,
        )
    step.details |= {"lines": [line.position for line in lines]}


@registry.requirement("nothing_under_way")
def nothing_under_way(step: Step) -> None:
    waiting = open_lines(step.content)
    if waiting:
        named = "、".join(f"{line.ticket.number}（送{line.to_label}）" for line in waiting)
        raise RequirementUnmet(f"还有在途的件：{named}。请等收件单位核对或报缺件后再结。")


@registry.effect("take_run_back")
def take_run_back(step: Step) -> None:
    """What was not delivered is the sender's again and can go with the next run."""
    run, session = step.content, step.session
    lines = open_lines(run)
    if not lines:
        return
    start = custody.unit(run.place, step.actor)
    back = custody.write(session, run, "return", carrier_of(run), start, _envelopes(lines), step.at)
    for counted in back.lines:
        counted.counted = counted.sheets
    for line in lines:
        if _still_travels(session, line):
            custody.hold(session, _originals(line), start)
        _end(step, line, BACK, step.inputs["comment"])
    step.details |= {"lines": [line.position for line in lines]}


@registry.effect("end_run")
def end_run(step: Step) -> None:
    step.content.ended_at = step.at


def open_lines(run: CourierRun) -> list[RunLine]:
    return [line for line in run.lines if line.state == LOADED]


def missing(run: CourierRun) -> list[RunLine]:
    return [line for line in run.lines if line.state == MISSING]


def _counted_at_the_other_end(
    session: Session, content: Content, transition: str, actor: Actor, step: Step | None
) -> None:
    """Whoever receives a ticket has its envelope in hand: nobody scans it a second time for the run."""
    if step is None or transition not in ("receive", "take_over") or not isinstance(content, Delegation):
        return
    line = session.scalar(
        select(RunLine)
        .where(RunLine.ticket_id == content.id, RunLine.state.in_((LOADED, MISSING)))
        .order_by(RunLine.id.desc())
        .limit(1)
    )
    if line is None:
        return
    # Two counters empty one run at the same time: the second waits for the first and goes on from there.
    run = session.get_one(CourierRun, line.run_id, with_for_update=True, populate_existing=True)
    engine.follow(step, run, "tick", numbers=content.number)


registry.listeners.append(_counted_at_the_other_end)


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
