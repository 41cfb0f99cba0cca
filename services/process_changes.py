"""Changing a process while things are under way: try it on the open ones, put it in force, move them, go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

import services
from models.base import now
from models.content import Content, WorkflowVersion
from models.ledger import JournalEntry
from models.release import ProcessMigration, ProcessRelease
from process import access, clock, engine, journal, library, outbox, releases, sources, tasks, timers
from process.access import Actor
from process.definition import Definition
from process.parsing import parse
from process.refusals import Conflict, DefinitionError, InvalidInput, NotFound, Refusal, Stale
from services import process_trial

MIGRATE = "process.migrate"
SLICE = 200
MAX_SOURCE = 400_000


def read(workflow: str, source: str) -> Definition:
    """The definition typed or uploaded for a process, checked alone and together with all others. Raises DefinitionError."""
    file = f"{workflow}.yaml"
    if len(source) > MAX_SOURCE:
        raise DefinitionError(
            file, "(file)", f"is longer than {MAX_SOURCE} characters", "a process has a few hundred lines"
        )
    data = sources.read(source, file)
    names = library.vocabulary(services.role_names(), services.paper_names())
    definition = parse(data, file, names)
    if definition.id != workflow:
        raise DefinitionError(file, "id", f"is '{definition.id}'", f"this page changes '{workflow}'")
    shelf = library.library
    library.check_together(shelf.types, {**shelf.workflows, workflow: definition})
    return definition


def text_of(workflow: str, data: bytes) -> str:
    """An uploaded file as text. Anything but UTF-8 would come into force with every Chinese word broken."""
    file = f"{workflow}.yaml"
    if len(data) > MAX_SOURCE:
        raise DefinitionError(file, "(file)", f"is longer than {MAX_SOURCE} bytes", "a process has a few hundred lines")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DefinitionError(
            file, f"line {line}", "is not UTF-8", "save the file as UTF-8 and upload it again"
        ) from error


def source_of(definition: Definition) -> str:
    """A definition as text to be edited. Comments of the shipped file are not part of it."""
    return yaml.dump(dict(definition.source), Dumper=_Plain, allow_unicode=True, sort_keys=False, width=120)


class _Plain(yaml.SafeDumper):
    """Writes everything out: what two states share, a person wants to change in one of them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def in_force(workflow: str) -> Definition:
    found = library.library.workflows.get(workflow)
    if found is None:
        raise NotFound()
    return found


def _alone(session: Session, workflow: str) -> Definition:
    """The version in force, while nobody else releases or migrates this process until the transaction ends."""
    shipped = library.library.shipped.get(workflow)
    if shipped is None:
        raise NotFound()
    session.get(WorkflowVersion, shipped.digest, with_for_update=True, populate_existing=True)
    releases.refresh(session, at_once=True)
    return in_force(workflow)


def release(
    session: Session, actor: Actor, definition: Definition, reason: str, *, seen: str | None = None
) -> ProcessRelease:
    """Puts a version in force for everything that begins from now on. What is under way stays with its version.

    `seen`: the digest of the version that was changed; another one in force meanwhile is not overwritten unseen."""
    if not reason.strip():
        raise InvalidInput("请写明为什么改这个流程，这句话会留在变更记录里。", {"reason": "请写明原因"})
    before = _alone(session, definition.id)
    if seen is not None and seen != before.digest:
        raise Stale("您改的时候，别人发布了这个流程的另一版。请先与现行版本比较，把您的改动加到现行版本上再发布。")
    if before.digest == definition.digest:
        raise Conflict("这一版与现在生效的一模一样，没有可以发布的变化。")
    releases.store(session, definition)
    row = ProcessRelease(
        workflow=definition.id,
        digest=definition.digest,
        before=before.digest,
        reason=reason.strip(),
        person_id=actor.person_id,
        at=now(),
    )
    session.add(row)
    session.flush()
    journal.record(
        session,
        "process:release",
        actor,
        stream="system",
        comment=reason,
        details={"workflow": definition.id, "digest": definition.digest, "before": before.digest},
    )
    library.library.remember(definition)
    return row


