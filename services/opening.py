"""Opening hours by zone, noon and weekends included. They say when a door is open, never which days a deadline counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.opening import OpeningHour
from process import clock, journal
from process.access import Actor
from process.calendar_days import CalendarMissing
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput
from process.words import N_
from services import jurisdiction, unit_settings

ZONES: Mapping[str, str] = {
    "window": N_("综合受理窗口"),
    "assisted": N_("帮办区"),
    "self": N_("自助办理区"),
    "hall_24h": N_("24小时自助大厅"),
}
DAYS: Mapping[str, str] = {
    "work": N_("工作日"),
    "saturday": N_("星期六"),
    "sunday": N_("星期日"),
    "holiday": N_("节假日"),
}
# The hours of a hall until it has written its own.
USUAL = ((time(8, 30), time(12)), (time(13, 30), time(17, 30)))
ALL_DAY = ((time(0), time(23, 59)),)
NOON = (time(12), time(13))
END = time(23, 59)

Spans = Sequence[tuple[time, time]]


def kind_of(session: Session, day: date) -> str:
    """Working day, Saturday, Sunday or holiday; a year without a calendar is told, not guessed."""
    calendar = clock.calendar(session)
    if day.year not in calendar.years:
        raise CalendarMissing(day.year)
    if calendar.is_working_day(day):
        return "work"
    if day in calendar.days and calendar.names.get(day):
        return "holiday"
    return {5: "saturday", 6: "sunday"}.get(day.weekday(), "holiday")


def written(session: Session, place: Agency) -> dict[tuple[str, str], list[tuple[time, time]]]:
    """The hours as the office wrote them: by zone and kind of day."""
    found: dict[tuple[str, str], list[tuple[time, time]]] = {}
    for row in session.scalars(select(OpeningHour).where(OpeningHour.place_id == place.id).order_by(OpeningHour.opens)):
        found.setdefault((row.zone, row.days), []).append((row.opens, row.closes))
    return found


def hours(session: Session, place: Agency, zone: str, day: date) -> list[tuple[time, time]]:
    """From when to when a zone is open on a day; nothing where it is shut."""
    kind = kind_of(session, day)
    own = written(session, place)
    if own:
        return own.get((zone, kind), [])
    if zone == "hall_24h":
        return []
    return list(USUAL) if kind == "work" else []


def is_open(session: Session, place: Agency, zone: str, at: datetime) -> bool:
    local = at.astimezone(CHINA)
    return any(
        a <= local.time() < b or b == END for a, b in hours(session, place, zone, local.date()) if a <= local.time()
    )


def zones(session: Session, place: Agency) -> list[str]:
    """The zones for which hours are written; the windows always."""
    own = {zone for zone, _days in written(session, place)}
    return [zone for zone in ZONES if zone in own or zone == "window"]


def noon(session: Session, place: Agency) -> bool:
    """中午不关门: open between twelve and one on working days."""
    spans = written(session, place).get(("window", "work"), [])
    return any(a <= NOON[0] and b >= NOON[1] for a, b in spans)


def weekend(session: Session, place: Agency) -> bool:
    """周末值班: open on a Saturday or Sunday that is no working day."""
    own = written(session, place)
    return any(own.get(("window", day)) for day in ("saturday", "sunday"))


def in_words(spans: Spans) -> str:
    """08:30–12:00、13:30–17:30"""
    if list(spans) == list(ALL_DAY):
        return "全天"
    return "、".join(f"{a:%H:%M}–{'24:00' if b == END else format(b, '%H:%M')}" for a, b in spans)


def sentence(session: Session, place: Agency) -> str:
    """All hours of the windows in one line, for slips and notices; empty where nobody wrote any."""
    own = written(session, place)
    parts = [f"{title} {in_words(own[('window', day)])}" for day, title in DAYS.items() if own.get(("window", day))]
    return "；".join(parts)


def next_open_day(session: Session, place: Agency, after: date, zone: str = "window") -> date | None:
    """The next day on which this zone opens, as far as the calendar goes."""
    for ahead in range(1, 31):
        day = after + timedelta(days=ahead)
        try:
            if hours(session, place, zone, day):
                return day
        except CalendarMissing:
            return None
    return None


def may_keep(actor: Actor, place: Agency) -> bool:
    """Administrators, heads, and the lobby manager of the hall itself."""
    return (
        jurisdiction.of(actor).covers(place.path)
        or jurisdiction.of(actor).administers(place.path)
        or any(actor.holds(role, place.path) for role in ("lobby_manager", "station_head"))
    )


def require_keeper(actor: Actor, place: Agency) -> None:
    if not may_keep(actor, place):
        raise Forbidden(f"{place.name}的开放时间和窗口由大厅负责人、单位负责人或系统管理员维护，请联系他们。")


def set_hours(session: Session, actor: Actor, place: Agency, given: Mapping[str, Any]) -> None:
    """The hours of all zones at once, as typed: `window_work` = 08:30–12:00、13:30–17:30. An empty box is shut."""
    require_keeper(actor, place)
    errors: dict[str, str] = {}
    rows: list[OpeningHour] = []
    for zone in ZONES:
        for day in DAYS:
            name = f"{zone}_{day}"
            try:
                spans = read(str(given.get(name) or ""))
            except ValueError as problem:
                errors[name] = str(problem)
                continue
            rows += [
                OpeningHour(district=place.district, place_id=place.id, zone=zone, days=day, opens=opens, closes=closes)
                for opens, closes in spans
            ]
    if errors:
        raise InvalidInput("开放时间还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    if not any(row.zone == "window" and row.days == "work" for row in rows):
        raise InvalidInput(
            "综合受理窗口在工作日要写开放时间，例如 08:30–12:00、13:30–17:30。", {"window_work": "请写开放时间"}
        )
    session.execute(delete(OpeningHour).where(OpeningHour.place_id == place.id))
    session.add_all(rows)
    place.details = {**(place.details or {}), "zones": [ZONES[z] for z in ZONES if any(r.zone == z for r in rows)]}
    session.flush()
    place.details = {**place.details, "hours": sentence(session, place)}
    session.flush()
    journal.record(
        session,
        "hall:hours",
        actor,
        stream=f"agency:{place.id}",
        details={f"{row.zone}_{row.days}_{row.opens:%H:%M}": f"{row.closes:%H:%M}" for row in rows},
    )


def read(text: str) -> list[tuple[time, time]]:
    """Spans as people type them; ValueError with a sentence otherwise. 全天, 24小时 and all day are the whole day."""
    words = text.strip()
    if not words:
        return []
    if words.lower() in ("全天", "24小时", "24 小时", "all day"):
        return list(ALL_DAY)
    found = []
    rest = words
    for hit in unit_settings._SPAN.finditer(words):
        rest = rest.replace(hit.group(0), "", 1)
        a, b, c, d = (int(part) for part in hit.groups())
        if a > 23 or b > 59 or d > 59 or c > 24 or (c == 24 and d):
            raise ValueError(f"“{hit.group(0)}”不是钟点，请写成 08:30–12:00")
        opens, closes = time(a, b), END if c == 24 else time(c, d)
        if closes <= opens:
            raise ValueError(f"“{hit.group(0)}”的结束早于开始")
        found.append((opens, closes))
    if not found or rest.strip(" 、,，;；"):
        raise ValueError(f"“{words[:30]}”看不懂，请写成 08:30–12:00、13:30–17:30")
    found.sort()
    for (_, earlier), (later, _) in pairwise(found):
        if later < earlier:
            raise ValueError("两段时间有重叠，请合成一段")
    return found
