"""Work after the commit: rows written with the effect, leased by workers, fenced by a growing token."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import uniform
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, literal_column, or_, select, update
from sqlalchemy.orm import Session

from models.base import now
from models.ledger import OutboxItem
from process import holders

LEASE = timedelta(seconds=40)
MAX_ATTEMPTS = 3
# A job that ends its worker can say nothing: after so many lost leases nobody takes it up again.
MAX_LEASES = 12
# A bell that does not lie in its queue and led to no lease by then is lost: whoever heard it died.
RING_AGAIN = timedelta(seconds=5)
# 2 s, 16 s, 128 s, then every ten minutes; half of it is chance, so that what failed together does not come back together.
FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 2.0, 8.0, 600.0
# The first losses cost the job no time; then 1, 2, 4 and 8 s each, so that a machine short of memory can recover.
FREE_LOSSES, LONGEST_LOSS_PAUSE = 3, 8.0
# How long a done row, and a dead letter that was laid aside, can still be looked at.
DONE_KEPT, CLOSED_KEPT = timedelta(days=30), timedelta(days=365)
SWEPT_AT_ONCE = 5_000
# Counting further would take longer than anybody wants to wait for the health page.
COUNTED, ALL = 10_000, 1 << 62

# One queue for each kind of worker. What a job needs beyond the ordinary stands in `kinds`, filled by jobs/kinds.py.
# Partner cities apart from the gateways: one that hangs keeps nobody's text message waiting.
QUICK, PAPERS, NETWORK, EXCHANGE = "quick", "papers", "network", "exchange"
QUEUES = (QUICK, PAPERS, NETWORK, EXCHANGE)


@dataclass(frozen=True)
class Needs:
    """Where a job is done, how long a worker may hold it, and how often it is tried."""

    queue: str = QUICK
    lease: timedelta = LEASE
    attempts: int = MAX_ATTEMPTS


needs: dict[str, Needs] = {}
ORDINARY = Needs()
_PUT = insert(OutboxItem)


@dataclass(frozen=True)
class Lease:
    """The right to do one item until it runs out; the token fences off whoever held it before."""

    item_id: int
    token: int
    job: str
    args: dict[str, Any]
    attempt: int
    losses: int = 0


def put(session: Session, job: str, *, district: str = "", delay: timedelta = timedelta(0), **args: Any) -> int:
    """Adds work to the running transaction and answers its id. `args` are ids only: no personal data leaves the database."""
    queue, at = needs.get(job, ORDINARY).queue, now()
    # Nearly every step puts a row, so it is one statement and no object of the session.
    done = session.connection().execute(
        _PUT,
        {
            "job": job,
            "queue": queue,
            "args": args,
            "district": district,
            "available_at": at + delay,
            "created_at": at,
        },
    )
    assert done.inserted_primary_key is not None
    return int(done.inserted_primary_key[0])


# Written out, because a parameter keeps the planner from the small index over this status.
DEAD: ColumnElement[str] = literal_column("'dead'")
LEASED: ColumnElement[str] = literal_column("'leased'")


def _is(status: str) -> ColumnElement[bool]:
    return OutboxItem.status == literal_column(f"'{status}'")


def _free(at: datetime) -> ColumnElement[bool]:
    return or_(
        and_(_is("waiting"), OutboxItem.available_at <= at),
        and_(_is("leased"), OutboxItem.leased_until < at),
    )


def _not_rung(at: datetime) -> ColumnElement[bool]:
    return or_(OutboxItem.rung_at.is_(None), OutboxItem.rung_at < at - RING_AGAIN)


@dataclass(frozen=True)
class Due:
    """A row to ring for, as it stood when it was looked at."""

    id: int
    queue: str
    lease_token: int
    losses: int = 0


def due(session: Session, limit: int = 100, queue: str | None = None) -> list[Due]:
    """What should be rung for now: due and not rung lately, oldest first, or leased by somebody whose lease ran out."""
    at = now()
    columns = (OutboxItem.id, OutboxItem.queue, OutboxItem.lease_token, OutboxItem.losses)
    found: list[Due] = []
    for name in QUEUES if queue is None else (queue,):
        waiting = (
            select(*columns)
            .where(_is("waiting"), OutboxItem.queue == name, OutboxItem.available_at <= at, _not_rung(at))
            .order_by(OutboxItem.available_at, OutboxItem.id)
        )
        lost = (
            select(*columns)
            .where(_is("leased"), OutboxItem.leased_until < at, OutboxItem.queue == name, _not_rung(at))
            .order_by(OutboxItem.leased_until)
        )
        for statement in (lost, waiting):
            rows = session.execute(statement.limit(limit - len(found))) if len(found) < limit else ()
            found += [Due(row.id, row.queue, row.lease_token, row.losses) for row in rows]
    return found


def claim_bells(session: Session, found: Collection[Due]) -> list[Due]:
    """Marks these rows as rung, before they are: whoever loses the bell is rung for again. Answers those that still wait."""
    if not found:
        return []
    at = now()
    mine = select(OutboxItem.id).where(OutboxItem.id.in_([one.id for one in found]), _free(at), _not_rung(at))
    if session.get_bind().dialect.name == "postgresql":
        # Two relays share the rows out instead of waiting for each other; on SQLite there is one writer anyway.
        mine = mine.with_for_update(skip_locked=True)
    marked = set(
        session.scalars(
            update(OutboxItem)
            .where(OutboxItem.id.in_(mine))
            .values(rung_at=at)
            .returning(OutboxItem.id)
            .execution_options(synchronize_session=False)
        )
    )
    return [one for one in found if one.id in marked]


def lease(session: Session, item_id: int) -> Lease | None:
    """Takes the item if it is free. None: somebody has it, or it is done."""
    at = now()
    row = session.execute(
        update(OutboxItem)
        .where(OutboxItem.id == item_id, _free(at))
        .values(
            status="leased",
            lease_token=OutboxItem.lease_token + 1,
            leased_until=at + LEASE,
            leased_by=holders.myself(),
            losses=OutboxItem.losses + case((_is("leased"), 1), else_=0),
        )
        .returning(OutboxItem.lease_token, OutboxItem.job, OutboxItem.args, OutboxItem.attempts, OutboxItem.losses)
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        return None
    longer = needs.get(row.job, ORDINARY).lease
    if longer != LEASE:
        session.execute(
            update(OutboxItem)
            .where(OutboxItem.id == item_id)
            .values(leased_until=at + longer)
            .execution_options(synchronize_session=False)
        )
    return Lease(item_id, row.lease_token, row.job, row.args, row.attempts + 1, row.losses)


def worn_out(held: Lease) -> bool:
    """Whether whoever held this before never came back, too often to be chance."""
    return held.losses >= MAX_LEASES


def last_attempt(held: Lease) -> bool:
    """Whether a failure now lays it aside."""
    return worn_out(held) or held.attempt >= needs.get(held.job, ORDINARY).attempts


def finish(session: Session, held: Lease) -> bool:
    """Marks the item done if the lease is still ours. Call it in the transaction of the effect: False means roll back."""
    return _close(session, held, status="done", done_at=now(), error=None)


def fail(session: Session, held: Lease, error: str) -> bool:
    """Gives the item back with growing delay, or to the dead letters after the last attempt."""
    if last_attempt(held):
        return _close(session, held, status="dead", attempts=held.attempt, error=error)
    return _close(
        session,
        held,
        status="waiting",
        attempts=held.attempt,
        error=error,
        available_at=now() + pause(held.attempt),
        rung_at=None,
    )


def lost(session: Session, held: Lease, error: str) -> bool:
    """Gives the item back after the work was ended from outside: no failure of its own, so it costs no attempt."""
    losses = held.losses + 1
    return _close(session, held, error=error, **given_back(losses, now()))


def given_back(losses: int, at: datetime) -> dict[str, Any]:
    """What a row becomes whose work was ended from outside for the so many-th time."""
    values: dict[str, Any] = {"status": "waiting", "losses": losses, "rung_at": None}
    if wait := loss_pause(losses):
        values["available_at"] = at + wait
    return values


def loss_pause(losses: int) -> timedelta:
    """How long a job waits after so many lost workers."""
    beyond = losses - FREE_LOSSES
    return timedelta(seconds=min(2.0 ** (beyond - 1), LONGEST_LOSS_PAUSE) if beyond > 0 else 0)


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures."""
    longest = min(FIRST_PAUSE * GROWTH ** (failures - 1), LONGEST_PAUSE)
    return timedelta(seconds=longest * uniform(0.5, 1))


