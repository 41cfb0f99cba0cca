"""A poll of the board in which nothing has happened is answered before the application wakes up.

Every few seconds every open board asks. Whoever asked a moment ago, with the same cookie, for the same board, and got the
mark that stands in the question, is told 304 for as long as no errand has moved in the journal and no card was to change its
colour. Nothing is sent but "nothing new", and never for longer than half a minute: then sign-in and rights are asked again."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from extensions import db
from process import transactions

PATH = "/errands/board/cards"
LONGEST = 30.0
# Ids are drawn before the commit, so a row may come to light below the newest: that many are looked at again.
LOOK_BACK = 300
MOST = 2000
_NEWEST = text("SELECT max(id) FROM journal")
# A date also moves by editing, by a verb of the office or by a changed calendar, which are written down for every kind of thing.
_MOVED = text(
    "SELECT count(*), max(id) FROM journal WHERE id > :base AND (action LIKE 'errand:%' OR action LIKE 'courier:%' OR "
    "((action IN ('content:edit', 'clock:recalculated') OR action LIKE 'office:%') AND EXISTS "
    "(SELECT 1 FROM errand WHERE errand.id = journal.content_id)))"
)
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class Seen:
    """What one browser was told last, and the state of the journal at that time."""

    until: float
    base: int
    moved: tuple[int, int | None]


class Unchanged:
    """Stands before the application; knows nothing about boards but whether their errands moved."""

    def __init__(self, app: Flask, inner: Wsgi) -> None:
        self.app, self.inner = app, inner
        self.seen: OrderedDict[bytes, Seen] = OrderedDict()
        self.lock = threading.Lock()
        self.engine: Engine | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH or environ.get("REQUEST_METHOD") != "GET":
            return self.inner(environ, start_response)
        etag = environ.get("HTTP_IF_NONE_MATCH", "")
        key = asked(environ, etag) if etag else None
        if key is not None and self.still(key):
            start_response(
                "304 NOT MODIFIED",
                [("ETag", etag), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")],
            )
            return [b""]
        return self.inner(environ, start_response)

    def still(self, key: bytes) -> bool:
        """Asked a moment ago, and no errand has moved since."""
        with self.lock:
            seen = self.seen.get(key)
        if seen is None or seen.until < time.monotonic():
            return False
        try:
            return self.moved(seen.base) == seen.moved
        except SQLAlchemyError:
            # A line that was cut meanwhile, or no database at all: the application says what is to be said.
            self._engine().dispose()
            return False

    def moved(self, base: int) -> tuple[int, int | None]:
        """How many rows about errands stand in the journal above this one, and the newest of them."""
        with transactions.reading(), self._engine().connect() as connection:
            return _count(connection, base)

    def before(self) -> tuple[int, tuple[int, int | None]]:
        """Taken before the board is read, so that what moves meanwhile is not missed."""
        try:
            return self._newest()
        except OperationalError:
            # The lines lay idle and were cut, by a restart of the database or a firewall: new ones are made, once.
            self._engine().dispose()
            return self._newest()

    def _newest(self) -> tuple[int, tuple[int, int | None]]:
        with transactions.reading(), self._engine().connect() as connection:
            base = max((connection.execute(_NEWEST).scalar() or 0) - LOOK_BACK, 0)
            return base, _count(connection, base)

    def keep(
        self, environ: Mapping[str, Any], etag: str, begun: tuple[int, tuple[int, int | None]], seconds: float
    ) -> None:
        """This browser now has this mark; good until then."""
        seen = Seen(time.monotonic() + max(0.0, min(seconds, LONGEST)), *begun)
        with self.lock:
            self.seen[asked(environ, etag)] = seen
            while len(self.seen) > MOST:
                self.seen.popitem(last=False)

    def _engine(self) -> Engine:
        """SQLite is asked as everybody asks it. On PostgreSQL every word is a way there and back, so this question has lines of
        its own: no greeting before it, no transaction around it."""
        if self.engine is None:
            with self.app.app_context():
                usual = db.engine
            if usual.dialect.name == "postgresql":
                options = self.app.config["SQLALCHEMY_ENGINE_OPTIONS"]
                self.engine = create_engine(
                    usual.url,
                    isolation_level="AUTOCOMMIT",
                    connect_args=options.get("connect_args", {}),
                    pool_size=2,
                    max_overflow=4,
                    pool_timeout=2,
                    pool_reset_on_return=None,
                    hide_parameters=True,
                )
            else:
                self.engine = usual
        return self.engine


def _count(connection: Connection, base: int) -> tuple[int, int | None]:
    row = connection.execute(_MOVED, {"base": base}).one()
    return row[0], row[1]


def asked(environ: Mapping[str, Any], etag: str) -> bytes:
    """Who asks for which board in which language: the cookie is the person, and only its digest is kept."""
    parts = [environ.get(name, "") for name in ("HTTP_COOKIE", "QUERY_STRING", "HTTP_ACCEPT_LANGUAGE")]
    return hashlib.sha256("\n".join([*parts, etag]).encode("utf-8", "surrogateescape")).digest()


def init_app(app: Flask) -> None:
    """Puts it before the application."""
    watch = Unchanged(app, app.wsgi_app)
    app.wsgi_app = watch  # type: ignore[method-assign]
    app.extensions["board_watch"] = watch
