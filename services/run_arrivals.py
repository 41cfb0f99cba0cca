"""A run arrives: ticked off by whoever takes the envelopes in; what is missing is known at both ends."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.courier_run import ARRIVED, BACK, LOADED, MISSING, CourierRun, RunLine
from models.delegation import Delegation
from process import engine, journal, registry
from process.access import Actor
from process.refusals import RequirementUnmet
from process.registry import Step
from process.words import N_
from services import custody, notices, run_lines

IS_MISSING = N_("送件 %(number)s 有 %(envelopes)s 封没有送到，请和送件人一起查找。")


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
    lines = run_lines.named(step, (LOADED, MISSING), receiving_paths(actor) if step.cause is None else None)
    carrier = run_lines.carrier_of(run)
    for unit_id in dict.fromkeys(line.to_unit_id for line in lines):
        here = [line for line in lines if line.to_unit_id == unit_id]
        taker = custody.unit(here[0].to_unit, step.actor)
        arrived = custody.write(session, run, "arrive", carrier, taker, run_lines.envelopes_of(here), step.at)
        for counted in arrived.lines:
            counted.counted = counted.sheets
        for line in here:
            # Whoever has opened and counted the envelope already holds what was in it.
            if step.cause is None and run_lines.still_travels(session, line):
                custody.hold(session, run_lines.originals_in(line), taker)
    for line in lines:
        run_lines.end(step, line, ARRIVED)
    step.details |= {"lines": [line.position for line in lines]}
    if not run_lines.missing(run) and not run_lines.open_lines(run):
        step.after.append(lambda: engine.follow(step, run, "arrive"))


@registry.predicate("run_all_there", why="还有件没有核对到，不能算全部送到。请收件单位逐件扫码核对。")
def run_all_there(session: Session, run: CourierRun, actor: Actor) -> bool:
    return not run_lines.open_lines(run) and not run_lines.missing(run)


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
    return [
        line for line in run_lines.open_lines(step.content) if any(line.to_unit.path.startswith(path) for path in paths)
    ]


@registry.effect("mark_missing")
def mark_missing(step: Step) -> None:
    """Stands in the history of the run and of each ticket; until it is found it stays with the carrier."""
    lines = _expected_here(step)
    for line in lines:
        run_lines.end(step, line, MISSING, step.inputs["comment"])
        journal.record(
            step.session,
            custody.DIFFERENCE,
            step.actor,
            content=line.ticket,
            comment=f"{step.content.number} 送件时缺：{step.inputs['comment']}",
            details={"run": step.content.number, "envelopes": line.envelopes},
            at=step.at,
        )
    run: CourierRun = step.content
    # Both ends are told: who sent it looks for it, and who waits for it need not ask.
    for unit in {one.id: one for one in (run.place, *(line.to_unit for line in lines))}.values():
        notices.notify(
            step.session,
            run,
            to=unit,
            kind="run:missing",
            text=IS_MISSING,
            params={"number": run.number, "envelopes": sum(line.envelopes for line in lines)},
            state="short",
            actor=step.actor,
        )
    step.details |= {"lines": [line.position for line in lines]}


@registry.requirement("nothing_under_way")
def nothing_under_way(step: Step) -> None:
    waiting = run_lines.open_lines(step.content)
    if waiting:
        named = "、".join(f"{line.ticket.number}（送{line.to_label}）" for line in waiting)
        raise RequirementUnmet(f"还有在途的件：{named}。请等收件单位核对或报缺件后再结。")


@registry.effect("take_run_back")
def take_run_back(step: Step) -> None:
    """What was not delivered is the sender's again and can go with the next run."""
    run, session = step.content, step.session
    lines = run_lines.open_lines(run)
    if not lines:
        return
    start = custody.unit(run.place, step.actor)
    back = custody.write(
        session, run, "return", run_lines.carrier_of(run), start, run_lines.envelopes_of(lines), step.at
    )
    for counted in back.lines:
        counted.counted = counted.sheets
    for line in lines:
        if run_lines.still_travels(session, line):
            custody.hold(session, run_lines.originals_in(line), start)
        run_lines.end(step, line, BACK, step.inputs["comment"])
    step.details |= {"lines": [line.position for line in lines]}


@registry.effect("end_run")
def end_run(step: Step) -> None:
    step.content.ended_at = step.at


def _counted_at_the_other_end(
    session: Session, content: Content, transition: str, actor: Actor, step: Step | None
) -> None:
    """Whoever receives a ticket has its envelope in hand: nobody scans it a second time for the run."""
    if (
        step is None
        or transition not in ("receive", "take_over", "count_further")
        or not isinstance(content, Delegation)
    ):
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
