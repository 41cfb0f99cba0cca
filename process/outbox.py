"""Work after the commit: rows written with the effect, leased by workers, fenced by a growing token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from models.base import now
from models.ledger import OutboxItem

LEASE = timedelta(seconds=40)
MAX_ATTEMPTS = 3
# A job that ends its worker can say nothing: after so many lost leases nobody takes it up again.
MAX_LEASES = 6
RING_AGAIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Lease:
    """The right to do one item until `until`; the token fences off whoever held it before."""

    item_id: int
    token: int
    job: str
    args: dict[str, Any]
    attempt: int


def put(session: Session, job: str, *, district: str = "", delay: timedelta = timedelta(0), **args: Any) -> OutboxItem:
    """Adds work to the running transaction. `args` are ids only: no personal data leaves the database."""
    item = OutboxItem(job=job, args=args, district=district, available_at=now() + delay)
    session.add(item)
    return item


def due(session: Session, limit: int = 100) -> list[OutboxItem]:
    """What should be rung for now: due and not rung lately, or leased by somebody whose lease ran out."""
    at = now()
    statement = (
        select(OutboxItem)
        .where(
            or_(
                and_(OutboxItem.status == "waiting", OutboxItem.available_at <= at),
                and_(OutboxItem.status == "leased", OutboxItem.leased_until < at),
            ),
            or_(OutboxItem.rung_at.is_(None), OutboxItem.rung_at < at - RING_AGAIN),
        )
        .order_by(OutboxItem.id)
        .limit(limit)
    )
    if session.get_bind().dialect.name == "postgresql":
        statement = statement.with_for_update(skip_locked=True)
    return list(session.scalars(statement))


def lease(session: Session, item_id: int) -> Lease | None:
    """Takes the item if it is free. None: somebody has it, or it is done."""
    at = now()
    row = session.execute(
        update(OutboxItem)
        .where(
            OutboxItem.id == item_id,
            or_(
                and_(OutboxItem.status == "waiting", OutboxItem.available_at <= at),
                and_(OutboxItem.status == "leased", OutboxItem.leased_until < at),
            ),
        )
        .values(
            status="leased",
            lease_token=OutboxItem.lease_token + 1,
            leased_until=at + LEASE,
            attempts=OutboxItem.attempts + 1,
        )
        .returning(OutboxItem.lease_token, OutboxItem.job, OutboxItem.args, OutboxItem.attempts)
    ).first()
    return Lease(item_id, row.lease_token, row.job, row.args, row.attempts) if row else None


def worn_out(held: Lease) -> bool:
    """Whether whoever held this before never came back, too often to be chance."""
    return held.attempt > MAX_LEASES


def finish(session: Session, held: Lease) -> bool:
    """Marks the item done if the lease is still ours. Call it in the transaction of the effect: False means roll back."""
    return _close(session, held, status="done", done_at=now(), error=None)


def fail(session: Session, held: Lease, error: str) -> bool:
    """Gives the item back with growing delay, or to the dead letters after the last attempt."""
    if held.attempt >= MAX_ATTEMPTS:
        return _close(session, held, status="dead", error=error)
    return _close(
        session,
        held,
        status="waiting",
        error=error,
        available_at=now() + timedelta(seconds=2**held.attempt),
        rung_at=None,
    )


def _close(session: Session, held: Lease, **values: Any) -> bool:
    row = session.execute(
        update(OutboxItem)
        .where(OutboxItem.id == held.item_id, OutboxItem.lease_token == held.token, OutboxItem.status == "leased")
        .values(leased_until=None, **values)
        .returning(OutboxItem.id)
    ).first()
    return row is not None


def status(session: Session) -> dict[str, Any]:
    """Counts per status and the age of the oldest waiting row, for `outbox status` and the health page."""
    from sqlalchemy import func

    counts = {s: 0 for s in ("waiting", "leased", "done", "dead")}
    for name, count in session.execute(select(OutboxItem.status, func.count()).group_by(OutboxItem.status)):
        counts[name] = count
    oldest: datetime | None = session.scalar(
        select(func.min(OutboxItem.available_at)).where(OutboxItem.status.in_(("waiting", "leased")))
    )
    return {**counts, "oldest_seconds": round((now() - oldest).total_seconds()) if oldest else 0}
