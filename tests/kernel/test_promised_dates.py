"""Promised dates of random lives — pauses, holidays, make-up days, a calendar that changes under them — against a count by hand.

PROMISES sets how many lives on each database; 2000 is the number that is reported, PROMISES_SEED repeats one run."""

from __future__ import annotations

import os
import random
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import pytest

from models.base import at_time
from models.content import Content
from process import clock, engine
from process.access import Actor
from process.calendars import read_calendar
from process.library import library
from process.numbers import CHINA
from services import deadlines
from tests.kernel.clock_office import LIMITS, change, work
from tests.kernel.conftest import World

LIVES = int(os.environ.get("PROMISES", "24"))
SEED = int(os.environ.get("PROMISES_SEED", "20261122"))
AT_ONCE = 25
DAY = timedelta(days=1)


@dataclass
class Life:
    """One matter, as somebody with a wall calendar and a pencil keeps it."""

    content: Content
    days: int
    legal: int | None
    begun: date | None = None
    pauses: list[tuple[date, date | None]] = field(default_factory=list)
    promised: date | None = None


def count(working: dict[date, bool], begun: date, days: int, pauses: list[tuple[date, date]]) -> date | None:
    """Day by day with a finger on the wall calendar: the day it came in does not count; no date where the calendar ends."""
    day, left = begun, days
    while left > 0:
        day += DAY
        if day not in working:
            return None
        stands_still = any(since < day <= until for since, until in pauses)
        if working[day] and not stands_still:
            left -= 1
    return day


def read(words: str) -> date:
    year, month, day = re.fullmatch(r"(\d+)年(\d+)月(\d+)日", words).groups()  # type: ignore[union-attr]
    return date(int(year), int(month), int(day))


def listed(text: str) -> int:
    """How many days a list of spans names: 春节（2月15日至2月23日）、周末3天."""
    total = 0
    for months in re.finditer(r"（(\d+)月(\d+)日(?:至(\d+)月(\d+)日)?）", text):
        a, b, c, d = (int(part) if part else 0 for part in months.groups())
        first = date(2026, a, b)
        last = date(2026 + ((c, d) < (a, b)), c, d) if c else first
        total += (last - first).days + 1
    return total + sum(int(found) for found in re.findall(r"周末(\d+)天", text))


def part(sentence: str, head: str) -> str:
    found = re.search(rf"{head}([^；。]*)", sentence)
    return found.group(1) if found else ""


