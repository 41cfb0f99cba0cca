"""停表和继续: time that waits for the owner, an expert review or a hearing does not count; who stopped it and why is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from models.base import now
from models.clock import ClockPause, ClockRun
from models.content import Content
from process import clock, engine, journal, tasks, watching, writing
from process.access import Actor
from process.inputs import clean_text
from process.library import library
from process.refusals import Forbidden, InvalidInput, NotAvailable
from process.runs import BY_HAND, standing
from process.words import N_
from services.projects import tables

CLOCK = "approval"
# What may stop the clock of the approvals; everything else is the office's own time.
GROUNDS: Mapping[str, str] = {
    "owner": N_("等业主补正材料"),
    "expert": N_("专家评审、技术审查"),
    "hearing": N_("听证、公示"),
    "survey": N_("现场勘查、检测"),
}


def run_of(session: Session, content: Content) -> ClockRun | None:
    return clock.current(session, content, CLOCK)


def stands(session: Session, content: Content) -> ClockPause | None:
    """The pause the clock is in now, if somebody stopped it."""
    run = run_of(session, content)
    return standing(run) if run is not None else None


def may_stop(session: Session, content: Content, actor: Actor) -> bool:
    run = run_of(session, content)
    return (
        run is not None
        and run.stopped_on is None
        and content.state in tables.APPROVING
        and tables.works_on(content, actor)
    )


def _require(session: Session, content: Content, actor: Actor) -> ClockRun:
    if not tables.works_on(content, actor):
        raise Forbidden("停表和继续由项目经理或代办员来办。")
    run = run_of(session, content)
    if run is None or run.stopped_on is not None or content.state not in tables.APPROVING:
        raise NotAvailable("审批时限现在没有在走，不能停表。进入“前期准备”起才计时，“可开工”后不再计时。")
    return run


def stop(session: Session, actor: Actor, content: Content, given: Mapping[str, Any]) -> None:
    """The clock stands from today on."""
    tasks.lock(session, content)
    run = _require(session, content, actor)
    if standing(run) is not None:
        raise NotAvailable("审批时限已经停着，不用再停。")
    ground, errors = str(given.get("ground") or ""), {}
    if ground not in GROUNDS:
        errors["ground"] = "请选择停表的原因"
    try:
        words = clean_text(str(given.get("words") or ""), 200)
    except ValueError as problem:
        words, errors["words"] = "", str(problem)
    if not words and "words" not in errors:
        errors["words"] = "请写明在等什么"
    if errors:
        raise InvalidInput(f"还不能停表：{'；'.join(errors.values())}。", errors)
    run.pauses.append(
        ClockPause(
            started_on=clock.local_day(now()),
            reason=BY_HAND,
            words=f"{GROUNDS[ground]}：{words}"[:300],
            person_id=actor.person_id,
        )
    )
    _keep(session, actor, content, run, "stop", f"{GROUNDS[ground]}：{words}")


def go_on(session: Session, actor: Actor, content: Content) -> None:
    """The clock goes on; the days it stood are given back."""
    tasks.lock(session, content)
    run = _require(session, content, actor)
    pause = standing(run)
    if pause is None:
        raise NotAvailable("审批时限正在走，没有停表。")
    pause.ended_on = clock.local_day(now())
    run.due_on, run.legal_due_on = clock.due_dates(clock.calendar(session), run)
    _keep(session, actor, content, run, "go_on", "")


def _keep(session: Session, actor: Actor, content: Content, run: ClockRun, verb: str, words: str) -> None:
    definition = library.of(content, session)
    known = {(content.id, CLOCK): run}
    session.flush()
    writing.keep_deadline(session, content, clock.deadline(session, definition, content, known))
    watching.watch(session, definition, content, known, changed=True, entered=False)
    engine.touch(content)
    journal.record(session, f"project_clock:{verb}", actor, content=content, comment=words or None)


def left(session: Session, content: Content, today: date) -> int | None:
    """Working days left; None while it stands, has not begun or has ended."""
    run = run_of(session, content)
    if run is None or run.stopped_on is not None or run.due_on is None or standing(run) is not None:
        return None
    return clock.working_days_left(session, clock.end_of(run.due_on), now())


def standing_among(session: Session, ids: Sequence[int]) -> set[int]:
    """Which of these projects stand still now."""
    return {
        content_id for (content_id, name), run in clock.runs(session, ids).items() if name == CLOCK and standing(run)
    }
