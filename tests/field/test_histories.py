"""Histories of four phones: the real modules in Chromium against the real server, with everything that lines do to people.

SYNC_HISTORIES=1000 .venv/bin/pytest tests/field/test_histories.py -k sqlite -s --timeout=0   (seeds are printed; SYNC_SEED=n begins there)
SYNC_POSTGRES=50 says how many of them run on PostgreSQL.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.field.broken import BROKEN
from tests.field.four import Four, four_of
from tests.field.history import History
from tests.field.oracle import Oracle
from tests.field.orders import Orders
from tests.field.world import World, world_of
from tests.servers import postgres

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Whoever asks for many says how long they may take.
pytestmark = pytest.mark.timeout(0 if "SYNC_HISTORIES" in os.environ else 1800)

STEPS = int(os.environ.get("SYNC_STEPS", "40"))
FIRST = int(os.environ.get("SYNC_SEED", "1"))
COUNTS = {
    "sqlite": int(os.environ.get("SYNC_HISTORIES", "2")),
    "postgresql": int(os.environ.get("SYNC_POSTGRES", "1")),
}
# In how many orders the same things arrive, once for each history.
ORDERS = int(os.environ.get("SYNC_ORDERS", "3"))
MOST_UNTIL_CAUGHT = 12
# Where the first histories happen to miss it, it begins with the one that does not.
SHOWN_BY = {"last_writer_wins": 3, "steps_without_a_version": 4}


@pytest.fixture(scope="module")
def worlds(
    tmp_path_factory: pytest.TempPathFactory, installed: Path, translations: None
) -> Iterator[Callable[[str], World]]:
    """The office on the database asked for; made when it is asked for, one at a time."""
    open_now: dict[str, Any] = {}

    def close() -> None:
        for managers in open_now.values():
            for one in reversed(managers[1:]):
                one.__exit__(None, None, None)
        open_now.clear()

    def ask(database: str) -> World:
        if database not in open_now:
            close()
            managers: list[Any] = []
            server = None
            if database == "postgresql":
                managers.append(postgres())
                server = managers[0].__enter__()
            managers.append(world_of(tmp_path_factory.mktemp("histories"), installed, server))
            open_now[database] = [managers[-1].__enter__(), *managers]
        world: World = open_now[database][0]
        return world

    yield ask
    close()


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, worlds: Callable[[str], World]) -> World:
    return worlds(request.param)


@pytest.fixture
def four(chromium: Browser, world: World) -> Iterator[Four]:
    with four_of(chromium, world) as found:
        yield found


def run(seed: int, four: Four, orders: int) -> Counter[str]:
    """One history to its end, judged; then the same things in several orders."""
    history = History(seed, four.world, four)
    history.begin()
    for _ in range(STEPS):
        history.step()
    found = Oracle(seed, four.world, history.end()).judge()
    four.forget()
    if orders:
        found["orders"] += Orders(seed, four.world, four).compare(orders)
    return found


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_server_is_caught(
    worlds: Callable[[str], World], chromium: Browser, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The same judge, before a server that was spoiled on purpose, finds it within a few histories."""
    world = worlds("sqlite")
    BROKEN[name](monkeypatch)
    with four_of(chromium, world) as four:
        for seed in range(SHOWN_BY.get(name, 1), MOST_UNTIL_CAUGHT + 1):
            try:
                run(seed, four, 2)
            except AssertionError as caught:
                print(f"{name}: caught in history {seed}: {str(caught)[:300]}")
                return
    raise AssertionError(f"{name} was not caught in {MOST_UNTIL_CAUGHT} histories")


def test_histories(world: World, four: Four) -> None:
    """Same end whatever the order: nothing lost, nothing doubled, nothing silently overwritten."""
    count = COUNTS["postgresql" if world.admin is not None else "sqlite"]
    total: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + count):
        print(f"history {seed}", end=" ", flush=True)
        found = run(seed, four, ORDERS)
        print(dict(found), flush=True)
        total += found
    print(f"{count} histories of {STEPS} steps: {dict(total)}")
    assert total["done"] and total["made"] and total["orders"] == count * ORDERS
