"""An office of real processes on its own folder: supervisor, gunicorn, relay, workers, Redis and either database."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from flask import Flask
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from app import create_app
from config import Settings
from extensions import db
from models.agency import Agency
from models.base import now
from models.person import CourierProfile, Grant, LoginSession, Person
from services import accounts, installation
from supervisor.plan import workers
from tests.platform.conftest import ROOT, Watched, clean_environ
from tests.servers import free_port

FULL = os.environ.get("DRILL_FULL") == "1"
RESULTS = ROOT / "test-output" / "drill"
START_WITHIN = 180.0


@contextmanager
def database(kind: str, folder: Path, server: str) -> Iterator[str]:
    """The address of an empty database of this kind, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/daiban.db"
        return
    name = f"drill_{secrets.token_hex(4)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.rpartition("/")[0] + f"/{name}"
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


class Office:
    """The running processes, and this test's own look into their database and files."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.port = free_port()
        environ = {
            "DAIBAN_VAR": str(folder),
            "DAIBAN_DEMO": "0",
            "PORT": str(self.port),
            "SECRET_KEY": "drill-" + "k" * 40,
            "DATABASE_URL": database_url,
        }
        self.settings = Settings.from_env(environ)
        self.watched = Watched([sys.executable, "-m", "supervisor", "serve"], clean_environ(**environ))
        self.app: Flask | None = None

    def open(self) -> None:
        """Waits for the page, then brings the known accounts in."""
        told = self.watched.wait_for("代办 is ready|^daiban: .*", within=START_WITHIN)[0]
        assert not told[0].startswith("daiban: "), "\n".join(self.watched.lines)
        self.app = create_app(self.settings)
        with self.session() as session:
            installation.load_demo_people(session)
            session.commit()
        for name in ("relay", *workers()):
            self.watched.pid_of(name)

    def close(self) -> None:
        if self.app is not None:
            with self.app.app_context():
                db.engine.dispose()
        if self.watched.process.poll() is None:
            self.watched.stop(signal.SIGTERM, within=60)

    @contextmanager
    def session(self) -> Iterator[Session]:
        assert self.app is not None
        with self.app.app_context(), Session(db.engine) as session:
            yield session

    def token(self, session: Session, person: Person) -> str:
        """A session of the API as a sign-in would open it, without the seconds that two hundred passwords take."""
        token = secrets.token_urlsafe(32)
        session.add(
            LoginSession(
                token_hash=accounts.token_hash(token),
                person_id=person.id,
                kind="api",
                expires_at=now() + accounts.LIFETIME["api"],
            )
        )
        return token

    def tokens(self, *usernames: str) -> dict[str, str]:
        with self.session() as session:
            people = session.scalars(select(Person).where(Person.username.in_(usernames)))
            found = {person.username: self.token(session, person) for person in people}
            session.commit()
        assert set(found) == set(usernames)
        return found

    def pid(self, name: str) -> int:
        """The process that is this part of the office now."""
        return int(self.watched.wait_for(rf" {name} +started, process (\d+)")[-1][1])

    def worker(self, name: str) -> int:
        """The process that takes the jobs: behind one that draws another stands warm (jobs/standby.py)."""
        parent = self.pid(name)
        return next(iter(children_of(parent)), parent)


@contextmanager
def running(kind: str, server: str) -> Iterator[Office]:
    # The path of the Redis socket must stay short, so this is not pytest's own folder.
    folder = Path(tempfile.mkdtemp(prefix="daiban-drill-"))
    try:
        with database(kind, folder, server) as url:
            office = Office(folder, url)
            try:
                office.open()
                yield office
            finally:
                office.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def couriers(session: Session, count: int) -> list[Person]:
    """Runners beyond the two known ones; none is held back by a limit on what one may carry."""
    street, point = session.get_one(Agency, "dongxin"), session.get_one(Agency, "dx-c01-point")
    known = list(session.scalars(select(Person).where(Person.username.in_(("courier", "courier2")))))
    made = []
    for number in range(count - len(known)):
        runner = Person(
            username=f"runner{number}", name=f"跑腿工{number}", password_hash=accounts.NO_PASSWORD, unit_id=point.id
        )
        session.add(runner)
        session.flush()
        session.add(
            Grant(
                person_id=runner.id,
                role="red_courier",
                place_id=street.id,
                place_path=street.path,
                since=date(2025, 1, 1),
            )
        )
        session.add(
            CourierProfile(
                person_id=runner.id, point_id=point.id, trained_until=date(2030, 1, 1), errand_limit=1000, area=[]
            )
        )
        made.append(runner)
    for person in known:
        session.get_one(CourierProfile, person.id).errand_limit = 1000
    session.flush()
    return known + made


def children_of(pid: int) -> list[int]:
    """The processes whose parent this is, zombies left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # ended while we looked
        if int(parent) == pid and state not in "ZX":
            found.append(int(stat.parent.name))
    return sorted(found)


def wait_for(condition: Callable[[], object], within: float, what: str) -> float:
    """How long it took until this held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within, f"{what}: not within {within:g} s"
        time.sleep(0.1)
    return time.monotonic() - started
