"""Signed heads of the journal, in a file outside the database: whoever rewrites rows cannot rewrite what was signed.

A head says: at this moment the journal had so many rows, up to this id, and hashed one after the other they gave this. Every
minute with new rows gets one, signed with a key that lies outside the database, each naming the hash of the one before.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, func, select, text

from models.ledger import JournalEntry
from process import digests
from process.digests import GENESIS

EVERY = timedelta(seconds=60)
# Without news a head still says now and then that somebody is watching.
AT_LEAST = timedelta(hours=1)
# So much later than it should be, the health page says so.
LATE = timedelta(minutes=5)
# The work of one run is bounded: what is left over comes with the next one.
ROWS_A_HEAD, HEADS_A_RUN = 20_000, 25
# How long to wait for people who are just writing; their statements end after 30 s, idle transactions after 60 s.
PATIENCE = 10.0
MARK = 6
_T = JournalEntry.__table__


class HeadsError(Exception):
    """The heads or their key cannot be used; one sentence says what is wrong and what to do."""


@dataclass(frozen=True)
class Head:
    """One line of the file. `runs` are the ids it covers as (first, count), `marks` the first bytes of the digest after each."""

    at: datetime
    last: int
    rows: int
    # All rows hashed one after the other: up to the head before, and up to here.
    before: str
    digest: str
    algorithm: str
    previous: str
    key: str
    runs: list[list[int]] = field(default_factory=list)
    marks: bytes = b""
    # Why the heads begin anew here (after a restored backup); empty for all others.
    reason: str = ""

    def body(self) -> dict[str, Any]:
        return {
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "last": self.last,
            "rows": self.rows,
            "before": self.before,
            "digest": self.digest,
            "algorithm": self.algorithm,
            "previous": self.previous,
            "key": self.key,
            "runs": self.runs,
            "marks": base64.b64encode(self.marks).decode(),
            "reason": self.reason,
        }

    def ids(self) -> Iterator[int]:
        for first, count in self.runs:
            yield from range(first, first + count)

    @classmethod
    def read(cls, line: bytes) -> tuple[Head, bytes]:
        """The head of this line and its signature; a line that is none raises ValueError."""
        try:
            said = json.loads(line)
            signature = base64.b64decode(said.pop("signature"), validate=True)
            marks = base64.b64decode(said.pop("marks"), validate=True)
            head = cls(**{**said, "at": datetime.fromisoformat(said["at"]), "marks": marks})
            if len(marks) != MARK * sum(count for _, count in head.runs):
                raise ValueError("as many marks as ids")
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(str(error)) from error
        return head, signature


class Sum:
    """All rows hashed one after the other, by id."""

    def __init__(self, digest: str = GENESIS, algorithm: str = "sha256") -> None:
        self.digest = digest
        self.hashing = digests.ALGORITHMS[algorithm]

    def add(self, entry_id: int, digest: str) -> bytes:
        """Takes one more row in and answers its mark."""
        self.digest = self.hashing(f"{self.digest}:{entry_id}:{digest}".encode())
        return bytes.fromhex(self.digest[: 2 * MARK])


@dataclass(frozen=True)
class Book:
    """The file of the heads and the file of the key; both belong on another disk or machine than the database."""

    path: Path
    key_path: Path

    @property
    def alarm(self) -> Path:
        """Holds the sentence of the last writer who found that database and heads disagree."""
        return self.path.with_name(self.path.name + ".alarm")

    # Reading

    def heads(self, trusted: frozenset[str] = frozenset(), size: int | None = None) -> Iterator[Head]:
        """Every head, each checked against its signature and the one before; a bad one raises HeadsError."""
        trusted = trusted or self.trusted()
        previous, torn = GENESIS, 0
        for number, line in enumerate(self._lines(size), 1):
            try:
                head, signature = Head.read(line)
            except ValueError:
                # A writer that was killed leaves half a line; the next head follows the last whole one.
                torn = torn or number
                continue
            where = f"{self.path}: line {number} (head of {head.at:%Y-%m-%d %H:%M:%S})"
            if head.previous != previous:
                raise HeadsError(f"{where} does not follow the head before it: a head was taken out, put in or changed")
            if head.key not in trusted:
                raise HeadsError(f"{where} is signed with a key that {self.key_path} does not name")
            if not _signed(head, signature):
                raise HeadsError(f"{where} was changed after it was signed")
            if head.algorithm not in digests.ALGORITHMS:
                raise HeadsError(
                    f"{where} names the algorithm {head.algorithm[:20]!r}, which this version does not know"
                )
            previous, torn = _hash(line), 0
            yield head
        if torn and self._ends_whole(size):
            raise HeadsError(f"{self.path}: line {torn} cannot be read")

    def last(self) -> tuple[Head, str] | None:
        """The newest whole head and the hash that the next one must name."""
        for line in self._lines_backwards():
            try:
                head, signature = Head.read(line)
            except ValueError:
                continue
            if not _signed(head, signature):
                raise HeadsError(
                    f"{self.path}: its last head was changed after it was signed; run `bin/flask journal verify`"
                )
            return head, _hash(line)
        return None

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _lines(self, size: int | None) -> Iterator[bytes]:
        if not self.path.exists():
            return
        left = self.size() if size is None else size
        with self.path.open("rb") as file:
            while left > 0 and (line := file.readline(left)):
                left -= len(line)
                if line.strip():
                    yield line.rstrip(b"\n")

    def _lines_backwards(self) -> Iterator[bytes]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            start, rest = file.seek(0, os.SEEK_END), b""
            while start > 0:
                step = min(start, 1 << 18)
                start -= step
                file.seek(start)
                (*parts,) = (file.read(step) + rest).split(b"\n")
                rest = parts[0]
                yield from (line for line in reversed(parts[1:]) if line.strip())
            if rest.strip():
                yield rest

    def _ends_whole(self, size: int | None) -> bool:
        end = self.size() if size is None else size
        with self.path.open("rb") as file:
            file.seek(max(end - 1, 0))
            return file.read(1) == b"\n"

    # The key

    def trusted(self) -> frozenset[str]:
        """The public keys whose heads count: of the key in use, and of the older ones that the file names."""
        lines = self._key_lines()
        old = {line.removeprefix("public").strip() for line in lines[1:] if line.startswith("public")}
        return frozenset({public_of(self._private(lines)), *old})

    def private(self) -> Ed25519PrivateKey:
        """The key in use; made at the first head, and never again, because a new one would vouch for nothing old."""
        if not self.key_path.exists():
            if self.size():
                raise HeadsError(f"{self.key_path} is gone; bring the key of {self.path} back from its safe place")
            _keep_new_key(self.key_path)
        return self._private(self._key_lines())

    def _key_lines(self) -> list[str]:
        try:
            return self.key_path.read_text("ascii").split("\n")
        except (OSError, ValueError) as error:
            raise HeadsError(f"{self.key_path}: the key of the heads cannot be read ({error})") from error

    def _private(self, lines: list[str]) -> Ed25519PrivateKey:
        try:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(lines[0].strip()))
        except ValueError as error:
            raise HeadsError(f"{self.key_path}: its first line is no key of 64 hexadecimal digits") from error

    # Writing

    @contextmanager
    def writing(self) -> Iterator[bool]:
        """One writer at a time, whoever and wherever; False: somebody else is at it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(self.path.name + ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def append(self, head: Head, key: Ed25519PrivateKey) -> str:
        """Writes a head down for good and answers its hash."""
        signature = base64.b64encode(key.sign(digests.canonical(head.body()).encode())).decode()
        line = digests.canonical({**head.body(), "signature": signature}).encode()
        torn = self.size() and not self._ends_whole(None)
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            left = memoryview((b"\n" if torn else b"") + line + b"\n")
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        return _hash(line)


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _signed(head: Head, signature: bytes) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(head.key))
        key.verify(signature, digests.canonical(head.body()).encode())
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def public_of(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def _keep_new_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as file:
        file.write(Ed25519PrivateKey.generate().private_bytes_raw().hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


# Writing the next heads


def write(connection: Connection, book: Book, at: datetime, algorithm: str = "sha256", *, force: bool = False) -> int:
    """Signs what was written since the last head; the number of heads added. Called as often as one likes, by anybody.

    Raises HeadsError, and writes nothing, when the rows that the last head covers are not there as they were."""
    with book.writing() as mine:
        if not mine:
            return 0
        found = book.last()
        if found is not None and not force and abs(at - found[0].at) < EVERY:
            return 0
        try:
            if found is not None:
                _still_there(connection, found[0])
            added = _go_on(connection, book, found, at, algorithm)
        except HeadsError as error:
            book.alarm.write_text(f"{error}\n", "utf-8")
            raise
        book.alarm.unlink(missing_ok=True)
        return added


def begin_anew(book: Book, at: datetime, reason: str, algorithm: str = "sha256") -> None:
    """After a backup was restored: from here on the rows that are there count. The old heads stay, and so does the reason."""
    with book.writing() as mine:
        if not mine:
            raise HeadsError("somebody is just writing a head; try again in a moment")
        found = book.last()
        key = book.private()
        book.append(
            Head(at, 0, 0, GENESIS, GENESIS, algorithm, found[1] if found else GENESIS, public_of(key), reason=reason),
            key,
        )
        book.alarm.unlink(missing_ok=True)


def _go_on(connection: Connection, book: Book, found: tuple[Head, str] | None, at: datetime, algorithm: str) -> int:
    key = book.private()
    last, previous = (found[0], found[1]) if found else (None, GENESIS)
    end, count = (last.last, last.rows) if last else (0, 0)
    total = Sum(last.digest if last else GENESIS, algorithm)
    until = complete_until(connection, end)
    added = 0
    while added < HEADS_A_RUN:
        part = connection.execute(
            select(_T.c.id, _T.c.digest).where(_T.c.id > end, _T.c.id <= until).order_by(_T.c.id).limit(ROWS_A_HEAD)
        ).all()
        if not part and (added or (last is not None and at - last.at < AT_LEAST)):
            break
        runs: list[list[int]] = []
        marks, before = bytearray(), total.digest
        for row in part:
            marks += total.add(row.id, row.digest)
            if runs and runs[-1][0] + runs[-1][1] == row.id:
                runs[-1][1] += 1
            else:
                runs.append([row.id, 1])
        end, count = (part[-1].id if part else end), count + len(part)
        previous = book.append(
            Head(at, end, count, before, total.digest, algorithm, previous, public_of(key), runs, bytes(marks)), key
        )
        added += 1
        if len(part) < ROWS_A_HEAD:
            break
    return added


def _still_there(connection: Connection, last: Head) -> None:
    """Nobody signs over a hole: before a new head, the rows of the last one are looked at."""
    if not last.runs:
        return
    rows = connection.execute(
        select(_T.c.id, _T.c.digest).where(_T.c.id >= last.runs[0][0], _T.c.id <= last.last).order_by(_T.c.id)
    ).all()
    again = Sum(last.before, last.algorithm)
    for row in rows:
        again.add(row.id, row.digest)
    if again.digest != last.digest:
        raise HeadsError(
            f"rows {last.runs[0][0]} to {last.last} of the journal are not what was signed at "
            f"{last.at:%Y-%m-%d %H:%M:%S}; run `bin/flask journal verify`, and after a restored backup "
            "`bin/flask journal resume`"
        )


def complete_until(connection: Connection, known: int) -> int:
    """The highest id below which no row can appear any more; `known` when that is not certain now.

    PostgreSQL hands out ids before the commit: row 7 may be there while row 6 is still being written. Whoever inserts holds
    a lock on the table from before it draws the id until its row can be seen, so when everybody who held it after we saw
    row 7 has ended, everything up to 7 is there or will never be. Nobody waits for us, and SQLite has one writer anyway."""
    highest = connection.scalar(select(func.max(_T.c.id))) or 0
    if connection.dialect.name != "postgresql" or highest <= known:
        return highest
    open_ = set(connection.scalars(_WRITERS))
    until = time.monotonic() + PATIENCE
    while open_:
        if time.monotonic() > until:
            return known
        time.sleep(0.02)
        open_ &= set(connection.scalars(_WRITERS))
    return highest


_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE relation = to_regclass('journal') AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()"
)


def state(connection: Connection, book: Book, at: datetime) -> tuple[bool, str]:
    """For the health page: is somebody signing, and does the database agree?"""
    if book.alarm.exists():
        # Where things lie is nobody's business on a public page; the alarm file and the log have the sentence.
        return False, "no head can be signed, the rows may have been changed: run bin/flask journal verify"
    found = book.last()
    highest = connection.scalar(select(func.max(_T.c.id))) or 0
    if found is None:
        return highest == 0, "no head signed yet" if highest else "no rows yet"
    head = found[0]
    age = at - head.at
    told = f"{head.rows} rows signed, last head {round(age.total_seconds())} s ago"
    oldest = connection.scalar(select(_T.c.at).where(_T.c.id > head.last).order_by(_T.c.id).limit(1))
    if oldest is not None and min(age, at - oldest) > LATE:
        return False, f"{told}; rows wait for the next one, is the relay running?"
    return age < AT_LEAST + LATE, told
