"""Side by side within a state: branches and their join, signers added by hand, colleagues asked. One row each in `task`.

The row of the thing is locked before anything here changes, so that of two last opinions one sees the other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import AclToken, Content, ContentPerson, ContentPlace
from models.ledger import JournalEntry
from models.person import Person
from models.task import AGREED, BRANCH, CANCELLED, CONSULT, OPEN, REFUSED, SIGNER, Task
from process import access, clock
from process.access import Actor
from process.calendar_days import CalendarMissing
from process.definition import SPECIAL_TOKENS, Branch, Branches, Definition, Transition
from process.library import library
from process.refusals import InvalidInput

RELATION = {SIGNER: "signer", CONSULT: "consultant"}


def lock(session: Session, content: Content) -> None:
    """Nobody else moves this thing or opens, closes or counts its tasks until the transaction ends."""
    session.flush()
    seen = ["state", "version", "holds", "workflow_version", "acl_id", "entered_at", "assignee_id", "unit_id"]
    session.refresh(content, seen, with_for_update=True)


def of(session: Session, content: Content) -> Sequence[Task]:
    """Every task of a thing, oldest first, as the database has them: what was read before the lock may be old."""
    session.flush()
    return session.scalars(
        select(Task).where(Task.content_id == content.id).order_by(Task.id).execution_options(populate_existing=True)
    ).all()


def may_have_some(session: Session, content: Content) -> bool:
    """Whether it is worth looking: most processes wait for one hand only, and have drawn nobody in."""
    if content.holds or content.people:
        return True
    return any(state.branches for state in library.of(content, session).states.values())


def current(session: Session, content: Content) -> list[Task]:
    """The tasks of the state the thing is in now, of its last round there, without the cancelled ones."""
    found = [t for t in of(session, content) if t.in_state == content.state and t.state != CANCELLED]
    last = max((t.round for t in found), default=0)
    return [t for t in found if t.round == last]


def holding(session: Session, content: Content) -> list[Task]:
    """Signers and colleagues asked without whose word the state is not left forward."""
    return [t for t in current(session, content) if _holds(t)]


def _holds(task: Task) -> bool:
    return (task.kind in (SIGNER, CONSULT) and task.state == OPEN) or (task.kind == SIGNER and task.state == REFUSED)


def holds_back(transition: Transition) -> bool:
    """A step forward waits for the signers; going back, refusing and withdrawing do not."""
    return transition.trigger == "user" and not (transition.back or transition.dangerous)


def left(session: Session, definition: Definition, content: Content, state: str, at: datetime) -> None:
    """The thing has left `state`: what was still open there has no object any more, and neither has the sight it gave."""
    if not content.holds and definition.states[state].branches is None:
        return
    for task in of(session, content):
        if task.in_state != state:
            continue
        spoken = task.state != OPEN
        if not spoken:
            task.state, task.closed_at = CANCELLED, at
        # Who was asked by name and has spoken may go on seeing what came of it.
        if task.kind == BRANCH or not spoken:
            _end_sight(session, task, at)
    content.holds = 0
    session.flush()


def recall(session: Session, content: Content) -> None:
    """A step that waits for nobody is taken while a colleague is still asked: the thing is with whoever asked again."""
    for task in holding(session, content):
        if task.kind == CONSULT and content.assignee_id == task.person_id:
            content.assignee_id = task.asked_by_id
            session.flush()
            session.expire(content, ["assignee"])


def entered(session: Session, definition: Definition, content: Content, at: datetime, actor: Actor) -> str | None:
    """Opens the branches of the state just entered; answers the transition to take at once when there is nothing to wait for."""
    branches = definition.states[content.state].branches
    if branches is None:
        return None
    again = session.scalar(
        select(func.max(Task.round)).where(Task.content_id == content.id, Task.in_state == content.state)
    )
    number = (again or 0) + 1
    opened = [
        _open(session, content, branch, key, title, place, number, at, actor)
        for branch, key, title, place in _planned(session, content, branches)
    ]
    session.flush()
    if not opened:
        return branches.done
    # An object that ended with its birth has already spoken.
    return verdict(session, definition, content) if any(t.state != OPEN for t in opened) else None


def rearranged(
    session: Session, old: Definition, new: Definition, content: Content, at: datetime, actor: Actor
) -> str | None:
    """The thing goes on in its state by another version: branches that are no more are dropped, further ones opened."""
    before, branches = old.states[content.state].branches, new.states[content.state].branches
    if before == branches:
        return None
    found = [t for t in current(session, content) if t.kind == BRANCH]
    planned = _planned(session, content, branches) if branches else []
    keys = {(key, bool(branch.type)) for branch, key, _, _ in planned}
    for task in found:
        if (task.key, task.sub_content_id is not None) not in keys:
            task.state, task.closed_at = CANCELLED, at
            _end_sight(session, task, at)
    session.flush()
    if branches is None:
        return None
    kept = {t.key for t in found if t.state != CANCELLED}
    number = max((t.round for t in of(session, content) if t.in_state == content.state), default=1)
    for branch, key, title, place in planned:
        if key not in kept:
            _open(session, content, branch, key, title, place, number, at, actor)
    session.flush()
    return verdict(session, new, content) if planned else branches.done


def _planned(session: Session, content: Content, branches: Branches) -> list[tuple[Branch, str, str, Agency]]:
    if branches.every is not None:
        # Whoever is an addressee for two reasons is heard once; an office that has closed has nobody to be heard.
        places = {p.place_id: p.place for p in content.places if p.relation == "addressee" and p.until is None}
        today = clock.local_day(now())
        return [(branches.every, place.id, place.name, place) for place in places.values() if place.exists_on(today)]
    return [(branch, branch.id, branch.title.zh, _unit(session, content, branch)) for branch in branches.of]


def _unit(session: Session, content: Content, branch: Branch) -> Agency:
    """Where a branch is answered: the unit its field names, or, when that is empty, the thing's own place."""
    named = content.values.get(branch.unit) if branch.unit else None
    if not named:
        return content.place
    place = session.get(Agency, named) if isinstance(named, str) else None
    if place is None or not place.exists_on(clock.local_day(now())):
        what = place.name if place else str(named)[:40]
        raise InvalidInput(
            f"“{branch.title.zh}”要由“{what}”给意见，但没有这个单位或它已停止办公。请先把单位改成现在办公的，再办这一步。",
            {branch.unit: "单位已停止办公，请改选"},
        )
    return place


