"""Versions put in force while the office works: every process of the installation takes them up within seconds.

Objects pin the version they began with, so it does no harm that one process is a few seconds behind another."""

from __future__ import annotations

import logging
import time

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models.content import WorkflowVersion
from models.release import ProcessRelease
from process.definition import Definition
from process.library import library, vocabulary
from process.parsing import parse
from process.refusals import DefinitionError, NotFound

log = logging.getLogger("daiban.releases")
LOOK_AGAIN = 3.0
# Database and last release that were looked at, and when. One process may serve several databases (tests do).
_seen: tuple[Engine | None, int | None, float] = (None, None, 0.0)


def refresh(session: Session, *, at_once: bool = False) -> None:
    """Takes up what was released since the last look; asks the database at most every few seconds."""
    global _seen
    engine = session.get_bind().engine
    if not at_once and _seen[0] is engine and time.monotonic() - _seen[2] < LOOK_AGAIN:
        return
    last = session.scalar(select(func.max(ProcessRelease.id)))
    if last is not None or _seen[1] is not None or _seen[0] is not engine:
        library.workflows = {**library.shipped, **in_force(session)}
    _seen = (engine, last, time.monotonic())


def forget() -> None:
    """The next look asks the database."""
    global _seen
    _seen = (None, _seen[1], 0.0)


def in_force(session: Session) -> dict[str, Definition]:
    """The released version of each process that has one."""
    latest = select(func.max(ProcessRelease.id)).group_by(ProcessRelease.workflow)
    rows = session.execute(select(ProcessRelease.workflow, ProcessRelease.digest).where(ProcessRelease.id.in_(latest)))
    found = {}
    for workflow, digest in rows:
        if workflow not in library.shipped:
            continue
        try:
            version = library.version(digest, session)
            parse(dict(version.source), f"workflow_version:{digest[:12]}", vocabulary())
        except (DefinitionError, NotFound) as error:
            # An update of the software may have dropped a name that it uses; the shipped version works.
            log.error("release of %s is left out: %s", workflow, error)
            continue
        found[workflow] = version
    return found


def store(session: Session, definition: Definition) -> None:
    """Keeps a version for ever, once."""
    if session.get(WorkflowVersion, definition.digest) is None:
        session.add(WorkflowVersion(digest=definition.digest, workflow=definition.id, body=dict(definition.source)))
        session.flush()
