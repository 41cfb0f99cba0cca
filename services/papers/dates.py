"""Dates and numbers in the one form that stands on official papers."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")


def parse_date(value: date | datetime | str) -> date:
    """A date from what a form or a JSON field holds; an aware time counts as China Standard Time."""
    return _parse(value).date() if not _is_plain_date(value) else value  # type: ignore[return-value]


def parse_datetime(value: date | datetime | str) -> datetime:
    """A moment in China Standard Time; a naive one is taken to be local already."""
    if _is_plain_date(value):
        return datetime(value.year, value.month, value.day)  # type: ignore[union-attr]
    return _parse(value)


def official_date(value: date | datetime | str) -> str:
    """2026年3月5日: without leading zeros, as the national standard for official papers asks."""
    day = parse_date(value)
    return f"{day.year}年{day.month}月{day.day}日"


def official_datetime(value: date | datetime | str) -> str:
    """2026年3月5日 9:05."""
    moment = parse_datetime(value)
    return f"{official_date(moment)} {moment.hour}:{moment.minute:02d}"


def letter_number(prefix: str, year: int, number: int) -> str:
    """东新受〔2026〕15号: hexagonal brackets, no leading zeros, no 第."""
    if not prefix:
        raise ValueError("文号缺少机关代字")
    if number < 1:
        raise ValueError("文号的序号从 1 开始")
    return f"{prefix}〔{year:04d}〕{number}号"


def _is_plain_date(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _parse(value: date | datetime | str) -> datetime:
    moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise ValueError("不是日期")
    return moment.astimezone(CHINA) if moment.tzinfo else moment
