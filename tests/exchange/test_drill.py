"""Tickets in both directions over a bad line while servers and workers of both cities are killed: none lost, none doubled.

EXCHANGE_TICKETS=1000 is the full run; EXCHANGE_DATABASE=postgresql runs both cities on PostgreSQL.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.exchange.city import City, pair
from tests.exchange.proxy import BadLine
from tests.platform.conftest import ROOT
from tests.servers import postgres

TICKETS = int(os.environ.get("EXCHANGE_TICKETS", "60"))
DATABASE = os.environ.get("EXCHANGE_DATABASE", "sqlite")
PARTS = ("web", "work", "act")
WITHIN = 300 + TICKETS * 6
# How often somebody is killed: servers, workers and the people's own programs of either city.
KILLS = max(8, TICKETS // 25)
OVER = {"printed", "mailed", "refused"}
pytestmark = [pytest.mark.drill, pytest.mark.timeout(WITHIN + 300)]


@pytest.fixture
def world() -> Iterator[tuple[City, City, BadLine, BadLine]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="daiban-cities-")))
        urls = ["", ""]
        if DATABASE == "postgresql":
            server = stack.enter_context(postgres())
            urls = [_database(server) for _ in range(2)]
        a, b = City("海宁市", folder / "a", urls[0]), City("江苏吴江", folder / "b", urls[1])
        to_a, to_b = BadLine(a.port, 1), BadLine(b.port, 2)
        for thing in (a, b, to_a, to_b):
            stack.callback(thing.close)
        pair(a, b, a_url=to_a.url, b_url=to_b.url)
        yield a, b, to_a, to_b


def _database(server: str) -> str:
    name = f"city_{secrets.token_hex(4)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.rpartition("/")[0] + f"/{name}"


def test_nothing_is_lost_and_nothing_doubled(world: tuple[City, City, BadLine, BadLine]) -> None:
    a, b, to_a, to_b = world
    luck, kills, started = Random(7), Counter[str](), time.monotonic()
    given = {
        city.name: {"count": TICKETS, "seed": number, "fast": True, "ledger": str(city.folder / "ledger.txt")}
        for number, city in enumerate((a, b))
    }
    for city in (a, b):
        for part in PARTS:
            city.start(part, **given[city.name])
    next_kill = time.monotonic() + 8
    until = time.monotonic() + WITHIN
    told: dict[str, Any] = {}
    while True:
        time.sleep(0.5)
        for city in (a, b):
            for part in PARTS:
                if not city.running(part):
                    city.processes.pop(part, None)
                    city.start(part, **given[city.name])
        at = time.monotonic()
        filed = [_lines(city.folder / "ledger.txt") for city in (a, b)]
        if kills.total() < KILLS:
            if at < next_kill:
                continue
            victim, part = luck.choice((a, b)), luck.choice(PARTS)
            victim.kill(part)
            kills[f"{part} of {victim.name}"] += 1
            next_kill = at + luck.uniform(4, 10)
        elif min(len(one) for one in filed) >= TICKETS:
            # The last kill has fallen and everything is filed; the line stays bad until all is told.
            told = {city.name: city.run("tell") for city in (a, b)}
            if _settled(told):
                break
            time.sleep(3)
        assert at < until, json.dumps({"filed": [len(one) for one in filed], **_short(told)}, ensure_ascii=False)
    seconds = round(time.monotonic() - started)
    _judge(told[a.name], told[b.name], filed)
    report = {
        "database": DATABASE,
        "tickets_each_way": TICKETS,
        "lost": 0,
        "doubled": 0,
        "letters": len(told[a.name]["out"]) + len(told[b.name]["out"]),
        "kills": dict(kills),
        "faults": dict(to_a.done + to_b.done),
        "states": dict(Counter(one["state"] for one in told[a.name]["halves"].values())),
        "journal_rows": [told[a.name]["journal"][0], told[b.name]["journal"][0]],
        "seconds": seconds,
    }
    folder = ROOT / "test-output" / "exchange"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"drill-{DATABASE}-{TICKETS}.json").write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    print(json.dumps(report, ensure_ascii=False))


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def _settled(told: dict[str, Any]) -> bool:
    return all(
        all(half["state"] in OVER for half in one["halves"].values())
        and all(status != "waiting" for _seq, _uid, _digest, status, *_ in one["out"])
        for one in told.values()
    )


def _short(told: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "states": dict(Counter((half["side"], half["state"]).__repr__() for half in one["halves"].values())),
            "waiting": sum(row[3] == "waiting" for row in one["out"]),
            "line": one["line"],
        }
        for name, one in told.items()
    }


def _judge(a: dict[str, Any], b: dict[str, Any], filed: list[list[str]]) -> None:
    """Every acknowledged ticket is on both sides once, in the same state; every letter has one receipt, the same on both sides."""
    assert set(a["halves"]) == set(b["halves"])
    assert len(a["halves"]) >= 2 * TICKETS and a["crossing"] == len(a["halves"]) and b["crossing"] == len(b["halves"])
    for one, other, acknowledged in ((a, b, filed[0]), (b, a, filed[1])):
        own = {uid: half for uid, half in one["halves"].items() if half["side"] == "filed"}
        assert len(set(acknowledged)) == len(acknowledged)
        lost = set(acknowledged) - {half["uid"] for half in own.values()}
        assert not lost, f"acknowledged and not there: {lost}"
        for uid, half in own.items():
            theirs = other["halves"][uid]
            assert theirs["side"] == "decides"
            for name in ("state", "decision", "express"):
                assert theirs[name] == half[name], (uid, name)
            assert theirs["theirs"] == half["number"] and half["theirs"] == theirs["number"]
        numbers = [half["number"] for half in one["halves"].values()]
        assert len(set(numbers)) == len(numbers)
        sent, received = one["out"], other["in"]
        assert [row[0] for row in sent] == list(range(1, len(sent) + 1)), "gapless"
        assert [row[:3] for row in sent] == [row[:3] for row in received], "the same letters in the same order"
        assert [row[4] for row in sent] == [row[4] for row in received], "the same receipts on both sides"
        assert all(row[3] == "done" for row in sent), [row for row in sent if row[3] != "done"][:3]
        assert one["journal"][1] is None, one["journal"]
        assert len(one["notes"]) == len(other["notes"])
