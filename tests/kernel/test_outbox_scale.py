"""The outbox with very many rows that nobody needs now: looking for work stays cheap. On both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, insert, select, text
from sqlalchemy.orm import Session

from models.base import now
from models.ledger import OutboxItem
from process import outbox

ROWS = 30_000
ASKS: dict[str, Callable[[Session], Any]] = {
    "due": outbox.due,
    "status": outbox.status,
    "dead letters": outbox.dead_by_job,
    "sweep": outbox.sweep,
}


def rows(session: Session, count: int, **values: Any) -> None:
    plain = {"job": "test.job", "queue": outbox.QUICK, "args": {}, "district": "", "attempts": 1, "losses": 0}
    plain |= {"lease_token": 1, "created_at": now(), "available_at": now(), "status": "waiting"}
    session.execute(insert(OutboxItem), [{**plain, **values} for _ in range(count)])


@pytest.fixture
def crowded(engine: Engine) -> Engine:
    """A table of timers for next year and work of last week, with a handful of rows that matter."""
    with Session(engine) as session:
        rows(session, ROWS, available_at=now() + timedelta(days=300))
        rows(session, ROWS, status="done", done_at=now() - timedelta(days=7))
        rows(session, 3)
        rows(session, 3, queue=outbox.PAPERS)
        rows(session, 2, status="leased", leased_until=now() - timedelta(minutes=1))
        rows(session, 2, status="dead", error="x")
        session.commit()
        session.execute(text("ANALYZE"))
        session.commit()
    return engine


@pytest.mark.parametrize("ask", sorted(ASKS))
def test_no_question_walks_the_table(crowded: Engine, ask: str) -> None:
    said: list[tuple[str, Any]] = []
    event.listen(crowded, "before_cursor_execute", lambda *a: said.append((a[2], a[3])))
    with Session(crowded) as session:
        ASKS[ask](session)
        session.rollback()
    statements = [(sql, parameters) for sql, parameters in said if sql.lstrip().startswith("SELECT")]
    assert statements
    explain = "EXPLAIN QUERY PLAN " if crowded.dialect.name == "sqlite" else "EXPLAIN "
    with crowded.connect() as connection:
        for sql, parameters in statements:
            plan = "\n".join(str(row[-1]) for row in connection.exec_driver_sql(explain + sql, parameters))
            walked = "Seq Scan on outbox" in plan or any(
                "SCAN outbox" in line and "INDEX ix_outbox_" not in line for line in plan.splitlines()
            )
            assert not walked, f"{sql}\n{plan}"


def test_what_is_due_is_found_among_them_oldest_first(crowded: Engine) -> None:
    with Session(crowded) as session:
        found = outbox.due(session)
        assert len(found) == 8 and {one.queue for one in found} == {outbox.QUICK, outbox.PAPERS}
        assert [one.queue for one in outbox.due(session, queue=outbox.PAPERS)] == [outbox.PAPERS] * 3
        told = outbox.status(session)
        assert (told["waiting"], told["leased"], told["dead"]) == (6, 2, 2)
        assert told["delayed"] == outbox.COUNTED == told["done"], "counted no further than anybody wants to wait for"
        assert outbox.status(session, outbox.ALL)["delayed"] == ROWS


def test_done_rows_go_after_their_time_in_small_steps(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "SWEPT_AT_ONCE", 4)
    old = now() - outbox.DONE_KEPT - timedelta(hours=1)
    with Session(engine) as session:
        rows(session, 10, status="done", done_at=old)
        rows(session, 2, status="done", done_at=now() - outbox.DONE_KEPT + timedelta(hours=1))
        rows(session, 1, status="dead")
        rows(session, 1, status="dead", closed_at=now() - outbox.CLOSED_KEPT - timedelta(hours=1))
        rows(session, 1, available_at=old)
        session.commit()
        gone = []
        while step := outbox.sweep(session):
            gone.append(step)
            session.commit()
        assert sum(gone) == 11 and max(gone) <= 5
        assert session.scalar(select(func.count()).select_from(OutboxItem)) == 4


def test_pauses_grow_and_are_left_a_little_to_chance() -> None:
    for failures, longest in ((1, 2), (2, 16), (3, 128), (4, 600), (9, 600)):
        drawn = {outbox.pause(failures).total_seconds() for _ in range(50)}
        assert longest / 2 <= min(drawn) < max(drawn) <= longest and len(drawn) > 40


def test_two_relays_share_the_rows_out(engine: Engine) -> None:
    with Session(engine) as session:
        rows(session, 20)
        session.commit()
        found = outbox.due(session)
        session.rollback()
    if engine.dialect.name != "postgresql":
        with Session(engine) as session:
            assert len(outbox.claim_bells(session, found)) == 20
            assert outbox.claim_bells(session, found) == [], "rung a moment ago"
        return
    with Session(engine) as one, Session(engine) as other:
        mine = outbox.claim_bells(one, found[:12])
        theirs = outbox.claim_bells(other, found)
        assert len(mine) == 12 and len(theirs) == 8, "rows that another relay holds are stepped over, not waited for"


def test_kills_and_failures_are_counted_apart(engine: Engine) -> None:
    with Session(engine, expire_on_commit=False) as session:
        item = session.get_one(OutboxItem, outbox.put(session, "test.job"))
        session.commit()
        for _ in range(outbox.MAX_LEASES - 1):
            assert outbox.lease(session, item.id) is not None
            session.execute(text("UPDATE outbox SET leased_until = :t"), {"t": _plain(engine)})
            session.commit()
        held = outbox.lease(session, item.id)
        assert held is not None and (held.attempt, held.losses) == (1, outbox.MAX_LEASES - 1)
        assert not outbox.worn_out(held) and not outbox.last_attempt(held)
        assert outbox.fail(session, held, "first failure")
        session.commit()
        session.refresh(item)
        assert (item.status, item.attempts, item.losses) == ("waiting", 1, outbox.MAX_LEASES - 1)


def _plain(engine: Engine) -> Any:
    past = now() - timedelta(minutes=1)
    return past.replace(tzinfo=None).isoformat(" ") if engine.dialect.name == "sqlite" else past


def test_a_kind_may_hold_its_row_longer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outbox.needs, "test.long", outbox.Needs(outbox.PAPERS, timedelta(minutes=9), attempts=1))
    with Session(engine, expire_on_commit=False) as session:
        item = session.get_one(OutboxItem, outbox.put(session, "test.long"))
        session.commit()
        held = outbox.lease(session, item.id)
        assert item.queue == outbox.PAPERS and held is not None and outbox.last_attempt(held)
        session.refresh(item)
        assert item.leased_until is not None and item.leased_until > now() + timedelta(minutes=8)
