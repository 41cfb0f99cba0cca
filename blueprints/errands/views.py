"""How somebody looks at the board: on the hall's wall, in lanes by community or courier, narrowed to a kind, a place, the late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask import request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from models.agency import Agency
from models.errand import Errand
from process.access import Actor
from services import couriers, errand_posting
from services.errand_board import SOON

LANES = ("community", "courier")
ONLY = ("late", "mine", "two")


@dataclass(frozen=True)
class View:
    """What is asked for in the address of the board; everything unknown counts as not asked."""

    hall: bool = False
    by: str = ""
    kind: str = ""
    place: str = ""
    only: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """As it stands in an address."""
        found = {"screen": "hall" if self.hall else "", "by": self.by, "kind": self.kind, "place": self.place}
        return {name: value for name, value in {**found, "only": self.only}.items() if value}

    @property
    def narrowed(self) -> bool:
        return bool(self.kind or self.place or self.only)


def read() -> View:
    """The view that this request asks for."""
    asked = request.args
    by, kind, only = asked.get("by", ""), asked.get("kind", ""), asked.get("only", "")
    return View(
        asked.get("screen") == "hall",
        by if by in LANES else "",
        kind if kind in errand_posting.purposes() else "",
        asked.get("place", "")[:40],
        only if only in ONLY else "",
    )


def chosen(errands: Iterable[Errand], view: View, actor: Actor, at: datetime) -> list[Errand]:
    """The cards of this view."""
    return [one for one in errands if _matches(one, view, actor, at)]


def _matches(errand: Errand, view: View, actor: Actor, at: datetime) -> bool:
    if view.kind and errand.purpose != view.kind:
        return False
    if view.place and not any(
        agency is not None and f"/{view.place}/" in agency.path
        for agency in (errand.from_agency, errand.to_agency, errand.place)
    ):
        return False
    match view.only:
        case "late":
            return errand.closed_at is None and errand.deadline is not None and errand.deadline < at + SOON
        case "mine":
            return actor.person_id in (errand.assignee_id, errand.companion_id, errand.owner_id)
        case "two":
            return "two_people" in (errand.needs or ())
    return True


def tools(session: Session, scope: Agency | None, view: View) -> Any:
    """The choices above the board."""
    purposes = errand_posting.purposes(str(get_locale()))
    return SimpleNamespace(
        view=view,
        lanes=[("", _("不分")), ("community", _("按社区")), ("courier", _("按跑腿工"))],
        kinds=[("", _("全部类别")), *purposes.items()],
        places=[("", _("全部社区")), *((one.id, one.name) for one in couriers.communities(session, scope))],
        only=[("", _("全部")), ("late", _("快到时间和超时")), ("mine", _("与我有关")), ("two", _("两人同去"))],
        clear_url=url_for("errands.board", by=view.by or None) if view.narrowed else None,
    )
