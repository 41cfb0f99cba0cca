"""Fixtures for everybody: a real database with the office installed, people to act as, a browser-less client."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as examples
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app import create_app
from config import Settings
from extensions import db, limiter
from models.agency import Agency
from models.base import Base
from models.case import ServiceItem
from models.person import Person
from process.access import Actor, load_actor
from process.clock import forget_calendar, local_day
from services import installation
from tests import order
from tests.kept import Statements, share_templates

# What CI says can be said again: there the same examples each time. Everybody else's run looks for new ones.
examples.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    examples.load_profile("repeatable")

# An office that a test starts at night must not begin to compare its papers: no test depends on the hour.
os.environ.setdefault("PAPERS_ADMIT", "off")

pytest_plugins = ["tests.racing"]
share_templates()

PASSWORD = installation.DEMO_PASSWORD


def settings(folder: Path, database_url: str | None = None) -> Settings:
    return Settings.from_env(
        {
            "DAIBAN_VAR": str(folder),
            "DAIBAN_DEMO": "1",
            "SECRET_KEY": "tests-" + "k" * 40,
            "REDIS_URL": os.environ.get("TEST_REDIS_URL", f"unix://{folder}/none.sock"),
            "DATABASE_URL": database_url or f"sqlite:///{folder}/daiban.db",
        }
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Who runs some files by hand gets them in the order asked for.
    if hasattr(config, "workerinput"):
        order.longest_first(items)


@pytest.fixture(scope="session")
def translations() -> None:
    """The compiled English, made here when nobody has started bin/serve or bin/test since it was changed."""
    for po in (Path(__file__).resolve().parents[1] / "translations").glob("*/LC_MESSAGES/*.po"):
        mo = po.with_suffix(".mo")
        if mo.exists() and mo.stat().st_mtime >= po.stat().st_mtime:
            continue
        with po.open("rb") as source, tempfile.NamedTemporaryFile(dir=po.parent, suffix=".new", delete=False) as target:
            write_mo(target, read_po(source, locale=po.parts[-3]))
        # Moved into place whole: other test processes may be reading it.
        os.replace(target.name, mo)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with tables, agencies, calendar, catalogue and the demo's people; copied for every test."""
    folder = tmp_path_factory.mktemp("installed")
    app = create_app(settings(folder))
    with app.app_context():
        Base.metadata.create_all(db.engine)
        installation.install(db.session())
        installation.load_demo_people(db.session())
        db.session.commit()
        db.session.remove()
        with db.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return folder / "daiban.db"


@pytest.fixture(scope="session")
def statements(tmp_path_factory: pytest.TempPathFactory) -> Statements:
    """Compiled SQL for every application of this process; the engine that it begins with is asked nothing else."""
    first = create_engine(f"sqlite:///{tmp_path_factory.mktemp('statements')}/empty.db")
    first.connect().close()
    first.dispose()
    return Statements(first)


@pytest.fixture
def app(tmp_path: Path, installed: Path, translations: None, statements: Statements) -> Iterator[Flask]:
    """The application on its own copy of the installed office."""
    shutil.copy(installed, tmp_path / "daiban.db")
    shutil.copy(installed.with_name("trust.key"), tmp_path / "trust.key")
    forget_calendar()
    # An application made while the one limiter is off lacks its hooks for good, and so would never count a miss.
    limiter.enabled = True
    made = create_app(settings(tmp_path))
    made.config.update(TESTING=True, WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
    with made.app_context():
        statements.lend(db.engine)
    yield made
    with made.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session in the application's context; what a test wants others to see it commits."""
    with app.app_context():
        yield db.session()
        db.session.remove()


@pytest.fixture
def person(session: Session) -> Callable[[str], Person]:
    return lambda username: session.scalars(select(Person).where(Person.username == username)).one()


@pytest.fixture
def actor(session: Session, person: Callable[[str], Person]) -> Callable[[str], Actor]:
    """The actor of a demo account, with the rights of today."""
    return lambda username: load_actor(session, person(username).id, local_day(datetime.now(UTC)))


@pytest.fixture
def agency(session: Session) -> Callable[[str], Agency]:
    def find(agency_id: str) -> Agency:
        found = session.get(Agency, agency_id)
        assert found is not None
        return found

    return find


@pytest.fixture
def item(session: Session) -> Callable[[str], ServiceItem]:
    return lambda code: session.scalars(select(ServiceItem).where(ServiceItem.code == code)).one()


@pytest.fixture
def client_as(app: Flask) -> Callable[[str], FlaskClient]:
    """A client that has signed in through the page, like a person."""

    def sign_in(username: str) -> FlaskClient:
        client = app.test_client()
        answer = client.post("/sign-in", data={"username": username, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return client

    return sign_in
