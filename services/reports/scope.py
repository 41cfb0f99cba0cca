"""Whose figures somebody reads, for which period, and the pieces of SQL every report shares."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select, text
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from process import access
from process.access import Actor
from process.calendar_days import CalendarMissing
from process.clock import calendar, local_day
from process.refusals import Forbidden, InvalidInput
from process.relations import HEAD
from services.listing import begin_of

# These see counts and masked lines of everything at their place and below it; a head sees the counts of the unit.
READERS = ("statistician", "supervisor", HEAD)
PERIOD = re.compile(r"(\d{4})(?:H([12])|-(\d{2}))?")
FIRST_YEAR = 2015


@dataclass(frozen=True)
class Period:
    """A year, a half of it, or a month; `last` is its last day."""

    key: str
    year: int
    half: int | None
    month: int | None
    first: date
    last: date

    @property
    def begin(self) -> datetime:
        return begin_of(self.first)

    @property
    def end(self) -> datetime:
        return begin_of(self.last + timedelta(days=1))


def period_of(key: str, today: date) -> Period:
    """The period asked for; anything else is the half-year of today."""
    found = PERIOD.fullmatch(key.strip())
    if found is None or not FIRST_YEAR <= int(found[1]) <= today.year or (found[3] and not 1 <= int(found[3]) <= 12):
        found = PERIOD.fullmatch(f"{today.year}H{1 if today.month <= 6 else 2}")
    assert found is not None
    year, half, month = int(found[1]), int(found[2]) if found[2] else None, int(found[3]) if found[3] else None
    begins, ends = (month, month) if month else ((1, 6) if half == 1 else (7, 12) if half == 2 else (1, 12))
    after = date(year + 1, 1, 1) if ends == 12 else date(year, ends + 1, 1)
    return Period(found[0], year, half, month, date(year, begins, 1), after - timedelta(days=1))


def periods(today: date) -> list[str]:
    """What the page offers: this and the last three half-years, this and last year, the last six months."""
    year, half = today.year, 1 if today.month <= 6 else 2
    halves = []
    for _n in range(4):
        halves.append(f"{year}H{half}")
        year, half = (year, 1) if half == 2 else (year - 1, 2)
    months, at = [], today.replace(day=1)
    for _n in range(6):
        months.append(f"{at.year}-{at.month:02d}")
        at = (at - timedelta(days=1)).replace(day=1)
    return [*halves, str(today.year), str(today.year - 1), *months]


@dataclass(frozen=True)
class Scope:
    """The places whose figures are shown: those of the reader, or one of them that was chosen."""

    paths: tuple[str, ...]
    place: Agency | None = None

    def within(self, column: Any) -> ColumnElement[bool]:
        return or_(*(access.within(column, path) for path in self.paths))

    def holds(self, path: str) -> bool:
        return any(path.startswith(one) for one in self.paths)


def reads(actor: Actor) -> tuple[str, ...]:
    """Where this actor reads figures: by posts of their own and of those they stand in for, the highest only."""
    paths = sorted({held.path for held in actor.held if held.role in READERS})
    return tuple(path for path in paths if not any(path != other and path.startswith(other) for other in paths))


def scope_of(session: Session, actor: Actor, place_id: str = "") -> Scope:
    """Refuses whoever reads no figures, and a place that is not theirs."""
    paths = reads(actor)
    if not paths:
        raise Forbidden("统计由统计、督查和单位负责人查看。您的办件在“办件”和工作台里。")
    if not place_id:
        return Scope(paths)
    place = session.get(Agency, place_id[:60])
    if place is None or not any(place.path.startswith(path) for path in paths):
        raise InvalidInput("没有找到这个单位，或不在您的统计范围内，请从列表中选择。", {"place": "请从列表中选"})
    return Scope((place.path,), place)


def places(session: Session, actor: Actor) -> list[Agency]:
    """Streets and communities to choose from."""
    paths = reads(actor)
    if not paths:
        return []
    rows = session.scalars(
        select(Agency)
        .where(
            Agency.kind.in_(("district", "street", "town", "community", "village")),
            or_(*(access.within(Agency.path, path) for path in paths)),
        )
        .order_by(Agency.path)
        .limit(400)
    )
    return list(rows)


def agencies(session: Session) -> dict[str, Agency]:
    """The tree in one query; a city has some hundreds of units."""
    return {agency.id: agency for agency in session.scalars(select(Agency))}


# Spelt out, so that the partial indexes of cases serve it; by kind, for SQLite would rather take the index of types.
IS_CASE = text("content.kind = 'case'")
# A draft is nobody's work yet.
FILED = Content.state != "draft"


def filed_during(period: Period) -> ColumnElement[bool]:
    """Cases begun in the period, wherever."""
    return and_(IS_CASE, FILED, Content.created_at >= period.begin, Content.created_at < period.end)


def filed_in(scope: Scope, period: Period) -> ColumnElement[bool]:
    """Cases begun in the period at these places."""
    return and_(filed_during(period), scope.within(Content.place_path))


def china_day(session: Session, column: Any) -> ColumnElement[str]:
    """The day of a moment in China, as text, on either database."""
    if session.get_bind().dialect.name == "postgresql":
        return func.to_char(func.timezone(literal_column("'Asia/Shanghai'"), column), literal_column("'YYYY-MM-DD'"))
    return func.date(column, literal_column("'+8 hours'"))


@dataclass
class Mean:
    """A mean with its base; `missing` lie in a year without a calendar and are told, not guessed."""

    days: int = 0
    base: int = 0
    missing: int = 0

    @property
    def value(self) -> float | None:
        return round(self.days / self.base, 1) if self.base else None


def working_days(session: Session, spans: Iterable[tuple[str | None, str | None, int]]) -> Mean:
    """The mean of working days from the first to the second day, over groups of equal spans."""
    shown, mean = calendar(session), Mean()
    for first, last, count in spans:
        if not first or not last:
            continue
        try:
            days = shown.working_days_between(date.fromisoformat(first), date.fromisoformat(last))
        except CalendarMissing:
            mean.missing += count
            continue
        mean.days, mean.base = mean.days + max(days, 0) * count, mean.base + count
    return mean


def today() -> date:
    return local_day(now())
