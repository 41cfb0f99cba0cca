"""Accounts: passwords, sign-in with back-off, sessions that end when somebody signs out."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.base import now
from models.person import LoginFailure, LoginSession, Person
from process import journal
from process.access import load_actor
from process.clock import local_day
from process.refusals import InvalidInput, TooMany

# RFC 9106's second choice scaled to one small office machine: 19 MiB, 2 passes, about 30 ms.
hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified against when the name is unknown, so that known and unknown names take equally long.
_NOBODY = hasher.hash(secrets.token_hex(16))
NO_PASSWORD = "!"  # an account nobody can sign in to
WRONG = "用户名或密码不对，请再核对一次。忘记密码请找本单位系统管理员重设。"
FREE_TRIES = 4
LIFETIME = {"web": timedelta(hours=12), "api": timedelta(hours=12)}


def hash_password(password: str) -> str:
    return hasher.hash(password)


def check_password(session: Session, username: str, password: str) -> Person | None:
    """Read-only: the person when the password is right."""
    person = session.scalar(select(Person).where(Person.username == username.strip()))
    stored = person.password_hash if person is not None and person.password_hash != NO_PASSWORD else _NOBODY
    try:
        hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return None
    return person if person is not None and person.active and person.password_hash != NO_PASSWORD else None


def sign_in(
    session: Session, username: str, password: str, *, address: str, device: str, kind: str = "web"
) -> tuple[str, Person]:
    """Checks the password and opens a session; returns the token the client keeps. Guessing is slowed per account and address.

    A refusal is raised after the failure was written: the caller commits it (see blueprints/auth)."""
    at = now()
    keys = _keys(username, address)
    for key in keys:
        # Guesses that arrive together count one after the other; without the lock they would all read the same count.
        row = session.get(LoginFailure, key, with_for_update=True)
        if row is not None and row.blocked_until is not None and row.blocked_until > at:
            wait = int((row.blocked_until - at).total_seconds()) + 1
            raise TooMany(f"连续输错多次，请 {wait} 秒后再试。忘记密码请找本单位系统管理员重设。", wait)
    person = check_password(session, username, password)
    if person is None:
        for key, free in zip(keys, (FREE_TRIES, FREE_TRIES * 10), strict=True):
            _count_failure(session, key, free, at)
        raise InvalidInput(WRONG, {"password": WRONG})
    session.execute(delete(LoginFailure).where(LoginFailure.key == keys[0]))
    token = secrets.token_urlsafe(32)
    session.add(
        LoginSession(
            token_hash=token_hash(token),
            person_id=person.id,
            kind=kind,
            created_at=at,
            seen_at=at,
            expires_at=at + LIFETIME[kind],
            address=address[:64],
            device=device[:200],
        )
    )
    journal.record(
        session,
        "account:sign_in",
        load_actor(session, person.id, local_day(at)),
        stream=f"person:{person.id}",
        details={"kind": kind},
    )
    return token, person


def sign_out(session: Session, token: str) -> None:
    """Ends the session for good: a copied cookie is worth nothing afterwards."""
    row = session.get(LoginSession, token_hash(token))
    if row is None:
        return
    actor = load_actor(session, row.person_id, local_day(now()))
    session.delete(row)
    journal.record(session, "account:sign_out", actor, stream=f"person:{row.person_id}")


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def raise_epoch(person: Person) -> None:
    """Call with every change of grants or account: cached rights of this person die in every process."""
    person.epoch += 1


def _keys(username: str, address: str) -> tuple[str, str]:
    """Per account from one address, and per address whatever the account: a stranger elsewhere locks nobody out."""
    pair = hashlib.sha256(f"{username.strip().lower()}|{address}".encode()).hexdigest()
    return pair, hashlib.sha256(f"|{address}".encode()).hexdigest()


def _count_failure(session: Session, key: str, free: int, at: datetime) -> None:
    row = session.get(LoginFailure, key)
    if row is None:
        row = LoginFailure(key=key, failures=0, changed_at=at)
        session.add(row)
    if at - row.changed_at > timedelta(hours=1):
        row.failures = 0
    row.failures += 1
    row.changed_at = at
    if row.failures > free:
        row.blocked_until = at + timedelta(seconds=min(2 ** (row.failures - free), 30))
