"""A thousand times somebody who owns the database rewrites the journal; each time the first bad row is named."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from models.base import Base
from process import heads, transactions
from process.heads import Book
from process.journal_verify import examine
from tests.drill.office import FULL, database
from tests.drill.tampering import KINDS, START, Scene, live, unprotect

pytestmark = [pytest.mark.drill, pytest.mark.timeout(3600 if FULL else 280)]
TAMPERINGS = int(os.environ.get("TAMPERINGS", "1000" if FULL else "154"))
BATCHES, STEPS, UNSIGNED = 4, 60, 25


@pytest.fixture
def engine(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with database(kind, tmp_path, request.getfixturevalue("server") if kind == "postgresql" else "") as url:
        made = create_engine(url)
        transactions.prepare(made)
        Base.metadata.create_all(made)
        yield made
        made.dispose()


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "elsewhere" / "heads.jsonl", tmp_path / "elsewhere" / "key")


def test_every_tampering_is_found_and_its_first_row_named(
    engine: Engine, book: Book, report: Callable[..., None]
) -> None:
    seed = int(os.environ.get("DRILL_SEED") or Random().randrange(10**9))
    print(f"seed {seed}: repeat with DRILL_SEED={seed}")
    luck, at, kept = Random(seed), START, []
    for number in range(BATCHES):
        with engine.begin() as connection:
            live(connection, luck, STEPS, begin=number * STEPS)
        at += timedelta(minutes=2)
        with engine.connect() as connection:
            assert heads.write(connection, book, at) == 1
        kept.append((number + 1) * STEPS)
    with engine.begin() as connection:
        live(connection, luck, UNSIGNED, begin=BATCHES * STEPS)
    with Session(engine) as session:
        sound = examine(session, book)
        assert (sound.rows, sound.signed, sound.finding, sound.trouble) == (
            BATCHES * STEPS + UNSIGNED,
            BATCHES * STEPS,
            None,
            "",
        )
    done: Counter[str] = Counter()
    for number in range(TAMPERINGS):
        name = list(KINDS)[number % len(KINDS)]
        with Session(engine) as session:
            connection = session.connection()
            unprotect(connection)
            # Changing both halves of a chain needs rows that stand on their heads for a moment.
            scene = Scene(connection, Random(f"{seed} {number}"), BATCHES * STEPS, luck.choice(kept[:-1]))
            entry_id, stream, seq = KINDS[name](scene)
            found = examine(session, book)
            session.rollback()
        told = f"seed {seed}, tampering {number} ({name}): {found.finding} instead of {entry_id}, {stream}, {seq}"
        assert found.finding is not None and found.trouble == "" and found.finding.reason, told
        assert found.finding.entry_id == entry_id, told
        if seq > 0:
            assert (found.finding.stream, found.finding.seq) == (stream, seq), told
        done[name] += 1
    with Session(engine) as session:
        assert examine(session, book).finding is None, "the tamperings were undone"
    report("tamper" if FULL else "tamper-slice", seed=seed, tamperings=sum(done.values()), found=dict(done))
