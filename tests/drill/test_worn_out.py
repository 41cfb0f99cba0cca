"""A job that ends every worker who touches it is laid aside; one that fails at once is tried again soon."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from extensions import db
from jobs import relay, worker
from models.base import now
from models.ledger import OutboxItem
from process import holders, outbox
from services import papers_out
from services.papers.child import run_limited
from tests.services.fertility import ActorOf, accepted, sheet

pytestmark = pytest.mark.drill


def drawing(session: Session) -> OutboxItem:
    """The drawing of one notice of acceptance, waiting."""
    return session.query(OutboxItem).where(OutboxItem.job == papers_out.RENDER).one()


def worker_dies(session: Session, item: OutboxItem) -> None:
    """What kill -9 leaves behind: a lease that nobody gives back."""
    assert outbox.lease(session, item.id) is not None
    session.execute(
        update(OutboxItem).where(OutboxItem.id == item.id).values(leased_until=now() - timedelta(seconds=1))
    )
    session.commit()


def test_a_job_that_ends_every_worker_is_laid_aside(session: Session, actor: ActorOf) -> None:
    case = accepted(session, actor)
    session.commit()
    item = drawing(session)
    for _ in range(outbox.MAX_LEASES):
        worker_dies(session, item)
    assert worker.do(session, item.id) == "dead"
    session.expire_all()
    paper = sheet(session, case, "acceptance_notice")
    assert (item.status, paper.status) == ("dead", "failed")
    assert (paper.error or "").startswith(f"工作进程办这一件时中断了 {outbox.MAX_LEASES} 次")
    assert worker.do(session, item.id) == "busy"


def test_a_few_dead_workers_do_not_spoil_a_paper(session: Session, actor: ActorOf) -> None:
    case = accepted(session, actor)
    session.commit()
    item = drawing(session)
    for _ in range(outbox.MAX_LEASES - 1):
        worker_dies(session, item)
    assert worker.do(session, item.id) == "done"
    session.expire_all()
    assert sheet(session, case, "acceptance_notice").status == "ready"


def test_a_killed_drawing_is_no_failure_of_the_paper(
    session: Session, actor: ActorOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More often than a failure would be tolerated; the first times it is due again at once."""
    case = accepted(session, actor)
    session.commit()
    item, draw = drawing(session), papers_out.draw
    kills_itself = lambda: os.kill(os.getpid(), signal.SIGKILL) or b""  # noqa: E731
    monkeypatch.setattr(papers_out, "draw", lambda _sheet: run_limited(kills_itself))
    for losses in range(1, outbox.MAX_ATTEMPTS + 1):
        assert worker.do(session, item.id) == "lost"
        session.expire_all()
        assert (item.status, item.attempts, item.losses, item.rung_at) == ("waiting", 0, losses, None)
    assert worker.do(session, item.id) == "lost"
    session.expire_all()
    assert now() < item.available_at <= now() + timedelta(seconds=1), "then it waits a little"
    assert sheet(session, case, "acceptance_notice").status == "waiting"
    session.execute(update(OutboxItem).where(OutboxItem.id == item.id).values(available_at=now()))
    session.commit()
    monkeypatch.setattr(papers_out, "draw", draw)
    assert worker.do(session, item.id) == "done"
    session.expire_all()
    assert sheet(session, case, "acceptance_notice").status == "ready"


def test_the_relay_gives_back_what_a_killed_worker_held(session: Session, actor: ActorOf) -> None:
    case = accepted(session, actor)
    session.commit()
    item = drawing(session)
    if (pid := os.fork()) == 0:  # pragma: no cover - the child leaves by os._exit
        os._exit(0)
    gone = (holders.myself() or "").rpartition("/")[0] + f"/{pid}-1"
    os.waitpid(pid, 0)
    assert outbox.lease(session, item.id) is not None
    session.commit()
    assert relay.give_back(session) == 0, "this process lives"
    session.execute(update(OutboxItem).where(OutboxItem.id == item.id).values(leased_by=gone, rung_at=now()))
    session.commit()
    assert relay.give_back(session) == 1
    assert relay.ring_due(session, lambda item_id, _queue: None, outbox.PAPERS) == 1
    assert worker.do(session, item.id) == "done"
    session.expire_all()
    assert (item.losses, sheet(session, case, "acceptance_notice").status) == (1, "ready")


def test_a_worker_faster_than_the_relay_is_rung_for_again_soon(session: Session, actor: ActorOf) -> None:
    accepted(session, actor)
    session.commit()
    item_id = drawing(session).id
    session.rollback()

    def ring(rung: int, queue: str) -> None:
        assert queue == outbox.PAPERS
        with Session(db.engine) as other:
            held = outbox.lease(other, rung)
            assert held is not None and outbox.fail(other, held, "the drawing was ended")
            other.commit()

    assert relay.ring_due(session, ring) == 1
    session.expire_all()
    item = session.get_one(OutboxItem, item_id)
    assert (item.status, item.rung_at) == ("waiting", None)
    assert item.available_at <= now() + timedelta(seconds=2)


def test_who_lost_a_worker_does_not_queue_up_again(session: Session) -> None:
    for losses in (0, 2, 0, 1):
        number = outbox.put(session, "test.job")
        session.execute(update(OutboxItem).where(OutboxItem.id == number).values(losses=losses))
    session.commit()
    heard: list[int] = []
    first, second, third, last = session.scalars(
        select(OutboxItem.id).where(OutboxItem.job == "test.job").order_by(OutboxItem.id)
    )
    session.rollback()
    relay.ring_due(
        session,
        lambda number, _queue: heard.append(number),
        outbox.QUICK,
        ring_first=lambda number, _queue: heard.insert(0, number),
    )
    assert [number for number in heard if number >= first] == [second, last, first, third]