def start_migration(
    session: Session, actor: Actor, workflow: str, mapping: Mapping[str, str], reason: str
) -> ProcessMigration:
    """Moves every open thing of the process to the version in force, slice by slice in the background."""
    new = _alone(session, workflow)
    if not reason.strip():
        raise InvalidInput("请写明为什么迁移，这句话会写进每一件的经过。", {"reason": "请写明原因"})
    _require_rest(session, workflow)
    tried = process_trial.dry_run(session, new, mapping)
    if tried.open == 0:
        raise Conflict("没有需要迁移的办件：在办的都已经是现行版本。")
    unknown = {old: to for old, to in mapping.items() if to not in new.states}
    if unknown:
        raise InvalidInput(
            f"新版本里没有名为“{next(iter(unknown.values()))}”的状态。", {f"to_{next(iter(unknown))}": "请重新选择"}
        )
    closing = {old: to for old, to in mapping.items() if new.states[to].terminal}
    if closing:
        raise InvalidInput(
            f"“{next(iter(closing.values()))}”是终点：办结要由人一步一步办，不能靠迁移。请选一个还在办的状态。",
            {f"to_{next(iter(closing))}": "请选还在办的状态"},
        )
    if tried.lost:
        state = next(iter(tried.lost))
        raise InvalidInput(
            f"有 {tried.lost[state]} 件在“{state}”，新版本没有这个状态。请为它选一个新状态。", {f"to_{state}": "请选择"}
        )
    made = ProcessMigration(
        workflow=workflow,
        digest=new.digest,
        mapping=dict(mapping),
        reason=reason.strip(),
        person_id=actor.person_id,
        at=now(),
    )
    session.add(made)
    session.flush()
    journal.record(
        session,
        "process:migrate",
        actor,
        stream="system",
        comment=reason,
        details={"migration": made.id, "workflow": workflow, "digest": new.digest, "mapping": dict(mapping)},
    )
    outbox.put(session, MIGRATE, migration_id=made.id)
    return made


def _require_rest(session: Session, workflow: str) -> None:
    running = session.scalar(
        select(ProcessMigration.id).where(
            ProcessMigration.workflow == workflow, ProcessMigration.status.in_(("running", "reverting"))
        )
    )
    if running is not None:
        raise Conflict("这个流程还有一次迁移没有做完，请等它结束。")


def start_return(session: Session, actor: Actor, workflow: str, migration_id: int, reason: str) -> ProcessMigration:
    """Takes a migration back: whatever nobody has touched since stands again where it stood, in the version it had."""
    _alone(session, workflow)
    made = session.get(ProcessMigration, migration_id, with_for_update=True, populate_existing=True)
    if made is None or made.workflow != workflow:
        raise NotFound()
    if made.status != "done":
        raise Conflict("只有已经做完、还没有退回过的迁移可以退回。")
    if not reason.strip():
        raise InvalidInput("请写明为什么退回。", {"reason": "请写明原因"})
    _require_rest(session, workflow)
    made.status, made.last_id = "reverting", 0
    session.flush()
    journal.record(
        session,
        "process:return",
        actor,
        stream="system",
        comment=reason,
        details={"migration": made.id, "workflow": made.workflow},
    )
    outbox.put(session, MIGRATE, migration_id=made.id)
    return made


def migrate_slice(session: Session, migration_id: int) -> bool:
    """One slice of a migration or of its return. False: nothing was left, and the migration is closed."""
    made = session.get(ProcessMigration, migration_id, with_for_update=True)
    if made is None or made.status not in ("running", "reverting"):
        return False
    forward = made.status == "running"
    things = _slice(session, made, forward)
    actor = access.load_actor(session, made.person_id or 0, clock.local_day(now()))
    for thing in things:
        made.last_id = thing.id
        try:
            # What cannot be moved stays where it is and is counted; it must not hold up all the others.
            with session.begin_nested():
                (_move if forward else _return)(session, made, thing, actor)
        except Refusal:
            made.stayed += 1
    if len(things) < SLICE:
        made.status = "done" if forward else "reverted"
        session.flush()
        return False
    outbox.put(session, MIGRATE, migration_id=made.id)
    session.flush()
    return True


