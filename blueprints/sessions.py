"""Who is signed in: the cookie holds a random token, the session lives in the database and dies at sign-out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Flask, Request, current_app, g, redirect, request, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager
from sqlalchemy import bindparam, select

from extensions import db
from models.base import now
from models.person import LoginSession, Person
from process.access import NOBODY, Actor, load_actor
from process.clock import local_day
from services.accounts import token_hash

# Rights as read at one epoch of one person on one day; a change of grants raises the epoch and this entry is never asked again.
Actors = dict[tuple[int, int, date], Actor]
MAX_CACHED = 2000
# Every request asks this: built once, and asked of the connection, because the ORM's way round costs twice the look-up.
_SIGNED_IN = (
    select(
        LoginSession.expires_at,
        LoginSession.kind,
        Person.id,
        Person.epoch,
        Person.active,
        Person.locale,
        Person.title,
    )
    .join(Person, Person.id == LoginSession.person_id)
    .where(LoginSession.token_hash == bindparam("token_hash"))
)


class Identity:
    """What Flask-Login calls the user: the actor and the token of this session."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, token: str, actor: Actor, locale: str, title: str) -> None:
        self.token, self.actor, self.locale, self.title = token, actor, locale, title

    @property
    def name(self) -> str:
        return self.actor.name

    def get_id(self) -> str:
        return self.token


class CookieSessions(SecureCookieSessionInterface):
    """Flask's own session; where no cookie came there is nothing to check, and programs never send one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def init_app(app: Flask, login: LoginManager) -> None:
    app.session_interface = CookieSessions()
    login.init_app(app)
    login.session_protection = None  # the token itself is the session; user agents of phones change with every update
    login.user_loader(_browser)
    login.request_loader(_bearer)
    login.unauthorized_handler(_sign_in_first)
    app.before_request(_fresh)


def load_identity(token: str) -> Identity | None:
    """One query per request: the session row with its person's epoch; grants come from the cache of that epoch."""
    row = db.session.connection().execute(_SIGNED_IN, {"token_hash": token_hash(token)}).first()
    if row is None or row.expires_at <= now() or not row.active:
        return None
    g.session_kind = row.kind
    return Identity(token, _actor(row.id, row.epoch), row.locale, row.title)


def _actor(person_id: int, epoch: int) -> Actor:
    today = local_day(now())
    known: Actors = current_app.extensions.setdefault("daiban-actors", {})
    found = known.get((person_id, epoch, today))
    if found is None:
        if len(known) >= MAX_CACHED:
            known.clear()
        found = known[person_id, epoch, today] = load_actor(db.session(), person_id, today)
    return found


def _browser(token: str) -> Identity | None:
    """A program's token is no cookie: each kind of session opens only its own door."""
    identity = load_identity(token)
    return identity if identity is not None and g.get("session_kind") == "web" else None


def _bearer(req: Any) -> Identity | None:
    """API clients send their token as a bearer; only for the API, which in turn takes no cookie."""
    header = req.headers.get("Authorization", "")
    if not req.path.startswith("/api/") or not header.startswith("Bearer "):
        return None
    identity = load_identity(header[7:].strip())
    return identity if identity is not None and g.get("session_kind") == "api" else None


def _fresh() -> None:
    g.pop("_login_user", None)


def _sign_in_first() -> Any:
    if request.path.startswith("/api/"):
        from blueprints.errors import problem

        return problem(
            401, "sign-in", "请先登录", "请先以 POST /api/v1/session 取得令牌，并放在 Authorization: Bearer 中。"
        )
    target = request.full_path.rstrip("?") if request.method == "GET" else (request.referrer or "")
    return redirect(
        url_for("auth.sign_in_page", next=target if target.startswith("/") and not target.startswith("//") else None),
        303,
    )


def anonymous() -> Actor:
    return NOBODY


SESSION_LIFETIME = timedelta(hours=12)
