"""What the page of a place offers of the hall."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext as _

from models.agency import Agency
from services import point_items
from services.hall import tables


def links(agency: Agency, found: list[tuple[str, str]]) -> None:
    """Opening hours, counters and the list of items, for whoever keeps the place."""
    if agency.kind in tables.KINDS:
        found.append((_("开放时间"), url_for("hall.hours", place_id=agency.id)))
        found.append((_("窗口和规则"), url_for("hall.layout", place_id=agency.id)))
    if agency.kind in point_items.LISTED:
        found.append((_("网点的事项清单"), url_for("hall.takes", place_id=agency.id)))
    if agency.kind in ("community", "village"):
        found.append((_("到各点的分钟数"), url_for("hall.reach_minutes", place_id=agency.id)))
