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
from sqlalchemy import Engine, text

from extensions import db
from process import transactions

PATH = "/errands/board/cards"
LONGEST = 30.0
# Ids are drawn before the commit, so a row may come to light below the newest: that many are looked at again.
LOOK_BACK = 300
MOST = 2000
_NEWEST = text("SELECT max(id) FROM journal")
_MOVED = text(
    "SELECT count(*), max(id) FROM journal WHERE id > :base AND (action LIKE 'errand:%' OR action LIKE 'courier:%')"
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
        return self.moved(seen.base) == seen.moved

    def moved(self, base: int) -> tuple[int, int | None]:
        """How many rows about errands stand in the journal above this one, and the newest of them."""
        with transactions.reading(), self._engine().connect() as connection:
            row = connection.execute(_MOVED, {"base": base}).one()
        return row[0], row[1]

    def before(self) -> tuple[int, tuple[int, int | None]]:
        """Taken before the board is read, so that what moves meanwhile is not missed."""
        with transactions.reading(), self._engine().connect() as connection:
            base = max((connection.execute(_NEWEST).scalar() or 0) - LOOK_BACK, 0)
            row = connection.execute(_MOVED, {"base": base}).one()
        return base, (row[0], row[1])

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
        if self.engine is None:
            with self.app.app_context():
                self.engine = db.engine
        return self.engine


def asked(environ: Mapping[str, Any], etag: str) -> bytes:
    """Who asks for which board in which language: the cookie is the person, and only its digest is kept."""
    parts = [environ.get(name, "") for name in ("HTTP_COOKIE", "QUERY_STRING", "HTTP_ACCEPT_LANGUAGE")]
    return hashlib.sha256("\n".join([*parts, etag]).encode("utf-8", "surrogateescape")).digest()


def init_app(app: Flask) -> None:
    """Puts it before the application."""
    watch = Unchanged(app, app.wsgi_app)
    app.wsgi_app = watch  # type: ignore[method-assign]
    app.extensions["board_watch"] = watch
