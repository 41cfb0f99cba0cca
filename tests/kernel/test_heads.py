"""Signed heads: nothing written is missed, nothing is signed twice, and nobody signs over a hole. On both databases."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.base import Base
from models.ledger import JournalEntry
from process import digests, heads, journal, transactions
from process.heads import Book, HeadsError
from process.journal_verify import examine
from process.numbers import CHINA
from tests.drill.tampering import unprotect
from tests.kernel.conftest import World

AT = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "elsewhere" / "heads.jsonl", tmp_path / "elsewhere" / "key")


def say(session: Session, *streams: str) -> None:
    for stream in streams:
        journal.record(session, "test:step", None, stream=stream, details={"zh": "登记 𠮷", "n": [1, 2.5, None]})
    session.commit()


def sign(engine: Engine, book: Book, at: datetime, algorithm: str = "sha256") -> int:
    with transactions.reading(), engine.connect() as connection:
        return heads.write(connection, book, at, algorithm)


def test_what_a_row_says_comes_back_as_it_was_hashed(world: World) -> None:
    """Numbers, texts and times that databases like to write differently."""
    details = {
        "large": 1e16,
        "zero": -0.0,
        "small": 1e-7,
        "list": (1, 2),
        "in": {"b": 1, "a": None},
        "t": "\u2028\"\\'",
    }
    local = datetime(2026, 11, 22, 9, 0, 0, 5, tzinfo=CHINA)
    for comment in ("", None, "一行\n两行", "é", "e\u0301"):
        journal.record(world.session, "a:b", world.actor("w"), stream="s", at=local, comment=comment, details=details)
    world.session.commit()
    assert journal.verify(world.session) == (5, None)
    with pytest.raises(ValueError, match="without a zone"):
        journal.record(world.session, "a:b", None, stream="s", at=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="not JSON compliant"):
        journal.record(world.session, "a:b", None, stream="s", details={"x": float("nan")})
    with pytest.raises(TypeError, match="named by text"):
        journal.record(world.session, "a:b", None, stream="s", details={1: "x"})  # type: ignore[dict-item]
    world.session.rollback()


def test_a_chain_goes_over_to_sm3_and_back(world: World, engine: Engine, book: Book) -> None:
    assert digests.ALGORITHMS["sm3"](b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    try:
        for number, algorithm in enumerate(("sha256", "sm3", "sm3", "sha256")):
            journal.configure(algorithm)
            say(world.session, "a", "b")
            assert sign(engine, book, AT + number * MINUTE, algorithm) == 1
    finally:
        journal.configure("sha256")
    used = world.session.scalars(select(JournalEntry.algorithm).order_by(JournalEntry.id)).all()
    assert used == ["sha256"] * 2 + ["sm3"] * 4 + ["sha256"] * 2
    report = examine(world.session, book)
    assert (report.rows, report.heads, report.signed, report.finding, report.trouble) == (8, 4, 8, None, "")
    with pytest.raises(ValueError, match="sha256, sm3"):
        journal.configure("md5")


def test_first_and_locked_spare_a_query_and_are_kept_honest(world: World) -> None:
    one = journal.record(world.session, "a:b", None, stream="s", first=True)
    two = journal.record(world.session, "a:c", None, stream="s", locked=True)
    assert (one.seq, two.seq) == (1, 2) and journal.verify(world.session) == (2, None)
    with pytest.raises(DBAPIError):
        journal.record(world.session, "a:d", None, stream="s", first=True)
    world.session.rollback()


def test_two_writers_of_one_stream_stand_in_line(world: World, engine: Engine) -> None:
    world.session.close()

    def write(worker: int) -> None:
        for _ in range(10):
            with Session(engine) as session:
                say(session, "shared")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Session(engine) as session:
        assert journal.verify(session) == (80, None)


def test_a_head_a_minute_and_only_with_news(world: World, engine: Engine, book: Book) -> None:
    say(world.session, "a", "b")
    assert sign(engine, book, AT) == 1
    say(world.session, "a")
    assert sign(engine, book, AT + MINUTE / 2) == 0, "the minute is not over"
    assert sign(engine, book, AT + MINUTE) == 1
    assert sign(engine, book, AT + 2 * MINUTE) == 0, "nothing new"
    assert sign(engine, book, AT + timedelta(hours=2)) == 1, "but now and then somebody says that he watches"
    found = list(book.heads())
    assert [(head.rows, head.last) for head in found] == [(2, 2), (3, 3), (3, 3)]
    with transactions.reading(), engine.connect() as connection:
        assert heads.state(connection, book, AT + timedelta(hours=2, minutes=1))[0] is True
        assert heads.state(connection, book, AT + timedelta(hours=4))[0] is False


def test_the_health_line_tells_of_rows_that_nobody_signs(world: World, engine: Engine, book: Book) -> None:
    say(world.session, "a")
    with transactions.reading(), engine.connect() as connection:
        assert heads.state(connection, book, AT) == (False, "no head signed yet")
    sign(engine, book, AT)
    journal.record(world.session, "a:b", None, stream="a", at=AT + MINUTE)
    world.session.commit()
    with transactions.reading(), engine.connect() as connection:
        assert heads.state(connection, book, AT + 3 * MINUTE)[0] is True
        ok, told = heads.state(connection, book, AT + 9 * MINUTE)
    assert ok is False and "is the relay running?" in told


def test_the_work_of_one_run_is_bounded(
    world: World, engine: Engine, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "ROWS_A_HEAD", 4)
    monkeypatch.setattr(heads, "HEADS_A_RUN", 2)
    say(world.session, *"abcdefghijk")
    assert sign(engine, book, AT) == 2 and examine(world.session, book).signed == 8
    assert sign(engine, book, AT + MINUTE) == 1
    report = examine(world.session, book)
    assert (report.signed, report.rows, report.finding) == (11, 11, None)


def test_a_row_of_an_open_transaction_is_not_missed(
    engine: Engine, world: World, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL: id 1 is still being written when id 2 can be seen already."""
    if engine.dialect.name != "postgresql":
        world.session.close()
        with Session(engine) as slow:
            journal.record(slow, "a:b", None, stream="slow")
            # The only writer there is has not committed: nothing can have passed it.
            with transactions.reading(), engine.connect() as connection:
                assert heads.complete_until(connection, 0) == 0
        return
    slow = Session(engine)
    journal.record(slow, "a:slow", None, stream="slow")
    say(world.session, "fast")
    monkeypatch.setattr(heads, "PATIENCE", 0.2)
    assert sign(engine, book, AT) == 0 or examine(world.session, book).signed == 0, "a head now would step over row 1"
    world.session.rollback()
    monkeypatch.setattr(heads, "PATIENCE", 10.0)
    threading.Timer(0.3, slow.commit).start()
    assert sign(engine, book, AT + MINUTE) == 1
    assert [list(head.ids()) for head in book.heads()][-1] == [1, 2]
    slow.close()


