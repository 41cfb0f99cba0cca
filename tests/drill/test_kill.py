"""kill -9 and an emptied Redis in the middle of the work: nothing acknowledged is lost, and the work goes on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import text

from catalogue import people
from jobs.queue import name_of
from process import outbox
from services import files
from services.installation import SEED as PEOPLE
from supervisor.plan import workers
from tests.drill import oracle
from tests.drill.client import Answer, Client, Ledger
from tests.drill.office import FULL, Office, children_of, wait_for

pytestmark = [pytest.mark.drill, pytest.mark.timeout(3600 if FULL else 280)]
STAFF = ("window.clerk", "reviewer", "approver", "issuer")
STORIES_AT_ONCE = 3
QUEUE = f"rq:queue:{name_of(outbox.PAPERS)}"
PAPER_WORKERS = [name for name in workers() if outbox.PAPERS in name]
WITHIN = 60.0
# How long the workers stand still for one bell, seconds; well above what a story needs to reach its card.
PATIENCE = 6.0
# The short run shares the kinds of fault between the two databases; the full one does all of them on both, often.
FAULTS = {
    "sqlite": ("web_worker", "rendering", "redis", "flush"),
    "postgresql": ("web_master", "worker", "backend"),
}
ROUNDS = int(os.environ.get("DRILL_ROUNDS", "10")) if FULL else 1


class Desk:
    """People who take one senior card after another from the request to the issue, as long as the gate is open."""

    def __init__(self, office: Office) -> None:
        tokens = office.tokens(*STAFF)
        self.ledger = Ledger(office.folder / "ledger.jsonl")
        self.faults: list[str] = []
        self.finished = 0
        self._clients = {name: Client(office.port, token) for name, token in tokens.items()}
        self._residents = iter([one for one in people.residents(PEOPLE, 3000) if one.birth_date.year < 1955])
        self._lock = threading.Lock()
        self._gate, self._stop = threading.Event(), threading.Event()
        self._busy = 0
        self._idle = threading.Condition()
        self._threads = [threading.Thread(target=self._work) for _ in range(STORIES_AT_ONCE)]
        for thread in self._threads:
            thread.start()

    @property
    def repeats(self) -> int:
        return sum(client.repeats for client in self._clients.values())

    def go_on(self) -> None:
        self._gate.set()

    def pause(self) -> None:
        """Returns when every request under way has been answered and its answer written down."""
        self._gate.clear()
        with self._idle:
            assert self._idle.wait_for(lambda: self._busy == 0, 90), "a request is never answered"

    def close(self) -> None:
        self._stop.set()
        self._gate.set()
        for thread in self._threads:
            thread.join(120)
        self.ledger.close()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                self._story()
                self.finished += 1
        except Exception as fault:
            if not self._stop.is_set():
                self.faults.append(f"{type(fault).__name__}: {fault}")

    @contextmanager
    def _open(self) -> Iterator[None]:
        """While the gate is open; it does not close upon what is answered and not yet on the ledger."""
        while True:
            self._gate.wait()
            with self._idle:
                if self._gate.is_set():
                    self._busy += 1
                    break
        try:
            if self._stop.is_set():
                raise InterruptedError("the day is over")
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _ask(self, who: str, path: str) -> Answer:
        with self._open():
            return self._clients[who].insist("GET", path)

    def _send(self, who: str, path: str, action: str, given: Any) -> Any:
        """One step, on the ledger before it counts; the body of the answer."""
        with self._open():
            answer = self._clients[who].insist("POST", path, given)
            assert answer.status in (200, 201), f"{action}: {answer.status} {answer.body}"
            body = answer.body
            self.ledger.write(uid=body["uid"], action=f"{body['type']}:{action}", number=body.get("number"))
            return body

    def _act(self, who: str, uid: str, action: str, **inputs: Any) -> Any:
        return self._send(who, f"/contents/{uid}/actions/{action}", action, inputs)

    def _story(self) -> None:
        with self._lock:
            one = next(self._residents)
        applicant = {"name": one.name, "id_number": one.id_number, "phone": one.phone}
        applicant |= {"address": one.address, "household_address": one.household_address}
        slots = [
            {"code": code, "provided": True, "sheets": 1} for code in ("id_card", "photo", "household_booklet_page")
        ]
        given = {"type": "case", "item": "senior_card", "place": "dongxin", "applicant": applicant, "materials": slots}
        uid = self._send("window.clerk", "/contents", "create", given)["uid"]
        self._act("window.clerk", uid, "submit")
        self._act("window.clerk", uid, "accept")
        ticks = [{"code": slot["code"], "verdict": "accepted"} for slot in slots]
        self._act("reviewer", uid, "review", materials=ticks)
        approved = self._act("approver", uid, "approve")
        card = next(one["uid"] for one in approved["related"] if one["type"] == "certificate")
        self._act("issuer", card, "number")
        self._act("issuer", card, "seal")
        until = time.monotonic() + 2 * WITHIN
        while self._ask("issuer", f"/contents/{card}/papers/senior_card.pdf").status != 200:
            assert time.monotonic() < until, f"the card {card} is never drawn"
            time.sleep(0.3)
        self._act("issuer", card, "print")
        self._act("issuer", card, "issue")


def strike(office: Office, fault: str, luck: Random) -> str:
    """Does it, and says to whom."""
    if fault in ("redis", "flush"):
        return _empty_queue(office, fault)
    if fault == "backend":
        victim = _backend(office, luck)
    elif fault in ("web_master", "web_worker"):
        master = office.pid("web")
        victim = master if fault == "web_master" else luck.choice(children_of(master))
    else:
        victim = _drawing(office, child=fault == "rendering")
    os.kill(victim, signal.SIGKILL)
    return f"{fault} {victim}"


def _empty_queue(office: Office, fault: str) -> str:
    """Takes Redis away while bells lie in it that no worker has heard."""
    with Redis.from_url(office.settings.redis_url) as redis:
        for _ in range(int(WITHIN / PATIENCE)):
            with _deaf(office):
                if lying := _bells_after(redis, PATIENCE):
                    if fault == "redis":
                        os.kill(office.pid("redis"), signal.SIGKILL)
                    else:
                        redis.flushall()
                    return f"{fault} with {lying} bells"
            # A worker stopped in the middle of its transaction keeps the only lock of SQLite, so nobody can ring.
            time.sleep(0.5)
    raise AssertionError(f"nobody rings within {WITHIN:g} s")


@contextmanager
def _deaf(office: Office) -> Iterator[None]:
    """The workers that draw stand still."""
    stopped = [office.worker(name) for name in PAPER_WORKERS]
    for worker in stopped:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in stopped:
            os.kill(worker, signal.SIGCONT)


def _bells_after(redis: Redis, within: float) -> int:
    """How many bells lie there as soon as one does; 0 when none came in this time."""
    until = time.monotonic() + within
    while not (lying := redis.llen(QUEUE)) and time.monotonic() < until:
        time.sleep(0.1)
    return lying


def _backend(office: Office, luck: Random) -> int:
    """A server process of the database; when it is killed, PostgreSQL ends all others and recovers."""
    with office.session() as session:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return luck.choice(sorted(session.scalars(text(query))))


def _drawing(office: Office, *, child: bool) -> int:
    """A worker in the middle of a drawing, or the child that draws for it."""
    found: list[int] = []

    def somebody_draws() -> bool:
        for worker in (office.worker(name) for name in PAPER_WORKERS):
            drawing = children_of(worker)
            if drawing:
                found[:] = [drawing[0] if child else worker]
        return bool(found)

    until = time.monotonic() + WITHIN
    while not somebody_draws():
        assert time.monotonic() < until, "nobody draws anything"
        time.sleep(0.005)
    return found[0]


@pytest.mark.req("S0-28")
def test_nothing_acknowledged_is_lost(office: Office, kind: str, report: Callable[..., None]) -> None:
    seed = int(os.environ.get("DRILL_SEED") or Random().randrange(10**9))
    print(f"seed {seed}: repeat with DRILL_SEED={seed}")
    luck = Random(seed)
    every = [fault for fault in sum(FAULTS.values(), ()) if fault != "backend" or kind == "postgresql"]
    faults = (every if FULL else list(FAULTS[kind])) * ROUNDS
    luck.shuffle(faults)
    desk, told, numbering = Desk(office), [], count(1)
    try:
        desk.go_on()
        wait_for(lambda: desk.finished or desk.faults, WITHIN, "the first card")
        for fault in faults:
            time.sleep(luck.uniform(0.3, 3.0))
            assert not desk.faults, (seed, desk.faults)
            finished, struck = desk.finished, time.monotonic()
            victim = strike(office, fault, luck)
            answered = wait_for(
                lambda struck=struck: desk.ledger.last > struck or desk.faults, WITHIN, f"a step after {victim}"
            )
            whole = wait_for(
                lambda finished=finished: desk.finished > finished or desk.faults, WITHIN, f"a card after {victim}"
            )
            desk.pause()
            with office.session() as session:
                empty = wait_for(lambda session=session: oracle.drained(session), WITHIN, f"the outbox after {victim}")
                acknowledged = desk.ledger.rows()
                wrong = oracle.examine(session, files.store(), acknowledged) + oracle.doubled(session, acknowledged)
            assert (desk.faults, wrong) == ([], []), f"seed {seed}, after {victim}"
            told.append(
                {
                    "number": next(numbering),
                    "fault": victim,
                    "next_step_s": round(answered, 1),
                    "next_card_s": round(whole, 1),
                    "outbox_empty_s": round(time.monotonic() - struck, 1),
                    "of_which_waiting_s": round(empty, 1),
                    "acknowledged_so_far": len(acknowledged),
                }
            )
            desk.go_on()
    finally:
        desk.close()
    assert desk.faults == [], f"seed {seed}"
    slowest = max(row["outbox_empty_s"] for row in told)
    name = "kill" if FULL else "kill-slice"
    report(
        name, seed=seed, cards=desk.finished, repeats=desk.repeats, lost=0, doubled=0, slowest_s=slowest, faults=told
    )
