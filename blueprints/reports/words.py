"""Figures as pages show them: a share with its numerator and base, a period in words, a figure of a source marked as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from blueprints.context import current_actor, db_session
from services.reports import scope as scopes
from services.reports.scope import Period, Scope


@dataclass(frozen=True)
class Figure:
    """One tile: what, how much, over what, and what the source printed."""

    name: str
    value: str
    base: str = ""
    source: str = ""
    url: str | None = None


def share(part: int, base: int) -> str:
    """33/40（82.5%）; without a base there is no share."""
    return f"{part}/{base}（{part / base * 100:.1f}%）" if base else f"{part}/{base}"


def percent(part: int, base: int) -> str:
    return f"{part / base * 100:.1f}%" if base else "—"


def over(part: int, base: int) -> str:
    """The base line under a percentage."""
    return f"{part}/{base}" if base else _("还没有可算的件")


def mean_text(mean: scopes.Mean) -> str:
    return _("%(n)s 个工作日", n=mean.value) if mean.value is not None else "—"


def mean_base(mean: scopes.Mean) -> str:
    text = _("按 %(n)s 件算", n=mean.base) if mean.base else _("还没有可算的件")
    return text + (_("，另有 %(n)s 件所在年份没有工作日历", n=mean.missing) if mean.missing else "")


def period_name(period: Period) -> str:
    if period.month:
        return _("%(y)s年%(m)s月", y=period.year, m=period.month)
    if period.half == 1:
        return _("%(y)s年上半年", y=period.year)
    if period.half == 2:
        return _("%(y)s年下半年", y=period.year)
    return _("%(y)s年", y=period.year)


@dataclass(frozen=True)
class Picked:
    """What the head of every report offers and has chosen."""

    scope: Scope
    period: Period
    periods: list[tuple[str, str]]
    places: list[tuple[str, str]]
    place: str

    @property
    def title(self) -> str:
        return period_name(self.period)

    def link(self, endpoint: str, **more: Any) -> str:
        values = {"place": self.place or None, "period": self.period.key, **more}
        return url_for(endpoint, **values)


def picked(period: str, place: str) -> Picked:
    """Reads the choice; a place that is not the reader's is refused."""
    session, actor, today = db_session(), current_actor(), scopes.today()
    scope = scopes.scope_of(session, actor, place)
    found = scopes.period_of(period, today)
    offered = [scopes.period_of(key, today) for key in scopes.periods(today)]
    if found not in offered:
        offered.insert(0, found)
    return Picked(
        scope,
        found,
        [(one.key, period_name(one)) for one in offered],
        [(agency.id, agency.name) for agency in scopes.places(session, actor)],
        scope.place.id if scope.place else "",
    )
