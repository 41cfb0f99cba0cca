"""同次来访一起批: the matters of one visit that wait for one approver. Each is looked at and approved by itself, through the one
door with its own guards; one that is refused is named and holds up no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from models.case import Case
from process import access, engine
from process.access import Actor
from process.refusals import Refusal
from services import actions, intake

STEP = "approve"


@dataclass(frozen=True)
class Wish:
    """One matter that the approver has looked at: the version that was on the screen, and what is said to it."""

    case: Case
    version: int | None = None
    comment: str = ""


def matters(session: Session, actor: Actor, case: Case) -> list[Case]:
    """Everything of this case's visit that the actor may read, in the order in which it was filed; at least the case itself."""
    visit = intake.of_case(session, case)
    if visit is None:
        return [case]
    others = [matter.case for matter in visit.matters]
    return [one for one in others if one.id == case.id or access.may(actor, access.VIEW_FULL, one, session)]


def waits(case: Case, actor: Actor) -> bool:
    """Whether this very person may approve it now: never whoever reviewed it."""
    return any(step.id == STEP for step in engine.available(case, actor))


def approve(session: Session, actor: Actor, wishes: Iterable[Wish]) -> tuple[list[Case], dict[str, str]]:
    """What was approved, and for each that was not the sentence why."""
    done, refused = [], {}
    for wish in wishes:
        try:
            with session.begin_nested():
                inputs = {"comment": wish.comment} if wish.comment else {}
                actions.perform(wish.case, STEP, actor, inputs, expected_version=wish.version)
        except Refusal as refusal:
            # What the savepoint took back must not stay in memory as if it had happened.
            session.expire_all()
            refused[wish.case.uid] = refusal.detail
        else:
            done.append(wish.case)
    return done, refused
