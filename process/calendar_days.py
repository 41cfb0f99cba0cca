"""Counts working days the way offices do, and can say day by day why a deadline falls where it does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby

from process.refusals import RequirementUnmet

_DAY = timedelta(days=1)
WEEKEND = "周末"
MADE_UP = "调休上班"


class CalendarMissing(RequirementUnmet):
    """Nobody has entered that year's holidays yet, so a date in it would be a guess."""

    def __init__(self, year: int) -> None:
        self.year = year
        super().__init__(f"{year}年工作日历尚未录入，不能计算到{year}年的期限。请管理员录入{year}年的放假和调休安排。")


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which the office waits for somebody else; `end` is None while it still waits."""

    start: date
    end: date | None
    reason: str

    def __post_init__(self) -> None:
        if self.end is not None and self.end < self.start:
            raise ValueError(f"暂停的结束日期 {self.end} 早于开始日期 {self.start}。")

    def covers(self, day: date) -> bool:
        """The day it begins still counts, the day it ends does not: as with the day of acceptance."""
        return self.start < day and (self.end is None or day <= self.end)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A due date with every day that was left out of the count or put into it, and why."""

    start: date
    days: int
    due: date
    skipped: tuple[tuple[date, str], ...] = ()
    made_up: tuple[tuple[date, str], ...] = ()
    paused: tuple[tuple[date, str], ...] = ()
    still_paused: bool = False
    event: str = "受理"

    @property
    def given_back(self) -> int:
        """Working days that the pauses gave back to the office."""
        return len(self.paused)

    @property
    def sentence(self) -> str:
        parts = [f"{say(self.start)}{self.event}，当日不计，算{self.days}个工作日，到{say(self.due)}为止"]
        if self.skipped:
            parts.append("不计：" + "、".join(_spans(self.skipped)))
        if self.made_up:
            parts.append("计入调休上班日：" + "、".join(_spans(self.made_up)))
        if self.paused:
            parts.append(f"暂停退还{self.given_back}个工作日：" + "、".join(_spans(self.paused)))
        text = "；".join(parts) + "。"
        return text + "目前仍在暂停，期限每过一个工作日顺延一天。" if self.still_paused else text


@dataclass(frozen=True)
class WorkCalendar:
    """Weekends rest and weekdays work, except on the days entered for a year."""

    days: Mapping[date, bool]
    years: Collection[int]
    names: Mapping[date, str] = field(default_factory=dict)

    def is_working_day(self, day: date) -> bool:
        if day.year not in self.years:
            raise CalendarMissing(day.year)
        return self.days.get(day, day.weekday() < 5)

    def reason(self, day: date) -> str:
        """Why the day is what it is: a festival's name, a weekend, a made-up day, or a plain working day."""
        if self.is_working_day(day):
            return self.names.get(day, MADE_UP) if day.weekday() >= 5 else "工作日"
        return self.names.get(day) or (WEEKEND if day.weekday() >= 5 else "放假")

    def add_working_days(self, start: date, n: int) -> date:
        """The n-th working day after `start`, which itself never counts, working day or not."""
        return self.explain(start, n).due

    def add_working_days_or_none(self, start: date, n: int) -> date | None:
        """As above, but no date where a calendar is missing; the caller then shows a warning."""
        try:
            return self.add_working_days(start, n)
        except CalendarMissing:
            return None

    def working_days_between(self, start: date, end: date) -> int:
        """Working days after `start` up to and with `end`; negative when `end` lies before `start`."""
        if end < start:
            return -self.working_days_between(end, start)
        return sum(self.is_working_day(day) for day in _days_after(start, end))

    def explain(
        self,
        start: date,
        n: int,
        pauses: Iterable[Pause] = (),
        *,
        today: date | None = None,
        event: str = "受理",
    ) -> Explanation:
        """The due date and every reason for it; an open pause lasts until `today`, which it then needs."""
        if n < 0:
            raise ValueError(f"工作日数不能是负数：{n}。")
        closed, still_paused = _closed(pauses, today)
        skipped: list[tuple[date, str]] = []
        made_up: list[tuple[date, str]] = []
        paused: list[tuple[date, str]] = []
        day, left = start, n
        while left:
            day += _DAY
            if not self.is_working_day(day):
                skipped.append((day, self.reason(day)))
                continue
            pause = next((p for p in closed if p.covers(day)), None)
            if pause is not None:
                paused.append((day, pause.reason))
                continue
            left -= 1
            if day.weekday() >= 5:
                made_up.append((day, self.reason(day)))
        return Explanation(start, n, day, tuple(skipped), tuple(made_up), tuple(paused), still_paused, event)


def say(day: date) -> str:
    """A date as it stands on paper, without leading zeros."""
    return f"{day.year}年{day.month}月{day.day}日"


def _days_after(start: date, end: date) -> Iterable[date]:
    return (start + timedelta(days=i) for i in range(1, (end - start).days + 1))


def _closed(pauses: Iterable[Pause], today: date | None) -> tuple[list[Pause], bool]:
    closed, still_paused = [], False
    for pause in pauses:
        if pause.end is None:
            if today is None:
                raise ValueError(f"“{pause.reason}”还在暂停，计算期限时请给出当天日期。")
            still_paused = True
            pause = Pause(pause.start, max(today, pause.start), pause.reason)
        closed.append(pause)
    return closed, still_paused


def _spans(days: Iterable[tuple[date, str]]) -> list[str]:
    """Neighbouring days of one reason become one span; weekends are only counted, nobody reads forty dates."""
    texts: list[str] = []
    weekend_days = 0
    runs: list[list[date]] = []
    reasons: list[str] = []
    for reason, group in groupby(days, key=lambda pair: pair[1]):
        if reason == WEEKEND:
            weekend_days += len(list(group))
            continue
        for day, _ in group:
            if runs and reasons[-1] == reason and day - runs[-1][-1] == _DAY:
                runs[-1].append(day)
            else:
                runs.append([day])
                reasons.append(reason)
    for reason, run in zip(reasons, runs, strict=True):
        first, last = run[0], run[-1]
        until = f"至{last.month}月{last.day}日" if last != first else ""
        texts.append(f"{reason}（{first.month}月{first.day}日{until}）")
    if weekend_days:
        texts.append(f"周末{weekend_days}天")
    return texts
