"""The State Council's notice (放假安排) as a year of days: pasted as it was published, or filled in festival by festival."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from process.calendar_days import say
from process.inputs import clean_text
from services.calendars import LONGEST_NAME, Day, Plan, Wrong, WrongPlan, check

FESTIVALS = ("元旦", "春节", "清明节", "劳动节", "端午节", "中秋节", "国庆节")
MOST_ROWS, LONGEST_TEXT, LONGEST_BREAK = 14, 6_000, 31
_BRACKETS = re.compile(r"（[^（）]*）|\([^()]*\)")
_HEAD = re.compile(r"^\s*(?:[一二三四五六七八九十]+\s*[、.．]|\d+\s*[、.．])?\s*([^\s:：。，,]{1,40})\s*[:：](.*)$")
_DAY = re.compile(r"(?:(\d{4})\s*[年/.-]\s*)?(?:(\d{1,2})\s*[月/.-]\s*)?(\d{1,2})\s*日?")
_ONE = re.compile(r"(?:(\d{4})年)?(?:(\d{1,2})月)?(\d{1,2})日")
_RANGE = re.compile(
    r"((?:\d{4}年)?(?:\d{1,2}月)?\d{1,2}日)\s*(?:至|到|[-–—~～])\s*((?:\d{4}年)?(?:\d{1,2}月)?\d{1,2}日)"
)


@dataclass(frozen=True)
class Row:
    """One festival as the form shows it; texts as typed, so that a mistake stays to be mended."""

    name: str = ""
    first: str = ""
    last: str = ""
    made_up: str = ""

    @property
    def empty(self) -> bool:
        return not (self.first or self.last or self.made_up)


def blank() -> list[Row]:
    """The seven festivals of every year, and room for more."""
    return [*(Row(name) for name in FESTIVALS), Row(), Row(), Row()]


def read_text(year: int, text: str) -> tuple[list[Row], list[str]]:
    """The rows of a pasted notice, and what the reader left out and why. Nothing is guessed: what is not understood is named."""
    rows: list[Row] = []
    notes: list[str] = []
    faults: list[Wrong] = []
    if len(text) > LONGEST_TEXT:
        raise WrongPlan(
            [Wrong("通知原文", f"有 {len(text)} 个字，最多 {LONGEST_TEXT} 个字。请只粘贴各节日放假安排的几段。")]
        )
    for number, line in enumerate(text.splitlines(), 1):
        plain = _bare(line)
        head = _HEAD.match(plain)
        if head is None or not _ONE.search(plain):
            if "放假" in plain and _ONE.search(plain):
                faults.append(
                    Wrong(f"第 {number} 行", "有放假日期，但看不出是哪个节日。请写成“元旦：1月1日至3日放假。”")
                )
            continue
        name, rest = head.group(1), head.group(2)
        try:
            off, worked = _sentences(year, rest)
        except ValueError as error:
            faults.append(Wrong(f"第 {number} 行（{name}）", f"{error}请核对这一行的日期。"))
            continue
        outside = sorted(day for day in {*off, *worked} if day.year != year)
        if outside:
            days = "、".join(map(say, outside))
            notes.append(f"{name}的 {days} 不在 {year} 年，没有读入，请到那一年的日历里核对。")
        off = [day for day in off if day.year == year]
        worked = [day for day in worked if day.year == year]
        for first, last in _spans(off) or ([] if not worked else [(None, None)]):
            rows.append(Row(name, _iso(first), _iso(last), _join(worked)))
            worked = []
    if faults:
        raise WrongPlan(faults)
    if not rows:
        raise WrongPlan(
            [
                Wrong(
                    "通知原文",
                    "没有读到放假日期。请粘贴“一、元旦：1月1日至3日放假……”这样的几段，或直接在下面逐行填写。",
                )
            ]
        )
    return rows, notes


def _sentences(year: int, text: str) -> tuple[list[date], list[date]]:
    off: list[date] = []
    worked: list[date] = []
    for sentence in re.split(r"[。；;]", text):
        if "上班" in sentence:
            worked += [day for day, _ in _dates(year, sentence)]
        elif "放假" in sentence or "休息" in sentence or "补休" in sentence:
            off += _off(year, sentence)
    return off, worked


def _off(year: int, sentence: str) -> list[date]:
    found: list[date] = []
    for match in _RANGE.finditer(sentence):
        first, month = _date(year, None, match.group(1))
        last, _ = _date(first.year, month, match.group(2))
        if last < first:
            raise ValueError(f"{match.group(0)}的结束早于开始。")
        if (last - first).days >= LONGEST_BREAK:
            raise ValueError(f"{match.group(0)}超过 {LONGEST_BREAK} 天。")
        found += [first + timedelta(days=n) for n in range((last - first).days + 1)]
    rest = _RANGE.sub("", sentence)
    return sorted({*found, *(day for day, _ in _dates(year, rest))})


def _dates(year: int, text: str) -> list[tuple[date, int]]:
    found: list[tuple[date, int]] = []
    month: int | None = None
    for match in _ONE.finditer(text):
        day, month = _date(year, month, match.group(0))
        found.append((day, month))
    return found


def _date(year: int, month: int | None, text: str) -> tuple[date, int]:
    match = _ONE.fullmatch(text)
    assert match is not None
    own_year, own_month, own_day = match.groups()
    number = int(own_month) if own_month else month
    if number is None:
        raise ValueError(f"“{text}”没有写月份。")
    try:
        return date(int(own_year) if own_year else year, number, int(own_day)), number
    except ValueError:
        raise ValueError(f"没有“{text}”这一天。") from None


def read_rows(year: int, rows: Sequence[Mapping[str, str]]) -> tuple[Plan, list[Row]]:
    """The year that the rows of the form describe. Every fault is named with its row and column."""
    kept = [Row(*(_text(row.get(key, "")) for key in ("name", "first", "last", "made_up"))) for row in rows[:MOST_ROWS]]
    plan: Plan = {}
    where: dict[date, str] = {}
    faults: list[Wrong] = []

    def put(day: date, entry: Day, place: str) -> None:
        if day in where:
            faults.append(Wrong(place, f"{day.month}月{day.day}日在{where[day]}已经填过。一天只能填一次，请删去一处。"))
            return
        plan[day], where[day] = entry, place

    for number, row in enumerate(kept, 1):
        if row.empty:
            continue
        place = f"第 {number} 行“{row.name or '没有名称'}”"
        if not row.name:
            faults.append(Wrong(f"第 {number} 行，名称", "没有填。请写节日或放假的名称，例如“元旦”。"))
        elif len(row.name) > LONGEST_NAME - 2:
            faults.append(Wrong(f"第 {number} 行，名称", f"最多 {LONGEST_NAME - 2} 个字。"))
        for day in _break(row, place, faults):
            put(day, Day(False, row.name), place)
        for day in _made_up(year, row, place, faults):
            put(day, Day(True, f"{row.name}调休"), f"{place}，调休上班日")
    if not faults:
        try:
            check(year, plan, where)
        except WrongPlan as wrong:
            faults = wrong.faults
    if not faults and not plan:
        faults = [Wrong("放假安排", "一行也没有填。请至少填一个节日的起止日期，或粘贴通知原文。")]
    if faults:
        raise WrongPlan(faults)
    return plan, kept


def _break(row: Row, place: str, faults: list[Wrong]) -> list[date]:
    if not (row.first or row.last):
        return []
    first, last = _typed(row.first or row.last), _typed(row.last or row.first)
    for text, found, column in ((row.first, first, "第一天"), (row.last, last, "最后一天")):
        if text and found is None:
            faults.append(Wrong(f"{place}，{column}", f"“{text[:20]}”不是日期。请写成 2027-01-01 的样子。"))
    if first is None or last is None:
        return []
    if last < first:
        faults.append(
            Wrong(f"{place}，最后一天", f"{last.isoformat()} 早于第一天 {first.isoformat()}。请把两个日期对调或改正。")
        )
        return []
    if (last - first).days >= LONGEST_BREAK:
        faults.append(
            Wrong(
                f"{place}，最后一天",
                f"这一段有 {(last - first).days + 1} 天，最多 {LONGEST_BREAK} 天。请核对年份和月份。",
            )
        )
        return []
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _made_up(year: int, row: Row, place: str, faults: list[Wrong]) -> list[date]:
    found = []
    for piece in re.split(r"[、，,；;\s]+", row.made_up):
        if not piece:
            continue
        match = _DAY.fullmatch(piece)
        try:
            if match is None or match.group(2) is None:
                raise ValueError
            found.append(date(int(match.group(1) or year), int(match.group(2)), int(match.group(3))))
        except ValueError:
            faults.append(
                Wrong(
                    f"{place}，调休上班日",
                    f"“{piece[:20]}”不是日期。请写成“1月4日”或“{year}-01-04”，几天之间用顿号隔开。",
                )
            )
    return found


def _typed(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    if match is None or match.group(1) is None or match.group(2) is None:
        return None
    try:
        return date(int(match.group(1)), int(match.group(2)), int(match.group(3)))
    except ValueError:
        return None


def rows_of(plan: Mapping[date, Day]) -> list[Row]:
    """The rows of the form that describe a plan."""
    rows = []
    off: dict[str, list[date]] = {}
    worked: dict[str, list[date]] = {}
    for day, entry in sorted(plan.items()):
        if entry.working and entry.name:
            worked.setdefault(entry.name.removesuffix("调休"), []).append(day)
        elif entry.name:
            off.setdefault(entry.name, []).append(day)
    for name, days in off.items():
        for first, last in _spans(days):
            rows.append(Row(name, _iso(first), _iso(last), _join(worked.pop(name, []))))
    # A make-up day may be called after one of two festivals that share a break.
    return [*rows, *(Row(name, made_up=_join(days)) for name, days in worked.items())]


def _spans(days: Sequence[date]) -> list[tuple[date | None, date | None]]:
    spans: list[tuple[date | None, date | None]] = []
    for day in sorted(set(days)):
        if spans and spans[-1][1] is not None and day - spans[-1][1] == timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans


def _bare(line: str) -> str:
    """Without what stands in brackets (weekday, lunar date), also one inside another."""
    before = None
    while before != line:
        before, line = line, _BRACKETS.sub("", line)
    return line


def _text(value: str) -> str:
    try:
        return clean_text(value, 200)
    except ValueError:
        return clean_text(str(value)[:60].encode("utf-8", "replace").decode(), 200)


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def _join(days: Sequence[date]) -> str:
    return "、".join(f"{day.month}月{day.day}日" for day in days)