def _close(session: Session, held: Lease, **values: Any) -> bool:
    row = session.execute(
        update(OutboxItem)
        .where(OutboxItem.id == held.item_id, OutboxItem.lease_token == held.token, _is("leased"))
        .values(leased_until=None, leased_by=None, **values)
        .returning(OutboxItem.id)
        .execution_options(synchronize_session=False)
    ).first()
    return row is not None


def again(session: Session, item_id: int) -> bool:
    """A dead letter gets all its attempts once more. False: it is not one (any more)."""
    return _settle(
        session, item_id, status="waiting", attempts=0, losses=0, available_at=now(), rung_at=None, error=None
    )


def close(session: Session, item_id: int, reason: str) -> bool:
    """Somebody decided that this need not be done; the row stays a year with the reason."""
    return _settle(session, item_id, closed_at=now(), closed_reason=reason)


def _settle(session: Session, item_id: int, **values: Any) -> bool:
    row = session.execute(
        update(OutboxItem)
        .where(OutboxItem.id == item_id, _is("dead"), OutboxItem.closed_at.is_(None))
        .values(**values)
        .returning(OutboxItem.id)
    ).first()
    return row is not None


def sweep(session: Session) -> int:
    """Takes away a bounded number of rows that nobody looks at any more; call again while it answers many."""
    at = now()
    old = (
        select(OutboxItem.id)
        .where(_is("done"), OutboxItem.done_at < at - DONE_KEPT)
        .order_by(OutboxItem.done_at)
        .limit(SWEPT_AT_ONCE)
    )
    closed = select(OutboxItem.id).where(_is("dead"), OutboxItem.closed_at < at - CLOSED_KEPT).limit(SWEPT_AT_ONCE)
    gone = 0
    for statement in (old, closed):
        ids = session.scalars(statement).all()
        if ids:
            session.execute(
                delete(OutboxItem).where(OutboxItem.id.in_(ids)).execution_options(synchronize_session=False)
            )
            gone += len(ids)
    return gone


