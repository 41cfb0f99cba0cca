"""The one door: every change of state of every thing goes through `fire`, in the transaction of whoever calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, object_session

from models.agency import Agency
from models.base import new_uid, now
from models.content import Content, ContentPlace
from models.ledger import JournalEntry
from models.person import Person
from models.task import AGREED, REFUSED
from process import access, clock, guards, journal, numbers, registry, tasks, timers, writing
from process.access import NOBODY, Actor
from process.content_types import ContentType
from process.definition import Definition, Transition
from process.inputs import clean_inputs
from process.library import library
from process.refusals import Forbidden, InvalidInput, NotAvailable, RequirementUnmet, Stale, UnknownTransition
from process.registry import Step

# What listeners are told instead of a transition when a thing is born.
CREATE = "create"


def create(
    session: Session,
    content: Content,
    actor: Actor,
    *,
    type_id: str,
    place: Agency,
    at: datetime | None = None,
    details: dict[str, Any] | None = None,
    allowed: bool = False,
) -> Content:
    """Brings a new thing to life in the initial state of its workflow: checked, numbered, journalled.

    `allowed`: made by the system as a consequence of a step that was itself guarded."""
    at = at or now()
    content_type = library.type(type_id)
    if not allowed and not may_create(actor, content_type, place):
        raise Forbidden(f"您在{place.name}没有新建“{content_type.title.zh}”的权限，请联系本单位负责人。")
    if not place.exists_on(clock.local_day(at)):
        raise InvalidInput(f"{place.name}已停止办公，请改选现在办理该业务的单位。", {"place": "单位已停止办公"})
    definition = library.workflows[content_type.workflow]
    content.type, content.workflow, content.workflow_version = type_id, definition.id, definition.digest
    content.state = definition.initial
    content.place_id, content.place_path, content.district = place.id, place.path, place.district
    content.acl_id = access.view_acl(session, definition, definition.initial)
    content.created_at = content.modified_at = content.entered_at = at
    content.closed_at = at if definition.states[definition.initial].terminal else None
    content.version = 1
    content.uid = content.uid or new_uid()
    if content.owner_id is None:
        content.owner_id = actor.person_id
    if content.unit_id is None:
        content.unit_id = place.id
    content.deadline = clock.foreseen(session, definition, content, content.state, at)
    if content_type.series and content.number is None:
        content.number = _number(session, content_type, place, at)
    writing.insert_new(session, content)
    clock.advance(session, definition, content, content.state, at, actor)
    journal.record(
        session,
        f"{type_id}:create",
        actor,
        content=content,
        to_state=content.state,
        details=details,
        at=at,
        first=True,
    )
    timers.arm(session, definition, content, at)
    _open_branches(session, definition, content, at, actor)
    for listener in registry.listeners:
        listener(session, content, CREATE, actor, None)
    return content


def may_create(actor: Actor, content_type: ContentType, place: Agency) -> bool:
    if "anyone" in content_type.create or ("applicant" in content_type.create and actor.resident_id is not None):
        return True
    return any(actor.holds(role, place.path) for role in content_type.create)


def _number(session: Session, content_type: ContentType, place: Agency, at: datetime) -> str:
    series = content_type.series
    assert series is not None
    unit = _coded(session, place) if series.per == "unit" else None
    year, value = numbers.draw(session, series.name, unit.id if unit else place.district, at)
    prefix = series.prefix or (unit.code if unit else place.code)
    return numbers.plain(prefix, year, value, series.digits)


def _coded(session: Session, place: Agency) -> Agency:
    """The street (or the nearest unit above) whose code stands in the numbers of its cases."""
    here: Agency | None = place
    while here is not None and here.kind not in ("street", "town", "district", "city"):
        here = here.parent
    return here or place


def available(content: Content, actor: Actor) -> list[Transition]:
    """What this actor may fire now: the same guard as `fire`, so a button that is shown works."""
    session = _session(content)
    definition = library.of(content, session)
    return [
        t
        for t in definition.exits(content.state)
        if t.trigger == "user"
        and not (content.holds and tasks.holds_back(t))
        and guards.passes(session, content, t.guard, actor, definition)
    ]


def fire(
    content: Content,
    transition_id: str,
    actor: Actor,
    *,
    inputs: Mapping[str, Any] | None = None,
    on_behalf_of: Person | None = None,
    expected_version: int | None = None,
    at: datetime | None = None,
    cause: Step | None = None,
) -> Step:
    """Moves a thing: guard, requirements, compare-and-set, effects, clocks, journal — all or nothing, in the caller's transaction."""
    session = _session(content)
    at = at or (cause.at if cause else now())
    definition = library.of(content, session)
    transition = definition.transitions.get(transition_id)
    if transition is None:
        known = "、".join(f"{t.id}（{t.title.zh}）" for t in available(content, actor)) or "没有"
        raise UnknownTransition(f"没有名为“{transition_id}”的办理动作。现在可以办理的有：{known}。")
    if expected_version is not None and expected_version != content.version:
        raise Stale(
            f"您看到的是第 {expected_version} 版，现在已是第 {content.version} 版。{_last_move(session, content)}请刷新后再办。"
        )
    if content.state not in transition.sources:
        state = definition.states[content.state].title.zh
        raise NotAvailable(
            f"现在的状态是“{state}”，不能“{transition.title.zh}”。{_last_move(session, content)}请刷新后按现在的状态办理。"
        )
    acting = actor
    if on_behalf_of is not None and on_behalf_of.id == actor.person_id:
        on_behalf_of = None
    if on_behalf_of is not None:
        acting = actor.as_substitute_for(on_behalf_of.id)
        if cause is None and not acting.held:
            # Without this, whoever is the assignee anyway could write somebody else's name into the journal.
            raise Forbidden(f"您今天没有代{on_behalf_of.name}的班，不能以其名义办理。")
    if not _triggered(transition, cause):
        _require_guard(session, content, transition, acting, definition, on_behalf_of)
        if content.holds and tasks.holds_back(transition):
            names = "、".join(task.title for task in tasks.holding(session, content))
            raise RequirementUnmet(
                f"还在等{names}的意见，暂时不能“{transition.title.zh}”。可以催办，或者减签、收回后再办。"
            )
    cleaned = clean_inputs(transition, inputs or {})
    return _take(Step(session, content, transition, actor, cleaned, at, content.state, on_behalf_of, cause), definition)


