"""Many couriers want one errand at the same moment, over open connections; and who judges afterwards who holds it."""

from __future__ import annotations

import http.client
import json
import re
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errand import Errand
from models.ledger import JournalEntry
from tests.drill.client import AGAIN, Answer

# As many at once as the row B1 of the faults asks for; one round is one errand for each.
SIZES = (2, 3, 10, 50, 200)
WHO_AND_WHEN = re.compile(r"([^\s。]+)已于 \d+月\d+日 \d\d:\d\d “(认领|取消|放弃)")
ATTEMPTS = 20


class Line:
    """One person's open connection: asks without waiting, and hears the answer later."""

    def __init__(self, port: int, token: str, name: str) -> None:
        self.name = name
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._asked: tuple[str, bytes, str] = ("", b"", "")
        self._broken = False
        self.repeats = 0

    def ask(self, path: str, body: object) -> None:
        self._asked = (f"/api/v1{path}", json.dumps(body).encode(), secrets.token_urlsafe(12))
        self._send()

    def answer(self) -> Answer:
        """The answer; a connection that the server had closed meanwhile is opened again, under the same key."""
        for _ in range(ATTEMPTS):
            try:
                if self._broken:
                    self._send()
                came = self._connection.getresponse()
                raw = came.read()
            except (http.client.HTTPException, OSError):
                self._again()
                continue
            if came.status in AGAIN:
                self._again()
                continue
            kind = came.headers.get_content_type()
            return Answer(came.status, kind, json.loads(raw) if kind.endswith("json") else raw)
        raise AssertionError(f"{self.name} got no answer to {self._asked[0]}")

    def said(self, path: str, body: object) -> Answer:
        """Asks and waits."""
        self.ask(path, body)
        return self.answer()

    def close(self) -> None:
        self._connection.close()

    def _send(self) -> None:
        path, body, key = self._asked
        headers = {**self._headers, "Content-Type": "application/json", "Idempotency-Key": key}
        try:
            self._connection.request("POST", path, body, headers)
            self._broken = False
        except (http.client.HTTPException, OSError):
            self._again()

    def _again(self) -> None:
        self._connection.close()
        self._broken = True
        self.repeats += 1


@dataclass
class Contest:
    """What happened to one errand: who asked for it, and what each heard."""

    uid: str
    claims: list[tuple[str, Answer]]
    # A step that takes it away was asked for at the same moment: cancelled, or given back by whoever had it.
    taken_away: tuple[str, Answer] | None = None
    before: str | None = None

    @property
    def winners(self) -> list[str]:
        return [name for name, answer in self.claims if answer.status == 200]


@dataclass
class Tally:
    """What was counted over all contests."""

    claims: int = 0
    errands: int = 0
    held: int = 0
    told: int = 0
    sizes: Counter[int] = field(default_factory=Counter)


def contend(uid: str, couriers: Sequence[Line], rival: Line | None = None, step: str = "") -> Contest:
    """Everybody asks at once; the rival, if there is one, in the middle of them."""
    middle = len(couriers) // 2
    for place, line in enumerate(couriers):
        if rival is not None and place == middle:
            rival.ask(f"/contents/{uid}/actions/{step}", {"comment": "同时按下"})
        line.ask(f"/contents/{uid}/actions/claim", {})
    claims = [(line.name, line.answer()) for line in couriers]
    return Contest(uid, claims, (step, rival.answer()) if rival is not None else None)


def judge(session: Session, contests: Sequence[Contest], tally: Tally) -> list[str]:
    """Every sentence is something that must not be: two holders, nobody, a loser who is not told, a history with a gap."""
    wrong = []
    for contest in contests:
        errand = session.scalars(select(Errand).where(Errand.uid == contest.uid)).one()
        rows = session.execute(
            select(JournalEntry.action, JournalEntry.from_state, JournalEntry.to_state, JournalEntry.person_id)
            .where(JournalEntry.stream == contest.uid, JournalEntry.to_state.is_not(None))
            .order_by(JournalEntry.id)
        ).all()
        wrong += [f"{contest.uid}: {problem}" for problem in (*_holders(contest, errand, rows), *_told(contest, tally))]
        wrong += [
            f"{contest.uid}: {later.action} begins at {later.from_state}, but {earlier.action} had led to {earlier.to_state}"
            for earlier, later in pairwise(rows)
            if earlier.to_state != later.from_state
        ]
        tally.errands += 1
        tally.claims += len(contest.claims)
        tally.held += len(contest.winners)
        tally.sizes[len(contest.claims)] += 1
    session.rollback()
    return wrong


def _holders(contest: Contest, errand: Errand, rows: Sequence) -> list[str]:
    claimed = [row for row in rows if row.action == "errand:claim"]
    before = 1 if contest.before is not None else 0
    wrong = []
    if len(contest.winners) > 1:
        wrong.append(f"{len(contest.winners)} were told that it is theirs: {contest.winners}")
    if len(claimed) - before != len(contest.winners):
        wrong.append(
            f"{len(contest.winners)} were told that it is theirs, {len(claimed) - before} claims are on record"
        )
    if contest.taken_away is None and len(contest.winners) != 1:
        wrong.append(f"nobody else wanted it, and {len(contest.winners)} have it")
    holder = errand.assignee.name if errand.assignee is not None else None
    expected = contest.winners[-1] if contest.winners else None
    if errand.state == "claimed" and contest.taken_away is not None and not contest.winners:
        expected = contest.before
    if errand.state == "claimed" and holder != expected:
        wrong.append(f"{holder} holds it, {expected} was told so")
    if errand.state == "open" and holder is not None:
        wrong.append(f"it lies open and {holder} holds it")
    return wrong


def _told(contest: Contest, tally: Tally) -> list[str]:
    wrong = []
    names = {*contest.winners, "调度员"}
    for name, answer in contest.claims:
        if answer.status == 200:
            continue
        found = WHO_AND_WHEN.search(str(answer.body.get("detail"))) if answer.status == 409 else None
        if found is None or (contest.taken_away is None and found[1] not in names):
            wrong.append(f"{name} heard {answer.status} {answer.body}")
        else:
            tally.told += 1
    return wrong