class Drill:
    """The office with its calendar, the wall calendar beside it, and what differs between the two."""

    def __init__(self, office: World) -> None:
        self.office, self.dice = office, random.Random(SEED)
        self.working = dict(read_calendar(office.session).days)
        self.clerk: Actor = office.actor("clerk", ("community_clerk", office.here))
        self.differences: list[str] = []
        self.season = date(2026, 1, 5)
        self.compared = self.changes = self.without_date = self.with_pause = self.moved = 0

    def moment(self, day: date) -> datetime:
        return datetime.combine(day, time(9 + self.dice.randrange(8), self.dice.randrange(60)), CHINA)

    def plan(self, life: Life) -> list[tuple[datetime, str, Life]]:
        """When it begins, when it waits for the resident and when it goes on."""
        at = self.moment(self.season + timedelta(days=self.dice.randrange(40)))
        found = [(at, "begin", life)]
        for _pause in range(self.dice.choice((0, 0, 1, 1, 2, 3))):
            for step, most in (("wait", 9), ("resume", 20)):
                # Now and then the same day, but always later.
                at = max(
                    self.moment(clock.local_day(at) + timedelta(days=self.dice.randrange(most))),
                    at + timedelta(minutes=1),
                )
                found.append((at, step, life))
        return [one for one in found if clock.local_day(one[0]) <= date(2026, 12, 31)]

    def batch(self, size: int) -> None:
        session, events = self.office.session, []
        # The lives of a batch lie close together and the changes of the calendar among them, so that many are hit.
        self.season = date(2026, 1, 5) + timedelta(days=self.dice.randrange(325))
        for _life in range(size):
            content = Content(kind="content", title="时限试验")
            with at_time(datetime(2026, 1, 2, 9, tzinfo=CHINA)):
                engine.create(session, content, self.clerk, type_id="sample_clock", place=self.office.here)
            days = self.dice.randint(1, 30)
            events += self.plan(Life(content, days, self.dice.choice((None, days + self.dice.randint(-3, 30)))))
        lives = list({id(life): life for _at, _step, life in events}.values())
        for _change in range(self.dice.randint(1, 4)):
            day = self.season + timedelta(days=self.dice.randrange(60))
            events.append((self.moment(min(day, date(2026, 12, 31))), "calendar", lives[0]))
        at = datetime(2026, 1, 2, 9, tzinfo=CHINA)
        for at, step, life in sorted(events, key=lambda one: one[0]):
            if step == "calendar":
                self.decree(at)
                for each in lives:
                    self.compare(each, at)
                continue
            LIMITS["days"], LIMITS["legal"] = life.days, max(life.legal, 1) if life.legal else None  # type: ignore[assignment]
            with at_time(at):
                engine.fire(life.content, step, self.clerk)
            session.commit()
            self.note(life, step, clock.local_day(at))
            self.compare(life, at)
        for life in lives:
            with at_time(max(at, datetime(2027, 1, 1, 9, tzinfo=CHINA))):
                if life.content.state == "waiting":
                    engine.fire(life.content, "resume", self.clerk)
                engine.fire(life.content, "finish", self.clerk)
        self.with_pause += sum(bool(life.pauses) for life in lives)
        session.commit()

    def note(self, life: Life, step: str, day: date) -> None:
        if step == "begin":
            life.begun = day
        elif step == "wait":
            life.pauses.append((day, None))
        else:
            life.pauses[-1] = (life.pauses[-1][0], day)

    def decree(self, at: datetime) -> None:
        """Some days become days off or working days; the workers reckon everything open anew."""
        around = [day for day in sorted(self.working) if -15 <= (day - clock.local_day(at)).days <= 45]
        chosen = [self.dice.choice(around) for _day in range(self.dice.randint(1, 4))]
        days = [(day, not self.working[day], self.dice.choice(("台风停工", ""))) for day in dict.fromkeys(chosen)]
        self.save(at, days)

    def enter(self, year: int) -> None:
        """The holidays of a further year are published: until then nobody could say a date in it."""
        days = []
        for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days):
            day = date(year, 1, 1) + timedelta(days=n)
            off = day.weekday() >= 5 or n < 3 or 37 <= n <= 44
            days.append((day, not off or n in (36, 51), "元旦" if n < 3 else "春节" if 37 <= n <= 44 else ""))
        self.save(datetime(2026, 1, 3, 9, tzinfo=CHINA), days, first=True)

    def save(self, at: datetime, days: list[tuple[date, bool, str]], *, first: bool = False) -> None:
        with at_time(at):
            made = change(self.office.session, self.clerk.person_id, *days, first=first)
            clock.forget_calendar()
            self.working |= {day: works for day, works, _name in days}
            work(self.office.session, deadlines.RECOMPUTE)
            self.office.session.refresh(made)
            self.moved += made.moved
        self.changes += 1

    def compare(self, life: Life, at: datetime) -> None:
        session, content = self.office.session, life.content
        if life.begun is None:
            return
        session.refresh(content)
        run = clock.current(session, content, "handle")
        assert run is not None
        ended = [(since, until) for since, until in life.pauses if until is not None]
        by_hand = count(self.working, life.begun, life.days, ended)
        legal_days = max(life.legal, 1) if life.legal else None
        legal = count(self.working, life.begun, legal_days, ended) if legal_days else None
        life.promised = life.promised or by_hand
        self.compared += 1
        self.without_date += by_hand is None
        self.same(life, "due", run.due_on, by_hand)
        self.same(life, "legal", run.legal_due_on, legal)
        self.same(life, "promised", run.promised_on, life.promised)
        if content.state == "running":
            known = [day for day in (by_hand, legal) if day is not None]
            self.same(life, "deadline", content.deadline, clock.end_of(min(known)) if known else None)
        today = clock.local_day(at)
        with at_time(at):
            told = clock.explain(session, content, library.of(content, session))["sentences"][0]
        so_far = [(since, until or max(today, since)) for since, until in life.pauses]
        shown = count(self.working, life.begun, life.days, so_far)
        if shown is None:
            self.same(life, "no date", "年工作日历尚未录入" in told, True)
        else:
            self.sentence(life, told, shown, so_far)

    def sentence(self, life: Life, told: str, shown: date, pauses: list[tuple[date, date]]) -> None:
        """What the sentence says is the date, and the days it names add up to it."""
        head = re.match(r"(\S+?日)受理，当日不计，算(\d+)个工作日，到(\d+年\d+月\d+日)为止", told)
        if head is None:
            self.differences.append(f"unreadable: {told}")
            return
        assert life.begun is not None
        self.same(life, "said", (read(head[1]), int(head[2]), read(head[3])), (life.begun, life.days, shown))
        own, back = told.split("法定时限")[0], re.search(r"暂停退还(\d+)个工作日", told)
        left_out = listed(part(own, "不计：")) + (int(back[1]) if back else 0)
        self.same(life, "days named", left_out + life.days, (shown - life.begun).days)
        counted = [life.begun + timedelta(days=n) for n in range(1, (shown - life.begun).days + 1)]
        weekend = sum(
            self.working[day] and day.weekday() >= 5 and not any(a < day <= b for a, b in pauses) for day in counted
        )
        self.same(life, "made up", listed(part(own, "计入调休上班日：")), weekend)

    def same(self, life: Life, what: str, found: object, expected: object) -> None:
        if found != expected:
            self.differences.append(f"{what}: {found} ≠ {expected} ({life})")


@pytest.mark.timeout(max(300, LIVES * 3))
def test_promised_dates_are_those_of_a_count_by_hand(office: World) -> None:
    before = dict(LIMITS)
    drill = Drill(office)
    try:
        for number in range(0, LIVES, AT_ONCE):
            if number <= LIVES // 2 < number + AT_ONCE:
                drill.enter(2027)
            drill.batch(min(AT_ONCE, LIVES - number))
    finally:
        LIMITS.update(before)
    print(
        f"{LIVES} lives (seed {SEED}), {drill.with_pause} with pauses, {drill.changes} changes of the calendar that moved "
        f"{drill.moved} dates, {drill.compared} comparisons, {drill.without_date} without a calendar, "
        f"{len(drill.differences)} differences"
    )
    assert drill.differences[:5] == []
