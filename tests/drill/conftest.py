"""What every drill needs: a PostgreSQL of its own, both kinds of database, and a place for what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.drill.office import RESULTS, Office, running
from tests.servers import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def office(kind: str, request: pytest.FixtureRequest) -> Iterator[Office]:
    """An office of real processes, open, with the known accounts."""
    with running(kind, request.getfixturevalue("server") if kind == "postgresql" else "") as opened:
        yield opened


@pytest.fixture
def report(kind: str) -> Callable[..., None]:
    """Keeps what a drill measured, one file for each drill and database."""

    def keep(name: str, **facts: Any) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        body = json.dumps({"database": kind, **facts}, ensure_ascii=False, indent=2)
        (RESULTS / f"{name}-{kind}.json").write_text(body + "\n", "utf-8")
        print(f"{name} {kind}: {body}")

    return keep