def status(session: Session, counted: int = COUNTED) -> dict[str, Any]:
    """How much is due (`waiting`), due later (`delayed`), leased, done and dead, and the age of the oldest due row.

    No count goes beyond `counted`: the health page asks every few seconds, whatever the table holds."""
    at = now()

    def count(*conditions: ColumnElement[bool]) -> int:
        return (
            session.scalar(select(func.count()).select_from(select(1).where(*conditions).limit(counted).subquery()))
            or 0
        )

    queues = {}
    for name in QUEUES:
        here = (_is("waiting"), OutboxItem.queue == name, OutboxItem.available_at <= at)
        oldest = session.scalar(
            select(OutboxItem.available_at).where(*here).order_by(OutboxItem.available_at, OutboxItem.id).limit(1)
        )
        queues[name] = {
            "waiting": count(*here),
            "oldest_seconds": round((at - oldest).total_seconds()) if oldest else 0,
        }
    delayed = sum(count(_is("waiting"), OutboxItem.queue == name, OutboxItem.available_at > at) for name in QUEUES)
    held = session.scalar(select(func.min(OutboxItem.available_at)).where(_is("leased")))
    ages = [queue["oldest_seconds"] for queue in queues.values()]
    return {
        "waiting": sum(queue["waiting"] for queue in queues.values()),
        "delayed": delayed,
        "leased": count(_is("leased")),
        "done": count(_is("done")),
        "dead": count(_is("dead"), OutboxItem.closed_at.is_(None)),
        "closed": count(_is("dead"), OutboxItem.closed_at.is_not(None)),
        "oldest_seconds": max(*ages, round((at - held).total_seconds()) if held else 0),
        "queues": queues,
    }


def dead_by_job(session: Session) -> dict[str, int]:
    """How many dead letters of each job somebody has to look at."""
    rows = session.execute(
        select(OutboxItem.job, func.count())
        .where(_is("dead"), OutboxItem.closed_at.is_(None))
        .group_by(OutboxItem.job)
        .order_by(OutboxItem.job)
    )
    return {job: count for job, count in rows}
