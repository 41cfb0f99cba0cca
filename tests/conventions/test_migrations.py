"""The migrations make exactly the tables of the models, and go down and up again, on both databases."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import JSON, Boolean, Date, DateTime, Integer, inspect, select, text

from app import create_app
from extensions import db
from models.agency import Agency
from models.base import Base
from models.content import Content
from models.search import of_the_models
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
    found = set(inspect(db.engine).get_table_names()) - {"alembic_version"}
    # SQLite keeps the index of words in tables of its own.
    return {name for name in found if not name.startswith("content_terms")}


def test_check_up_down_up(empty: Flask) -> None:
    flask_migrate.upgrade(MIGRATIONS)
    assert tables() == set(Base.metadata.tables)
    flask_migrate.check(MIGRATIONS)
    with db.engine.connect() as connection:
        assert not compare_metadata(
            MigrationContext.configure(connection, opts={"include_object": of_the_models}), Base.metadata
        )
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


def test_an_office_from_before_is_taken_along(empty: Flask) -> None:
    """Up from the first tables with rows in them: what the new columns need is written for what was there."""
    flask_migrate.upgrade(MIGRATIONS, revision="0001")
    moment = "2026-11-20 08:00:00.000000"
    for statement in (
        "INSERT INTO agency (id, name, name_en, kind, path, district, code, paper_name, illustrative, details) "
        "VALUES ('d', '区', 'D', 'district', '/d/', 'd', 'D', '', false, '{}')",
        "INSERT INTO agency (id, name, name_en, kind, parent_id, path, district, code, paper_name, illustrative, details) "
        "VALUES ('s', '街道', 'S', 'street', 'd', '/d/s/', 'd', 'S', '', false, '{}')",
        "INSERT INTO acl (id, digest) VALUES (1, 'x')",
        "INSERT INTO content (id, uid, kind, type, title, place_id, place_path, district, workflow, workflow_version, state, acl_id, "
        "deadline, created_at, modified_at, entered_at, version, fields, search_text) VALUES (1, 'u', 'content', 'complaint', '一件', 's', '/d/s/', "
        f"'d', 'complaint', 'v', 'received', 1, '{moment}', '{moment}', '{moment}', '{moment}', 1, '{{}}', '')",
        "INSERT INTO content_place (id, content_id, relation, place_id, place_path, cause, cause_uid, since) "
        f"VALUES (1, 1, 'addressee', 'd', '/d/', 'delegation', 'x', '{moment}')",
    ):
        db.session.execute(text(statement))
    db.session.commit()
    flask_migrate.upgrade(MIGRATIONS)
    content = db.session.get(Content, 1)
    assert content is not None and (content.tier1, content.tier2, content.tier3, content.holds) == ("d", "s", None, 0)
    place = content.places[0]
    assert (place.tier1, place.tier2, place.acl_id, place.due_at) == ("d", None, 1, content.deadline)
    # The words of what was there are in the index.
    found = db.session.scalar(text("SELECT CAST(terms AS text) FROM content_search WHERE content_id = 1"))
    assert found is not None and "@open" in found and "@p:s" in found
    db.session.rollback()


def test_what_was_owed_before_there_was_a_ledger_gets_its_lines(empty: Flask) -> None:
    flask_migrate.upgrade(MIGRATIONS, revision="0006")
    moment = "2026-11-20 08:00:00.000000"
    fields = '{"_owed": {"due": "2026-12-01", "codes": ["marriage", "photo"]}}'
    for statement in (
        "INSERT INTO agency (id, name, name_en, kind, path, district, code, paper_name, illustrative, details) "
        "VALUES ('d', '区', 'D', 'district', '/d/', 'd', 'D', '', false, '{}')",
        "INSERT INTO acl (id, digest) VALUES (1, 'x')",
        *(
            "INSERT INTO content (id, uid, kind, type, title, place_id, place_path, district, workflow, workflow_version, state, "
            "acl_id, created_at, modified_at, entered_at, version, fields, search_text) "
            f"VALUES ({number}, 'u{number}', 'content', '{kind}', '一件', 'd', '/d/', 'd', '{kind}', 'v', '{state}', 1, '{moment}', "
            f"'{moment}', '{moment}', 1, '{fields if kind == 'case' else '{}'}', '')"
            for number, kind, state in (
                (1, "service_item", "published"),
                (2, "case", "accepted_deferred"),
                (3, "case", "closed"),
            )
        ),
    ):
        db.session.execute(text(statement))
    session = db.session
    _row(session, "service_item", id=1)
    for number in (2, 3):
        _row(session, "case_file", id=number, item_id=1)
        for code, provided in (("marriage", True), ("photo", False)):
            _row(session, "material", case_id=number, code=code, name=code, provided=provided, form="", verdict="")
    session.commit()
    flask_migrate.upgrade(MIGRATIONS)
    lines = session.execute(
        text("SELECT m.code, o.case_id, o.state, o.due FROM owed_material o JOIN material m ON m.id = o.material_id")
    ).all()
    assert [(code, case, state, str(due)) for code, case, state, due in lines] == [("photo", 2, "open", "2026-12-01")]
    assert session.scalar(text("SELECT count(*) FROM outbox WHERE job = 'promises.lapse'")) == 1
    session.rollback()


def _row(session: Any, table: str, **given: object) -> None:
    """A row as it could stand there: what was not said is the least its column takes."""
    values = dict(given)
    for column in inspect(session.connection()).get_columns(table):
        if column["name"] not in values and not column["nullable"] and column["name"] != "id":
            kind = column["type"]
            values[column["name"]] = (
                False
                if isinstance(kind, Boolean)
                else 0
                if isinstance(kind, Integer)
                else "{}"
                if isinstance(kind, JSON) or "JSON" in str(kind)
                else "2026-11-20 08:00:00.000000"
                if isinstance(kind, (DateTime, Date))
                else f"{table[:4]}{given}"[:20]
            )
    names = ", ".join(f'"{name}"' for name in values)
    session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in values)})"), values)


def test_a_migration_is_frozen() -> None:
    """What the product's code becomes later changes no old migration; only tables' own statements and column types are shared."""
    for path in sorted(Path(MIGRATIONS).rglob("*.py")):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.match(r"\s*(from|import) (services|process|blueprints|jobs|catalogue)\b", line), (
                f"{path.name}: {line}"
            )
