"""/healthz: one line per concern. 200 while the database works, because then people can work."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Response, current_app, g, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from blueprints.health import bp
from config import Settings
from extensions import db
from jobs.queue import connect, name_of
from models.base import now
from models.clock import CalendarDay
from process import heads, outbox
from process.clock import gap
from process.heads import Book, HeadsError
from services import files

LATE_SECONDS = 120
LITTLE_DISK = 1_000_000_000
# The supervisor asks every few seconds; a dead Redis must not make it wait.
REDIS_PATIENCE = 0.5


@dataclass(frozen=True)
class Concern:
    name: str
    ok: bool
    told: str


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    g.no_page_context = True
    concerns = [_guarded(name, check) for name, check in CHECKS]
    works = next(c.ok for c in concerns if c.name == "database")
    status = 200 if works else 503
    if request.accept_mimetypes.best_match(["text/plain", "application/json"], "text/plain") == "application/json":
        answer = jsonify(
            status="ok" if all(c.ok for c in concerns) else "degraded" if works else "down",
            concerns={c.name: {"ok": c.ok, "detail": c.told} for c in concerns},
        )
        return make_response(answer, status)
    lines = "".join(f"{c.name}: {'ok' if c.ok else 'ATTENTION'} {c.told}".rstrip() + "\n" for c in concerns)
    return Response(lines, status=status, mimetype="text/plain")


def _guarded(name: str, check: Callable[[], tuple[bool, str]]) -> Concern:
    try:
        return Concern(name, *check())
    except (SQLAlchemyError, RedisError, OSError) as error:
        # The kind of fault is enough here; what the driver says may name hosts and stands in the log.
        current_app.logger.warning("health %s: %s", name, error)
        return Concern(name, False, f"does not answer ({type(error).__name__})")
    finally:
        if name in ("database", "outbox", "calendar", "dead_letters", "journal"):
            _end()


def _end() -> None:
    try:
        db.session.rollback()
    except SQLAlchemyError:
        db.session.remove()


def _database() -> tuple[bool, str]:
    started = time.monotonic()
    db.session.execute(text("SELECT 1"))
    return True, f"{db.engine.dialect.name}, {(time.monotonic() - started) * 1000:.0f} ms"


def _redis() -> tuple[bool, str]:
    _connection().ping()
    return True, "answers"


def _connection():  # type: ignore[no-untyped-def]
    settings: Settings = current_app.config["SETTINGS"]
    connection = current_app.extensions.get("daiban-health-redis")
    if connection is None:
        connection = connect(settings.redis_url)
        connection.connection_pool.connection_kwargs |= {
            "socket_connect_timeout": REDIS_PATIENCE,
            "socket_timeout": REDIS_PATIENCE,
        }
        current_app.extensions["daiban-health-redis"] = connection
    return connection


def _storage() -> tuple[bool, str]:
    root = files.store().root
    probe = root / ".health"
    probe.write_bytes(b"ok")
    probe.unlink(missing_ok=True)
    return True, "can be written"


def _outbox() -> tuple[bool, str]:
    found = outbox.status(db.session())
    waiting, oldest = found["waiting"] + found["leased"], max(found["oldest_seconds"], 0)
    slow = [name for name, queue in found["queues"].items() if queue["oldest_seconds"] >= LATE_SECONDS]
    told = f"{waiting} waiting, oldest {oldest} s, {found['delayed']} for later"
    return oldest < LATE_SECONDS, told + (f"; late: {', '.join(slow)}" if slow else "")


def _dead_letters() -> tuple[bool, str]:
    dead = outbox.status(db.session())["dead"]
    return dead == 0, f"{dead}" + (", see /admin/outbox or bin/flask outbox status" if dead else "")


def _journal() -> tuple[bool, str]:
    settings: Settings = current_app.config["SETTINGS"]
    try:
        return heads.state(db.session().connection(), Book(settings.journal_heads, settings.journal_key), now())
    except HeadsError as error:
        current_app.logger.warning("health journal: %s", error)
        return False, "the signed heads cannot be read, run bin/flask journal verify"


def _disk() -> tuple[bool, str]:
    settings: Settings = current_app.config["SETTINGS"]
    free = shutil.disk_usage(settings.var).free
    return free > LITTLE_DISK, f"{free / 1e9:.1f} GB free"


def _calendar() -> tuple[bool, str]:
    missing = gap(db.session())
    if missing is not None:
        return False, f"the working-day calendar of {', '.join(map(str, missing.years))} is missing"
    last = db.session.scalar(select(func.max(CalendarDay.day)))
    return True, f"until {last.isoformat()}" if last else "empty"


def _workers() -> tuple[bool, str]:
    from rq import Worker

    workers = Worker.all(connection=_connection())
    beats = [w.last_heartbeat for w in workers if w.last_heartbeat is not None]
    if not beats:
        return False, "none seen"
    heard = {name for worker in workers for name in worker.queue_names()}
    if deaf := [name for name in outbox.QUEUES if name_of(name) not in heard]:
        return False, f"nobody works on: {', '.join(deaf)}"
    newest = max(beat if beat.tzinfo else beat.replace(tzinfo=UTC) for beat in beats)
    ago = max(round((datetime.now(UTC) - newest).total_seconds()), 0)
    # A waiting RQ worker says that it lives about every seven minutes.
    return ago < 500, f"{len(beats)}, last seen {ago} s ago"


CHECKS: tuple[tuple[str, Callable[[], tuple[bool, str]]], ...] = (
    ("database", _database),
    ("redis", _redis),
    ("storage", _storage),
    ("outbox", _outbox),
    ("dead_letters", _dead_letters),
    ("journal", _journal),
    ("disk", _disk),
    ("calendar", _calendar),
    ("workers", _workers),
)
