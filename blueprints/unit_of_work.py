"""One request, one transaction: views never commit. An unsafe request commits once, after the view has answered without a refusal,
together with its idempotency record, so that a repeated request gets the first answer and has no second effect."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from blueprints.late_rules import LateRule
from extensions import db
from models.base import now
from models.crypto import vault
from models.ledger import IdempotencyKey
from process import releases, transactions
from process.refusals import Conflict, IdempotencyMismatch
from services import unprintable
from services.papers import own

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
KEPT_HEADERS = ("Location", "Content-Type")
MAX_KEPT_BODY = 200_000
# What an endpoint works out before its transaction begins: printing a paper on trial takes seconds, and SQLite has one writer.
BEFOREHAND: dict[str, Callable[[], None]] = {}


class Daiban(Flask):
    """Flask with the unit of work around every view."""

    url_rule_class = LateRule

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view and no hook here is a coroutine; Flask would look at each of them at every request."""
        return func

    def dispatch_request(self) -> ResponseReturnValue:
        if request.method in SAFE or request.endpoint == "static":
            return super().dispatch_request()
        key = _idempotency_key()
        if (beforehand := BEFOREHAND.get(request.endpoint or "")) is not None:
            _look_first(beforehand, key)
        if key is not None:
            earlier = _claim(key)
            if earlier is not None:
                db.session.rollback()
                return earlier
        response = self.make_response(super().dispatch_request())
        if response.status_code < 400:
            if key is not None:
                _remember(key, response)
            db.session.commit()
        else:
            # A view that answers with an error page (a form to mend) has no effect but what a refusal itself must leave behind.
            db.session.rollback()
            transactions.settle(db.session())
        return response


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.before_request(take_up_releases)


def _begin() -> None:
    transactions.set_writing(request.method not in SAFE)
    unprintable.begin(lambda: request.values.get("by_hand") == "y")


def take_up_releases() -> None:
    """A version of a process or paper that was just put in force holds for the next request of every server."""
    # The health pages must answer although the database does not.
    if request.endpoint != "static" and request.blueprint != "health":
        releases.refresh(db.session())
        own.refresh(db.session())


def _look_first(beforehand: Callable[[], None], key: tuple[int, str] | None) -> None:
    """Lets go of the lock, looks and reckons without it, and begins anew; a refusal goes out as it would from the view."""
    db.session.rollback()
    try:
        with transactions.reading():
            # A second press gets the answer of the first, and nothing is worked out for it.
            if key is None or db.session.get(IdempotencyKey, key) is None:
                beforehand()
    finally:
        db.session.rollback()


def _idempotency_key() -> tuple[int, str] | None:
    """The header, or the token that every form carries: a second press of the same button is the same request."""
    from blueprints.context import current_actor

    value = request.headers.get("Idempotency-Key") or (
        request.form.get("_once") if request.mimetype != "application/json" else None
    )
    person_id = current_actor().person_id
    if not value or person_id is None or request.endpoint in ("auth.sign_in", "api.sign_in"):
        return None
    return person_id, hashlib.sha256(f"{request.method} {request.path} {value}".encode()).hexdigest()


def _request_hash() -> str:
    digest = hashlib.sha256(request.query_string)
    if request.mimetype == "multipart/form-data" or request.mimetype == "application/x-www-form-urlencoded":
        for name, values in sorted(request.form.lists()):
            if name not in ("csrf_token",):
                digest.update(repr((name, values)).encode())
        for name, file in sorted(request.files.items(multi=True), key=lambda pair: pair[0]):
            digest.update(name.encode())
            while chunk := file.stream.read(65536):
                digest.update(chunk)
            file.stream.seek(0)
    else:
        digest.update(request.get_data(cache=True))
    return digest.hexdigest()


def _claim(key: tuple[int, str]) -> Response | None:
    """Takes the key inside this transaction; a repeat waits for the first to end and gets its answer."""
    person_id, name = key
    body = _request_hash()
    insert = pg_insert if db.engine.dialect.name == "postgresql" else sqlite_insert
    taken = db.session.execute(
        insert(IdempotencyKey)
        .values(person_id=person_id, key=name, request_hash=body, headers={}, created_at=now())
        .on_conflict_do_nothing(index_elements=["person_id", "key"])
        .returning(IdempotencyKey.key)
    ).first()
    if taken is not None:
        return None
    row = db.session.get(IdempotencyKey, key)
    if row is None:
        raise Conflict("同一请求正在处理，请稍候几秒再看结果。")
    if row.request_hash != body:
        raise IdempotencyMismatch("这次提交用了上一次的编号，内容却不一样。请刷新页面后重新提交。")
    g.replayed = True
    response = Response(vault.decrypt(row.body.encode()) if row.body else b"", status=row.status or 200)
    for header, value in (row.headers or {}).items():
        response.headers[header] = value
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _remember(key: tuple[int, str], response: Response) -> None:
    text: str | None = None
    if not response.is_streamed and (response.content_length or 0) <= MAX_KEPT_BODY:
        # An answer may show somebody in full, so it rests encrypted like the person does.
        text = vault.encrypt(response.get_data()).decode()
    row = db.session.get(IdempotencyKey, key)
    if row is not None:
        row.status, row.body = response.status_code, text
        row.headers = {h: response.headers[h] for h in KEPT_HEADERS if h in response.headers}
