"""The days of a deadline as a picture: a week a row, each day with a word or sign for what it is, never by colour alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from html import escape

from process import day_words, svg
from process.calendar_days import CalendarMissing, Explanation, WorkCalendar, say

INK, SECOND, LINE = "#1F2328", "#57606A", "#D8DEE4"
# kind -> ground, edge, ink
LOOK = {
    "start": ("#FFFFFF", "#848D97", INK),
    "worked": ("#E6F0FA", "#0B5CAD", INK),
    "made_up": ("#E6F0FA", "#0B5CAD", INK),
    "weekend": ("#F6F7F9", "#D8DEE4", SECOND),
    "holiday": ("#FBEDED", "#B5121B", INK),
    "paused": ("#FFF8E5", "#9A6700", INK),
    "due": ("#0B5CAD", "#0B5CAD", "#FFFFFF"),
    "legal": ("#FFFFFF", "#B5121B", INK),
    "beyond": ("#FFFFFF", "#D8DEE4", SECOND),
}
WORDS = {
    "zh": {
        "start": "起", "worked": "", "made_up": "班", "weekend": "", "holiday": "休", "paused": "停", "due": "到期",
        "legal": "法定", "beyond": "", "today": "今",
    },
    "en": {
        "start": "from", "worked": "", "made_up": "work", "weekend": "", "holiday": "off", "paused": "wait", "due": "due",
        "legal": "law", "beyond": "", "today": "now",
    },
}  # fmt: skip
WEEK = {"zh": "一二三四五六日", "en": ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")}
LEFT, CELL, HIGH, GAP, TOP = 46.0, 40.0, 38.0, 3.0, 26.0
# A longer way is drawn from its first and its last weeks, with the number of weeks between.
MOST_WEEKS, KEPT = 14, 6


@dataclass(frozen=True)
class Strip:
    """What is drawn: an explained date, the law's date, and where in it today is."""

    explained: Explanation
    calendar: WorkCalendar
    legal: date | None = None
    today: date | None = None
    stopped: bool = False
    title: str = ""


def kinds(strip: Strip) -> dict[date, str]:
    """What every day from the start to the end of the picture is."""
    found = strip.explained
    last = max(found.due, strip.legal) if strip.legal else found.due
    if strip.today is not None and found.due < strip.today <= found.due + timedelta(days=60):
        last = max(last, strip.today)
    named: dict[date, str] = {}
    for day, _ in found.skipped:
        named[day] = _rest(strip.calendar, day)
    named |= {day: "made_up" for day, _ in found.made_up}
    named |= {day: "paused" for day, _ in found.paused}
    answer: dict[date, str] = {}
    day = found.start
    while day <= last:
        if day == found.start:
            answer[day] = "start"
        elif day == found.due:
            answer[day] = "due"
        elif strip.legal is not None and day == strip.legal:
            answer[day] = "legal"
        elif day > found.due:
            answer[day] = _rest(strip.calendar, day) if _rests(strip.calendar, day) else "beyond"
        else:
            answer[day] = named.get(day, "worked")
        day += timedelta(days=1)
    return answer


def _rests(calendar: WorkCalendar, day: date) -> bool:
    try:
        return not calendar.is_working_day(day)
    except CalendarMissing:
        return day.weekday() >= 5


def _rest(calendar: WorkCalendar, day: date) -> str:
    return "holiday" if calendar.names.get(day) or day.weekday() < 5 else "weekend"


