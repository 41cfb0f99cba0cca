"""SQLite takes its write lock at the start of a writing transaction, so that nobody reads what is about to change.

With a deferred BEGIN two clerks read the same row and both write: measured, 69 of 240 updates survived, without an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

# Jobs and commands write; pages that only read say so (see `reading`).
_writing: ContextVar[bool] = ContextVar("writing", default=True)


@contextmanager
def reading() -> Iterator[None]:
    """Transactions begun inside do not take SQLite's write lock."""
    token = _writing.set(False)
    try:
        yield
    finally:
        _writing.reset(token)


def set_writing(value: bool) -> None:
    """For a server thread: the next transaction of this context reads or writes."""
    _writing.set(value)


def is_writing() -> bool:
    """Whether transactions of this context may write."""
    return _writing.get()


def keep_despite_refusal(session: Session, write: Callable[[Session], None]) -> None:
    """What must stay although the step is undone: a wrong code counts. Whoever rolls back calls `settle` afterwards."""
    session.info.setdefault("kept", []).append(write)


def settle(session: Session) -> None:
    """After a rollback: writes and commits what the refused step left behind."""
    kept = session.info.pop("kept", [])
    for write in kept:
        write(session)
    if kept:
        session.commit()


def prepare(engine: Engine) -> None:
    """Sets what every connection needs: durability and one writer on SQLite, time-outs on PostgreSQL."""
    # What the driver complains about goes to the log and to the dead letters; whose data it was does not.
    engine.hide_parameters = True
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    else:
        event.listen(engine, "connect", _postgres_connect)


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=20000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")


def _postgres_connect(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '30s'")
        cursor.execute("SET lock_timeout = '10s'")
        cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
        cursor.execute("SET timezone = 'UTC'")
        # Pages ask small questions of large tables; compiling them takes ten times as long as answering them.
        cursor.execute("SET jit = off")
    connection.commit()
