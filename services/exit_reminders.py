"""没人领的结果: told once per step — after the days the office set, after twice and after three times as many; then somebody phones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.exit import Outgoing
from process import clock, journal, outbox
from process.access import Actor
from process.refusals import NotAvailable
from services import outgoing, unit_settings
from services.messages import facts, listening

REMIND = "exits.remind"
STEPS = 3
OCCASION = "result_unclaimed"
# In the morning, when people can still go somewhere.
AT = timedelta(hours=9)


def reminds(row: Outgoing) -> bool:
    """Only what the resident has to fetch."""
    return (row.state == outgoing.WAITING and row.way == "counter") or (
        row.state == outgoing.UNDERWAY and row.way == "terminal"
    )


def due_at(session: Session, row: Outgoing, step: int) -> datetime:
    """The morning on which this step is said."""
    days = unit_settings.number(session, row.unit_id, outgoing.UNCLAIMED) * step
    assert row.waits_since is not None
    return clock.end_of(clock.local_day(row.waits_since) + timedelta(days=days)) + AT


def watch(session: Session, row: Outgoing) -> None:
    """Puts the next step into the outbox; what has moved meanwhile is noticed by its day."""
    if not reminds(row) or row.reminded >= STEPS or row.waits_since is None:
        return
    step = row.reminded + 1
    outbox.put(
        session,
        REMIND,
        district=row.district,
        delay=max(due_at(session, row, step) - now(), timedelta()),
        uid=row.uid,
        step=step,
        since=row.waits_since.isoformat(),
    )


def remind(session: Session, args: Mapping[str, Any]) -> bool:
    """The worker's call: said only while it still waits as it did when the step was planned; twice changes nothing."""
    row = session.scalar(select(Outgoing).where(Outgoing.uid == args["uid"]).with_for_update(of=Outgoing))
    if row is None or not reminds(row) or row.waits_since is None or row.waits_since.isoformat() != args["since"]:
        return False
    if row.reminded >= int(args["step"]):
        return False
    if now() < due_at(session, row, int(args["step"])):
        # The office allows more days by now than when this was planned.
        watch(session, row)
        return False
    return _say(session, row, None)


def by_hand(session: Session, actor: Actor, row: Outgoing) -> int:
    """The clerk asks for the next step now; each step is said once."""
    if not reminds(row):
        raise NotAvailable("这件现在不等人来领，不用提醒。")
    if row.reminded >= STEPS:
        raise NotAvailable(f"已经提醒过 {STEPS} 次，不再自动发。请打电话问申请人怎么领。")
    if row.reminded_at is not None and clock.local_day(row.reminded_at) == clock.local_day(now()):
        raise NotAvailable("今天已经提醒过，明天再提醒。")
    _say(session, row, actor)
    return row.reminded


def _say(session: Session, row: Outgoing, actor: Actor | None) -> bool:
    row.reminded, row.reminded_at = row.reminded + 1, now()
    session.flush()
    found = replace(facts.at(session, row.case, row.unit), count=outgoing.days_waiting(row))
    assert row.waits_since is not None
    mark = f"{row.uid}:{int(row.waits_since.timestamp())}:{row.reminded}"
    told = listening.resident(session, row.case, OCCASION, found, once=mark, actor=actor)
    journal.record(session, "exit:remind", actor, content=row.case, details={"step": row.reminded})
    watch(session, row)
    return told is not None
