"""A worker of this machine that is known dead keeps nobody waiting; of whoever might live the lease is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from models.base import now
from models.ledger import OutboxItem
from process import holders, orphans, outbox

ROOT = Path(__file__).resolve().parents[2]
SAYS_WHO_IT_IS = "import time; from process import holders; print(holders.myself(), flush=True); time.sleep(600)"


class Worker:
    """A process that could hold a lease."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", SAYS_WHO_IT_IS], cwd=ROOT, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.name = self.process.stdout.readline().decode().strip()

    def dies(self) -> None:
        """Killed, and its parent has not looked yet."""
        os.kill(self.process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)

    def close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def somebody() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.close()


def test_dead_is_told_from_alive_elsewhere_and_unknown(somebody: Worker) -> None:
    machine, _, process = somebody.name.rpartition("/")
    assert str(somebody.process.pid) in process
    assert not holders.is_gone(somebody.name)
    os.kill(somebody.process.pid, signal.SIGSTOP)
    assert not holders.is_gone(somebody.name), "who stands still may go on"
    started_otherwise = f"{machine}/{somebody.process.pid}-1"
    assert holders.is_gone(started_otherwise), "the number was given to somebody else"
    somebody.dies()
    assert holders.is_gone(somebody.name), "killed, though nobody has collected it yet"
    somebody.close()
    assert holders.is_gone(somebody.name)
    assert not holders.is_gone(f"elsewhere/{process}"), "nobody knows who lives on another machine"
    assert not holders.is_gone("") and not holders.is_gone("nonsense")


def test_a_fork_is_somebody_else() -> None:
    mine, (reader, writer) = holders.myself(), os.pipe()
    if os.fork() == 0:  # pragma: no cover - the child leaves by os._exit
        os.write(writer, (holders.myself() or "").encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        child = answer.read()
    os.wait()
    assert mine is not None and child and child != mine and holders.is_gone(child) and not holders.is_gone(mine)


def held_by(session: Session, name: str, job: str = "test.job") -> tuple[int, outbox.Lease]:
    """A row that this process took, as if it were the other one."""
    number = outbox.put(session, job)
    held = outbox.lease(session, number)
    assert held is not None
    assert session.get_one(OutboxItem, number).leased_by == holders.myself()
    session.execute(update(OutboxItem).where(OutboxItem.id == number).values(leased_by=name, rung_at=now()))
    session.commit()
    return number, held


def test_what_a_dead_worker_held_is_due_at_once_and_fenced(engine: Engine, somebody: Worker) -> None:
    with Session(engine) as session:
        number, held = held_by(session, somebody.name)
        assert orphans.find(session) == []
        somebody.dies()
        found = orphans.find(session)
        assert [one.id for one in found] == [number] and outbox.due(session) == []
        assert orphans.give_back(session, found) == 1
        session.commit()
        assert [one.id for one in outbox.due(session)] == [number], "neither the lease nor the last bell is waited for"
        assert not outbox.finish(session, held), "what the dead left under way changes nothing"
        session.rollback()
        again = outbox.lease(session, number)
        assert again is not None and (again.token, again.attempt, again.losses) == (held.token + 1, 1, 1)
        session.commit()
        assert orphans.give_back(session, found) == 0, "it is in other hands by now"
        assert outbox.finish(session, again)
        session.commit()
        assert session.get_one(OutboxItem, number, populate_existing=True).leased_by is None


def test_other_machines_and_what_went_outside_keep_their_lease(
    engine: Engine, somebody: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(outbox.needs, "test.outside", outbox.Needs(outbox.NETWORK))
    with Session(engine) as session:
        somebody.dies()
        held_by(session, "elsewhere" + somebody.name)
        held_by(session, somebody.name, "test.outside")
        assert orphans.find(session) == [] and outbox.due(session) == []


def test_a_last_commit_on_its_way_is_let_pass(engine: Engine, somebody: Worker) -> None:
    """The dead one had said "commit"; whether the database heard it shows only after it was let finish."""
    with Session(engine) as session, Session(engine) as last:
        number, held = held_by(session, somebody.name)
        somebody.dies()
        found = orphans.find(session)
        session.rollback()
        freed: list[int] = []

        def give_back() -> None:
            freed.append(orphans.give_back(session, found))
            session.commit()

        assert outbox.finish(last, held)
        waiting = threading.Thread(target=give_back)
        waiting.start()
        # However far the other came meanwhile, the answer must be the same.
        time.sleep(0.2)
        last.commit()
        waiting.join(60)
        assert freed == [0]
        assert session.get_one(OutboxItem, number, populate_existing=True).status == "done"


def test_losses_pause_a_little_and_only_after_some(engine: Engine) -> None:
    pauses = [outbox.loss_pause(losses).total_seconds() for losses in range(1, outbox.MAX_LEASES + 1)]
    assert pauses[:8] == [0, 0, 0, 1, 2, 4, 8, 8] and sum(pauses) < 60
    with Session(engine) as session:
        number = outbox.put(session, "test.job")
        for losses in range(1, outbox.MAX_LEASES + 1):
            session.execute(update(OutboxItem).values(available_at=now() - timedelta(seconds=1)))
            held = outbox.lease(session, number)
            assert held is not None and (held.attempt, held.losses) == (1, losses - 1) and not outbox.worn_out(held)
            assert outbox.lost(session, held, "ended from outside")
        session.execute(update(OutboxItem).values(available_at=now() - timedelta(seconds=1)))
        held = outbox.lease(session, number)
        assert held is not None and outbox.worn_out(held) and outbox.last_attempt(held)