def _relay(url: str, path: str, key: str, gate) -> None:  # type: ignore[no-untyped-def]
    engine = create_engine(url)
    transactions.prepare(engine)
    gate.wait()
    for number in range(20):
        with transactions.reading(), engine.connect() as connection:
            heads.write(connection, Book(Path(path), Path(key)), AT + number * MINUTE / 4)


def test_several_relays_never_double_a_head(world: World, engine: Engine, book: Book) -> None:
    for number in range(6):
        say(world.session, f"s{number}")
    world.session.close()
    context = multiprocessing.get_context("spawn")
    gate, url = context.Event(), engine.url.render_as_string(hide_password=False)
    crowd = [context.Process(target=_relay, args=(url, str(book.path), str(book.key_path), gate)) for _ in range(3)]
    for process in crowd:
        process.start()
    gate.set()
    for process in crowd:
        process.join(250)
    assert [process.exitcode for process in crowd] == [0, 0, 0]
    assert [head.rows for head in book.heads()] == [6]


def test_half_a_line_of_a_killed_writer_harms_nothing(world: World, engine: Engine, book: Book) -> None:
    say(world.session, "a")
    sign(engine, book, AT)
    whole = book.path.read_bytes()
    say(world.session, "a")
    with book.path.open("ab") as file:
        file.write(whole[:80])
    assert examine(world.session, book).trouble == ""
    assert sign(engine, book, AT + MINUTE) == 1
    report = examine(world.session, book)
    assert (report.heads, report.signed, report.trouble, report.finding) == (2, 2, "", None)


