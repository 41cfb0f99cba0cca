"""The one warning that a year has no calendar, on every page that shows or promises a date in working days."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for

from blueprints.context import current_actor, db_session
from process import clock

# Pages that list, show or promise dates. Their templates ask for nothing: the frame of the page draws the warning.
DEPENDS = frozenset(
    {
        "calendar.index",
        "cases.index",
        "cases.look",
        "cases.materials",
        "cases.new",
        "content.do",
        "content.history",
        "content.show",
        "delegations.index",
        "delegations.new",
        "desk.index",
        "errands.board",
        "errands.mine",
        "errands.new",
        "errands.task",
        "generic.index",
        "generic.listed",
        "generic.new",
        "places.my_inbox",
        "places.inbox",
        "public.apply",
        "public.apply_step",
        "visits.index",
        "visits.new",
    }
)

# A usual legal limit: when a date so far ahead cannot be told, the year is needed now and not only soon.
USUAL = 20


@dataclass(frozen=True)
class GapView:
    """Which years, whether dates already need them, and where the administrator enters them."""

    years: str
    now: bool
    url: str | None


def calendar_gap() -> GapView | None:
    """What the frame of this page has to say about missing years."""
    if request.endpoint not in DEPENDS:
        return None
    found = clock.gap(db_session(), days=USUAL)
    if found is None:
        return None
    administrator = "system_admin" in current_actor().roles
    if not found.now and not administrator:
        # No date of today needs that year yet; whoever can enter it is reminded, nobody else is held up.
        return None
    url = url_for("calendar.fill", year=found.years[0]) if administrator else None
    return GapView("、".join(str(year) for year in found.years), found.now, url)
