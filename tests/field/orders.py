"""The same things, done on four phones without a signal, arriving in different orders: the office ends the same."""

from __future__ import annotations

import random
from typing import Any

from sqlalchemy import func, select

from models.content import Content
from models.delegation import Handover, HomeVisit
from models.errand import Errand
from models.field import FieldOp
from models.grid import GridLog
from models.ledger import JournalEntry
from models.paper import Document
from models.resident import CareEntry
from tests.field.four import Four, do
from tests.field.history import COLLECTED, FAULTS, SKEWS, History
from tests.field.world import World

TYPED = "typed"
ERRAND_OF = {2: 0, 3: 1}


class Orders:
    """Four phones full of things that do not contest each other, handed in over every kind of line."""

    def __init__(self, seed: int, world: World, four: Four) -> None:
        self.history = History(seed, world, four)
        self.seed, self.world, self.four, self.pages = seed, world, four, four.pages
        self.chance = random.Random(seed * 7919)

    def compare(self, orders: int) -> int:
        """How many orders there were; all with one end."""
        self._type()
        ends = []
        for number in range(orders):
            if number:
                self.world.back(TYPED)
            self._deliver()
            ends.append(self._end())
            assert ends[0] == ends[-1], (self.seed, number, _differences(ends[0], ends[-1]))
        self.four.forget()
        return orders

    def _type(self) -> None:
        history, chance = self.history, self.chance
        self.four.back()
        history.desk(lambda session: [history._post(session) for _ in range(2)])
        for index in range(len(self.pages)):
            self.four.begin(index, f"o{self.seed}-{index}", chance.choice(SKEWS))
        uid = self.world.visit
        mine, other = [["visit", "v1", uid, "set_off", {}], ["visit", "v2", uid, "collect", COLLECTED]], []
        mine += [["visit", "v3", uid, "file", {}], ["review", "r1", "needs", "送饭"], ["review", "r2", "needs", "送药"]]
        other += [["review", "r3", "contact", "女儿"], ["review", "r4", "contact", "儿子"]]
        for number, steps in enumerate((mine, other)):
            steps += [["write", f"log-{number}-{n}", picture] for n, picture in enumerate((-1, number, -1))]
        for page, steps in zip(self.pages, (_mixed(chance, mine), _mixed(chance, other)), strict=False):
            do(page, ["net", False], *steps)
        carry: list[tuple[str, dict[str, Any]]] = [("claim", {}), ("pick_up", {"envelopes": 1}), ("set_off", {})]
        for index, last in ((2, ("deliver", {})), (3, ("fail", {"comment": "没人在"}))):
            which = ERRAND_OF[index]
            page = self.pages[index]
            do(page, ["net", False], *(["step", f"e{index}-{n}", which, *one] for n, one in enumerate([*carry, last])))
        for page in self.pages:
            do(page, ["keep"])
        self.world.keep(TYPED)

    def _deliver(self) -> None:
        chance = self.chance
        for page in self.pages:
            do(page, ["back"])
        for _ in range(chance.randrange(4, 9)):
            page = chance.choice(self.pages)
            faults = chance.choices(FAULTS, (3, 1, 2, 2, 2), k=6)
            do(page, ["net", chance.random() < 0.85], ["faults", faults], ["hand", False])
            if chance.random() < 0.3:
                do(chance.choice(self.pages), ["arrive"])
        here = list(self.pages)
        chance.shuffle(here)
        for page in here:
            do(page, ["net", True], ["faults", []], ["arrive"])
        for page in here:
            assert do(page, ["hand", False]) == ["ok"], self.seed
            end = page.evaluate("() => P.end()")
            assert end["open"] == [] and end["given"] == end["lost"] == [], (self.seed, end["open"])

    def _end(self) -> dict[str, Any]:
        """Everything the office holds, but for when and under which number."""
        session = self.history.fresh()
        errands = {one.id: one.title for one in session.scalars(select(Errand))}
        visits = {one.id: one.uid for one in session.scalars(select(HomeVisit))}
        names = {**errands, **visits}
        steps: dict[str, list[str]] = {}
        rows = session.scalars(
            select(JournalEntry).where(JournalEntry.content_id.in_(names)).order_by(JournalEntry.seq)
        )
        for row in rows:
            if row.to_state is not None:
                steps.setdefault(names[row.content_id or 0], []).append(f"{row.action} {row.person_id}")
        entry = session.get_one(CareEntry, int(self.world.entry))
        return {
            "logs": sorted(
                (one.what, one.minutes, bool(one.photo_key), one.person_id) for one in session.scalars(select(GridLog))
            ),
            "register": [entry.needs, entry.contact, entry.proof, entry.condition, str(entry.review_on)],
            "states": sorted((names.get(one.id, one.type), one.state) for one in session.scalars(select(Content))),
            "steps": steps,
            "handed_in": sorted((row.op_id, row.outcome) for row in session.scalars(select(FieldOp))),
            "handovers": session.scalar(select(func.count(Handover.id))),
            "photos": session.scalar(select(func.count(Document.id))),
        }


def _mixed(chance: random.Random, steps: list[Any]) -> list[Any]:
    """In any order, but each chain in its own."""
    groups: dict[str, list[Any]] = {}
    for one in steps:
        groups.setdefault(one[0] if one[0] != "write" else one[1], []).append(one)
    found = []
    while groups:
        key = chance.choice(sorted(groups))
        found.append(groups[key].pop(0))
        if not groups[key]:
            del groups[key]
    return found


def _differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {key: (one[key], other[key]) for key in one if one[key] != other[key]}
