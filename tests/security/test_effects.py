"""Looking has no effect, and pressing twice has one. Here everything is really committed."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

from tests.access.doors import Door
from tests.access.evaluator import Somebody
from tests.access.world import World
from tests.security.knocks import knocks

# Whoever reads personal data is in the journal before it is sent: the one row a GET may leave.
READING = ("personal:reveal", "care:view")


def snapshot(database: Path) -> dict[str, str]:
    """A digest per table; of the journal all but the rows about reading."""
    found = {}
    with sqlite3.connect(database) as rows:
        for (table,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
            if table == "paper_check":
                continue  # that somebody asked whether a paper is genuine is on record, whoever it was
            where = f" WHERE action NOT IN {READING}" if table == "journal" else ""
            content = sorted(map(repr, rows.execute(f'SELECT * FROM "{table}"{where}')))
            found[table] = f"{len(content)} {hashlib.sha256(''.join(content).encode()).hexdigest()}"
    return found


def last_rows(database: Path) -> list[tuple[Any, ...]]:
    """What the journal says of the latest acts, so that a failure names the page that left something."""
    with sqlite3.connect(database) as rows:
        latest = "SELECT action, person_id, details FROM journal WHERE action NOT IN (?, ?) ORDER BY id DESC LIMIT 5"
        return rows.execute(latest, READING).fetchall()


def test_looking_changes_nothing(lasting: World) -> None:
    """After every GET of every door, with real commits, the database is what it was."""
    before = snapshot(lasting.folder / "daiban.db")
    for _door, path, who in knocks(lasting, method_is_safe=True):
        lasting.ask(who, "GET", path)
        lasting.ask(who, "HEAD", path)
    after = snapshot(lasting.folder / "daiban.db")
    changed = {name: (before.get(name), after[name]) for name in after if before.get(name) != after[name]}
    assert not changed, f"{changed}, and last in the journal: {last_rows(lasting.folder / 'daiban.db')}"


def counts(database: Path) -> dict[str, Any]:
    with sqlite3.connect(database) as rows:
        tables = [
            t
            for (t,) in rows.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'login_session'"
            ).fetchall()
        ]
        return {t: rows.execute(f'SELECT count(*) FROM "{t}"').fetchone()[0] for t in tables}


def test_a_second_press_is_the_same_press(lasting: World) -> None:
    """Every unsafe route twice with the same key and body: the second time the first answer, and no further row anywhere; another body is refused."""
    wrong, replayed = [], 0
    database = lasting.folder / "daiban.db"
    for door, path, who in knocks(lasting, method_is_safe=False):
        if door.endpoint in ("auth.sign_in", "auth.sign_out", "api.sign_in", "api.sign_out", "field.api_leave"):
            continue
        api = path.startswith("/api/")
        headers = {"Idempotency-Key": f"twice-{path}"} if api else {}

        def send(
            extra: str,
            door: Door = door,
            path: str = path,
            who: Somebody = who,
            api: bool = api,
            headers: dict[str, str] = headers,
        ):  # type: ignore[no-untyped-def]
            body: dict[str, Any] = (
                {"json": {"comment": extra, "audience": "internal", "text": extra}}
                if api
                else {"data": {"_once": f"twice-{path}", "reason": extra, "text": extra, "comment": extra}}
            )
            return lasting.ask(who, door.method, path, headers=headers, **body)

        first = send("第一次")
        rows = counts(database)
        second = send("第一次")
        if first.status_code >= 400:
            continue
        replayed += 1
        if (second.status_code, second.headers.get("Location"), second.get_data()) != (
            first.status_code,
            first.headers.get("Location"),
            first.get_data(),
        ):
            wrong.append(f"{door} {path}: {first.status_code} then {second.status_code}")
        if second.headers.get("Idempotency-Replayed") != "true":
            wrong.append(f"{door} {path}: not marked as replayed")
        if counts(database) != rows:
            wrong.append(f"{door} {path}: the second press left rows")
        if (third := send("另一个内容")).status_code != 422:
            wrong.append(f"{door} {path}: another body under the same key: {third.status_code}")
    assert not wrong, "\n".join(wrong)
    assert replayed >= 8
