"""Two hundred couriers press at once: one holder, everybody else hears who and when."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from models.errand import Errand
from models.ledger import JournalEntry
from models.person import Person
from services import files
from tests.drill import oracle
from tests.drill.client import Answer, Client, Ledger
from tests.drill.office import FULL, Office, couriers, wait_for

pytestmark = [pytest.mark.drill, pytest.mark.timeout(3600 if FULL else 280)]
CLAIMS = 200
ROUNDS = 100 if FULL else 3
WHO_AND_WHEN = re.compile(r"(\S+?)已于 \d+月\d+日 \d\d:\d\d “认领”")


def all_at_once(clients: list[Client], uid: str) -> list[Answer]:
    barrier = threading.Barrier(len(clients))
    answers: list[Answer | None] = [None] * len(clients)

    def claim(index: int) -> None:
        barrier.wait(60)
        answers[index] = clients[index].ask(
            "POST", f"/contents/{uid}/actions/claim", {}, key=f"claim-{uid}", timeout=120
        )

    threads = [threading.Thread(target=claim, args=(index,)) for index in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(150)
    assert None not in answers, "somebody got no answer at all"
    return [answer for answer in answers if answer is not None]


@pytest.mark.req("S2-24")
def test_one_of_two_hundred_claims_holds(office: Office, kind: str, report: Callable[..., None]) -> None:
    with office.session() as session:
        people = couriers(session, CLAIMS)
        names = [person.name for person in people]
        clients = [Client(office.port, office.token(session, person)) for person in people]
        session.commit()
    dispatcher = Client(office.port, office.tokens("dispatcher")["dispatcher"])
    ledger, seconds = Ledger(office.folder / "ledger.jsonl"), []
    for number in range(ROUNDS):
        made = dispatcher.insist(
            "POST", "/contents", {"type": "errand", "title": f"送材料第{number + 1}份", "to_agency": "dongxin-centre"}
        )
        assert made.status == 201, made.body
        uid = made.body["uid"]
        assert dispatcher.insist("POST", f"/contents/{uid}/actions/post", {}).status == 200
        started = time.monotonic()
        answers = all_at_once(clients, uid)
        seconds.append(round(time.monotonic() - started, 2))
        held = [index for index, answer in enumerate(answers) if answer.status == 200]
        assert len(held) == 1, f"{len(held)} hold {uid}: {sorted({a.status for a in answers})}"
        ledger.write(uid=uid, action="errand:claim")
        for index, answer in enumerate(answers):
            if index == held[0]:
                continue
            assert (answer.status, answer.kind) == (409, "application/problem+json"), answer
            told = WHO_AND_WHEN.search(answer.body["detail"])
            assert told and told[1].endswith(names[held[0]]), answer.body
        with office.session() as session:
            errand = session.scalars(select(Errand).where(Errand.uid == uid)).one()
            claims = session.scalars(
                select(JournalEntry.person_id).where(JournalEntry.stream == uid, JournalEntry.action == "errand:claim")
            ).all()
            assert errand.state == "claimed" and claims == [errand.assignee_id]
            assert session.get_one(Person, errand.assignee_id).name == names[held[0]]
    with office.session() as session:
        wait_for(lambda: oracle.drained(session), 60, "the outbox")
        assert oracle.examine(session, files.store(), ledger.rows()) == []
    ledger.close()
    report(
        "claims",
        claims=CLAIMS,
        rounds=ROUNDS,
        holders_per_round=1,
        refused_with_who_and_when=(CLAIMS - 1) * ROUNDS,
        seconds=seconds,
    )
