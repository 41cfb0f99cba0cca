"""Histories of four phones: the real modules in Chromium against the real server, with everything that lines do to people.

SYNC_HISTORIES=1000 .venv/bin/pytest tests/field/test_histories.py -s --timeout=0   (seeds are printed; SYNC_SEED=n runs one of them)
"""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.care import CareEvent
from models.errand import Errand
from models.field import FieldBlob, FieldOp
from models.grid import GridLog
from models.ledger import JournalEntry
from models.resident import CareEntry
from process import engine, transactions
from process.access import Actor
from services import actions, care
from services.installation import DEMO_PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COUNT = int(os.environ.get("SYNC_HISTORIES", "2"))
STEPS = int(os.environ.get("SYNC_STEPS", "40"))
FIRST = int(os.environ.get("SYNC_SEED", "1"))
DRIVER = (Path(__file__).parent / "drive.js").read_text()
PEOPLE = ("grid.leader", "grid.leader", "courier", "courier2")
FAULTS = ("ok", "before", "after", "twice", "late")
FIELDS = ("needs", "contact", "proof")
As = Callable[[str], Actor]


@pytest.fixture
def phones(chromium: Browser, address: str) -> Iterator[list[Page]]:
    contexts = [chromium.new_context(base_url=address, locale="zh-CN") for _ in PEOPLE]
    pages = []
    for context in contexts:
        page = context.new_page()
        page.goto("/field/left")
        pages.append(page)
    yield pages
    for context in contexts:
        context.close()


def do(page: Page, *commands: Any) -> list[Any]:
    found: list[Any] = page.evaluate("commands => P.do(commands)", list(commands))
    return found


