"""Through Redis go numbers of rows and nothing about people: everything in it is read while an office works and fails."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from extensions import db, limiter
from jobs import relay, worker
from jobs.queue import NAMES, connect, lying
from models.base import now
from models.ledger import OutboxItem
from models.person import Person
from process import outbox
from process.access import load_actor
from process.clock import forget_calendar, local_day
from services import installation
from tests.conftest import settings
from tests.servers import redis_server
from tests.services.fertility import FORM, WIFE, accepted

pytestmark = pytest.mark.drill
ADDRESS = "203.0.113.77"


@pytest.fixture
def office(
    tmp_path: Path, installed: Path, translations: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Flask, Redis]]:
    shutil.copy(installed, tmp_path / "daiban.db")
    forget_calendar()
    with redis_server(tmp_path) as url:
        monkeypatch.setenv("TEST_REDIS_URL", url)
        app = create_app(settings(tmp_path))
        app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        storage = RedisStorage(url.replace("unix://", "redis+unix://"))
        monkeypatch.setattr(limiter, "enabled", True)
        monkeypatch.setattr(limiter, "_storage_dead", False)
        monkeypatch.setattr(limiter, "_limiter", MovingWindowRateLimiter(storage))
        with app.app_context():
            yield app, connect(url)
            db.session.remove()
            db.engine.dispose()


def everything(connection: Redis) -> str:
    """Every key and value, unpacked where RQ packs."""
    found: list[bytes] = []
    for key in connection.keys("*"):
        kind = connection.type(key)
        values: list[bytes] = [key]
        if kind == b"string":
            values.append(connection.get(key) or b"")
        elif kind == b"hash":
            values += [part for pair in connection.hgetall(key).items() for part in pair]
        elif kind == b"list":
            values += connection.lrange(key, 0, -1)
        elif kind == b"set":
            values += connection.smembers(key)
        elif kind == b"zset":
            values += connection.zrange(key, 0, -1)
        else:
            assert kind == b"stream", f"{key!r} is a {kind!r}: teach this test to read it"
            values += [part for _, fields in connection.xrange(key) for pair in fields.items() for part in pair]
        for value in values:
            found.append(value)
            try:
                found.append(zlib.decompress(value))
            except zlib.error:
                continue  # not packed
    return b"\n".join(found).decode(errors="replace")


def test_no_personal_data_reaches_redis(office: tuple[Flask, Redis], monkeypatch: pytest.MonkeyPatch) -> None:
    app, connection = office
    session = db.session()
    people = {p.username: p for p in session.scalars(select(Person).where(Person.username.is_not(None)))}

    def actor(username: str):  # type: ignore[no-untyped-def]
        return load_actor(session, people[username].id, local_day(now()))

    client = app.test_client()
    signed_in = client.post("/sign-in", data={"username": "window.clerk", "password": installation.DEMO_PASSWORD})
    assert signed_in.status_code == 303
    # A visitor who types the ID number where the number of the matter belongs.
    for _ in range(3):
        client.post(
            "/progress",
            data={"number": WIFE["id_number"], "id_last4": WIFE["id_number"][-4:]},
            environ_base={"REMOTE_ADDR": ADDRESS},
        )
    accepted(session, actor)
    session.commit()
    # A job that fails loudly with somebody's data in its mouth.
    monkeypatch.setitem(worker.HANDLERS, "poison", _loud)
    outbox.put(session, "poison", district="xiacheng")
    session.commit()
    waiting = {item.id for item in session.scalars(select(OutboxItem).where(OutboxItem.status == "waiting"))}
    session.rollback()
    seen = [everything(connection)]
    assert relay.ring_all(session, connection) >= 2
    assert set().union(*(lying(connection, name) for name in outbox.QUEUES)) <= waiting
    assert relay.ring_all(session, connection) == 0, "what lies there is not rung for twice"
    seen.append(everything(connection))
    SimpleWorker(list(NAMES), connection=connection, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")
    seen.append(everything(connection))
    with Session(db.engine) as look:
        assert look.scalar(select(OutboxItem.status).where(OutboxItem.job == "papers.render")) == "done"
        assert look.scalar(select(OutboxItem.attempts).where(OutboxItem.job == "poison")) == 1
    private = {*WIFE.values(), *(value for value in FORM.values() if isinstance(value, str) and len(value) > 1)}
    private |= {text for person in people.values() for text in (person.name, person.username) if text}
    private |= {ADDRESS, "127.0.0.1", installation.DEMO_PASSWORD}
    assert "jobs.worker.run_item" in seen[1] and "LIMITS" in seen[0], "it was really Redis that we read"
    for words in sorted(private):
        # The names of roles and places are nobody's; what is left is a person.
        for part in seen:
            assert words not in part, f"{words!r} lies in Redis"


def _loud(_session: Session, _args: object) -> None:
    raise RuntimeError(f"cannot print for {WIFE['name']}, {WIFE['id_number']}, {WIFE['phone']}")
