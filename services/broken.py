"""失信: what somebody promised or committed to lately and did not keep; who broke a word is not trusted at once again."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.commitment import Commitment
from models.paper import Certificate
from models.promise import OwedMaterial
from process import clock, registry
from process.calendar_days import say
from process.refusals import RequirementUnmet
from process.registry import Step
from services import unit_settings

MONTHS = "broken_months"
LISTED = 20


@dataclass(frozen=True)
class Broken:
    """One word that was not kept: in which matter, about what, since when."""

    number: str
    subject: str
    day: date
    words: str


def broken_by(session: Session, resident_id: int | None, unit_id: str | None, today: date) -> Sequence[Broken]:
    """Owed papers that never came and commitments that were not kept, within the months that the office decided, newest first."""
    if resident_id is None:
        return ()
    since = months_before(today, unit_settings.number(session, unit_id, MONTHS))
    owed = session.scalars(
        select(OwedMaterial)
        .where(OwedMaterial.resident_id == resident_id, OwedMaterial.lapsed_on > since)
        .order_by(OwedMaterial.lapsed_on.desc())
        .limit(LISTED)
    )
    committed = session.scalars(
        select(Commitment)
        .where(Commitment.resident_id == resident_id, Commitment.broken_on > since)
        .order_by(Commitment.broken_on.desc())
        .limit(LISTED)
    )
    found = []
    for line in owed:
        day = line.lapsed_on or line.due
        words = f"承诺补交的“{line.paper}”到 {say(day)} 没有补"
        found.append(Broken(line.thing.number or "", line.paper, day, words))
    for one in committed:
        words = f"承诺的“{one.subject}”核查没有兑现"
        found.append(Broken(one.case.number or "", one.subject, one.broken_on or one.due, words))
    return sorted(found, key=lambda one: one.day, reverse=True)[:LISTED]


def months_before(day: date, months: int) -> date:
    """The same day so many calendar months earlier; the last of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def nothing_numbered(session: Session, case_id: int) -> None:
    """Approved before the word was broken: what has a number already is voided by whoever issues, not left behind."""
    made = session.scalar(
        select(Certificate.number)
        .where(Certificate.case_id == case_id, Certificate.state.in_(("numbered", "sealed", "printed")))
        .limit(1)
    )
    if made is not None:
        raise RequirementUnmet(f"证照 {made} 已经编号还没有发出。请发证人员先把它“作废”，再终止办理。")


@registry.requirement("no_broken_promise")
def no_broken_promise(step: Step) -> None:
    """Whoever broke a word is asked for everything at once, for the time that the office decided."""
    found = broken_by(step.session, step.content.applicant_id, step.actor.unit_id, clock.local_day(step.at))
    if found:
        months = unit_settings.number(step.session, step.actor.unit_id, MONTHS)
        raise RequirementUnmet(
            f"申请人在 {found[0].number} {found[0].words}，{months} 个月内不能再容缺受理或承诺备案。"
            "请一次性告知补齐材料后受理。"
        )


# Definitions in use ask under either name.
registry.requirement("no_broken_commitment")(no_broken_promise)
