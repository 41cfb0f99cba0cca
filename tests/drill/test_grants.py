"""On PostgreSQL the program works under a role that cannot rewrite the journal, and everything still works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import create_app
from config import ConfigError
from extensions import db
from jobs import relay, worker
from models.base import Base, now
from models.ledger import JournalEntry, OutboxItem
from models.person import Person
from process import heads
from process.access import load_actor
from process.clock import forget_calendar, local_day
from process.heads import Book
from process.journal_verify import examine
from services import grants, installation
from tests.conftest import settings
from tests.drill.office import database
from tests.services.fertility import accepted

pytestmark = pytest.mark.drill
ROLE = "daiban_program"
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.fixture
def owner(server: str, tmp_path: Path) -> Iterator[Engine]:
    """The owner's connection to an empty database with all tables, and the program's role beside it."""
    with database("postgresql", tmp_path, server) as url:
        made = create_engine(url)
        Base.metadata.create_all(made)
        with made.begin() as connection:
            connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
            grants.restrict(connection, ROLE)
        yield made
        made.dispose()


@pytest.fixture
def restricted(owner: Engine, tmp_path: Path) -> Iterator[Flask]:
    """The program under its role, in an installed office."""
    forget_calendar()
    url = make_url(str(owner.url)).set(username=ROLE).render_as_string(hide_password=False)
    app = create_app(settings(tmp_path, url))
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
    with app.app_context():
        installation.install(db.session())
        installation.load_demo_people(db.session())
        db.session.commit()
        yield app
        db.session.remove()
        db.engine.dispose()


def test_the_live_catalogue_says_insert_and_select_only(owner: Engine) -> None:
    with owner.begin() as connection:
        assert grants.restrict(connection, ROLE) is False, "it may run again"
        held = {
            (table, right)
            for table in Base.metadata.tables
            for right in RIGHTS
            if connection.scalar(
                text("SELECT has_table_privilege(:role, :table, :right)"),
                {"role": ROLE, "table": table, "right": right},
            )
        }
        columns = connection.scalar(text("SELECT has_any_column_privilege(:role, 'journal', 'UPDATE')"), {"role": ROLE})
    assert {right for table, right in held if table == "journal"} == {"SELECT", "INSERT"} and columns is False
    others = {table for table in Base.metadata.tables if table != "journal"}
    assert held - {("journal", "SELECT"), ("journal", "INSERT")} == {(t, r) for t in others for r in RIGHTS[:4]}


def test_the_program_works_and_cannot_rewrite(restricted: Flask, owner: Engine, tmp_path: Path) -> None:
    session = db.session()

    def actor(username: str):  # type: ignore[no-untyped-def]
        person = session.query(Person).where(Person.username == username).one()
        return load_actor(session, person.id, local_day(now()))

    accepted(session, actor)
    session.commit()
    answer = restricted.test_client().post(
        "/sign-in", data={"username": "window.clerk", "password": installation.DEMO_PASSWORD}
    )
    assert answer.status_code == 303, answer.text
    rung: list[int] = []
    assert relay.ring_due(session, lambda item_id, queue: rung.append(item_id)) == len(rung) > 0
    assert {worker.do(session, item_id) for item_id in rung} == {"done"}
    session.query(OutboxItem).update({"done_at": text("now() - interval '40 days'")})
    session.commit()
    relay.sweep(session)
    assert session.query(OutboxItem).where(OutboxItem.status == "done").count() == 0
    book = Book(tmp_path / "heads.jsonl", tmp_path / "key")
    with db.engine.connect() as connection:
        assert heads.write(connection, book, now()) == 1
    report = examine(session, book)
    assert report.finding is None and report.signed == report.rows > 0
    assert grants.excess(session.connection()) == []
    session.rollback()
    for statement in (
        "UPDATE journal SET comment = 'x'",
        "DELETE FROM journal",
        "TRUNCATE journal",
        "ALTER TABLE journal DISABLE TRIGGER ALL",
        "DROP TRIGGER journal_append_only ON journal",
        "DROP TABLE journal",
        f"GRANT UPDATE ON journal TO {ROLE}",
        "SET session_replication_role = replica",
        "INSERT INTO journal SELECT * FROM journal LIMIT 1 ON CONFLICT (id) DO UPDATE SET comment = 'x'",
    ):
        before = _rights(session)
        try:
            session.execute(text(statement))
            session.commit()
        except DBAPIError as refused:
            assert "permission denied" in str(refused) or "must be owner" in str(refused)
            session.rollback()
        else:
            # PostgreSQL answers GRANT of what one does not have with a warning, and grants nothing.
            assert statement.startswith("GRANT") and _rights(session) == before
    with owner.connect() as connection, Session(connection) as look:
        # Even the owner is stopped by the trigger, and has to take it away first.
        with pytest.raises(DBAPIError, match="append-only"):
            look.execute(text("DELETE FROM journal"))
        look.rollback()
        assert look.query(JournalEntry).count() == report.rows


def _rights(session: Session) -> list[str]:
    return grants.excess(session.connection())


def test_a_role_that_owns_the_tables_is_refused(owner: Engine) -> None:
    with owner.begin() as connection:
        for role, why in (
            (owner.url.username or "", "owns the tables"),
            ("daiban; DROP TABLE journal", "no name for a role"),
        ):
            with pytest.raises(ConfigError, match=why):
                grants.restrict(connection, role)
        connection.execute(text(f"CREATE ROLE clerk_of_owner IN ROLE {owner.url.username}"))
        with pytest.raises(ConfigError, match="member of"):
            grants.restrict(connection, "clerk_of_owner")
        connection.execute(text("DROP ROLE clerk_of_owner"))
