"""Journal, outbox, numbers: what makes an effect trustworthy, on both databases."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from models.base import now
from models.ledger import Counter, JournalEntry, OutboxItem
from process import journal, numbers, outbox
from tests.kernel.conftest import World


def fill(world: World, streams: int = 5, each: int = 12) -> None:
    actor = world.actor("writer")
    for n in range(each):
        for s in range(streams):
            journal.record(
                world.session,
                "test:step",
                actor,
                stream=f"s{s}",
                details={"n": n, "zh": "生育登记 𠮷"},
                comment=f"第{n}步",
            )
    world.session.commit()


def test_the_chain_verifies_and_the_table_refuses_change(world: World) -> None:
    fill(world)
    assert journal.verify(world.session) == (60, None)
    for statement in ("UPDATE journal SET comment = 'x'", "DELETE FROM journal"):
        with pytest.raises(DBAPIError, match="append-only"):
            world.session.execute(text(statement))
        world.session.rollback()


@pytest.mark.parametrize("kind", ["edit", "delete", "swap", "insert", "truncate_middle", "rehash"])
def test_every_kind_of_tampering_is_found_at_the_first_bad_row(world: World, kind: str) -> None:
    fill(world)
    session, luck = world.session, random.Random(kind)
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
    else:
        session.execute(text("DROP TRIGGER journal_no_update"))
        session.execute(text("DROP TRIGGER journal_no_delete"))
    victim = session.scalars(
        select(JournalEntry).where(JournalEntry.stream == "s2", JournalEntry.seq == luck.randint(3, 9))
    ).one()
    table, seq = JournalEntry.__table__, victim.seq
    if kind == "edit":
        session.execute(table.update().where(table.c.id == victim.id).values(comment="改了"))
    elif kind in ("delete", "truncate_middle"):
        session.execute(table.delete().where(table.c.id == victim.id))
    elif kind == "swap":
        other = session.scalars(
            select(JournalEntry).where(JournalEntry.stream == "s2", JournalEntry.seq == seq + 1)
        ).one()
        session.execute(table.update().where(table.c.id == victim.id).values(comment=other.comment))
        session.execute(table.update().where(table.c.id == other.id).values(comment=victim.comment))
    elif kind == "insert":
        session.execute(
            table.insert().values(
                stream="s2",
                seq=13,
                at=now(),
                action="test:false",
                district="",
                details={},
                algorithm="sha256",
                previous=victim.digest,
                digest="0" * 64,
            )
        )
    else:
        victim_digest = "f" * 64
        session.execute(table.update().where(table.c.id == victim.id).values(digest=victim_digest))
    session.commit()
    session.expire_all()
    _, finding = journal.verify(session)
    assert finding is not None and finding.stream == "s2"
    expected = 13 if kind == "insert" else seq + (1 if kind in ("delete", "truncate_middle") else 0)
    assert finding.seq == expected


def test_numbers_have_no_gap_when_a_third_is_rolled_back(engine: Engine, world: World) -> None:
    """50 issuers x 40 numbers, every third transaction rolled back."""
    world.session.close()
    issuers, each, kept, lock = 50, 40, [], threading.Lock()

    def issue(worker: int) -> None:
        luck = random.Random(worker)
        for _ in range(each):
            with Session(engine) as session:
                _, value = numbers.draw(session, "certificate", "s", datetime(2026, 11, 22, tzinfo=UTC))
                if luck.random() < 1 / 3:
                    session.rollback()
                else:
                    session.commit()
                    with lock:
                        kept.append(value)

    threads = [threading.Thread(target=issue, args=(n,)) for n in range(issuers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == list(range(1, len(kept) + 1)) and len(kept) > issuers * each / 2
    with Session(engine) as session:
        assert session.scalar(select(Counter.value)) == len(kept)


def test_the_year_of_a_number_is_the_civil_year_in_china(world: World) -> None:
    last_evening_utc = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)  # already 2027 in Shanghai
    assert numbers.draw(world.session, "x", "s", last_evening_utc - timedelta(seconds=1)) == (2026, 1)
    assert numbers.draw(world.session, "x", "s", last_evening_utc) == (2027, 1)


def test_a_lease_fences_off_whoever_held_it_before(world: World) -> None:
    session = world.session
    item = session.get_one(OutboxItem, outbox.put(session, "test.job", thing=1))
    session.commit()
    first = outbox.lease(session, item.id)
    session.commit()
    assert first is not None and outbox.lease(session, item.id) is None
    session.rollback()
    session.execute(update(OutboxItem).values(leased_until=now() - timedelta(seconds=1)))
    session.commit()
    second = outbox.lease(session, item.id)
    session.commit()
    assert second is not None and second.token == first.token + 1
    assert outbox.finish(session, first) is False
    session.rollback()
    assert outbox.finish(session, second) is True
    session.commit()
    assert outbox.lease(session, item.id) is None


def test_what_fails_comes_back_later_and_then_to_the_dead_letters(world: World) -> None:
    session = world.session
    item = session.get_one(OutboxItem, outbox.put(session, "test.job"))
    session.commit()
    for attempt in range(1, outbox.MAX_ATTEMPTS + 1):
        session.execute(update(OutboxItem).values(available_at=now() - timedelta(seconds=1)))
        held = outbox.lease(session, item.id)
        assert held is not None and held.attempt == attempt
        assert outbox.fail(session, held, "boom")
        session.commit()
    session.refresh(item)
    assert (item.status, item.error) == ("dead", "boom")
    assert outbox.due(session) == []


def test_an_unfinished_row_is_rung_again_within_a_minute(world: World) -> None:
    session = world.session
    item = session.get_one(OutboxItem, outbox.put(session, "test.job"))
    session.commit()
    assert [i.id for i in outbox.due(session)] == [item.id]
    held = outbox.lease(session, item.id)
    assert held is not None
    item.rung_at = now()
    session.commit()
    assert outbox.due(session) == []
    dead_worker = now() - timedelta(seconds=1)
    session.execute(
        update(OutboxItem).values(leased_until=dead_worker, rung_at=now() - outbox.RING_AGAIN - timedelta(seconds=1))
    )
    session.commit()
    assert [i.id for i in outbox.due(session)] == [item.id]
    assert timedelta(seconds=60) > outbox.LEASE + outbox.RING_AGAIN


def test_a_counter_row_and_a_journal_row_cannot_be_doubled(world: World) -> None:
    world.session.add_all(
        [
            Counter(series="a", unit="b", year=2026, value=1),
            JournalEntry(stream="x", seq=1, at=now(), action="a", previous="", digest=""),
        ]
    )
    world.session.commit()
    world.session.add(JournalEntry(stream="x", seq=1, at=now(), action="b", previous="", digest=""))
    with pytest.raises(IntegrityError):
        world.session.flush()
    world.session.rollback()
