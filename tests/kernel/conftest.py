"""The kernel on both databases: a small world of agencies and people, without the application."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

import services
from models.agency import Agency
from models.base import Base
from models.crypto import vault
from models.person import Person
from process import transactions
from process.access import Actor, Held
from process.library import HERE, library, load, vocabulary
from tests.kernel.clock_office import make, office  # noqa: F401  fixtures of the tests of dates
from tests.servers import postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres() as url:
        yield url


def make_tables(url: str) -> None:
    made = create_engine(url)
    transactions.prepare(made)
    Base.metadata.create_all(made)
    made.dispose()


@pytest.fixture(scope="session")
def file_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tables, empty; copied for every test, because making them takes longer than most tests."""
    path = tmp_path_factory.mktemp("kernel") / "kernel.db"
    make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def template_with_tables(postgres_url: str) -> str:
    """The same on the server: the name of a database that others are made from."""
    name = "kernel_tables"
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    make_tables(postgres_url.rpartition("/")[0] + f"/{name}")
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind with all tables."""
    services.register()
    load(vocabulary(services.role_names(), services.paper_names()))
    vault.open("kernel-tests-" + "k" * 40)
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("file_with_tables"), tmp_path / "kernel.db")
        made = create_engine(
            f"sqlite:///{tmp_path}/kernel.db",
            connect_args={"check_same_thread": False, "timeout": 30},
            pool_size=30,
            max_overflow=60,
        )
    else:
        template = request.getfixturevalue("template_with_tables")
        admin = create_engine(request.getfixturevalue("postgres_url"), isolation_level="AUTOCOMMIT")
        name = f"kernel_{abs(hash(request.node.nodeid)) % 10**9}"
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        admin.dispose()
        made = create_engine(
            request.getfixturevalue("postgres_url").rpartition("/")[0] + f"/{name}", pool_size=30, max_overflow=60
        )
    transactions.prepare(made)
    yield made
    made.dispose()


@dataclass
class World:
    """Two communities of one street, and somebody in each post."""

    session: Session
    street: Agency
    here: Agency
    there: Agency
    people: dict[str, Person]

    def actor(self, name: str, *roles: tuple[str, Agency]) -> Actor:
        person = self.people.get(name)
        if person is None:
            person = self.people[name] = Person(username=name, name=name, password_hash="!", unit_id=self.here.id)
            self.session.add(person)
            self.session.flush()
        held = tuple(Held(role, place.path) for role, place in roles)
        return Actor(
            person.id, name, name, self.here.id, self.here.path, held=held, roles=frozenset(h.role for h in held)
        )


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    with Session(engine, expire_on_commit=False) as session:
        library.store(session)
        made = []
        for agency_id, parent in (("d", None), ("s", "d"), ("a", "s"), ("b", "s")):
            path = {"d": "/d/", "s": "/d/s/", "a": "/d/s/a/", "b": "/d/s/b/"}[agency_id]
            kind = {"d": "district", "s": "street"}.get(agency_id, "community")
            made.append(
                Agency(
                    id=agency_id,
                    name=agency_id,
                    kind=kind,
                    parent_id=parent,
                    path=path,
                    district="d",
                    code=agency_id.upper(),
                )
            )
            session.add(made[-1])
            session.flush()
        session.commit()
        yield World(session, made[1], made[2], made[3], {})


@pytest.fixture
def with_definitions(engine: Engine, tmp_path: Path) -> Iterator[Any]:
    """Puts further definitions beside those of the product, and takes them away again."""

    def put(*bodies: dict[str, Any]) -> None:
        for folder in ("workflows", "types"):
            (tmp_path / "more" / folder).mkdir(parents=True, exist_ok=True)
        for body in bodies:
            (tmp_path / "more" / "workflows" / f"{body['id']}.yaml").write_text(yaml.safe_dump(body))
            kind = {
                "id": body["id"],
                "title": {"zh": "名", "en": "Name"},
                "workflow": body["id"],
                "create": ["window_clerk"],
            }
            (tmp_path / "more" / "types" / f"{body['id']}.yaml").write_text(yaml.safe_dump(kind))
        load(vocabulary(), (HERE, tmp_path / "more"))
        with Session(engine) as session:
            library.store(session)
            session.commit()

    yield put
    load(vocabulary())
