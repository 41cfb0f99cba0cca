"""Jobs that can never be done, among very many that can: the good ones are all done, the bad ones end with an owner."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from jobs import relay, worker
from models.base import now
from models.ledger import OutboxItem
from process import outbox
from tests.drill.office import FULL

pytestmark = [pytest.mark.drill, pytest.mark.timeout(3600 if FULL else 280)]
GOOD, BAD = (5_000, 50) if FULL else (200, 10)
SEED = int(os.environ.get("DRILL_SEED") or Random().randrange(10**9))


def test_poison_ends_as_dead_letters_and_the_rest_is_done_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"seed {SEED}: repeat with DRILL_SEED={SEED}")
    luck, done, tried = Random(SEED), Counter[int](), Counter[int]()

    def good(_session: Session, args) -> None:  # type: ignore[no-untyped-def]
        done[args["number"]] += 1

    def bad(_session: Session, args) -> None:  # type: ignore[no-untyped-def]
        tried[args["number"]] += 1
        raise ValueError("这件永远办不成")

    monkeypatch.setitem(worker.HANDLERS, "test.good", good)
    monkeypatch.setitem(worker.HANDLERS, "test.poison", bad)
    jobs = ["test.good"] * GOOD + ["test.poison"] * BAD
    luck.shuffle(jobs)
    for number, job in enumerate(jobs):
        outbox.put(session, job, number=number)
    session.commit()
    bells: list[int] = []
    for _round in range(2_000):
        relay.ring_due(session, lambda item_id, _queue, rung=bells: rung.append(item_id))
        # Twice the same bell, in any order: the lease decides.
        bells += luck.sample(bells, min(3, len(bells)))
        luck.shuffle(bells)
        while bells:
            worker.do(session, bells.pop())
        left = session.scalar(select(func.count()).where(OutboxItem.status.in_(("waiting", "leased"))))
        if not left:
            break
        # The pause after a failure is waited out.
        session.execute(update(OutboxItem).where(OutboxItem.status == "waiting").values(available_at=now()))
        session.commit()
    assert set(done.values()) == {1} and len(done) == GOOD
    assert set(tried.values()) == {outbox.MAX_ATTEMPTS} and len(tried) == BAD
    assert outbox.dead_by_job(session) == {"test.poison": BAD}
    assert set(session.scalars(select(OutboxItem.error).where(OutboxItem.status == "dead"))) == {
        "ValueError: 这件永远办不成"
    }
