"""内部退回: what colleagues give back to each other — approver to reviewer, reviewer to the desk that accepted.

The state stays, the clock runs on, and nothing of it is the visitor's: neither page nor message nor trip counter tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Case
from models.ledger import JournalEntry
from models.person import Person
from process import access, registry
from process.access import Actor
from process.registry import Step
from process.words import N_
from services import notices

MARK = "_inside"
REVIEW, INTAKE = "review", "intake"
# Who may answer, at which end: whoever could have taken the step that is looked at again.
ANSWERS = {
    REVIEW: frozenset({"back_office_reviewer@addressee", "all_round_worker@addressee"}),
    INTAKE: frozenset(
        {"window_clerk@addressee", "window_clerk@origin", "community_clerk@origin", "all_round_worker@origin"}
    ),
}
FIRST = {REVIEW: ("review", "review_again"), INTAKE: ("accept", "defer")}
# Steps between colleagues: in the history for those who work on the case, for nobody else.
STEPS = ("return_review", "review_again", "return_intake", "answer_inside", "take_inside")
ACTIONS = frozenset(f"case:{step}" for step in STEPS)


@dataclass(frozen=True)
class Asked:
    """Something given back and not answered yet: to which end, by whom, since when, and how often so far."""

    end: str
    by_id: int | None
    since: datetime
    times: int


def asked(case: Case) -> Asked | None:
    """What a colleague still has to look at again."""
    kept: dict[str, Any] = (case.fields or {}).get(MARK) or {}
    if not kept.get("end"):
        return None
    return Asked(kept["end"], kept.get("by"), datetime.fromisoformat(kept["since"]), int(kept.get("times", 1)))


def reason(session: Session, case: Case) -> tuple[str, str]:
    """Who gave it back last and in which words; only for those who work on it."""
    row = session.execute(
        select(Person.name, JournalEntry.comment)
        .outerjoin(Person, Person.id == JournalEntry.person_id)
        .where(
            JournalEntry.content_id == case.id, JournalEntry.action.in_(("case:return_review", "case:return_intake"))
        )
        .order_by(JournalEntry.id.desc())
        .limit(1)
    ).first()
    return (row[0] or "", row[1] or "") if row is not None else ("", "")


# --- Guards


@registry.predicate("not_given_back", why="这件已退回同事复核，还没有送回来。等对方核对后再办。")
def not_given_back(session: Session, case: Case, actor: Actor) -> bool:
    return asked(case) is None


@registry.predicate("given_back_to_review", why="这件没有退回审核人，不用复审。")
def given_back_to_review(session: Session, case: Case, actor: Actor) -> bool:
    return _stands_at(case, actor, REVIEW)


@registry.predicate("given_back_to_intake", why="这件没有退回受理人，不用核对。")
def given_back_to_intake(session: Session, case: Case, actor: Actor) -> bool:
    return _stands_at(case, actor, INTAKE)


@registry.predicate("may_ask_intake", why="只有轮到审核的时候才能退回受理人。")
def may_ask_intake(session: Session, case: Case, actor: Actor) -> bool:
    """While the review is the next thing: at first, or again."""
    found = asked(case)
    return found is None if case.state != "reviewed" else found is not None and found.end == REVIEW


@registry.predicate("may_notify_now", why="这件已经审核过了。要再补材料，请审批人先退回审核人。")
def may_notify_now(session: Session, case: Case, actor: Actor) -> bool:
    """Behind the review only what the approver gave back is asked for outside."""
    return case.state != "reviewed" or given_back_to_review(session, case, actor)


@registry.predicate("colleague_away", why="这件没有退回，或者已经在您手里。")
def colleague_away(session: Session, case: Case, actor: Actor) -> bool:
    """Somebody of the same duty takes over from a colleague who is not in today."""
    found = asked(case)
    return found is not None and case.assignee_id != actor.person_id and _stands_at(case, actor, found.end)


def _stands_at(case: Case, actor: Actor, end: str) -> bool:
    found = asked(case)
    return found is not None and found.end == end and not access.tokens(case, actor).isdisjoint(ANSWERS[end])


# --- Given back, answered


@registry.effect("give_back_to_review")
def give_back_to_review(step: Step) -> None:
    """To whoever reviewed last; a colleague of the same duty may take it over."""
    _give(step, REVIEW)


@registry.effect("give_back_to_intake")
def give_back_to_intake(step: Step) -> None:
    """To whoever accepted."""
    _give(step, INTAKE)


def _give(step: Step, end: str) -> None:
    case: Case = step.content
    before = (case.fields or {}).get(MARK) or {}
    nested = bool(before.get("end"))
    kept = {
        "end": end,
        "by": step.actor.person_id,
        "since": step.at.isoformat(),
        "times": int(before.get("times", 0)) + 1,
        # Who had it before anything was given back: has it again afterwards, and stands on the visitor's page meanwhile.
        "held": before.get("held") if nested else case.assignee_id,
        # Behind it may wait an approver's question: the answer goes back to the reviewer, not past them.
        "then": before.get("by") if nested else None,
    }
    case.fields = {**(case.fields or {}), MARK: kept}
    person = _who_did(step.session, case, FIRST[end])
    _hand(step, person.id if person is not None else None)
    step.details |= {"end": end, "times": kept["times"]} | ({"to_person": person.id} if person is not None else {})
    if person is not None:
        _tell(step, person, N_("%(number)s 退回给您复核，原因写在办件里。"))


@registry.effect("answer_given_back")
def answer_given_back(step: Step) -> None:
    """Looked at again: it goes back to whoever asked; what the approver asked the reviewer stays open behind it."""
    case: Case = step.content
    found = asked(case)
    if found is None:
        return
    kept = dict((case.fields or {})[MARK])
    if kept.get("then") is not None and step.transition.to is None:
        further = {"end": REVIEW, "by": kept["then"], "since": step.at.isoformat(), "then": None}
        case.fields = {**(case.fields or {}), MARK: kept | further}
        _hand(step, found.by_id)
    else:
        case.fields = {**(case.fields or {}), MARK: {"times": found.times}}
        _hand(step, kept.get("held"))
    asker = step.session.get(Person, found.by_id) if found.by_id is not None else None
    if asker is not None and asker.active and asker.id != step.actor.person_id:
        outside = step.transition.to is not None
        _tell(
            step,
            asker,
            N_("%(number)s 同事核对后请申请人补材料，补齐了再办。")
            if outside
            else N_("%(number)s 同事已经核对好，送回来了。"),
        )


def _hand(step: Step, person_id: int | None) -> None:
    step.content.assignee_id = person_id
    step.session.flush()
    step.session.expire(step.content, ["assignee"])


def _tell(step: Step, person: Person, text: str) -> None:
    case: Case = step.content
    notices.notify(
        step.session,
        case,
        to=person,
        kind="case:given_back",
        text=text,
        params={"number": case.number or ""},
        actor=step.actor,
    )


def shown_holder(session: Session, case: Case) -> Person | None:
    """Whom the visitor reads as having it: as it was before colleagues gave it back to each other."""
    if asked(case) is None:
        return case.assignee
    held = (case.fields or {})[MARK].get("held")
    return session.get(Person, held) if held is not None else None


@registry.effect("take_over_given_back")
def take_over_given_back(step: Step) -> None:
    _hand(step, step.actor.person_id)


def _who_did(session: Session, case: Case, steps: tuple[str, ...]) -> Person | None:
    return session.scalar(
        select(Person)
        .join(JournalEntry, JournalEntry.person_id == Person.id)
        .where(
            JournalEntry.content_id == case.id,
            JournalEntry.action.in_(tuple(f"case:{step}" for step in steps)),
            Person.active.is_(True),
        )
        .order_by(JournalEntry.id.desc())
        .limit(1)
    )