def _slice(session: Session, made: ProcessMigration, forward: bool) -> Sequence[Content]:
    statement = select(Content).where(Content.id > made.last_id).order_by(Content.id).limit(SLICE)
    if forward:
        statement = statement.where(
            Content.workflow == made.workflow, Content.closed_at.is_(None), Content.workflow_version != made.digest
        )
    else:
        statement = statement.where(Content.workflow == made.workflow, Content.workflow_version == made.digest)
    return session.scalars(statement.with_for_update()).all()


def _move(session: Session, made: ProcessMigration, thing: Content, actor: Actor) -> None:
    new = library.library.version(made.digest, session)
    to = made.mapping.get(thing.state, thing.state)
    if to not in new.states or new.states[to].terminal:
        # It came into a state that the new version lacks after the mapping was made; somebody must decide about it.
        made.stayed += 1
        return
    before = {"version": thing.workflow_version, "state": thing.state, "row": thing.version + 1}
    join = _place(session, thing, new, to, actor)
    _record(session, made, thing, actor, "process:move", before)
    _join(thing, join)
    made.moved += 1


def _return(session: Session, made: ProcessMigration, thing: Content, actor: Actor) -> None:
    row = session.scalar(
        select(JournalEntry)
        .where(JournalEntry.content_id == thing.id, JournalEntry.action == "process:move")
        .order_by(JournalEntry.id.desc())
        .limit(1)
    )
    if row is None or row.details.get("migration") != made.id:
        return
    if row.details["row"] != thing.version:
        # Somebody has worked on it in the new version: going back would undo their work.
        made.stayed += 1
        return
    old = library.library.version(row.details["version"], session)
    before = {"version": thing.workflow_version, "state": thing.state, "row": thing.version + 1}
    join = _place(session, thing, old, row.details["state"], actor)
    _record(session, made, thing, actor, "process:return", before)
    _join(thing, join)
    made.restored += 1


def _join(thing: Content, transition: str | None) -> None:
    if transition is not None:
        engine.fire_unattended(thing, transition, at=now(), because="join")


def _place(session: Session, thing: Content, definition: Definition, state: str, actor: Actor) -> str | None:
    """Puts a thing into a state of a version; answers the step that its branches decide at once."""
    at, old = now(), library.library.of(thing, session)
    moved = state != thing.state
    if moved:
        tasks.recall(session, thing)
        tasks.left(session, old, thing, thing.state, at)
    thing.workflow_version, thing.state = definition.digest, state
    thing.acl_id = access.view_acl(session, definition, state)
    thing.version += 1
    thing.modified_at = at
    if moved:
        thing.entered_at = at
        thing.closed_at = at if definition.states[state].terminal else None
    session.flush()
    clock.advance(session, definition, thing, state, at, actor)
    timers.arm(session, definition, thing, thing.entered_at)
    if moved:
        return tasks.entered(session, definition, thing, at, actor)
    return tasks.rearranged(session, old, definition, thing, at, actor)


def _record(
    session: Session, made: ProcessMigration, thing: Content, actor: Actor, action: str, before: dict[str, Any]
) -> None:
    journal.record(
        session,
        action,
        actor,
        content=thing,
        from_state=before["state"],
        to_state=thing.state,
        comment=made.reason,
        details={"migration": made.id, **before},
    )


def history(session: Session, workflow: str) -> tuple[Sequence[ProcessRelease], Sequence[ProcessMigration]]:
    """Releases and migrations of a process, the newest first."""
    return (
        session.scalars(
            select(ProcessRelease)
            .where(ProcessRelease.workflow == workflow)
            .order_by(ProcessRelease.id.desc())
            .limit(100)
        ).all(),
        session.scalars(
            select(ProcessMigration)
            .where(ProcessMigration.workflow == workflow)
            .order_by(ProcessMigration.id.desc())
            .limit(100)
        ).all(),
    )
