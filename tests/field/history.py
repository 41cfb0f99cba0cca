"""One history: what four phones, the desk and the line do in turn, by chance from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.base import now
from models.delegation import HomeVisit
from models.errand import Errand
from models.field import FieldDevice
from models.ledger import JournalEntry
from models.person import LoginSession
from models.resident import CareEntry
from process import engine, transactions
from services import actions, care, visits
from services.field import devices
from tests.field.four import SIGNATURE, Four, do
from tests.field.world import PEOPLE, World, certificate
from tests.services.visiting import LINES, tomorrow

if TYPE_CHECKING:
    from playwright.sync_api import Page

FAULTS = ("ok", "before", "after", "twice", "late")
FIELDS = ("needs", "contact", "proof")
# Clocks of phones: right, of 1970, of 2050.
SKEWS = (0, 0, 0, -56 * 365 * 86_400_000, 24 * 365 * 86_400_000)
KINDS = {
    "do": 42,
    "hand": 22,
    "net": 8,
    "restart": 6,
    "settle": 4,
    "desk": 4,
    "card": 6,
    "race": 4,
    "arrive": 4,
    "out": 3,
    "afar": 2,
    "over": 2,
    "idle": 1,
    "lost": 1,
}
STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("claim", {}),
    ("claim", {}),
    ("pick_up", {"envelopes": 1}),
    ("set_off", {}),
    ("deliver", {}),
    ("release", {"comment": "来不及"}),
    ("fail", {"comment": "没人在"}),
)
COLLECTED = {
    "identity_checked": True,
    "lines": LINES,
    "photos": [0, 1],
    "powers": ["file", "supplement", "collect"],
    "signature": SIGNATURE,
}
AT_THE_DOOR: tuple[tuple[str, dict[str, Any]], ...] = (
    ("set_off", {}),
    ("set_off", {}),
    ("collect", COLLECTED),
    ("collect", COLLECTED),
    ("miss", {"comment": "没人应门"}),
    ("file", {}),
)


@dataclass
class Ends:
    """What is left when everybody has handed in, and what the test itself did beside the phones."""

    phones: list[dict[str, Any]] = field(default_factory=list)
    # Thing → versions that somebody at a desk left behind.
    changed: dict[str, set[int]] = field(default_factory=dict)
    # Everything in the journal after this row is of this history.
    since: int = 0


class History:
    """Four phones of three people; every step is drawn from the seed."""

    def __init__(self, seed: int, world: World, four: Four) -> None:
        self.seed, self.world, self.four, self.pages = seed, world, four, four.pages
        self.chance = random.Random(seed)
        self.away: set[int] = set()
        self.number = 0
        self.ends = Ends()

    def marker(self, kind: str) -> str:
        self.number += 1
        return f"{kind}-{self.seed}-{self.number}"

    def fresh(self) -> Session:
        session = self.world.session
        session.rollback()
        session.expire_all()
        return session

    def desk(self, write: Callable[[Session], Any]) -> Any:
        """Somebody at a desk, in a transaction of their own."""
        session = self.fresh()
        transactions.set_writing(True)
        try:
            found = write(session)
            session.commit()
        finally:
            transactions.set_writing(False)
        return found

    def begin(self) -> None:
        """The office as the story left it, three errands on the board, four phones signed on."""
        self.four.back()
        self.desk(lambda session: [self._post(session) for _ in range(3)])
        last = select(JournalEntry.id).order_by(JournalEntry.id.desc()).limit(1)
        self.ends.since = self.fresh().scalar(last) or 0
        for index in range(len(self.pages)):
            self.four.begin(index, f"h{self.seed}-{index}", self.chance.choice(SKEWS))

    def _post(self, session: Session) -> None:
        clerk = self.world.actor("community.clerk")
        data = {
            "title": f"送材料 {self.marker('e')}",
            "purpose": "hand_in",
            "to_agency": "dongxin-centre",
            "envelopes": 1,
            "place": "dx-c01",
        }
        engine.fire(actions.create(session, clerk, "errand", data), "post", clerk)

    def step(self) -> None:
        index = self.chance.randrange(len(self.pages))
        if index in self.away:
            # Whoever is locked out types the password again before anything else.
            do(self.pages[index], ["signOn"])
            self.away.discard(index)
            return
        getattr(self, f"_{self.chance.choices(tuple(KINDS), tuple(KINDS.values()))[0]}")(index, self.pages[index])

    def _do(self, index: int, page: Page) -> None:
        do(page, self._something(leads=index < 2))

    def _something(self, *, leads: bool) -> list[Any]:
        chance = self.chance
        if not leads:
            verb, inputs = chance.choice(STEPS)
            return ["step", self.marker("step"), chance.randrange(5), verb, inputs]
        kind = chance.random()
        if kind < 0.35:
            return ["write", self.marker("log"), chance.choice((-1, -1, 0, 1))]
        if kind < 0.65:
            return ["review", self.marker("rev"), chance.choice(FIELDS), f"值{chance.randrange(6)}"]
        if kind < 0.75:
            return ["visit", self.marker("step"), self.world.carded, "deliver", {"signature": SIGNATURE}]
        verb, inputs = chance.choice(AT_THE_DOOR)
        return ["visit", self.marker("step"), self.world.visit, verb, inputs]

    def _hand(self, index: int, page: Page) -> None:
        faults = self.chance.choices(FAULTS, (4, 1, 2, 2, 1), k=5)
        self._heard(index, do(page, ["faults", faults], ["hand"])[1])

    def _heard(self, index: int, said: str) -> None:
        if said in ("device-closed", "device-lost"):
            self.away.add(index)
        elif said == "sign-in":
            # The password again, on a phone that was never locked.
            self._heard(index, do(self.pages[index], ["signIn"])[0])

    def _net(self, _index: int, page: Page) -> None:
        do(page, ["net", self.chance.random() < 0.5])

    def _restart(self, _index: int, page: Page) -> None:
        do(page, ["restart"])

    def _settle(self, _index: int, page: Page) -> None:
        do(page, ["settle", self.chance.random() < 0.6])

    def _arrive(self, _index: int, page: Page) -> None:
        do(page, ["arrive"])

    def _race(self, _index: int, _page: Page) -> None:
        here = [number for number in range(len(self.pages)) if number not in self.away]
        for number in here:
            self.pages[number].evaluate("() => { P.racing = P.hand(); }")
        for number in here:
            self._heard(number, self.pages[number].evaluate("() => P.racing"))

    def _out(self, index: int, page: Page) -> None:
        do(page, ["signOut"])
        self.away.add(index)

    def _idle(self, index: int, page: Page) -> None:
        do(page, ["idle"])
        self.away.add(index)

    def _afar(self, index: int, page: Page, *, lost: bool = False) -> None:
        """Signed out from afar; the phone hears of it at its next word with the server."""
        uid = page.evaluate("() => P.box.uid")

        def close(session: Session) -> None:
            device = session.scalars(select(FieldDevice).where(FieldDevice.uid == uid)).one()
            if device.closed_at is None:
                devices.close(session, self.world.actor(PEOPLE[index]), device, lost=lost)

        self.desk(close)

    def _lost(self, index: int, page: Page) -> None:
        self._afar(index, page, lost=True)

    def _over(self, index: int, _page: Page) -> None:
        """The session ends on the server: whoever hands in next types the password again."""
        person = self.world.actor(PEOPLE[index]).person_id
        self.desk(lambda session: session.execute(delete(LoginSession).where(LoginSession.person_id == person)))

    def _desk(self, _index: int, _page: Page) -> None:
        if self.chance.random() < 0.5:
            self.desk(self._register)
        else:
            touched = self.desk(self._touch)
            self._noted(touched)

    def _register(self, session: Session) -> None:
        entry = session.get_one(CareEntry, int(self.world.entry))
        words = f"值{self.chance.randrange(6)}"
        typed = {name: getattr(entry, name) or "" for name in ("condition", *FIELDS)} | {"needs": words}
        given = care.read({**typed, "review_on": entry.review_on}, now().date(), entry=entry)
        care.enter(session, self.world.actor("community.clerk"), entry.resident, at=now(), **given)

    def _touch(self, session: Session) -> Errand:
        errands = session.scalars(select(Errand).where(Errand.closed_at.is_(None)).order_by(Errand.id)).all()
        found = self.chance.choice(errands)
        engine.touch(found)
        return found

    def _noted(self, *things: Any) -> None:
        for thing in things:
            self.ends.changed.setdefault(thing.uid, set()).add(thing.version)

    def _card(self, _index: int, _page: Page) -> None:
        """The certificate of the story goes on meanwhile: issued, sent by an errand, received; a visit that was missed is fixed anew."""
        self._noted(*self.desk(self._office_work))

    def _office_work(self, session: Session) -> list[Any]:
        world, found = self.world, certificate(session, self.world)
        carded, visit = (
            session.scalars(select(HomeVisit).where(HomeVisit.uid == uid)).one() for uid in (world.carded, world.visit)
        )
        if visit.state == "missed":
            inputs = {"slot_start": tomorrow(16), "visitor": "grid.leader", "agreed": True}
            engine.fire(visit, "reschedule", world.actor("community.clerk"), inputs=inputs)
            session.flush()
            return [visit]
        ticket = visits.ticket_of(session, carded)
        assert ticket is not None
        if found.state == "printed":
            engine.fire(found, "issue", world.actor("issuer"))
        elif ticket.state == "decided":
            engine.fire(ticket, "send_result", world.actor("window.clerk"), inputs={"errand": True})
        else:
            brought = session.scalars(
                select(Errand).where(Errand.related_id == ticket.id, Errand.state == "delivered")
            ).first()
            if brought is None:
                return []
            engine.fire(brought, "confirm", world.actor("community.clerk"))
            session.flush()
            return [brought, carded]
        session.flush()
        return [carded]

    def end(self) -> Ends:
        """Everybody has a signal again, hands in and settles until nothing waits."""
        for index, page in enumerate(self.pages):
            if index not in self.away:
                do(page, ["net", True], ["faults", []], ["arrive"])
            for _ in range(4):
                if index in self.away:
                    do(page, ["signOn"], ["arrive"])
                    self.away.discard(index)
                self._heard(index, do(page, ["hand"])[0])
                if index not in self.away:
                    break
        for turn in range(12):
            settled = 0
            for page in self.pages:
                # Nothing new is typed any more, so nobody needs the day again.
                said = do(page, ["hand", False], ["settle", turn < 4], ["hand", False])
                assert said[0] == said[2] == "ok", (self.seed, said)
                settled += said[1]
            if not settled:
                break
        self.ends.phones = [page.evaluate("() => P.end()") for page in self.pages]
        return self.ends