def _open(
    session: Session,
    content: Content,
    branch: Branch,
    key: str,
    title: str,
    place: Agency,
    number: int,
    at: datetime,
    actor: Actor,
) -> Task:
    task = Task(
        content_id=content.id,
        district=content.district,
        kind=BRANCH,
        key=key,
        title=title,
        in_state=content.state,
        round=number,
        place_id=place.id,
        place_path=place.path,
        opened_at=at,
        deadline=_deadline(session, branch, at),
    )
    session.add(task)
    if branch.roles:
        task.acl_id = access.intern(session, branch.roles)
        if place.path != content.place_path:
            session.flush()
            content.places.append(
                ContentPlace(
                    relation="addressee",
                    place_id=place.id,
                    place_path=place.path,
                    cause="task",
                    cause_uid=task.uid,
                    since=at,
                )
            )
    else:
        # The kernel makes the object that is waited for, and the engine is what makes objects.
        from process import engine

        sub = Content(
            kind="content",
            title=f"{content.title} · {title}"[:200],
            applicant_id=content.applicant_id,
            fields={"parent": content.uid},
        )
        engine.create(session, sub, actor, type_id=branch.type, place=place, at=at, allowed=True)
        task.sub_content_id = sub.id
        if sub.closed_at is not None:
            task.state, task.closed_at = (REFUSED if sub.state in branch.refused_in else AGREED), at
    return task


def _deadline(session: Session, branch: Branch, at: datetime) -> datetime | None:
    if branch.working_days is None:
        return None
    try:
        return clock.end_of(clock.calendar(session).add_working_days(clock.local_day(at), branch.working_days))
    except CalendarMissing:
        return None


def verdict(session: Session, definition: Definition, content: Content) -> str | None:
    """The transition that the join takes now, or None while it still waits."""
    branches = definition.states[content.state].branches
    if branches is None:
        return None
    found = [t for t in current(session, content) if t.kind == BRANCH]
    agreed = sum(t.state == AGREED for t in found)
    still_open = sum(t.state == OPEN for t in found)
    # A share is meant exactly: 0.55 of 20 are 11, though the machine says a little more.
    needed = {"all": len(found), "any": 1}.get(branches.join, math.ceil(branches.share * len(found) - 1e-9))
    if agreed and agreed >= needed:
        # Signers added by hand hold back the join as they hold back every step forward.
        return None if content.holds else branches.done
    # A refused branch stops no other: the others are heard first.
    return None if still_open else branches.refused


