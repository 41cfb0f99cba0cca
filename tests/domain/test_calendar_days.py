"""Working days against a count made day by day, and against dates an office would work out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalogue.calendars import work_calendar
from process.calendar_days import CalendarMissing, Pause, WorkCalendar

CALENDAR = work_calendar()
FOLDER = Path(__file__).parents[2] / "catalogue" / "calendar"
days = st.dates(date(2025, 1, 1), date(2026, 9, 1))


def plain_working_days() -> set[date]:
    """The same calendar read the slow way, without the product's code."""
    working: set[date] = set()
    for year in (2025, 2026):
        entries = yaml.safe_load((FOLDER / f"{year}.yaml").read_text(encoding="utf-8"))
        day = date(year, 1, 1)
        while day.year == year:
            if day in entries["working_weekends"] or (day.isoweekday() < 6 and day not in entries["holidays"]):
                working.add(day)
            day += timedelta(days=1)
    return working


WORKING = plain_working_days()


def test_years_are_as_announced() -> None:
    assert set(CALENDAR.years) >= {2025, 2026}
    # The published arrangements of both years come to 248 working days each.
    assert sum(d.year == 2025 for d in WORKING) == 248
    assert sum(d.year == 2026 for d in WORKING) == 248


@pytest.mark.parametrize(
    ("start", "n", "due"),
    [
        (date(2026, 11, 20), 1, date(2026, 11, 23)),
        (date(2026, 11, 21), 1, date(2026, 11, 23)),
        (date(2026, 11, 22), 5, date(2026, 11, 27)),
        (date(2026, 9, 30), 1, date(2026, 10, 8)),
        (date(2026, 9, 30), 3, date(2026, 10, 10)),
        (date(2026, 2, 13), 1, date(2026, 2, 14)),
        (date(2026, 2, 13), 2, date(2026, 2, 24)),
        (date(2026, 11, 20), 0, date(2026, 11, 20)),
    ],
)
def test_dates_worked_out_by_hand(start: date, n: int, due: date) -> None:
    assert CALENDAR.add_working_days(start, n) == due


@given(days, st.integers(1, 60))
def test_same_as_counting_day_by_day(start: date, n: int) -> None:
    later = sorted(d for d in WORKING if d > start)
    assert CALENDAR.add_working_days(start, n) == later[n - 1]


@given(days, st.integers(0, 60))
def test_between_undoes_adding(start: date, n: int) -> None:
    due = CALENDAR.add_working_days(start, n)
    assert CALENDAR.working_days_between(start, due) == n
    assert CALENDAR.working_days_between(due, start) == -n


@given(days, st.integers(1, 40), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=4))
def test_paused_days_are_given_back(start: date, n: int, spans: list[tuple[int, int]]) -> None:
    pauses = [
        Pause(start + timedelta(a), start + timedelta(a + length), f"补正{i}") for i, (a, length) in enumerate(spans)
    ]
    explained = CALENDAR.explain(start, n, pauses)
    still = {p.start + timedelta(k) for p in pauses for k in range(1, (p.end - p.start).days + 1)}
    counted = sorted(d for d in WORKING if d > start and d not in still)
    assert explained.due == counted[n - 1]
    walked = {start + timedelta(k) for k in range(1, (explained.due - start).days + 1)}
    accounted = {d for d, _ in explained.skipped} | {d for d, _ in explained.paused}
    assert len(walked - accounted) == n
    assert explained.given_back == len(walked & still & WORKING)


def test_explanation_reads_as_a_clerk_would_say_it() -> None:
    said = CALENDAR.explain(date(2026, 9, 24), 8, [Pause(date(2026, 10, 8), date(2026, 10, 9), "等待补正材料")])
    assert said.due == date(2026, 10, 14)
    assert said.sentence == (
        "2026年9月24日受理，当日不计，算8个工作日，到2026年10月14日为止；"
        "不计：中秋节（9月25日至9月27日）、国庆节（10月1日至10月7日）、周末1天；"
        "计入调休上班日：国庆节调休（10月10日）；"
        "暂停退还1个工作日：等待补正材料（10月9日）。"
    )


def test_open_pause_moves_the_date_with_today() -> None:
    waiting = [Pause(date(2026, 11, 3), None, "等待补正材料")]
    early = CALENDAR.explain(date(2026, 11, 2), 5, waiting, today=date(2026, 11, 4))
    late = CALENDAR.explain(date(2026, 11, 2), 5, waiting, today=date(2026, 11, 6))
    assert (late.due - early.due).days == 2 and late.still_paused
    assert "仍在暂停" in late.sentence
    with pytest.raises(ValueError, match="当天日期"):
        CALENDAR.explain(date(2026, 11, 2), 5, waiting)


def test_year_without_calendar_is_said_not_guessed() -> None:
    with pytest.raises(CalendarMissing, match="2027年工作日历尚未录入") as missing:
        CALENDAR.add_working_days(date(2026, 12, 28), 20)
    assert missing.value.year == 2027
    assert CALENDAR.add_working_days_or_none(date(2026, 12, 28), 20) is None
    assert CALENDAR.add_working_days_or_none(date(2026, 12, 28), 3) == date(2026, 12, 31)


def test_days_left_counts_down_to_zero_and_below() -> None:
    due = date(2026, 11, 25)
    assert [CALENDAR.working_days_between(date(2026, 11, d), due) for d in (20, 23, 25, 26)] == [3, 2, 0, -1]


def test_entered_days_win_over_the_week() -> None:
    typhoon = date(2026, 7, 14)
    calendar = WorkCalendar({typhoon: False}, {2026}, {typhoon: "台风停工"})
    assert calendar.add_working_days(date(2026, 7, 13), 1) == date(2026, 7, 15)
    assert calendar.reason(typhoon) == "台风停工"
    with pytest.raises(ValueError, match="负数"):
        calendar.add_working_days(typhoon, -1)
    with pytest.raises(ValueError, match="早于"):
        Pause(typhoon, date(2026, 7, 1), "x")
