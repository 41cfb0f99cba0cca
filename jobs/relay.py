"""The relay: hands the ids of due outbox rows to the queues, rings again for what nobody finished, and signs the journal."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from config import Settings
from extensions import db
from jobs import queue as bells
from jobs.queue import BELLS, connect
from models.base import now
from models.ledger import IdempotencyKey
from models.person import LoginSession
from process import heads, orphans, outbox
from process.heads import Book, HeadsError
from process.outbox import Due
from process.transactions import reading
from services import batches, exports, imports, paper_admissions
from services.trust import checks

log = logging.getLogger("daiban.relay")
PAUSE = 0.4
SWEEP_EVERY = timedelta(hours=1)
# Asked a little more often than a head is due, so that the minute is kept.
SIGN_EVERY = 5.0
KEYS_KEPT = timedelta(days=3)
Ring = Callable[[int, str], None]


def run() -> None:
    """Runs until SIGTERM; a lost Redis or database is waited for, never fatal."""
    stop = threading.Event()

    def leave(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    settings: Settings = current_app.config["SETTINGS"]
    connection = connect(settings.redis_url)
    book = Book(settings.journal_heads, settings.journal_key)
    swept = signed = None
    while not stop.is_set():
        if signed is None or time.monotonic() - signed > SIGN_EVERY:
            signed = time.monotonic()
            sign(book, settings.journal_algorithm)
        try:
            give_back(db.session())
            rung = ring_all(db.session(), connection)
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


def sign(book: Book, algorithm: str) -> None:
    """The minute's head of the journal. What goes wrong is told on the health page and tried again."""
    try:
        with reading(), db.engine.connect() as connection:
            heads.write(connection, book, now(), algorithm)
    except (HeadsError, OSError, SQLAlchemyError) as error:
        log.error("journal: %s", error)


def give_back(session: Session) -> int:
    """Frees at once what a killed worker of this machine held; the fencing token keeps out whatever it left under way."""
    with reading():
        found = orphans.find(session)
        session.rollback()
    if not found:
        return 0
    freed = orphans.give_back(session, found)
    session.commit()
    if freed:
        log.warning("gave back %s rows of workers that ended without a word", freed)
    return freed


def ring_all(session: Session, connection: Redis) -> int:
    """One round over the queues: as many bells as there is room for; what already lies there is not rung for twice."""
    rung = 0
    for name in outbox.QUEUES:
        unheard = bells.lying(connection, name)
        room = BELLS - len(unheard)
        if room > 0:
            rung += ring_due(
                session,
                lambda item_id, queue: bells.ring(connection, item_id, queue),
                name,
                unheard,
                room,
                lambda item_id, queue: bells.ring(connection, item_id, queue, first=True),
            )
    return rung


def ring_due(
    session: Session,
    ring_one: Ring,
    queue: str | None = None,
    unheard: set[int] | None = None,
    room: int = 100,
    ring_first: Ring | None = None,
) -> int:
    """Rings for the due rows of a queue; a row whose bell is lost is rung for again later.

    Whose worker was lost has waited its turn already and is rung for ahead of the others."""
    unheard = unheard or set()
    with reading():
        # Looking takes no lock on SQLite; most rounds find nothing.
        found = _wanted(outbox.due(session, room + len(unheard), queue), unheard, room)
        session.rollback()
    if not found:
        return 0
    # Marked first and rung afterwards: a worker may be so fast that it fails at once and wants to be rung for soon.
    claimed = outbox.claim_bells(session, found)
    session.commit()
    for one in claimed:
        if not (ring_first and one.losses):
            ring_one(one.id, one.queue)
    # Each goes to the very front, so the oldest comes last.
    for one in reversed(claimed):
        if ring_first and one.losses:
            ring_first(one.id, one.queue)
    return len(claimed)


def _wanted(due: list[Due], unheard: set[int], room: int) -> list[Due]:
    return [one for one in due if one.id not in unheard][:room]


def sweep(session: Session) -> None:
    """Ended sessions, old idempotency keys and long done outbox rows are of no further use."""
    expired = session.scalar(select(LoginSession.token_hash).where(LoginSession.expires_at < now()).limit(1))
    session.execute(delete(LoginSession).where(LoginSession.expires_at < now()))
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - KEYS_KEPT))
    session.commit()
    if expired:
        log.info("removed expired sessions")
    for what, sweep_some in (
        ("exported lists", exports.sweep),
        ("imported sheets", imports.sweep),
        ("printed batches", batches.sweep),
    ):
        if taken := sweep_some(session):
            log.info("removed the files of %s %s", taken, what)
        session.commit()
    if asked := checks.sweep(session):
        log.info("removed %s old questions to the check page", asked)
    session.commit()
    if paper_admissions.start(session):
        log.info("papers are compared for the fast path")
    session.commit()
    while gone := outbox.sweep(session):
        # In small steps, so that people who write wait for none of them.
        session.commit()
        log.info("removed %s old outbox rows", gone)
    session.rollback()