def may_answer(session: Session, task: Task, actor: Actor, definition: Definition) -> bool:
    """Whether this actor's word is the one that is waited for."""
    if task.state != OPEN or actor.person_id is None or task.sub_content_id is not None:
        return False
    if task.person_id is not None:
        return task.person_id in actor.persons
    branches = definition.states[task.in_state].branches
    if branches is None or task.place_path is None:
        return False
    branch = branches.every or next((b for b in branches.of if b.id == task.key), None)
    return branch is not None and any(actor.holds(role, task.place_path) for role in branch.roles)


def answered_by(session: Session, task: Task) -> set[int]:
    """Who has spoken in the same round."""
    spoken = session.execute(
        select(Task.uid, Task.closed_by_id).where(
            Task.content_id == task.content_id,
            Task.in_state == task.in_state,
            Task.round == task.round,
            Task.state.in_((AGREED, REFUSED)),
        )
    ).all()
    people = {row.closed_by_id for row in spoken}
    # In person or through a substitute: the journal knows for whom.
    for row in session.execute(
        select(JournalEntry.substitute_for_id, JournalEntry.details).where(
            JournalEntry.content_id == task.content_id,
            JournalEntry.action.in_(("task:agreed", "task:refused")),
            JournalEntry.substitute_for_id.is_not(None),
        )
    ):
        if row.details.get("task") in {uid for uid, _ in spoken}:
            people.add(row.substitute_for_id)
    return people - {None}


def ask(
    session: Session, content: Content, kind: str, person: Person, actor: Actor, question: str, at: datetime
) -> Task:
    """Draws a person into the state by name: a signer, or a colleague who gives it back."""
    number = max((t.round for t in of(session, content) if t.in_state == content.state), default=1)
    task = Task(
        content_id=content.id,
        district=content.district,
        kind=kind,
        title=person.name,
        in_state=content.state,
        round=number,
        person_id=person.id,
        asked_by_id=actor.person_id,
        question=question or None,
        opened_at=at,
    )
    session.add(task)
    session.flush()
    content.people.append(
        ContentPerson(person_id=person.id, relation=RELATION[kind], cause_uid=task.uid, by_id=actor.person_id, since=at)
    )
    content.holds += 1
    session.flush()
    return task


def close(session: Session, content: Content, task: Task, state: str, actor: Actor, answer: str, at: datetime) -> None:
    """Writes an opinion, or ends a task without one (`cancelled`)."""
    held = _holds(task)
    task.state, task.answer, task.closed_by_id, task.closed_at = state, answer or None, actor.person_id, at
    if held and not _holds(task):
        content.holds = max(content.holds - 1, 0)
    if state == CANCELLED:
        _end_sight(session, task, at)
    session.flush()


def reopen(session: Session, content: Content, task: Task) -> None:
    """Takes an opinion back while the round still goes on."""
    held = _holds(task)
    task.state, task.answer, task.closed_by_id, task.closed_at = OPEN, None, None, None
    if not held and _holds(task):
        content.holds += 1
    session.flush()


def waiting_for(session: Session, content: Content) -> list[Task]:
    """Open branches that wait for this thing to end; the thing that has them is locked before they are believed to be open."""
    parents = select(Content).join(Task, Task.content_id == Content.id)
    for parent in session.scalars(parents.where(Task.sub_content_id == content.id, Task.state == OPEN)).all():
        lock(session, parent)
    return list(
        session.scalars(
            select(Task)
            .where(Task.sub_content_id == content.id, Task.state == OPEN)
            .order_by(Task.id)
            .execution_options(populate_existing=True)
        )
    )


def open_for(actor: Actor) -> ColumnElement[bool]:
    """The condition on `task` for what waits for this actor's word."""
    by_path: dict[str, set[str]] = defaultdict(set)
    for held in actor.held:
        if held.role not in SPECIAL_TOKENS:
            by_path[held.path].add(held.role)
    mine = [Task.person_id == actor.person_id]
    mine += [Task.person_id == held for held in {h.principal_id for h in actor.held if h.principal_id is not None}]
    for path, roles in sorted(by_path.items()):
        acls = select(AclToken.acl_id).where(AclToken.token.in_(sorted(roles)))
        mine.append(and_(Task.person_id.is_(None), access.within(Task.place_path, path), Task.acl_id.in_(acls)))
    return and_(Task.state == OPEN, or_(*mine))


def _end_sight(session: Session, task: Task, at: datetime) -> None:
    for place in task.content.places:
        if place.cause_uid == task.uid and place.until is None:
            place.until = at
    for person in task.content.people:
        if person.cause_uid == task.uid and person.until is None:
            person.until = at
