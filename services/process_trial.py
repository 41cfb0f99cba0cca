"""Trying a version of a process on everything that is under way, before anything is changed: states, access, dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.person import Grant
from process import clock, comparison, library
from process.definition import SPECIAL_TOKENS, Definition

# Dates are reckoned one by one; of more open things than this only the first ones are, and the page says so.
RECKONED = 2000
SHOWN = 50


@dataclass(frozen=True)
class StateCount:
    state: str
    version: str
    count: int


@dataclass(frozen=True)
class Moved:
    """One open thing whose date would be another."""

    uid: str
    number: str
    old: datetime | None
    new: datetime | None


@dataclass
class DryRun:
    """What putting a version in force and moving the open things to it would do."""

    open: int = 0
    counts: list[StateCount] = field(default_factory=list)
    # States in which open things stand and which the new version does not have, with how many.
    lost: dict[str, int] = field(default_factory=dict)
    access: list[tuple[comparison.AccessChange, int, int, int]] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    moved_count: int = 0
    reckoned: int = 0


def dry_run(session: Session, new: Definition, mapping: Mapping[str, str] | None = None) -> DryRun:
    """Tries a version on every open thing of the process, whatever version that is pinned to. Writes nothing."""
    mapping = mapping or {}
    result = DryRun()
    rows = session.execute(
        select(Content.state, Content.workflow_version, func.count())
        .where(*_open(new))
        .group_by(Content.state, Content.workflow_version)
        .order_by(Content.state)
    ).all()
    result.counts = [StateCount(*row) for row in rows]
    result.open = sum(c.count for c in result.counts)
    lost: Counter[str] = Counter()
    for counted in result.counts:
        target = new.states.get(mapping.get(counted.state, counted.state))
        if target is None or target.terminal:
            # An end is reached by a step, with its papers and notices; nothing open is put there.
            lost[counted.state] += counted.count
        old = library.library.version(counted.version, session)
        for change in comparison.access_changes(old, new, mapping):
            if change.state == counted.state:
                result.access.append(
                    (change, counted.count, _holders(session, change.gained), _holders(session, change.lost))
                )
    result.lost = dict(lost)
    _reckon(session, new, mapping, result)
    return result


def outdated(session: Session, definition: Definition) -> int:
    """How many open things of this process are pinned to another version."""
    return session.scalar(select(func.count()).select_from(Content).where(*_open(definition))) or 0


def _open(definition: Definition) -> tuple[Any, ...]:
    return (
        Content.workflow == definition.id,
        Content.closed_at.is_(None),
        Content.workflow_version != definition.digest,
    )


def _holders(session: Session, tokens: Sequence[str]) -> int:
    """How many people hold one of these roles anywhere; owner, holder and applicant are counted by the things themselves."""
    roles = {token.partition("@")[0] for token in tokens} - set(SPECIAL_TOKENS)
    if not roles:
        return 0
    today = clock.local_day(now())
    return (
        session.scalar(
            select(func.count(func.distinct(Grant.person_id))).where(
                Grant.role.in_(roles),
                (Grant.since.is_(None)) | (Grant.since <= today),
                (Grant.until.is_(None)) | (Grant.until >= today),
            )
        )
        or 0
    )


def _reckon(session: Session, new: Definition, mapping: Mapping[str, str], result: DryRun) -> None:
    things = session.scalars(select(Content).where(*_open(new)).order_by(Content.id).limit(RECKONED)).all()
    known = clock.runs(session, [thing.id for thing in things])
    days = clock.calendar(session)
    for thing in things:
        state = mapping.get(thing.state, thing.state)
        if state not in new.states:
            continue
        result.reckoned += 1
        with session.no_autoflush:
            date = clock.reckon_in(days, new, thing, state, known)
        if date != thing.deadline:
            result.moved_count += 1
            if len(result.moved) < SHOWN:
                result.moved.append(Moved(thing.uid, thing.number or thing.title, thing.deadline, date))