@pytest.mark.parametrize("how", ["edit", "remove", "foreign", "garbage"])
def test_a_head_that_was_tampered_with_is_named(world: World, engine: Engine, book: Book, how: str) -> None:
    for number in range(3):
        say(world.session, "a")
        sign(engine, book, AT + number * MINUTE)
    lines = book.path.read_bytes().splitlines(keepends=True)
    if how == "edit":
        lines[1] = lines[1].replace(b'"rows":2', b'"rows":9')
    elif how == "remove":
        del lines[1]
    elif how == "garbage":
        lines[2] = b"{}\n"
    else:
        other = Book(book.path.with_name("other"), book.key_path.with_name("other-key"))
        sign(engine, other, AT)
        lines[0:3] = other.path.read_bytes().splitlines(keepends=True)
    book.path.write_bytes(b"".join(lines))
    trouble = examine(world.session, book).trouble
    expected = {
        "edit": "line 2 (head of 2026-11-22 01:01:00) was changed after it was signed",
        "remove": "line 2 (head of 2026-11-22 01:02:00) does not follow the head before it",
        "foreign": "line 1 (head of 2026-11-22 01:00:00) is signed with a key that",
        "garbage": "line 3 cannot be read",
    }
    assert expected[how] in trouble


def test_a_copy_elsewhere_is_checked_with_the_public_key(world: World, engine: Engine, book: Book) -> None:
    say(world.session, "a")
    sign(engine, book, AT)
    public = book.trusted()
    book.key_path.rename(book.key_path.with_name("safe"))
    assert examine(world.session, book, public).trouble == ""
    assert "cannot be read" in examine(world.session, book).trouble
    say(world.session, "a")
    with pytest.raises(HeadsError, match="is gone; bring the key"):
        sign(engine, book, AT + MINUTE)
    assert book.alarm.exists()


def test_nobody_signs_over_a_hole_and_a_restored_backup_is_said(world: World, engine: Engine, book: Book) -> None:
    say(world.session, "a", "b", "c")
    sign(engine, book, AT)
    unprotect(world.session.connection())
    world.session.execute(text("DELETE FROM journal WHERE id = 3"))
    world.session.commit()
    say(world.session, "d")
    with pytest.raises(HeadsError, match="are not what was signed"):
        sign(engine, book, AT + MINUTE)
    with transactions.reading(), engine.connect() as connection:
        ok, told = heads.state(connection, book, AT + MINUTE)
    assert not ok and str(book.path) not in told
    found = examine(world.session, book).finding
    assert found is not None and found.entry_id == 3
    heads.begin_anew(book, AT + 2 * MINUTE, "旧备份")
    assert sign(engine, book, AT + 3 * MINUTE) == 1 and not book.alarm.exists()
    report = examine(world.session, book)
    assert (report.finding, report.trouble, report.signed) == (None, "", 3)
    assert report.notes == ["the heads were begun anew at 2026-11-22 01:02:00 UTC: 旧备份"]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO journal SELECT * FROM journal WHERE id = 1",
        "REPLACE INTO journal (id, stream, seq, at, action, district, details, algorithm, previous, digest) "
        "VALUES (99, 'a', 1, '2026-01-01', 'x', '', '{}', 'sha256', '', '')",
        "UPDATE OR REPLACE journal SET comment = 'x'",
        "INSERT INTO journal SELECT * FROM journal WHERE true ON CONFLICT (id) DO UPDATE SET comment = 'x'",
        "DELETE FROM journal WHERE id = 1",
        "UPDATE journal SET id = id + 1",
    ],
)
def test_sqlite_refuses_whoever_opens_the_file(tmp_path: Path, statement: str) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/plain.db")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        say(session, "a", "a", "b")
    with (
        sqlite3.connect(tmp_path / "plain.db") as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)
    with Session(engine) as session:
        assert journal.verify(session) == (3, None)
    engine.dispose()


def test_sqlite_cannot_stop_its_owner_but_the_heads_tell(tmp_path: Path, book: Book) -> None:
    """Who may write the file may rewrite its schema, with PRAGMA writable_schema or DROP TRIGGER: the limit of triggers."""
    engine = create_engine(f"sqlite:///{tmp_path}/plain.db")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        say(session, "a", "b", "b")
    sign(engine, book, AT)
    connection = sqlite3.connect(tmp_path / "plain.db")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_master WHERE type = 'trigger'")
    connection.commit()
    connection.close()
    connection = sqlite3.connect(tmp_path / "plain.db")
    connection.execute("DELETE FROM journal WHERE id = 1")
    connection.commit()
    connection.close()
    with Session(engine) as session:
        assert journal.verify(session)[1] is None, "a whole stream taken out leaves no gap in any chain"
        found = examine(session, book).finding
    assert found is not None and found.entry_id == 1 and "is gone" in found.reason
    engine.dispose()
