"""代办站点交接清单: the list for closing time as a paper; numbers, ways and counts, nothing about the people they concern."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from process.access import Actor
from process.numbers import CHINA
from services import papers_out, point_stock

PAPER = "point_list"


def fields(session: Session, actor: Actor, point: Agency) -> dict[str, Any]:
    """What should lie at the point now and what its couriers still have, for whoever looks after it."""
    found, details = point_stock.stock(session, actor, point), point.details or {}
    return {
        "point": point.name,
        "hours": details.get("hours") or None,
        "phone": details.get("phone") or None,
        "made_at": now().astimezone(CHINA).strftime("%Y-%m-%d %H:%M"),
        "made_by": actor.name,
        "lying": [
            {
                "number": one.number,
                "to_label": one.to,
                "envelopes": one.envelopes,
                "remark": "送回，还没点" if one.uncounted else "",
            }
            for one in found.lying
        ],
        "total": found.envelopes,
        "carried": [
            {
                "number": one.number,
                "courier": one.courier,
                "envelopes": one.envelopes,
                "remark": "已超时" if one.late else "",
            }
            for one in found.out
        ],
    }


def draw(values: dict[str, Any]) -> bytes:
    """Lays the list out; needs no database."""
    # Loading WeasyPrint takes longer than starting the page; only who asks for the paper waits for it.
    from services.papers import renderer
    from services.papers.definition import load

    return renderer.render(load(PAPER), values, draft=False, verify_url=None, demo=papers_out.is_demo())
