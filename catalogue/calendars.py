"""The shipped holiday years; an administrator's own entries are laid over them."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType

import yaml

from process.calendar_days import WorkCalendar

FOLDER = Path(__file__).parent / "calendar"


class CalendarFileError(ValueError):
    """A calendar file contradicts itself; the text names file and date."""


@cache
def work_calendar() -> WorkCalendar:
    """The calendar of every year that has a file."""
    days: dict[date, bool] = {}
    names: dict[date, str] = {}
    years: set[int] = set()
    for path in sorted(FOLDER.glob("[0-9][0-9][0-9][0-9].yaml")):
        years.add(_read_year(path, days, names))
    return WorkCalendar(MappingProxyType(days), frozenset(years), MappingProxyType(names))


def _read_year(path: Path, days: dict[date, bool], names: dict[date, str]) -> int:
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    year = entries["year"]
    if str(year) != path.stem:
        raise CalendarFileError(f"{path.name}: year is {year}, the file name says {path.stem}")
    for key, works in (("holidays", False), ("working_weekends", True)):
        for day, name in entries[key].items():
            if day.year != year or day in days:
                raise CalendarFileError(f"{path.name}: {key}: {day} is outside {year} or given twice")
            if works and day.weekday() < 5:
                raise CalendarFileError(f"{path.name}: {key}: {day} is no weekend day")
            days[day], names[day] = works, name
    return year