class History:
    """One history: what the phones and the desk do in turn, and what must be true in the end."""

    def __init__(self, seed: int, session: Session, actor: As, pages: list[Page], entry: str) -> None:
        self.seed, self.session, self.actor, self.pages, self.entry = seed, session, actor, pages, entry
        self.chance = random.Random(seed)
        self.away: set[int] = set()
        self.number = 0

    def marker(self, kind: str) -> str:
        self.number += 1
        return f"{kind}-{self.seed}-{self.number}"

    def fresh(self) -> Session:
        self.session.rollback()
        self.session.expire_all()
        return self.session

    def desk(self, write: Callable[[], Any]) -> None:
        """Somebody at a desk, in a transaction of their own."""
        self.fresh()
        transactions.set_writing(True)
        try:
            write()
            self.session.commit()
        finally:
            transactions.set_writing(False)

    def begin(self) -> None:
        self.desk(lambda: [self._post() for _ in range(3)])
        self.first_op = self.fresh().scalar(select(FieldOp.id).order_by(FieldOp.id.desc()).limit(1)) or 0
        self.first_event = self.session.scalar(select(CareEvent.id).order_by(CareEvent.id.desc()).limit(1)) or 0
        for index, page in enumerate(self.pages):
            page.evaluate(DRIVER)
            do(page, ["start", f"h{self.seed}-{index}", PEOPLE[index], DEMO_PASSWORD])

    def _post(self) -> None:
        clerk = self.actor("community.clerk")
        data = {
            "title": f"送材料 {self.marker('e')}",
            "purpose": "hand_in",
            "to_agency": "dongxin-centre",
            "envelopes": 1,
            "place": "dx-c01",
        }
        made = actions.create(self.session, clerk, "errand", data)
        engine.fire(made, "post", clerk)

    def step(self) -> None:
        index = self.chance.randrange(len(self.pages))
        page, leads = self.pages[index], index < 2
        if index in self.away:
            # Whoever has signed out types the password again before anything else.
            do(page, ["signOn"])
            self.away.discard(index)
            return
        kind = self.chance.choices(
            ("do", "hand", "net", "restart", "out", "desk", "race", "arrive", "settle"),
            (42, 22, 8, 7, 3, 5, 5, 4, 4),
        )[0]
        if kind == "do":
            do(page, self.something(leads))
        elif kind == "hand":
            faults = self.chance.choices(FAULTS, (4, 1, 2, 2, 1), k=4)
            do(page, ["faults", faults], ["hand"])
        elif kind == "net":
            do(page, ["net", self.chance.random() < 0.5])
        elif kind == "restart":
            do(page, ["restart"])
        elif kind == "out":
            do(page, ["signOut"])
            self.away.add(index)
        elif kind == "arrive":
            do(page, ["arrive"])
        elif kind == "settle":
            do(page, ["settle", self.chance.random() < 0.6])
        elif kind == "desk":
            self.desk(self.at_the_desk)
        else:
            here = [one for number, one in enumerate(self.pages) if number not in self.away]
            for one in here:
                one.evaluate("() => { P.racing = P.hand(); }")
            for one in here:
                one.evaluate("() => P.racing")

    def something(self, leads: bool) -> list[Any]:
        if leads:
            if self.chance.random() < 0.5:
                return ["write", self.marker("log")]
            return ["review", self.marker("rev"), self.chance.choice(FIELDS), f"值{self.chance.randrange(6)}"]
        verb, inputs = self.chance.choice(
            (
                ("claim", {}),
                ("claim", {}),
                ("pick_up", {"envelopes": 1}),
                ("set_off", {}),
                ("deliver", {}),
                ("release", {"comment": "来不及"}),
                ("fail", {"comment": "没人在"}),
            )
        )
        return ["step", self.marker("step"), self.chance.randrange(5), verb, inputs]

    def at_the_desk(self) -> None:
        if self.chance.random() < 0.5:
            entry = self.session.get_one(CareEntry, int(self.entry))
            words = f"值{self.chance.randrange(6)}"
            typed = {name: getattr(entry, name) or "" for name in ("condition", *FIELDS)} | {"needs": words}
            given = care.read({**typed, "review_on": entry.review_on}, now().date(), entry=entry)
            care.enter(self.session, self.actor("community.clerk"), entry.resident, at=now(), **given)
        else:
            errands = self.session.scalars(select(Errand).where(Errand.closed_at.is_(None)).order_by(Errand.id)).all()
            engine.touch(self.chance.choice(errands))

    def end(self) -> list[dict[str, Any]]:
        """Everybody has a signal again, hands in and settles until nothing waits."""
        for index, page in enumerate(self.pages):
            if index in self.away:
                do(page, ["signOn"])
            do(page, ["net", True], ["faults", []], ["arrive"])
        for turn in range(12):
            settled = 0
            for page in self.pages:
                said = do(page, ["hand"], ["settle", turn < 4], ["hand"])
                assert said[0] == said[2] == "ok", (self.seed, said)
                settled += said[1]
            if not settled:
                break
        found = [page.evaluate("() => P.end()") for page in self.pages]
        for page in self.pages:
            do(page, ["signOut"])
            page.evaluate("() => { P.store.close(); indexedDB.deleteDatabase(P.name); P.box = null; }")
        return found

    def judge(self, ends: list[dict[str, Any]]) -> Counter[str]:
        session, seed = self.fresh(), self.seed
        rows = session.scalars(select(FieldOp).where(FieldOp.id > self.first_op).order_by(FieldOp.id)).all()
        sent = {op_id: op for end in ends for op_id, op in end["sent"].items()}
        done = {row.op_id: row for row in rows if row.outcome == "done"}
        written = Counter(one.what for one in session.scalars(select(GridLog)))
        count: Counter[str] = Counter()
        for end in ends:
            assert end["open"] == [], (seed, end["open"])
            over, gone = Counter(end["done"]), set(end["given"])
            for made in end["made"]:
                # Nothing is lost: each thing was handed in once or given up by a person, never both, never neither.
                assert (over[made["marker"]] == 1) != (made["marker"] in gone), (seed, made, over[made["marker"]])
                count["made"] += 1
                count["done"] += over[made["marker"]]
                if made["kind"] == "log":
                    assert written[made["marker"]] == over[made["marker"]], (seed, made)
        assert len(done) == count["done"], seed
        count["conflict"] += sum(row.outcome == "conflict" for row in rows)
        count["refused"] += sum(row.outcome == "refused" for row in rows)
        self.nothing_overwritten(done, sent)
        self.each_step_once(done)
        assert session.scalar(select(FieldBlob.id).limit(1)) is None
        return count

    def nothing_overwritten(self, done: dict[str, FieldOp], sent: dict[str, Any]) -> None:
        """Every change of the register began from what stood there, box by box."""
        reviews = iter([sent[op_id] for op_id, row in done.items() if row.kind == "review"])
        events = self.session.scalars(
            select(CareEvent).where(CareEvent.entry_id == int(self.entry), CareEvent.id >= self.first_event)
        ).all()
        events = sorted(events, key=lambda event: event.id)
        clerk = self.actor("community.clerk").person_id
        for before, after in itertools.pairwise(events):
            if after.person_id == clerk:
                continue
            op = next(reviews)
            for name in FIELDS:
                stood, stands = before.snapshot[name] or "", after.snapshot[name] or ""
                mine, seen = op["inputs"].get(name) or "", op["seen"].get(name) or ""
                if mine == seen:
                    assert stands == stood, (self.seed, name, op)
                else:
                    assert stood in (seen, mine) and stands == mine, (self.seed, name, op, stood)
        assert next(reviews, None) is None, self.seed

    def each_step_once(self, done: dict[str, FieldOp]) -> None:
        """As many rows in the journal as things said to be done, and of two couriers one."""
        steps = Counter((row.thing, row.verb) for row in done.values() if row.kind == "step")
        for uid in {thing for thing, _ in steps}:
            errand = self.session.scalars(select(Errand).where(Errand.uid == uid)).one()
            rows = self.session.scalars(
                select(JournalEntry).where(JournalEntry.content_id == errand.id).order_by(JournalEntry.seq)
            ).all()
            state = None
            for row in rows:
                if row.to_state is not None:
                    assert row.from_state == state, (self.seed, uid)
                    state = row.to_state
            assert state == errand.state


def test_histories(session: Session, actor: As, phones: list[Page], entry: str) -> None:
    """Same end whatever the order: nothing lost, nothing doubled, nothing silently overwritten."""
    total: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + COUNT):
        history = History(seed, session, actor, phones, entry)
        print(f"history {seed}", end=" ", flush=True)
        history.begin()
        for _ in range(STEPS):
            history.step()
        found = history.judge(history.end())
        print(dict(found), flush=True)
        total += found
    print(f"{COUNT} histories of {STEPS} steps: {dict(total)}")
    assert total["done"] and total["made"]
