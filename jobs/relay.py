"""The relay: hands the ids of due outbox rows to the queue, and rings again for what nobody finished."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import timedelta
from types import FrameType

from flask import current_app
from redis.exceptions import RedisError
from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from extensions import db
from jobs.queue import connect, ring
from models.base import now
from models.ledger import IdempotencyKey, OutboxItem
from models.person import LoginSession
from process import outbox
from process.transactions import reading

log = logging.getLogger("daiban.relay")
PAUSE = 0.4
SWEEP_EVERY = timedelta(hours=1)
KEYS_KEPT = timedelta(days=3)


def run() -> None:
    """Runs until SIGTERM; a lost Redis or database is waited for, never fatal."""
    stop = threading.Event()

    def leave(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    connection = connect(current_app.config["SETTINGS"].redis_url)
    swept = None
    while not stop.is_set():
        try:
            rung = ring_due(db.session(), lambda item_id: ring(connection, item_id))
            if swept is None or now() - swept > SWEEP_EVERY:
                sweep(db.session())
                swept = now()
        except (RedisError, OperationalError) as error:
            log.warning("waiting: %s", error)
            rung = 0
            stop.wait(1)
        finally:
            db.session.remove()
        if not rung:
            stop.wait(PAUSE)


def ring_due(session: Session, ring_one) -> int:  # type: ignore[no-untyped-def]
    """One round: rings for every due row; a row whose bell failed is rung again later."""
    with reading():
        found = [(item.id, item.lease_token) for item in outbox.due(session)]
        session.rollback()
    for item_id, token in found:
        ring_one(item_id)
        # A worker may have been so fast that it failed already and wants to be rung for soon: then its word stands.
        session.execute(
            update(OutboxItem).where(OutboxItem.id == item_id, OutboxItem.lease_token == token).values(rung_at=now())
        )
        session.commit()
    return len(found)


def sweep(session: Session) -> None:
    """Ended sessions and old idempotency keys are of no further use."""
    expired = session.scalar(select(LoginSession.token_hash).where(LoginSession.expires_at < now()).limit(1))
    session.execute(delete(LoginSession).where(LoginSession.expires_at < now()))
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - KEYS_KEPT))
    session.commit()
    if expired:
        log.info("removed expired sessions")
