"""A day of the hall in fast motion: hundreds of visitors through the real services, under every rule, by the clock of the story.

HALL_VISITORS and HALL_COUNTERS set the size; 600 and 12 is the day that is reported."""

from __future__ import annotations

import heapq
import os
import random
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import at_time
from models.content import Content
from models.hall import DONE, LEFT, HallPeriod, HallTicket
from models.ledger import JournalEntry
from services import hall
from services.hall import fairness, figures, setup
from tests.hall.conftest import DAY, HALL, Centre, at, centre_of

VISITORS = int(os.environ.get("HALL_VISITORS", "24"))
COUNTERS = int(os.environ.get("HALL_COUNTERS", "4"))
SEED = int(os.environ.get("HALL_SEED", "7"))
CLOSES = at(17, 30)


class Day:
    """Visitors come, counters work; every event happens through the services at its own minute."""

    def __init__(self, centre: Centre, seed: int) -> None:
        self.centre, self.random = centre, random.Random(seed)
        self.events: list[tuple[datetime, int, str, int]] = []
        self.serial = 0
        self.held: list[tuple[str, int]] = []
        self.calls: list[tuple[int, datetime, int]] = []
        self.idle: set[int] = set(range(len(centre.counters)))

    def plan(self, when: datetime, what: str, number: int) -> None:
        self.serial += 1
        heapq.heappush(self.events, (when, self.serial, what, number))

    def run(self, visitors: int) -> datetime:
        # As busy as a hall gets: they come a little faster than the counters can work.
        open_for = min((CLOSES - at(8, 30)).total_seconds(), visitors * 510 / len(self.centre.counters)) * 0.9
        for number in range(visitors):
            self.plan(at(8, 30) + timedelta(seconds=self.random.uniform(0, open_for)), "come", number)
        now = at(8, 30)
        while self.events:
            now, _, what, number = heapq.heappop(self.events)
            with at_time(now):
                getattr(self, what)(now, number)
                self.centre.session.commit()
        return now

    def come(self, now: datetime, number: int) -> None:
        ground = self.random.choice(["elderly", "veteran"]) if self.random.random() < 0.25 else ""
        self.centre.take(words=f"办事{number}", ground=ground)
        for free in sorted(self.idle):
            self.plan(now, "next", free)

    def next(self, now: datetime, number: int) -> None:
        if number not in self.idle:
            return
        clerk, counter = self.centre.clerks[number], self.centre.counters[number]
        called = hall.call_next(self.centre.session, clerk, counter)
        if called is None:
            return
        self.idle.discard(number)
        self.calls.append((called.content_id, now, counter.id))
        self.plan(now + timedelta(seconds=self.random.uniform(5, 60)), "arrive", number)

    def arrive(self, now: datetime, number: int) -> None:
        clerk, dice = self.centre.clerks[number], self.random.random()
        session = self.centre.session
        if dice < 0.08:
            missed = hall.no_show(session, clerk)
            if missed.misses < 3:
                uid = missed.content.uid
                hall.requeue(session, clerk, uid)
            else:
                hall.leave(session, self.centre.lobby, missed.content.uid, "没有等到人")
            return self.free(now, number)
        if dice < 0.12 and len(self.centre.counters) > 1:
            other = self.centre.counters[(number + 1) % len(self.centre.counters)]
            hall.move(session, clerk, other.code, "去那边办")
            for free in sorted(self.idle):
                self.plan(now, "next", free)
            return self.free(now, number)
        hall.serve(session, clerk)
        self.plan(now + timedelta(seconds=self.random.uniform(120, 900)), "done", number)

    def done(self, now: datetime, number: int) -> None:
        clerk, session = self.centre.clerks[number], self.centre.session
        if self.random.random() < 0.06:
            one = hall.hold(session, clerk, "去复印")
            self.held.append((one.content.uid, number))
            self.plan(now + timedelta(seconds=self.random.uniform(60, 600)), "back", number)
        else:
            hall.finish(session, clerk)
        self.free(now, number)

    def back(self, now: datetime, number: int) -> None:
        """Somebody on hold is ready again: taken on as soon as the counter is free."""
        if number not in self.idle:
            return self.plan(now + timedelta(seconds=30), "back", number)
        uid, _ = self.held.pop(next(i for i, (_uid, n) in enumerate(self.held) if n == number))
        hall.resume(self.centre.session, self.centre.clerks[number], uid)
        self.idle.discard(number)
        self.plan(now + timedelta(seconds=5), "arrive", number)

    def free(self, now: datetime, number: int) -> None:
        self.idle.add(number)
        self.plan(now, "next", number)


