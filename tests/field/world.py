"""An office in the middle of its work, on either database, put back to the same moment for every history."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import create_engine, make_url, select, text
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server

from app import create_app
from extensions import db, limiter
from models.base import Base, now
from models.delegation import HomeVisit
from models.paper import Certificate
from models.person import Person
from process import access, engine, transactions
from process.access import Actor, load_actor
from process.clock import forget_calendar, local_day
from process.identity import check_character
from services import care, installation, visits
from services.installation import DEMO_PASSWORD
from tests.conftest import settings
from tests.servers import free_port
from tests.services.fertility import certificate_of, draw_all
from tests.services.visiting import OLD_LADY, collection, request_visit, tomorrow

STORY = "story"
PEOPLE = ("grid.leader", "grid.leader", "courier", "courier2")
# Passwords are checked as everywhere, but hashed so that it costs nothing: they are typed thousands of times, and not what is asked here.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class _Quiet(WSGIRequestHandler):
    """Thousands of requests, and not a line about each."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


class World:
    """The application, what its database held at moments with a name, and a server that answers phones."""

    def __init__(self, app: Flask, folder: Path, server: str | None) -> None:
        self.app, self.folder = app, folder
        self.admin = create_engine(server, isolation_level="AUTOCOMMIT") if server else None
        self.entry, self.visit, self.carded = "", "", ""
        self.address = ""

    @property
    def session(self) -> Session:
        return db.session()

    def actor(self, username: str) -> Actor:
        found = self.session.scalars(select(Person.id).where(Person.username == username)).one()
        return load_actor(self.session, found, local_day(now()))

    def _let_go(self) -> None:
        if self.admin is None:
            # Whoever reads of a file that is copied must find all of it there.
            self.session.rollback()
            with db.engine.connect() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.session.remove()
        db.engine.dispose()
        # A process that starts knows the rows of no earlier database.
        access._interned.clear()

    def keep(self, name: str) -> None:
        """Remembers how everything stands."""
        self._let_go()
        if self.admin is None:
            shutil.copy(self.folder / "daiban.db", self.folder / f"{name}.kept")
        else:
            self._copy("work", f"kept_{name}")

    def back(self, name: str = STORY) -> None:
        """Everything stands as it did then."""
        self._let_go()
        if self.admin is None:
            for old in self.folder.glob("daiban.db*"):
                old.unlink()
            shutil.copy(self.folder / f"{name}.kept", self.folder / "daiban.db")
        else:
            self._copy(f"kept_{name}", "work")

    def _copy(self, source: str, target: str) -> None:
        assert self.admin is not None
        with self.admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {target} TEMPLATE {source}"))


def _story(world: World) -> None:
    """A visit that is fixed, its old lady on the register, and another visit whose certificate is printed and not yet issued."""
    session, actor = world.session, world.actor
    leader, clerk, window, issuer = (
        actor(name) for name in ("grid.leader", "community.clerk", "window.clerk", "issuer")
    )
    visit = request_visit(session, clerk)
    engine.fire(visit, "schedule", clerk, inputs={"slot_start": tomorrow(), "visitor": "grid.leader"})
    assert visit.applicant is not None
    visit.applicant.grid_id = "dx-c01-g1"
    entry = care.enter(session, leader, visit.applicant, condition="age_80", proof=None, at=now(), needs="买菜")
    stem = "33010319410718201"
    other = {**OLD_LADY, "name": "汤素琴", "id_number": stem + check_character(stem), "phone": "13800000017"}
    carded = request_visit(session, clerk, applicant=other)
    engine.fire(carded, "schedule", leader, inputs={"slot_start": tomorrow(14)})
    for step, given in (("set_off", {}), ("collect", collection()), ("file", {})):
        engine.fire(carded, step, leader, inputs=given)
    case, ticket = carded.case, visits.ticket_of(session, carded)
    assert case is not None and ticket is not None
    counted = [{"line": n, "counted": sheets} for n, sheets in ((1, 1), (2, 2), (3, 1))]
    engine.fire(ticket, "receive", window, inputs={"lines": counted})
    engine.fire(ticket, "start", window)
    ticks = [{"code": m.code, "verdict": "accepted"} for m in case.materials if m.provided]
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks})
    engine.fire(case, "approve", actor("approver"))
    engine.fire(ticket, "decide", window)
    certificate = certificate_of(session, case)
    engine.fire(certificate, "number", issuer)
    engine.fire(certificate, "seal", issuer)
    draw_all(session)
    engine.fire(certificate, "print", issuer)
    session.commit()
    world.entry, world.visit, world.carded = str(entry.id), visit.uid, carded.uid


def certificate(session: Session, world: World) -> Certificate:
    """The one of the story."""
    visit = session.scalars(select(HomeVisit).where(HomeVisit.uid == world.carded)).one()
    assert visit.case is not None
    return certificate_of(session, visit.case)


@contextmanager
def world_of(folder: Path, installed: Path, server: str | None = None) -> Iterator[World]:
    """The office on a file, or on the PostgreSQL at this address, with a server of its own on loopback."""
    shutil.copy(installed.with_name("trust.key"), folder / "trust.key")
    forget_calendar()
    limiter.enabled = True
    url = None
    if server is None:
        shutil.copy(installed, folder / "daiban.db")
    else:
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS work WITH (FORCE)"))
            connection.execute(text("CREATE DATABASE work"))
        admin.dispose()
        url = make_url(server).set(database="work").render_as_string(hide_password=False)
    app = create_app(settings(folder, url))
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=True, RATELIMIT_ENABLED=False, PROPAGATE_FAULTS=False)
    world = World(app, folder, server)
    with app.app_context():
        if server is not None:
            Base.metadata.create_all(db.engine)
            installation.install(db.session())
            installation.load_demo_people(db.session())
            db.session.commit()
        transactions.set_writing(True)
        _story(world)
        hashed = CHEAP.hash(DEMO_PASSWORD)
        for person in world.session.scalars(select(Person).where(Person.username.in_(PEOPLE))):
            person.password_hash = hashed
        world.session.commit()
        # What a test looks up must not hold the lock under which the server writes.
        transactions.set_writing(False)
        world.keep(STORY)
        port = free_port()
        answering = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=answering.serve_forever, daemon=True)
        thread.start()
        world.address = f"http://127.0.0.1:{port}"
        # What stands here by now stands to the end: nobody looks through it for rubbish thousands of times.
        gc.collect()
        gc.freeze()
        try:
            yield world
        finally:
            gc.unfreeze()
            answering.shutdown()
            thread.join(10)
            transactions.set_writing(True)
            db.session.remove()
            db.engine.dispose()
            if world.admin is not None:
                world.admin.dispose()