def draw(strip: Strip, locale: str = "zh_Hans_CN") -> str:
    """SVG of at most 330 units across, so that a phone shows it without making it smaller; read aloud it is the sentence."""
    language = "en" if locale.startswith("en") else "zh"
    days = kinds(strip)
    first, last = min(days), max(days)
    monday = first - timedelta(days=first.weekday())
    weeks = [monday + timedelta(days=7 * n) for n in range((last - monday).days // 7 + 1)]
    cut = len(weeks) - 2 * KEPT if len(weeks) > MOST_WEEKS else 0
    shown: list[date | None] = [*weeks[:KEPT], None, *weeks[-KEPT:]] if cut else list(weeks)
    width = LEFT + 7 * CELL
    parts = [
        svg.text([word], LEFT + i * CELL + CELL / 2, TOP / 2, size=11.0, fill=SECOND, class_="strip__week")
        for i, word in enumerate(WEEK[language])
    ]
    y, month = TOP, 0
    for week in shown:
        if week is None:
            words = f"… {cut} weeks …" if language == "en" else f"……中间{cut}周……"
            parts.append(svg.text([words], LEFT + 3.5 * CELL, y + 11, size=11.0, fill=SECOND))
            y += 24
            month = 0
            continue
        here = [week + timedelta(days=i) for i in range(7) if week + timedelta(days=i) in days]
        if here and here[-1].month != month:
            month = here[-1].month
            name = day_words.MONTHS[month - 1] if language == "en" else f"{month}月"
            parts.append(svg.text([name], LEFT - 6, y + HIGH / 2, size=12.0, fill=INK, anchor="end"))
        parts += [_cell(strip, day, days[day], LEFT + day.weekday() * CELL, y, language) for day in here]
        y += HIGH + GAP
    label = escape(strip.title)
    return svg.tag(
        "svg",
        svg.tag("title", label or "-") + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width + 2:.0f} {y + 2:.0f}",
        width=f"{width + 2:.0f}",
        height=f"{y + 2:.0f}",
        role="img",
        class_="strip",
        font_family=svg.FONT,
    )


def _cell(strip: Strip, day: date, kind: str, x: float, y: float, language: str) -> str:
    ground, edge, ink = LOOK[kind]
    words = WORDS[language]
    spot = "today" if day == strip.today and not strip.stopped else ""
    word = words[kind]
    heavy = kind in ("due", "legal") or bool(spot)
    parts = [
        svg.tag(
            "rect",
            x=x + GAP / 2,
            y=y,
            width=CELL - GAP,
            height=HIGH,
            rx=4.0,
            fill=ground,
            stroke=edge,
            stroke_width=2 if heavy else 1,
            stroke_dasharray="4 3" if kind in ("paused", "legal") else None,
        )
    ]
    middle = x + CELL / 2
    tall = bool(word)
    parts.append(
        svg.text(
            [str(day.day)], middle, y + (12 if tall else HIGH / 2), size=13.0, fill=ink, weight="600" if heavy else None
        )
    )
    if word:
        parts.append(svg.text([word], middle, y + 28, size=11.0, fill=ink))
    if spot:
        # A ring of its own, because the day under it keeps its word.
        parts.append(
            svg.tag("circle", cx=x + CELL - GAP - 5, cy=y + 6, r=5.0, fill="#1A7F37", stroke="#FFFFFF", stroke_width=1)
        )
    return svg.tag("g", svg.tag("title", escape(_said(strip, day, kind, spot, language))) + "".join(parts))


SAID = {
    "zh": {
        "start": "这天起算，当日不计", "worked": "计入", "made_up": "调休上班，计入", "weekend": "周末，不计",
        "holiday": "放假，不计", "paused": "暂停，不计", "due": "到期", "legal": "法定期限", "beyond": "期限之后", "today": "今天",
    },
    "en": {
        "start": "counted from here, not itself", "worked": "counted", "made_up": "make-up working day, counted",
        "weekend": "weekend, not counted", "holiday": "day off, not counted", "paused": "paused, not counted", "due": "due",
        "legal": "limit of the law", "beyond": "after the date", "today": "today",
    },
}  # fmt: skip


def _said(strip: Strip, day: date, kind: str, spot: str, language: str) -> str:
    what = SAID[language][kind]
    called = strip.calendar.names.get(day, "")
    if kind == "paused":
        called = next((why for d, why in strip.explained.paused if d == day), "")
    if called and language == "en":
        called = day_words.name(called)
    parts = [
        day_words.say(day) if language == "en" else say(day),
        what,
        called,
        SAID[language]["today"] if spot else "",
    ]
    return (", " if language == "en" else "，").join(part for part in parts if part)
