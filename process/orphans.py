"""Leases of workers that are known to be dead: given back at once, fenced like any other lost lease."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.base import now
from models.ledger import OutboxItem
from process import holders, outbox

# What was said to somebody outside may still be under way there when its sender is dead: those leases run out in time.
AT_ONCE = (outbox.QUICK, outbox.PAPERS)


@dataclass(frozen=True)
class Orphan:
    """A leased row whose holder is known to be dead, as it stood when it was looked at."""

    id: int
    lease_token: int
    losses: int


def find(session: Session) -> list[Orphan]:
    """What dead workers of this machine still hold; workers of other machines keep their lease until it runs out."""
    # No more rows than there are workers, from the small index over this status.
    rows = session.execute(
        select(OutboxItem.id, OutboxItem.lease_token, OutboxItem.losses, OutboxItem.leased_by).where(
            OutboxItem.status == outbox.LEASED, OutboxItem.queue.in_(AT_ONCE), OutboxItem.leased_by.is_not(None)
        )
    )
    return [Orphan(row.id, row.lease_token, row.losses) for row in rows if holders.is_gone(row.leased_by)]


def give_back(session: Session, found: Collection[Orphan]) -> int:
    """Frees what the dead held, without waiting for the end of the lease; a row that moved on meanwhile is left alone."""
    at, freed = now(), 0
    for one in found:
        # If the last commit of the dead was still on its way, the database lets it pass first and the row is done.
        row = session.execute(
            update(OutboxItem)
            .where(
                OutboxItem.id == one.id,
                OutboxItem.lease_token == one.lease_token,
                OutboxItem.status == outbox.LEASED,
            )
            .values(leased_until=None, leased_by=None, **outbox.given_back(one.losses + 1, at))
            .returning(OutboxItem.id)
            .execution_options(synchronize_session=False)
        ).first()
        freed += row is not None
    return freed