def fire_unattended(
    content: Content,
    transition_id: str,
    *,
    at: datetime | None = None,
    because: str = "",
    cause: Step | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Step:
    """Takes a timer's, an automatic or a join's step: nobody acts, so nobody's guard is asked; everything else is as in `fire`.

    `inputs`: what was typed elsewhere, where the step was taken by a person of another installation."""
    session = _session(content)
    definition = library.of(content, session)
    transition = definition.transitions[transition_id]
    cleaned = clean_inputs(transition, inputs) if inputs is not None else {}
    step = Step(session, content, transition, NOBODY, cleaned, at or now(), content.state, None, cause)
    step.details["trigger"] = because or transition.trigger
    return _take(step, definition)


def _take(step: Step, definition: Definition) -> Step:
    """Requirements, compare-and-set, effects, papers, clocks, journal, and whatever waits for the new state."""
    session, content, transition, actor, at = step.session, step.content, step.transition, step.actor, step.at
    for name in transition.requires:
        registry.requirements[name](step)
    if content.holds and transition.to not in (None, content.state):
        tasks.recall(session, content)
    _move(session, content, transition, definition, at)
    for name in transition.effects:
        registry.effects[name](step)
    for paper in transition.papers:
        assert registry.make_paper is not None, "services/ must be imported before anything is fired"
        registry.make_paper(step, paper)
    if transition.back:
        _give_back(step)
    if content.state != step.from_state:
        tasks.left(session, definition, content, step.from_state, at)
    clock.advance(session, definition, content, content.state, at, actor, step.inputs.get("comment") or "")
    if step.cause is not None:
        step.details.setdefault("because", f"{step.cause.content.type}:{step.cause.transition.id}")
    journal.record(
        session,
        f"{content.type}:{transition.id}",
        actor,
        content=content,
        from_state=step.from_state,
        to_state=content.state,
        comment=step.inputs.get("comment"),
        details=step.details,
        on_behalf_of=step.on_behalf_of,
        at=at,
        # The compare-and-set holds the row.
        locked=True,
    )
    if content.state != step.from_state:
        timers.arm(session, definition, content, at)
        _open_branches(session, definition, content, at, actor)
        if definition.states[content.state].terminal:
            _tell_those_waiting(step)
    for further in step.after:
        further()
    for listener in registry.listeners:
        listener(session, content, transition.id, actor, step)
    return step


def _give_back(step: Step) -> None:
    """A way back ends with whoever had the thing there: the last one who took it on from the state it returns to."""
    row = step.session.execute(
        select(JournalEntry.person_id, JournalEntry.unit_id)
        .where(
            JournalEntry.content_id == step.content.id,
            JournalEntry.from_state == step.content.state,
            # A migration is journalled by the administrator, who never had the thing; and nobody is given what has left.
            JournalEntry.action.startswith(f"{step.content.type}:", autoescape=True),
            JournalEntry.person_id.in_(select(Person.id).where(Person.active.is_(True))),
            JournalEntry.unit_id.is_not(None),
        )
        .order_by(JournalEntry.id.desc())
        .limit(1)
    ).first()
    if row is not None:
        step.content.assignee_id, step.content.unit_id = row.person_id, row.unit_id
        step.session.flush()
        step.session.expire(step.content, ["assignee", "unit"])


def _open_branches(session: Session, definition: Definition, content: Content, at: datetime, actor: Actor) -> None:
    at_once = tasks.entered(session, definition, content, at, actor)
    if at_once is not None:
        fire_unattended(content, at_once, at=at, because="join")


def join(content: Content, *, at: datetime, cause: Step | None = None) -> None:
    """Takes the step that the branches decide, if they have decided."""
    session = _session(content)
    taken = tasks.verdict(session, library.of(content, session), content)
    if taken is not None:
        fire_unattended(content, taken, at=at, because="join", cause=cause)


def _tell_those_waiting(step: Step) -> None:
    """A thing that was made as a branch of another has ended: its outcome is the branch's."""
    for task in tasks.waiting_for(step.session, step.content):
        parent = task.content
        branches = library.of(parent, step.session).states[task.in_state].branches
        branch = next((b for b in (branches.of if branches else ()) if b.id == task.key), None)
        refused = branch is not None and step.content.state in branch.refused_in
        tasks.close(step.session, parent, task, REFUSED if refused else AGREED, step.actor, "", step.at)
        join(parent, at=step.at, cause=step)


def follow(step: Step, content: Content, transition_id: str, **inputs: Any) -> bool:
    """Fires a step of another thing as a consequence of this one, if it can leave its state that way. False: it could not."""
    definition = library.of(content, step.session)
    transition = definition.transitions[transition_id]
    if content.state not in transition.sources:
        return False
    fire(content, transition_id, step.actor, inputs=inputs, on_behalf_of=step.on_behalf_of, cause=step)
    return True


def _triggered(transition: Transition, cause: Step | None) -> bool:
    return cause is not None and f"{cause.content.type}:{cause.transition.id}" in transition.triggered_by


def _require_guard(
    session: Session,
    content: Content,
    transition: Transition,
    actor: Actor,
    definition: Definition,
    on_behalf_of: Person | None,
) -> None:
    if transition.trigger == "user" and guards.passes(session, content, transition.guard, actor, definition):
        return
    guard = transition.guard
    if guard.different_person_than and actor.person_id in guards.did(session, content, guard.different_person_than):
        names = "、".join(definition.transitions[s].title.zh for s in guard.different_person_than)
        raise Forbidden(f"“{transition.title.zh}”必须由另一个人办：您已办过这件的“{names}”。请转给同事。")
    if guard.roles and guards.holds_any(session, content, guard.roles, actor):
        for name in guard.predicates:
            if name in registry.reasons and not registry.predicates[name](session, content, actor):
                raise RequirementUnmet(registry.reasons[name])
    raise Forbidden(f"“{transition.title.zh}”不由您办理。现在经手的是{holder(content)}。")


def _move(session: Session, content: Content, transition: Transition, definition: Definition, at: datetime) -> None:
    """Compare-and-set on (state, version): of two people who press at once, the second one stops here."""
    to = transition.to or content.state
    acl_id = access.view_acl(session, definition, to)
    values: dict[str, Any] = {"state": to, "version": content.version + 1, "modified_at": at, "acl_id": acl_id}
    if to != content.state:
        values["entered_at"] = at
        values["closed_at"] = at if definition.states[to].terminal else None
        values["deadline"] = clock.foreseen(session, definition, content, to, at)
    session.info.pop("did", None)
    if not writing.move(session, content, values):
        session.refresh(content)
        raise Stale(f"就在刚才，这件已被他人办理。{_last_move(session, content)}请刷新后再看。")


def touch(content: Content, *, expected_version: int | None = None, at: datetime | None = None) -> None:
    """Advances the version of a thing that changes without moving; of two people who change it at once one stops here."""
    session = _session(content)
    if expected_version is not None and expected_version != content.version:
        raise Stale(
            f"您看到的是第 {expected_version} 版，现在已是第 {content.version} 版。{_last_move(session, content)}请刷新后再办。"
        )
    if not writing.move(session, content, {"version": content.version + 1, "modified_at": at or now()}):
        raise Stale(f"就在刚才，这件已被他人办理。{_last_move(session, content)}请刷新后再看。")


def add_place(step: Step, content: Content, relation: str, place: Agency) -> None:
    """Gives a second place sight of a thing, because of this step's thing; `end_places` takes exactly that away again."""
    if any(
        p.relation == relation and p.place_id == place.id and p.cause_uid == step.content.uid and p.until is None
        for p in content.places
    ):
        return
    content.places.append(
        ContentPlace(
            relation=relation,
            place_id=place.id,
            place_path=place.path,
            cause=step.content.type,
            cause_uid=step.content.uid,
            since=step.at,
        )
    )
    step.session.flush()


def end_places(step: Step, content: Content) -> None:
    for place in content.places:
        if place.cause_uid == step.content.uid and place.until is None:
            place.until = step.at


def _last_move(session: Session, content: Content) -> str:
    row = session.execute(
        select(JournalEntry.at, JournalEntry.action, Person.name)
        .join(Person, Person.id == JournalEntry.person_id, isouter=True)
        .where(JournalEntry.content_id == content.id, JournalEntry.to_state.is_not(None))
        .order_by(JournalEntry.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return ""
    definition = library.of(content, session)
    step = definition.transitions.get(row.action.partition(":")[2])
    local = row.at.astimezone(numbers.CHINA)
    return (
        f"{row.name or '系统'}已于 {local.month}月{local.day}日 {local:%H:%M} “{step.title.zh if step else '登记'}”。"
    )


def holder(content: Content) -> str:
    if content.assignee is not None:
        return content.assignee.name
    return content.unit.name if content.unit is not None else "受理单位"


def _session(content: Content) -> Session:
    session = object_session(content)
    assert session is not None and inspect(content).persistent, "the thing must have been created first"
    return session
