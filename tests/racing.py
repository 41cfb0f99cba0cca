"""An office that many threads write to at once, on both databases."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session

from models.base import Base, at_time
from process import transactions
from process.refusals import Refusal
from services import installation
from tests.servers import postgres

# So many transactions may be open together.
AT_ONCE = 55


@pytest.fixture(scope="session")
def server_of_races() -> Iterator[str]:
    """One PostgreSQL for all races of a run."""
    with postgres() as url:
        yield url


@pytest.fixture(scope="session")
def template_of_races(server_of_races: str) -> str:
    """The installed office on that server: the name of a database that every race starts from a copy of."""
    name = "races_installed"
    admin = create_engine(server_of_races, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    made = create_engine(_database(server_of_races, name))
    Base.metadata.create_all(made)
    with Session(made) as session:
        installation.install(session)
        installation.load_demo_people(session)
        session.commit()
    made.dispose()
    return name


def _database(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def office_for_many(request: pytest.FixtureRequest, app: Flask, tmp_path: Path) -> Iterator[Engine]:
    """An installed office that many threads write to, in a file or on a server."""
    if request.param == "sqlite":
        made = create_engine(
            f"sqlite:///{tmp_path}/daiban.db",
            connect_args={"check_same_thread": False, "timeout": 60},
            pool_size=AT_ONCE,
        )
        transactions.prepare(made)
        yield made
        made.dispose()
        return
    server, name = request.getfixturevalue("server_of_races"), f"races_{secrets.token_hex(4)}"
    template = request.getfixturevalue("template_of_races")
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    made = create_engine(_database(server, name), pool_size=AT_ONCE)
    yield made
    made.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def all_at_once(office: Engine, act: Callable[[Session, int], Any], count: int, moment: datetime) -> list[Any]:
    """Everybody at the same moment, each in a transaction of their own; what came of it, in order."""
    gate, answers = threading.Barrier(count), [None] * count

    def one(number: int) -> None:
        gate.wait()
        with at_time(moment), Session(office) as session:
            try:
                answers[number] = act(session, number)
                session.commit()
            except Refusal as refusal:
                session.rollback()
                answers[number] = refusal

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return answers
