"""Sheets about one item for everybody: board sheet, leaflet, QR poster. No personal data, so they are drawn when asked for."""

from __future__ import annotations

import json
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from models.base import now
from models.case import ServiceItem
from process.clock import local_day
from process.refusals import NotFound
from services import item_facts, office, papers_out

BOARD, BOARD_A3, LEAFLET, POSTER = "board_sheet", "board_sheet_a3", "item_leaflet", "item_poster"
SHEETS = (BOARD, BOARD_A3, LEAFLET, POSTER)


def board_data(item: ServiceItem, facts: dict[str, Any], day: date) -> dict[str, Any]:
    """The fields that board sheet, leaflet and poster share."""
    place = item.place
    return {
        "agency": office.government(place),
        "street": place.name,
        "issued_on": day.isoformat(),
        "demo": papers_out.is_demo(),
        "complaints_phone": office.complaints_phone(place),
        "phone": office.phone(place),
        "where": "就近的社区公共服务站，或" + (f"{place.name}行政服务中心" if place.kind == "street" else place.name),
        "visit_conditions": "\n".join(item_facts.visit_conditions()) if facts["visits"] else "",
        **{name: facts[name] for name in item_facts.PRINTED},
        "materials": facts["materials"],
        "steps": facts["steps"],
    }


def made(session: Session, item: ServiceItem, sheet: str) -> bytes:
    """One of the sheets as it is today; the same facts give the same bytes."""
    if sheet not in SHEETS:
        raise NotFound("没有这种宣传页。")
    if item.state != "published":
        raise NotFound("这个事项没有发布，没有宣传页。")
    fields = board_data(item, item_facts.of(session, item), local_day(now()))
    return _drawn(sheet, json.dumps(fields, ensure_ascii=False, sort_keys=True))


@lru_cache(maxsize=64)
def _drawn(sheet: str, fields: str) -> bytes:
    return draw(sheet, json.loads(fields))


def draw(sheet: str, fields: dict[str, Any]) -> bytes:
    """Lays a sheet out; needs no database."""
    # Loading WeasyPrint takes longer than starting the page; only who asks for a sheet waits for it.
    from services.papers import renderer
    from services.papers.definition import load

    pictured = {**fields, "code": item_facts.qr_png(fields["url"])}
    return renderer.render(load(sheet), pictured, draft=False, verify_url=None, demo=fields["demo"])
