"""The migrations make exactly the tables of the models, and go down and up again, on both databases."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, select

from app import create_app
from extensions import db
from models.agency import Agency
from models.base import Base
from models.content import Content
from process.clock import forget_calendar
from services import demo, installation
from tests.conftest import settings
from tests.servers import postgres

MIGRATIONS = str(Path(__file__).resolve().parents[2] / "migrations")


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The application on a database without any table."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    forget_calendar()
    made = create_app(settings(tmp_path, url))
    with made.app_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield made
        db.session.remove()
        flask_migrate.downgrade(MIGRATIONS, revision="base")
        db.engine.dispose()


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def test_check_up_down_up(empty: Flask) -> None:
    flask_migrate.upgrade(MIGRATIONS)
    assert tables() == set(Base.metadata.tables)
    flask_migrate.check(MIGRATIONS)
    with db.engine.connect() as connection:
        assert not compare_metadata(MigrationContext.configure(connection), Base.metadata)
    flask_migrate.downgrade(MIGRATIONS, revision="base")
    assert not tables()
    flask_migrate.upgrade(MIGRATIONS)
    assert tables() == set(Base.metadata.tables)


def test_a_whole_demo_lives_in_migrated_tables(empty: Flask) -> None:
    """Not only the names: what the stories write fits into what the migrations made."""
    flask_migrate.upgrade(MIGRATIONS)
    session = db.session()
    installation.install(session)
    installation.load_demo_people(session)
    demo.load(session)
    session.commit()
    assert session.scalar(select(Content.id).limit(1)) and session.get(Agency, "dx-c01")