@pytest.mark.req("S3-27")
@pytest.mark.timeout(max(300, 3 * VISITORS))
@pytest.mark.parametrize("rule", list(fairness.RULES))
def test_a_day_in_fast_motion_forgets_nobody_and_adds_up(session: Session, rule: str):
    centre = centre_of(session)
    with at_time(at(8)):
        centre.staff(COUNTERS)
        setup.decide(
            session, centre.admin, HALL, {"rule": rule, "layout": "per_window" if rule == "order" else "shared"}
        )
        session.commit()
    day = Day(centre, SEED)
    end = day.run(VISITORS)
    tickets = list(session.scalars(select(HallTicket).where(HallTicket.hall_id == HALL)))

    # Nobody is forgotten: everybody who came was done with, or left after three missed calls.
    assert len(tickets) == VISITORS and len({one.ticket for one in tickets}) == VISITORS
    assert Counter(one.state for one in tickets) == Counter(
        {DONE: sum(t.state == DONE for t in tickets), LEFT: sum(t.state == LEFT for t in tickets)}
    )
    assert all(one.misses >= 3 for one in tickets if one.state == LEFT)

    # Nobody is called twice at once: calls of one number follow each other, at a counter there is one at a time.
    periods = list(session.scalars(select(HallPeriod).order_by(HallPeriod.began_at, HallPeriod.id)))
    assert all(one.ended_at is not None for one in periods)
    for key in ("ticket_id", "counter_id"):
        last: dict[int, datetime] = {}
        for one in periods:
            value = getattr(one, key)
            if value is None:
                continue
            assert one.began_at >= last.get(value, one.began_at), f"two at once: {key} {value}"
            last[value] = one.ended_at

    # Waiting, walking up, handling, holding: the stretches of a number fill its day without a gap.
    by_ticket: dict[int, list[HallPeriod]] = {}
    for one in periods:
        by_ticket.setdefault(one.ticket_id, []).append(one)
    for ticket in tickets:
        own = by_ticket[ticket.content_id]
        assert own[0].began_at == ticket.came_at and own[0].kind == "waiting"
        assert all(a.ended_at == b.began_at for a, b in pairwise(own))
        content = session.get_one(Content, ticket.content_id)
        assert sum(((p.ended_at - p.began_at) for p in own), timedelta()) == content.entered_at - ticket.came_at

    # What the screen of the lobby manager says is what happened, and the journal tells of the same calls.
    found = figures.figures(session, HALL, DAY, DAY, end)
    assert (found.came, found.done + found.left, found.waiting) == (VISITORS, VISITORS, 0)
    handled = sum((line.handled for line in found.counters), timedelta())
    assert handled == sum((p.ended_at - p.began_at for p in periods if p.kind == "serving"), timedelta())
    assert handled == sum((line.handled for line in found.people), timedelta())
    said = session.scalars(select(JournalEntry).where(JournalEntry.action == "queue_visit:call")).all()
    assert len(said) == len(day.calls)
    print(
        f"{rule}: {VISITORS} visitors, {COUNTERS} counters, {len(day.calls)} calls, "
        f"mean wait {found.mean_wait:.1f} min, longest {found.longest_wait:.1f} min"
    )
