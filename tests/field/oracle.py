"""What must be true at the end of every history, whatever the line did."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.care import CareEvent
from models.content import Content
from models.delegation import Handover, HomeVisit
from models.field import FieldOp
from models.grid import GridLog
from models.ledger import JournalEntry
from models.paper import Document
from tests.field.history import FIELDS, Ends
from tests.field.world import PEOPLE, World, certificate


class Oracle:
    """Compares what the phones say with what the office holds; the seed is named in every complaint."""

    def __init__(self, seed: int, world: World, ends: Ends) -> None:
        self.seed, self.world, self.ends = seed, world, ends
        session = world.session
        session.rollback()
        session.expire_all()
        self.session: Session = session
        self.rows = session.scalars(select(FieldOp).order_by(FieldOp.id)).all()
        self.done = {row.op_id: row for row in self.rows if row.outcome == "done"}
        self.sent: dict[str, Any] = {op_id: op for end in ends.phones for op_id, op in end["sent"].items()}

    def judge(self) -> Counter[str]:
        count: Counter[str] = Counter(row.outcome for row in self.rows)
        self.nothing_lost_nothing_doubled(count)
        self.register_not_overwritten()
        self.each_step_once()
        self.steps_saw_what_they_changed()
        self.certificate_once()
        return count

    def nothing_lost_nothing_doubled(self, count: Counter[str]) -> None:
        """Each thing was handed in once or given up by a person, never both, never neither."""
        over = Counter(self.sent[op_id]["marker"] for op_id in self.done)
        written = Counter(one.what for one in self.session.scalars(select(GridLog)))
        for end in self.ends.phones:
            assert end["open"] == [], (self.seed, end["open"])
            said, gone, lost = Counter(end["done"]), set(end["given"]), set(end["lost"])
            for made in end["made"]:
                marker = made["marker"]
                count["made"] += 1
                if marker in lost:
                    # Reported lost with the phone: perhaps it had arrived, but never twice.
                    count["lost_with_the_phone"] += 1
                    assert over[marker] <= 1, (self.seed, made)
                else:
                    assert (over[marker] == 1) != (marker in gone), (self.seed, made, over[marker])
                    if marker not in gone:
                        # A phone reported lost forgets what it handed in as well, even where nothing waited on it.
                        assert said[marker] == 1 or end["wiped"], (self.seed, made, said[marker])
                if made["kind"] == "log":
                    assert written[marker] == over[marker], (self.seed, made, written[marker])
        photographed = Counter(
            self.sent[op_id]["marker"] for op_id in self.done if self.sent[op_id]["inputs"].get("photo")
        )
        kept = self.session.scalars(select(GridLog.what).where(GridLog.photo_key.is_not(None))).all()
        assert photographed == Counter(kept), (self.seed, photographed)

    def register_not_overwritten(self) -> None:
        """Every change of the register began from what stood there, box by box."""
        reviews = iter([self.sent[op_id] for op_id, row in self.done.items() if row.kind == "review"])
        clerk = self.world.actor("community.clerk").person_id
        events = self.session.scalars(
            select(CareEvent).where(CareEvent.entry_id == int(self.world.entry)).order_by(CareEvent.id)
        ).all()
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

    def _things(self) -> dict[str, Content]:
        uids = {row.thing for row in self.done.values() if row.kind == "step"}
        return {one.uid: one for one in self.session.scalars(select(Content).where(Content.uid.in_(uids)))}

    def each_step_once(self) -> None:
        """As many rows in the journal as steps said to be done, and the states hang together."""
        told = Counter((row.thing, row.verb) for row in self.done.values() if row.kind == "step")
        phones = {self.world.actor(name).person_id for name in PEOPLE}
        found: Counter[tuple[str, str]] = Counter()
        for uid, thing in self._things().items():
            state = None
            entries = self.session.scalars(
                select(JournalEntry).where(JournalEntry.content_id == thing.id).order_by(JournalEntry.seq)
            )
            for entry in entries:
                if entry.to_state is None:
                    continue
                assert entry.from_state == state, (self.seed, uid, entry.action)
                state = entry.to_state
                if entry.id > self.ends.since and entry.person_id in phones:
                    found[uid, entry.action.partition(":")[2]] += 1
            assert state == thing.state, (self.seed, uid)
        assert told == found, (self.seed, told - found, found - told)

    def steps_saw_what_they_changed(self) -> None:
        """Between what a phone had seen of a thing and what it made of it nobody else changed it."""
        steps = [row for row in self.done.values() if row.kind == "step"]
        for row in steps:
            op = self.sent[row.op_id]
            own = [self.done[one].thing_version for one in op["after"] if one in self.done]
            base = own[-1] if own else op["base"]
            assert base is not None and row.thing_version is not None
            others = {one.thing_version for one in steps if one.thing == row.thing}
            others |= self.ends.changed.get(row.thing, set())
            between = [version for version in others if version is not None and base < version < row.thing_version]
            assert not between, (self.seed, row.thing, row.verb, base, between, row.thing_version)

    def certificate_once(self) -> None:
        """The certificate was issued and handed over at most once, and what was collected came with its photos."""
        found = certificate(self.session, self.world)
        count = Counter(
            self.session.scalars(select(JournalEntry.action).where(JournalEntry.content_id == found.id)).all()
        )
        assert count["certificate:issue"] <= 1 and count["certificate:deliver"] <= 1, (self.seed, count)
        visits = {one.uid: one for one in self.session.scalars(select(HomeVisit))}
        given = [row for row in self.done.values() if row.thing == self.world.carded and row.verb == "deliver"]
        assert len(given) <= 1 and (found.state == "delivered") == bool(given), (self.seed, found.state)
        visit = visits[self.world.visit]
        collected = [row for row in self.done.values() if row.thing == visit.uid and row.verb == "collect"]
        assert len(collected) <= 1, self.seed
        photos = self.session.scalar(
            select(func.count(Document.id)).where(Document.content_id == visit.id, Document.purpose == "photo")
        )
        lists = self.session.scalar(
            select(func.count(Handover.id)).where(Handover.content_id == visit.id, Handover.action == "collect")
        )
        assert photos == 2 * len(collected) and lists == len(collected), (self.seed, photos, lists)
