"""The explanation of a date in English, and the English names of what the calendar calls by Chinese ones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from process.calendar_days import MADE_UP, WEEKEND, Explanation

# Names come from the State Council's notices and from administrators; a name that is not here is shown as it was written.
NAMES = {
    "元旦": "New Year",
    "春节": "Spring Festival",
    "清明节": "Qingming",
    "劳动节": "Labour Day",
    "端午节": "Dragon Boat Festival",
    "中秋节": "Mid-Autumn Festival",
    "国庆节": "National Day",
    "国庆节、中秋节": "National Day and Mid-Autumn Festival",
    WEEKEND: "weekend",
    MADE_UP: "make-up working day",
    "放假": "day off",
    "工作日": "working day",
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

WEEK_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def name(text: str) -> str:
    if text in NAMES:
        return NAMES[text]
    if text.endswith("调休"):
        return f"make-up day for {NAMES.get(text.removesuffix('调休'), text.removesuffix('调休'))}"
    return text


def say(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def sentence(found: Explanation, event: str) -> str:
    """The same as `Explanation.sentence`, in English."""
    parts = [
        f"{event} on {say(found.start)}, which itself does not count; "
        f"{found.days} working {'day' if found.days == 1 else 'days'} end on {say(found.due)}."
    ]
    if found.skipped:
        parts.append("Not counted: " + ", ".join(_spans(found.skipped)) + ".")
    if found.made_up:
        parts.append("Counted although a weekend: " + ", ".join(_spans(found.made_up)) + ".")
    if found.paused:
        count = found.given_back
        given = f"{count} working {'day' if count == 1 else 'days'} given back for pauses"
        parts.append(f"{given}: " + ", ".join(_spans(found.paused)) + ".")
    if found.still_paused:
        parts.append("The clock stands still now; every working day moves the date by one day.")
    return " ".join(parts)


def _spans(days: Iterable[tuple[date, str]]) -> list[str]:
    weekend = 0
    runs: list[tuple[str, date, date]] = []
    for day, reason in days:
        if reason == WEEKEND:
            weekend += 1
        elif runs and runs[-1][0] == reason and day - runs[-1][2] == timedelta(days=1):
            runs[-1] = (reason, runs[-1][1], day)
        else:
            runs.append((reason, day, day))
    texts = [f"{name(reason)} ({_short(first, last)})" for reason, first, last in runs]
    if weekend:
        texts.append(f"{weekend} weekend {'day' if weekend == 1 else 'days'}")
    return texts


def _short(first: date, last: date) -> str:
    if first == last:
        return f"{first.day} {MONTHS[first.month - 1]}"
    if first.month == last.month:
        return f"{first.day}–{last.day} {MONTHS[last.month - 1]}"
    return f"{first.day} {MONTHS[first.month - 1]} – {last.day} {MONTHS[last.month - 1]}"
