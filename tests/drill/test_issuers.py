"""Fifty issuers number certificates at once and a third of them changes their mind: no gap, no number twice."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import create_app
from extensions import db
from models.agency import Agency
from models.base import Base
from models.case import Case
from models.ledger import Counter as Series
from models.ledger import JournalEntry
from models.paper import Certificate, Paper
from models.person import Grant, Person
from process import engine, transactions
from process.access import Actor, load_actor
from process.clock import forget_calendar, local_day
from services import accounts, installation
from tests.conftest import settings
from tests.drill.office import FULL, database
from tests.services.fertility import approved

pytestmark = [pytest.mark.drill, pytest.mark.timeout(3600 if FULL else 280)]
ISSUERS = 50
EACH = 40 if FULL else 4
CASES = 5
SEED = int(os.environ.get("DRILL_SEED", "20260322"))


@pytest.fixture
def many(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Flask, Engine]]:
    """An installed office whose database takes fifty sessions at once."""
    forget_calendar()
    server = request.getfixturevalue("server") if kind == "postgresql" else ""
    with database(kind, tmp_path, server) as url:
        app = create_app(settings(tmp_path, url))
        arguments = {"check_same_thread": False} if kind == "sqlite" else {}
        made = create_engine(url, connect_args=arguments, pool_size=ISSUERS + 5, max_overflow=5)
        transactions.prepare(made)
        with app.app_context():
            Base.metadata.create_all(made)
            with Session(made) as session:
                installation.install(session)
                installation.load_demo_people(session)
                session.commit()
            yield app, made
            db.engine.dispose()
        made.dispose()


def issuers(session: Session) -> list[int]:
    hall = session.get_one(Agency, "dongxin-centre")
    ids = []
    for number in range(ISSUERS):
        person = Person(
            username=f"issuer{number}", name=f"制证员{number}", password_hash=accounts.NO_PASSWORD, unit_id=hall.id
        )
        session.add(person)
        session.flush()
        session.add(
            Grant(
                person_id=person.id,
                role="certificate_issuer",
                place_id=hall.id,
                place_path=hall.path,
                since=date(2025, 1, 1),
            )
        )
        ids.append(person.id)
    return ids


def drafted(session: Session, count: int) -> list[int]:
    """Approved cases, and as many certificates waiting for their number."""

    def actor(username: str) -> Actor:
        person_id = session.scalars(select(Person.id).where(Person.username == username)).one()
        return load_actor(session, person_id, date.today())

    ids: list[int] = []
    approver = actor("approver")
    for number in range(CASES):
        case: Case = approved(session, actor, marriage_certificate_number=f"J330103-{number}")
        first = session.scalars(select(Certificate).where(Certificate.case_id == case.id)).one()
        ids.append(first.id)
        while len(ids) * CASES < count * (number + 1):
            more = Certificate(
                title=first.title,
                case_id=case.id,
                paper_kind=first.paper_kind,
                holder_name=first.holder_name,
                applicant_id=first.applicant_id,
                unit_id=first.unit_id,
                fields={},
            )
            more.case = case
            engine.create(session, more, approver, type_id="certificate", place=first.place, allowed=True)
            ids.append(more.id)
        session.commit()
    assert len(ids) == count
    return ids


@dataclass
class Tally:
    """What the issuers saw; the numbers were written down before they were counted."""

    given: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    busy: int = 0
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def issue(made: Engine, actor: Actor, work: list[tuple[int, bool]], start: threading.Barrier, tally: Tally) -> None:
    start.wait(120)
    for certificate_id, keeps in work:
        while True:
            with Session(made) as session:
                try:
                    certificate = session.get_one(Certificate, certificate_id)
                    engine.fire(certificate, "number", actor)
                    number = str(certificate.number)
                    if keeps:
                        session.commit()
                    else:
                        session.rollback()
                except OperationalError:
                    # The lock was not to be had in time: nothing happened, and the issuer presses again.
                    session.rollback()
                    with tally.lock:
                        tally.busy += 1
                    continue
                except Exception as fault:
                    with tally.lock:
                        tally.faults.append(f"{type(fault).__name__}: {fault}")
                    return
            with tally.lock:
                (tally.given if keeps else tally.undone).append(number)
            break


@pytest.mark.req("S0-28", "S0-34")
def test_numbers_stay_whole_under_fifty_issuers(
    many: tuple[Flask, Engine], kind: str, report: Callable[..., None]
) -> None:
    _, made = many
    total, luck = ISSUERS * EACH, Random(SEED)
    with Session(made) as session:
        people, ids = issuers(session), drafted(session, total)
        session.commit()
        actors = [
            load_actor(session, person, local_day(session.get_one(Certificate, ids[0]).created_at)) for person in people
        ]
    undone = set(luck.sample(ids, total // 3))
    luck.shuffle(ids)
    tally, start = Tally(), threading.Barrier(ISSUERS)
    threads = [
        threading.Thread(
            target=issue, args=(made, actor, [(one, one not in undone) for one in ids[index::ISSUERS]], start, tally)
        )
        for index, actor in enumerate(actors)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3000)
    seconds = time.monotonic() - started
    assert tally.faults == [] and not any(thread.is_alive() for thread in threads), (f"seed {SEED}", tally.faults[:3])
    assert (len(tally.given), len(tally.undone)) == (total - len(undone), len(undone))

    with Session(made) as session, transactions.reading():
        numbers = list(session.scalars(select(Certificate.number).where(Certificate.number.is_not(None))))
        assert Counter(numbers) == Counter(tally.given), "what was acknowledged is what stands there"
        assert sorted(int(number[-5:]) for number in numbers) == list(range(1, len(numbers) + 1)), f"seed {SEED}"
        assert session.scalars(select(Series.value).where(Series.series == "SY")).all() == [len(numbers)]
        papers = Counter(session.scalars(select(Paper.number).where(Paper.paper == "fertility_registration_card")))
        assert papers == Counter(numbers), "one paper for each number, none for what was undone"
        steps = session.scalars(select(JournalEntry.stream).where(JournalEntry.action == "certificate:number")).all()
        assert len(steps) == len(set(steps)) == len(numbers)
        drafts = session.scalars(select(Certificate.state).where(Certificate.number.is_(None))).all()
        assert drafts == ["drafted"] * len(undone)
    report(
        "issuers" if FULL else "issuers-slice",
        seed=SEED,
        issuers=ISSUERS,
        certificates_each=EACH,
        numbered=len(numbers),
        rolled_back=len(undone),
        lock_waits_repeated=tally.busy,
        gaps=0,
        doubles=0,
        seconds=round(seconds, 1),
        per_second=round(total / seconds, 1),
    )
