"""The envelopes of a courier run: which may go along, which one a code names, and whose they are meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.agency import Agency
from models.courier_run import ARRIVED, DROPPED, LISTED, LOADED, MISSING, TRAVELLING, CourierRun, RunLine
from models.delegation import Delegation, Handover
from models.errand import Errand
from process import access
from process.access import Actor
from process.refusals import InvalidInput, NotFound
from process.registry import Step
from services import codes, custody, errands

# More does not fit on the paper of one run.
MAX_LINES = 80
# Lists that lie in an envelope, by the state in which the ticket is while they travel; None: any before its end.
UNDER_WAY: Mapping[str, str | None] = {
    "send": "sent",
    "pass_on": "sent",
    "result": "result_sent",
    "supply": None,
    "send_back": None,
    "answer": None,
}


def codes_in(raw: Any) -> list[str]:
    found = [str(one) for one in raw] if isinstance(raw, (list, tuple)) else str(raw).splitlines()
    return [one.strip() for one in found if one.strip()]


def under_way(session: Session, ticket: Delegation) -> Handover | None:
    """The list that lies in the envelope while papers of the ticket are between two units; else nothing travels."""
    if ticket.closed_at is not None:
        return None
    newest = session.scalar(
        select(Handover)
        .where(Handover.content_id == ticket.id, Handover.action.in_(UNDER_WAY))
        .options(selectinload(Handover.lines))
        .order_by(Handover.id.desc())
        .limit(1)
    )
    # Whoever takes over is known by name only once they have counted.
    if newest is None or newest.to_person_id is not None or newest.to_unit_id is None:
        return None
    return newest if UNDER_WAY[newest.action] in (None, ticket.state) else None


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


def put(
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


def named(step: Step, states: Iterable[str], unit_paths: Sequence[str] | None = None) -> list[RunLine]:
    """The lines of this run that the codes name; each code that names none is told with its reason."""
    run, session = step.content, step.session
    found: list[RunLine] = []
    errors: list[str] = []
    for raw in codes_in(step.inputs["numbers"])[: MAX_LINES + 1]:
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


def end(step: Step, line: RunLine, state: str, note: str = "") -> None:
    line.state, line.ended_at, line.ended_by_id, line.note = state, step.at, step.actor.person_id, note[:200]


def still_travels(session: Session, line: RunLine) -> bool:
    handover = under_way(session, line.ticket)
    return handover is not None and handover.id == line.handover_id


def carrier_of(run: CourierRun) -> custody.Party:
    """Who has the envelopes: the person, or the unit whose van it is with the driver's name."""
    if run.carried_by is not None:
        return custody.somebody(run.carried_by)
    return custody.Party(f"{custody.full_name(run.place)}车辆（{run.carrier_name}）", run.place_id)


def envelopes_of(lines: Iterable[RunLine]) -> list[custody.Line]:
    return [custody.Line(f"{line.ticket.number} 封装件", line.envelopes) for line in lines]


def originals_in(line: RunLine) -> list[int]:
    return [one.material_id for one in line.handover.lines if one.original and one.material_id is not None]


def open_lines(run: CourierRun) -> list[RunLine]:
    return [line for line in run.lines if line.state == LOADED]


def missing(run: CourierRun) -> list[RunLine]:
    return [line for line in run.lines if line.state == MISSING]
